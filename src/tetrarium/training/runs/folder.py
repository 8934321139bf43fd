"""A run's folder: which of its checkpoints there are, and who trains in it.

``runs/NAME/`` holds ``config.json``, ``checkpoints/<step>/``, ``best/`` (the weights that did best in evaluation),
``episodes.csv``, ``evaluations.csv``, ``progress.csv``, ``replays/`` and TensorBoard events; ``run.lock`` is locked
while a process trains, which shows its games in ``boards``.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tetrarium.errors import FolderMovedError, HomeError
from tetrarium.registry.atomic import remove_directory
from tetrarium.registry.plain_files import open_plain

__all__ = [
    "BEST",
    "BOARDS",
    "LOCK",
    "checkpoint_steps",
    "checkpoints_to_drop",
    "held_in_place",
    "is_locked",
    "latest_checkpoint",
    "only_trainer",
    "remove_checkpoint",
    "take_lock",
]

BEST: Final = "best"
BOARDS: Final = "boards"  # a file, mostly of holes, by which a worker shows games
LOCK: Final = "run.lock"
_LOCK_TRIES: Final = 5
_LOCK_EVERY_S: Final = 0.01


def checkpoint_steps(folder: Path) -> list[int]:
    """Steps at which a run has checkpoints, in order."""
    inside = folder / "checkpoints"
    return sorted(int(path.name) for path in inside.iterdir() if path.name.isdecimal()) if inside.is_dir() else []


def latest_checkpoint(folder: Path) -> Path | None:
    """Returns the run's latest checkpoint, or None where none was saved yet."""
    steps = checkpoint_steps(folder)
    return folder / "checkpoints" / str(steps[-1]) if steps else None


def checkpoints_to_drop(
    steps: Sequence[int], keep_latest: int, keep_every: int | None, keep: frozenset[int] = frozenset()
) -> list[int]:
    """Which checkpoints the retention rule lets go.

    >>> checkpoints_to_drop([100, 250, 300, 450, 500, 600], keep_latest=1, keep_every=200, keep=frozenset({300}))
    [100, 500]

    Args:
        steps: Of the checkpoints there are, in order.
        keep_latest: How many of the latest stay.
        keep_every: The first of every so many steps stays too.
        keep: Further ones that stay.
    """
    kept = {*steps[-keep_latest:], *keep}
    if keep_every is not None:
        first: dict[int, int] = {}
        for step in steps:
            first.setdefault(step // keep_every, step)
        kept |= {step for step in first.values() if step >= keep_every}
    return [step for step in steps if step not in kept]


@contextlib.contextmanager
def only_trainer(folder: Path, lock: int | None = None) -> Iterator[None]:
    """Holds the run's lock, which ends with the process however that ends.

    Args:
        folder: The run's.
        lock: A descriptor of the lock, if this process was started with it.

    Raises:
        HomeError: if another process trains this run, or its folder cannot be written.
    """
    descriptor = take_lock(folder) if lock is None else lock
    os.set_inheritable(descriptor, False)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held_in_place(folder: Path) -> Iterator[Callable[[], None]]:
    """Gives what raises once a run's folder is no longer the one that was there, which files would be made in anew.

    The folder is held open, so that the system gives its number to no other meanwhile.

    Raises:
        FolderMovedError: by what is given, if the folder was moved, removed, or replaced by another of its name.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def require() -> None:
        try:
            is_there = os.path.samestat(os.fstat(descriptor), folder.stat())
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        if not is_there:
            raise FolderMovedError(
                f"The run's folder {str(folder)!r} was moved or removed while it trained. "
                "Put it back, and go on by `tetrarium resume`."
            )

    try:
        yield require
    finally:
        os.close(descriptor)


def take_lock(folder: Path) -> int:
    """Locks a run's folder; returns the descriptor that holds the lock until it is closed, copies of it included.

    Raises:
        HomeError: if another process trains this run, or its folder cannot be written.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise HomeError(
            f"The run's folder {str(folder)!r} cannot be written: {error.strerror}. "
            "Make it writable for you, or begin a run of your own by `tetrarium train --from`."
        ) from error
    try:
        _lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        raise HomeError(
            f"One process trains a run at a time, and {folder.name!r} is being trained by another. "
            "Stop that one first, or start a run of another name."
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise HomeError(
            f"One process trains a run at a time, and the file system of {str(folder)!r} cannot lock files "
            f"({error.strerror}). Choose another home with --home or TETRARIUM_HOME."
        ) from error
    return descriptor


def _lock(descriptor: int) -> None:
    """Locks a file; who looks whether it is locked holds the lock for an instant, and is waited for."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_EVERY_S)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of a run's or player's folder."""
    try:
        with open_plain(folder / LOCK) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def remove_checkpoint(folder: Path, step: int) -> None:
    """Removes one checkpoint as a whole."""
    remove_directory(folder / "checkpoints" / str(step))
