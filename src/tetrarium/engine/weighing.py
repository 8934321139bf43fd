"""The straight drop that a linear controller plays: all left columns of a rotation are valued at once.

A board is ``Lanes`` of 32-bit words; where it is dropped on, lane = left column. Features are worked out as in
``afterstates`` and ``surfaces``: a board is summed once, and a drop then changes what its window of four columns and
the two beside it give. Nothing is written, and what is not weighed is not worked out. Values are summed in the order of
the features, so that they are, to the last bit, what the numbers of a row of ``write_rows`` times their weights come
to, added one after the other.

Boards on which rows vanish, a few in a hundred, are built and summed as a whole.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.features import (
    BUMPINESS,
    COLUMN_HEIGHTS,
    COLUMN_TRANSITIONS,
    ERODED_CELLS,
    FAST_WELLS,
    HOLE_DEPTH,
    HOLES,
    LANDING_HEIGHT,
    LINES_CLEARED,
    MAX_HEIGHT,
    PATTERN_DIVERSITY,
    ROW_LENGTH,
    ROW_TRANSITIONS,
    ROWS_WITH_HOLES,
    WELLS,
    Layout,
)
from tetrarium.engine.jit import kernel, small_kernel
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
    cells_in_any,
    cells_of_each,
    first_largest,
    flipped,
    heights_of,
    lane_numbers,
    lanes_with_cells,
    larger,
    largest,
    load_columns,
    lowered,
    number_in,
    picked,
    raised,
    same_values,
    summed,
    values_where,
    weighed,
    where_above,
    where_greater,
    with_value,
)
from tetrarium.engine.lanes import N_LANES, lift, load_lanes, move_cells, spread
from tetrarium.engine.pieces import (
    BOTTOMS,
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_CELLS,
    N_ORIENTATIONS,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
    TOPS,
)
from tetrarium.engine.rules import CompiledRules, Rules

__all__ = ["DropWeights", "best_drop", "can_weigh", "make_drop_weights"]

# (ROW_LENGTH + 16,) float64: one for each feature, then one for the height of each column; that of COLUMN_HEIGHTS is 1
# where any of the latter is not 0.
DropWeights = npt.NDArray[np.float64]

_N_BITS: Final = 32
_NOWHERE: Final = 64  # bottom of a piece's column that it does not have: it rests on nothing
_BOTTOMS: Final = np.where(COLUMN_BITS > 0, BOTTOMS, _NOWHERE)  # (7, 4, 4)
_TOPS: Final = np.where(COLUMN_BITS > 0, TOPS, (1 << _N_BITS) - _NOWHERE)  # and, below ground, raises nothing
_BITS_DOWN: Final = np.array(  # (7, 4, 4) column bits upside down
    [int(f"{bits:0{_N_BITS}b}"[::-1], 2) for bits in COLUMN_BITS.ravel().tolist()], dtype=np.int64
).reshape(COLUMN_BITS.shape)
# The columns of each rotation with empty ones around: read from further left, the piece stands further right.
_PIECE_STEP: Final = 2 * N_LANES + N_CELLS
_PIECE_WORDS: Final = np.pad(COLUMN_BITS, ((0, 0), (0, 0), (N_LANES, N_LANES))).astype(np.int32).ravel()
_LARGEST_WEIGHT: Final = 1e300  # sums of larger ones may not be finite
_LOSES: Final = float("-inf")


def can_weigh(rules: Rules, weights: DropWeights) -> bool:
    """Whether ``best_drop`` plays by these rules and weights: columns fit its words, and sums are finite."""
    fits = type(rules.compiled) is CompiledRules and rules.height + rules.hidden_rows < _N_BITS
    return fits and bool(np.abs(weights).max() < _LARGEST_WEIGHT)


def make_drop_weights(layout: Layout, row_weights: npt.NDArray[np.float64], width: int) -> DropWeights:
    """Arranges the weights of a row's numbers, ``(row length,) float64``, by feature."""
    weights = np.zeros(ROW_LENGTH + N_LANES)
    for feature in range(MAX_HEIGHT, PATTERN_DIVERSITY + 1):
        if layout[feature] >= 0:
            weights[feature] = row_weights[layout[feature]]
    if layout[COLUMN_HEIGHTS] >= 0:
        first = layout[COLUMN_HEIGHTS]
        weights[ROW_LENGTH : ROW_LENGTH + width] = row_weights[first : first + width]
        weights[COLUMN_HEIGHTS] = float(weights[ROW_LENGTH:].any())
    return weights


@small_kernel
def _landing_rows(heights, piece, rotation):  # type: ignore[no-untyped-def]
    """Row of the piece's lowest cell, dropped on each window."""
    bottoms = _BOTTOMS[piece, rotation]
    first = larger(heights - spread(bottoms[0], heights), move_cells(heights, -1, 0) - spread(bottoms[1], heights))
    second = larger(
        move_cells(heights, -2, 0) - spread(bottoms[2], heights),
        move_cells(heights, -3, 0) - spread(bottoms[3], heights),
    )
    return larger(first, second)


@small_kernel
def _new_heights(heights, piece, rotation, bottoms):  # type: ignore[no-untyped-def]
    """Heights of the window's columns with the piece."""
    tops = _TOPS[piece, rotation]
    return (
        larger(heights, bottoms + spread(tops[0], heights)),
        larger(move_cells(heights, -1, 0), bottoms + spread(tops[1], heights)),
        larger(move_cells(heights, -2, 0), bottoms + spread(tops[2], heights)),
        larger(move_cells(heights, -3, 0), bottoms + spread(tops[3], heights)),
    )


@small_kernel
def _new_columns(board, piece, rotation, bottoms):  # type: ignore[no-untyped-def]
    """The window's columns with the piece."""
    bits = COLUMN_BITS[piece, rotation]
    return (
        board | raised(spread(bits[0], board), bottoms),
        beside(board, 1) | raised(spread(bits[1], board), bottoms),
        beside(board, 2) | raised(spread(bits[2], board), bottoms),
        beside(board, 3) | raised(spread(bits[3], board), bottoms),
    )


@small_kernel
def _new_space(space, piece, rotation, bottoms):  # type: ignore[no-untyped-def]
    """What is empty in the window's columns with the piece."""
    bits = _BITS_DOWN[piece, rotation]
    return (
        space & ~lowered(spread(bits[0], space), bottoms),
        move_cells(space, -1, 0) & ~lowered(spread(bits[1], space), bottoms),
        move_cells(space, -2, 0) & ~lowered(spread(bits[2], space), bottoms),
        move_cells(space, -3, 0) & ~lowered(spread(bits[3], space), bottoms),
    )


@small_kernel
def _weigh_heights(values, heights, new, width, weights):  # type: ignore[no-untyped-def]
    """Each column's height in turn: as it was, but where the window holds it."""
    numbers = lane_numbers(heights)
    one = spread(1, heights)
    for x in range(width):
        away = spread(x, heights) - numbers  # columns right of the window's first
        height = picked(away, spread(number_in(heights, x), heights), new[0])
        height = picked(away - one, height, new[1])
        height = picked(away - one - one, height, new[2])
        height = picked(away - one - one - one, height, new[3])
        values = weighed(values, weights[ROW_LENGTH + x], height, 0.0)
    return values


@small_kernel
def _describe_outline(board, inside, gaps, weights):  # type: ignore[no-untyped-def]
    """Heights of a board, the highest, its holes, and what it gives to bumpiness at the left of each column."""
    heights = heights_of(board) & inside
    n_holes = summed(heights) - summed(cells_of_each(board & inside))
    bumps = heights
    if weights[BUMPINESS] != 0:
        bumps = distance(heights, move_cells(heights, 1, 0)) & gaps
    return heights, largest(heights), n_holes, bumps


@small_kernel
def _weigh_outline(values, outline, gaps, new, bottoms, piece_height, width, weights):  # type: ignore[no-untyped-def]
    """Column heights to bumpiness."""
    heights, max_height, n_holes, bumps = outline
    if weights[COLUMN_HEIGHTS] != 0:
        values = _weigh_heights(values, heights, new, width, weights)
    if weights[MAX_HEIGHT] != 0:
        tops = bottoms + spread(piece_height, bottoms)
        values = weighed(values, weights[MAX_HEIGHT], larger(tops, spread(max_height, tops)), 0.0)
    if weights[HOLES] != 0:
        change = new[0] + new[1] + new[2] + new[3] - window_sums(heights) - spread(N_CELLS, heights)
        values = weighed(values, weights[HOLES], change + spread(n_holes, heights), 0.0)
    if weights[BUMPINESS] != 0:
        change = distance(new[0], move_cells(heights, 1, 0)) & gaps
        change = change + (distance(new[1], new[0]) & move_cells(gaps, -1, 0))
        change = change + (distance(new[2], new[1]) & move_cells(gaps, -2, 0))
        change = change + (distance(new[3], new[2]) & move_cells(gaps, -3, 0))
        change = change + (distance(move_cells(heights, -4, 0), new[3]) & move_cells(gaps, -4, 0))
        change = change + beside_sums(bumps) - move_cells(bumps, -4, 0)
        values = weighed(values, weights[BUMPINESS], change, 0.0)
    return values


@small_kernel
def _describe_surface(board, space, heights, gaps, rules, weights):  # type: ignore[no-untyped-def]
    """Of each feature what is summed once, before any drop.

    Returns:
        Row and column transitions that a drop into each window leaves; wells and fast wells of each column; hole
        depth, rows with holes and patterns that a drop into each window leaves.
    """
    rows, columns, wells, fast_wells, depth, hole_rows, patterns = board, board, board, board, board, board, board
    if weights[ROW_TRANSITIONS] != 0:
        right, left = row_gaps(board, rules), left_gaps(board, rules)
        rows = spread(number_in(left, 0), board) + beside_sums(right) - left
    if weights[COLUMN_TRANSITIONS] != 0:
        columns = beside_sums(column_changes(board))
    if weights[WELLS] != 0:
        wells = column_wells(space, False)
    if weights[FAST_WELLS] != 0:
        fast_wells = column_wells(space, True)
    if weights[HOLE_DEPTH] != 0:
        depth = beside_sums(over_holes(board))
    if weights[ROWS_WITH_HOLES] != 0:
        hole_rows = beside_windows(empty_below(heights, board))
    if weights[PATTERN_DIVERSITY] != 0:
        patterns = patterns_beside(patterns_of(heights, gaps))
    return rows, columns, wells, fast_wells, depth, hole_rows, patterns


@small_kernel
def _weigh_transitions(values, board, columns, rows_left, columns_left, rules, weights):  # type: ignore[no-untyped-def]
    """Row and column transitions, given those that a drop into each window leaves."""
    if weights[ROW_TRANSITIONS] != 0:
        visible = spread((1 << rules.height) - 1, board)
        change = cells_of_each((beside(board, -1) ^ columns[0]) & visible)
        change = change + cells_of_each((columns[0] ^ columns[1]) & visible)
        change = change + cells_of_each((columns[1] ^ columns[2]) & visible)
        change = change + cells_of_each((columns[2] ^ columns[3]) & visible)
        change = change + cells_of_each((columns[3] ^ beside(board, 4)) & visible)
        values = weighed(values, weights[ROW_TRANSITIONS], change + rows_left, 0.0)
    if weights[COLUMN_TRANSITIONS] != 0:
        change = column_changes(columns[0]) + column_changes(columns[1])
        change = change + column_changes(columns[2]) + column_changes(columns[3])
        values = weighed(values, weights[COLUMN_TRANSITIONS], change + columns_left, 0.0)
    return values


@small_kernel
def _weigh_wells(values, space, new_space, wells, fast, weight):  # type: ignore[no-untyped-def]
    """Wells of the window and the columns beside it; all others as they were."""
    before, after = move_cells(space, 2, 0), move_cells(space, -5, 0)
    first, last = move_cells(space, 1, 0), move_cells(space, -4, 0)
    depths = window_wells(before, first, new_space[0], new_space[1], new_space[2], new_space[3], last, after, fast)
    others = beside_sums(wells) - move_cells(wells, 1, 0) - move_cells(wells, -4, 0)
    return weighed(values, weight, depths + others, 0.0)


@small_kernel
def _weigh_inside(values, heights, new, columns, gaps, surface, weights):  # type: ignore[no-untyped-def]
    """Hole depth to pattern diversity."""
    _, _, _, _, depth, hole_rows, patterns = surface
    if weights[HOLE_DEPTH] != 0:
        change = over_holes(columns[0]) + over_holes(columns[1]) + over_holes(columns[2]) + over_holes(columns[3])
        values = weighed(values, weights[HOLE_DEPTH], change + depth, 0.0)
    if weights[ROWS_WITH_HOLES] != 0:
        rows = empty_below(new[0], columns[0]) | empty_below(new[1], columns[1]) | hole_rows
        rows = rows | empty_below(new[2], columns[2]) | empty_below(new[3], columns[3])
        values = weighed(values, weights[ROWS_WITH_HOLES], cells_of_each(rows), 0.0)
    if weights[PATTERN_DIVERSITY] != 0:
        counts = gaps & spread(1, gaps)
        found = pattern(counts, new[0] - move_cells(heights, 1, 0)) | patterns
        found = found | pattern(move_cells(counts, -1, 0), new[1] - new[0])
        found = found | pattern(move_cells(counts, -2, 0), new[2] - new[1])
        found = found | pattern(move_cells(counts, -3, 0), new[3] - new[2])
        found = found | pattern(move_cells(counts, -4, 0), move_cells(heights, -4, 0) - new[3])
        values = weighed(values, weights[PATTERN_DIVERSITY], cells_of_each(found & spread(PATTERNS, found)), 0.0)
    return values


@small_kernel
def _clear_rows(board, full):  # type: ignore[no-untyped-def]
    """Takes rows out of a board and lets what lies above fall."""
    while full != 0:
        below = (1 << (bit_length(full) - 1)) - 1
        kept = spread(below, board)
        board = (board & kept) | (move_cells(board, 0, -1) & ~kept)
        full &= below
    return board


@small_kernel
def _value_outline(heights, gaps, n_holes, width, weights):  # type: ignore[no-untyped-def]
    """Column heights to bumpiness of one board."""
    value = 0.0
    if weights[COLUMN_HEIGHTS] != 0:
        for x in range(width):
            value += weights[ROW_LENGTH + x] * number_in(heights, x)
    value += weights[MAX_HEIGHT] * largest(heights)
    value += weights[HOLES] * n_holes
    if weights[BUMPINESS] != 0:
        value += weights[BUMPINESS] * summed(distance(heights, move_cells(heights, 1, 0)) & gaps)
    return value


@small_kernel
def _value_surface(value, board, heights, gaps, rules, weights):  # type: ignore[no-untyped-def]
    """Row transitions to pattern diversity of one board, added to a value."""
    if weights[ROW_TRANSITIONS] != 0:
        left_wall = number_in(left_gaps(board, rules), 0)
        value += weights[ROW_TRANSITIONS] * (summed(row_gaps(board, rules)) + left_wall)
    if weights[COLUMN_TRANSITIONS] != 0:
        value += weights[COLUMN_TRANSITIONS] * summed(column_changes(board))
    if weights[WELLS] != 0:
        value += weights[WELLS] * summed(column_wells(flipped(~board), False))
    if weights[FAST_WELLS] != 0:
        value += weights[FAST_WELLS] * summed(column_wells(flipped(~board), True))
    if weights[HOLE_DEPTH] != 0:
        value += weights[HOLE_DEPTH] * summed(over_holes(board))
    if weights[ROWS_WITH_HOLES] != 0:
        value += weights[ROWS_WITH_HOLES] * popcount(cells_in_any(empty_below(heights, board)))
    if weights[PATTERN_DIVERSITY] != 0:
        value += weights[PATTERN_DIVERSITY] * popcount(cells_in_any(patterns_of(heights, gaps)) & PATTERNS)
    return value


@kernel
def _value_cleared(board, full, piece, rotation, left, bottom, rules, weights):  # type: ignore[no-untyped-def]
    """The value of a placement that fills these rows; the piece is not on the board yet."""
    inside = where_above(spread(rules.width, board), lane_numbers(board))
    gaps = inside & move_cells(inside, 1, 0)
    cells = lift(load_lanes(_PIECE_WORDS, (MAX_ORIENTATIONS * piece + rotation) * _PIECE_STEP + N_LANES - left), bottom)
    board = _clear_rows(board | cells, full) | ~inside
    heights = heights_of(board) & inside
    n_holes = summed(heights) - summed(cells_of_each(board & inside))
    n_lines = popcount(full)
    value = _value_outline(heights, gaps, n_holes, rules.width, weights)
    value += weights[LINES_CLEARED] * n_lines
    value += weights[LANDING_HEIGHT] * (bottom + 0.5 * (PIECE_HEIGHTS[piece, rotation] - 1))
    value += weights[ERODED_CELLS] * (n_lines * summed(cells_of_each(cells & spread(full, cells))))
    return _value_surface(value, board, heights, gaps, rules, weights)


@kernel
def best_drop(columns, piece, rules, weights):  # type: ignore[no-untyped-def]
    """The action of the largest weighted sum, and this sum; the first one, orientation-major, among equals.

    A placement that ends the game counts as minus infinity; where all do, the action is 0.

    Args:
        columns: ``(width,) int64`` board, without a full row and without a cell above the visible ones.
        piece: Which one is dropped.
        rules: ``CompiledRules`` that ``can_weigh`` allows.
        weights: ``DropWeights``.
    """
    board = load_columns(columns, rules.width)
    numbers = lane_numbers(board)
    inside = where_above(spread(rules.width, board), numbers)
    gaps = inside & move_cells(inside, 1, 0)
    space = flipped(~board)
    outline = _describe_outline(board, inside, gaps, weights)
    heights = outline[0]
    surface = _describe_surface(board, space, heights, gaps, rules, weights)
    open_beside = beside_windows(~board)
    loses = same_values(_LOSES, board)
    best = loses
    choice = numbers ^ numbers
    for rotation in range(N_ORIENTATIONS[piece]):
        piece_height = PIECE_HEIGHTS[piece, rotation]
        bottoms = _landing_rows(heights, piece, rotation)
        new = _new_heights(heights, piece, rotation, bottoms)
        drop = _new_columns(board, piece, rotation, bottoms)
        new_space = _new_space(space, piece, rotation, bottoms)
        values = same_values(0.0, board)
        values = _weigh_outline(values, outline, gaps, new, bottoms, piece_height, rules.width, weights)
        values = weighed(values, weights[LANDING_HEIGHT], bottoms, 0.5 * (piece_height - 1))
        values = _weigh_transitions(values, board, drop, surface[0], surface[1], rules, weights)
        if weights[WELLS] != 0:
            values = _weigh_wells(values, space, new_space, surface[2], False, weights[WELLS])
        if weights[FAST_WELLS] != 0:
            values = _weigh_wells(values, space, new_space, surface[3], True, weights[FAST_WELLS])
        values = _weigh_inside(values, heights, new, drop, gaps, surface, weights)
        fits = where_above(spread(rules.width - PIECE_WIDTHS[piece, rotation] + 1, board), numbers)
        fits = fits & where_above(spread(rules.height - piece_height + 1, board), bottoms)
        full = drop[0] & drop[1] & drop[2] & drop[3] & ~open_beside & fits
        cleared = lanes_with_cells(full)
        while cleared != 0:
            left = bit_length(cleared & -cleared) - 1
            rows, bottom = number_in(full, left), number_in(bottoms, left)
            value = _value_cleared(board, rows, piece, rotation, left, bottom, rules, weights)
            values = with_value(values, left, value)
            cleared &= cleared - 1
        values = values_where(fits, values, loses)
        better = where_greater(values, best)
        best = values_where(better, values, best)
        choice = picked(better, numbers + spread(N_LANES * rotation, numbers), choice)
    value, found = first_largest(best, choice)
    return MAX_ORIENTATIONS * (found % N_LANES) + found // N_LANES, value
