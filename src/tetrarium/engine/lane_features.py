"""What the features of a board are made of, worked out for all of its columns at once.

Lane = column, or the left column of a window of four. A board is ``Lanes`` of 32-bit words whose columns outside the
board are filled; ``inside`` has all bits of the lanes that the board has, ``gaps`` those of the lanes that have another
one of it to the left. ``space`` is the empty cells upside down, row 0 in bit 31: so a carry runs down a column.
Features are those of ``features``.
"""

from typing import Final

from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.lane_numbers import beside, cells_of_each, larger, raised, summed
from tetrarium.engine.lanes import any_lane, move_cells, spread
from tetrarium.engine.pieces import N_CELLS

__all__ = [
    "PATTERNS",
    "beside_sums",
    "beside_windows",
    "column_changes",
    "column_wells",
    "distance",
    "empty_below",
    "left_gaps",
    "over_holes",
    "pattern",
    "patterns_beside",
    "patterns_of",
    "row_gaps",
    "window_sums",
    "window_wells",
]

_PAST_WINDOW: Final = -N_CELLS  # moves the column right of a window to its lane
_PAST_GAPS: Final = -N_CELLS - 1  # moves the first gap right of a window that a drop there leaves as it is
_PATTERN_SPAN: Final = 2  # pattern diversity counts height differences from -2 to 2
PATTERNS: Final = (1 << (2 * _PATTERN_SPAN + 1)) - 1  # those that count, of the sets of differences


@small_kernel
def _ones(lanes):  # type: ignore[no-untyped-def]
    return spread(1, lanes)


@small_kernel
def _to_the_left(lanes):  # type: ignore[no-untyped-def]
    """Bits of every lane further left."""
    lanes = move_cells(lanes, 1, 0)
    lanes = lanes | move_cells(lanes, 1, 0)
    lanes = lanes | move_cells(lanes, 2, 0)
    lanes = lanes | move_cells(lanes, 4, 0)
    return lanes | move_cells(lanes, 8, 0)


@small_kernel
def _to_the_right(lanes):  # type: ignore[no-untyped-def]
    """Bits of this lane and every one further right."""
    lanes = lanes | move_cells(lanes, -1, 0)
    lanes = lanes | move_cells(lanes, -2, 0)
    lanes = lanes | move_cells(lanes, -4, 0)
    return lanes | move_cells(lanes, -8, 0)


@small_kernel
def beside_windows(lanes):  # type: ignore[no-untyped-def]
    """Bits of the lanes outside each window."""
    return _to_the_left(lanes) | move_cells(_to_the_right(lanes), _PAST_WINDOW, 0)


@small_kernel
def window_sums(lanes):  # type: ignore[no-untyped-def]
    """Sum of this lane and the three right of it."""
    lanes = lanes + move_cells(lanes, -1, 0)
    return lanes + move_cells(lanes, -2, 0)


@small_kernel
def beside_sums(lanes):  # type: ignore[no-untyped-def]
    """Of numbers that each column has, the sum over those outside each window."""
    return spread(summed(lanes), lanes) - window_sums(lanes)


@small_kernel
def row_gaps(board, rules):  # type: ignore[no-untyped-def]
    """Row transitions between each column and the one to the right."""
    return cells_of_each((board ^ beside(board, 1)) & spread((1 << rules.height) - 1, board))


@small_kernel
def left_gaps(board, rules):  # type: ignore[no-untyped-def]
    return cells_of_each((board ^ beside(board, -1)) & spread((1 << rules.height) - 1, board))


@small_kernel
def column_changes(lanes):  # type: ignore[no-untyped-def]
    return cells_of_each(lanes ^ (move_cells(lanes, 0, 1) | _ones(lanes)))


@small_kernel
def over_holes(lanes):  # type: ignore[no-untyped-def]
    """Filled cells over a hole: adding 1 clears the run that stands on the floor."""
    return cells_of_each(lanes & (lanes + _ones(lanes)))


@small_kernel
def empty_below(heights, lanes):  # type: ignore[no-untyped-def]
    """Empty cells below heights."""
    return ~lanes & (raised(_ones(lanes), heights) - _ones(lanes))


@small_kernel
def distance(lanes, others):  # type: ignore[no-untyped-def]
    return larger(lanes - others, others - lanes)


@small_kernel
def pattern(counts, difference):  # type: ignore[no-untyped-def]
    """A set of one height difference where ``counts`` is 1; higher bits are of those that do not count."""
    return raised(counts, difference + spread(_PATTERN_SPAN, counts))


@small_kernel
def patterns_of(heights, gaps):  # type: ignore[no-untyped-def]
    return pattern(gaps & _ones(gaps), heights - move_cells(heights, 1, 0))


@small_kernel
def _wells(space, left, right):  # type: ignore[no-untyped-def]
    return space & ~left & ~right


@small_kernel
def _with_those_below(wells, space):  # type: ignore[no-untyped-def]
    """Wells and what is empty below them, upside down: a carry runs from the topmost to the floor."""
    return (space & ~(space + wells)) | wells


@kernel
def _well_depths(wells, space):  # type: ignore[no-untyped-def]
    """Of one column a lane, upside down: for each well cell the run of empty cells from it down, summed."""
    depths = wells ^ wells
    while any_lane(wells):
        depths = depths + cells_of_each(wells)
        wells = move_cells(wells, 0, 1) & space
    return depths


@small_kernel
def column_wells(space, fast):  # type: ignore[no-untyped-def]
    """Wells of each column of a board, upside down."""
    wells = _wells(space, move_cells(space, 1, 0), move_cells(space, -1, 0))
    if fast:
        wells = _with_those_below(wells, space)
    return _well_depths(wells, space)


@kernel
def window_wells(before, space_0, space_1, space_2, space_3, space_4, space_5, after, fast):  # type: ignore[no-untyped-def]
    """Wells of six columns a lane, upside down, of which ``before`` and ``after`` are the neighbours."""
    wells_0 = _wells(space_0, before, space_1)
    wells_1 = _wells(space_1, space_0, space_2)
    wells_2 = _wells(space_2, space_1, space_3)
    wells_3 = _wells(space_3, space_2, space_4)
    wells_4 = _wells(space_4, space_3, space_5)
    wells_5 = _wells(space_5, space_4, after)
    if fast:
        wells_0 = _with_those_below(wells_0, space_0)
        wells_1 = _with_those_below(wells_1, space_1)
        wells_2 = _with_those_below(wells_2, space_2)
        wells_3 = _with_those_below(wells_3, space_3)
        wells_4 = _with_those_below(wells_4, space_4)
        wells_5 = _with_those_below(wells_5, space_5)
    depths = space_0 ^ space_0
    while any_lane(wells_0 | wells_1 | wells_2 | wells_3 | wells_4 | wells_5):
        depths = depths + cells_of_each(wells_0) + cells_of_each(wells_1) + cells_of_each(wells_2)
        depths = depths + cells_of_each(wells_3) + cells_of_each(wells_4) + cells_of_each(wells_5)
        wells_0 = move_cells(wells_0, 0, 1) & space_0
        wells_1 = move_cells(wells_1, 0, 1) & space_1
        wells_2 = move_cells(wells_2, 0, 1) & space_2
        wells_3 = move_cells(wells_3, 0, 1) & space_3
        wells_4 = move_cells(wells_4, 0, 1) & space_4
        wells_5 = move_cells(wells_5, 0, 1) & space_5
    return depths


@small_kernel
def patterns_beside(patterns):  # type: ignore[no-untyped-def]
    """Height differences of the gaps that a drop into each window leaves as they are."""
    return _to_the_left(patterns) | move_cells(_to_the_right(patterns), _PAST_GAPS, 0)
