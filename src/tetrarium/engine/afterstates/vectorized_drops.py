"""Straight drops of one rotation into all columns at once: where they come to rest, and the columns then.

A board is ``Lanes`` of the size of ``rules.word``, lane = column; lanes outside the board are filled. Of a drop, lane =
left column. A drop changes at most four neighboring columns, its *window*; narrower pieces have a window of four
columns too, of which the last ones do not change.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from tetrarium.engine.compiling import bit_length, small_kernel
from tetrarium.engine.pieces import BOTTOMS, COLUMN_BITS, MAX_ORIENTATIONS, N_CELLS, PIECE_HEIGHTS, TOPS
from tetrarium.engine.simd import column_vectors as vec
from tetrarium.engine.simd.board_vectors import N_LANES, broadcast, shift_cells, shift_up

_WORD_BITS: Final = 64
_OUTSIDE: Final = 64  # rows below ground of a piece's column that it does not have: it rests on nothing, raises nothing
_BOTTOMS: Final = np.where(COLUMN_BITS > 0, BOTTOMS, _OUTSIDE)  # (7, 4, 4)
_TOPS: Final = np.where(COLUMN_BITS > 0, TOPS, -_OUTSIDE)  # (7, 4, 4)
_REVERSED_BITS: Final = (
    np.array(  # (7, 4, 4) column bits, row 0 = bit 63
        [int(f"{bits:0{_WORD_BITS}b}"[::-1], 2) for bits in COLUMN_BITS.ravel().tolist()], dtype=np.uint64
    )
    .astype(np.int64)
    .reshape(COLUMN_BITS.shape)
)
# The columns of each rotation with empty ones around: read from further left, the piece stands further right.
_PIECE_STEP: Final = 2 * N_LANES + N_CELLS
_PIECE_WORDS: Final = np.pad(COLUMN_BITS, ((0, 0), (0, 0), (N_LANES, N_LANES))).astype(np.int64).ravel()


class BoardLanes(NamedTuple):
    """A board before a drop."""

    cells: Any
    space: Any  # empty cells below the ceiling, bits reversed: so a carry runs down a column
    inside: Any  # all bits in the lanes that the board has
    gaps: Any  # all bits in the lanes that the board has, but the leftmost: gap x is that left of column x
    heights: Any


class DropLanes(NamedTuple):
    """The drops of one rotation; the last three have one entry for each column of the window, with the piece."""

    bottoms: Any  # rows of the piece's lowest cell
    top_rows: Any  # one above the rows of its highest cell
    heights: Any
    cells: Any
    space: Any


@small_kernel
def describe_board(cells, rules):
    """The lanes of a board, given its cells."""
    inside = vec.greater_than(broadcast(rules.width, cells), vec.lane_indices(cells))
    space = vec.reverse_bits(~cells & broadcast((1 << rules.n_rows) - 1, cells))
    return BoardLanes(cells, space, inside, inside & shift_cells(inside, 1, 0), vec.bit_lengths(cells) & inside)


@small_kernel
def load_board(columns, rules):
    """The cells of a board, ``(width,) int64``, as lanes."""
    return vec.load_columns(columns, rules.width, rules.word)


@small_kernel
def piece_lanes(piece, rotation, left, bottom, cells):
    """The cells of a piece, as lanes like those of a board."""
    place = (MAX_ORIENTATIONS * piece + rotation) * _PIECE_STEP + N_LANES - left
    return shift_up(vec.load_words(_PIECE_WORDS, place, cells), bottom)


@small_kernel
def remove_rows(cells, rows):
    """Removes rows, bit r = row r, from a board; what lies above falls."""
    while rows != 0:
        below = (1 << (bit_length(rows) - 1)) - 1
        kept = broadcast(below, cells)
        cells = (cells & kept) | (shift_cells(cells, 0, -1) & ~kept)
        rows &= below
    return cells


@small_kernel
def _landing_rows(heights, piece, rotation):
    bottoms = _BOTTOMS[piece, rotation]
    first = heights - broadcast(bottoms[0], heights)
    second = shift_cells(heights, -1, 0) - broadcast(bottoms[1], heights)
    third = shift_cells(heights, -2, 0) - broadcast(bottoms[2], heights)
    fourth = shift_cells(heights, -3, 0) - broadcast(bottoms[3], heights)
    return vec.maximum(vec.maximum(first, second), vec.maximum(third, fourth))


@small_kernel
def _window_heights(heights, piece, rotation, bottoms):
    tops = _TOPS[piece, rotation]
    return (
        vec.maximum(heights, bottoms + broadcast(tops[0], heights)),
        vec.maximum(shift_cells(heights, -1, 0), bottoms + broadcast(tops[1], heights)),
        vec.maximum(shift_cells(heights, -2, 0), bottoms + broadcast(tops[2], heights)),
        vec.maximum(shift_cells(heights, -3, 0), bottoms + broadcast(tops[3], heights)),
    )


@small_kernel
def _window_cells(cells, piece, rotation, bottoms):
    bits = COLUMN_BITS[piece, rotation]
    return (
        cells | vec.shift_left(broadcast(bits[0], cells), bottoms),
        vec.shift_lanes(cells, 1) | vec.shift_left(broadcast(bits[1], cells), bottoms),
        vec.shift_lanes(cells, 2) | vec.shift_left(broadcast(bits[2], cells), bottoms),
        vec.shift_lanes(cells, 3) | vec.shift_left(broadcast(bits[3], cells), bottoms),
    )


@small_kernel
def _window_space(space, piece, rotation, bottoms):
    bits = _REVERSED_BITS[piece, rotation]
    unused = _WORD_BITS - vec.word_bits(space)
    return (
        space & ~vec.shift_right(broadcast(bits[0] >> unused, space), bottoms),
        shift_cells(space, -1, 0) & ~vec.shift_right(broadcast(bits[1] >> unused, space), bottoms),
        shift_cells(space, -2, 0) & ~vec.shift_right(broadcast(bits[2] >> unused, space), bottoms),
        shift_cells(space, -3, 0) & ~vec.shift_right(broadcast(bits[3] >> unused, space), bottoms),
    )


@small_kernel
def drop_rotation(board, piece, rotation):
    """The drops of one rotation of a piece on a board."""
    bottoms = _landing_rows(board.heights, piece, rotation)
    return DropLanes(
        bottoms,
        bottoms + broadcast(PIECE_HEIGHTS[piece, rotation], bottoms),
        _window_heights(board.heights, piece, rotation, bottoms),
        _window_cells(board.cells, piece, rotation, bottoms),
        _window_space(board.space, piece, rotation, bottoms),
    )
