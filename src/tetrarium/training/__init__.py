"""Everything that knows Stable-Baselines3 and torch: how an agent learns, and how it is put away and taken up again."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tetrarium.training.config import TrainingConfig

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent
    from tetrarium.training.checkpoints.agents import read_policy
    from tetrarium.training.models import find_model, load_model

__all__ = ["TetrisAgent", "TrainingConfig", "find_model", "load_model", "read_policy"]

_NEEDS_TORCH: Final = {
    "TetrisAgent": "agent",
    "find_model": "models",
    "load_model": "models",
    "read_policy": "checkpoints.agents",
}


def __getattr__(name: str) -> Any:
    """Imports the names that need torch when they are first asked for."""
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"tetrarium.training.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
