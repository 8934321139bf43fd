"""Describes every placement of a piece without playing it: the kernels behind the observation.

Conventions: columns are ``(width,) int64``, bit r = row r, row 0 at the bottom; sides and floor count as filled. An
action is ``4 * column + rotation``, column = the piece's leftmost cell. A row of ``rows`` describes the afterstate of
one action: the board after the piece has come to rest and full rows are gone.

A row begins with column heights and ends in numbers that no placement changes, the pieces to come and the held one;
between them lies its *middle*. Each number of the middle is stored for all left columns side by side; four at a time
are then transposed into one *quad* per left column. Rows are put together from quads and heights, each from its end, so
that what a vector writes too much is overwritten. Boards on which rows vanish, a few in a hundred, are described one by
one.

The working memory is one ``int64`` array. Its first part is read as words; the rest is read as ``float32``, through
``lanes = words.view(np.float32)``, and holds what rows are made of as it will be written. Whole numbers below 2**24 are
exact. After it callers may keep words of their own.
"""

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import features
from tetrarium.engine.afterstates import feature_kernels
from tetrarium.engine.afterstates import vectorized_drops as drops
from tetrarium.engine.afterstates.feature_kernels import LaneStore, NumberStore
from tetrarium.engine.boards import landing_row
from tetrarium.engine.compiling import bit_length, inlined_kernel, kernel, popcount, small_kernel
from tetrarium.engine.pieces import (
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_CELLS,
    N_ORIENTATIONS,
    N_PIECES,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
    TOPS,
)
from tetrarium.engine.simd import column_vectors as vec
from tetrarium.engine.simd.board_vectors import N_LANES, broadcast, rows_in_all_lanes
from tetrarium.engine.simd.column_features import rows_outside_windows
from tetrarium.engine.simd.row_vectors import QUAD, ROW_VECTOR, copy_quad, flatten, store_maximum, transpose_quads
from tetrarium.engine.state_layout import MAX_PREVIEW

Scratch = npt.NDArray[np.int64]  # (n,) words, then float32, then words of callers

_OUTSIDE: Final = 64  # width of a rotation that a piece does not have; depth of a column's top that it does not have
ILLEGAL: Final = -1.0  # every number in the row of an action that the piece does not have
_WIDTHS: Final = {name: features.feature_width(name, N_LANES, MAX_PREVIEW) for name in features.FEATURES}
MAX_ROW_LENGTH: Final = sum(_WIDTHS.values())
_ENDS: Final = ("column_heights", "next_pieces", "held_piece")  # what a row begins with and ends in
_MAX_MIDDLE: Final = sum(n for name, n in _WIDTHS.items() if name not in _ENDS)
_N_VECTORS: Final = -(-MAX_ROW_LENGTH // ROW_VECTOR)

HELD_AFTER: Final = 0  # the held piece that rows describe, 0 for none, otherwise from 1
_CLEARED: Final = 1  # pairs of action and landing row
_MAX_CLEARED: Final = MAX_ORIENTATIONS * N_LANES
_N_WORDS: Final = -(-(_CLEARED + 2 * _MAX_CLEARED) // ROW_VECTOR) * ROW_VECTOR
# From here on float32.
_BASE: Final = 2 * _N_WORDS  # a row as it is without any placement: column heights, and what no placement changes
_NO_ROW: Final = _BASE + _N_VECTORS * ROW_VECTOR  # the row of an action that the piece does not have
# For each orientation, ordered like the actions of one column, its tops, with ``N_LANES`` numbers before and a row
# after them that raise nothing; and one more of these alone.
_RISES: Final = _NO_ROW + _N_VECTORS * ROW_VECTOR
_RISE: Final = N_LANES + _N_VECTORS * ROW_VECTOR
_FLAT: Final = _RISES + N_PIECES * MAX_ORIENTATIONS * _RISE + N_LANES
_LANDINGS: Final = _FLAT + _N_VECTORS * ROW_VECTOR  # landing rows of each rotation, lane = left column
# The numbers between heights and what no placement changes: position by position, those of all left columns side by
# side; then row by row, as quads.
_MIDDLE: Final = _LANDINGS + MAX_ORIENTATIONS * N_LANES
_MAX_QUADS: Final = -(-_MAX_MIDDLE // QUAD)
_QUADS: Final = _MIDDLE + _MAX_QUADS * QUAD * N_LANES
_QUADS_STEP: Final = _MAX_QUADS * QUAD * N_LANES  # from one rotation to the next
_N_FLOATS: Final = _QUADS + MAX_ORIENTATIONS * _QUADS_STEP
N_SCRATCH: Final = (_N_FLOATS + 1) // 2

_ACTION_WIDTHS: Final = np.where(
    np.arange(MAX_ORIENTATIONS) < N_ORIENTATIONS[:, None], PIECE_WIDTHS, _OUTSIDE
)  # (7, 4)

_at: Final = np.uint64  # an index that cannot be negative: compiled code then leaves out numba's wrap-around


def make_scratch(n_more: int = 0) -> Scratch:
    """Allocates the working memory that describing boards takes, and so many words more for the caller."""
    scratch = np.zeros(N_SCRATCH + n_more, dtype=np.int64)
    scratch[:N_SCRATCH] = _initial_scratch()
    return scratch


@functools.cache
def _initial_scratch() -> Scratch:
    scratch = np.zeros(N_SCRATCH, dtype=np.int64)
    lanes = scratch.view(np.float32)
    lanes[_NO_ROW:_RISES] = ILLEGAL
    lanes[_RISES:_LANDINGS] = -_OUTSIDE
    rises = lanes[_RISES : _FLAT - N_LANES].reshape(N_PIECES, MAX_ORIENTATIONS, _RISE)
    rises[:, :, N_LANES : N_LANES + N_CELLS] = np.where(COLUMN_BITS > 0, TOPS, -_OUTSIDE)
    return scratch


@small_kernel
def highest_rest(piece, rotation, rules):
    """The topmost row for the lowest cell of a piece that does not end the game where it rests."""
    return rules.height - 1 if rules.guideline else rules.height - PIECE_HEIGHTS[piece, rotation]


@kernel
def write_mask(piece, width, mask):
    """Writes which of the ``4 * width`` actions a piece has: on every board the same."""
    for rotation in range(MAX_ORIENTATIONS):
        n = width - _ACTION_WIDTHS[piece, rotation] + 1
        for left in range(width):
            mask[_at(MAX_ORIENTATIONS * left + rotation)] = left < n


@small_kernel
def nearest_action(piece, action, width):
    """Returns the nearest legal action: the rotation modulo the orientations, then the nearest column."""
    rotation = action & (N_ORIENTATIONS[piece] - 1)  # orientations are 1, 2 or 4
    left = min(action // MAX_ORIENTATIONS, width - PIECE_WIDTHS[piece, rotation])
    return MAX_ORIENTATIONS * left + rotation


@small_kernel
def _n_fixed(layout):
    """Length of the end of a row that no placement changes."""
    if layout[features.NEXT_PIECES] >= 0:
        return layout[features.ROW_LENGTH] - layout[features.NEXT_PIECES]
    if layout[features.HELD_PIECE] >= 0:
        return layout[features.ROW_LENGTH] - layout[features.HELD_PIECE]
    return 0


@small_kernel
def _write_fixed(queue, held, layout, numbers, start):
    """Writes the end of a row that no placement changes."""
    for k in range(layout[features.ROW_LENGTH] - _n_fixed(layout), layout[features.ROW_LENGTH]):
        numbers[start + k] = 0
    if layout[features.NEXT_PIECES] >= 0:
        for k in range(1, queue.shape[0]):
            if queue[k] >= 0:
                numbers[start + layout[features.NEXT_PIECES] + (k - 1) * N_PIECES + queue[k]] = 1
    if layout[features.HELD_PIECE] >= 0:
        numbers[start + layout[features.HELD_PIECE] + held] = 1


@small_kernel
def _store_lane_numbers(lanes, position, found, first):
    vec.store_floats(lanes, _MIDDLE + N_LANES * (position - first), found, 0.0)


@small_kernel
def _store_ends(lanes, drop, highest, layout, first):
    """Stores what depends on vanishing rows, 0 until such boards are described, and the end of the game."""
    none = broadcast(0, drop.bottoms)
    if layout[features.LINES_CLEARED] >= 0:
        _store_lane_numbers(lanes, layout[features.LINES_CLEARED], none, first)
    if layout[features.ERODED_CELLS] >= 0:
        _store_lane_numbers(lanes, layout[features.ERODED_CELLS], none, first)
    if layout[features.GAME_OVER] >= 0:
        loses = vec.greater_than(drop.bottoms, broadcast(highest, none)) & broadcast(1, none)
        _store_lane_numbers(lanes, layout[features.GAME_OVER], loses, first)


@small_kernel
def _note_cleared(full, bottoms, rotation, n_cleared, words):
    """Notes the placements of one rotation that fill rows under ``_CLEARED``; returns how many there are so far."""
    cleared = vec.nonzero_lanes(full)
    while cleared != 0:
        left = bit_length(cleared & -cleared) - 1
        words[_CLEARED + 2 * n_cleared] = MAX_ORIENTATIONS * left + rotation
        words[_CLEARED + 2 * n_cleared + 1] = vec.get_lane(bottoms, left)
        n_cleared += 1
        cleared &= cleared - 1
    return n_cleared


@kernel
def _describe_rotations(columns, queue, n_quads, first, rules, layout, words, lanes):
    """Writes heights, landing rows and quads of every rotation into the scratch; returns how many clear rows."""
    piece = queue[0]
    board = drops.describe_board(drops.load_board(columns, rules), rules)
    indices = vec.lane_indices(board.cells)
    outside = feature_kernels.describe_outside(board, rules, layout)
    open_outside = rows_outside_windows(~board.cells)
    vec.store_floats(lanes, _BASE, board.heights, 0.0)
    _write_fixed(queue, words[HELD_AFTER], layout, lanes, _BASE)
    n_cleared = 0
    for rotation in range(N_ORIENTATIONS[piece]):
        piece_height = PIECE_HEIGHTS[piece, rotation]
        highest = highest_rest(piece, rotation, rules)
        drop = drops.drop_rotation(board, piece, rotation)
        vec.store_floats(lanes, _LANDINGS + N_LANES * rotation, drop.bottoms, 0.0)
        feature_kernels.add_drop_features(
            LaneStore(lanes, _MIDDLE - N_LANES * first), board, outside, drop, piece_height, rules, layout
        )
        _store_ends(lanes, drop, highest, layout, first)
        for quad in range(n_quads):
            target = _QUADS + rotation * _QUADS_STEP + quad * QUAD * N_LANES
            transpose_quads(lanes, _MIDDLE + quad * QUAD * N_LANES, target)
        fits = vec.greater_than(broadcast(rules.width + 1 - _ACTION_WIDTHS[piece, rotation], indices), indices)
        fits = fits & vec.greater_than(broadcast(highest + 1, indices), drop.bottoms)
        full = drop.cells[0] & drop.cells[1] & drop.cells[2] & drop.cells[3] & ~open_outside & fits
        n_cleared = _note_cleared(full, drop.bottoms, rotation, n_cleared, words)
    return n_cleared


@small_kernel
def _raise_row(lanes, left, n, landing, rise, width, numbers, start):
    """Writes the heights of one row, -1 where the piece has no such action; a branch would be mispredicted."""
    base = _BASE if left < n else _NO_ROW
    tops = rise - left if left < n else _FLAT
    bottom = lanes[_at(landing + left)]
    last = width - ROW_VECTOR
    store_maximum(lanes, base + last, tops + last, bottom, numbers, start + last)
    store_maximum(lanes, base, tops, bottom, numbers, start)


@small_kernel
def _copy_quad(lanes, left, n, quads, numbers, place):
    source = quads + QUAD * left if left < n else _NO_ROW
    copy_quad(lanes, source, numbers, place)


@small_kernel
def _copy_fixed(lanes, left, n, source, numbers, place):
    store_maximum(lanes, source if left < n else _NO_ROW, _FLAT, np.float32(0), numbers, place)


@kernel
def _write_by_vectors(piece, n_quads, first, n_fixed, width, length, lanes, numbers):
    """Puts all rows together, each from its end, in the order in which they lie in memory."""
    widths = _ACTION_WIDTHS[piece]
    n_0, n_1, n_2, n_3 = width + 1 - widths[0], width + 1 - widths[1], width + 1 - widths[2], width + 1 - widths[3]
    step = MAX_ORIENTATIONS * length
    for k in range(0, n_fixed, ROW_VECTOR):
        place = length - n_fixed + min(k, n_fixed - ROW_VECTOR)
        source = _BASE + place
        for left in range(width):
            _copy_fixed(lanes, left, n_0, source, numbers, place)
            _copy_fixed(lanes, left, n_1, source, numbers, place + length)
            _copy_fixed(lanes, left, n_2, source, numbers, place + 2 * length)
            _copy_fixed(lanes, left, n_3, source, numbers, place + 3 * length)
            place += step
    for quad in range(n_quads):
        place = first + quad * QUAD
        quads = _QUADS + quad * QUAD * N_LANES
        for left in range(width):
            _copy_quad(lanes, left, n_0, quads, numbers, place)
            _copy_quad(lanes, left, n_1, quads + _QUADS_STEP, numbers, place + length)
            _copy_quad(lanes, left, n_2, quads + 2 * _QUADS_STEP, numbers, place + 2 * length)
            _copy_quad(lanes, left, n_3, quads + 3 * _QUADS_STEP, numbers, place + 3 * length)
            place += step
    rise = _RISES + MAX_ORIENTATIONS * piece * _RISE + N_LANES
    landing = _LANDINGS
    start = 0
    for left in range(width):
        _raise_row(lanes, left, n_0, landing, rise, width, numbers, start)
        _raise_row(lanes, left, n_1, landing + N_LANES, rise + _RISE, width, numbers, start + length)
        _raise_row(lanes, left, n_2, landing + 2 * N_LANES, rise + 2 * _RISE, width, numbers, start + 2 * length)
        _raise_row(lanes, left, n_3, landing + 3 * N_LANES, rise + 3 * _RISE, width, numbers, start + 3 * length)
        start += step


@kernel
def _write_by_numbers(piece, n_heights, first, n_fixed, width, length, lanes, numbers):
    """The same for rows that begin with fewer heights than a vector has, or none: number by number."""
    start = 0
    for left in range(width):
        for rotation in range(MAX_ORIENTATIONS):
            if left + _ACTION_WIDTHS[piece, rotation] > width:
                for k in range(length):
                    numbers[_at(start + k)] = ILLEGAL
            else:
                bottom = lanes[_at(_LANDINGS + N_LANES * rotation + left)]
                rise = _RISES + (MAX_ORIENTATIONS * piece + rotation) * _RISE + N_LANES - left
                for k in range(n_heights):
                    numbers[_at(start + k)] = max(lanes[_at(_BASE + k)], lanes[_at(rise + k)] + bottom)
                quads = _QUADS + rotation * _QUADS_STEP + QUAD * left
                for k in range(n_heights, length - n_fixed):
                    quad, place = (k - first) // QUAD, (k - first) % QUAD
                    numbers[_at(start + k)] = lanes[_at(quads + quad * QUAD * N_LANES + place)]
                for k in range(length - n_fixed, length):
                    numbers[_at(start + k)] = lanes[_at(_BASE + k)]
            start += length


@kernel
def _write_afterstate(columns, piece, action, bottom, clears, start, rules, layout, numbers):
    """Writes the features of one afterstate, all but the end of the game and what no placement changes.

    Args:
        columns: ``(width,) int64`` board before.
        piece: Which one is placed.
        action: ``4 * column + rotation``.
        bottom: Row of the piece's lowest cell.
        clears: Whether full rows vanish.
        start: Index of the row's first number.
        rules: ``CompiledRules``.
        layout: Position of each feature.
        numbers: ``(n,) float32``, to be written.
    """
    rotation = action & (MAX_ORIENTATIONS - 1)
    board = drops.load_board(columns, rules)
    cells = drops.piece_lanes(piece, rotation, action >> 2, bottom, board)
    board = board | cells
    full = rows_in_all_lanes(board) if clears else 0
    n_eroded = vec.sum_lanes(vec.count_bits(cells & broadcast(full, cells)))
    outside = ~vec.greater_than(broadcast(rules.width, board), vec.lane_indices(board))
    board = drops.remove_rows(board, full) | outside
    landing_height = bottom + 0.5 * (PIECE_HEIGHTS[piece, rotation] - 1)
    sink = NumberStore(numbers, start)
    feature_kernels.add_board_features(sink, board, landing_height, popcount(full), n_eroded, rules, layout)


@kernel
def write_rows(columns, queue, rules, layout, scratch, rows):
    """Writes the afterstate of every action of the current piece, and ``ILLEGAL`` where it does not have an action.

    Args:
        columns: ``(width,) int64`` board.
        queue: ``(1 + preview,) int64`` the piece that is placed and those that follow, -1 for one that is not known.
        rules: ``CompiledRules``.
        layout: Position of each feature.
        scratch: Working memory of ``make_scratch``; ``HELD_AFTER`` in it is the piece held after the move.
        rows: ``(4 * width, row length) float32``, C-contiguous, to be written.
    """
    lanes = scratch.view(np.float32)
    numbers = flatten(rows)
    length = layout[features.ROW_LENGTH]
    n_fixed = _n_fixed(layout)
    n_heights = rules.width if layout[features.COLUMN_HEIGHTS] >= 0 else 0
    n_quads = (length - n_fixed - n_heights + QUAD - 1) // QUAD
    first = length - n_fixed - n_quads * QUAD  # where the quads of a row begin, among its heights perhaps
    n_cleared = _describe_rotations(columns, queue, n_quads, first, rules, layout, scratch, lanes)
    if layout[features.COLUMN_HEIGHTS] >= 0 and rules.width >= ROW_VECTOR:
        _write_by_vectors(queue[0], n_quads, first, n_fixed, rules.width, length, lanes, numbers)
    else:
        _write_by_numbers(queue[0], n_heights, first, n_fixed, rules.width, length, lanes, numbers)
    for k in range(n_cleared):
        action, bottom = scratch[_CLEARED + 2 * k], scratch[_CLEARED + 2 * k + 1]
        _write_afterstate(columns, queue[0], action, bottom, True, action * length, rules, layout, numbers)


@inlined_kernel
def write_row(columns, queue, action, rules, layout, scratch, row):
    """Writes the afterstate of one action that the current piece has, as ``write_rows`` does.

    Args:
        columns: ``(width,) int64`` board.
        queue: As for ``write_rows``.
        action: ``4 * column + rotation``.
        rules: ``CompiledRules``.
        layout: Position of each feature.
        scratch: As for ``write_rows``.
        row: ``(row length,) float32``, to be written.
    """
    bottom = landing_row(columns, queue[0], action & (MAX_ORIENTATIONS - 1), action >> 2)
    write_rest(columns, queue, action, bottom, rules, layout, scratch, row)


@kernel
def write_rest(columns, queue, action, bottom, rules, layout, scratch, row):
    """Writes the afterstate of a piece that rests with its lowest cell in row ``bottom``, under an overhang perhaps."""
    loses = bottom > highest_rest(queue[0], action & (MAX_ORIENTATIONS - 1), rules)
    _write_afterstate(columns, queue[0], action, bottom, not loses, 0, rules, layout, row)
    if layout[features.GAME_OVER] >= 0:
        row[layout[features.GAME_OVER]] = 1 if loses else 0
    _write_fixed(queue, scratch[HELD_AFTER], layout, row, 0)
