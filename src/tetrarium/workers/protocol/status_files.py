"""Status files that a worker writes into its folder for clients: its address and its state.

=============  ==================================================================================================
worker.json    addresses of its sockets, and the token; readable by its owner only; exists while the worker runs
state.json     what it does, or how it ended; written at every change of state
worker.log     standard output and error of a worker that was started as a process of its own
run.lock       locked while the worker runs; the system releases the lock however the process ends
owner.json     the process that holds the lock, and its machine; exists while the worker runs
=============  ==================================================================================================

An active state next to a free lock means that the worker died.
"""

import contextlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin

from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.files.safe_files import read_object

CRASHED: Final = "crashed"  # state of a process that ended without writing one
DAMAGED: Final = "damaged"  # state of a run, study or process whose configuration cannot be read
CRASH_MESSAGE: Final = "The process ended unexpectedly (killed or out of memory)."
LOG: Final = "worker.log"
ProcessState = Literal[
    "starting", "running", "paused", "stopping", "stopped", "finished", "failed", "crashed", "damaged"
]
PROCESS_STATES: Final[tuple[str, ...]] = get_args(ProcessState)
ACTIVE_STATES: Final = frozenset({"starting", "running", "paused", "stopping"})
_STATES: Final = frozenset(PROCESS_STATES) - {CRASHED, DAMAGED}  # that are written
ADDRESS: Final = "worker.json"
STATE: Final = "state.json"
_FORMAT_VERSION: Final = 1
_OWNER_ONLY: Final = 0o600


def optional_field(default: Any) -> Any:
    """Returns a dataclass field that files of earlier versions lack."""
    return field(default=default, metadata={"is_optional": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Addresses and token by which clients reach a worker."""

    kind: str  # "training", "demo", "human-game" or "tuning"
    pid: int
    commands: str  # ZeroMQ endpoint of the command socket
    events: str  # ZeroMQ endpoint of the event socket
    token: str

    def write(self, folder: Path) -> None:
        """Writes the address to a file that only its owner can read."""
        write_record(folder / ADDRESS, asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """State of a worker, as its file holds it."""

    state: str
    step: int = 0
    total_steps: int | None = None  # None for what has no end
    message: str = ""
    error: str = ""
    seconds: float = 0.0
    checkpoint: str = ""
    code: str = optional_field("")  # of the error
    field: str | None = optional_field(None)  # setting at fault
    evaluated_seconds: float | None = optional_field(None)  # None in files of an earlier version
    place: str = optional_field("")  # of workers that train a run; empty for this machine

    def write(self, folder: Path) -> None:
        """Writes the state file."""
        write_record(folder / STATE, asdict(self))


def read_address(folder: Path) -> Address | None:
    """Returns the address of a worker, or None if there is none that this version can read."""
    address: Address | None = read_record(folder / ADDRESS, Address)
    return address


def read_state(folder: Path) -> WorkerState | None:
    """Returns the state that a worker last wrote, or None if there is none that this version can read."""
    state: WorkerState | None = read_record(folder / STATE, WorkerState)
    return state if state is not None and state.state in _STATES else None


def status_fields(folder: Path) -> dict[str, Any]:
    """Returns a worker's state (``CRASHED`` if it ended without one) and whether it runs, as fields of a view."""
    is_alive = is_locked(folder)
    state = read_state(folder) or WorkerState(state="starting", message="Starting.")
    if not is_alive and state.state in ACTIVE_STATES:
        state = replace(state, state=CRASHED, message=CRASH_MESSAGE)
    return {"state": state.state, "message": state.message, "error": state.error, "is_alive": is_alive}


def modified_time(path: Path) -> str | None:
    """Returns the time of a file's last change, which stands in for a start that was not recorded."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone().isoformat(timespec="seconds")
    except (OSError, OverflowError, ValueError):  # a time out of the calendar's range
        return None


def remove_address(folder: Path) -> None:
    """Deletes the file that ``Address.write`` wrote."""
    with contextlib.suppress(OSError):
        (folder / ADDRESS).unlink(missing_ok=True)


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Replaces a JSON file that only the holder of the folder's lock writes; not flushed to disk."""
    data = json.dumps({"format_version": _FORMAT_VERSION, **values}, indent=2).encode()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
        file.write(data)
    partial.replace(path)


def read_record(path: Path, kind: Any) -> Any:
    """Reads a dataclass from a JSON file; returns None if this version cannot read it."""
    try:
        return from_json(kind, read_object(path))
    except (OSError, ValueError):
        return None


def from_json(kind: Any, values: Mapping[str, Any]) -> Any:
    """Makes a dataclass instance from the values of a JSON object.

    Raises:
        ValueError: if a value is missing, or is not of the field's type.
    """
    arguments = {}
    for item in fields(kind):
        value = values.get(item.name)
        if item.metadata.get("is_optional") and item.name not in values:
            continue
        if item.name not in values or not _has_type(value, item.type):
            raise ValueError(f"{item.name} is missing or is not of type {item.type}")
        arguments[item.name] = tuple(value) if isinstance(value, list) else value
    return kind(**arguments)


def _has_type(value: Any, hint: Any) -> bool:
    """Returns whether a JSON value has an annotated type; an integer is also a float."""
    if isinstance(hint, UnionType):
        return any(_has_type(value, part) for part in get_args(hint))
    if hint is None or hint is NoneType:
        return value is None
    if hint is float:
        return type(value) in (int, float) and _is_finite(value)
    origin = get_origin(hint) or hint
    if origin is tuple:
        return isinstance(value, list) and all(_has_type(item, get_args(hint)[0]) for item in value)
    return isinstance(value, dict) if origin in (dict, Mapping) else type(value) is origin


def _is_finite(number: float) -> bool:
    """Returns whether a number is finite as a float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
