"""Tetris as Gymnasium and Stable-Baselines3 environments; importing it registers ``tetrarium/Tetris-v0``."""

from typing import TYPE_CHECKING, Any

import gymnasium

from tetrarium.environment.config import EnvConfig
from tetrarium.environment.interfaces.gym_vec_env import TetrisVectorEnv
from tetrarium.environment.interfaces.tetris_env import TetrisEnv, make_env

if TYPE_CHECKING:
    from tetrarium.environment.interfaces.vec_env import TetrisVecEnv, make_vec_env

__all__ = ["EnvConfig", "TetrisEnv", "TetrisVecEnv", "TetrisVectorEnv", "make_env", "make_vec_env"]

gymnasium.register(
    id="tetrarium/Tetris-v0",
    entry_point="tetrarium.environment.interfaces.tetris_env:TetrisEnv",
    vector_entry_point="tetrarium.environment.interfaces.gym_vec_env:TetrisVectorEnv",
)


def __getattr__(name: str) -> Any:
    """Imports the names that need torch at their first use."""
    if name in {"TetrisVecEnv", "make_vec_env"}:
        from tetrarium.environment.interfaces import vec_env

        return getattr(vec_env, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
