"""What every algorithm offers to an agent: ``Learner``, and where to find one by name.

A *round* is the shortest piece of training after which nothing is under way: a rollout and the learning from it, or a
generation. Checkpoints, goals and stops fall between rounds, and a learner that is read back there goes on exactly.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.errors import TetrariumError
from tetrarium.evaluation import LinearPolicy, NetworkPolicy
from tetrarium.training.config import ALGORITHMS, TrainingConfig

__all__ = [
    "Learner",
    "PlayingPolicy",
    "ReadFile",
    "WeightKinds",
    "Weights",
    "WholeGame",
    "diverged",
    "find_learner",
    "float_copies",
]

Weights = Mapping[str, npt.NDArray[Any]]
WeightKinds = Mapping[str, tuple[tuple[int, ...], str]]  # shape and dtype by name
PlayingPolicy = NetworkPolicy | LinearPolicy
ReadFile = Callable[[str], bytes]  # the checked content of one file of a checkpoint

_MODULES: Final = {"dqn": "dqn_learner", "qr-dqn": "quantile", "maskable-ppo": "ppo", "cma-es": "evolution"}


class WholeGame(NamedTuple):
    """A game that was played from start to end in one piece, and what plays it again."""

    lines: int
    record: Callable[[], Replay]


class Learner(ABC):
    """One algorithm, with everything that it has learnt and will need.

    Args:
        env: As for ``TetrisAgent``.
        config: How to learn.
    """

    algorithm: ClassVar[str]
    shaped_by: ClassVar[tuple[str, ...]]  # settings of training that decide the shapes of the weights

    plays_whole_games: ClassVar[bool] = False  # whether no game is under way between rounds

    config: TrainingConfig  # ``n_envs`` is the number of games there are
    env_config: EnvConfig | None  # None where the games are not ours
    games: VecEnv
    model: Any  # what Stable-Baselines3's callbacks are given

    @abstractmethod
    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None: ...

    @property
    def timesteps_trained(self) -> int:
        """Placements learnt from, of all games together."""
        return int(self.model.num_timesteps)

    @property
    @abstractmethod
    def exploration_rate(self) -> float | None:
        """Share of random placements, or None where there are none on purpose."""

    @property
    @abstractmethod
    def loss(self) -> float | None:
        """Of the latest gradient steps, or None where there are none."""

    @property
    @abstractmethod
    def mean_q(self) -> float | None:
        """Mean value of what the latest gradient step learnt from, or None where there is no such step or value."""

    @property
    @abstractmethod
    def latest_observations(self) -> Any:
        """What the games look like before the placement to come, ``(n_envs, …)``; None before training begins."""

    @abstractmethod
    def values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Values what plays sees in each action of one observation: ``(n_actions,)``, -inf where it is not legal."""

    @abstractmethod
    def start(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for so many further placements; returns the callbacks as one."""

    @abstractmethod
    def play_and_learn(self, callback: BaseCallback) -> bool:
        """Goes through one round; returns False if a callback wants to stop at once."""

    @abstractmethod
    def predict(
        self,
        observation: npt.NDArray[Any],
        state: tuple[npt.NDArray[Any], ...] | None,
        episode_start: npt.NDArray[Any] | None,
        deterministic: bool,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses actions for ``(n_actions, n_features)`` or a batch of such."""

    @abstractmethod
    def weights(self) -> Weights:
        """Returns copies of the weights that play."""

    @abstractmethod
    def take_weights(self, weights: Weights) -> None:
        """Begins from the weights that play elsewhere.

        Raises:
            ValueError, KeyError, RuntimeError: if they are of other shapes.
        """

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Writes everything that the future depends on, but for ``counters``, as files into an empty folder."""

    @abstractmethod
    def read(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
        """Takes over what ``write`` wrote and ``counters`` gave."""

    @abstractmethod
    def counters(self) -> dict[str, Any]:
        """Returns what ``read`` needs beside the files, as JSON can hold it."""

    @classmethod
    @abstractmethod
    def read_weights(cls, files: Sequence[str], read_file: ReadFile) -> Weights:
        """Reads the weights that play from a checkpoint's files, and nothing that could run."""

    @classmethod
    @abstractmethod
    def weight_kinds(cls, config: TrainingConfig, env_config: EnvConfig) -> WeightKinds:
        """What weights of such a config are called, and their shapes; known before there are any."""

    @classmethod
    @abstractmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> PlayingPolicy:
        """Makes what evaluation plays of weights."""


def find_learner(algorithm: str) -> type[Learner]:
    """Returns the class that learns by an algorithm; only then is the library imported that it stands on."""
    assert algorithm in ALGORITHMS
    module = import_module(f"tetrarium.training.algorithms.{_MODULES[algorithm]}")
    found: type[Learner] = module.LEARNER
    return found


def diverged(what: str, step: int) -> TetrariumError:
    """Returns the error that ends a training whose numbers are no longer numbers."""
    return TetrariumError(
        f"The {what} not finite at step {step:,}; checkpoints from before it are kept. Begin a new run from one of "
        "them with a smaller learning_rate or max_grad_norm: `tetrarium train --from RUN --set learning_rate=3e-4`."
    )


def float_copies(weights: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Copies tensors into arrays that nothing changes any more."""
    return {name: value.detach().cpu().numpy().copy() for name, value in weights.items()}
