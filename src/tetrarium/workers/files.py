"""What a worker writes into its folder for others: where it listens, and what it does.

=============  ==================================================================================================
worker.json    where it listens, and the token; readable by its owner only; there while the worker lives
state.json     what it does, or how it ended; written at every change
worker.log     what a worker that was spawned wrote to its standard streams
run.lock       locked as long as the worker lives, however it ends
=============  ==================================================================================================

A state that says that something goes on, beside a lock that is free, is that of a worker which died.
"""

import contextlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Protocol, TypeVar, get_args, get_origin

from tetrarium.errors import HomeError
from tetrarium.registry.plain_files import read_object
from tetrarium.training.runs.folder import is_locked

__all__ = [
    "DEAD",
    "DIED",
    "LOG",
    "STATE",
    "UNDER_WAY",
    "Address",
    "WorkerState",
    "fitted",
    "list_views",
    "read_address",
    "read_standing",
    "read_state",
    "read_values",
    "remove_address",
    "write_values",
]

DEAD: Final = "dead"  # the state of what ended without a word
DIED: Final = "Its process ended without a word, killed or out of memory."
LOG: Final = "worker.log"
UNDER_WAY: Final = frozenset({"starting", "running", "paused", "stopping"})
_STATES: Final = UNDER_WAY | {"stopped", "finished", "failed"}
_WORKER: Final = "worker.json"
STATE: Final = "state.json"
_FORMAT_VERSION: Final = 1
_OWNER_ONLY: Final = 0o600


class _Started(Protocol):
    """One of several that work, as it stands."""

    @property
    def id(self) -> str: ...

    @property
    def started(self) -> str: ...


View = TypeVar("View", bound=_Started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a worker listens."""

    kind: str  # "training", "player", "hand" or "tuning"
    pid: int
    commands: str  # as zmq names places
    events: str
    token: str

    def write(self, folder: Path) -> None:
        """Writes it so that its owner alone can read it."""
        write_values(folder / _WORKER, asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What a worker does."""

    state: str
    step: int = 0
    total_steps: int | None = None  # None for what has no end
    message: str = ""
    error: str = ""
    seconds: float = 0.0
    checkpoint: str = ""

    def write(self, folder: Path) -> None:
        """Writes it for those who come later."""
        write_values(folder / STATE, asdict(self))


def read_address(folder: Path) -> Address | None:
    """Returns where a worker listens, or None where there is none, or none that this version knows."""
    address: Address | None = read_values(folder / _WORKER, Address)
    return address


def read_state(folder: Path) -> WorkerState | None:
    """Returns what a worker last said, or None where it said nothing that this version knows."""
    state: WorkerState | None = read_values(folder / STATE, WorkerState)
    return state if state is not None and state.state in _STATES else None


def read_standing(folder: Path) -> tuple[WorkerState, bool]:
    """Returns what a worker does, "dead" of one that ended without a word, and whether it lives."""
    is_alive = is_locked(folder)
    told = read_state(folder) or WorkerState(state="starting", message="Starting.")
    if not is_alive and told.state in UNDER_WAY:
        told = replace(told, state=DEAD, message=DIED)
    return told, is_alive


def list_views(folder: Path, read: Callable[[str], View]) -> list[View]:
    """Returns what is read of each folder in one, those that were started last first; what is none is left out."""
    views = []
    for inside in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(HomeError, OSError):
            views.append(read(inside.name))
    return sorted(views, key=lambda view: (view.started, view.id), reverse=True)


def remove_address(folder: Path) -> None:
    """Removes what ``Address.write`` wrote."""
    with contextlib.suppress(OSError):
        (folder / _WORKER).unlink(missing_ok=True)


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Replaces a file that only the holder of the folder's lock writes; a power failure may lose it."""
    data = json.dumps({"format_version": _FORMAT_VERSION, **values}, indent=2).encode()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
        file.write(data)
    partial.replace(path)


def read_values(path: Path, kind: Any) -> Any:
    """Reads what was written of a dataclass; None where there is nothing that this version knows."""
    try:
        return fitted(kind, read_object(path))
    except (OSError, ValueError):
        return None


def fitted(kind: Any, values: Mapping[str, Any]) -> Any:
    """Makes a dataclass of values as JSON has them.

    Raises:
        ValueError: if one is missing, or of another type than the field says.
    """
    found = {}
    for item in fields(kind):
        value = values.get(item.name)
        if item.name not in values or not _is_of(value, item.type):
            raise ValueError(f"{item.name} is missing, or not what it should be")
        found[item.name] = tuple(value) if isinstance(value, list) else value
    return kind(**found)


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of an annotated type; a whole number is a fraction too."""
    if isinstance(hint, UnionType):
        return any(_is_of(value, part) for part in get_args(hint))
    if hint is None or hint is NoneType:
        return value is None
    if hint is float:
        return type(value) in (int, float) and _is_finite(value)
    origin = get_origin(hint) or hint
    if origin is tuple:
        return isinstance(value, list) and all(_is_of(item, get_args(hint)[0]) for item in value)
    return isinstance(value, dict) if origin in (dict, Mapping) else type(value) is origin


def _is_finite(number: float) -> bool:
    """Whether a number is one, and not too large for a fraction."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
