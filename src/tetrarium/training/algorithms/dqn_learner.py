"""DQN as a learner: ``TetrisDQN``, its replay buffer and its averaged weights.

=====================  ==============================================================================================
replay_buffer.pkl      the filled part of the replay buffer, with its generator
averaged.safetensors   the averaged weights, where they are used
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
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError
from tetrarium.evaluation import NetworkPolicy
from tetrarium.training.algorithms.dqn import TetrisDQN
from tetrarium.training.algorithms.learner import ReadFile, Weights
from tetrarium.training.algorithms.networks import AfterstatePolicy, layers_of, legal_values
from tetrarium.training.algorithms.replay import CompactReplayBuffer
from tetrarium.training.algorithms.sb3_learner import Sb3Learner
from tetrarium.training.algorithms.scales import input_scale
from tetrarium.training.config import TrainingConfig

__all__ = ["LEARNER", "DqnLearner"]

_REPLAY: Final = "replay_buffer.pkl"
_AVERAGED: Final = "averaged.safetensors"
_SYMMETRIC: Final = ("7-bag", "uniform")  # randomizers that deal a piece as often as its mirror image


class DqnLearner(Sb3Learner):
    """Deep Q-learning over afterstates."""

    algorithm: ClassVar[str] = "dqn"
    shaped_by: ClassVar[tuple[str, ...]] = ("net_arch", "activation")
    model_class: ClassVar[type[BaseAlgorithm]] = TetrisDQN
    our_classes: ClassVar[dict[str, Any]] = {
        "policy_class": AfterstatePolicy,
        "replay_buffer_class": CompactReplayBuffer,
    }
    network: ClassVar[str] = "q_net"
    model: TetrisDQN

    def _make_model(self) -> BaseAlgorithm:
        config = self.config
        return TetrisDQN(
            AfterstatePolicy,
            self.games,
            learning_rate=self._learning_rate(),
            double_q=config.double_q,
            averaging=config.averaging,
            policy_kwargs={**self._network_arguments(), "optimizer_kwargs": {"fused": True}},  # a third of the time
            **self._off_policy_arguments(),
        )

    def _off_policy_arguments(self) -> dict[str, Any]:
        """What Stable-Baselines3's DQN and QR-DQN both take."""
        config = self.config
        if config.mirroring:
            self._require_symmetric_games()
        replay: dict[str, Any] = {}
        if isinstance(self.games, TetrisVecEnv):
            assert self.env_config is not None
            replay["replay_buffer_class"] = CompactReplayBuffer
            replay["replay_buffer_kwargs"] = {"env_config": self.env_config.to_dict(), "seed": config.seed}
        return {
            "buffer_size": config.buffer_size,
            "learning_starts": config.learning_starts,
            "batch_size": config.batch_size,
            "tau": config.tau,
            "gamma": config.gamma,
            "n_steps": config.n_steps,
            "mirroring": config.mirroring,
            "train_freq": config.train_freq,
            "gradient_steps": config.gradient_steps,
            "target_update_interval": max(config.target_update_interval, self.games.num_envs),
            "exploration_fraction": config.exploration_fraction,
            "exploration_initial_eps": config.exploration_initial_eps,
            "exploration_final_eps": config.exploration_final_eps,
            "max_grad_norm": config.max_grad_norm,
            "stats_window_size": config.stats_window_size,
            "seed": config.seed,
            "device": config.device,
            "verbose": 0,
            **replay,
        }

    def _require_symmetric_games(self) -> None:
        found = None if isinstance(self.games, TetrisVecEnv) else type(self.games).__name__
        if found is None and self.env_config is not None and self.env_config.randomizer not in _SYMMETRIC:
            found = f"the pieces {self.env_config.randomizer!r}"
        if found is None and self.env_config is not None:
            found = self._lopsided(self.env_config)
        if found is not None:
            raise ConfigError(
                f"mirroring learns from games of tetrarium in which left and right are alike; got {found}. "
                "Set mirroring=False."
            )

    @staticmethod
    def _lopsided(config: EnvConfig) -> str | None:
        """What tells left from right: pieces spawn half a column to the left, and not all kicks mirror."""
        settings = (("game_over", "overflow"), ("actions", "drop"))
        return next(
            (f"{name}={getattr(config, name)!r}" for name, even in settings if getattr(config, name) != even), None
        )

    @property
    def exploration_rate(self) -> float:
        """Share of random placements."""
        return float(self.model.exploration_rate)

    @property
    def loss(self) -> float | None:
        """Mean of the latest gradient steps."""
        return self.model.latest_loss

    @property
    def mean_q(self) -> float | None:
        """Of the latest gradient steps."""
        return self.model.latest_value

    def values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Of the playing network."""
        with torch.no_grad():
            rows = torch.as_tensor(observation, dtype=torch.float32, device=self.model.device)
            found: npt.NDArray[np.float32] = legal_values(self.model.playing_net, rows[None])[0].cpu().numpy()
        return found

    def play_and_learn(self, callback: BaseCallback) -> bool:
        """Plays ``train_freq`` placements of every game, and learns from replay."""
        model = self.model
        assert model.env is not None
        assert model.replay_buffer is not None
        rollout = model.collect_rollouts(
            model.env,
            callback=callback,
            train_freq=model.train_freq,  # type: ignore[arg-type]  # Stable-Baselines3 has converted it by now
            replay_buffer=model.replay_buffer,
            learning_starts=model.learning_starts,
        )
        if not rollout.continue_training:
            return False
        if model.num_timesteps > model.learning_starts:
            steps = model.gradient_steps if model.gradient_steps > 0 else rollout.episode_timesteps // model.n_envs
            model.train(gradient_steps=steps, batch_size=model.batch_size)
        return True

    def _playing_network(self) -> nn.Module:
        playing: nn.Module = self.model.playing_net
        return playing

    def take_weights(self, weights: Weights) -> None:
        """Begins from the weights that play elsewhere, in every network."""
        tensors = {name: torch.tensor(value) for name, value in weights.items()}
        for network in self.model.networks:
            network.load_state_dict(tensors)

    def write(self, folder: Path) -> None:
        """Writes the replay buffer and the averaged weights too."""
        super().write(folder)
        with (folder / _REPLAY).open("wb") as file:
            pickle.dump(self._replay_buffer().state(), file, protocol=pickle.HIGHEST_PROTOCOL)
        if self.model.q_net_averaged is not None:
            safetensors.torch.save_file(self.model.q_net_averaged.state_dict(), folder / _AVERAGED)

    def _read_more(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
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
        """Returns how many gradient steps the averaged weights have seen."""
        return {"n_averaged": self.model.n_averaged}

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: ReadFile) -> Weights:
        """Reads the averaged weights, or else the latest."""
        if _AVERAGED in files:
            return dict(safetensors.numpy.load(read_file(_AVERAGED)))
        return super().read_weights(files, read_file)

    @classmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> NetworkPolicy:
        """Makes what evaluation plays: the same layers."""
        return NetworkPolicy(
            env_config.features,
            layers_of(weights),
            config.activation,
            scale=input_scale(env_config),
            width=env_config.width,
            preview=env_config.preview,
            name=name,
        )


LEARNER: Final = DqnLearner
