"""Training with Stable-Baselines3 and torch: agents, algorithms, checkpoints, runs and models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tetrarium.training.config import TrainingConfig

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent
    from tetrarium.training.algorithms.dqn import TetrisDQN
    from tetrarium.training.algorithms.maskable_ppo import TetrisMaskablePPO
    from tetrarium.training.algorithms.qr_dqn import TetrisQRDQN
    from tetrarium.training.callbacks import RoundCallback
    from tetrarium.training.checkpoints.agent_checkpoint import read_policy
    from tetrarium.training.saved_models import find_model, load_model

__all__ = [
    "RoundCallback",
    "TetrisAgent",
    "TetrisDQN",
    "TetrisMaskablePPO",
    "TetrisQRDQN",
    "TrainingConfig",
    "find_model",
    "load_model",
    "read_policy",
]

_NEEDS_TORCH: Final = {
    "RoundCallback": "callbacks",
    "TetrisAgent": "agent",
    "TetrisDQN": "algorithms.dqn",
    "TetrisMaskablePPO": "algorithms.maskable_ppo",
    "TetrisQRDQN": "algorithms.qr_dqn",
    "find_model": "saved_models",
    "load_model": "saved_models",
    "read_policy": "checkpoints.agent_checkpoint",
}


def __getattr__(name: str) -> Any:
    """Imports the names that need torch on first access."""
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"tetrarium.training.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
