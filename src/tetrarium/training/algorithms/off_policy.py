"""What the algorithms that learn from replay share: legal choices, compact storage, sampled rows, averaged weights.

A mixin to stand before Stable-Baselines3's class. The networks are afterstate networks: ``score`` gives the value of
each row, whatever else they know of it.
"""

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import nn

from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError
from tetrarium.training.algorithms.learner import diverged
from tetrarium.training.algorithms.memory import keep_freed_memory
from tetrarium.training.algorithms.networks import RowNetwork, legal_values
from tetrarium.training.algorithms.replay import CompactReplayBuffer, RowSamples

__all__ = ["AfterstateOffPolicy"]


class AfterstateOffPolicy(OffPolicyAlgorithm):
    """Replay learning over afterstates.

    Args:
        double_q: The online network chooses the next action, the target network values it (van Hasselt et al. 2016).
        averaging: Decay of the exponential moving average of the weights per gradient step; 0 for none.
        n_steps: Placements whose rewards are counted before the value of what follows; with either kind of replay.
        mirroring: Learn from half of the transitions, at random, with left and right swapped; with compact replay.
        arguments: those of Stable-Baselines3's algorithm.
    """

    exploration_rate: float

    def __init__(
        self,
        *arguments: Any,
        double_q: bool = True,
        averaging: float = 0.0,
        n_steps: int = 1,
        mirroring: bool = False,
        **more: Any,
    ) -> None:
        self.double_q = double_q
        self.averaging = averaging
        self.mirroring = mirroring
        self.n_steps_return = n_steps  # Stable-Baselines3 has no n_steps with replay that is not its own
        self.n_averaged = 0  # gradient steps that the averaged weights have seen
        self.latest_loss: float | None = None  # mean of the latest gradient steps
        self.latest_value: float | None = None  # mean value of what they learnt from
        self.q_net_averaged: Any = None
        more["n_steps"] = 1 if "replay_buffer_class" in more else n_steps
        super().__init__(*arguments, **more)

    @property
    @abstractmethod
    def online_net(self) -> Any:
        """The network that learns."""

    @property
    @abstractmethod
    def target_net(self) -> Any:
        """The network that targets come from."""

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
    def playing_net(self) -> Any:
        """The network that plays: the averaged one, where weights are averaged."""
        return self.online_net if self.q_net_averaged is None else self.q_net_averaged

    @property
    def networks(self) -> list[nn.Module]:
        """The online and the target network, and the averaged one, where weights are averaged."""
        averaged = [] if self.q_net_averaged is None else [self.q_net_averaged]
        return [self.online_net, self.target_net, *averaged]

    def predict(
        self,
        observation: npt.NDArray[Any] | dict[str, npt.NDArray[Any]],
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses the legal action that the playing network values most, or, each game by itself, a random one."""
        observation = np.asarray(observation, dtype=np.float32)
        if observation.shape[-2:] != self.observation_space.shape or observation.ndim > 3:
            raise ConfigError(
                f"An observation here has shape {self.observation_space.shape}, alone or in a batch; "
                f"got {observation.shape}. Pass what the environment returned."
            )
        single = observation.ndim == 2
        epsilon = 0.0 if deterministic else self.exploration_rate
        actions = self._choose(observation[None] if single else observation, epsilon, self.playing_net)
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
        """Returns ``(batch, row length)``: the row of the best next action; what follows an end has none, and is -1."""
        values = legal_values(self.online_net if self.double_q else self.target_net, rows_tp1)
        return rows_tp1[torch.arange(len(rows_tp1), device=self.device), values.argmax(dim=1)]

    @torch.no_grad()
    def _average(self) -> None:
        """Moves the averaged weights, over a shorter past early on, so that the first guess is soon forgotten."""
        if self.q_net_averaged is not None:
            self.n_averaged += 1
            decay = min(self.averaging, (1.0 + self.n_averaged) / (10.0 + self.n_averaged))
            averaged: list[torch.Tensor] = list(self.q_net_averaged.parameters())
            latest: list[torch.Tensor] = list(self.online_net.parameters())
            torch._foreach_lerp_(averaged, latest, 1.0 - decay)

    def _record_steps(self, losses: Sequence[float], values: Sequence[float]) -> None:
        """Counts and logs gradient steps.

        Raises:
            TetrariumError: if a loss is not a number.
        """
        if not np.isfinite(losses).all():
            raise diverged("loss was", self.num_timesteps)
        self._n_updates += len(losses)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.latest_loss = float(np.mean(losses))
        self.logger.record("train/loss", self.latest_loss)
        self.latest_value = float(np.mean(values))
        self.logger.record("train/q_mean", self.latest_value)
