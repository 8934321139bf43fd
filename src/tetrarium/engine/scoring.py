"""Points for cleared rows, as the Tetris guideline gives them: more for more at once, and more on higher levels.

A single is worth 100, a double 300, a triple 500 and a Tetris 800, times the level before the clear. Levels start at 1
and rise every ten rows. Straight drops alone earn nothing.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CLEAR_POINTS", "LINES_PER_LEVEL", "clear_score", "clear_scores"]

CLEAR_POINTS: Final = np.array((0, 100, 300, 500, 800), dtype=np.int64)  # (5,) by rows cleared at once, on level 1
LINES_PER_LEVEL: Final = 10


def clear_score(lines_placement: int, lines_before: int) -> int:
    """Points for one placement.

    >>> clear_score(lines_placement=4, lines_before=9), clear_score(lines_placement=1, lines_before=10)
    (800, 200)

    Args:
        lines_placement: Rows that it cleared, 0 to 4.
        lines_before: Rows cleared in the game before it.
    """
    return int(CLEAR_POINTS[lines_placement]) * (1 + lines_before // LINES_PER_LEVEL)


def clear_scores(lines_placement: npt.NDArray[np.int64], lines_before: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The same for one placement in each of n games, ``(n,)`` each."""
    return CLEAR_POINTS[lines_placement] * (1 + lines_before // LINES_PER_LEVEL)
