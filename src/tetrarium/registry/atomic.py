"""Files and folders that are replaced as one: under a name lies the old content or the new, whole, at every instant.

New content is made beside its place under a hidden name, flushed to the disk, and put in place by one rename:

* a folder that exists is exchanged with the new one (``renameat2``), and the old one is removed from the hidden name;
* where folders cannot be exchanged, the place is a relative symbolic link to the hidden folder, and the link is
  replaced. Such a folder is moved or copied with its neighbours, or by following the link;
* last, the parent folder is flushed.

Hidden names are ``.tetrarium-`` and 16 hexadecimal digits. A writer holds the lock of what it makes, so the next
writer in the same folder can tell what a killed process has left behind, and removes it. Process numbers would not
do: they are reused, and differ between containers that share a folder.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tetrarium.registry.disk import DISK, Disk, folder_lock, held_lock, is_unowned

__all__ = ["create_directory", "recover", "remove_directory", "sweep", "write_directory", "write_file"]

_PREFIX: Final = ".tetrarium-"
_HIDDEN: Final = re.compile(re.escape(_PREFIX) + r"[0-9a-f]{16}")
_CANNOT_EXCHANGE: Final = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)  # EPERM: a container's filter
_MAX_LINKS: Final = 40  # as many as Linux follows, path_resolution(7)


def write_directory(path: Path, fill: Callable[[Path], None], *, disk: Disk = DISK) -> None:
    """Replaces the folder ``path`` as a whole by one that ``fill`` writes.

    Whatever lay in the old folder is gone afterwards, so check first whether it may go. On any error, and if the
    process is killed, the old folder stays as it was. A link of the user's is followed.

    Args:
        path: The folder; missing parents are made.
        fill: Is given an empty folder and writes the new content into it.
        disk: The system calls, for tests.

    Raises:
        NotADirectoryError: if ``path`` is a file.
        OSError: if something cannot be written, ``ENOSPC`` among others.
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


def create_directory(path: Path, fill: Callable[[Path], None], *, disk: Disk = DISK) -> None:
    """Makes a folder that has all its content from its first instant on; of several writers one does.

    Args:
        path: The folder, which is missing or empty; missing parents are made.
        fill: Is given an empty folder and writes the content into it.
        disk: The system calls, for tests.

    Raises:
        FileExistsError: if there is something already.
        OSError: if something cannot be written; there is no folder then.
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
    """Replaces the file ``path`` as a whole; the rules are those of `write_directory`.

    Raises:
        OSError: if something cannot be written; the old file then stays as it was.
    """
    path = _followed(path)
    _make_parents(path.parent, disk)
    with _hidden_beside(path, lambda hidden: hidden.touch(exist_ok=False)) as hidden:
        hidden.write_bytes(data)
        disk.flush(hidden)
        disk.rename(hidden, path)
        disk.flush(path.parent)


def remove_directory(path: Path, *, disk: Disk = DISK) -> None:
    """Removes a folder as a whole: it is gone from ``path`` in one step, also where the place is a link.

    Raises:
        OSError: if there is no folder, or it cannot be removed; it then stays as it was.
    """
    path = _followed(path)
    hidden = _hidden_name(path)
    with folder_lock(path.parent):
        _recover(path)
        _check_folder(path)
        content = path.parent / path.readlink() if path.is_symlink() else hidden
        disk.rename(path, hidden)
        disk.flush(path.parent)
        _remove(hidden)
        _remove(content)


def sweep(folder: Path) -> None:
    """Removes what killed writers have left in a folder, as the next writer there would; a missing folder is clean."""
    if folder.is_dir():
        with folder_lock(folder) as is_locked:
            if is_locked:
                _sweep(folder)


def recover(path: Path) -> None:
    """Puts a folder back that a process was killed in the middle of turning into a link; mostly there is nothing to do.

    Only where folders cannot be exchanged, and only when one that was copied there is first written over, is a name
    missing for an instant. Readers call this before they conclude that there is nothing at ``path``.
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
    return path.with_name(f"{_PREFIX}{secrets.token_hex(8)}")


def _displaced(path: Path) -> Path:
    return path.with_name(f"{_PREFIX}old-{path.name}")


def _is_versioned(path: Path) -> bool:
    return path.is_symlink() and _HIDDEN.fullmatch(str(path.readlink())) is not None


def _followed(path: Path) -> Path:
    """Returns the absolute path behind the user's links, up to a link of ours, with no link among its parents."""
    for _ in range(_MAX_LINKS):
        if path.name in ("", ".."):
            return Path(os.path.realpath(path))
        path = Path(os.path.realpath(path.parent), path.name)
        if not path.is_symlink() or _is_versioned(path):
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _make_parents(folder: Path, disk: Disk) -> None:
    missing = [ancestor for ancestor in (folder, *folder.parents) if not ancestor.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        disk.flush(made.parent)


@contextlib.contextmanager
def _hidden_beside(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Makes and owns something under a new hidden name; whatever has that name at the end is removed."""
    hidden = _hidden_name(path)
    try:
        with contextlib.ExitStack() as owned:
            with folder_lock(path.parent) as is_locked:
                if is_locked:
                    _sweep(path.parent)
                make(hidden)
                owned.enter_context(held_lock(hidden))
            yield hidden
    finally:
        if not (path.is_symlink() and str(path.readlink()) == hidden.name):
            _remove(hidden)


def _sweep(folder: Path) -> None:
    """Removes what no living process owns and no link needs; the caller holds the folder's lock."""
    with os.scandir(folder) as entries:
        names = [Path(entry.path) for entry in entries if entry.is_symlink() or _HIDDEN.fullmatch(entry.name)]
    hidden = [name for name in names if _HIDDEN.fullmatch(name.name)]
    if not hidden:
        return
    needed = {str(name.readlink()) for name in names if name not in hidden and name.is_symlink()}
    for name in hidden:
        if name.name not in needed and (name.is_symlink() or is_unowned(name)):
            _remove(name)


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
    """Tries it on two empty folders: the first write must know, because a folder cannot become a link in one step."""
    one, other = _hidden_name(path), _hidden_name(path)
    try:
        one.mkdir()
        other.mkdir()
        disk.exchange(one, other)
    except OSError as error:
        if error.errno in _CANNOT_EXCHANGE:
            return False
        raise
    finally:
        _remove(one)
        _remove(other)
    return True


def _put_link_in_place(hidden: Path, path: Path, disk: Disk) -> None:
    old = path.parent / path.readlink() if path.is_symlink() else None
    link = _hidden_name(path)
    link.symlink_to(hidden.name)
    try:
        if path.is_dir() and not path.is_symlink():
            disk.rename(path, _displaced(path))
        disk.rename(link, path)
    finally:
        _remove(link)
    disk.flush(path.parent)
    if old is not None:
        _remove(old)
