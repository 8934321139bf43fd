"""Atomic replacement of files and folders: at every instant a name refers to the complete old or new content.

New content is written next to its target under a hidden name, flushed to the disk, and renamed:

* an existing folder is exchanged with the new one (``renameat2``), and the old one is removed from the hidden name;
* where folders cannot be exchanged, the target is a relative symbolic link to the hidden folder, and the link is
  replaced. Such a folder is moved or copied together with its siblings, or by following the link;
* where there are no links either, the old folder is renamed first, and `recover` restores it after a kill;
* finally the parent folder is flushed.

Hidden names are ``.tetrarium-`` and 16 hexadecimal digits, of which the first ten identify the writer's machine and
its kernel. A writer holds the lock of what it writes, so the next writer in the same folder recognizes and removes
leftovers of killed processes. Process ids would not work: they are reused, and differ between containers that share a
folder. Locks prove nothing about a writer on another machine, whose leftovers are removed when they are a day old.

Tests replace ``Disk``, the system calls, by one that records calls, fails or exits at one. Paths are absolute. Locks
are advisory (``flock``), are held on folders and files themselves, and end with their process. On a file system without
locks the functions report that, and callers continue without.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tetrarium.errors import naming_file
from tetrarium.registry.files import file_system
from tetrarium.registry.files.process_lock import this_boot, this_host

_AT_FDCWD: Final = -100  # renameat2(2): paths are not relative to an open folder
_RENAME_EXCHANGE: Final = 2  # renameat2(2): exchanges the targets of both names


class Disk:
    """Flush, rename, exchange and link; each is one system call that may raise `OSError`."""

    def flush(self, path: Path) -> None:
        """Waits until the content of a file, or the entries of a folder, would survive a power failure."""
        file_system.flush(path)

    def rename(self, source: Path, target: Path) -> None:
        """Renames ``source`` to ``target``, atomically replacing a file, a link or an empty folder."""
        source.rename(target)

    def exchange(self, one: Path, other: Path) -> None:
        """Atomically exchanges the targets of two names on one file system.

        Raises:
            OSError: ``ENOSYS`` if the system has no ``renameat2``, ``EINVAL`` if the file system cannot exchange.
        """
        try:
            renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
        except AttributeError:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(one), None, str(other)) from None
        if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(one), None, str(other))

    def symlink(self, link: Path, target: str) -> None:
        """Creates a symbolic link."""
        link.symlink_to(target)


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
            # A child process may have inherited the descriptor, so closing it here would not unlock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Waits for and holds a folder's lock, also through a link; yields whether the file system supports locks."""
    with _locked(folder.resolve(), wait=True) as is_locked:
        yield is_locked


@contextlib.contextmanager
def held_lock(path: Path) -> Iterator[None]:
    """Marks a file or folder as owned by this process during the block, even if it is renamed."""
    with _locked(path, wait=False):
        yield


def is_unowned(path: Path) -> bool:
    """Returns whether no process holds the lock of a file or folder; False also if that is unknown."""
    try:
        with _locked(path, wait=False) as is_locked:
            return is_locked
    except OSError:
        return False


_PREFIX: Final = ".tetrarium-"
_HIDDEN: Final = re.compile(re.escape(_PREFIX) + r"[0-9a-f]{16}")
_N_TAG: Final = 5  # hexadecimal digits of each part of a writer's tag
_ABANDONED_S: Final = 86_400.0  # age at which a leftover of another machine is removed; writing takes minutes at most
_MAX_LINKS: Final = 40  # limit of Linux, path_resolution(7)


def write_directory(path: Path, fill: Callable[[Path], object], *, disk: Disk = DISK) -> None:
    """Replaces the folder ``path`` by one that ``fill`` writes.

    All content of the old folder is deleted. After an error, or if the process is killed, the old folder is unchanged.
    Links made by users are followed.

    Args:
        path: The folder; missing parents are created.
        fill: Called with an empty folder, into which it writes the new content.
        disk: System calls; replaced in tests.

    Raises:
        NotADirectoryError: if ``path`` is a file.
        OSError: if something cannot be written, for example ``ENOSPC``.
    """
    path = _followed(path)
    _make_parents(path.parent, disk)
    with _hidden_beside(path, lambda hidden: hidden.mkdir()) as hidden:
        fill(hidden)
        _flush_tree(hidden, disk)
        with folder_lock(path.parent):
            _recover(path)
            try:
                _put_in_place(hidden, path, disk)
            finally:
                _recover(path)


def create_directory(path: Path, fill: Callable[[Path], object], *, disk: Disk = DISK) -> None:
    """Creates a folder together with its content; only one of several concurrent writers succeeds.

    Args:
        path: The folder, which is missing or empty; missing parents are created.
        fill: Called with an empty folder, into which it writes the content.
        disk: System calls; replaced in tests.

    Raises:
        FileExistsError: if ``path`` exists and is not empty.
        OSError: if something cannot be written; then no folder is created.
    """
    path = _followed(path)
    _make_parents(path.parent, disk)
    with _hidden_beside(path, lambda hidden: hidden.mkdir()) as hidden:
        fill(hidden)
        _flush_tree(hidden, disk)
        try:
            disk.rename(hidden, path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            raise
        disk.flush(path.parent)


def write_file(path: Path, data: bytes, *, disk: Disk = DISK) -> None:
    """Replaces the file ``path``, by the rules of `write_directory`.

    Raises:
        OSError: if something cannot be written; then the old file is unchanged.
    """
    path = _followed(path)
    _make_parents(path.parent, disk)
    with _hidden_beside(path, lambda hidden: hidden.touch(exist_ok=False)) as hidden:
        hidden.write_bytes(data)
        disk.flush(hidden)
        disk.rename(hidden, path)
        disk.flush(path.parent)


def remove_directory(path: Path, *, disk: Disk = DISK) -> None:
    """Removes a folder atomically, also if ``path`` is a link; links made by users are removed after it.

    Raises:
        OSError: if there is no folder, or it cannot be removed; then it is unchanged.
    """
    path, links = _follow(path)
    hidden = _hidden_name(path)
    with folder_lock(path.parent):
        _recover(path)
        _check_folder(path)
        content = path.parent / path.readlink() if path.is_symlink() else hidden
        disk.rename(path, hidden)
        disk.flush(path.parent)
        _remove(hidden)
        _remove(content)
    for link in links:
        link.unlink(missing_ok=True)


@contextlib.contextmanager
def removed_on_error(folder: Path) -> Iterator[None]:
    """Removes a new folder again if the block raises."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            remove_directory(folder)
        raise


def sweep(folder: Path) -> None:
    """Removes leftovers of killed writers in a folder, as the next writer would; the folder may be missing."""
    if folder.is_dir():
        with folder_lock(folder) as is_locked:
            if is_locked:
                _sweep(folder)


def recover(path: Path) -> None:
    """Restores a folder if a process was killed while replacing it without an exchange.

    A name is missing for an instant only where folders cannot be exchanged, when a folder that was copied there is
    first replaced, and where there are no links either. Readers call this before they conclude that ``path`` does not
    exist.
    """
    path = _followed(path)
    if _displaced(path).is_dir():
        with folder_lock(path.parent):
            _recover(path)


def _recover(path: Path) -> None:
    displaced = _displaced(path)
    if not displaced.is_dir():
        return
    if os.path.lexists(path):
        shutil.rmtree(displaced, ignore_errors=True)
    else:
        displaced.rename(path)


def _hidden_name(path: Path) -> Path:
    return path.with_name(f"{_PREFIX}{''.join(_writer_tags())}{secrets.token_hex(3)}")


@functools.cache
def _writer_tags() -> tuple[str, str]:
    """Returns digests of this machine and of its kernel."""
    host, boot = (
        hashlib.sha256(part.encode()).hexdigest()[:_N_TAG] for part in (this_host(), this_boot() or this_host())
    )
    return host, boot


def _displaced(path: Path) -> Path:
    return path.with_name(f"{_PREFIX}old-{path.name}")


def _is_versioned(path: Path) -> bool:
    return path.is_symlink() and _HIDDEN.fullmatch(str(path.readlink())) is not None


def _followed(path: Path) -> Path:
    """Resolves links made by users, but not those of this module; no parent of the result is a link."""
    return _follow(path)[0]


def _follow(path: Path) -> tuple[Path, list[Path]]:
    """Returns the result of ``_followed``, and the links to it."""
    links: list[Path] = []
    for _ in range(_MAX_LINKS):
        if path.name in ("", ".."):
            return Path(os.path.realpath(path)), links
        path = Path(os.path.realpath(path.parent), path.name)
        if not path.is_symlink() or _is_versioned(path):
            return path, links
        links.append(path)
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _make_parents(folder: Path, disk: Disk) -> None:
    missing = [ancestor for ancestor in (folder, *folder.parents) if not ancestor.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        disk.flush(made.parent)


@contextlib.contextmanager
def _hidden_beside(path: Path, make: Callable[[Path], object]) -> Iterator[Path]:
    """Creates and locks something under a new hidden name, and removes what has that name at the end."""
    hidden = _hidden_name(path)
    try:
        with contextlib.ExitStack() as owned:
            with folder_lock(path.parent) as is_locked:
                if is_locked:
                    _sweep(path.parent)
                make(hidden)
                owned.enter_context(held_lock(hidden))
            with naming_file(path):
                yield hidden
    finally:
        if not (path.is_symlink() and str(path.readlink()) == hidden.name):
            _remove(hidden)


def _sweep(folder: Path) -> None:
    """Removes hidden entries that no process owns and no link refers to; the caller holds the folder's lock."""
    with os.scandir(folder) as entries:
        names = [Path(entry.path) for entry in entries if entry.is_symlink() or _HIDDEN.fullmatch(entry.name)]
    hidden = [name for name in names if _HIDDEN.fullmatch(name.name)]
    if not hidden:
        return
    needed = {str(name.readlink()) for name in names if name not in hidden and name.is_symlink()}
    for name in hidden:
        if name.name not in needed and (name.is_symlink() or is_unowned(name)) and _is_abandoned(name):
            _remove(name)


def _is_abandoned(hidden: Path) -> bool:
    """Returns whether the writer of a hidden entry that is not locked has ended.

    On this machine a free lock proves it; of another machine's entry only its age. Containers of a machine share its
    kernel and thus the locks; a machine that was restarted has a new kernel.
    """
    host, boot = _writer_tags()
    digits = hidden.name.removeprefix(_PREFIX)
    if digits[:_N_TAG] == host or digits[_N_TAG : 2 * _N_TAG] == boot:
        return True
    try:
        return time.time() - hidden.lstat().st_mtime > _ABANDONED_S
    except FileNotFoundError:
        return False


def _remove(name: Path) -> None:
    if name.is_dir() and not name.is_symlink():
        shutil.rmtree(name, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)


def _flush_tree(folder: Path, disk: Disk) -> None:
    for root, names in _walk_upwards(folder):
        for name in names:
            if stat.S_ISREG(name.lstat().st_mode):
                disk.flush(name)
        disk.flush(root)


def _walk_upwards(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    def refuse(error: OSError) -> None:
        raise error

    for root, _, names in os.walk(folder, topdown=False, onerror=refuse):
        yield Path(root), [Path(root, name) for name in names]


def _put_in_place(hidden: Path, path: Path, disk: Disk) -> None:
    _check_folder(path)
    if _is_versioned(path) or not _can_exchange_beside(path, disk):
        _put_link_in_place(hidden, path, disk)
    elif path.is_dir():
        disk.exchange(hidden, path)
        disk.flush(path.parent)
    else:
        disk.rename(hidden, path)
        disk.flush(path.parent)


def _check_folder(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir() and not path.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def _can_exchange_beside(path: Path, disk: Disk) -> bool:
    """Tries to exchange two empty folders; a folder that was written as such cannot become a link atomically."""
    one, other = _hidden_name(path), _hidden_name(path)
    try:
        one.mkdir()
        other.mkdir()
        disk.exchange(one, other)
    except OSError as error:
        if error.errno in file_system.UNSUPPORTED:
            return False
        raise
    finally:
        _remove(one)
        _remove(other)
    return True


def _put_link_in_place(hidden: Path, path: Path, disk: Disk) -> None:
    old = path.parent / path.readlink() if path.is_symlink() else None
    link = _hidden_name(path)
    try:
        disk.symlink(link, hidden.name)
    except OSError as error:
        if error.errno not in file_system.UNSUPPORTED:
            raise
        link = hidden
    try:
        if path.is_dir() and not path.is_symlink():
            disk.rename(path, _displaced(path))
        disk.rename(link, path)
    finally:
        _remove(link)
    disk.flush(path.parent)
    if old is not None:
        _remove(old)
