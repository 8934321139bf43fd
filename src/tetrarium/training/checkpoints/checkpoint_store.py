"""Checkpoints on disk: folders of regular files under a signed ``metadata.json``, saved and replaced atomically.

A checkpoint may contain pickles, and unpickling executes code. So the order of reading is fixed: ``read_metadata``,
then ``require_trusted`` unless the user trusts the author, then ``read_file`` for each file. Only bytes that
``read_file`` returned are unpickled: the signature covers these bytes, even if the folder changes meanwhile.

Only regular files are opened, never through a symbolic link. Every message names the file and the remedy. Paths are
shown as Python string literals, so they stay on one line.
"""

import contextlib
import errno
import hashlib
import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib import metadata as packages
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from tetrarium import __version__, errors
from tetrarium.registry.files.atomic import DISK, Disk, recover, write_directory
from tetrarium.training.checkpoints import metadata as checkpoint_metadata
from tetrarium.training.checkpoints.processors import selected_code

REMEDY: Final = "Load another checkpoint, or restore this one from an intact copy."
_LIBRARIES: Final = ("gymnasium", "numba", "numpy", "sb3-contrib", "stable-baselines3", "torch")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


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
) -> checkpoint_metadata.Metadata:
    """Writes a checkpoint, atomically replacing the one at ``path`` once the new one is safely on disk.

    Args:
        path: A folder that is missing, empty or a checkpoint; anything else is rejected and left untouched.
        algorithm: Name of the algorithm.
        training_config: JSON-able.
        env_config: JSON-able.
        counters: JSON-able numbers that can be read without loading the agent.
        seed: Seed of the run.
        write_files: Receives an empty folder and writes every file but the metadata into it, without sub-folders. Its
            exceptions propagate, except for errors of the operating system.
        secret: The home's key, which signs the metadata.
        disk: The system calls, for tests.

    Raises:
        CheckpointError: if it cannot be written; an existing checkpoint is then untouched.
    """
    unsigned = {
        "format_version": checkpoint_metadata.FORMAT_VERSION,
        "algorithm": algorithm,
        "training_config": training_config,
        "env_config": env_config,
        "counters": counters,
        "seed": seed,
        "library_versions": {**library_versions(), **selected_code()},
        "files": {},
    }
    _sign(path, unsigned, secret)
    written: list[checkpoint_metadata.Metadata] = []

    def fill(folder: Path) -> None:
        with _full_disk_reported(path, folder):
            write_files(folder)
            files = {name: asdict(record) for name, record in file_records(path, folder).items()}
            written[:] = [_sign(path, {**unsigned, "files": files}, secret)]
            (folder / checkpoint_metadata.METADATA_NAME).write_bytes(written[0].to_bytes())

    _replace(path, fill, lambda: sum(file.size for one in written for file in one.files.values()), disk)
    return written[0]


def install(path: Path, files: Mapping[str, bytes], secret: bytes) -> None:
    """Writes a checkpoint that another home made, and signs it: from now on it is trusted in this one.

    Args:
        path: As for ``save``.
        files: The content of each file by name.
        secret: The home's key.

    Raises:
        DamagedCheckpointError: if the files are not those of the checkpoint's metadata.
        CheckpointError: if it cannot be written; an existing checkpoint is then untouched.
    """
    try:
        metadata = checkpoint_metadata.Metadata.from_bytes(files.get(checkpoint_metadata.METADATA_NAME, b""))
    except checkpoint_metadata.MetadataError as error:
        raise errors.DamagedCheckpointError(f"The checkpoint for {quoted(path)} {error}. {REMEDY}") from error
    found = {
        name: checkpoint_metadata.FileRecord(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in files.items()
        if name != checkpoint_metadata.METADATA_NAME
    }
    if found != metadata.files:
        raise errors.DamagedCheckpointError(f"The checkpoint for {quoted(path)} was altered on its way. {REMEDY}")
    signed = _sign(path, metadata.unsigned(), secret)

    def fill(folder: Path) -> None:
        with _full_disk_reported(path, folder):
            for name in found:
                (folder / name).write_bytes(files[name])
            (folder / checkpoint_metadata.METADATA_NAME).write_bytes(signed.to_bytes())

    _replace(path, fill, lambda: sum(record.size for record in found.values()), DISK)


def _replace(path: Path, fill: Callable[[Path], None], n_bytes: Callable[[], int], disk: Disk) -> None:
    """Replaces a checkpoint; ``n_bytes`` returns the size of what ``fill`` has written, for the message."""
    try:
        _require_replaceable(path)
        write_directory(path, fill, disk=disk)
    except OSError as error:
        if error.errno in _FULL:
            raise _full_disk(path, n_bytes()) from error
        raise errors.CheckpointError(
            f"The checkpoint {quoted(path)} cannot be written: {_reason(error)}. "
            "Save to a folder that you can write to."
        ) from error


def read_metadata(path: Path) -> checkpoint_metadata.Metadata:
    """Reads the metadata of a checkpoint; requires no key and unpickles nothing.

    Raises:
        DamagedCheckpointError: if ``metadata.json`` is incomplete or altered.
        CheckpointError: if there is no checkpoint, or a newer version made it.
    """
    with _readable(path):
        if not path.exists():
            recover(path)
        if not path.exists():
            raise errors.CheckpointNotFoundError(f"There is no checkpoint at {quoted(path)}. Check the name.")
        if not path.is_dir():
            raise errors.CheckpointError(f"A checkpoint is a folder, but {quoted(path)} is not. Pass the folder.")
        try:
            (path / checkpoint_metadata.METADATA_NAME).lstat()
        except FileNotFoundError:
            raise errors.CheckpointError(
                f"{quoted(path)} is not a checkpoint: it has no {checkpoint_metadata.METADATA_NAME}. "
                "Pass the checkpoint's own folder, or copy it again if the copy is incomplete."
            ) from None
        with open_regular(path, checkpoint_metadata.METADATA_NAME) as file:
            data = file.read(checkpoint_metadata.MAX_BYTES_METADATA + 1)
    try:
        return checkpoint_metadata.Metadata.from_bytes(data)
    except checkpoint_metadata.FutureFormatError as error:
        raise errors.NewerCheckpointError(
            f"The checkpoint {quoted(path)} was made by a newer tetrarium ({error}). Update tetrarium."
        ) from error
    except checkpoint_metadata.MetadataError as error:
        raise errors.DamagedCheckpointError(
            f"{quoted(path / checkpoint_metadata.METADATA_NAME)} {error}. {REMEDY}"
        ) from error


def is_checkpoint(path: Path, step: int | None = None, *, must_be_readable: bool = False) -> bool:
    """Returns whether a folder holds a checkpoint: its metadata can be read, or are of a newer version.

    Args:
        path: The folder.
        step: Step that the checkpoint must be of, if its metadata contain one.
        must_be_readable: Whether to raise, and not return False, if the system cannot read it.

    Raises:
        CheckpointError: see ``must_be_readable``.
    """
    try:
        counters = read_metadata(path).counters
    except errors.NewerCheckpointError:
        return True
    except errors.CheckpointError as error:
        if must_be_readable and isinstance(error.__cause__, OSError):
            raise
        return False
    return step is None or counters.get("timesteps_trained", step) == step


def is_complete(path: Path) -> bool:
    """Returns whether a checkpoint has all of its files in their full size; contents are not compared."""
    try:
        with _readable(path):
            for name, record in read_metadata(path).files.items():
                with open_recorded(path, name, record):
                    pass
    except errors.NewerCheckpointError:
        return True
    except errors.CheckpointError:
        return False
    return True


def require_trusted(path: Path, metadata: checkpoint_metadata.Metadata, secret: bytes) -> None:
    """Requires that a checkpoint was signed with this home's key; called before any of it is unpickled.

    Raises:
        UntrustedCheckpointError: if it was made in another home, or its metadata were altered.
    """
    if not metadata.is_signed_with(secret):
        raise errors.UntrustedCheckpointError(
            f"The checkpoint {quoted(path)} was not made in this home, or its {checkpoint_metadata.METADATA_NAME} was "
            "altered, and loading it can execute code. If you know its author and would run their programs, pass "
            "trust=True, or --trust to `tetrarium resume`."
        )


def read_file(path: Path, metadata: checkpoint_metadata.Metadata, name: str) -> bytes:
    """Returns the content of one file, verified against its record.

    Raises:
        DamagedCheckpointError: if the file is missing, incomplete or altered.
        CheckpointError: if the checkpoint was replaced since the metadata were read.
    """
    with _readable(path), _replacement_reported(path, metadata):
        if name not in metadata.files:
            raise errors.DamagedCheckpointError(f"The checkpoint {quoted(path)} has no {name!r}. {REMEDY}")
        with open_recorded(path, name, metadata.files[name]) as file:
            data = file.read()
        check_sha256(path, name, metadata.files[name], hashlib.sha256(data).hexdigest())
        return data


def verify(path: Path, metadata: checkpoint_metadata.Metadata) -> None:
    """Verifies every file of a checkpoint against its metadata, and that there are no others.

    Raises:
        DamagedCheckpointError: if a file is missing, unexpected, incomplete, altered or a symbolic link.
        CheckpointError: if the checkpoint was replaced since the metadata were read.
    """
    with _readable(path), _replacement_reported(path, metadata):
        for extra in sorted(
            {entry.name for entry in path.iterdir()} - {checkpoint_metadata.METADATA_NAME, *metadata.files}
        ):
            raise errors.DamagedCheckpointError(
                f"{quoted(path / extra)} is not part of the checkpoint. Move it elsewhere."
            )
        for name, record in sorted(metadata.files.items()):
            with open_recorded(path, name, record) as file:
                check_sha256(path, name, record, hashlib.file_digest(file, "sha256").hexdigest())


def quoted(path: Path) -> str:
    """Returns a path for messages, quoted and on one line."""
    return repr(str(path))


def file_records(path: Path, folder: Path) -> dict[str, checkpoint_metadata.FileRecord]:
    """Returns the record of every file in ``folder``, which will be moved to ``path``.

    Raises:
        CheckpointError: if the folder contains anything but regular files.
    """
    by_name = {}
    for file in sorted(folder.iterdir()):
        name, status = file.name, file.lstat()
        if not checkpoint_metadata.is_file_name(name) or not stat.S_ISREG(status.st_mode):
            raise errors.CheckpointError(
                f"A checkpoint contains only regular files, but {name!r} was written into {quoted(path)}. "
                f"Name files with letters, digits, '.', '_' and '-', not {checkpoint_metadata.METADATA_NAME}, and make "
                "no folders."
            )
        with file.open("rb") as content:
            by_name[name] = checkpoint_metadata.FileRecord(
                size=status.st_size, sha256=hashlib.file_digest(content, "sha256").hexdigest()
            )
    return by_name


@contextlib.contextmanager
def open_regular(path: Path, name: str) -> Iterator[BufferedReader]:
    """Opens a file of the checkpoint.

    Raises:
        DamagedCheckpointError: if it is missing, a symbolic link or not a regular file.
    """
    try:
        descriptor = os.open(path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise errors.DamagedCheckpointError(f"{quoted(path / name)} is missing. {REMEDY}") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise errors.DamagedCheckpointError(
                f"{quoted(path / name)} is a symbolic link, not a file. {REMEDY}"
            ) from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise errors.DamagedCheckpointError(f"{quoted(path / name)} is not a regular file. {REMEDY}")
        yield file


@contextlib.contextmanager
def open_recorded(path: Path, name: str, record: checkpoint_metadata.FileRecord) -> Iterator[BufferedReader]:
    """Opens a file if its size matches its record.

    Raises:
        DamagedCheckpointError: if ``open_regular`` fails, or the size differs.
    """
    with open_regular(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size != record.size:
            damage = "incomplete" if size < record.size else "altered"
            raise errors.DamagedCheckpointError(
                f"{quoted(path / name)} is {damage}: {size} bytes of {record.size}. {REMEDY}"
            )
        yield file


def check_sha256(path: Path, name: str, record: checkpoint_metadata.FileRecord, sha256: str) -> None:
    """Compares a hash with the record.

    Raises:
        DamagedCheckpointError: if it differs.
    """
    if sha256 != record.sha256:
        raise errors.DamagedCheckpointError(
            f"{quoted(path / name)} is altered: its SHA-256 begins with {sha256[:8]}, not {record.sha256[:8]}. {REMEDY}"
        )


def library_versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of the libraries that its results depend on."""
    versions = {"python": platform.python_version(), "tetrarium": __version__}
    for library in _LIBRARIES:
        with contextlib.suppress(packages.PackageNotFoundError):
            versions[library] = packages.version(library)
    return versions


def _sign(path: Path, unsigned: Mapping[str, Any], secret: bytes) -> checkpoint_metadata.Metadata:
    try:
        return checkpoint_metadata.Metadata.signed(unsigned, secret)
    except checkpoint_metadata.MetadataError as error:
        raise errors.CheckpointError(
            f"The content for {quoted(path / checkpoint_metadata.METADATA_NAME)} {error}. Store data that "
            "is not plain JSON in a file."
        ) from error


def _require_replaceable(path: Path) -> None:
    if path.is_dir() and any(path.iterdir()):
        metadata = path / checkpoint_metadata.METADATA_NAME
        is_ours = False
        if metadata.is_file() and not metadata.is_symlink():
            with metadata.open("rb") as file:
                is_ours = checkpoint_metadata.looks_like_metadata(file.read(checkpoint_metadata.MAX_BYTES_METADATA + 1))
        if not is_ours:
            raise errors.CheckpointError(
                f"{quoted(path)} is a folder that is not a checkpoint, and saving would replace it. "
                "Choose another name, or delete the folder."
            )
    elif path.exists() and not path.is_dir():
        raise errors.CheckpointError(f"{quoted(path)} is a file, and a checkpoint is a folder. Choose another name.")


@contextlib.contextmanager
def _full_disk_reported(path: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            n_bytes_written = sum(file.lstat().st_size for file in folder.iterdir())
            shutil.rmtree(folder, ignore_errors=True)
            raise _full_disk(path, n_bytes_written) from error
        raise


def _full_disk(path: Path, n_bytes_written: int) -> errors.CheckpointError:
    """Returns the error for a full disk, with the space that is free once the unfinished checkpoint is deleted."""
    place = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    n_bytes_free = shutil.disk_usage(place).free
    outcome = "The previous checkpoint is untouched." if path.exists() else "Nothing was saved."
    return errors.CheckpointError(
        f"The disk is full: the checkpoint {quoted(path)} needs more than {n_bytes_written / 1e6:.1f} MB, and "
        f"{n_bytes_free / 1e6:.1f} MB are free. {outcome} Free some space, or save to another disk."
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = quoted(Path(os.fsdecode(error.filename)) if error.filename else path)
        raise errors.CheckpointError(
            f"{name} cannot be read: {_reason(error)}. Grant yourself read permission."
        ) from error


@contextlib.contextmanager
def _replacement_reported(path: Path, metadata: checkpoint_metadata.Metadata) -> Iterator[None]:
    try:
        yield
    except (errors.DamagedCheckpointError, FileNotFoundError):
        if read_metadata(path) != metadata:
            raise errors.CheckpointError(
                f"The checkpoint {quoted(path)} was replaced by another while it was being read. Load it again."
            ) from None
        raise


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
