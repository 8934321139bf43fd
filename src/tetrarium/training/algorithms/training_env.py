"""The vector environment that an agent trains on, made from the environment that the caller passed."""

import warnings
from pathlib import Path
from typing import Any, Final, TypeGuard

import gymnasium
import numpy as np
import numpy.typing as npt
import safetensors.numpy
from gymnasium import spaces
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, unwrap_vec_normalize

from tetrarium.engine.state_layout import join_games, split_games
from tetrarium.environment import EnvConfig, TetrisEnv
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError
from tetrarium.registry.files.tensors import write_tensors
from tetrarium.training.algorithms.learner import ReadFile
from tetrarium.training.config import TrainingConfig
from tetrarium.training.requirements import rows_error

_GAMES: Final = "games.safetensors"
_REPLACEABLE: Final = {"reset", "step", "step_async", "step_wait"}  # by attributes of an object


def make_training_env(env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> tuple[VecEnv, EnvConfig | None]:
    """Returns the vector environment to train on, and its ``EnvConfig`` if its games are tetrarium's.

    Raises:
        ConfigError: if the environment's observation does not have one row per action.
    """
    if isinstance(env, VecEnv) and (normalized := unwrap_vec_normalize(env)) is not None and normalized.norm_obs:
        raise ConfigError(
            "An agent recognizes illegal actions by their row of -1; got VecNormalize, which changes it. "
            "Pass norm_obs=False.",
            field="env",
        )
    if isinstance(env.observation_space, spaces.Dict):
        raise rows_error("a dictionary, as with observation='board'")
    if type(env) is TetrisEnv and not _REPLACEABLE & vars(env).keys():
        max_pieces = min(config.max_pieces_game, env.config.max_pieces or config.max_pieces_game)
        return TetrisVecEnv(env.config.with_changes(max_pieces=max_pieces), config.n_envs, config.seed), env.config
    if is_plain(env):
        return env, env.config
    space = env.observation_space
    if space.shape is None or len(space.shape) != 2 or space.shape[0] != getattr(env.action_space, "n", None):
        raise ConfigError(
            f"An agent reads observations of (n_actions, n_features); got {space.shape}. "
            "Pass make_env(config)(), or a wrapper that keeps its shape."
        )
    inner = env.unwrapped
    env_config = inner.config if isinstance(inner, TetrisEnv | TetrisVecEnv) else None
    if inner.observation_space != space:
        env_config = None
    if isinstance(env, VecEnv):
        return env, env_config
    if config.n_envs > 1:
        warnings.warn(
            f"An environment that is wrapped, or of another class, is one game; got n_envs={config.n_envs}, which "
            "counts as 1. Pass n_envs=1, or a VecEnv of as many environments.",
            stacklevel=4,
        )
    return DummyVecEnv([lambda: env if is_wrapped(env, Monitor) else Monitor(env)]), env_config


def is_plain(vec_env: object) -> TypeGuard[TetrisVecEnv]:
    """Returns whether an environment is a ``TetrisVecEnv`` itself, whose steps nothing replaces or adds to."""
    return type(vec_env) is TetrisVecEnv and not _REPLACEABLE & vars(vec_env).keys()


def require_tetris_vec_env(
    vec_env: VecEnv, env_config: EnvConfig | None, algorithm: str
) -> tuple[TetrisVecEnv, EnvConfig]:
    """Returns the arguments, narrowed to tetrarium's own environment.

    Raises:
        ConfigError: if it is another environment, which only some algorithms support.
    """
    if not is_plain(vec_env) or env_config is None:
        raise ConfigError(
            f"The algorithm {algorithm!r} requires an environment of tetrarium; got {type(vec_env).__name__}. "
            "Pass make_env(config)(), or use algorithm='dqn'.",
            field="algorithm",
        )
    return vec_env, env_config


def write_game_states(vec_env: TetrisVecEnv, folder: Path) -> None:
    """Writes the running games, with their random streams and episode rewards so far."""
    state = vec_env.state()
    fields = {**split_games(state["rows"]), "rewards_game": state["rewards_game"]}
    write_tensors(folder / _GAMES, fields)


def read_game_states(vec_env: TetrisVecEnv, read_file: ReadFile) -> npt.NDArray[Any]:
    """Restores what ``write_game_states`` wrote and drops a pending seed; returns the observations."""
    fields = safetensors.numpy.load(read_file(_GAMES))
    observations = vec_env.set_state({"rows": join_games(fields), "rewards_game": fields["rewards_game"]})
    vec_env._reset_seeds()
    assert isinstance(observations, np.ndarray)
    return observations
