"""The working memory of the afterstate kernels: where each quantity of a board lies.

One ``int64`` array holds sections, most of them with one word for each column of the board, or for each left column
that a piece can be dropped at. Kernels read them as ``words[at.HEIGHTS + x]``, with this module as ``at``: offsets are
constants, and loops over lanes take their length from the scratch, because that is what the compiler turns into vector
instructions. Columns outside the board are filled and have height 0.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import BOTTOMS, COLUMN_BITS, MAX_ORIENTATIONS, N_PIECES, TOPS

__all__ = ["Scratch", "make_scratch"]

Scratch = npt.NDArray[np.int64]  # (n,) sections, then the tile

N_LANES: Final = 0  # where the scratch holds how many lanes there are: a constant would be unrolled, not vectorised
N_LEFTS: Final = 1  # the same for the longest loop, which takes fewer lanes at a time
STEP: Final = 4
LANES: Final = 16  # the widest board; narrower ones leave lanes idle
MARGIN: Final = 2  # columns left of the board that a window's neighbours reach
SECTION: Final = 24  # margin, lanes, and the columns right of the last lane that a window reaches
(
    IN_BOARD,  # -1 for a column of the board, 0 outside
    IN_GAP,  # -1 where this column and the one left of it are both in the board
    COLUMNS,
    HEIGHTS,
    STEPS,  # |height - height of the column to the left|
    FULL_LEFT,  # rows filled in every column to the left
    FULL_RIGHT,  # rows filled in this column and every one to the right
    GAPS,  # row transitions between this column and the one to the left
    TRANSITIONS,  # column transitions
    DEPTHS,  # filled cells over a hole
    WELLS_LEFT,  # wells of every column to the left
    FAST_WELLS_LEFT,
    HOLES_LEFT,  # rows with a hole in a column to the left
    HOLES_RIGHT,
    PATTERNS_LEFT,  # height differences between columns to the left, as a set
    PATTERNS_RIGHT,
    # From here on lane = left column of a placement.
    LANDING,  # row of the piece's lowest cell
    FULL,  # rows that it fills
    NEW_MAX,
    NEW_HOLES,
    NEW_BUMPS,
    NEW_ROW_TRANSITIONS,
    NEW_COLUMN_TRANSITIONS,
    NEW_DEPTH,
    NEW_HOLE_ROWS,
    NEW_PATTERNS,
    NEW_WELLS,
    END,
) = range(MARGIN, MARGIN + 28 * SECTION, SECTION)
# Six blocks of lanes each, one for every column whose wells a drop can change: the window and its two neighbours.
CENTRES: Final = END
WINDOW: Final = CENTRES + LANES
OPEN: Final = CENTRES + 6 * LANES  # well cells not yet counted
COUNTS: Final = OPEN + 6 * LANES
CLEARED: Final = COUNTS + 6 * LANES  # triples of action, landing row, full rows
MAX_CLEARED: Final = MAX_ORIENTATIONS * LANES
TILE: Final = CLEARED + 3 * MAX_CLEARED  # the rows of one left column before the placements are written in
OUTSIDE: Final = 64  # bottom and depth below ground of a piece's column that it does not have
PATTERN_SPAN: Final = 2  # pattern diversity counts height differences from -2 to 2
PATTERN_MASK: Final = (1 << (2 * PATTERN_SPAN + 1)) - 1  # heights end below 48: others do not wrap here
ROW_MASK: Final = 63  # tells the compiler that a count of rows is short
MAX_ROW_LENGTH: Final = LANES + 13 + 6 * N_PIECES + N_PIECES + 1

PIECE_BOTTOMS: Final = np.where(COLUMN_BITS > 0, BOTTOMS, OUTSIDE)  # (7, 4, 4): a column it lacks rests on nothing
PIECE_TOPS: Final = np.where(COLUMN_BITS > 0, TOPS, -OUTSIDE)  # and raises nothing


def make_scratch(width: int) -> Scratch:
    """Allocates the working memory that describing boards of this width takes."""
    scratch = np.zeros(TILE + MAX_ORIENTATIONS * MAX_ROW_LENGTH, dtype=np.int64)
    scratch[N_LANES] = LANES
    scratch[N_LEFTS] = -(-width // STEP) * STEP
    scratch[IN_BOARD : IN_BOARD + width] = -1
    scratch[IN_GAP + 1 : IN_GAP + width] = -1
    scratch[COLUMNS - MARGIN : COLUMNS - MARGIN + SECTION] = -1
    return scratch
