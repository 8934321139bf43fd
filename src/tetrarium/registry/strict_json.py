"""JSON as this project writes and reads it: no NaN or infinity, no key twice, one way to write each value.

Messages are clauses without a subject or a full stop, which whoever knows the file completes.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

__all__ = ["StrictJsonError", "canonical_json", "parse_object"]


class StrictJsonError(ValueError):
    """Bytes that are not strict JSON, or a value that cannot be written as such."""


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Writes an object in the one way that signatures and comparisons rest on: sorted keys, no spaces, ASCII.

    Raises:
        StrictJsonError: if it holds what JSON has not.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StrictJsonError(f"cannot be written as strict JSON ({error})") from error


def parse_object(data: bytes) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        StrictJsonError: if the bytes are anything else, whatever is inside.
    """
    try:
        value = json.loads(
            data.decode(), parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_repetition
        )
    except StrictJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictJsonError(f"is not JSON, or cut short ({error})") from error
    if not isinstance(value, dict):
        raise StrictJsonError("is not a JSON object")
    return value


def _refuse_constant(constant: str) -> NoReturn:
    raise StrictJsonError(f"holds {constant}, which strict JSON has not")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise StrictJsonError(f"holds a number out of range, {digits[:40]}")
    return number


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise StrictJsonError("holds a key twice")
    return value
