"""Points of the Tetris guideline.

Under the overflow rule straight drops score line clears alone (``clear_score``): 100 for a single, 300 for a double,
500 for a triple and 800 for a Tetris, times the level before the clear. Levels start at 1 and rise every ten lines.

Under the guideline a lock scores (``lock_points``), times the same level:

- the line clear, as above; or a T-spin: a mini with 0, 1 or 2 lines 100, 200 or 400, a full one with 0 to 3 lines 400,
  800, 1200 or 1600;
- *back-to-back*: a Tetris or a T-spin that clears lines, after another such clear with no plain single, double or
  triple in between, scores 1.5 times as much; a T-spin without lines neither begins such a chain nor breaks it;
- *combo*: 50 for a clear right after another clear, 100 for the next one, and so on;
- *perfect clear*: 800, 1200, 1800 or 2000 for an empty board after 1 to 4 lines, 3200 after a back-to-back Tetris.

Soft drops add one point per row and hard drops two, on every level.

Sources: https://tetris.wiki/Scoring (recent guideline compatible games), https://tetris.wiki/Combo.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import small_kernel
from tetrarium.engine.srs import NO_SPIN

SOFT_DROP_POINTS: Final = 1  # per row
HARD_DROP_POINTS: Final = 2
LINES_PER_LEVEL: Final = 10
_POINTS: Final = (0, 100, 300, 500, 800)
CLEAR_POINTS: Final = np.array(_POINTS, dtype=np.int64)  # (5,) by lines cleared at once, on level 1
# (3, 5) [T-spin, lines]; no T clears four lines, and a mini at most two.
_SPIN_POINTS: Final = np.array([_POINTS, (100, 200, 400, 0, 0), (400, 800, 1200, 1600, 0)], dtype=np.int64)
_TETRIS: Final = 4
_COMBO_POINTS: Final = 50
_PERFECT_POINTS: Final = np.array([0, 800, 1200, 1800, 2000], dtype=np.int64)
_PERFECT_BACK_TO_BACK_POINTS: Final = 3200


def clear_score(lines_placement: int, lines_before: int) -> int:
    """Returns the points of one straight drop.

    >>> clear_score(lines_placement=4, lines_before=9), clear_score(lines_placement=1, lines_before=10)
    (800, 200)

    Args:
        lines_placement: Lines that it cleared, 0 to 4.
        lines_before: Lines cleared in the game before it.
    """
    return _POINTS[lines_placement] * (1 + lines_before // LINES_PER_LEVEL)


def clear_scores(lines_placement: npt.NDArray[np.int64], lines_before: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the points of one straight drop in each of n games; all arrays are ``(n,) int64``."""
    return CLEAR_POINTS[lines_placement] * (1 + lines_before // LINES_PER_LEVEL)


@small_kernel
def level_at(lines):
    """Returns the level after that many lines."""
    return 1 + lines // LINES_PER_LEVEL


@small_kernel
def lock_points(n_lines, spin, level, back_to_back, combo, is_empty):
    """Returns the points of a lock under the guideline, without those of its drops.

    Args:
        n_lines: Lines that it cleared, 0 to 4.
        spin: T-spin of the piece, an index into ``srs.SPINS``.
        level: Level before the clear.
        back_to_back: 1 if the last placement that cleared was a Tetris or a T-spin, else 0.
        combo: Number of consecutive placements before this one that cleared lines.
        is_empty: Whether the board is empty after the clear.

    Returns:
        The points, and ``back_to_back`` and ``combo`` for the next piece.
    """
    points = _SPIN_POINTS[spin, n_lines]
    if n_lines == 0:
        return points * level, back_to_back, 0
    is_difficult = spin != NO_SPIN or n_lines == _TETRIS
    if is_difficult and back_to_back:
        points += points // 2
    points += _COMBO_POINTS * combo
    if is_empty:
        is_best = n_lines == _TETRIS and back_to_back
        points += _PERFECT_BACK_TO_BACK_POINTS if is_best else _PERFECT_POINTS[n_lines]
    return points * level, 1 if is_difficult else 0, combo + 1
