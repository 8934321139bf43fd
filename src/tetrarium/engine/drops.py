"""Straight drops without hold under the overflow rule: the game that everything else is measured by.

An action is ``4 * column + rotation``, column = the piece's leftmost cell. A piece that rests with a cell above the
visible rows ends the game and clears nothing. Kernels do not check what they are given.
"""

from tetrarium.engine.afterstates import landing_row, remove_full_rows, write_mask, write_rows
from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.game_rows import COLUMNS, LINES, N_PLACED, OVER, QUEUE, draw_piece
from tetrarium.engine.jit import inlined_kernel, kernel, small_kernel
from tetrarium.engine.pieces import (
    BOTTOMS,
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_ORIENTATIONS,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
)

__all__ = ["count_holes", "full_rows", "nearest_action", "observe_drops", "place_drop", "stack_height"]


@small_kernel
def nearest_action(piece, action, width):  # type: ignore[no-untyped-def]
    """The legal action nearest to any action in range: rotation modulo the orientations, then the nearest column."""
    rotation = action & (N_ORIENTATIONS[piece] - 1)  # orientations are 1, 2 or 4
    left = min(action // MAX_ORIENTATIONS, width - PIECE_WIDTHS[piece, rotation])
    return MAX_ORIENTATIONS * left + rotation


@inlined_kernel
def place_drop(games, index, action, script, rules):  # type: ignore[no-untyped-def]
    """Plays a legal action and draws the next piece; returns (lines, new holes, added height, lowest cell's row)."""
    columns = games[index, COLUMNS:]
    piece = games[index, QUEUE]
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = action // MAX_ORIENTATIONS
    height_t = stack_height(columns, rules.width)
    bottom = landing_row(columns, piece, rotation, left)
    new_holes = 0
    for i in range(PIECE_WIDTHS[piece, rotation]):
        new_holes += bottom + BOTTOMS[piece, rotation, i] - bit_length(columns[left + i])
        columns[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom
    games[index, N_PLACED] += 1
    n_lines = 0
    height_tp1 = max(height_t, bottom + PIECE_HEIGHTS[piece, rotation])
    if bottom + PIECE_HEIGHTS[piece, rotation] > rules.height:
        games[index, OVER] = 1
    elif full_rows(columns, rules.width) != 0:
        new_holes -= count_holes(columns, rules.width)
        n_lines = remove_full_rows(columns, rules.width)
        new_holes += count_holes(columns, rules.width)
        height_tp1 = stack_height(columns, rules.width)
        games[index, LINES] += n_lines
    for k in range(rules.preview):
        games[index, QUEUE + k] = games[index, QUEUE + k + 1]
    games[index, QUEUE + rules.preview] = draw_piece(games, index, script, rules)
    return n_lines, new_holes, height_tp1 - height_t, bottom


@kernel
def observe_drops(games, index, rules, layout, scratch, rows, mask):  # type: ignore[no-untyped-def]
    """Writes a game's afterstates and which actions are legal; -1 and none once it has ended."""
    if games[index, OVER]:
        rows[:] = -1.0
        mask[:] = False
    else:
        write_mask(games[index, QUEUE], rules.width, mask)
        queue = games[index, QUEUE : QUEUE + 1 + rules.preview]
        write_rows(games[index, COLUMNS:], queue, rules, layout, scratch, rows)


@small_kernel
def full_rows(columns, width):  # type: ignore[no-untyped-def]
    """Rows that are filled, bit r = row r."""
    full = -1
    for x in range(width):
        full &= columns[x]
    return full


@small_kernel
def stack_height(columns, width):  # type: ignore[no-untyped-def]
    """Rows up to the highest cell."""
    filled = 0
    for x in range(width):
        filled |= columns[x]
    return bit_length(filled)


@kernel
def count_holes(columns, width):  # type: ignore[no-untyped-def]
    """Empty cells with a filled one above."""
    n_holes = 0
    for x in range(width):
        n_holes += bit_length(columns[x]) - popcount(columns[x])
    return n_holes
