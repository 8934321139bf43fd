"""One kernel per feature, for a board as it is and for the boards that the drops of one rotation leave.

A feature of an afterstate is what the columns outside the drop's window contribute, which is summed once per board,
plus what the window contributes with the piece. Rows that a drop fills stay; a board on which rows vanish is summed as
a whole. Features are added to a *sink* in the order of ``FEATURE_SPECS``: a sink either stores them or sums them with
weights. A position is the index of a number in a row of features.
"""

from typing import Any, NamedTuple

from tetrarium.engine import features
from tetrarium.engine.afterstates.vectorized_drops import describe_board
from tetrarium.engine.compiling import by_type, popcount, small_kernel
from tetrarium.engine.pieces import N_CELLS
from tetrarium.engine.simd import column_features as terms
from tetrarium.engine.simd import column_vectors as vec
from tetrarium.engine.simd.board_vectors import N_LANES, broadcast, shift_cells


class LaneStore(NamedTuple):
    """Stores numbers of all left columns side by side."""

    numbers: Any  # (n,) float32
    start: Any  # index of position 0


class LaneSum(NamedTuple):
    """Sums numbers of all left columns with weights."""

    values: Any  # Values
    weights: Any  # (row length,) float64


class NumberStore(NamedTuple):
    """Stores the numbers of one board."""

    numbers: Any  # (n,) float32
    start: Any  # index of the row's first number


class NumberSum(NamedTuple):
    """Sums the numbers of one board with weights."""

    value: Any  # float
    weights: Any  # (row length,) float64


@small_kernel
def _store_lanes(sink, position, lanes, more):
    vec.store_floats(sink.numbers, sink.start + N_LANES * position, lanes, more)
    return sink


@small_kernel
def _sum_lanes(sink, position, lanes, more):
    return LaneSum(vec.add_weighted(sink.values, sink.weights[position], lanes, more), sink.weights)


@small_kernel
def _store_number(sink, position, number, more):
    sink.numbers[sink.start + position] = number + more
    return sink


@small_kernel
def _sum_number(sink, position, number, more):
    return NumberSum(sink.value + sink.weights[position] * (number + more), sink.weights)


# (sink, position, number, more): adds ``number + more`` to a sink, and returns the sink.
_add = by_type({LaneStore: _store_lanes, LaneSum: _sum_lanes, NumberStore: _store_number, NumberSum: _sum_number})


@small_kernel
def height_after(x, board, drop):
    """Height of column x after each drop: the same as before but where the window holds the column."""
    heights = board.heights
    one = broadcast(1, heights)
    index = broadcast(x, heights) - vec.lane_indices(heights)  # of the column in each window
    height = vec.select(index, broadcast(vec.get_lane(heights, x), heights), drop.heights[0])
    height = vec.select(index - one, height, drop.heights[1])
    height = vec.select(index - one - one, height, drop.heights[2])
    return vec.select(index - one - one - one, height, drop.heights[3])


@small_kernel
def _leave_heights(sink, _board, _drop, _width, _layout):
    """Column heights are not stored by lanes: rows are put together from them."""
    return sink


@small_kernel
def _sum_heights(sink, board, drop, width, layout):
    for x in range(width):
        sink = _add(sink, layout[features.COLUMN_HEIGHTS] + x, height_after(x, board, drop), 0.0)
    return sink


_add_heights = by_type({LaneStore: _leave_heights, LaneSum: _sum_heights})


@small_kernel
def _bumps(heights, gaps):
    """Height difference of each column and the one to the left."""
    return terms.absolute_difference(heights, shift_cells(heights, 1, 0)) & gaps


@small_kernel
def _bumpiness_after(outside, board, drop):
    new, heights, gaps = drop.heights, board.heights, board.gaps
    change = terms.absolute_difference(new[0], shift_cells(heights, 1, 0)) & gaps
    change = change + (terms.absolute_difference(new[1], new[0]) & shift_cells(gaps, -1, 0))
    change = change + (terms.absolute_difference(new[2], new[1]) & shift_cells(gaps, -2, 0))
    change = change + (terms.absolute_difference(new[3], new[2]) & shift_cells(gaps, -3, 0))
    return (
        outside + change + (terms.absolute_difference(shift_cells(heights, -4, 0), new[3]) & shift_cells(gaps, -4, 0))
    )


@small_kernel
def _add_height_differences(sink, board, drop, width, layout):
    left = height_after(0, board, drop)
    for x in range(1, width):
        right = height_after(x, board, drop)
        sink = _add(sink, layout[features.HEIGHT_DIFFERENCES] + x - 1, terms.absolute_difference(right, left), 0.0)
        left = right
    return sink


@small_kernel
def _classes(right, left):
    """Class of each height difference, from 0."""
    none, largest = broadcast(0, right), broadcast(features.N_CLASSES - 1, right)
    classes = vec.maximum(right + broadcast(features.LARGEST_CLASS, right) - left, none)
    return largest - vec.maximum(largest - classes, none)


@small_kernel
def _add_difference_classes(sink, board, drop, width, layout):
    one = broadcast(1, board.heights)
    left = height_after(0, board, drop)
    position = layout[features.DIFFERENCE_CLASSES]
    for x in range(1, width):
        right = height_after(x, board, drop)
        bits = vec.shift_left(one, _classes(right, left))
        for k in range(features.N_CLASSES):
            sink = _add(sink, position + k, vec.shift_right(bits, broadcast(k, bits)) & one, 0.0)
        position += features.N_CLASSES
        left = right
    return sink


@small_kernel
def _count_holes(board):
    return vec.sum_lanes(board.heights) - vec.sum_lanes(vec.count_bits(board.cells & board.inside))


@small_kernel
def _holes_after(n_holes, board, drop):
    new = drop.heights
    change = new[0] + new[1] + new[2] + new[3] - terms.window_sums(board.heights) - broadcast(N_CELLS, board.heights)
    return change + broadcast(n_holes, change)


@small_kernel
def _row_transitions_after(outside, board, drop, rules):
    columns, visible = drop.cells, broadcast((1 << rules.height) - 1, board.cells)
    change = vec.count_bits((vec.shift_lanes(board.cells, -1) ^ columns[0]) & visible)
    change = change + vec.count_bits((columns[0] ^ columns[1]) & visible)
    change = change + vec.count_bits((columns[1] ^ columns[2]) & visible)
    change = change + vec.count_bits((columns[2] ^ columns[3]) & visible)
    return change + vec.count_bits((columns[3] ^ vec.shift_lanes(board.cells, 4)) & visible) + outside


@small_kernel
def _column_transitions_after(outside, drop):
    columns = drop.cells
    left, right = terms.column_changes(columns[0]) + terms.column_changes(columns[1]), terms.column_changes(columns[2])
    return left + right + terms.column_changes(columns[3]) + outside


@small_kernel
def _wells_after(wells, board, drop, fast):
    """Wells of the window and the columns beside it; all others stay."""
    space, new = board.space, drop.space
    before, after = shift_cells(space, 2, 0), shift_cells(space, -5, 0)
    first, last = shift_cells(space, 1, 0), shift_cells(space, -4, 0)
    depths = terms.window_wells(before, first, new[0], new[1], new[2], new[3], last, after, fast)
    return depths + terms.sums_outside_windows(wells) - shift_cells(wells, 1, 0) - shift_cells(wells, -4, 0)


@small_kernel
def _hole_depth_after(outside, drop):
    columns = drop.cells
    left = terms.cells_above_holes(columns[0]) + terms.cells_above_holes(columns[1])
    return left + terms.cells_above_holes(columns[2]) + terms.cells_above_holes(columns[3]) + outside


@small_kernel
def _rows_with_holes_after(outside, drop):
    new, columns = drop.heights, drop.cells
    rows = terms.empty_below(new[0], columns[0]) | terms.empty_below(new[1], columns[1]) | outside
    return vec.count_bits(rows | terms.empty_below(new[2], columns[2]) | terms.empty_below(new[3], columns[3]))


@small_kernel
def _pattern_diversity_after(outside, board, drop):
    new, heights = drop.heights, board.heights
    ones = board.gaps & broadcast(1, board.gaps)
    found = terms.difference_bit(ones, new[0] - shift_cells(heights, 1, 0)) | outside
    found = found | terms.difference_bit(shift_cells(ones, -1, 0), new[1] - new[0])
    found = found | terms.difference_bit(shift_cells(ones, -2, 0), new[2] - new[1])
    found = found | terms.difference_bit(shift_cells(ones, -3, 0), new[3] - new[2])
    found = found | terms.difference_bit(shift_cells(ones, -4, 0), shift_cells(heights, -4, 0) - new[3])
    return vec.count_bits(found & broadcast(terms.PATTERNS, found))


class OutsideWindows(NamedTuple):
    """Contributions to each feature that a layout has, of what a drop into each window leaves unchanged."""

    max_height: Any  # of the board
    n_holes: Any  # of the board
    bumpiness: Any
    row_transitions: Any
    column_transitions: Any
    wells: Any  # of each column
    fast_wells: Any  # of each column
    hole_depth: Any
    rows_with_holes: Any
    patterns: Any


@small_kernel
def describe_outside(board, rules, layout):
    """Sums, once per board, what no drop into a window changes; what the layout does not have is left undefined."""
    cells = board.cells
    bumps, rows, columns, wells, fast_wells = cells, cells, cells, cells, cells
    depth, hole_rows, patterns = cells, cells, cells
    if layout[features.BUMPINESS] >= 0:
        bumps = _bumps(board.heights, board.gaps)
        bumps = terms.sums_outside_windows(bumps) - shift_cells(bumps, -4, 0)
    if layout[features.ROW_TRANSITIONS] >= 0:
        right, left = terms.row_changes_right(cells, rules), terms.row_changes_left(cells, rules)
        rows = broadcast(vec.get_lane(left, 0), cells) + terms.sums_outside_windows(right) - left
    if layout[features.COLUMN_TRANSITIONS] >= 0:
        columns = terms.sums_outside_windows(terms.column_changes(cells))
    if layout[features.WELLS] >= 0:
        wells = terms.column_wells(board.space, False)
    if layout[features.FAST_WELLS] >= 0:
        fast_wells = terms.column_wells(board.space, True)
    if layout[features.HOLE_DEPTH] >= 0:
        depth = terms.sums_outside_windows(terms.cells_above_holes(cells))
    if layout[features.ROWS_WITH_HOLES] >= 0:
        hole_rows = terms.rows_outside_windows(terms.empty_below(board.heights, cells))
    if layout[features.PATTERN_DIVERSITY] >= 0:
        patterns = terms.difference_bits_outside_windows(terms.difference_bits(board.heights, board.gaps))
    return OutsideWindows(
        vec.max_lane(board.heights),
        _count_holes(board),
        bumps,
        rows,
        columns,
        wells,
        fast_wells,
        depth,
        hole_rows,
        patterns,
    )


@small_kernel
def _add_outline(sink, board, outside, drop, piece_height, rules, layout):
    """The features of heights alone."""
    if layout[features.COLUMN_HEIGHTS] >= 0:
        sink = _add_heights(sink, board, drop, rules.width, layout)
    if layout[features.MAX_HEIGHT] >= 0:
        highest = vec.maximum(drop.top_rows, broadcast(outside.max_height, drop.top_rows))
        sink = _add(sink, layout[features.MAX_HEIGHT], highest, 0.0)
    if layout[features.HOLES] >= 0:
        sink = _add(sink, layout[features.HOLES], _holes_after(outside.n_holes, board, drop), 0.0)
    if layout[features.BUMPINESS] >= 0:
        sink = _add(sink, layout[features.BUMPINESS], _bumpiness_after(outside.bumpiness, board, drop), 0.0)
    if layout[features.HEIGHT_DIFFERENCES] >= 0:
        sink = _add_height_differences(sink, board, drop, rules.width, layout)
    if layout[features.DIFFERENCE_CLASSES] >= 0:
        sink = _add_difference_classes(sink, board, drop, rules.width, layout)
    if layout[features.LANDING_HEIGHT] >= 0:
        sink = _add(sink, layout[features.LANDING_HEIGHT], drop.bottoms, 0.5 * (piece_height - 1))
    return sink


@small_kernel
def add_drop_features(sink, board, outside, drop, piece_height, rules, layout):
    """Adds the features of all drops of one rotation to a sink; those of vanishing rows and lost games are 0 there.

    Args:
        sink: ``LaneStore`` or ``LaneSum``.
        board: ``BoardLanes``.
        outside: ``OutsideWindows`` of the board.
        drop: ``DropLanes``.
        piece_height: Rows of the piece in this rotation.
        rules: ``CompiledRules``.
        layout: Position of each feature.

    Returns:
        The sink.
    """
    sink = _add_outline(sink, board, outside, drop, piece_height, rules, layout)
    if layout[features.ROW_TRANSITIONS] >= 0:
        changes = _row_transitions_after(outside.row_transitions, board, drop, rules)
        sink = _add(sink, layout[features.ROW_TRANSITIONS], changes, 0.0)
    if layout[features.COLUMN_TRANSITIONS] >= 0:
        changes = _column_transitions_after(outside.column_transitions, drop)
        sink = _add(sink, layout[features.COLUMN_TRANSITIONS], changes, 0.0)
    if layout[features.WELLS] >= 0:
        sink = _add(sink, layout[features.WELLS], _wells_after(outside.wells, board, drop, False), 0.0)
    if layout[features.FAST_WELLS] >= 0:
        sink = _add(sink, layout[features.FAST_WELLS], _wells_after(outside.fast_wells, board, drop, True), 0.0)
    if layout[features.HOLE_DEPTH] >= 0:
        sink = _add(sink, layout[features.HOLE_DEPTH], _hole_depth_after(outside.hole_depth, drop), 0.0)
    if layout[features.ROWS_WITH_HOLES] >= 0:
        sink = _add(sink, layout[features.ROWS_WITH_HOLES], _rows_with_holes_after(outside.rows_with_holes, drop), 0.0)
    if layout[features.PATTERN_DIVERSITY] >= 0:
        patterns = _pattern_diversity_after(outside.patterns, board, drop)
        sink = _add(sink, layout[features.PATTERN_DIVERSITY], patterns, 0.0)
    return sink


@small_kernel
def _add_board_outline(sink, board, width, layout):
    if layout[features.COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            sink = _add(sink, layout[features.COLUMN_HEIGHTS] + x, vec.get_lane(board.heights, x), 0.0)
    if layout[features.MAX_HEIGHT] >= 0:
        sink = _add(sink, layout[features.MAX_HEIGHT], vec.max_lane(board.heights), 0.0)
    if layout[features.HOLES] >= 0:
        sink = _add(sink, layout[features.HOLES], _count_holes(board), 0.0)
    if layout[features.BUMPINESS] >= 0:
        sink = _add(sink, layout[features.BUMPINESS], vec.sum_lanes(_bumps(board.heights, board.gaps)), 0.0)
    if layout[features.HEIGHT_DIFFERENCES] >= 0:
        bumps = _bumps(board.heights, board.gaps)
        for x in range(1, width):
            sink = _add(sink, layout[features.HEIGHT_DIFFERENCES] + x - 1, vec.get_lane(bumps, x), 0.0)
    if layout[features.DIFFERENCE_CLASSES] >= 0:
        classes = _classes(board.heights, shift_cells(board.heights, 1, 0))
        for x in range(1, width):
            position = layout[features.DIFFERENCE_CLASSES] + (x - 1) * features.N_CLASSES
            for k in range(features.N_CLASSES):
                sink = _add(sink, position + k, 1 if vec.get_lane(classes, x) == k else 0, 0.0)
    return sink


@small_kernel
def add_board_features(sink, cells, landing_height, n_lines, n_eroded, rules, layout):
    """Adds the features of one afterstate to a sink, all but the end of the game.

    Args:
        sink: ``NumberStore`` or ``NumberSum``.
        cells: The board, as lanes.
        landing_height: Of the placement.
        n_lines: Rows that vanished.
        n_eroded: Cells of the piece that vanished with them.
        rules: ``CompiledRules``.
        layout: Position of each feature.

    Returns:
        The sink.
    """
    board = describe_board(cells, rules)
    sink = _add_board_outline(sink, board, rules.width, layout)
    if layout[features.LINES_CLEARED] >= 0:
        sink = _add(sink, layout[features.LINES_CLEARED], n_lines, 0.0)
    if layout[features.LANDING_HEIGHT] >= 0:
        sink = _add(sink, layout[features.LANDING_HEIGHT], landing_height, 0.0)
    if layout[features.ERODED_CELLS] >= 0:
        sink = _add(sink, layout[features.ERODED_CELLS], n_lines * n_eroded, 0.0)
    if layout[features.ROW_TRANSITIONS] >= 0:
        changes = vec.sum_lanes(terms.row_changes_right(cells, rules)) + vec.get_lane(
            terms.row_changes_left(cells, rules), 0
        )
        sink = _add(sink, layout[features.ROW_TRANSITIONS], changes, 0.0)
    if layout[features.COLUMN_TRANSITIONS] >= 0:
        sink = _add(sink, layout[features.COLUMN_TRANSITIONS], vec.sum_lanes(terms.column_changes(cells)), 0.0)
    if layout[features.WELLS] >= 0:
        sink = _add(sink, layout[features.WELLS], vec.sum_lanes(terms.column_wells(board.space, False)), 0.0)
    if layout[features.FAST_WELLS] >= 0:
        sink = _add(sink, layout[features.FAST_WELLS], vec.sum_lanes(terms.column_wells(board.space, True)), 0.0)
    if layout[features.HOLE_DEPTH] >= 0:
        sink = _add(sink, layout[features.HOLE_DEPTH], vec.sum_lanes(terms.cells_above_holes(cells)), 0.0)
    if layout[features.ROWS_WITH_HOLES] >= 0:
        n_rows = popcount(vec.rows_in_any_lane(terms.empty_below(board.heights, cells)))
        sink = _add(sink, layout[features.ROWS_WITH_HOLES], n_rows, 0.0)
    if layout[features.PATTERN_DIVERSITY] >= 0:
        patterns = vec.rows_in_any_lane(terms.difference_bits(board.heights, board.gaps)) & terms.PATTERNS
        sink = _add(sink, layout[features.PATTERN_DIVERSITY], popcount(patterns), 0.0)
    return sink
