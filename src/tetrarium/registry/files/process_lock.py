"""Locks of folders: at most one process on one machine works in a folder.

``run.lock`` is locked (``flock``) while the process runs; the system releases the lock however the process ends.
``owner.json`` beside it names the process, is touched as a heartbeat, and is deleted at an orderly end. It counts where
a free lock proves nothing:

* it was written on another machine, whose locks the file system may not share. After minutes without a heartbeat, an
  owner that expires no longer counts, nor one whose machine differs from this one in its name only;
* ``run.lock`` was deleted and created anew, and the process on this machine is alive.

A copy of a folder has another inode number, so the owner of the original does not own the copy.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from tetrarium.errors import AlreadyRunningError, HomeError
from tetrarium.registry.files.safe_files import open_plain, read_object

LOCK: Final = "run.lock"
OWNER: Final = "owner.json"
_HEARTBEAT_S: Final = 10.0
_EXPIRY_S: Final = 600.0  # without a heartbeat, after which an owner that expires has ended
_LOCK_TRIES: Final = 5
_LOCK_EVERY_S: Final = 0.01
_START_TIME: Final = 18  # place of ``starttime`` after the state in /proc/PID/stat, proc(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Process that works in a folder."""

    host: str  # name and id of the machine
    boot: str  # of its kernel, unique for each start
    pid_namespace: str
    pid: int
    started: str  # start time of the process in clock ticks since the boot
    folder: int  # inode number
    lock: int  # inode number
    expires: bool = False  # on another machine, without a heartbeat

    @classmethod
    def this_process(cls, folder: Path, lock: int, *, expires: bool = False) -> "Owner":
        """Returns this process as the owner of a folder, whose lock has the inode number ``lock``."""
        return cls(
            host=this_host(),
            boot=this_boot(),
            pid_namespace=_pid_namespace(),
            pid=os.getpid(),
            started=start_time(os.getpid()),
            folder=folder.stat().st_ino,
            lock=lock,
            expires=expires,
        )

    @classmethod
    def read(cls, folder: Path | str) -> "Owner | None":
        """Returns the owner that is recorded in a folder; None if there is none that this version can read."""
        try:
            values = read_object(f"{folder}/{OWNER}")
            owner = cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})
            return owner if all(type(getattr(owner, item.name)) is item.type for item in fields(cls)) else None
        except (OSError, ValueError, TypeError):
            return None

    @property
    def machine(self) -> str:
        """Name of the machine."""
        return self.host.partition(" ")[0]

    def may_be_alive(self, here: "Owner", silent_s: float) -> bool:
        """Returns whether the process may be alive although its lock is free, as seen by ``here``.

        Args:
            here: Process on this machine.
            silent_s: Time since the last heartbeat.
        """
        if self.folder != here.folder:
            return False
        if self.boot != here.boot:
            was_renamed = self.host.partition(" ")[2] == here.host.partition(" ")[2] != ""  # or has a copied id
            return self.host != here.host and (silent_s < _EXPIRY_S or not (self.expires or was_renamed))
        if self.lock == here.lock:
            return False
        return self.pid_namespace != here.pid_namespace or start_time(self.pid) == self.started != ""


def this_host() -> str:
    """Returns the name and the id of this machine, of which a container may have its own."""
    return f"{socket.gethostname()} {_text('/etc/machine-id')}".strip()


def this_boot() -> str:
    """Returns the id of the running kernel, unique for each start; empty if the system has none."""
    return _text("/proc/sys/kernel/random/boot_id")


class HeldLock:
    """Lock of a folder that this process holds, kept in place and touched as a heartbeat."""

    def __init__(self, folder: Path, descriptor: int, *, expires: bool) -> None:
        self.descriptor = descriptor
        self._folder = folder
        self._ended = threading.Event()
        self._changes = threading.Lock()
        self._owner: Owner | None = None
        with contextlib.suppress(OSError):
            self._owner = _record(folder, descriptor, expires=expires)
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def keep(self) -> None:
        """Restores ``run.lock`` and ``owner.json`` if they were deleted.

        Raises:
            AlreadyRunningError: if another process holds the lock in their place.
            OSError: if they cannot be written.
        """
        with self._changes:
            if self._owner is None or self._ended.is_set() or self._folder.stat().st_ino != self._owner.folder:
                return
            if not _is_in_place(self._folder, self.descriptor):
                restored = acquire_lock(self._folder, known=self._owner)
                os.dup2(restored, self.descriptor, inheritable=False)
                os.close(restored)
            if Owner.read(self._folder) == self._owner:
                os.utime(self._folder / OWNER)
            else:
                self._owner = _record(self._folder, self.descriptor, expires=self._owner.expires)

    def release(self) -> None:
        """Deletes the record and releases the lock."""
        self._ended.set()
        self._thread.join()
        if self._owner is not None and Owner.read(self._folder) == self._owner:
            with contextlib.suppress(OSError):
                (self._folder / OWNER).unlink()
        os.close(self.descriptor)

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT_S):
            with contextlib.suppress(HomeError, OSError):  # reported when the process saves
                self.keep()


@contextlib.contextmanager
def run_lock(folder: Path, lock: int | None = None, *, expires: bool = False) -> Iterator[Callable[[], None]]:
    """Holds the lock of a folder; gives a function to check that it is still in place, ``HeldLock.keep``.

    Args:
        folder: The folder.
        lock: File descriptor of the lock, if the process was started with it.
        expires: Whether other machines may use the folder once this process has been silent for minutes.

    Raises:
        HomeError: if another process works in the folder, or it cannot be written to.
    """
    descriptor = acquire_lock(folder) if lock is None else lock
    os.set_inheritable(descriptor, False)
    held = HeldLock(folder, descriptor, expires=expires)
    try:
        yield held.keep
    finally:
        held.release()


def acquire_lock(folder: Path, *, known: Owner | None = None) -> int:
    """Locks a folder; returns the file descriptor, which holds the lock until it and all its copies are closed.

    ``known``: recorded owner that does not count.

    Raises:
        AlreadyRunningError: if another process works in the folder.
        HomeError: if the folder cannot be written to or locked.
    """
    while True:
        descriptor = _open_lock(folder)
        try:
            _lock(descriptor)
            if _is_in_place(folder, descriptor):
                _require_no_owner(folder, descriptor, known)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunningError(
                f"Another process is using {folder.name!r}. Stop it first, or choose another name."
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise HomeError(
                f"A home requires file locks, and the file system of {str(folder)!r} does not support them "
                f"({error.strerror}). Choose another home with --home or TETRARIUM_HOME."
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was deleted meanwhile


def is_locked(folder: Path | str) -> bool:
    """Returns whether a process works in a folder, as ``acquire_lock`` would find; a text is faster than a path."""
    lock = 0
    try:
        with open_plain(f"{folder}/{LOCK}") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
            lock = os.fstat(file.fileno()).st_ino
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno != errno.ENOENT:
            return False
    return _other_owner(folder, lock)[0] is not None


def other_machine(folder: Path) -> str | None:
    """Returns the name of another machine on which a process works in a folder; None if there is none."""
    owner, _ = _other_owner(folder, lock=0)
    return owner.machine if owner is not None and owner.boot != this_boot() else None


def _open_lock(folder: Path) -> int:
    try:
        return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise HomeError(
            f"The folder {str(folder)!r} cannot be written: {error.strerror}. "
            "Grant yourself write permission, or choose another home with --home or TETRARIUM_HOME."
        ) from error


def _lock(descriptor: int) -> None:
    """Locks a file; retries, because ``is_locked`` in another process holds the lock for an instant."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_EVERY_S)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_in_place(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / LOCK).stat())
    except FileNotFoundError:
        return False


def _require_no_owner(folder: Path, descriptor: int, known: Owner | None) -> None:
    owner, silent_s = _other_owner(folder, os.fstat(descriptor).st_ino)
    if owner is None or owner == known:
        return
    place = folder / OWNER
    raise AlreadyRunningError(
        f"Another process is using {folder.name!r}: process {owner.pid} on the machine {owner.machine!r}, with a "
        f"last heartbeat {silent_s:,.0f} s ago. Stop it there, or, if it is certain to have ended, delete "
        f"{str(place)!r}."
    )


def _other_owner(folder: Path | str, lock: int) -> tuple[Owner | None, float]:
    """Returns the recorded owner if it may be alive although the lock with an inode number is free.

    Returns:
        The owner, and the time since its last heartbeat.
    """
    owner = Owner.read(folder)
    if owner is not None:
        folder = Path(folder)
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            silent_s = max(0.0, time.time() - (folder / OWNER).stat().st_mtime)
            if owner.may_be_alive(Owner.this_process(folder, lock), silent_s):
                return owner, silent_s
    return None, 0.0


def _record(folder: Path, descriptor: int, *, expires: bool) -> Owner:
    owner = Owner.this_process(folder, os.fstat(descriptor).st_ino, expires=expires)
    (folder / OWNER).write_text(json.dumps(asdict(owner), indent=2), encoding="utf-8")
    return owner


def _text(path: str) -> str:
    """Returns the content of a small file of the system; empty if there is none."""
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 no path
    except OSError:
        return ""


def start_time(pid: int) -> str:
    """Returns the start time of a process in clock ticks since the boot; empty if there is none, or it has ended."""
    state, *rest = _stat(pid)
    return "" if state in ("", "Z", "X") else rest[_START_TIME]


def is_stopped(pid: int) -> bool:
    """Returns whether a signal such as SIGSTOP has stopped a process; False where the system does not show."""
    return _stat(pid)[0] == "T"


def _stat(pid: int) -> list[str]:
    """Returns the state of a process and what follows it in /proc/PID/stat, proc(5); or one empty word."""
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split() or [""]
