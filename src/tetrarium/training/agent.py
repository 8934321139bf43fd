"""``TetrisAgent``: learns Tetris by one of several algorithms, and can be put away and taken up again exactly."""

from collections.abc import Sequence
from operator import index
from pathlib import Path
from typing import Any, Self

import gymnasium
import numpy.typing as npt
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback
from stable_baselines3.common.vec_env import VecEnv

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.training.algorithms.learner import PlayingPolicy, find_learner
from tetrarium.training.checkpoints import agents as checkpoints
from tetrarium.training.config import TrainingConfig
from tetrarium.training.runs.callbacks import GameStatisticsCallback, RoundCallback
from tetrarium.training.runs.goals import Goals
from tetrarium.training.runs.statistics import GameStatistics

__all__ = ["TetrisAgent", "require_device"]


class TetrisAgent:
    """An agent and the games it learns from.

    >>> from tetrarium.environment import make_env
    >>> agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(n_envs=2, learning_starts=10, batch_size=8))
    >>> _ = agent.train(20)
    >>> agent.timesteps_trained
    20

    Args:
        env: One of our unwrapped environments, of which the agent takes the config and makes ``n_envs`` games of its
            own; or any other with an observation of ``(n_actions, n_features)``, which it uses as it is; there too a
            row whose first number is negative stands for an action that is not legal.
        config: How to learn.

    Raises:
        ConfigError: if it is no environment, or its observation cannot be read row by row.
    """

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig | None = None) -> None:
        if not isinstance(env, gymnasium.Env | VecEnv):
            raise ConfigError(
                f"An agent learns from an environment; got an object of {type(env).__name__}. "
                "Pass make_env(config)(), say."
            )
        given = config if config is not None else TrainingConfig()
        require_device(given.device)
        self.learner = find_learner(given.algorithm)(env, given)
        self.statistics = GameStatistics(self.games.num_envs, given.target_mean_games)
        self.steps_asked = 0  # by all calls of train; what a round takes beyond it counts towards the next call

    def __repr__(self) -> str:
        return f"<TetrisAgent {self.config.algorithm!r} at step {self.timesteps_trained:,}>"

    @property
    def config(self) -> TrainingConfig:
        """How it learns."""
        return self.learner.config

    @property
    def env_config(self) -> EnvConfig | None:
        """What it plays; None where the games are not ours."""
        return self.learner.env_config

    @property
    def games(self) -> VecEnv:
        """The games that it learns from."""
        return self.learner.games

    @property
    def model(self) -> Any:
        """What learns: a DQN of Stable-Baselines3, for the algorithm 'dqn'."""
        return self.learner.model

    @property
    def timesteps_trained(self) -> int:
        """Placements that the agent has learnt from, of all games together."""
        return self.learner.timesteps_trained

    @property
    def features(self) -> tuple[str, ...]:
        """What the agent sees, by name."""
        return self.env_config.features if self.env_config is not None else ()

    @property
    def name(self) -> str:
        """What reports call the agent."""
        return f"agent at step {self.timesteps_trained:,}"

    def train(self, n_steps: int, callback: BaseCallback | Sequence[BaseCallback] | None = None) -> Self:
        """Learns from so many further placements.

        A round is ``n_envs * train_freq`` placements; training ends with the first round that reaches the sum of all
        that was asked for, so that ``train(a)`` and ``train(b)`` do what ``train(a + b)`` does.

        Args:
            n_steps: 0 or more.
            callback: Stable-Baselines3's callbacks, or ours. One of ours stops training between rounds; another that
                returns False stops at once, and the transition under way is lost.

        Raises:
            ConfigError: if ``n_steps`` is negative, or no whole number.
            TetrariumError: if the loss is no longer finite.
        """
        n_steps = _whole(n_steps)
        if n_steps < 0:
            raise ConfigError(f"train takes 0 or more steps; got {n_steps:,}. Ask for a positive number.")
        goals = Goals(self.config, self.statistics)
        if goals.are_reached:
            return self
        self.steps_asked += n_steps
        callbacks = [GameStatisticsCallback(self.statistics), *_as_list(callback), goals]
        rounds = [one for one in callbacks if isinstance(one, RoundCallback)]
        together = self.learner.start(n_steps, callbacks)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(self.config.torch_threads)
        try:
            together.on_training_start(locals(), globals())
            while self.timesteps_trained < self.steps_asked and self.learner.play_and_learn(together):
                goes_on = [one.on_round_end() for one in rounds]
                if not all(goes_on):
                    break
        finally:
            torch.set_num_threads(n_threads)
            self.steps_asked = min(self.steps_asked, self.timesteps_trained)
            together.on_training_end()
        return self

    def predict(
        self,
        observation: npt.NDArray[Any],
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[Any] | None = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Chooses actions for ``(n_actions, n_features)`` or a batch of such; averaged weights choose, where used."""
        return self.learner.predict(observation, state, episode_start, deterministic)

    def playing_policy(self) -> PlayingPolicy:
        """Returns the agent as evaluation plays it: the weights alone, compiled.

        Raises:
            ConfigError: if the agent's features are not known, because its games are not ours.
        """
        if self.env_config is None:
            raise ConfigError("Only an agent of our own games can be evaluated; this one's are of another kind.")
        return self.learner.make_policy(self.learner.weights(), self.config, self.env_config, self.name)

    def start_from(self, path: str | Path) -> Self:
        """Takes over the weights that play in a checkpoint, and nothing else: steps, games and replay stay its own.

        Nothing of the checkpoint is run, wherever it comes from.

        Raises:
            DamagedCheckpointError: if it is not whole.
            CheckpointError: if its network has other inputs or layers.
        """
        checkpoints.take_weights(self, Path(path))
        return self

    def save_checkpoint(
        self, path: str | Path, *, home: Home | None = None, beside: Sequence[checkpoints.Beside] = ()
    ) -> None:
        """Writes everything that the agent's future depends on to a folder, replacing a checkpoint there as a whole.

        Args:
            path: The folder.
            home: Whose key signs it; by default the home that the command line would use.
            beside: What else writes files of its own into the folder.

        Raises:
            CheckpointError: if it cannot be written; what was there before is untouched.
        """
        checkpoints.save_agent(self, Path(path), (home or Home.locate()).secret(), beside)

    @classmethod
    def load_checkpoint(
        cls, path: str | Path, env: gymnasium.Env[Any, Any] | VecEnv, *, trust: bool = False, home: Home | None = None
    ) -> Self:
        """Reads an agent back, so that training it on gives what training it without a break would have given.

        Args:
            path: A checkpoint's folder.
            env: As for a new agent, of the same game.
            trust: Load a checkpoint that was not made in this home. It can run code: pass True only if you trust
                whoever made it.
            home: Whose key it must be signed with; by default the home that the command line would use.

        Raises:
            UntrustedCheckpointError: if it was made elsewhere.
            DamagedCheckpointError: if it is not whole.
            CheckpointError: if it is of another game, or a newer version's.
        """
        return checkpoints.load_agent(cls, Path(path), env, None if trust else (home or Home.locate()).secret())


def require_device(device: str) -> None:
    """Refuses a device that is not there, where Stable-Baselines3 would train on another without a word.

    Raises:
        ConfigError: if torch does not know it or cannot use it.
    """
    try:
        is_there = device == "auto" or torch.device(device).type != "cuda" or torch.cuda.is_available()
    except RuntimeError:
        is_there = False
    if not is_there:
        raise ConfigError(f"The device is one that torch can use here; got {device!r}. Use 'cpu' or 'auto'.")


def _whole(n_steps: Any) -> int:
    try:
        return index(n_steps)
    except TypeError:
        raise ConfigError(
            f"train takes a whole number of steps; got {n_steps!r}. Write it without a fraction."
        ) from None


def _as_list(callback: BaseCallback | Sequence[BaseCallback] | None) -> list[BaseCallback]:
    if callback is None:
        return []
    if isinstance(callback, CallbackList):
        return callback.callbacks
    if isinstance(callback, BaseCallback):
        return [callback]
    if callable(callback):
        return [ConvertCallback(callback)]
    return list(callback)
