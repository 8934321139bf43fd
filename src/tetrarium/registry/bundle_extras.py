"""Optional contents of a bundle: a preview picture and a learning curve.

Messages are predicates without a subject or a full stop.
"""

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tetrarium.registry.files.safe_files import StrictJsonError, canonical_json, parse_object

Curve = Mapping[str, Sequence[float]]  # increasing "steps", and "lines" per game at each

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})  # of pixels alone: no links, no text
_CHUNK_FRAME: Final = 12  # length, type and check sum
_MAX_SIDE: Final = 2_048
_MAX_POINTS: Final = 10_000


class ExtrasError(ValueError):
    """A malformed picture or curve."""


def check_picture(data: bytes) -> None:
    """Checks that data is a single small PNG and nothing else, without decoding its pixels.

    Raises:
        ExtrasError: if not.
    """
    if not data.startswith(_SIGNATURE):
        raise ExtrasError("is not a PNG")
    place = len(_SIGNATURE)
    kinds: list[bytes] = []
    while place < len(data):
        kind, content = _chunk(data, place)
        if kind not in _CHUNKS or (kinds and kinds[-1] == b"IEND"):
            raise ExtrasError(f"holds a chunk {ascii(kind)[1:]}, which is not allowed")
        if not kinds and kind != b"IHDR":
            raise ExtrasError("does not begin with its header")
        if kind == b"IHDR":
            width, height = struct.unpack(">II", content[:8]) if len(content) == 13 else (0, 0)
            if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
                raise ExtrasError(f"claims {width:,} by {height:,} pixels, but a side has at most {_MAX_SIDE:,}")
        kinds.append(kind)
        place += _CHUNK_FRAME + len(content)
    if kinds[-1:] != [b"IEND"] or kinds.count(b"IHDR") != 1 or b"IDAT" not in kinds:
        raise ExtrasError("is truncated")


def _chunk(data: bytes, place: int) -> tuple[bytes, bytes]:
    length = int.from_bytes(data[place : place + 4], "big")
    end = place + _CHUNK_FRAME + length
    if end > len(data):
        raise ExtrasError("is truncated")
    kind, content = data[place + 4 : place + 8], data[place + 8 : end - 4]
    if zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end], "big"):
        raise ExtrasError("is altered: a check sum differs")
    return kind, content


def pack_curve(curve: Curve) -> bytes:
    """Encodes a curve.

    Raises:
        ExtrasError: if it is malformed.
    """
    try:
        data = canonical_json({name: list(values) for name, values in curve.items()})
    except StrictJsonError as error:
        raise ExtrasError(str(error)) from error
    unpack_curve(data)
    return data


def unpack_curve(data: bytes) -> dict[str, list[float]]:
    """Decodes a curve.

    Raises:
        ExtrasError: if it is malformed.
    """
    try:
        curve = parse_object(data)
    except StrictJsonError as error:
        raise ExtrasError(str(error)) from error
    if curve.keys() != {"steps", "lines"} or not all(_are_numbers(values) for values in curve.values()):
        raise ExtrasError("must have steps and lines, lists of numbers of at least 0")
    steps = curve["steps"]
    if not 1 <= len(steps) <= _MAX_POINTS or len(steps) != len(curve["lines"]):
        raise ExtrasError(
            f"has {len(steps):,} steps and {len(curve['lines']):,} lines; both lists must have equal lengths from 1 to "
            f"{_MAX_POINTS:,}"
        )
    if any(one >= other for one, other in pairwise(steps)):
        raise ExtrasError("has steps that do not increase")
    return curve


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(_is_number(value) for value in values)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0
