"""The straight drop that a linear controller plays: all left columns of a rotation are valued at once.

A board is ``Lanes`` of 32-bit words; features are worked out as in ``drop_lanes``. Nothing is written, and what is not
weighed is not worked out. Values are summed in the order of the features, so that they are, to the last bit, what the
numbers of a row of ``write_rows`` times their weights come to, added one after the other.

Boards on which rows vanish, a few in a hundred, are built and summed as a whole.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.drop_lanes import (
    bumpiness_after,
    column_transitions_after,
    describe_outline,
    describe_surface,
    hole_depth_after,
    holes_after,
    landing_rows,
    max_height_after,
    new_columns,
    new_heights,
    new_space_of,
    patterns_after,
    row_transitions_after,
    rows_with_holes_after,
    wells_after,
)
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
    beside_windows,
    column_changes,
    column_wells,
    distance,
    empty_below,
    left_gaps,
    over_holes,
    patterns_of,
    row_gaps,
)
from tetrarium.engine.lane_numbers import (
    cells_in_any,
    cells_of_each,
    first_largest,
    flipped,
    heights_of,
    lane_numbers,
    lanes_with_cells,
    largest,
    load_columns,
    number_in,
    picked,
    same_values,
    summed,
    values_where,
    weighed,
    where_above,
    where_greater,
    with_value,
)
from tetrarium.engine.lanes import N_LANES, lift, load_lanes, move_cells, spread
from tetrarium.engine.pieces import COLUMN_BITS, MAX_ORIENTATIONS, N_CELLS, N_ORIENTATIONS, PIECE_HEIGHTS, PIECE_WIDTHS
from tetrarium.engine.rules import CompiledRules, Rules

__all__ = ["RowWeights", "best_drop", "can_weigh", "weighed_features"]

RowWeights = npt.NDArray[np.float64]  # (row length,) one for each number of a row

# The columns of each rotation with empty ones around: read from further left, the piece stands further right.
_PIECE_STEP: Final = 2 * N_LANES + N_CELLS
_PIECE_WORDS: Final = np.pad(COLUMN_BITS, ((0, 0), (0, 0), (N_LANES, N_LANES))).astype(np.int32).ravel()
_LARGEST_WEIGHT: Final = 1e300  # sums of larger ones may not be finite
_LOSES: Final = float("-inf")


def can_weigh(rules: Rules, weights: RowWeights) -> bool:
    """Whether ``best_drop`` plays by these rules and weights: columns fit its words, and sums are finite."""
    fits = type(rules.compiled) is CompiledRules and rules.compiled.word.dtype == np.int32
    return fits and bool(np.abs(weights).max() < _LARGEST_WEIGHT)


def weighed_features(layout: Layout, weights: RowWeights, width: int) -> Layout:
    """Takes features out of a layout that weigh nothing; the others stay where they are."""
    weighing = layout.copy()
    for feature in range(ROW_LENGTH):
        first = layout[feature]
        n_numbers = width if feature == COLUMN_HEIGHTS else 1
        if first >= 0 and not weights[first : first + n_numbers].any():
            weighing[feature] = -1
    return weighing


@small_kernel
def _add(values, lanes, feature, layout, weights):  # type: ignore[no-untyped-def]
    return weighed(values, weights[layout[feature]], lanes, 0.0)


@small_kernel
def _add_heights(values, heights, new, width, weights):  # type: ignore[no-untyped-def]
    """Each column's height in turn: as it was, but where the window holds it."""
    numbers = lane_numbers(heights)
    one = spread(1, heights)
    for x in range(width):
        away = spread(x, heights) - numbers  # columns right of the window's first
        height = picked(away, spread(number_in(heights, x), heights), new[0])
        height = picked(away - one, height, new[1])
        height = picked(away - one - one, height, new[2])
        height = picked(away - one - one - one, height, new[3])
        values = weighed(values, weights[x], height, 0.0)
    return values


@small_kernel
def _add_outline(values, outline, gaps, new, bottoms, piece_height, rules, layout, weights):  # type: ignore[no-untyped-def]
    """Column heights to landing height."""
    heights, max_height, n_holes, bumps = outline
    if layout[COLUMN_HEIGHTS] >= 0:
        values = _add_heights(values, heights, new, rules.width, weights[layout[COLUMN_HEIGHTS] :])
    if layout[MAX_HEIGHT] >= 0:
        values = _add(values, max_height_after(max_height, bottoms, piece_height), MAX_HEIGHT, layout, weights)
    if layout[HOLES] >= 0:
        values = _add(values, holes_after(n_holes, heights, new), HOLES, layout, weights)
    if layout[BUMPINESS] >= 0:
        values = _add(values, bumpiness_after(bumps, heights, gaps, new), BUMPINESS, layout, weights)
    if layout[LANDING_HEIGHT] >= 0:
        values = weighed(values, weights[layout[LANDING_HEIGHT]], bottoms, 0.5 * (piece_height - 1))
    return values


@small_kernel
def _add_surface(  # type: ignore[no-untyped-def]
    values, surface, board, space, heights, gaps, new, columns, new_space, rules, layout, weights
):
    """Row transitions to pattern diversity."""
    row_transitions, column_transitions, wells, fast_wells, depth, hole_rows, patterns = surface
    if layout[ROW_TRANSITIONS] >= 0:
        changes = row_transitions_after(row_transitions, board, columns, rules)
        values = _add(values, changes, ROW_TRANSITIONS, layout, weights)
    if layout[COLUMN_TRANSITIONS] >= 0:
        changes = column_transitions_after(column_transitions, columns)
        values = _add(values, changes, COLUMN_TRANSITIONS, layout, weights)
    if layout[WELLS] >= 0:
        values = _add(values, wells_after(wells, space, new_space, False), WELLS, layout, weights)
    if layout[FAST_WELLS] >= 0:
        values = _add(values, wells_after(fast_wells, space, new_space, True), FAST_WELLS, layout, weights)
    if layout[HOLE_DEPTH] >= 0:
        values = _add(values, hole_depth_after(depth, columns), HOLE_DEPTH, layout, weights)
    if layout[ROWS_WITH_HOLES] >= 0:
        values = _add(values, rows_with_holes_after(hole_rows, columns, new), ROWS_WITH_HOLES, layout, weights)
    if layout[PATTERN_DIVERSITY] >= 0:
        values = _add(values, patterns_after(patterns, heights, gaps, new), PATTERN_DIVERSITY, layout, weights)
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
def _value_outline(heights, gaps, n_holes, width, layout, weights):  # type: ignore[no-untyped-def]
    """Column heights to bumpiness of one board."""
    value = 0.0
    if layout[COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            value += weights[layout[COLUMN_HEIGHTS] + x] * number_in(heights, x)
    if layout[MAX_HEIGHT] >= 0:
        value += weights[layout[MAX_HEIGHT]] * largest(heights)
    if layout[HOLES] >= 0:
        value += weights[layout[HOLES]] * n_holes
    if layout[BUMPINESS] >= 0:
        value += weights[layout[BUMPINESS]] * summed(distance(heights, move_cells(heights, 1, 0)) & gaps)
    return value


@small_kernel
def _value_surface(value, board, heights, gaps, rules, layout, weights):  # type: ignore[no-untyped-def]
    """Row transitions to pattern diversity of one board, added to a value."""
    if layout[ROW_TRANSITIONS] >= 0:
        changes = summed(row_gaps(board, rules)) + number_in(left_gaps(board, rules), 0)
        value += weights[layout[ROW_TRANSITIONS]] * changes
    if layout[COLUMN_TRANSITIONS] >= 0:
        value += weights[layout[COLUMN_TRANSITIONS]] * summed(column_changes(board))
    if layout[WELLS] >= 0:
        value += weights[layout[WELLS]] * summed(column_wells(flipped(~board), False))
    if layout[FAST_WELLS] >= 0:
        value += weights[layout[FAST_WELLS]] * summed(column_wells(flipped(~board), True))
    if layout[HOLE_DEPTH] >= 0:
        value += weights[layout[HOLE_DEPTH]] * summed(over_holes(board))
    if layout[ROWS_WITH_HOLES] >= 0:
        value += weights[layout[ROWS_WITH_HOLES]] * popcount(cells_in_any(empty_below(heights, board)))
    if layout[PATTERN_DIVERSITY] >= 0:
        patterns = cells_in_any(patterns_of(heights, gaps)) & PATTERNS
        value += weights[layout[PATTERN_DIVERSITY]] * popcount(patterns)
    return value


@kernel
def _value_cleared(board, full, piece, rotation, left, bottom, rules, layout, weights):  # type: ignore[no-untyped-def]
    """The value of a placement that fills these rows; the piece is not on the board yet."""
    inside = where_above(spread(rules.width, board), lane_numbers(board))
    gaps = inside & move_cells(inside, 1, 0)
    cells = lift(load_lanes(_PIECE_WORDS, (MAX_ORIENTATIONS * piece + rotation) * _PIECE_STEP + N_LANES - left), bottom)
    board = _clear_rows(board | cells, full) | ~inside
    heights = heights_of(board) & inside
    n_holes = summed(heights) - summed(cells_of_each(board & inside))
    n_lines = popcount(full)
    value = _value_outline(heights, gaps, n_holes, rules.width, layout, weights)
    if layout[LINES_CLEARED] >= 0:
        value += weights[layout[LINES_CLEARED]] * n_lines
    if layout[LANDING_HEIGHT] >= 0:
        value += weights[layout[LANDING_HEIGHT]] * (bottom + 0.5 * (PIECE_HEIGHTS[piece, rotation] - 1))
    if layout[ERODED_CELLS] >= 0:
        value += weights[layout[ERODED_CELLS]] * (n_lines * summed(cells_of_each(cells & spread(full, cells))))
    return _value_surface(value, board, heights, gaps, rules, layout, weights)


@kernel
def best_drop(columns, piece, rules, layout, weights):  # type: ignore[no-untyped-def]
    """The action of the largest weighted sum, and this sum; the first one, orientation-major, among equals.

    A placement that ends the game counts as minus infinity; where all do, the action is 0.

    Args:
        columns: ``(width,) int64`` board, without a full row and without a cell above the visible ones.
        piece: Which one is dropped.
        rules: ``CompiledRules`` that ``can_weigh`` allows.
        layout: of those features that weigh something.
        weights: ``(row length,) float64``.
    """
    board = load_columns(columns, rules.width)
    numbers = lane_numbers(board)
    inside = where_above(spread(rules.width, board), numbers)
    gaps = inside & move_cells(inside, 1, 0)
    space = flipped(~board)
    outline = describe_outline(board, inside, gaps, layout)
    heights = outline[0]
    surface = describe_surface(board, space, heights, gaps, rules, layout)
    open_beside = beside_windows(~board)
    loses = same_values(_LOSES, board)
    best = loses
    choice = numbers ^ numbers
    for rotation in range(N_ORIENTATIONS[piece]):
        piece_height = PIECE_HEIGHTS[piece, rotation]
        bottoms = landing_rows(heights, piece, rotation)
        new = new_heights(heights, piece, rotation, bottoms)
        drop = new_columns(board, piece, rotation, bottoms)
        new_space = new_space_of(space, piece, rotation, bottoms)
        values = same_values(0.0, board)
        values = _add_outline(values, outline, gaps, new, bottoms, piece_height, rules, layout, weights)
        values = _add_surface(
            values, surface, board, space, heights, gaps, new, drop, new_space, rules, layout, weights
        )
        fits = where_above(spread(rules.width - PIECE_WIDTHS[piece, rotation] + 1, board), numbers)
        fits = fits & where_above(spread(rules.height - piece_height + 1, board), bottoms)
        full = drop[0] & drop[1] & drop[2] & drop[3] & ~open_beside & fits
        cleared = lanes_with_cells(full)
        while cleared != 0:
            left = bit_length(cleared & -cleared) - 1
            rows, bottom = number_in(full, left), number_in(bottoms, left)
            value = _value_cleared(board, rows, piece, rotation, left, bottom, rules, layout, weights)
            values = with_value(values, left, value)
            cleared &= cleared - 1
        values = values_where(fits, values, loses)
        better = where_greater(values, best)
        best = values_where(better, values, best)
        choice = picked(better, numbers + spread(N_LANES * rotation, numbers), choice)
    value, found = first_largest(best, choice)
    return MAX_ORIENTATIONS * (found % N_LANES) + found // N_LANES, value
