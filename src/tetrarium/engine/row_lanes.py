"""Describes every placement of a piece on a board of at most 31 rows, all left columns of a rotation at once.

What ``afterstates`` calls for such boards; its conventions hold. Features are worked out as in ``drop_lanes``. A row
begins with column heights and ends in numbers that no placement changes, the pieces to come and the held one; between
them lies its *middle*. Each feature of the middle is stored for all left columns side by side; four features at a time
are then turned into one *quad* a left column. Rows are put together from quads and heights, each from its end, so that
what a vector writes too much is written over.
"""

from typing import Final

import numpy as np

from tetrarium.engine import scratch as at
from tetrarium.engine.bits import bit_length
from tetrarium.engine.chunks import CHUNK, QUAD, copy_quad, make_quads, raise_chunk
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
    GAME_OVER,
    HELD_PIECE,
    HOLE_DEPTH,
    HOLES,
    LANDING_HEIGHT,
    LINES_CLEARED,
    MAX_HEIGHT,
    NEXT_PIECES,
    PATTERN_DIVERSITY,
    ROW_LENGTH,
    ROW_TRANSITIONS,
    ROWS_WITH_HOLES,
    WELLS,
)
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.lane_features import beside_windows
from tetrarium.engine.lane_numbers import (
    flipped,
    lane_numbers,
    lanes_with_cells,
    load_columns,
    number_in,
    store_numbers,
    where_above,
)
from tetrarium.engine.lanes import N_LANES, move_cells, spread
from tetrarium.engine.pieces import (
    MAX_ORIENTATIONS,
    N_ORIENTATIONS,
    N_PIECES,
    PIECE_HEIGHTS,
)

__all__ = ["highest_rest", "write_low_rows"]

_at: Final = np.uint64  # an index that cannot be negative


@small_kernel
def highest_rest(piece, rotation, rules):  # type: ignore[no-untyped-def]
    """The topmost row for the lowest cell of a piece that does not lose where it rests."""
    return rules.height - 1 if rules.guideline else rules.height - PIECE_HEIGHTS[piece, rotation]


@small_kernel
def _n_fixed(layout):  # type: ignore[no-untyped-def]
    """How many numbers end a row that no placement changes."""
    if layout[NEXT_PIECES] >= 0:
        return layout[ROW_LENGTH] - layout[NEXT_PIECES]
    if layout[HELD_PIECE] >= 0:
        return layout[ROW_LENGTH] - layout[HELD_PIECE]
    return 0


@small_kernel
def _write_fixed(queue, held, layout, lanes):  # type: ignore[no-untyped-def]
    for k in range(layout[ROW_LENGTH] - _n_fixed(layout), layout[ROW_LENGTH]):
        lanes[at.BASE + k] = 0
    if layout[NEXT_PIECES] >= 0:
        for k in range(1, queue.shape[0]):
            if queue[k] >= 0:
                lanes[at.BASE + layout[NEXT_PIECES] + (k - 1) * N_PIECES + queue[k]] = 1
    if layout[HELD_PIECE] >= 0:
        lanes[at.BASE + layout[HELD_PIECE] + held] = 1


@small_kernel
def _store(lanes, found, feature, layout, first):  # type: ignore[no-untyped-def]
    store_numbers(lanes, at.MIDDLE + N_LANES * (layout[feature] - first), found, 0.0)


@small_kernel
def _store_outline(lanes, outline, gaps, new, bottoms, piece_height, highest, layout, first):  # type: ignore[no-untyped-def]
    """Highest column to eroded cells, and the end of the game."""
    heights, max_height, n_holes, bumps = outline
    if layout[MAX_HEIGHT] >= 0:
        _store(lanes, max_height_after(max_height, bottoms, piece_height), MAX_HEIGHT, layout, first)
    if layout[HOLES] >= 0:
        _store(lanes, holes_after(n_holes, heights, new), HOLES, layout, first)
    if layout[BUMPINESS] >= 0:
        _store(lanes, bumpiness_after(bumps, heights, gaps, new), BUMPINESS, layout, first)
    if layout[LINES_CLEARED] >= 0:
        _store(lanes, spread(0, heights), LINES_CLEARED, layout, first)
    if layout[LANDING_HEIGHT] >= 0:
        place = at.MIDDLE + N_LANES * (layout[LANDING_HEIGHT] - first)
        store_numbers(lanes, place, bottoms, 0.5 * (piece_height - 1))
    if layout[ERODED_CELLS] >= 0:
        _store(lanes, spread(0, heights), ERODED_CELLS, layout, first)
    if layout[GAME_OVER] >= 0:
        over = where_above(bottoms, spread(highest, bottoms)) & spread(1, bottoms)
        _store(lanes, over, GAME_OVER, layout, first)


@small_kernel
def _store_surface(  # type: ignore[no-untyped-def]
    lanes, surface, board, space, heights, gaps, new, columns, new_space, rules, layout, first
):
    """Row transitions to pattern diversity."""
    row_transitions, column_transitions, wells, fast_wells, depth, hole_rows, patterns = surface
    if layout[ROW_TRANSITIONS] >= 0:
        changes = row_transitions_after(row_transitions, board, columns, rules)
        _store(lanes, changes, ROW_TRANSITIONS, layout, first)
    if layout[COLUMN_TRANSITIONS] >= 0:
        _store(lanes, column_transitions_after(column_transitions, columns), COLUMN_TRANSITIONS, layout, first)
    if layout[WELLS] >= 0:
        _store(lanes, wells_after(wells, space, new_space, False), WELLS, layout, first)
    if layout[FAST_WELLS] >= 0:
        _store(lanes, wells_after(fast_wells, space, new_space, True), FAST_WELLS, layout, first)
    if layout[HOLE_DEPTH] >= 0:
        _store(lanes, hole_depth_after(depth, columns), HOLE_DEPTH, layout, first)
    if layout[ROWS_WITH_HOLES] >= 0:
        _store(lanes, rows_with_holes_after(hole_rows, columns, new), ROWS_WITH_HOLES, layout, first)
    if layout[PATTERN_DIVERSITY] >= 0:
        _store(lanes, patterns_after(patterns, heights, gaps, new), PATTERN_DIVERSITY, layout, first)


@small_kernel
def _note_cleared(full, bottoms, rotation, n_cleared, words):  # type: ignore[no-untyped-def]
    """Notes the placements of one rotation that fill rows under ``at.CLEARED``; returns how many are noted by now."""
    cleared = lanes_with_cells(full)
    while cleared != 0:
        left = bit_length(cleared & -cleared) - 1
        words[at.CLEARED + 3 * n_cleared] = MAX_ORIENTATIONS * left + rotation
        words[at.CLEARED + 3 * n_cleared + 1] = number_in(bottoms, left)
        words[at.CLEARED + 3 * n_cleared + 2] = number_in(full, left)
        n_cleared += 1
        cleared &= cleared - 1
    return n_cleared


@kernel
def _work_out(columns, queue, n_quads, first, rules, layout, words, lanes):  # type: ignore[no-untyped-def]
    """Writes heights, landing rows and quads of every rotation into the scratch; returns how many clear rows."""
    piece = queue[0]
    board = load_columns(columns, rules.width)
    numbers = lane_numbers(board)
    inside = where_above(spread(rules.width, board), numbers)
    gaps = inside & move_cells(inside, 1, 0)
    space = flipped(~board)
    outline = describe_outline(board, inside, gaps, layout)
    heights = outline[0]
    surface = describe_surface(board, space, heights, gaps, rules, layout)
    open_beside = beside_windows(~board)
    store_numbers(lanes, at.BASE, heights, 0.0)
    _write_fixed(queue, words[at.HELD_AFTER], layout, lanes)
    n_cleared = 0
    for rotation in range(N_ORIENTATIONS[piece]):
        piece_height = PIECE_HEIGHTS[piece, rotation]
        highest = highest_rest(piece, rotation, rules)
        bottoms = landing_rows(heights, piece, rotation)
        new = new_heights(heights, piece, rotation, bottoms)
        drop = new_columns(board, piece, rotation, bottoms)
        new_space = new_space_of(space, piece, rotation, bottoms)
        store_numbers(lanes, at.LANDINGS + N_LANES * rotation, bottoms, 0.0)
        _store_outline(lanes, outline, gaps, new, bottoms, piece_height, highest, layout, first)
        _store_surface(lanes, surface, board, space, heights, gaps, new, drop, new_space, rules, layout, first)
        for quad in range(n_quads):
            target = at.QUADS + rotation * at.QUADS_STEP + quad * QUAD * N_LANES
            make_quads(lanes, at.MIDDLE + quad * QUAD * N_LANES, target)
        fits = where_above(spread(rules.width + 1 - at.ACTION_WIDTHS[piece, rotation], board), numbers)
        fits = fits & where_above(spread(highest + 1, board), bottoms)
        full = drop[0] & drop[1] & drop[2] & drop[3] & ~open_beside & fits
        n_cleared = _note_cleared(full, bottoms, rotation, n_cleared, words)
    return n_cleared


@small_kernel
def _raise_row(lanes, left, n, landing, rise, width, numbers, start):  # type: ignore[no-untyped-def]
    """The heights of one row, -1 where the piece has no such action: without a branch, which could not be foreseen."""
    base = at.BASE if left < n else at.NO_ROW
    tops = rise - left if left < n else at.FLAT
    bottom = lanes[_at(landing + left)]
    last = width - CHUNK
    raise_chunk(lanes, base + last, tops + last, bottom, numbers, start + last)
    raise_chunk(lanes, base, tops, bottom, numbers, start)


@small_kernel
def _copy_quad(lanes, left, n, quads, numbers, place):  # type: ignore[no-untyped-def]
    source = quads + QUAD * left if left < n else at.NO_ROW
    copy_quad(lanes, source, numbers, place)


@small_kernel
def _copy_fixed(lanes, left, n, source, numbers, place):  # type: ignore[no-untyped-def]
    raise_chunk(lanes, source if left < n else at.NO_ROW, at.FLAT, np.float32(0), numbers, place)


@kernel
def _write_all(piece, n_quads, first, n_fixed, width, length, lanes, numbers):  # type: ignore[no-untyped-def]
    """Puts all rows together, each from its end, in the order in which they lie in memory."""
    widths = at.ACTION_WIDTHS[piece]
    n_0, n_1, n_2, n_3 = width + 1 - widths[0], width + 1 - widths[1], width + 1 - widths[2], width + 1 - widths[3]
    step = MAX_ORIENTATIONS * length
    for k in range(0, n_fixed, CHUNK):
        place = length - n_fixed + min(k, n_fixed - CHUNK)
        source = at.BASE + place
        for left in range(width):
            _copy_fixed(lanes, left, n_0, source, numbers, place)
            _copy_fixed(lanes, left, n_1, source, numbers, place + length)
            _copy_fixed(lanes, left, n_2, source, numbers, place + 2 * length)
            _copy_fixed(lanes, left, n_3, source, numbers, place + 3 * length)
            place += step
    for quad in range(n_quads):
        place = first + quad * QUAD
        quads = at.QUADS + quad * QUAD * N_LANES
        for left in range(width):
            _copy_quad(lanes, left, n_0, quads, numbers, place)
            _copy_quad(lanes, left, n_1, quads + at.QUADS_STEP, numbers, place + length)
            _copy_quad(lanes, left, n_2, quads + 2 * at.QUADS_STEP, numbers, place + 2 * length)
            _copy_quad(lanes, left, n_3, quads + 3 * at.QUADS_STEP, numbers, place + 3 * length)
            place += step
    rise = at.RISES + MAX_ORIENTATIONS * piece * at.RISE + at.LANES
    landing = at.LANDINGS
    start = 0
    for left in range(width):
        _raise_row(lanes, left, n_0, landing, rise, width, numbers, start)
        _raise_row(lanes, left, n_1, landing + N_LANES, rise + at.RISE, width, numbers, start + length)
        _raise_row(lanes, left, n_2, landing + 2 * N_LANES, rise + 2 * at.RISE, width, numbers, start + 2 * length)
        _raise_row(lanes, left, n_3, landing + 3 * N_LANES, rise + 3 * at.RISE, width, numbers, start + 3 * length)
        start += step


@kernel
def _write_each(piece, n_heights, first, n_fixed, width, length, lanes, numbers):  # type: ignore[no-untyped-def]
    """The same for rows that begin with few heights or none: number by number."""
    start = 0
    for left in range(width):
        for rotation in range(MAX_ORIENTATIONS):
            if left + at.ACTION_WIDTHS[piece, rotation] > width:
                for k in range(length):
                    numbers[_at(start + k)] = at.ILLEGAL
            else:
                bottom = lanes[_at(at.LANDINGS + N_LANES * rotation + left)]
                rise = at.RISES + (MAX_ORIENTATIONS * piece + rotation) * at.RISE + at.LANES - left
                for k in range(n_heights):
                    numbers[_at(start + k)] = max(lanes[_at(at.BASE + k)], lanes[_at(rise + k)] + bottom)
                quads = at.QUADS + rotation * at.QUADS_STEP + QUAD * left
                for k in range(n_heights, length - n_fixed):
                    quad, place = (k - first) // QUAD, (k - first) % QUAD
                    numbers[_at(start + k)] = lanes[_at(quads + quad * QUAD * N_LANES + place)]
                for k in range(length - n_fixed, length):
                    numbers[_at(start + k)] = lanes[_at(at.BASE + k)]
            start += length


@kernel
def write_low_rows(columns, queue, rules, layout, words, lanes, numbers):  # type: ignore[no-untyped-def]
    """Writes all rows but for what vanishing rows change; returns how many placements are noted under ``at.CLEARED``.

    Args:
        columns: ``(width,) int64`` board.
        queue: As for ``afterstates.write_rows``.
        rules: ``CompiledRules`` whose word has 32 bits.
        layout: which features, and where.
        words: the scratch.
        lanes: the scratch as ``float32``.
        numbers: ``(4 * width * row length,) float32``, to be written.
    """
    length = layout[ROW_LENGTH]
    n_fixed = _n_fixed(layout)
    n_heights = rules.width if layout[COLUMN_HEIGHTS] >= 0 else 0
    n_quads = (length - n_fixed - n_heights + QUAD - 1) // QUAD
    first = length - n_fixed - n_quads * QUAD  # where the quads of a row begin, among its heights perhaps
    n_cleared = _work_out(columns, queue, n_quads, first, rules, layout, words, lanes)
    if layout[COLUMN_HEIGHTS] >= 0 and rules.width >= CHUNK:
        _write_all(queue[0], n_quads, first, n_fixed, rules.width, length, lanes, numbers)
    else:
        _write_each(queue[0], n_heights, first, n_fixed, rules.width, length, lanes, numbers)
    return n_cleared
