"""DQN over afterstates: Stable-Baselines3's algorithm with another gradient step, and its learner.

``save``, ``load``, callbacks and the logger are Stable-Baselines3's own. Overridden are the choice of actions (legal
ones only, with independent exploration per game), the stored transitions (games, not observations) and the gradient
step.

Files in a checkpoint, besides those of ``Sb3Learner``:

=====================  ==============================================================================================
replay_buffer.pkl      the filled part of the replay buffer, with its generator
averaged.safetensors   the averaged weights, if weights are averaged
=====================  ==============================================================================================
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import safetensors.torch
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn
from torch.nn import functional

from tetrarium.training.algorithms.learner import ReadFile, Weights
from tetrarium.training.algorithms.networks import AfterstatePolicy, RowNetwork, legal_values
from tetrarium.training.algorithms.off_policy import AfterstateOffPolicy
from tetrarium.training.algorithms.replay_buffer import CompactReplayBuffer
from tetrarium.training.algorithms.sb3_learner import Sb3Learner
from tetrarium.training.algorithms.training_env import is_plain
from tetrarium.training.requirements import require_symmetric


class TetrisDQN(AfterstateOffPolicy, DQN):
    """DQN over afterstates; its arguments are those of ``AfterstateOffPolicy``."""

    network: ClassVar[str] = "q_net"

    def _outputs(self, network: RowNetwork, rows: torch.Tensor) -> torch.Tensor:
        return network.score(rows)

    def _loss(self, predicted: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.smooth_l1_loss(predicted, targets)


_OFF_POLICY_SETTINGS: Final = (
    "buffer_size", "learning_starts", "batch_size", "tau", "gamma", "n_steps", "double_q", "averaging", "mirroring",
    "train_freq", "gradient_steps", "exploration_fraction", "exploration_initial_eps", "exploration_final_eps",
    "max_grad_norm",
)  # fmt: skip
_REPLAY: Final = "replay_buffer.pkl"
_AVERAGED: Final = "averaged.safetensors"


class DqnLearner(Sb3Learner):
    """Deep Q-learning over afterstates."""

    algorithm: ClassVar[str] = "dqn"
    shape_settings: ClassVar[tuple[str, ...]] = ("net_arch", "activation")
    model_class: ClassVar[type[BaseAlgorithm]] = TetrisDQN
    custom_objects: ClassVar[dict[str, Any]] = {
        "policy_class": AfterstatePolicy,
        "replay_buffer_class": CompactReplayBuffer,
    }
    network: ClassVar[str] = "q_net"
    model: TetrisDQN

    def _make_model(self) -> BaseAlgorithm:
        return TetrisDQN(
            AfterstatePolicy,
            self.vec_env,
            policy_kwargs={**self._network_arguments(), "optimizer_kwargs": {"fused": True}},  # a third of the time
            **self._off_policy_arguments(),
        )

    def _off_policy_arguments(self) -> dict[str, Any]:
        """Returns the arguments that Stable-Baselines3's DQN and QR-DQN share."""
        config = self.config
        if config.mirroring and not is_plain(self.vec_env):
            require_symmetric(type(self.vec_env).__name__)
        replay: dict[str, Any] = {}
        if is_plain(self.vec_env):
            assert self.env_config is not None
            replay["replay_buffer_class"] = CompactReplayBuffer
            replay["replay_buffer_kwargs"] = {"env_config": self.env_config.to_dict(), "seed": config.seed}
        return {
            **self._settings(*_OFF_POLICY_SETTINGS),
            "target_update_interval": max(config.target_update_interval, self.vec_env.num_envs),
            **replay,
        }

    @property
    def exploration_rate(self) -> float:
        """Probability of a random placement."""
        return float(self.model.exploration_rate)

    def action_values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Returns the Q-values of the playing network."""
        with torch.no_grad():
            rows = torch.as_tensor(observation, dtype=torch.float32, device=self.model.device)
            values: npt.NDArray[np.float32] = legal_values(self.model.policy_net, rows[None])[0].cpu().numpy()
        return values

    def run_round(self, callback: BaseCallback) -> bool:
        """Collects ``train_freq`` placements of every game, and takes gradient steps."""
        model = self.model
        assert model.env is not None
        assert model.replay_buffer is not None
        rollout = model.collect_rollouts(
            model.env,
            callback=callback,
            train_freq=model.train_freq,  # type: ignore[arg-type]  # converted by Stable-Baselines3
            replay_buffer=model.replay_buffer,
            learning_starts=model.learning_starts,
        )
        if not rollout.continue_training:
            return False
        if model.num_timesteps > model.learning_starts:
            steps = model.gradient_steps if model.gradient_steps > 0 else rollout.episode_timesteps // model.n_envs
            model.train(gradient_steps=steps, batch_size=model.batch_size)
        return True

    def _policy_network(self) -> nn.Module:
        network: nn.Module = self.model.policy_net
        return network

    def abandon_round(self, latest: Mapping[str, Any]) -> None:
        """Also ends the n-step returns at the latest stored transition, which a lost one follows."""
        super().abandon_round(latest)
        buffer = self.model.replay_buffer
        if isinstance(buffer, CompactReplayBuffer):
            buffer.end_returns()
        elif buffer is not None:
            buffer.timeouts[buffer.pos - 1] = 1.0

    def load_weights(self, weights: Weights) -> None:
        """Initializes every network with the weights of another policy."""
        tensors = {name: torch.tensor(value) for name, value in weights.items()}
        for network in self.model.networks:
            network.load_state_dict(tensors)

    def write(self, folder: Path) -> None:
        """Also writes the replay buffer and the averaged weights."""
        super().write(folder)
        with (folder / _REPLAY).open("wb") as file:
            pickle.dump(self._replay_buffer().state(), file, protocol=pickle.HIGHEST_PROTOCOL)
        if self.model.q_net_averaged is not None:
            averaged = self.model.q_net_averaged.state_dict()
            (folder / _AVERAGED).write_bytes(safetensors.torch.save(averaged))

    def _read_extras(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
        model = self.model
        self._replay_buffer().set_state(pickle.loads(read_file(_REPLAY)))  # noqa: S301 signed, or trusted
        if model.q_net_averaged is not None:
            model.q_net_averaged.load_state_dict(safetensors.torch.load(read_file(_AVERAGED)))
        model.n_averaged = counters["n_averaged"]

    def _replay_buffer(self) -> CompactReplayBuffer:
        buffer = self.model.replay_buffer
        assert isinstance(buffer, CompactReplayBuffer)
        return buffer

    def counters(self) -> dict[str, Any]:
        """Returns the number of gradient steps in the averaged weights."""
        return {"n_averaged": self.model.n_averaged}

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: ReadFile) -> Weights:
        """Reads the averaged weights, or the online network's if weights are not averaged."""
        if _AVERAGED in files:
            return dict(safetensors.numpy.load(read_file(_AVERAGED)))
        return super().read_weights(files, read_file)
