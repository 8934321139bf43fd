"""Points for cleared rows, as the Tetris guideline gives them: more for more at once, and more on higher levels.

A single is worth 100, a double 300, a triple 500 and a Tetris 800, times the level before the clear. Levels start at 1
and rise every ten rows. Straight drops alone earn nothing.
"""

from typing import Final

__all__ = ["clear_score"]

_POINTS: Final = (0, 100, 300, 500, 800)
_LINES_PER_LEVEL: Final = 10


def clear_score(lines_placement: int, lines_before: int) -> int:
    """Points for one placement.

    >>> clear_score(lines_placement=4, lines_before=9), clear_score(lines_placement=1, lines_before=10)
    (800, 200)

    Args:
        lines_placement: Rows that it cleared, 0 to 4.
        lines_before: Rows cleared in the game before it.
    """
    return _POINTS[lines_placement] * (1 + lines_before // _LINES_PER_LEVEL)
