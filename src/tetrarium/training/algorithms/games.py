"""The games that an agent learns from, made of the environment that it was given."""

from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
import safetensors.numpy
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from tetrarium.engine.saved_games import join_games, split_games
from tetrarium.environment import EnvConfig, TetrisEnv
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError
from tetrarium.training.algorithms.learner import ReadFile
from tetrarium.training.config import TrainingConfig

__all__ = ["read_games", "require_ours", "training_games", "write_games"]

_GAMES: Final = "games.safetensors"


def training_games(env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> tuple[VecEnv, EnvConfig | None]:
    """Returns the games to learn from, and their config where they are ours.

    Raises:
        ConfigError: if the environment's observation cannot be read row by row.
    """
    if isinstance(env.observation_space, spaces.Dict):
        raise ConfigError(
            "An agent reads rows of features, one an action; got a dictionary, as of observation='board'. "
            "Use observation='rows', or train MultiInputPolicy with Stable-Baselines3 itself."
        )
    if isinstance(env, TetrisEnv):
        cut = min(config.max_pieces_game, env.config.max_pieces or config.max_pieces_game)
        return TetrisVecEnv(env.config.with_changes(max_pieces=cut), config.n_envs, config.seed), env.config
    if isinstance(env, TetrisVecEnv):
        return env, env.config
    space = env.observation_space
    if space.shape is None or len(space.shape) != 2 or space.shape[0] != getattr(env.action_space, "n", None):
        raise ConfigError(
            f"An agent reads observations of (n_actions, n_features); got {space.shape}. "
            "Pass make_env(config)(), or a wrapper that keeps its shape."
        )
    if isinstance(env, VecEnv):
        return env, None
    inner = env.unwrapped
    return DummyVecEnv([lambda: env]), inner.config if isinstance(inner, TetrisEnv) else None


def require_ours(games: VecEnv, env_config: EnvConfig | None, algorithm: str) -> tuple[TetrisVecEnv, EnvConfig]:
    """Returns the same two, known to be ours.

    Raises:
        ConfigError: if they are another's, which only some algorithms learn from.
    """
    if not isinstance(games, TetrisVecEnv) or env_config is None:
        raise ConfigError(
            f"The algorithm {algorithm!r} learns from games of tetrarium; got {type(games).__name__}. "
            "Pass make_env(config)(), or use algorithm='dqn'."
        )
    return games, env_config


def write_games(games: TetrisVecEnv, folder: Path) -> None:
    """Writes the running games, by name, with their random streams and rewards so far."""
    state = games.state()
    fields = {**split_games(state["rows"]), "rewards_game": state["rewards_game"]}
    safetensors.numpy.save_file(fields, folder / _GAMES)


def read_games(games: TetrisVecEnv, read_file: ReadFile) -> npt.NDArray[Any]:
    """Puts back what ``write_games`` wrote, and returns the rows that are seen; a seed given before is used no more."""
    fields = safetensors.numpy.load(read_file(_GAMES))
    observations = games.set_state({"rows": join_games(fields), "rewards_game": fields["rewards_game"]})
    games._reset_seeds()
    assert isinstance(observations, np.ndarray)
    return observations
