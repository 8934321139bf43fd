"""Files of a home that anybody may have put there, read with care.

Nothing but a file is opened, and only under its own name: who opens a named pipe would wait for ever, and a link may
lead anywhere. Folders on the way to it may be links.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final

from tetrarium.registry.strict_json import parse_object

__all__ = ["clean_text", "open_plain", "read_object"]

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_BYTES: Final = 1 << 20  # of an object; what goes on after that is none


def open_plain(path: Path) -> BinaryIO:
    """Opens a file to be read, as bytes and without waiting.

    Raises:
        OSError: if there is none: ``ELOOP`` for a link, ``EINVAL`` for a folder, a pipe or a device.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object of at most 1 MiB; its text can be written as UTF-8, whatever stood there.

    Raises:
        OSError: if the file cannot be read.
        StrictJsonError: if it holds anything else.
    """
    with open_plain(path) as file:
        values: dict[str, Any] = _clean(parse_object(file.read(_MOST_BYTES)))
    return values


def clean_text(text: str) -> str:
    """Text that can be written as UTF-8: of bytes in a command that are no text, each becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _clean(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {clean_text(name): _clean(item) for name, item in value.items()}
        case _:
            return value
