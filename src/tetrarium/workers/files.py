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
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

from tetrarium.registry.plain_files import read_object

__all__ = [
    "LOG",
    "STATE",
    "UNDER_WAY",
    "Address",
    "WorkerState",
    "fitted",
    "read_address",
    "read_state",
    "read_values",
    "remove_address",
    "write_values",
]

LOG: Final = "worker.log"
UNDER_WAY: Final = frozenset({"starting", "running", "paused", "stopping"})
_STATES: Final = UNDER_WAY | {"stopped", "finished", "failed"}
_WORKER: Final = "worker.json"
STATE: Final = "state.json"
_FORMAT_VERSION: Final = 1
_OWNER_ONLY: Final = 0o600


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
