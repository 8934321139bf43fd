"""The games that an agent learns from, made of the environment that it was given."""

from typing import Any

import gymnasium
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from tetrarium.environment import EnvConfig, TetrisEnv
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError
from tetrarium.training.config import TrainingConfig

__all__ = ["require_ours", "training_games"]


def training_games(env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> tuple[VecEnv, EnvConfig | None]:
    """Returns the games to learn from, and their config where they are ours.

    Raises:
        ConfigError: if the environment's observation cannot be read row by row.
    """
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
