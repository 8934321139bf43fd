"""Every error that tetrarium raises on purpose.

    TetrariumError
    ├── ConfigError            a setting, flag or argument breaks a rule
    ├── GameError              a board, state or action that the rules do not allow
    │   └── IllegalActionError
    ├── PolicyError            a policy that cannot play the game it is given
    ├── CheckpointError        a checkpoint that cannot be written or read
    │   ├── DamagedCheckpointError
    │   ├── FolderMovedError
    │   └── UntrustedCheckpointError
    ├── ReplayError            a recorded game that cannot be read, or does not play as it says
    ├── WorkerError            a worker that does not answer, or refuses what it is told
    ├── BundleError            a shared model that is not whole, or not what a bundle may be
    ├── ModelError             a saved model that is not there, or that cannot be changed so
    └── HomeError              the home folder, or a name inside it, cannot be used
        ├── BadNameError       a name that no run or model can have; a ConfigError too
        └── RegistryBusyError  another process writes to the registry for too long

A message says the rule, the value that broke it, and the remedy, in one line: the command line prints it as it is.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BadNameError",
    "BundleError",
    "CheckpointError",
    "ConfigError",
    "DamagedCheckpointError",
    "FolderMovedError",
    "GameError",
    "HomeError",
    "IllegalActionError",
    "ModelError",
    "PolicyError",
    "RegistryBusyError",
    "ReplayError",
    "TetrariumError",
    "UntrustedCheckpointError",
    "WorkerError",
    "suggestion",
]


class TetrariumError(Exception):
    """Base of the tree; catching it catches everything that tetrarium raises on purpose."""


class ConfigError(TetrariumError, ValueError):
    """A setting, flag or argument breaks a rule."""


class GameError(TetrariumError, ValueError):
    """A board, state or action that the rules do not allow."""


class IllegalActionError(GameError):
    """An action that is not legal for the piece, under ``illegal_action="raise"``."""


class PolicyError(TetrariumError, ValueError):
    """A policy that cannot play the game it is given."""


class CheckpointError(TetrariumError):
    """A checkpoint that cannot be written or read."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint of which a file is missing, cut short or altered."""


class FolderMovedError(CheckpointError):
    """A run's folder that was moved or removed while the run was trained."""


class UntrustedCheckpointError(CheckpointError):
    """A checkpoint that could run code and that was not made in this home."""


class ReplayError(TetrariumError, ValueError):
    """A recorded game that cannot be read, or does not play as it says."""


class WorkerError(TetrariumError):
    """A worker that does not answer, or refuses what it is told."""


class BundleError(TetrariumError, ValueError):
    """A shared model that is not whole, or not what a bundle may be."""


class ModelError(TetrariumError):
    """A saved model that is not there, or that cannot be changed so."""


class HomeError(TetrariumError):
    """The home folder, or a name inside it, cannot be used."""


class BadNameError(HomeError, ConfigError):
    """A name that no run or model can have."""


class RegistryBusyError(HomeError):
    """Another process writes to the registry for too long."""


def suggestion(word: str, candidates: Iterable[str]) -> str:
    """Returns `` Did you mean 'x'?`` for the candidate nearest to a mistyped word, or nothing."""
    near = get_close_matches(word, list(candidates), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
