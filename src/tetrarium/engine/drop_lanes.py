"""Straight drops of one rotation on all columns at once: where they come to rest, and the features of the boards then.

Lane = left column. As in ``afterstates``, a board is summed once, and a drop then changes what its window of four
columns and the two beside it give; rows that it fills stay. The words of ``lane_features`` hold here. ``new`` are the
heights of the window's columns with the piece, ``columns`` their cells, and ``new_space`` what is empty in them.
"""

from typing import Final

import numpy as np

from tetrarium.engine.features import (
    BUMPINESS,
    COLUMN_TRANSITIONS,
    FAST_WELLS,
    HOLE_DEPTH,
    PATTERN_DIVERSITY,
    ROW_TRANSITIONS,
    ROWS_WITH_HOLES,
    WELLS,
)
from tetrarium.engine.jit import small_kernel
from tetrarium.engine.lane_features import (
    PATTERNS,
    beside_sums,
    beside_windows,
    column_changes,
    column_wells,
    distance,
    empty_below,
    left_gaps,
    over_holes,
    pattern,
    patterns_beside,
    patterns_of,
    row_gaps,
    window_sums,
    window_wells,
)
from tetrarium.engine.lane_numbers import (
    beside,
    cells_of_each,
    heights_of,
    larger,
    largest,
    lowered,
    number_in,
    raised,
    summed,
)
from tetrarium.engine.lanes import move_cells, spread
from tetrarium.engine.pieces import BOTTOMS, COLUMN_BITS, N_CELLS, TOPS

__all__ = [
    "bumpiness_after",
    "column_transitions_after",
    "describe_outline",
    "describe_surface",
    "hole_depth_after",
    "holes_after",
    "landing_rows",
    "max_height_after",
    "new_columns",
    "new_heights",
    "new_space_of",
    "patterns_after",
    "row_transitions_after",
    "rows_with_holes_after",
    "wells_after",
]

_N_BITS: Final = 32
_NOWHERE: Final = 64  # bottom of a piece's column that it does not have: it rests on nothing
_BOTTOMS: Final = np.where(COLUMN_BITS > 0, BOTTOMS, _NOWHERE)  # (7, 4, 4)
_TOPS: Final = np.where(COLUMN_BITS > 0, TOPS, (1 << _N_BITS) - _NOWHERE)  # and, below ground, raises nothing
_BITS_DOWN: Final = np.array(  # (7, 4, 4) column bits upside down
    [int(f"{bits:0{_N_BITS}b}"[::-1], 2) for bits in COLUMN_BITS.ravel().tolist()], dtype=np.int64
).reshape(COLUMN_BITS.shape)


@small_kernel
def describe_outline(board, inside, gaps, layout):  # type: ignore[no-untyped-def]
    """Heights of a board, the highest, its holes, and what each column and the one to the left give to bumpiness."""
    heights = heights_of(board) & inside
    n_holes = summed(heights) - summed(cells_of_each(board & inside))
    bumps = heights
    if layout[BUMPINESS] >= 0:
        bumps = distance(heights, move_cells(heights, 1, 0)) & gaps
    return heights, largest(heights), n_holes, bumps


@small_kernel
def describe_surface(board, space, heights, gaps, rules, layout):  # type: ignore[no-untyped-def]
    """Of each feature that the layout has, what is summed before any drop.

    Returns:
        Row and column transitions that a drop into each window leaves; wells and fast wells of each column; hole
        depth, rows with holes and patterns that a drop into each window leaves.
    """
    rows, columns, wells, fast_wells, depth, hole_rows, patterns = board, board, board, board, board, board, board
    if layout[ROW_TRANSITIONS] >= 0:
        right, left = row_gaps(board, rules), left_gaps(board, rules)
        rows = spread(number_in(left, 0), board) + beside_sums(right) - left
    if layout[COLUMN_TRANSITIONS] >= 0:
        columns = beside_sums(column_changes(board))
    if layout[WELLS] >= 0:
        wells = column_wells(space, False)
    if layout[FAST_WELLS] >= 0:
        fast_wells = column_wells(space, True)
    if layout[HOLE_DEPTH] >= 0:
        depth = beside_sums(over_holes(board))
    if layout[ROWS_WITH_HOLES] >= 0:
        hole_rows = beside_windows(empty_below(heights, board))
    if layout[PATTERN_DIVERSITY] >= 0:
        patterns = patterns_beside(patterns_of(heights, gaps))
    return rows, columns, wells, fast_wells, depth, hole_rows, patterns


@small_kernel
def landing_rows(heights, piece, rotation):  # type: ignore[no-untyped-def]
    """Row of the piece's lowest cell."""
    bottoms = _BOTTOMS[piece, rotation]
    first = larger(heights - spread(bottoms[0], heights), move_cells(heights, -1, 0) - spread(bottoms[1], heights))
    second = larger(
        move_cells(heights, -2, 0) - spread(bottoms[2], heights),
        move_cells(heights, -3, 0) - spread(bottoms[3], heights),
    )
    return larger(first, second)


@small_kernel
def new_heights(heights, piece, rotation, bottoms):  # type: ignore[no-untyped-def]
    """Heights of the window's columns with the piece."""
    tops = _TOPS[piece, rotation]
    return (
        larger(heights, bottoms + spread(tops[0], heights)),
        larger(move_cells(heights, -1, 0), bottoms + spread(tops[1], heights)),
        larger(move_cells(heights, -2, 0), bottoms + spread(tops[2], heights)),
        larger(move_cells(heights, -3, 0), bottoms + spread(tops[3], heights)),
    )


@small_kernel
def new_columns(board, piece, rotation, bottoms):  # type: ignore[no-untyped-def]
    """The window's columns with the piece."""
    bits = COLUMN_BITS[piece, rotation]
    return (
        board | raised(spread(bits[0], board), bottoms),
        beside(board, 1) | raised(spread(bits[1], board), bottoms),
        beside(board, 2) | raised(spread(bits[2], board), bottoms),
        beside(board, 3) | raised(spread(bits[3], board), bottoms),
    )


@small_kernel
def new_space_of(space, piece, rotation, bottoms):  # type: ignore[no-untyped-def]
    """What is empty in the window's columns with the piece."""
    bits = _BITS_DOWN[piece, rotation]
    return (
        space & ~lowered(spread(bits[0], space), bottoms),
        move_cells(space, -1, 0) & ~lowered(spread(bits[1], space), bottoms),
        move_cells(space, -2, 0) & ~lowered(spread(bits[2], space), bottoms),
        move_cells(space, -3, 0) & ~lowered(spread(bits[3], space), bottoms),
    )


@small_kernel
def max_height_after(max_height, bottoms, piece_height):  # type: ignore[no-untyped-def]
    return larger(bottoms + spread(piece_height, bottoms), spread(max_height, bottoms))


@small_kernel
def holes_after(n_holes, heights, new):  # type: ignore[no-untyped-def]
    change = new[0] + new[1] + new[2] + new[3] - window_sums(heights) - spread(N_CELLS, heights)
    return change + spread(n_holes, change)


@small_kernel
def bumpiness_after(bumps, heights, gaps, new):  # type: ignore[no-untyped-def]
    change = distance(new[0], move_cells(heights, 1, 0)) & gaps
    change = change + (distance(new[1], new[0]) & move_cells(gaps, -1, 0))
    change = change + (distance(new[2], new[1]) & move_cells(gaps, -2, 0))
    change = change + (distance(new[3], new[2]) & move_cells(gaps, -3, 0))
    change = change + (distance(move_cells(heights, -4, 0), new[3]) & move_cells(gaps, -4, 0))
    return change + beside_sums(bumps) - move_cells(bumps, -4, 0)


@small_kernel
def row_transitions_after(left, board, columns, rules):  # type: ignore[no-untyped-def]
    visible = spread((1 << rules.height) - 1, board)
    change = cells_of_each((beside(board, -1) ^ columns[0]) & visible)
    change = change + cells_of_each((columns[0] ^ columns[1]) & visible)
    change = change + cells_of_each((columns[1] ^ columns[2]) & visible)
    change = change + cells_of_each((columns[2] ^ columns[3]) & visible)
    return change + cells_of_each((columns[3] ^ beside(board, 4)) & visible) + left


@small_kernel
def column_transitions_after(left, columns):  # type: ignore[no-untyped-def]
    first, second = column_changes(columns[0]) + column_changes(columns[1]), column_changes(columns[2])
    return first + second + column_changes(columns[3]) + left


@small_kernel
def wells_after(wells, space, new_space, fast):  # type: ignore[no-untyped-def]
    """Wells of the window and the columns beside it; all others as they were."""
    before, after = move_cells(space, 2, 0), move_cells(space, -5, 0)
    first, last = move_cells(space, 1, 0), move_cells(space, -4, 0)
    depths = window_wells(before, first, new_space[0], new_space[1], new_space[2], new_space[3], last, after, fast)
    return depths + beside_sums(wells) - move_cells(wells, 1, 0) - move_cells(wells, -4, 0)


@small_kernel
def hole_depth_after(left, columns):  # type: ignore[no-untyped-def]
    return over_holes(columns[0]) + over_holes(columns[1]) + over_holes(columns[2]) + over_holes(columns[3]) + left


@small_kernel
def rows_with_holes_after(left, columns, new):  # type: ignore[no-untyped-def]
    rows = empty_below(new[0], columns[0]) | empty_below(new[1], columns[1]) | left
    return cells_of_each(rows | empty_below(new[2], columns[2]) | empty_below(new[3], columns[3]))


@small_kernel
def patterns_after(left, heights, gaps, new):  # type: ignore[no-untyped-def]
    counts = gaps & spread(1, gaps)
    found = pattern(counts, new[0] - move_cells(heights, 1, 0)) | left
    found = found | pattern(move_cells(counts, -1, 0), new[1] - new[0])
    found = found | pattern(move_cells(counts, -2, 0), new[2] - new[1])
    found = found | pattern(move_cells(counts, -3, 0), new[3] - new[2])
    found = found | pattern(move_cells(counts, -4, 0), move_cells(heights, -4, 0) - new[3])
    return cells_of_each(found & spread(PATTERNS, found))
