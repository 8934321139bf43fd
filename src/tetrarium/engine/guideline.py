"""The guideline's ends of a game, and which straight drops a piece can be brought to from where it spawns.

A game is lost by *lock out*, when all cells of a piece rest above the visible rows, and by *block out*, when the next
piece finds a cell taken where it spawns. Nothing rests above the ceiling: where a piece has no room there, it does not
turn or move. Source: https://tetris.wiki/Top_out.

A straight drop is one hard drop after moves and turns in the rows where the piece spawns, without a soft drop. While
the stack is low, that leads to all of them; near the top a search over ``keys`` tells.
"""

from typing import Final

import numpy as np

from tetrarium.engine import scratch as at
from tetrarium.engine.afterstates import highest_rest, landing_row, remove_full_rows, write_mask
from tetrarium.engine.drops import stack_height
from tetrarium.engine.jit import kernel
from tetrarium.engine.keys import BLOCKED, LEFT, TURN_COUNTER_CLOCKWISE, press_key, spawn_position
from tetrarium.engine.pieces import COLUMN_BITS, MAX_ORIENTATIONS, N_ORIENTATIONS, N_PIECES, PIECE_WIDTHS
from tetrarium.engine.srs import ANCHORED_CELLS, N_ROTATIONS, open_rows

__all__ = ["N_GUIDELINE", "OPEN_ROWS", "blocks_out", "find_drops", "is_blocked", "is_tall"]

_SEEN: Final = 0  # for each rotation and column, the rows that the search has reached
_WAITING: Final = _SEEN + N_ROTATIONS * at.LANES  # positions in the order in which they were reached
_BOARD: Final = _WAITING + N_ROTATIONS * at.LANES * 64
N_GUIDELINE: Final = _BOARD + at.LANES  # words that these kernels work in

# (7, 4) from a rotation's anchor to its leftmost column and to its lowest row.
_LEFTS: Final = np.array([[min(x for x, _ in cells) for cells in ANCHORED_CELLS[p]] for p in range(N_PIECES)])
_LOWS: Final = np.array([[min(y for _, y in cells) for cells in ANCHORED_CELLS[p]] for p in range(N_PIECES)])
OPEN_ROWS: Final = np.array([open_rows(spawn_row) for spawn_row in range(41)])  # for each number of visible rows


@kernel
def is_blocked(columns, piece, rules):  # type: ignore[no-untyped-def]
    """Whether a piece finds a cell taken where it spawns."""
    is_free, _, _ = spawn_position(columns, rules.n_rows, piece, rules.height)
    return not is_free


@kernel
def is_tall(columns, rules):  # type: ignore[no-untyped-def]
    """Whether a board is so high that pieces may not get everywhere, or that a placement can lose."""
    return stack_height(columns, rules.width) > OPEN_ROWS[rules.height]


@kernel
def blocks_out(columns, piece, rotation, left, bottom, next_piece, rules, words):  # type: ignore[no-untyped-def]
    """Whether the next piece, if it is known, finds its place taken after a placement that does not lose by itself."""
    if next_piece < 0 or bottom > highest_rest(piece, rotation, rules):
        return False
    board = words[_BOARD : _BOARD + rules.width]
    for x in range(rules.width):
        board[x] = columns[x]
    for i in range(PIECE_WIDTHS[piece, rotation]):
        board[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom
    remove_full_rows(board, rules.width)
    return is_blocked(board, next_piece, rules)


@kernel
def find_drops(columns, piece, rules, words, flags):  # type: ignore[no-untyped-def]
    """Writes 1 for each of the ``4 * width`` straight drops that a piece has, else 0; blocked, it has none."""
    if not is_tall(columns, rules):
        write_mask(piece, rules.width, flags)
        return
    flags[:] = 0
    is_free, x, y = spawn_position(columns, rules.n_rows, piece, rules.height)
    if not is_free:
        return
    for i in range(N_ROTATIONS * at.LANES):
        words[_SEEN + i] = 0
    words[_SEEN + x] = 1 << y
    words[_WAITING] = x * 64 + y
    n_seen = 1
    n_done = 0
    while n_done < n_seen:
        place = words[_WAITING + n_done]
        n_done += 1
        rotation, x, y = place // (64 * at.LANES), place // 64 % at.LANES, place % 64
        orientation = rotation % N_ORIENTATIONS[piece]
        left = x + _LEFTS[piece, rotation]
        if y + _LOWS[piece, rotation] >= landing_row(columns, piece, orientation, left):
            flags[MAX_ORIENTATIONS * left + orientation] = 1
        for key in range(LEFT, TURN_COUNTER_CLOCKWISE + 1):
            to_rotation, to_x, to_y, outcome = press_key(columns, rules.n_rows, piece, rotation, x, y, key)
            seen = words[_SEEN + to_rotation * at.LANES + to_x]
            if outcome != BLOCKED and not seen >> to_y & 1:
                words[_SEEN + to_rotation * at.LANES + to_x] = seen | 1 << to_y
                words[_WAITING + n_seen] = (to_rotation * at.LANES + to_x) * 64 + to_y
                n_seen += 1
