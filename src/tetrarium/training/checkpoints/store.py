"""Checkpoints on disk: folders of plain files under a signed ``metadata.json``, saved and read as one.

A checkpoint may hold pickles, and unpickling runs code. So the order of reading is fixed: `read_metadata`, then
`require_trusted` unless the person trusts whoever made it, then `read_file` for each file, and only bytes that it
returned are unpickled: they are the bytes that the signature speaks for, whatever happens to the folder meanwhile.

Every message names the file and the remedy. Paths are shown as Python writes strings, so they stay on one line.
"""

import contextlib
import errno
import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib import metadata as packages
from pathlib import Path
from typing import Any, Final

from tetrarium import __version__
from tetrarium.errors import CheckpointError, DamagedCheckpointError, UntrustedCheckpointError
from tetrarium.registry.atomic import recover, write_directory
from tetrarium.registry.disk import DISK, Disk
from tetrarium.training.checkpoints.files import ANOTHER, check_sha256, opened, opened_recorded, records, shown
from tetrarium.training.checkpoints.metadata import (
    FORMAT_VERSION,
    MAX_BYTES_METADATA,
    METADATA_NAME,
    FileRecord,
    FutureFormatError,
    Metadata,
    MetadataError,
    looks_like_metadata,
)

__all__ = [
    "FileRecord",
    "Metadata",
    "library_versions",
    "read_file",
    "read_metadata",
    "require_trusted",
    "save",
    "verify",
]

_LIBRARIES: Final = ("gymnasium", "numba", "numpy", "sb3-contrib", "stable-baselines3", "torch")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_N_BYTES_FULL: Final = 64 << 10  # torch hides the system's error; with less than this free, a full disk was the reason


def save(
    path: Path,
    *,
    algorithm: str,
    training_config: Mapping[str, Any],
    env_config: Mapping[str, Any],
    counters: Mapping[str, Any],
    seed: int | None,
    write_files: Callable[[Path], None],
    secret: bytes,
    disk: Disk = DISK,
) -> Metadata:
    """Writes a checkpoint, replacing the one at ``path`` as a whole once the new one is safely on the disk.

    Args:
        path: A folder that is missing, empty or a checkpoint; anything else is left alone and refused.
        algorithm: Name of the algorithm.
        training_config: JSON-able.
        env_config: JSON-able.
        counters: JSON-able; what a reader wants to know without loading anything.
        seed: Seed of the run.
        write_files: Is given an empty folder and writes every file but the metadata into it, without sub-folders.
            What it raises passes through, unless it is the system that refused.
        secret: The home's key, with which the metadata are signed.
        disk: The system calls, for tests.

    Raises:
        CheckpointError: if it cannot be written; what was at ``path`` before is untouched.
    """
    unsigned = {
        "format_version": FORMAT_VERSION,
        "algorithm": algorithm,
        "training_config": training_config,
        "env_config": env_config,
        "counters": counters,
        "seed": seed,
        "library_versions": library_versions(),
        "files": {},
    }
    _sign(path, unsigned, secret)
    written: list[Metadata] = []

    def fill(folder: Path) -> None:
        with _full_disk_told(path, folder):
            write_files(folder)
            files = {name: asdict(record) for name, record in records(path, folder).items()}
            written[:] = [_sign(path, {**unsigned, "files": files}, secret)]
            (folder / METADATA_NAME).write_bytes(written[0].to_bytes())

    try:
        _refuse_to_replace_other_things(path)
        write_directory(path, fill, disk=disk)
    except OSError as error:
        if error.errno in _FULL:
            n_bytes_written = sum(record.size for metadata in written for record in metadata.files.values())
            raise _full_disk(path, n_bytes_written) from error
        raise CheckpointError(
            f"The checkpoint {shown(path)} cannot be written: {_reason(error)}. Save to a folder that you can write."
        ) from error
    return written[0]


def read_metadata(path: Path) -> Metadata:
    """Reads what a checkpoint says of itself; neither needs the key nor unpickles anything.

    Raises:
        DamagedCheckpointError: if ``metadata.json`` is cut short or altered.
        CheckpointError: if there is no checkpoint, or a newer version made it.
    """
    with _readable(path):
        if not path.exists():
            recover(path)
        if not path.exists():
            raise CheckpointError(f"There is no checkpoint at {shown(path)}. Check the name.")
        if not path.is_dir():
            raise CheckpointError(f"A checkpoint is a folder, but {shown(path)} is not. Name the folder.")
        if not os.path.lexists(path / METADATA_NAME):
            raise CheckpointError(
                f"{shown(path)} is not a checkpoint: it has no {METADATA_NAME}. "
                "Name the folder itself, or copy it again if it was copied in part."
            )
        with opened(path, METADATA_NAME) as file:
            data = file.read(MAX_BYTES_METADATA + 1)
    try:
        return Metadata.from_bytes(data)
    except FutureFormatError as error:
        raise CheckpointError(
            f"The checkpoint {shown(path)} was made by a newer tetrarium ({error}); update tetrarium."
        ) from error
    except MetadataError as error:
        raise DamagedCheckpointError(f"{shown(path / METADATA_NAME)} {error}. {ANOTHER}") from error


def require_trusted(path: Path, metadata: Metadata, secret: bytes) -> None:
    """Refuses a checkpoint that was not signed with this home's key, before anything of it is unpickled.

    Raises:
        UntrustedCheckpointError: if it comes from elsewhere, or its metadata were altered.
    """
    if not metadata.is_signed_with(secret):
        raise UntrustedCheckpointError(
            f"The checkpoint {shown(path)} was not made in this home, or its {METADATA_NAME} was altered, and loading "
            "it runs whatever code was put into it. Pass trust=True only if you know who made it and trust them as you "
            "would with running their program; to `tetrarium resume` that is --trust."
        )


def read_file(path: Path, metadata: Metadata, name: str) -> bytes:
    """Returns the content of one file after checking it: what is loaded is what was checked.

    Raises:
        DamagedCheckpointError: if the file is missing, cut short or altered.
        CheckpointError: if the checkpoint was replaced since the metadata were read.
    """
    with _readable(path), _replacement_told(path, metadata):
        if name not in metadata.files:
            raise DamagedCheckpointError(f"The checkpoint {shown(path)} has no {name!r}. {ANOTHER}")
        with opened_recorded(path, name, metadata.files[name]) as file:
            data = file.read()
        check_sha256(path, name, metadata.files[name], hashlib.sha256(data).hexdigest())
        return data


def verify(path: Path, metadata: Metadata) -> None:
    """Checks every file of a checkpoint against its metadata, and that there is no other.

    Raises:
        DamagedCheckpointError: if a file is missing, too many, cut short, altered or a link.
        CheckpointError: if the checkpoint was replaced since the metadata were read.
    """
    with _readable(path), _replacement_told(path, metadata):
        for extra in sorted({entry.name for entry in path.iterdir()} - {METADATA_NAME, *metadata.files}):
            raise DamagedCheckpointError(f"{shown(path / extra)} is not part of the checkpoint. Move it elsewhere.")
        for name, record in sorted(metadata.files.items()):
            with opened_recorded(path, name, record) as file:
                check_sha256(path, name, record, hashlib.file_digest(file, "sha256").hexdigest())


def library_versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of what its results depend on."""
    versions = {"python": platform.python_version(), "tetrarium": __version__}
    for library in _LIBRARIES:
        with contextlib.suppress(packages.PackageNotFoundError):
            versions[library] = packages.version(library)
    return versions


def _sign(path: Path, unsigned: Mapping[str, Any], secret: bytes) -> Metadata:
    try:
        return Metadata.signed(unsigned, secret)
    except MetadataError as error:
        raise CheckpointError(
            f"What {shown(path / METADATA_NAME)} is to say {error}. Put what is not plain JSON into a file."
        ) from error


def _refuse_to_replace_other_things(path: Path) -> None:
    if path.is_dir() and any(path.iterdir()):
        metadata = path / METADATA_NAME
        is_ours = False
        if metadata.is_file() and not metadata.is_symlink():
            with metadata.open("rb") as file:
                is_ours = looks_like_metadata(file.read(MAX_BYTES_METADATA + 1))
        if not is_ours:
            raise CheckpointError(
                f"{shown(path)} is a folder with other things than a checkpoint, and saving would replace them. "
                "Choose another name, or remove it yourself."
            )
    elif path.exists() and not path.is_dir():
        raise CheckpointError(f"{shown(path)} is a file, and a checkpoint is a folder. Choose another name.")


@contextlib.contextmanager
def _full_disk_told(path: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _says_full(error) or shutil.disk_usage(folder).free < _N_BYTES_FULL:
            n_bytes_written = sum(file.lstat().st_size for file in folder.iterdir())
            shutil.rmtree(folder, ignore_errors=True)
            raise _full_disk(path, n_bytes_written) from error
        raise


def _says_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def _full_disk(path: Path, n_bytes_written: int) -> CheckpointError:
    """Tells what is free after the unfinished checkpoint has been removed: that is what the next attempt has."""
    place = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    n_bytes_free = shutil.disk_usage(place).free
    outcome = "The previous checkpoint there is untouched." if path.exists() else "Nothing was left there."
    return CheckpointError(
        f"The disk is full: the checkpoint {shown(path)} needs more than the {n_bytes_written / 1e6:.1f} MB that were "
        f"written, and {n_bytes_free / 1e6:.1f} MB are free without them. {outcome} "
        "Free some space, or save to another disk."
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = shown(Path(os.fsdecode(error.filename)) if error.filename else path)
        raise CheckpointError(f"{name} cannot be read: {_reason(error)}. Make it readable for you.") from error


@contextlib.contextmanager
def _replacement_told(path: Path, metadata: Metadata) -> Iterator[None]:
    try:
        yield
    except (DamagedCheckpointError, FileNotFoundError):
        if read_metadata(path) != metadata:
            raise CheckpointError(
                f"The checkpoint {shown(path)} was replaced by another while it was being read. Load it again."
            ) from None
        raise


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
