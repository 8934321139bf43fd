"""Values of wrong types, shapes and sizes, tried on the functions of the Python API."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tetrarium.errors import TetrariumError

VALUES: list[Any] = [
    None, True, -1, 0, 3, 2**31, 10**30, -(2**63), 1.5, float("nan"), float("inf"), "",
    "x", "x" * 5_000, b"x", [], [1, None], {}, {"width": "x"}, {"config": 5}, (1, 2), object(),
    np.int64(-3), np.uint64(2**64 - 1), np.float32("nan"), np.zeros(0), np.zeros((2, 3)), np.array(["a"]),
    np.array([None, 1], dtype=object), np.zeros((2, 2, 2, 2)), int,
]  # fmt: skip


def outcome(call: Callable[[Any], Any], value: Any) -> BaseException | None:
    """Returns the exception of a call that is neither of tetrarium, in one line, nor about its signature."""
    try:
        call(value)
    except TetrariumError as error:
        return error if "\n" in str(error) else None
    except Exception as error:  # noqa: BLE001 whatever it is
        is_about_signature = isinstance(error, TypeError) and ("argument" in str(error) or "os.PathLike" in str(error))
        return None if is_about_signature else error
    return None
