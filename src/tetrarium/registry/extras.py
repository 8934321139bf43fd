"""What may lie in a bundle beside a model: a picture, and the curve that it learnt by.

Messages are clauses without a subject or a full stop.
"""

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tetrarium.registry.strict_json import StrictJsonError, canonical_json, parse_object

__all__ = ["Curve", "ExtrasError", "check_picture", "pack_curve", "unpack_curve"]

Curve = Mapping[str, Sequence[float]]  # "steps", which rise, and "lines" a game at each

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})  # those that draw: none that links or tells
_CHUNK_FRAME: Final = 12  # length, type and check sum
_MAX_SIDE: Final = 2_048
_MAX_POINTS: Final = 10_000


class ExtrasError(ValueError):
    """A picture or a curve that is none."""


def check_picture(data: bytes) -> None:
    """Checks that these are the bytes of one small PNG and nothing else; it is not drawn.

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
            raise ExtrasError(f"holds {ascii(kind)[1:]}, which no picture here needs")
        if not kinds and kind != b"IHDR":
            raise ExtrasError("does not begin with its size")
        if kind == b"IHDR":
            width, height = struct.unpack(">II", content[:8]) if len(content) == 13 else (0, 0)
            if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
                raise ExtrasError(f"claims {width:,} by {height:,} pixels, and {_MAX_SIDE:,} a side are allowed")
        kinds.append(kind)
        place += _CHUNK_FRAME + len(content)
    if kinds[-1:] != [b"IEND"] or kinds.count(b"IHDR") != 1 or b"IDAT" not in kinds:
        raise ExtrasError("is cut short")


def _chunk(data: bytes, place: int) -> tuple[bytes, bytes]:
    length = int.from_bytes(data[place : place + 4], "big")
    end = place + _CHUNK_FRAME + length
    if end > len(data):
        raise ExtrasError("is cut short")
    kind, content = data[place + 4 : place + 8], data[place + 8 : end - 4]
    if zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end], "big"):
        raise ExtrasError("is altered: a check sum differs")
    return kind, content


def pack_curve(curve: Curve) -> bytes:
    """Writes a curve.

    Raises:
        ExtrasError: if it is none.
    """
    try:
        data = canonical_json({name: list(values) for name, values in curve.items()})
    except StrictJsonError as error:
        raise ExtrasError(str(error)) from error
    unpack_curve(data)
    return data


def unpack_curve(data: bytes) -> dict[str, list[float]]:
    """Reads a curve.

    Raises:
        ExtrasError: if it is none.
    """
    try:
        curve = parse_object(data)
    except StrictJsonError as error:
        raise ExtrasError(str(error)) from error
    if curve.keys() != {"steps", "lines"} or not all(_are_numbers(values) for values in curve.values()):
        raise ExtrasError("is not steps and lines, each a list of numbers from 0 on")
    steps = curve["steps"]
    if not 1 <= len(steps) <= _MAX_POINTS or len(steps) != len(curve["lines"]):
        raise ExtrasError(
            f"has {len(steps):,} steps and {len(curve['lines']):,} lines; as many of each, up to {_MAX_POINTS:,}"
        )
    if any(one >= other for one, other in pairwise(steps)):
        raise ExtrasError("has steps that do not rise")
    return curve


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(_is_number(value) for value in values)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0
