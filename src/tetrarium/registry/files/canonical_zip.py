"""Zip files of one canonical form, in which nothing can be hidden.

Files are stored without compression, in the given order, dated 1980-01-01, without comments, extra fields, folders,
links or encryption. Reading checks the directory, then encodes the same files again and compares: any different byte is
refused. A file that claims gigabytes never has more bytes read than it has.

Messages are predicates without a subject or a full stop.
"""

import io
import stat
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Final

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_MODE: Final = (stat.S_IFREG | 0o644) << 16
_SHOWN: Final = 60


class ArchiveError(ValueError):
    """Bytes that are not an archive of this form."""


def pack_archive(files: Mapping[str, bytes]) -> bytes:
    """Encodes files; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            archive.writestr(entry, content)
    return out.getvalue()


def unpack_archive(data: bytes, required: Sequence[str], optional: Sequence[str], limit: int) -> dict[str, bytes]:
    """Decodes the files of an archive.

    Args:
        data: The archive.
        required: Names of files that must be present.
        optional: Names of files that may follow them.
        limit: Maximum size of a file, bytes.

    Raises:
        ArchiveError: if ``pack_archive`` would not have written it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_names([entry.filename for entry in entries], required, optional)
            for entry in entries:
                _check_entry(entry, limit)
            files = {entry.filename: archive.read(entry) for entry in entries}
    except ArchiveError:
        raise
    except (
        zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, OSError, OverflowError,
        struct.error,
    ) as error:  # fmt: skip
        raise ArchiveError(
            f"is not a complete zip file ({str(error)[:_SHOWN].encode('ascii', 'replace').decode()})"
        ) from error
    if pack_archive({name: files[name] for name in (*required, *optional) if name in files}) != data:
        raise ArchiveError("is a zip file with additional data, or from another program")
    return files


def _check_names(names: list[str], required: Sequence[str], optional: Sequence[str]) -> None:
    for name in names:
        if name not in required and name not in optional:
            raise ArchiveError(f"holds {name[:_SHOWN]!a}, but only {', '.join((*required, *optional))} are allowed")
        if names.count(name) > 1:
            raise ArchiveError(f"holds {name!r} twice")
    for name in required:
        if name not in names:
            raise ArchiveError(f"has no {name!r}")


def _check_entry(entry: zipfile.ZipInfo, limit: int) -> None:
    name, mode = entry.filename, entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise ArchiveError(f"holds {name!r} as a link")
    if entry.is_dir() or not stat.S_ISREG(mode):
        raise ArchiveError(f"holds {name!r}, which is not a regular file")
    if entry.file_size > limit or entry.compress_size > limit:
        raise ArchiveError(
            f"claims {max(entry.file_size, entry.compress_size):,} bytes for {name!r}, but {limit:,} are allowed"
        )
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ArchiveError(f"holds {name!r} compressed, but files must be stored")
    if entry.flag_bits:
        raise ArchiveError(f"holds {name!r} encrypted, or with other flags")
