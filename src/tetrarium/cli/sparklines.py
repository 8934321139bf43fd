"""Charts out of block characters, one character a value."""

from collections.abc import Sequence
from math import log1p
from typing import Final

__all__ = ["LOGARITHMIC_FROM", "sparkline"]

LOGARITHMIC_FROM: Final = 100.0  # charts that reach so far show orders of magnitude
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_LEVELS: Final = len(_BLOCKS) - 1  # in one character


def sparkline(values: Sequence[float | None], n_rows: int = 1) -> list[str]:
    """Draws values from 0 up to the largest of them, top row first; a value of 0 can still be seen.

    >>> sparkline([None, 0, 1, 2, 4, 8])
    [' ▁▁▂▄█']

    Args:
        values: 0 or more; None leaves a gap.
        n_rows: Lines that the chart is high.
    """
    top = max((value for value in values if value is not None), default=0.0)
    scaled = log1p if top >= LOGARITHMIC_FROM else float
    most = scaled(top) or 1.0
    levels = [0 if value is None else max(1, round(scaled(value) / most * _LEVELS * n_rows)) for value in values]
    return [
        "".join(_BLOCKS[min(_LEVELS, max(0, level - row * _LEVELS))] for level in levels)
        for row in reversed(range(n_rows))
    ]
