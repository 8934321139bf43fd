"""Safe reading of files of unknown origin in a home, and strict JSON.

Only regular files are opened, and no links: opening a named pipe would block, and a link may lead anywhere. Parent
folders may be links. Strict JSON has no NaN or infinity, no duplicate keys, and one canonical encoding of each value.
Messages about it are predicates without a subject or a full stop; the caller adds the file.
"""

import errno
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from tetrarium.values import decode_text


class StrictJsonError(ValueError):
    """Bytes that are not strict JSON, or a value that cannot be encoded as such."""


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Encodes an object canonically, for signatures and comparisons: sorted keys, no spaces, ASCII.

    Raises:
        StrictJsonError: if JSON cannot hold a value.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StrictJsonError(f"cannot be written as strict JSON ({error})") from error


def parse_object(data: bytes) -> dict[str, Any]:
    """Parses a JSON object.

    Raises:
        StrictJsonError: if the bytes are anything else.
    """
    try:
        value = json.loads(
            decode_text(data),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=object_without_duplicates,
        )
    except StrictJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictJsonError(f"is not JSON, or is truncated ({error})") from error
    if not isinstance(value, dict):
        raise StrictJsonError("is not a JSON object")
    return value


def _refuse_constant(constant: str) -> NoReturn:
    raise StrictJsonError(f"holds {constant}, which is not valid JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise StrictJsonError(f"holds a number out of range, {digits[:40]}")
    return number


def object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a JSON object of its pairs, as the ``object_pairs_hook`` of ``json.loads``.

    Raises:
        StrictJsonError: if a name occurs twice.
    """
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise StrictJsonError(f"holds a duplicate key, {twice[:60]!r}")
    return value


_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_BYTES_OBJECT: Final = 1 << 20


def open_plain(path: Path | str) -> BinaryIO:
    """Opens a regular file for reading bytes, without blocking.

    Raises:
        OSError: ``ELOOP`` for a link, ``EINVAL`` for a folder, a pipe or a device.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_object(path: Path | str) -> dict[str, Any]:
    """Reads a JSON object of at most 1 MiB, with or without a byte order mark.

    Characters that UTF-8 cannot encode are replaced.

    Raises:
        OSError: if the file cannot be read.
        StrictJsonError: if it is malformed.
    """
    with open_plain(path) as file:
        values: dict[str, Any] = _clean(parse_object(file.read(_MAX_BYTES_OBJECT)))
    return values


def clean_text(text: str) -> str:
    """Replaces characters that UTF-8 cannot encode, as from undecodable command-line bytes, by question marks."""
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
