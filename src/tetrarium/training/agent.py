"""``TetrisAgent``: learns Tetris by one of several algorithms; its checkpoints resume training exactly."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from operator import index
from pathlib import Path
from typing import Any, Self

import gymnasium
import numpy.typing as npt
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.engine.batches import IndependentCopies
from tetrarium.environment import EnvConfig
from tetrarium.errors import CheckpointError, ConfigError, TetrariumError
from tetrarium.registry.home import Home
from tetrarium.training.algorithms.learner import CompiledPolicy, learner_class
from tetrarium.training.callbacks import GameStatistics, GameStatisticsCallback, GoalCallback, RoundCallback
from tetrarium.training.checkpoints.agent_checkpoint import AgentCheckpoint, CheckpointPart, load_weights, save_agent
from tetrarium.training.config import TrainingConfig
from tetrarium.training.devices import require_device


class TetrisAgent(IndependentCopies):
    """An agent, the environment that it trains on, and its training state.

    >>> from tetrarium.environment import make_env
    >>> agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(n_envs=2, learning_starts=10, batch_size=8))
    >>> _ = agent.train(20)
    >>> agent.timesteps_trained
    20

    Args:
        env: A ``TetrisEnv``, whose config is used to make ``n_envs`` parallel games; or any other environment with
            observations of shape ``(n_actions, n_features)``, such as a wrapper or a subclass. That is used as it is,
            ``max_pieces_game`` does not apply, and one that is no ``VecEnv`` counts as one game, with a ``Monitor``.
            In both, a row whose first number is negative marks an illegal action.
        config: Training settings, or a mapping of them.

    Raises:
        ConfigError: if ``env`` is not an environment, or its observation does not have one row per action.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig | Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(env, gymnasium.Env | VecEnv):
            raise ConfigError(
                f"An agent trains on an environment; got an object of type {type(env).__name__}. "
                "Pass make_env(config)(), for example.",
                field="env",
            )
        config = TrainingConfig.of(config)
        require_device(config.device)
        self.learner = learner_class(config.algorithm)(env, config)
        self.statistics = GameStatistics(self.vec_env.num_envs, config.target_mean_games)
        self.steps_requested = 0  # by all calls of train; steps beyond it count towards the next call
        self._in_round = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_in_round": False}  # a copy made by a callback starts between rounds

    def __repr__(self) -> str:
        return f"<TetrisAgent {self.config.algorithm!r} at step {self.timesteps_trained:,}>"

    @property
    def config(self) -> TrainingConfig:
        """The training settings."""
        return self.learner.config

    @property
    def env_config(self) -> EnvConfig | None:
        """The environment's config; None if the environment is not one of tetrarium's."""
        return self.learner.env_config

    @property
    def vec_env(self) -> VecEnv:
        """The vector environment that the agent trains on."""
        return self.learner.vec_env

    @property
    def model(self) -> Any:
        """The algorithm's model: Stable-Baselines3's ``DQN`` where the algorithm is 'dqn'."""
        return self.learner.model

    @property
    def timesteps_trained(self) -> int:
        """Placements trained on, in all games together."""
        return self.learner.timesteps_trained

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that the agent observes."""
        return self.env_config.features if self.env_config is not None else ()

    @property
    def name(self) -> str:
        """Name of the agent in reports."""
        return f"agent at step {self.timesteps_trained:,}"

    def train(self, n_steps: int, callback: BaseCallback | Sequence[BaseCallback] | None = None) -> Self:
        """Trains on the given number of further placements.

        A round is ``n_envs * train_freq`` placements. Training ends with the first round that reaches the sum of all
        requested steps, so that ``train(a)`` followed by ``train(b)`` equals ``train(a + b)``.

        Args:
            n_steps: Placements, 0 or more.
            callback: Callbacks of Stable-Baselines3 or of tetrarium. A ``RoundCallback`` stops training between rounds;
                any other that returns False stops at once and loses the current transition. Training continues
                after either, from the games as they are.

        Raises:
            ConfigError: if ``n_steps`` is negative or not an integer, or a callback is none.
            TetrariumError: if the loss is no longer finite, or a callback calls it.
        """
        if self._in_round:
            raise TetrariumError("A callback may not train its own agent. Return False to stop, and train afterwards.")
        n_steps = _as_integer(n_steps)
        if n_steps < 0:
            raise ConfigError(
                f"train expects 0 or more steps; got {n_steps:,}. Pass a positive number.", field="n_steps"
            )
        goals = GoalCallback(self.config, self.statistics)
        if goals.reached:
            return self
        callbacks = [GameStatisticsCallback(self.statistics), *_as_list(callback), goals]
        self.steps_requested += n_steps
        combined = self.learner.setup_learn(n_steps, callbacks)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(self.config.torch_threads)
        try:
            with ExitStack() as begun:
                self._begin(combined, callbacks, begun)
                round_callbacks = [one for one in callbacks if isinstance(one, RoundCallback)]
                while self.timesteps_trained < self.steps_requested and self._run_round(combined):
                    continues = [one.on_round_end() for one in round_callbacks]
                    if not all(continues):
                        break
        finally:
            torch.set_num_threads(n_threads)
            self.steps_requested = min(self.steps_requested, self.timesteps_trained)
        return self

    def _begin(self, combined: BaseCallback, callbacks: Sequence[BaseCallback], begun: ExitStack) -> None:
        """Starts the callbacks with the local variables of ``learn``; those that have begun end with ``begun``."""
        combined.locals = {
            "self": self.model,
            "total_timesteps": self.steps_requested,
            "callback": combined,
            "log_interval": None,
            "tb_log_name": "run",
            "reset_num_timesteps": False,
            "progress_bar": False,
        }
        combined.globals = globals()
        for one in callbacks:
            one.on_training_start(combined.locals, combined.globals)
            begun.callback(one.on_training_end)

    def _run_round(self, callback: BaseCallback) -> bool:
        """Runs one round; returns False if a callback stops it."""
        is_complete = False
        self._in_round = True
        try:
            is_complete = self.learner.run_round(callback)
        finally:
            self._in_round = False
            if not is_complete:
                self.learner.abandon_round(callback.locals)
        return is_complete

    def predict(
        self,
        observation: npt.NDArray[Any],
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses actions, with the averaged weights if there are any.

        Args:
            observation: ``(n_actions, n_features)``, or a batch of observations.
            state: Part of Stable-Baselines3's interface; returned unchanged.
            episode_start: Part of Stable-Baselines3's interface; unused.
            deterministic: Choose the best action instead of exploring.

        Raises:
            ConfigError: if the observation has another shape.
        """
        return self.learner.predict(observation, deterministic=deterministic), state

    def compiled_policy(self) -> CompiledPolicy:
        """Returns the agent's current weights as a compiled policy for evaluation.

        Raises:
            ConfigError: if the environment is not one of tetrarium's, so that its features are unknown.
        """
        if self.env_config is None:
            raise ConfigError(
                "Only an agent trained on an environment of tetrarium can be evaluated; this one's is of another kind. "
                "Train on make_env(config)()."
            )
        return self.learner.make_policy(self.learner.weights(), self.config, self.env_config, self.name)

    def start_from(self, path: str | Path) -> Self:
        """Loads the weights of a checkpoint, and nothing else: step count, games and replay buffer stay unchanged.

        No code from the checkpoint is executed, so it may come from anywhere.

        Raises:
            DamagedCheckpointError: if it is incomplete or altered.
            CheckpointError: if its network has other inputs or layers.
        """
        load_weights(self.learner, Path(path))
        return self

    def save_checkpoint(
        self, path: str | Path, *, home: Home | None = None, extras: Sequence[CheckpointPart] = ()
    ) -> None:
        """Writes the agent's complete training state to a folder, atomically replacing a checkpoint there.

        Args:
            path: The checkpoint's folder.
            home: The home whose key signs the checkpoint; by default the command line's.
            extras: Objects that write further files into the folder.

        Raises:
            CheckpointError: if it cannot be written, or within a round, when it would not be exact; an existing
                checkpoint is then untouched.
        """
        if self._in_round:
            raise CheckpointError(
                "A checkpoint is exact between rounds only; got a call from a callback inside one. Save it in "
                "on_round_end of a tetrarium.training.RoundCallback."
            )
        counters = {
            "timesteps_trained": self.timesteps_trained,
            "steps_asked": min(self.steps_requested, self.timesteps_trained),
            "statistics": self.statistics.state(),
        }
        save_agent(self.learner, counters, Path(path), _key(home), extras)

    @classmethod
    def load_checkpoint(
        cls,
        path: str | Path,
        env: gymnasium.Env[Any, Any] | VecEnv,
        *,
        trust: bool = False,
        any_cpu: bool = False,
        home: Home | None = None,
        config: TrainingConfig | Mapping[str, Any] | None = None,
        device: str | None = None,
    ) -> Self:
        """Loads an agent; training it further gives the same result as training without interruption.

        Args:
            path: The checkpoint's folder.
            env: An environment with the same config, as for a new agent.
            trust: Load a checkpoint that was not made in this home. It can execute code: pass True only if you trust
                its author.
            any_cpu: Load a checkpoint of a processor on which training computes other numbers (with torch, AVX2 and
                AVX-512 give the same weights, older instructions others). Training then goes on validly, but not to
                the same bytes.
            home: The home whose key must have signed the checkpoint; by default the command line's.
            config: Settings to continue training with; by default those of the checkpoint.
            device: Device to continue on, such as ``"cpu"`` for a checkpoint that was made on a GPU.

        Raises:
            ConfigError: if ``config`` changes a setting that cannot change.
            UntrustedCheckpointError: if it was made in another home.
            OtherCpuError: if it was made on a processor that computes other numbers.
            DamagedCheckpointError: if it is incomplete or altered.
            CheckpointError: if it was made for another game or by a newer version.
        """
        checkpoint = AgentCheckpoint.open(Path(path), None if trust else _key(home), any_cpu=any_cpu)
        if config is not None:
            config = TrainingConfig.of(config)
            checkpoint.require_changeable(config)
        config = config or checkpoint.config
        agent = cls(env, config if device is None else config.with_changes(device=device))
        counters = checkpoint.restore(agent.learner)
        with checkpoint.content_checked():
            agent.steps_requested = counters["steps_asked"]
            agent.statistics.set_state(counters["statistics"])
        return agent


def _key(home: Home | None) -> bytes:
    """Returns the key of a home, by default the command line's."""
    return Home.require(Home.locate() if home is None else home).secret()


def _as_integer(n_steps: Any) -> int:
    try:
        return index(n_steps)
    except TypeError:
        raise ConfigError(
            f"train expects an integer number of steps; got {n_steps!r}. Remove the fraction.", field="n_steps"
        ) from None


def _as_list(callback: BaseCallback | Sequence[BaseCallback] | None) -> list[BaseCallback]:
    if callback is None:
        return []
    if isinstance(callback, CallbackList):
        return callback.callbacks
    several = callback if isinstance(callback, list | tuple) else [callback]
    for one in several:
        if isinstance(one, type) or not (isinstance(one, BaseCallback) or callable(one)):
            raise ConfigError(
                f"A callback is an object of Stable-Baselines3's BaseCallback, or a function; got {one!r}. "
                "Pass RoundCallback(), for example.",
                field="callback",
            )
    functions: Any = ConvertCallback
    return [one if isinstance(one, BaseCallback) else functions(one) for one in several]
