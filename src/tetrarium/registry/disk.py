"""The system calls on which the safety of saved files rests, and the locks between processes that save.

`Disk` is a seam: a test passes one that records, refuses or dies at a call. Paths are absolute. Locks are advisory
(``flock``), lie on folders and files themselves, and end with their process; on a file system without them the
functions here say so and callers do without.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["DISK", "Disk", "folder_lock", "held_lock", "is_unowned"]

_AT_FDCWD: Final = -100  # renameat2(2): paths are not relative to an open folder
_RENAME_EXCHANGE: Final = 2  # renameat2(2): both names stay, what they stand for is swapped


class Disk:
    """Flushing, renaming and exchanging, each one system call that may raise `OSError`."""

    def flush(self, path: Path) -> None:
        """Waits until a file's content, or a folder's list of names, would survive a power failure."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Gives ``source`` the name ``target``, replacing a file, a link or an empty folder of that name at once."""
        source.rename(target)

    def exchange(self, one: Path, other: Path) -> None:
        """Swaps what two names of one file system stand for, so that neither is ever missing.

        Raises:
            OSError: ``ENOSYS`` where the system has no ``renameat2``, ``EINVAL`` where the file system cannot swap.
        """
        try:
            renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
        except AttributeError:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(one), None, str(other)) from None
        if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(one), None, str(other))


DISK: Final = Disk()


def _lock(descriptor: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    is_locked = False
    try:
        is_locked = _lock(descriptor, wait=wait)
        yield is_locked
    finally:
        if is_locked:
            # A child forked meanwhile holds a copy of the descriptor, so closing ours would not unlock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Waits for the folder's lock and holds it; yields whether the file system has locks at all."""
    with _locked(folder, wait=True) as is_locked:
        yield is_locked


@contextlib.contextmanager
def held_lock(path: Path) -> Iterator[None]:
    """Marks a file or folder as owned by this process for the length of the block, under whatever name."""
    with _locked(path, wait=False):
        yield


def is_unowned(path: Path) -> bool:
    """Whether no living process holds the file's or folder's lock; False also where that cannot be told."""
    try:
        with _locked(path, wait=False) as is_locked:
            return is_locked
    except OSError:
        return False
