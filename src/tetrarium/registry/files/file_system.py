"""File systems of homes: their type, and what some of them lack, such as permissions and flushing of folders."""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

UNSUPPORTED: Final = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)  # EPERM: also a seccomp filter
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SHARED: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
        "panfs", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
    }
)  # fmt: skip


def flush(path: Path) -> None:
    """Waits until the content of a file, or the entries of a folder, would survive a power failure.

    Some file systems, such as SMB's, cannot flush folders and write their entries by themselves. A pipe in the place of
    a file is an error and blocks nothing.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
    finally:
        os.close(descriptor)


def is_private(status: os.stat_result) -> bool:
    """Returns whether a file belongs to this user and only its owner may read or change it."""
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS


def new_file_status(folder: Path) -> os.stat_result | None:
    """Returns the status of a new file for this user alone, or None in a read-only folder.

    Where the file system has no permissions or owners, it is not private.
    """
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(dir=folder, prefix=".tetrarium-mode-") as file:
        return os.fstat(file.fileno())
    return None


def file_system_type(path: Path) -> str:
    """Returns the type of the file system of a path, such as ``"ext4"``; empty if it is unknown."""
    with contextlib.suppress(OSError, IndexError):
        device = next(place for place in (path, *path.absolute().parents) if place.exists()).stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            mount, _, source = line.partition(" - ")  # proc_pid_mountinfo(5)
            if mount.split()[2] == number:
                return source.split()[0]
    return ""


def is_shared(path: Path) -> bool:
    """Returns whether other machines may use a file system too, so that memory maps of its files are not coherent."""
    return file_system_type(path).partition(".")[0] in _SHARED  # "fuse.sshfs"
