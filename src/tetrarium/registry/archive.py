"""A zip file of one form only, so that there is nothing to hide in it: named files side by side, as they are.

Files are stored and not compressed, in the order given, dated 1980-01-01, without comments, extra fields, folders,
links or encryption. Reading looks at what the file claims, then writes the same content anew and compares: what differs
by a byte is refused. So a file that claims gigabytes never has more bytes read than it has.

Messages are clauses without a subject or a full stop.
"""

import io
import stat
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["ArchiveError", "pack_archive", "unpack_archive"]

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_MODE: Final = (stat.S_IFREG | 0o644) << 16
_SHOWN: Final = 60


class ArchiveError(ValueError):
    """Bytes that are not an archive of this form."""


def pack_archive(files: Mapping[str, bytes]) -> bytes:
    """Writes files; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            archive.writestr(entry, content)
    return out.getvalue()


def unpack_archive(data: bytes, required: Sequence[str], optional: Sequence[str], limit: int) -> dict[str, bytes]:
    """Reads the files of an archive.

    Args:
        data: The archive.
        required: Names that are there.
        optional: Names that may be there, after those.
        limit: Bytes that a file may have.

    Raises:
        ArchiveError: if it is not what ``pack_archive`` would write of such files.
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
            f"is not a whole zip file ({str(error)[:_SHOWN].encode('ascii', 'replace').decode()})"
        ) from error
    if pack_archive({name: files[name] for name in (*required, *optional) if name in files}) != data:
        raise ArchiveError("is a zip file with something beside its files, or made by another program")
    return files


def _check_names(names: list[str], required: Sequence[str], optional: Sequence[str]) -> None:
    for name in names:
        if name not in required and name not in optional:
            raise ArchiveError(f"holds {name[:_SHOWN]!a}, and what it may hold is {', '.join((*required, *optional))}")
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
        raise ArchiveError(f"holds {name!r} as something else than a file")
    if entry.file_size > limit or entry.compress_size > limit:
        raise ArchiveError(
            f"claims {max(entry.file_size, entry.compress_size):,} bytes for {name!r}, and {limit:,} are allowed"
        )
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ArchiveError(f"holds {name!r} compressed, and files in it are stored")
    if entry.flag_bits:
        raise ArchiveError(f"holds {name!r} encrypted, or with other flags")
