"""Describes every placement of a piece without playing it: the kernels behind the observation.

Conventions: columns are ``(width,) int64``, bit r = row r, row 0 at the bottom; sides and floor count as filled. An
action is ``4 * column + rotation``, column = the piece's leftmost cell. A row of ``rows`` describes the afterstate of
one action: the board after the piece has come to rest and full rows are gone.

A drop changes at most four neighbouring columns, its window. A feature of an afterstate is its sum over the board
before, less what the window gave, plus what it gives now. One rotation is worked out for all left columns at once: each
quantity is a section of the scratch, lane = left column, and every loop over lanes has the same length and constant
offsets, so that the compiler turns it into vector instructions. Rows are then written from these sections: first all of
what no placement changes, raised by the piece in its columns, then one feature after the other.

Boards on which rows vanish, a few in a hundred, are summed anew by ``_write_cleared``.
"""

from typing import Any, Final

import numpy as np
from numba import types
from numba.extending import overload

from tetrarium.engine import scratch as at
from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.chunks import CHUNK, flattened, raise_chunk
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
from tetrarium.engine.jit import inlined_kernel, kernel, small_kernel
from tetrarium.engine.pieces import (
    BOTTOM_SUMS,
    BOTTOMS,
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_CELLS,
    N_ORIENTATIONS,
    N_PIECES,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
    TOP_BUMPS,
    TOPS,
)
from tetrarium.engine.row_lanes import highest_rest, write_low_rows
from tetrarium.engine.scratch import ILLEGAL, Scratch, make_scratch
from tetrarium.engine.surfaces import summarise_surface, write_surface

__all__ = [
    "ILLEGAL",
    "Scratch",
    "highest_rest",
    "landing_row",
    "make_scratch",
    "remove_full_rows",
    "write_mask",
    "write_rest",
    "write_row",
    "write_rows",
]

_at: Final = np.uint64  # an index that cannot be negative: the JIT leaves out the wrap-around and vectorises


@kernel
def _summarise(words, lanes, width):  # type: ignore[no-untyped-def]
    """Fills the sections that outlines take from the board; returns (highest column, holes, bumpiness)."""
    max_height = 0
    n_cells = 0
    for x in range(words[at.N_LANES]):
        column = words[at.COLUMNS + x] & words[at.IN_BOARD + x]
        height = bit_length(column)
        words[at.HEIGHTS + x] = height
        lanes[at.ROW_HEIGHTS + x] = height
        n_cells += popcount(column)
        max_height = max(max_height, height)
    sum_heights = 0
    bumpiness = 0
    before = words[at.HEIGHTS]
    for x in range(width):
        height = words[at.HEIGHTS + x]
        lanes[at.HEIGHT_SUMS + x] = sum_heights
        lanes[at.BUMP_SUMS + x] = bumpiness
        sum_heights += height
        bumpiness += abs(height - before)
        before = height
    lanes[at.HEIGHT_SUMS + width] = sum_heights
    lanes[at.BUMP_SUMS + width] = bumpiness
    lanes[at.BUMP_SUMS + width + 1] = bumpiness
    return max_height, sum_heights - n_cells, bumpiness


@kernel
def _gather_full(words, width):  # type: ignore[no-untyped-def]
    """Fills the sections of rows filled beside a window; returns those filled beside any window of four columns."""
    filled = -1
    for x in range(width):
        words[at.FULL_LEFT + x] = filled
        filled &= words[at.COLUMNS + x]
    filled = -1
    words[at.FULL_RIGHT + width] = filled
    beside = words[at.FULL_LEFT + width - N_CELLS]
    for x in range(width - 1, N_CELLS - 1, -1):
        filled &= words[at.COLUMNS + x]
        words[at.FULL_RIGHT + x] = filled
        beside |= filled & words[at.FULL_LEFT + x - N_CELLS]
    for x in range(N_CELLS - 1, 0, -1):
        filled &= words[at.COLUMNS + x]
        words[at.FULL_RIGHT + x] = filled
    return beside


@kernel
def landing_row(columns, piece, rotation, left):  # type: ignore[no-untyped-def]
    """Row of the piece's lowest cell when it has fallen straight down with its leftmost cell in column ``left``."""
    bottom = 0
    for i in range(PIECE_WIDTHS[piece, rotation]):
        bottom = max(bottom, bit_length(columns[left + i]) - BOTTOMS[piece, rotation, i])
    return bottom


@kernel
def remove_full_rows(columns, width):  # type: ignore[no-untyped-def]
    """Takes full rows out of a board in place, lets what lies above fall, and returns how many there were."""
    full = columns[0]
    for x in range(1, width):
        full &= columns[x]
    n_lines = popcount(full)
    while full != 0:
        below = (1 << (bit_length(full) - 1)) - 1
        for x in range(width):
            columns[x] = (columns[x] & below) | ((columns[x] >> 1) & ~below)
        full &= below
    return n_lines


@kernel
def write_mask(piece, width, mask):  # type: ignore[no-untyped-def]
    """Writes which of the ``4 * width`` actions a piece has: on every board the same."""
    for rotation in range(MAX_ORIENTATIONS):
        n = width - at.ACTION_WIDTHS[piece, rotation] + 1
        for left in range(width):
            mask[_at(MAX_ORIENTATIONS * left + rotation)] = left < n


@kernel
def write_rows(columns, queue, rules, layout, scratch, rows):  # type: ignore[no-untyped-def]
    """Writes the afterstate of every action of the current piece, and ``ILLEGAL`` where it does not have an action.

    Args:
        columns: ``(width,) int64`` board.
        queue: ``(1 + preview,) int64`` the piece that is placed and those that follow, -1 for one that is not known.
        rules: ``CompiledRules``.
        layout: which features, and where.
        scratch: working memory of ``make_scratch`` for this width; ``HELD_AFTER`` in it is what is held then.
        rows: ``(4 * width, row length) float32``, C-contiguous, to be written.
    """
    lanes = scratch.view(np.float32)
    numbers = flattened(rows)
    surface = _sees_surface(layout)
    n_cleared = _write_placements(columns, queue, rules, layout, scratch, lanes, numbers)
    for k in range(n_cleared):
        _write_cleared(columns, queue[0], k, surface, rules, layout, scratch, lanes, numbers)


@kernel
def _write_high_rows(columns, queue, rules, layout, words, lanes, numbers):  # type: ignore[no-untyped-def]
    """What ``write_low_rows`` does, for columns that only fit words of 64 bits."""
    width = rules.width
    piece = queue[0]
    surface = _sees_surface(layout)
    for x in range(width):
        words[at.COLUMNS + x] = columns[x]
    outline = _summarise(words, lanes, width)
    totals = (0, 0, 0)
    if surface:
        totals = summarise_surface(words, rules, layout)
    beside = _gather_full(words, width)
    _write_base(queue, words[at.HELD_AFTER], width, layout, lanes)
    n_cleared = 0
    for rotation in range(MAX_ORIENTATIONS):
        if rotation < N_ORIENTATIONS[piece]:
            _land(piece, rotation, outline, words[at.N_LANES], lanes)
        _write_outline(piece, rotation, rules, layout, lanes, numbers)
        if rotation < N_ORIENTATIONS[piece]:
            if beside != 0:
                n_cleared = _note_cleared(piece, rotation, n_cleared, rules, words, lanes)
            if surface:
                write_surface(piece, rotation, totals, rules, layout, words, lanes, numbers)
    return n_cleared


def _write_placements(columns: Any, queue: Any, rules: Any, layout: Any, words: Any, lanes: Any, numbers: Any) -> Any:
    """Writes all rows but for what vanishing rows change; returns how many are noted under ``at.CLEARED``."""
    write = write_low_rows if rules.word.dtype == np.int32 else _write_high_rows
    return write(columns, queue, rules, layout, words, lanes, numbers)


# As in bits: numba compares the parameters with those of the body. One of the two is compiled for a game.
@overload(_write_placements)
def _write_placements_compiled(columns, queue, rules, layout, words, lanes, numbers):  # type: ignore[no-untyped-def] # noqa: ARG001
    write = write_low_rows if rules.types[rules.fields.index("word")] == types.int32 else _write_high_rows
    return lambda columns, queue, rules, layout, words, lanes, numbers: write(  # noqa: PLW0108 - numba wants a function
        columns, queue, rules, layout, words, lanes, numbers
    )


@inlined_kernel
def write_row(columns, queue, action, rules, layout, scratch, row):  # type: ignore[no-untyped-def]
    """Writes the afterstate of one action that the current piece has, as ``write_rows`` does.

    Args:
        columns: ``(width,) int64`` board.
        queue: As for ``write_rows``.
        action: ``4 * column + rotation``.
        rules: ``CompiledRules``.
        layout: which features, and where.
        scratch: As for ``write_rows``.
        row: ``(row length,) float32``, to be written.
    """
    bottom = landing_row(columns, queue[0], action & (MAX_ORIENTATIONS - 1), action >> 2)
    write_rest(columns, queue, action, bottom, rules, layout, scratch, row)


@kernel
def write_rest(columns, queue, action, bottom, rules, layout, scratch, row):  # type: ignore[no-untyped-def]
    """Writes the afterstate of a piece that rests with its lowest cell in row ``bottom``, under an overhang perhaps."""
    lanes = scratch.view(np.float32)
    piece = queue[0]
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = action >> 2
    _write_base(queue, scratch[at.HELD_AFTER], rules.width, layout, lanes)
    for k in range(layout[ROW_LENGTH]):
        row[k] = lanes[at.BASE + k]
    over = bottom > highest_rest(piece, rotation, rules)
    full = 0 if over else _full_rows(columns, piece, rotation, left, bottom, rules.width)
    _write_summed(columns, piece, action, bottom, full, 0, _sees_surface(layout), rules, layout, scratch, lanes, row)
    if layout[LANDING_HEIGHT] >= 0:
        row[layout[LANDING_HEIGHT]] = bottom + 0.5 * (PIECE_HEIGHTS[piece, rotation] - 1)
    if layout[GAME_OVER] >= 0:
        row[layout[GAME_OVER]] = 1 if over else 0


@kernel
def _sees_surface(layout):  # type: ignore[no-untyped-def]
    """Whether a feature is asked for that heights alone do not tell."""
    surface = False
    for feature in range(ROW_TRANSITIONS, PATTERN_DIVERSITY + 1):
        surface = surface or layout[feature] >= 0
    return surface


@kernel
def _full_rows(columns, piece, rotation, left, bottom, width):  # type: ignore[no-untyped-def]
    """Which rows a placement fills, bit r = row r."""
    full = -1
    for x in range(width):
        column = columns[x]
        if left <= x < left + PIECE_WIDTHS[piece, rotation]:
            column |= COLUMN_BITS[piece, rotation, x - left] << bottom
        full &= column
    return full


@kernel
def _write_base(queue, held, width, layout, lanes):  # type: ignore[no-untyped-def]
    """Writes what no placement changes, and zeros, under ``at.BASE``."""
    for k in range(layout[ROW_LENGTH]):
        lanes[_at(at.BASE + k)] = 0
    if layout[COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            lanes[_at(at.BASE + x)] = lanes[_at(at.ROW_HEIGHTS + x)]
    if layout[NEXT_PIECES] >= 0:
        for k in range(1, queue.shape[0]):
            if queue[k] >= 0:
                lanes[at.BASE + layout[NEXT_PIECES] + (k - 1) * N_PIECES + queue[k]] = 1
    if layout[HELD_PIECE] >= 0:
        lanes[at.BASE + layout[HELD_PIECE] + held] = 1


@kernel
def _land(piece, rotation, outline, n_lanes, lanes):  # type: ignore[no-untyped-def]
    """Lands one rotation in every column: where it comes to rest, and the outline of the board with it."""
    max_height_t, n_holes_t, bumpiness_t = outline
    piece_width = PIECE_WIDTHS[piece, rotation]
    bottoms = at.PIECE_BOTTOMS[piece, rotation]
    bottom_0, bottom_1 = np.float32(bottoms[0]), np.float32(bottoms[1])
    bottom_2, bottom_3 = np.float32(bottoms[2]), np.float32(bottoms[3])
    first_top = np.float32(TOPS[piece, rotation, 0])
    last_top = np.float32(TOPS[piece, rotation, piece_width - 1])
    piece_height = np.float32(PIECE_HEIGHTS[piece, rotation])
    max_height = np.float32(max_height_t)
    n_columns = np.float32(piece_width)
    n_holes = np.float32(n_holes_t + BOTTOM_SUMS[piece, rotation])
    bumpiness = np.float32(bumpiness_t + TOP_BUMPS[piece, rotation])
    for x in range(n_lanes):
        bottom = max(  # noqa: PLW3301 - two by two: the four need not wait for each other
            max(lanes[_at(at.ROW_HEIGHTS + x)] - bottom_0, lanes[_at(at.ROW_HEIGHTS + 1 + x)] - bottom_1),
            max(lanes[_at(at.ROW_HEIGHTS + 2 + x)] - bottom_2, lanes[_at(at.ROW_HEIGHTS + 3 + x)] - bottom_3),
        )
        right = x + piece_width
        covered = lanes[_at(at.HEIGHT_SUMS + right)] - lanes[_at(at.HEIGHT_SUMS + x)]
        smoothed = lanes[_at(at.BUMP_SUMS + 1 + right)] - lanes[_at(at.BUMP_SUMS + x)]
        step_left = abs(bottom + first_top - lanes[_at(at.ROW_HEIGHTS - 1 + x)]) * lanes[_at(at.GAP_FACTORS + x)]
        step_right = abs(bottom + last_top - lanes[_at(at.ROW_HEIGHTS + right)]) * lanes[_at(at.GAP_FACTORS + right)]
        lanes[_at(at.LANDING + x)] = bottom
        lanes[_at(at.NEW_MAX + x)] = max(max_height, bottom + piece_height)
        lanes[_at(at.NEW_HOLES + x)] = n_holes + n_columns * bottom - covered
        lanes[_at(at.NEW_BUMPS + x)] = bumpiness + step_left + step_right - smoothed


@small_kernel
def _raise_rows(base, rise, first, second, start, step, n, lanes, numbers):  # type: ignore[no-untyped-def]
    """Writes two vectors, which may overlap, of n rows: the base, raised by the piece where it comes to rest."""
    for left in range(n):
        bottom = lanes[_at(at.LANDING + left)]
        raise_chunk(lanes, base + first, rise + first, bottom, numbers, start + first)
        raise_chunk(lanes, base + second, rise + second, bottom, numbers, start + second)
        start += step
        rise -= 1


@kernel
def _raise_short_rows(base, rise, length, start, step, n, lanes, numbers):  # type: ignore[no-untyped-def]
    """The same for rows that are shorter than a vector."""
    for left in range(n):
        for k in range(length):
            raised = lanes[_at(rise + k)] + lanes[_at(at.LANDING + left)]
            numbers[_at(start + k)] = max(lanes[_at(base + k)], raised)
        start += step
        rise -= 1


@kernel
def _write_outline(piece, rotation, rules, layout, lanes, numbers):  # type: ignore[no-untyped-def]
    """Writes the rows of one rotation: what no placement changes, and what heights alone tell."""
    width = rules.width
    length = layout[ROW_LENGTH]
    n = max(0, width - at.ACTION_WIDTHS[piece, rotation] + 1)
    step = MAX_ORIENTATIONS * length
    start = rotation * length
    beyond = start + n * step  # where the rows of actions start that the piece does not have
    rise = at.FLAT
    if layout[COLUMN_HEIGHTS] >= 0:
        rise = at.RISES + (MAX_ORIENTATIONS * piece + rotation) * at.RISE + at.LANES
    last = length - CHUNK
    if last >= 0:
        for k in range(0, length, 2 * CHUNK):
            first, second = min(k, last), min(k + CHUNK, last)
            _raise_rows(at.BASE, rise, first, second, start, step, n, lanes, numbers)
            _raise_rows(at.NO_ROW, at.FLAT, first, second, beyond, step, width - n, lanes, numbers)
    else:
        _raise_short_rows(at.BASE, rise, length, start, step, n, lanes, numbers)
        _raise_short_rows(at.NO_ROW, at.FLAT, length, beyond, step, width - n, lanes, numbers)
    if layout[MAX_HEIGHT] >= 0:
        _spread(at.NEW_MAX, start + layout[MAX_HEIGHT], step, n, lanes, numbers)
    if layout[HOLES] >= 0:
        _spread(at.NEW_HOLES, start + layout[HOLES], step, n, lanes, numbers)
    if layout[BUMPINESS] >= 0:
        _spread(at.NEW_BUMPS, start + layout[BUMPINESS], step, n, lanes, numbers)
    if layout[LANDING_HEIGHT] >= 0:
        middle = np.float32(0.5 * (PIECE_HEIGHTS[piece, rotation] - 1))
        for left in range(n):
            numbers[_at(start + layout[LANDING_HEIGHT] + left * step)] = lanes[_at(at.LANDING + left)] + middle
    if layout[GAME_OVER] >= 0:
        highest = np.float32(highest_rest(piece, rotation, rules))
        for left in range(n):
            over = 1 if lanes[_at(at.LANDING + left)] > highest else 0
            numbers[_at(start + layout[GAME_OVER] + left * step)] = over


@small_kernel
def _spread(section, start, step, n, lanes, numbers):  # type: ignore[no-untyped-def]
    """Writes one section into n rows."""
    for left in range(n):
        numbers[_at(start)] = lanes[_at(section + left)]
        start += step


@kernel
def _note_cleared(piece, rotation, n_cleared, rules, words, lanes):  # type: ignore[no-untyped-def]
    """Notes the placements of one rotation that fill rows under ``at.CLEARED``; returns how many are noted by now."""
    piece_width = PIECE_WIDTHS[piece, rotation]
    for left in range(rules.width - piece_width + 1):
        full = words[at.FULL_LEFT + left] & words[at.FULL_RIGHT + left + piece_width]
        if full != 0:
            bottom = int(lanes[at.LANDING + left])
            for i in range(piece_width):
                full &= words[at.COLUMNS + left + i] | (COLUMN_BITS[piece, rotation, i] << bottom)
            if full != 0 and bottom <= highest_rest(piece, rotation, rules):
                words[at.CLEARED + 3 * n_cleared] = MAX_ORIENTATIONS * left + rotation
                words[at.CLEARED + 3 * n_cleared + 1] = bottom
                words[at.CLEARED + 3 * n_cleared + 2] = full
                n_cleared += 1
    return n_cleared


@kernel
def _write_cleared(columns, piece, k, surface, rules, layout, words, lanes, numbers):  # type: ignore[no-untyped-def]
    """Everything about one board on which rows vanish, summed anew."""
    action = words[at.CLEARED + 3 * k]
    bottom = words[at.CLEARED + 3 * k + 1]
    full = words[at.CLEARED + 3 * k + 2]
    start = action * layout[ROW_LENGTH]
    _write_summed(columns, piece, action, bottom, full, start, surface, rules, layout, words, lanes, numbers)


@kernel
def _write_summed(  # type: ignore[no-untyped-def]
    columns, piece, action, bottom, full, start, surface, rules, layout, words, lanes, numbers
):
    """Everything about one board but the landing height and the end of the game; ``full`` are the rows that vanish."""
    width = rules.width
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = action >> 2
    board = words[at.COLUMNS : at.COLUMNS + width]
    eroded = 0
    for x in range(width):
        board[x] = columns[x]
    for i in range(PIECE_WIDTHS[piece, rotation]):
        bits = COLUMN_BITS[piece, rotation, i] << bottom
        board[left + i] |= bits
        eroded += popcount(bits & full)
    n_lines = remove_full_rows(board, width) if full != 0 else 0
    max_height, n_holes, bumpiness = _summarise(words, lanes, width)
    if layout[COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            numbers[start + x] = lanes[at.ROW_HEIGHTS + x]
    if layout[MAX_HEIGHT] >= 0:
        numbers[start + layout[MAX_HEIGHT]] = max_height
    if layout[HOLES] >= 0:
        numbers[start + layout[HOLES]] = n_holes
    if layout[BUMPINESS] >= 0:
        numbers[start + layout[BUMPINESS]] = bumpiness
    if layout[LINES_CLEARED] >= 0:
        numbers[start + layout[LINES_CLEARED]] = n_lines
    if layout[ERODED_CELLS] >= 0:
        numbers[start + layout[ERODED_CELLS]] = n_lines * eroded
    if surface:
        row_transitions, column_transitions, depth = summarise_surface(words, rules, layout)
        if layout[ROW_TRANSITIONS] >= 0:
            numbers[start + layout[ROW_TRANSITIONS]] = row_transitions
        if layout[COLUMN_TRANSITIONS] >= 0:
            numbers[start + layout[COLUMN_TRANSITIONS]] = column_transitions
        if layout[WELLS] >= 0:
            numbers[start + layout[WELLS]] = words[at.WELLS_LEFT + width]
        if layout[FAST_WELLS] >= 0:
            numbers[start + layout[FAST_WELLS]] = words[at.FAST_WELLS_LEFT + width]
        if layout[HOLE_DEPTH] >= 0:
            numbers[start + layout[HOLE_DEPTH]] = depth
        if layout[ROWS_WITH_HOLES] >= 0:
            numbers[start + layout[ROWS_WITH_HOLES]] = popcount(words[at.HOLES_LEFT + width])
        if layout[PATTERN_DIVERSITY] >= 0:
            numbers[start + layout[PATTERN_DIVERSITY]] = popcount(words[at.PATTERNS_LEFT + width] & at.PATTERN_MASK)
