"""Off-policy learning over afterstates: legal actions, compact replay, row batches, gradient steps, averaged weights.

``AfterstateOffPolicy`` is a mixin, placed before Stable-Baselines3's class. Its networks are afterstate networks, whose
``score`` gives the value of each row.
"""

import copy
import ctypes
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import nn

from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.training.algorithms.learner import checked_observation, divergence_error
from tetrarium.training.algorithms.networks import RowNetwork, legal_values, update_average
from tetrarium.training.algorithms.replay_buffer import CompactReplayBuffer, RowSamples


class AfterstateOffPolicy(OffPolicyAlgorithm):
    """Learning from a replay buffer over afterstates.

    Args:
        *args: Arguments of Stable-Baselines3's algorithm.
        double_q: The online network selects the next action, the target network evaluates it (van Hasselt et al. 2016).
        averaging: Decay of the exponential moving average of the weights per gradient step; 0 for none.
        n_steps: Length of the n-step returns, with either kind of replay buffer.
        mirroring: Mirror half of the sampled transitions, at random; with compact replay only.
        **kwargs: Keyword arguments of Stable-Baselines3's algorithm.
    """

    network: ClassVar[str]  # attribute of the network being trained
    exploration_rate: float
    max_grad_norm: Any

    def __init__(
        self,
        *args: Any,
        double_q: bool = True,
        averaging: float = 0.0,
        n_steps: int = 1,
        mirroring: bool = False,
        **kwargs: Any,
    ) -> None:
        self.double_q = double_q
        self.averaging = averaging
        self.mirroring = mirroring
        self.n_steps_return = n_steps  # Stable-Baselines3 supports n_steps with its own replay buffers only
        self.n_averaged = 0  # gradient steps in the averaged weights
        self.latest_loss: float | None = None  # mean over the latest update
        self.latest_value: float | None = None  # mean predicted value over the latest update
        self.q_net_averaged: Any = None
        kwargs["n_steps"] = 1 if "replay_buffer_class" in kwargs else n_steps
        super().__init__(*args, **kwargs)

    @property
    def online_net(self) -> Any:
        """The network being trained."""
        return getattr(self, self.network)

    @property
    def target_net(self) -> Any:
        return getattr(self, f"{self.network}_target")

    @abstractmethod
    def _outputs(self, network: Any, rows: torch.Tensor) -> torch.Tensor:
        """Returns the outputs of a network for rows, ``(batch, …)``."""

    @abstractmethod
    def _loss(self, predicted: torch.Tensor, targets: torch.Tensor) -> torch.Tensor: ...

    def _setup_model(self) -> None:
        keep_freed_memory()
        super()._setup_model()
        if self.averaging:
            self.q_net_averaged = copy.deepcopy(self.online_net).requires_grad_(False)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "q_net_averaged"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        modules, tensors = super()._get_torch_save_params()
        return ([*modules, "q_net_averaged"] if self.averaging else modules), tensors

    @property
    def policy_net(self) -> Any:
        """The network that plays: the averaged one if weights are averaged, else the online network."""
        return self.online_net if self.q_net_averaged is None else self.q_net_averaged

    @property
    def networks(self) -> list[nn.Module]:
        """The online and the target network, and the averaged one if weights are averaged."""
        averaged = [] if self.q_net_averaged is None else [self.q_net_averaged]
        return [self.online_net, self.target_net, *averaged]

    def predict(
        self,
        observation: npt.NDArray[Any] | dict[str, npt.NDArray[Any]],
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses the legal action of the highest value, or a random one, independently for each game."""
        observation = checked_observation(observation, self.observation_space.shape)
        single = observation.ndim == 2
        epsilon = 0.0 if deterministic else self.exploration_rate
        actions = self._choose(observation[None] if single else observation, epsilon, self.policy_net)
        return (actions[0] if single else actions), state

    def _choose(self, observations: npt.NDArray[Any], epsilon: float, network: RowNetwork) -> npt.NDArray[np.int64]:
        random = self.action_space.np_random
        explore = random.random(len(observations)) < epsilon if epsilon > 0 else np.zeros(len(observations), dtype=bool)
        actions = np.zeros(len(observations), dtype=np.int64)
        if not explore.all():
            with torch.no_grad():
                values = legal_values(network, torch.as_tensor(observations[~explore], device=self.device))
            actions[~explore] = values.argmax(dim=1).cpu().numpy()
        if explore.any():
            legal = observations[explore, :, 0] >= 0
            actions[explore] = np.argmax(random.random(legal.shape) * legal, axis=1)
        return actions

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        assert isinstance(self._last_obs, np.ndarray)
        epsilon = 1.0 if self.num_timesteps < learning_starts else self.exploration_rate
        actions = self._choose(self._last_obs, epsilon, self.online_net)
        return actions, actions

    def _store_transition(
        self,
        replay_buffer: ReplayBuffer,
        buffer_action: npt.NDArray[Any],
        new_obs: npt.NDArray[Any] | dict[str, npt.NDArray[Any]],
        reward: npt.NDArray[Any],
        dones: npt.NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        if isinstance(replay_buffer, CompactReplayBuffer):
            assert isinstance(self.env, TetrisVecEnv)
            replay_buffer.add_step(self.env.core, reward)
            self._last_obs = new_obs
        else:
            super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)

    def _sample_rows(self, batch_size: int) -> RowSamples:
        assert self.replay_buffer is not None
        if isinstance(self.replay_buffer, CompactReplayBuffer):
            return self.replay_buffer.sample_rows(batch_size, self.n_steps_return, self.gamma, mirroring=self.mirroring)
        data = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
        every = torch.arange(batch_size, device=self.device)
        return RowSamples(
            rows_t=data.observations[every, data.actions[:, 0].long()],
            rows_tp1=data.next_observations,
            rewards=data.rewards[:, 0],
            terminal=data.dones[:, 0] > 0,
            discounts=torch.full_like(data.rewards[:, 0], self.gamma)
            if data.discounts is None
            else data.discounts[:, 0],
        )

    @torch.no_grad()
    def _best_rows(self, rows_tp1: torch.Tensor) -> torch.Tensor:
        """Returns the row of the best next action, ``(batch, row_length)``; -1 throughout after the end of a game."""
        values = legal_values(self.online_net if self.double_q else self.target_net, rows_tp1)
        return rows_tp1[torch.arange(len(rows_tp1), device=self.device), values.argmax(dim=1)]

    @torch.no_grad()
    def _targets(self, batch: RowSamples) -> torch.Tensor:
        """Returns the n-step returns, bootstrapped unless the game ended: ``(batch, …)`` like the outputs."""
        outputs_tp1 = self._outputs(self.target_net, self._best_rows(batch.rows_tp1))
        shape = (-1, *(1,) * (outputs_tp1.ndim - 1))
        bootstrapped = torch.where(batch.terminal.view(shape), torch.zeros((), device=self.device), outputs_tp1)
        return batch.rewards.view(shape) + batch.discounts.view(shape) * bootstrapped

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Takes gradient steps on batches from the replay buffer.

        Raises:
            TetrariumError: if a loss is not finite.
        """
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        parameters = list(self.online_net.parameters())
        losses = []
        values = []
        for _ in range(gradient_steps):
            batch = self._sample_rows(batch_size)
            targets = self._targets(batch)
            predicted = self._outputs(self.online_net, batch.rows_t)
            loss = self._loss(predicted, targets)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.item())
            values.append(predicted.detach().mean().item())
            self._update_average()
        self._record_steps(losses, values)

    def _update_average(self) -> None:
        """Updates the averaged weights, if there are any."""
        if self.q_net_averaged is not None:
            self.n_averaged += 1
            update_average(self.q_net_averaged, self.online_net, self.n_averaged, self.averaging)

    def _record_steps(self, losses: Sequence[float], values: Sequence[float]) -> None:
        """Counts and logs gradient steps.

        Raises:
            TetrariumError: if a loss is not finite.
        """
        if not np.isfinite(losses).all():
            raise divergence_error("loss was", self.num_timesteps)
        self._n_updates += len(losses)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.latest_loss = float(np.mean(losses))
        self.logger.record("train/loss", self.latest_loss)
        self.latest_value = float(np.mean(values))
        self.logger.record("train/q_mean", self.latest_value)


# from glibc's malloc.h; the mmap threshold is the largest that it accepts
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_TRIM_BYTES: Final = 256 << 20
_MMAP_BYTES: Final = 32 << 20


def keep_freed_memory() -> bool:
    """Makes the C library keep up to 256 MiB of freed memory; returns whether it supports that.

    A gradient step allocates a few megabytes in blocks of up to one, and frees them all. The C library returns such
    blocks to the system, which clears each page when it is touched again: some 800 pages a step, a quarter of the
    training time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _TRIM_BYTES) and mallopt(_MMAP_THRESHOLD, _MMAP_BYTES))
