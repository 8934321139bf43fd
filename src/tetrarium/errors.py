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
    ├── FumenError                  a fumen that cannot be read, or a board that is none of a fumen
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

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        cls.code = code or cls.code

    def __init__(self, *args: object, field: str | None = None) -> None:
        super().__init__(*(_LINE_END.sub(" ", given) if isinstance(given, str) else given for given in args))
        self.field = field

    def to_dict(self) -> dict[str, Any]:
        """Returns ``error`` (the message), ``code`` and ``field``, as they cross sockets and files."""
        return {"error": str(self) or type(self).__name__, "code": self.code, "field": self.field}


class ConfigError(TetrariumError, ValueError, code="invalid-value"):
    """A setting, flag or argument that breaks a rule."""


class UnknownAgentError(ConfigError, code="unknown-agent"):
    """An agent reference that names no run, model, file or controller."""


class NotFoundError(TetrariumError, code="not-found"):
    """A name that nothing has."""


class NewerFormatError(TetrariumError, code="newer-format"):
    """A file written by a later version of tetrarium."""


class GameError(TetrariumError, ValueError, code="invalid-game"):
    """A board, state or action that the rules do not allow."""


class IllegalActionError(GameError, code="illegal-action"):
    """An action that is not legal for the piece, under ``illegal_action="raise"``."""


class PolicyError(TetrariumError, ValueError, code="unsuitable-policy"):
    """A policy that cannot play the given game."""


class CheckpointError(TetrariumError, code="checkpoint-error"):
    """A checkpoint that cannot be written or read."""


class CheckpointNotFoundError(CheckpointError, NotFoundError, code="checkpoint-not-found"):
    """A path at which there is no checkpoint."""


class DamagedCheckpointError(CheckpointError, code="damaged-checkpoint"):
    """A checkpoint with a missing, truncated or altered file."""


class NewerCheckpointError(CheckpointError, NewerFormatError, code="newer-checkpoint"):
    """A checkpoint written by a later version of tetrarium."""


class FolderMovedError(CheckpointError, code="folder-moved"):
    """A run's folder that was moved or removed during its training."""


class OtherCpuError(CheckpointError, code="other-cpu"):
    """A checkpoint of a processor on which training computes other numbers."""


class UntrustedCheckpointError(CheckpointError, code="untrusted-checkpoint"):
    """A checkpoint that could run code and that was not made in this home."""


class LedgerError(TetrariumError, code="ledger-error"):
    """A ledger of an evaluation that is damaged or belongs to another one."""


class ExecutorError(TetrariumError, code="executor-error"):
    """Workers of an executor that ended or cannot be reached."""


class ReplayError(TetrariumError, ValueError, code="invalid-replay"):
    """A recorded game that cannot be read, or that does not replay as recorded."""


class NewerReplayError(ReplayError, NewerFormatError, code="newer-replay"):
    """A replay written by a later version of tetrarium."""


class FumenError(TetrariumError, ValueError, code="invalid-fumen"):
    """A fumen that cannot be read, or a board that a fumen cannot hold."""


class WorkerError(TetrariumError, code="worker-error"):
    """A worker that does not answer or refuses a command."""


class CommandError(WorkerError, code="invalid-command"):
    """A command that a worker does not know, or with malformed values."""


class WorkerNotRunningError(WorkerError, code="not-running"):
    """A command for a worker that is not running."""


class WorkerStartingError(WorkerError, code="worker-starting"):
    """A command for a worker that is still starting."""


class WorkerTimeoutError(WorkerError, code="worker-timeout"):
    """A worker that did not answer in time."""


class LimitReachedError(WorkerError, code="limit-reached"):
    """A process beyond the number of one kind that may run at once."""


class BundleError(TetrariumError, ValueError, code="invalid-bundle"):
    """A shared model that is damaged or holds what a bundle may not."""


class NewerBundleError(BundleError, NewerFormatError, code="newer-bundle"):
    """A bundle written by a later version of tetrarium."""


class ModelError(TetrariumError, code="model-error"):
    """A saved model that cannot be changed in this way."""


class ModelNotFoundError(ModelError, NotFoundError, code="model-not-found"):
    """A name that no saved model, or no version of it, has."""


class ModelInTrashError(ModelNotFoundError, code="model-in-trash"):
    """A saved model that is in the trash and can be restored."""


class UploadTooLargeError(TetrariumError, code="upload-too-large"):
    """An upload above the size or time limit."""


class HomeError(TetrariumError, code="home-error"):
    """A home folder, or something inside it, that cannot be used."""


class EntryNotFoundError(HomeError, NotFoundError, code="entry-not-found"):
    """A name that no run, study, demo, game or job has."""


class RunInTrashError(EntryNotFoundError, code="run-in-trash"):
    """A run that is in the trash and can be restored."""


class InvalidNameError(HomeError, ConfigError, code="invalid-name"):
    """A name that no run or model can have; ``field`` is ``"name"`` unless given."""

    def __init__(self, *args: object, field: str | None = "name") -> None:
        super().__init__(*args, field=field)


class NameTakenError(HomeError, code="name-taken"):
    """A name that is in use; ``field`` is ``"name"`` unless given."""

    def __init__(self, *args: object, field: str | None = "name") -> None:
        super().__init__(*args, field=field)


class AlreadyRunningError(HomeError, code="already-running"):
    """A folder in which another process works."""


class RegistryBusyError(HomeError, code="registry-busy"):
    """A registry that another process keeps locked."""


class NewerRegistryError(HomeError, NewerFormatError, code="newer-registry"):
    """A ``registry.db`` written by a later version of tetrarium."""


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
