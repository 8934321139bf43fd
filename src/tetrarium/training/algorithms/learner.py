"""``Learner``, the interface of every algorithm to an agent, and the lookup of learners by name.

A *round* is the smallest unit of training without pending work: a rollout and its gradient steps, or a generation.
Checkpoints, goals and stops take effect between rounds, and a learner that was saved there resumes exactly.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.evaluation import LinearPolicy, NetworkPolicy
from tetrarium.training.config import ALGORITHMS, TrainingConfig

Weights = Mapping[str, npt.NDArray[Any]]
WeightSpecs = Mapping[str, tuple[tuple[int, ...], str]]  # shape and dtype by name
CompiledPolicy = NetworkPolicy | LinearPolicy
ReadFile = Callable[[str], bytes]  # the checked content of one file of a checkpoint


class WholeGame(NamedTuple):
    """A game that was played from start to end within one round."""

    lines: int
    record: Callable[[], Replay]  # plays the game again and records it


class Learner(ABC):
    """An algorithm with its complete training state.

    ``env``: as for ``TetrisAgent``.
    """

    algorithm: ClassVar[str]
    shape_settings: ClassVar[tuple[str, ...]]  # training settings that determine the shapes of the weights

    plays_whole_games: ClassVar[bool] = False  # no game is in progress between rounds
    uses_blas: ClassVar[bool] = False  # results depend on the linear algebra of NumPy

    config: TrainingConfig  # its ``n_envs`` is that of ``vec_env``
    env_config: EnvConfig | None  # None if the environment is not one of tetrarium's
    vec_env: VecEnv
    model: Any  # passed to Stable-Baselines3's callbacks

    @abstractmethod
    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None: ...

    @property
    def timesteps_trained(self) -> int:
        """Placements trained on, in all games together."""
        return int(self.model.num_timesteps)

    @property
    @abstractmethod
    def exploration_rate(self) -> float | None:
        """Probability of a random placement; None if the algorithm does not explore at random."""

    @property
    @abstractmethod
    def loss(self) -> float | None:
        """Loss of the latest gradient steps; None before the first, or without gradients."""

    @property
    @abstractmethod
    def mean_q(self) -> float | None:
        """Mean value predicted in the latest gradient steps; None before the first, or without values."""

    @property
    @abstractmethod
    def latest_observations(self) -> Any:
        """Observations before the next placement, ``(n_envs, …)``; None before training begins."""

    @abstractmethod
    def action_values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Returns the policy's action values for one observation: ``(n_actions,)``, -inf for illegal actions."""

    @abstractmethod
    def setup_learn(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for a number of further placements; returns the callbacks combined into one."""

    @abstractmethod
    def run_round(self, callback: BaseCallback) -> bool:
        """Runs one round; returns False if a callback requests an immediate stop."""

    def abandon_round(self, latest: Mapping[str, Any]) -> None:  # noqa: B027 most states need nothing
        """Makes the state consistent after a round that a callback or an exception ended.

        Args:
            latest: The local variables that callbacks received last.
        """

    @abstractmethod
    def predict(self, observation: npt.NDArray[Any], *, deterministic: bool) -> npt.NDArray[Any]:
        """Chooses actions for an observation of ``(n_actions, n_features)``, or for a batch."""

    @abstractmethod
    def weights(self) -> Weights:
        """Returns copies of the policy's weights."""

    @abstractmethod
    def load_weights(self, weights: Weights) -> None:
        """Initializes the networks with the weights of another policy.

        Raises:
            ValueError, KeyError, RuntimeError: if the shapes differ.
        """

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Writes the complete training state, except for ``counters``, as files into an empty folder."""

    @abstractmethod
    def read(self, read_file: ReadFile, counters: Mapping[str, Any]) -> None:
        """Restores the state that ``write`` and ``counters`` saved."""

    @abstractmethod
    def counters(self) -> dict[str, Any]:
        """Returns the JSON-able numbers that ``read`` needs besides the files."""

    @classmethod
    @abstractmethod
    def read_weights(cls, files: Sequence[str], read_file: ReadFile) -> Weights:
        """Reads the policy's weights from a checkpoint's files, without executing code from them."""

    @classmethod
    @abstractmethod
    def weight_specs(cls, config: TrainingConfig, env_config: EnvConfig) -> WeightSpecs:
        """Returns names, shapes and dtypes of the weights that these configs require."""

    @classmethod
    @abstractmethod
    def make_policy(cls, weights: Weights, config: TrainingConfig, env_config: EnvConfig, name: str) -> CompiledPolicy:
        """Returns the compiled policy with these weights."""


def learner_class(algorithm: str) -> type[Learner]:
    """Returns the learner class of an algorithm; imports the library that it needs only then."""
    module, name = ALGORITHMS[algorithm].split(":")
    learner: type[Learner] = getattr(import_module(f"tetrarium.training.algorithms.{module}"), name)
    return learner


def checked_observation(observation: Any, shape: tuple[int, ...] | None) -> npt.NDArray[np.float32]:
    """Returns an observation of this shape, or a batch of them, as ``float32``.

    Raises:
        ConfigError: if it is of another shape, or not of numbers.
    """
    try:
        given = np.asarray(observation, dtype=np.float32)
    except (TypeError, ValueError):
        got = type(observation).__name__
    else:
        if shape is not None and given.shape[-2:] == shape and given.ndim <= 3:
            return given
        got = str(given.shape)
    raise ConfigError(
        f"An observation has shape {shape}, alone or in a batch; got {got}. Pass an observation from the environment.",
        field="observation",
    )


def divergence_error(what: str, step: int) -> TetrariumError:
    """Returns the error for a training that diverged.

    Args:
        what: The quantity that is not finite, with its verb: "loss was".
        step: The step at which it was found.
    """
    return TetrariumError(
        f"The {what} not finite at step {step:,}; earlier checkpoints are kept. Start a new run from one of them with "
        "a smaller learning_rate or max_grad_norm: `tetrarium train --from RUN --set learning_rate=3e-4`."
    )


def to_numpy(weights: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Copies tensors into NumPy arrays."""
    return {name: value.detach().cpu().numpy().copy() for name, value in weights.items()}
