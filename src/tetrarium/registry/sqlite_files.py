"""SQLite files of a home: where the write-ahead log cannot be used, read-only homes, and the sentences about errors.

The files are in WAL mode, in which readers and writers never wait for each other. WAL needs memory maps shared by all
processes. Some file systems lack them, and those that other machines use too (network drives, folders shared with a
virtual machine) share them on one machine only; there a file has a rollback journal.
"""

import contextlib
import errno
import fcntl
import functools
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from tetrarium.registry.files.file_system import is_shared

BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CORRUPT: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_UNWRITABLE: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_NO_SHARED_MEMORY: Final = (sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMLOCK)
_LOCKS_FAILED: Final = (
    sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_RDLOCK, sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK, sqlite3.SQLITE_IOERR_SHMLOCK, sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOLFS,
)  # fmt: skip
_PRIMARY: Final = 0xFF  # mask of the primary result code
_FULL_BYTES: Final = 1_000_000  # free on a disk that SQLite finds full: it writes some pages at once
_HOME_REMEDY: Final = "choose another home with --home or TETRARIUM_HOME"


def is_writable(path: Path) -> bool:
    """Returns whether a database can be written, or created."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Opens a database that cannot be written; where SQLite would have to write files beside it, opens a copy."""
    uri = path.absolute().as_uri()
    with contextlib.suppress(sqlite3.OperationalError):
        return _readable(sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None))
    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-journal")]
    unmerged = [log for log in beside if log.exists() and log.stat().st_size > 0]
    if not unmerged:
        return _readable(sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None))
    with tempfile.TemporaryDirectory(prefix="tetrarium-") as folder:  # opened files outlive it
        for file in (path, *unmerged):
            shutil.copyfile(file, Path(folder, file.name))
        connection = _readable(sqlite3.connect(Path(folder, path.name), isolation_level=None))
    connection.execute("PRAGMA query_only = ON")
    return connection


def _readable(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def lacks_shared_memory(error: Exception) -> bool:
    """Returns whether WAL mode failed because files cannot be mapped into shared memory."""
    return _extended_code(error) in _NO_SHARED_MEMORY


def may_have_wal(path: Path, wait_s: float) -> bool:
    """Returns whether a database can be in WAL mode; gives it a rollback journal if other machines may use it too."""
    if not is_shared(path.parent):
        return True
    if is_writable(path):
        leave_wal(path, wait_s)
    return False


def leave_wal(path: Path, wait_s: float) -> None:
    """Gives a database a rollback journal, from the next transaction of any process on."""
    with contextlib.closing(sqlite3.connect(path, timeout=wait_s, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # reads the log without shared memory
        connection.execute("PRAGMA journal_mode = DELETE")


@functools.cache  # once per process
def has_locks(path: Path) -> bool:
    """Returns whether files beside a database can be locked; SQLite reports a lack of locks as a busy database."""
    probe = path.with_name(f".{path.name}-lock")  # closing the database itself would release its locks
    try:
        descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            probe.unlink()
    return True


def primary_code(error: BaseException) -> int:
    """Returns the primary result code of SQLite in an error or its causes; 0 for other errors."""
    return _extended_code(error) & _PRIMARY


def _extended_code(error: BaseException | None) -> int:
    while error is not None:
        cause = getattr(error, "orig", error)
        if isinstance(cause, sqlite3.Error):
            return int(getattr(cause, "sqlite_errorcode", 0))
        error = error.__cause__
    return 0


def describe(error: BaseException, path: Path, *, recovery: str, waited_s: float) -> str:
    """Returns what is wrong with a database, and the remedy, as the end of a sentence that begins with its name.

    Args:
        error: An error of SQLite, or one that it caused.
        path: The database.
        recovery: What follows from moving a damaged database away.
        waited_s: How long another program's lock was waited for.
    """
    code, extended = primary_code(error), _extended_code(error)
    if extended in _LOCKS_FAILED or (code in BUSY and not has_locks(path)):
        return f"is on a file system without file locks. Copy the home to a local disk, or {_HOME_REMEDY}."
    if code in BUSY:
        return f"has been locked by another program for {waited_s:.0f} s. Stop that program, or try later."
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_disk_full(path)):
        return "cannot grow: the disk is full. Free some space."
    if code in _CORRUPT:
        return f"is damaged or not a database. Move it away; {recovery}"
    if code in _UNWRITABLE:
        return f"cannot be opened for writing. Make it and its folder writable for you, or {_HOME_REMEDY}."
    reason = str(getattr(error, "orig", error.__cause__ or error)).partition("\n")[0]
    return f"cannot be used: {reason}. Check the disk, or {_HOME_REMEDY}."


def _is_disk_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BYTES
    except OSError:
        return False
