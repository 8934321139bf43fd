"""Terms of a board's features, computed for all of its columns at once.

Lane = column, or the left column of a window of four. A board is ``Lanes`` whose columns outside the board are filled;
``inside`` has all bits of the lanes that the board has, ``gaps`` those of the lanes that have another one of it to the
left. ``space`` is the empty cells with their bits reversed, row 0 topmost: so a carry runs down a column. Features are
defined in ``engine.features``.
"""

from typing import Final

from tetrarium.engine.compiling import kernel, small_kernel
from tetrarium.engine.pieces import N_CELLS
from tetrarium.engine.simd.board_vectors import any_lane, broadcast, shift_cells
from tetrarium.engine.simd.column_vectors import count_bits, maximum, shift_lanes, shift_left, sum_lanes

_PAST_WINDOW: Final = -N_CELLS  # shifts the column right of a window to its lane
_PAST_GAPS: Final = -N_CELLS - 1  # shifts the first gap right of a window that a drop there leaves unchanged
_PATTERN_SPAN: Final = 2  # pattern diversity counts height differences from -2 to 2
PATTERNS: Final = (1 << (2 * _PATTERN_SPAN + 1)) - 1  # mask of the differences that count


@small_kernel
def _ones(lanes):
    return broadcast(1, lanes)


@small_kernel
def _to_the_left(lanes):
    """OR of all lanes further left."""
    lanes = shift_cells(lanes, 1, 0)
    lanes = lanes | shift_cells(lanes, 1, 0)
    lanes = lanes | shift_cells(lanes, 2, 0)
    lanes = lanes | shift_cells(lanes, 4, 0)
    return lanes | shift_cells(lanes, 8, 0)


@small_kernel
def _to_the_right(lanes):
    """OR of this lane and all further right."""
    lanes = lanes | shift_cells(lanes, -1, 0)
    lanes = lanes | shift_cells(lanes, -2, 0)
    lanes = lanes | shift_cells(lanes, -4, 0)
    return lanes | shift_cells(lanes, -8, 0)


@small_kernel
def rows_outside_windows(lanes):
    """OR of the lanes outside each window."""
    return _to_the_left(lanes) | shift_cells(_to_the_right(lanes), _PAST_WINDOW, 0)


@small_kernel
def window_sums(lanes):
    """Sum of this lane and the three right of it."""
    lanes = lanes + shift_cells(lanes, -1, 0)
    return lanes + shift_cells(lanes, -2, 0)


@small_kernel
def sums_outside_windows(lanes):
    """Sum of the lanes outside each window."""
    return broadcast(sum_lanes(lanes), lanes) - window_sums(lanes)


@small_kernel
def row_changes_right(board, rules):
    """Row transitions between each column and the one to the right."""
    return count_bits((board ^ shift_lanes(board, 1)) & broadcast((1 << rules.height) - 1, board))


@small_kernel
def row_changes_left(board, rules):
    return count_bits((board ^ shift_lanes(board, -1)) & broadcast((1 << rules.height) - 1, board))


@small_kernel
def column_changes(lanes):
    return count_bits(lanes ^ (shift_cells(lanes, 0, 1) | _ones(lanes)))


@small_kernel
def cells_above_holes(lanes):
    """Filled cells over a hole: adding 1 clears the run that stands on the floor."""
    return count_bits(lanes & (lanes + _ones(lanes)))


@small_kernel
def empty_below(heights, lanes):
    """Empty cells below heights."""
    return ~lanes & (shift_left(_ones(lanes), heights) - _ones(lanes))


@small_kernel
def absolute_difference(lanes, others):
    return maximum(lanes - others, others - lanes)


@small_kernel
def difference_bit(ones, difference):
    """Bit of a height difference where ``ones`` is 1; ``PATTERNS`` masks those that count."""
    return shift_left(ones, difference + broadcast(_PATTERN_SPAN, ones))


@small_kernel
def difference_bits(heights, gaps):
    return difference_bit(gaps & _ones(gaps), heights - shift_cells(heights, 1, 0))


@small_kernel
def _wells(space, left, right):
    return space & ~left & ~right


@small_kernel
def _with_those_below(wells, space):
    """Wells and the empty cells below them, bits reversed: a carry runs from the topmost one to the floor."""
    return (space & ~(space + wells)) | wells


@kernel
def _well_depths(wells, space):
    """Sum over each lane's well cells, bits reversed, of the run of empty cells from it down."""
    depths = wells ^ wells
    while any_lane(wells):
        depths = depths + count_bits(wells)
        wells = shift_cells(wells, 0, 1) & space
    return depths


@small_kernel
def column_wells(space, fast):
    """Wells of each column of a board."""
    wells = _wells(space, shift_cells(space, 1, 0), shift_cells(space, -1, 0))
    if fast:
        wells = _with_those_below(wells, space)
    return _well_depths(wells, space)


@kernel
def window_wells(before, space_0, space_1, space_2, space_3, space_4, space_5, after, fast):
    """Wells of six columns in each lane, given their space and that of their neighbors ``before`` and ``after``."""
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
        depths = depths + count_bits(wells_0) + count_bits(wells_1) + count_bits(wells_2)
        depths = depths + count_bits(wells_3) + count_bits(wells_4) + count_bits(wells_5)
        wells_0 = shift_cells(wells_0, 0, 1) & space_0
        wells_1 = shift_cells(wells_1, 0, 1) & space_1
        wells_2 = shift_cells(wells_2, 0, 1) & space_2
        wells_3 = shift_cells(wells_3, 0, 1) & space_3
        wells_4 = shift_cells(wells_4, 0, 1) & space_4
        wells_5 = shift_cells(wells_5, 0, 1) & space_5
    return depths


@small_kernel
def difference_bits_outside_windows(patterns):
    """Bits of the height differences at the gaps that a drop into each window leaves unchanged."""
    return _to_the_left(patterns) | shift_cells(_to_the_right(patterns), _PAST_GAPS, 0)
