"""The files in a checkpoint's folder: recorded when they are written, opened and compared when they are read.

A file is never opened through a link, and nothing is read from what is not a plain file.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

from tetrarium.errors import CheckpointError, DamagedCheckpointError
from tetrarium.training.checkpoints.metadata import METADATA_NAME, FileRecord, is_file_name

__all__ = ["ANOTHER", "check_sha256", "opened", "opened_recorded", "records", "shown"]

ANOTHER: Final = "Load another checkpoint, or copy this one again from a whole one."


def shown(path: Path) -> str:
    """Returns a path as messages show it: on one line whatever it holds."""
    return repr(str(path))


def records(path: Path, folder: Path) -> dict[str, FileRecord]:
    """Returns the record of every file in ``folder``, which is going to stand at ``path``.

    Raises:
        CheckpointError: if something else than plain files lies there.
    """
    found = {}
    for file in sorted(folder.iterdir()):
        name, status = file.name, file.lstat()
        if not is_file_name(name) or not stat.S_ISREG(status.st_mode):
            raise CheckpointError(
                f"A checkpoint holds plain files only, but {name!r} was written into {shown(path)}. "
                f"Name files by letters, digits, '.', '_' and '-', other than {METADATA_NAME}, without sub-folders."
            )
        with file.open("rb") as content:
            found[name] = FileRecord(size=status.st_size, sha256=hashlib.file_digest(content, "sha256").hexdigest())
    return found


@contextlib.contextmanager
def opened(path: Path, name: str) -> Iterator[BufferedReader]:
    """Opens a file of the checkpoint.

    Raises:
        DamagedCheckpointError: if it is missing, a link or not a plain file.
    """
    try:
        descriptor = os.open(path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DamagedCheckpointError(f"{shown(path / name)} is missing. {ANOTHER}") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DamagedCheckpointError(f"{shown(path / name)} is a link, not a file. {ANOTHER}") from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DamagedCheckpointError(f"{shown(path / name)} is not a plain file. {ANOTHER}")
        yield file


@contextlib.contextmanager
def opened_recorded(path: Path, name: str, record: FileRecord) -> Iterator[BufferedReader]:
    """Opens a file after comparing its size with the record.

    Raises:
        DamagedCheckpointError: if it is not what `opened` opens, or of another size.
    """
    with opened(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size != record.size:
            what = "cut short" if size < record.size else "altered"
            raise DamagedCheckpointError(f"{shown(path / name)} is {what}: {size} bytes of {record.size}. {ANOTHER}")
        yield file


def check_sha256(path: Path, name: str, record: FileRecord, sha256: str) -> None:
    """Compares a hash with the record.

    Raises:
        DamagedCheckpointError: if it is another.
    """
    if sha256 != record.sha256:
        raise DamagedCheckpointError(
            f"{shown(path / name)} is altered: its SHA-256 begins with {sha256[:8]}, not {record.sha256[:8]}. {ANOTHER}"
        )
