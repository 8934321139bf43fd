"""Exceptions of tetrarium, with a stable code each.

The tree::

    TetrariumError
    ├── ConfigError                 a setting, flag or argument breaks a rule
    │   └── UnknownAgentError       an agent reference that names nothing
    ├── NotFoundError               nothing has that name; also one of the classes below
    │   ├── EntryNotFoundError      no such run, study, demo, game or job in the home
    │   │   └── RunInTrashError
    │   ├── CheckpointNotFoundError
    │   └── ModelNotFoundError
    │       └── ModelInTrashError
    ├── NewerFormatError            a file of a later version of tetrarium; also one of the classes below
    │   ├── NewerCheckpointError
    │   ├── NewerReplayError
    │   ├── NewerBundleError
    │   └── NewerRegistryError
    ├── GameError                   a board, state or action that the rules do not allow
    │   └── IllegalActionError
    ├── PolicyError                 a policy that cannot play the given game
    ├── CheckpointError             a checkpoint that cannot be written or read
    │   ├── DamagedCheckpointError
    │   ├── FolderMovedError
    │   ├── OtherCpuError
    │   └── UntrustedCheckpointError
    ├── LedgerError                 a ledger of an evaluation that is damaged or belongs to another one
    ├── ExecutorError               workers of an executor that ended or cannot be reached
    ├── ReplayError                 a recorded game that cannot be read, or that does not replay as recorded
    ├── WorkerError                 a worker that does not answer or refuses a command
    │   ├── CommandError            an unknown or malformed command
    │   ├── WorkerNotRunningError
    │   ├── WorkerStartingError
    │   ├── WorkerTimeoutError
    │   └── LimitReachedError       too many processes of a kind
    ├── BundleError                 a shared model that is damaged or holds what a bundle may not
    ├── ModelError                  a saved model that cannot be changed in this way
    ├── UploadTooLargeError         an upload above the size or time limit
    └── HomeError                   the home folder, or something inside it, cannot be used
        ├── InvalidNameError        a name that no run or model can have; a ConfigError too
        ├── NameTakenError          a name that is in use
        ├── AlreadyRunningError     another process works in the folder
        └── RegistryBusyError       the registry stays locked by another process

A message states the rule, the value that broke it, and the remedy, in one line: the command line prints it unchanged.
Programs compare ``code`` and ``field``, never the message.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, ClassVar, Final

_LINE_END: Final = re.compile(r"\s*\n\s*")  # as in a shown array
_REMEDIES: Final = {
    errno.ENOSPC: "Free disk space or choose another location.",
    errno.EDQUOT: "Free disk space or choose another location.",
    errno.EACCES: "Grant yourself permission or choose another location.",
    errno.EPERM: "Grant yourself permission or choose another location.",
    errno.EMFILE: "Close other files of this process or raise `ulimit -n`.",
    errno.ENFILE: "Close other programs.",
    errno.ENOMEM: "Close other programs.",
    errno.EAGAIN: "Close other programs.",
}


class TetrariumError(Exception):
    """Base of all exceptions that tetrarium raises on purpose.

    >>> error = ConfigError("gamma is a number from 0 to 1; got 2.", field="gamma")
    >>> error.code, error.field
    ('invalid-value', 'gamma')

    Args:
        *args: The message, which becomes one line.
        field: Name of the setting or argument at fault.
    """

    code: ClassVar[str] = "error"

    def __init__(self, *args: object, field: str | None = None) -> None:
        super().__init__(*(_LINE_END.sub(" ", given) if isinstance(given, str) else given for given in args))
        self.field = field

    def to_dict(self) -> dict[str, Any]:
        """Returns ``error`` (the message), ``code`` and ``field``, as they cross sockets and files."""
        return {"error": str(self) or type(self).__name__, "code": self.code, "field": self.field}


class ConfigError(TetrariumError, ValueError):
    """A setting, flag or argument that breaks a rule."""

    code = "invalid-value"


class UnknownAgentError(ConfigError):
    """An agent reference that names no run, model, file or controller."""

    code = "unknown-agent"


class NotFoundError(TetrariumError):
    """A name that nothing has."""

    code = "not-found"


class NewerFormatError(TetrariumError):
    """A file written by a later version of tetrarium."""

    code = "newer-format"


class GameError(TetrariumError, ValueError):
    """A board, state or action that the rules do not allow."""

    code = "invalid-game"


class IllegalActionError(GameError):
    """An action that is not legal for the piece, under ``illegal_action="raise"``."""

    code = "illegal-action"


class PolicyError(TetrariumError, ValueError):
    """A policy that cannot play the given game."""

    code = "unsuitable-policy"


class CheckpointError(TetrariumError):
    """A checkpoint that cannot be written or read."""

    code = "checkpoint-error"


class CheckpointNotFoundError(CheckpointError, NotFoundError):
    """A path at which there is no checkpoint."""

    code = "checkpoint-not-found"


class DamagedCheckpointError(CheckpointError):
    """A checkpoint with a missing, truncated or altered file."""

    code = "damaged-checkpoint"


class NewerCheckpointError(CheckpointError, NewerFormatError):
    """A checkpoint written by a later version of tetrarium."""

    code = "newer-checkpoint"


class FolderMovedError(CheckpointError):
    """A run's folder that was moved or removed during its training."""

    code = "folder-moved"


class OtherCpuError(CheckpointError):
    """A checkpoint of a processor on which torch computes other numbers."""

    code = "other-cpu"


class UntrustedCheckpointError(CheckpointError):
    """A checkpoint that could run code and that was not made in this home."""

    code = "untrusted-checkpoint"


class LedgerError(TetrariumError):
    """A ledger of an evaluation that is damaged or belongs to another one."""

    code = "ledger-error"


class ExecutorError(TetrariumError):
    """Workers of an executor that ended or cannot be reached."""

    code = "executor-error"


class ReplayError(TetrariumError, ValueError):
    """A recorded game that cannot be read, or that does not replay as recorded."""

    code = "invalid-replay"


class NewerReplayError(ReplayError, NewerFormatError):
    """A replay written by a later version of tetrarium."""

    code = "newer-replay"


class WorkerError(TetrariumError):
    """A worker that does not answer or refuses a command."""

    code = "worker-error"


class CommandError(WorkerError):
    """A command that a worker does not know, or with malformed values."""

    code = "invalid-command"


class WorkerNotRunningError(WorkerError):
    """A command for a worker that is not running."""

    code = "not-running"


class WorkerStartingError(WorkerError):
    """A command for a worker that is still starting."""

    code = "worker-starting"


class WorkerTimeoutError(WorkerError):
    """A worker that did not answer in time."""

    code = "worker-timeout"


class LimitReachedError(WorkerError):
    """A process beyond the number of one kind that may run at once."""

    code = "limit-reached"


class BundleError(TetrariumError, ValueError):
    """A shared model that is damaged or holds what a bundle may not."""

    code = "invalid-bundle"


class NewerBundleError(BundleError, NewerFormatError):
    """A bundle written by a later version of tetrarium."""

    code = "newer-bundle"


class ModelError(TetrariumError):
    """A saved model that cannot be changed in this way."""

    code = "model-error"


class ModelNotFoundError(ModelError, NotFoundError):
    """A name that no saved model, or no version of it, has."""

    code = "model-not-found"


class ModelInTrashError(ModelNotFoundError):
    """A saved model that is in the trash and can be restored."""

    code = "model-in-trash"


class UploadTooLargeError(TetrariumError):
    """An upload above the size or time limit."""

    code = "upload-too-large"


class HomeError(TetrariumError):
    """A home folder, or something inside it, that cannot be used."""

    code = "home-error"


class EntryNotFoundError(HomeError, NotFoundError):
    """A name that no run, study, demo, game or job has."""

    code = "entry-not-found"


class RunInTrashError(EntryNotFoundError):
    """A run that is in the trash and can be restored."""

    code = "run-in-trash"


class InvalidNameError(HomeError, ConfigError):
    """A name that no run or model can have; ``field`` is ``"name"`` unless given."""

    code = "invalid-name"

    def __init__(self, *args: object, field: str | None = "name") -> None:
        super().__init__(*args, field=field)


class NameTakenError(HomeError):
    """A name that is in use; ``field`` is ``"name"`` unless given."""

    code = "name-taken"

    def __init__(self, *args: object, field: str | None = "name") -> None:
        super().__init__(*args, field=field)


class AlreadyRunningError(HomeError):
    """A folder in which another process works."""

    code = "already-running"


class RegistryBusyError(HomeError):
    """A registry that another process keeps locked."""

    code = "registry-busy"


class NewerRegistryError(HomeError, NewerFormatError):
    """A ``registry.db`` written by a later version of tetrarium."""

    code = "newer-registry"


def error_classes() -> dict[str, type[TetrariumError]]:
    """Returns the exception classes of this module by code."""
    return {kind.code: kind for kind in _tree(TetrariumError) if kind.__module__ == __name__}


def error_to_dict(error: Exception) -> dict[str, Any]:
    """Describes any exception by the keys of ``TetrariumError.to_dict``.

    Those of other libraries have the code ``"system-error"`` (``OSError``) or ``"internal-error"``.
    """
    if isinstance(error, TetrariumError):
        return error.to_dict()
    if isinstance(error, OSError):
        return {"error": describe_os_error(error), "code": "system-error", "field": None}
    return {"error": str(error) or type(error).__name__, "code": "internal-error", "field": None}


@contextmanager
def naming_file(path: object) -> Iterator[None]:
    """Adds a path to errors of the operating system that lack one, as those of writing to an opened file do."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def describe_os_error(error: OSError) -> str:
    """Returns the path, the reason and the remedy of an error of the operating system, or its message if it has one."""
    if error.errno is None:
        return str(error) or type(error).__name__
    paths = [path for path in (error.filename, error.filename2) if path is not None]
    place = " and ".join(repr(os.fsdecode(path)) if isinstance(path, str | bytes) else str(path) for path in paths)
    remedy = _REMEDIES.get(error.errno, "Choose another location.")
    return f"The operating system refused{place and ' '}{place}: {error.strerror or error}. {remedy}"


def error_from_dict(values: dict[str, Any], default: type[TetrariumError] = TetrariumError) -> TetrariumError:
    """Makes an exception of what ``TetrariumError.to_dict`` returned.

    Args:
        values: ``error``, ``code`` and ``field``; missing or unknown codes, as of another version, give ``default``.
        default: Class for these.
    """
    kind = error_classes().get(str(values.get("code")), default)
    field = values.get("field")
    return kind(str(values.get("error") or kind.code), field=field if isinstance(field, str) else None)


def _tree(kind: type[TetrariumError]) -> Iterator[type[TetrariumError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def suggestion(word: object, candidates: Iterable[str]) -> str:
    """Returns `` Did you mean 'x'?`` for the candidate nearest to a mistyped word, or an empty string."""
    near = get_close_matches(str(word), list(candidates), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
