"""The working memory of the afterstate kernels: where each quantity of a board lies.

One ``int64`` array holds sections, most of them with one word for each column of the board, or for each left column
that a piece can be dropped at. Kernels read them as ``words[at.HEIGHTS + x]``, with this module as ``at``: offsets are
constants, and loops over lanes take their length from the scratch, because that is what the compiler turns into vector
instructions. Columns outside the board are filled and have height 0.

Its last part is read as ``float32``, through ``lanes = words.view(np.float32)``: what rows are made of lies there as it
will be written, and a vector holds twice as many of these. Whole numbers below 2**24 are exact.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.chunks import CHUNK, QUAD
from tetrarium.engine.pieces import (
    BOTTOMS,
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_CELLS,
    N_ORIENTATIONS,
    N_PIECES,
    PIECE_WIDTHS,
    TOPS,
)

__all__ = ["Scratch", "make_scratch"]

Scratch = npt.NDArray[np.int64]  # (n,) sections of int64, then of float32

N_LANES: Final = 0  # where the scratch holds how many lanes there are: a constant would be unrolled, not vectorised
N_LEFTS: Final = 1  # the same for long loops over words, which take fewer lanes at a time
STEP: Final = 4
LANES: Final = 16  # the widest board; narrower ones leave lanes idle
MARGIN: Final = 2  # columns left of the board that a window's neighbours reach
SECTION: Final = 24  # margin, lanes, and the columns right of the last lane that a window reaches
(
    IN_BOARD,  # -1 for a column of the board, 0 outside
    IN_GAP,  # -1 where this column and the one left of it are both in the board
    COLUMNS,
    HEIGHTS,
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
    LANDED,  # row of the piece's lowest cell
    NEW_ROW_TRANSITIONS,
    NEW_COLUMN_TRANSITIONS,
    NEW_DEPTH,
    NEW_HOLE_ROWS,
    NEW_PATTERNS,
    NEW_WELLS,
    END,
) = range(MARGIN, MARGIN + 23 * SECTION, SECTION)
# Six blocks of lanes each, one for every column whose wells a drop can change: the window and its two neighbours.
CENTRES: Final = END
WINDOW: Final = CENTRES + LANES
OPEN: Final = CENTRES + 6 * LANES  # well cells not yet counted
COUNTS: Final = OPEN + 6 * LANES
CLEARED: Final = COUNTS + 6 * LANES  # triples of action, landing row, full rows
MAX_CLEARED: Final = MAX_ORIENTATIONS * LANES
N_WORDS: Final = CLEARED + 3 * MAX_CLEARED
# From here on float32. What a loop writes lies before what it reads: the other way round it could read what it wrote.
(
    LANDING,  # lane = left column: row of the piece's lowest cell
    NEW_MAX,
    NEW_HOLES,
    NEW_BUMPS,
    GAP_FACTORS,  # 1 where this column and the one left of it are both in the board, otherwise 0
    HEIGHT_SUMS,  # heights of every column to the left
    BUMP_SUMS,  # bumpiness of every column to the left
    ROW_HEIGHTS,  # HEIGHTS once more
    BASE,  # the row of an action before its placement is written in
) = range(2 * N_WORDS + MARGIN, 2 * N_WORDS + MARGIN + 9 * SECTION, SECTION)
OUTSIDE: Final = 64  # bottom and depth below ground of a piece's column that it does not have
PATTERN_SPAN: Final = 2  # pattern diversity counts height differences from -2 to 2
PATTERN_MASK: Final = (1 << (2 * PATTERN_SPAN + 1)) - 1  # heights end below 48: others do not wrap here
ROW_MASK: Final = 63  # tells the compiler that a count of rows is short
MAX_ROW_LENGTH: Final = LANES + 13 + 6 * N_PIECES + N_PIECES + 1
MAX_CHUNKS: Final = -(-MAX_ROW_LENGTH // CHUNK)
NO_ROW: Final = BASE + MAX_CHUNKS * CHUNK  # the row of an action that the piece does not have
# For each orientation, ordered like actions of one column, its tops, with ``LANES`` numbers before and a row after them
# that raise nothing; and one more of these alone.
RISES: Final = NO_ROW + MAX_CHUNKS * CHUNK
RISE: Final = LANES + MAX_CHUNKS * CHUNK
FLAT: Final = RISES + N_PIECES * MAX_ORIENTATIONS * RISE + LANES
# What row_lanes works rows out in: four rotations' landing rows, the middles of rows by feature, and as quads.
LANDINGS: Final = FLAT + MAX_CHUNKS * CHUNK
MIDDLE: Final = LANDINGS + MAX_ORIENTATIONS * LANES
MAX_QUADS: Final = 4  # of a row, with all 14 numbers from the highest column to the end of the game
QUADS: Final = MIDDLE + MAX_QUADS * QUAD * LANES
QUADS_STEP: Final = MAX_QUADS * QUAD * LANES  # from one rotation to the next
N_NUMBERS: Final = QUADS + MAX_ORIENTATIONS * QUADS_STEP
HELD_AFTER: Final = (N_NUMBERS + 1) // 2  # a word: the held piece that rows tell of, 0 for none, otherwise from 1
N_SCRATCH: Final = HELD_AFTER + 1
ILLEGAL: Final = -1.0  # every number in the row of an action that the piece does not have

PIECE_BOTTOMS: Final = np.where(COLUMN_BITS > 0, BOTTOMS, OUTSIDE)  # (7, 4, 4): a column it lacks rests on nothing
PIECE_TOPS: Final = np.where(COLUMN_BITS > 0, TOPS, -OUTSIDE)  # and raises nothing
ACTION_WIDTHS: Final = np.where(np.arange(MAX_ORIENTATIONS) < N_ORIENTATIONS[:, None], PIECE_WIDTHS, OUTSIDE)  # (7, 4)


def make_scratch(width: int, n_more: int = 0) -> Scratch:
    """Allocates the working memory that describing boards of this width takes, and so many words more."""
    scratch = np.zeros(N_SCRATCH + n_more, dtype=np.int64)
    scratch[N_LANES] = LANES
    scratch[N_LEFTS] = -(-width // STEP) * STEP
    scratch[IN_BOARD : IN_BOARD + width] = -1
    scratch[IN_GAP + 1 : IN_GAP + width] = -1
    scratch[COLUMNS - MARGIN : COLUMNS - MARGIN + SECTION] = -1
    lanes = scratch[:HELD_AFTER].view(np.float32)
    lanes[GAP_FACTORS + 1 : GAP_FACTORS + width] = 1
    lanes[NO_ROW:RISES] = ILLEGAL
    lanes[RISES:LANDINGS] = -OUTSIDE
    rises = lanes[RISES : FLAT - LANES].reshape(N_PIECES, MAX_ORIENTATIONS, RISE)
    rises[:, :, LANES : LANES + N_CELLS] = PIECE_TOPS
    return scratch
