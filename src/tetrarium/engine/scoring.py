"""Points, as the Tetris guideline gives them: more for more at once, for T-spins, for chains, and on higher levels.

Straight drops are scored by cleared rows alone (``clear_score``): a single is worth 100, a double 300, a triple 500 and
a Tetris 800, times the level before the clear. Levels start at 1 and rise every ten rows.

The guideline's game counts everything (``lock_points``), times the same level. A mini T-spin with 0, 1 or 2 rows is
worth 100, 200, 400; a full one with 0 to 3 rows 400, 800, 1200, 1600. *Back-to-back*: a Tetris or a T-spin that clears,
after another such clear with no plain single, double or triple in between, is worth half as much again; a T-spin
without rows neither begins such a chain nor breaks it. *Combo*: each placement that clears right after one that cleared
adds 50, the one after 100, and so on. *Perfect clear*: an empty board adds 800, 1200, 1800 or 2000 for 1 to 4 rows, and
3200 for a back-to-back Tetris. Drops add one point for each row that a key let a piece down, and two for each row of a
hard drop, whatever the level.

Sources: https://tetris.wiki/Scoring (recent guideline compatible games), https://tetris.wiki/Combo.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.jit import small_kernel
from tetrarium.engine.srs import NO_SPIN

__all__ = [
    "CLEAR_POINTS",
    "HARD_DROP_POINTS",
    "LINES_PER_LEVEL",
    "SOFT_DROP_POINTS",
    "clear_score",
    "clear_scores",
    "level_at",
    "lock_points",
]

SOFT_DROP_POINTS: Final = 1  # a row
HARD_DROP_POINTS: Final = 2
LINES_PER_LEVEL: Final = 10
_POINTS: Final = (0, 100, 300, 500, 800)
CLEAR_POINTS: Final = np.array(_POINTS, dtype=np.int64)  # (5,) by rows cleared at once, on level 1
# (3, 5) [T-spin, rows]; no T clears four rows, and a mini none but one or two.
_SPIN_POINTS: Final = np.array([_POINTS, (100, 200, 400, 0, 0), (400, 800, 1200, 1600, 0)], dtype=np.int64)
_TETRIS: Final = 4
_COMBO_POINTS: Final = 50
_PERFECT_POINTS: Final = np.array([0, 800, 1200, 1800, 2000], dtype=np.int64)
_PERFECT_BACK_TO_BACK_POINTS: Final = 3200


def clear_score(lines_placement: int, lines_before: int) -> int:
    """Points for one placement by a straight drop.

    >>> clear_score(lines_placement=4, lines_before=9), clear_score(lines_placement=1, lines_before=10)
    (800, 200)

    Args:
        lines_placement: Rows that it cleared, 0 to 4.
        lines_before: Rows cleared in the game before it.
    """
    return _POINTS[lines_placement] * (1 + lines_before // LINES_PER_LEVEL)


def clear_scores(lines_placement: npt.NDArray[np.int64], lines_before: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The same for one placement in each of n games, ``(n,)`` each."""
    return CLEAR_POINTS[lines_placement] * (1 + lines_before // LINES_PER_LEVEL)


@small_kernel
def level_at(lines):  # type: ignore[no-untyped-def]
    """The level once so many rows have been cleared."""
    return 1 + lines // LINES_PER_LEVEL


@small_kernel
def lock_points(n_lines, spin, level, back_to_back, combo, is_empty):  # type: ignore[no-untyped-def]
    """Points for a piece that has come to rest in the guideline's game, but for those of its drops.

    Args:
        n_lines: Rows that it cleared, 0 to 4.
        spin: Its T-spin, an index into ``srs.SPINS``.
        level: Before the clear.
        back_to_back: 1 if the last placement that cleared was a Tetris or a T-spin, else 0.
        combo: How many placements before it cleared one after the other.
        is_empty: Whether the board is empty after the clear.

    Returns:
        The points, and what ``back_to_back`` and ``combo`` are for the next piece.
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
