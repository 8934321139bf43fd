"""The Super Rotation System one key at a time: moves, rotations, falls and spawns of one piece.

The position of a piece is (rotation, column, row) of its anchor; see ``srs``. In all kernels ``columns`` is a board,
``(width,) int64``, ``n_rows`` the number of its visible and hidden rows, ``piece`` an index into ``PIECES``, and ``x``
and ``y`` are the column and the row of the anchor.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import srs
from tetrarium.engine.compiling import bit_length, kernel
from tetrarium.engine.pieces import N_CELLS, N_PIECES, PIECE_WIDTHS, PIECES

KEYS: Final = ("nothing", "left", "right", "clockwise", "counter-clockwise", "soft drop", "hard drop", "hold")
NOTHING, LEFT, RIGHT, ROTATE_CLOCKWISE, ROTATE_COUNTER_CLOCKWISE, SOFT_DROP, HARD_DROP, HOLD = range(len(KEYS))

# Outcome of a key: one of these, or the number of the kick, from 1.
BLOCKED: Final = -1
MOVED: Final = 0

_CELLS: Final = np.array(srs.ANCHORED_CELLS, dtype=np.int64)  # (7, 4, 4, 2) columns and rows from the anchor
_LOWEST: Final = _CELLS.min(axis=2)  # (7, 4, 2) least column and row of the cells
_HIGHEST: Final = _CELLS.max(axis=2)
_ANCHOR_COLUMNS: Final = np.array([srs.anchor_in_orientation(piece, 0)[0] for piece in range(N_PIECES)], dtype=np.int64)
_FRONT: Final = np.array(srs.FRONT_CORNERS, dtype=np.int64)  # (4, 2, 2)
_T: Final = PIECES.index("T")
_MOVES: Final = {LEFT: (-1, 0), RIGHT: (1, 0), SOFT_DROP: (0, -1)}
_TURNS: Final = {ROTATE_CLOCKWISE: srs.CLOCKWISE, ROTATE_COUNTER_CLOCKWISE: srs.COUNTER_CLOCKWISE}


def _tries() -> npt.NDArray[np.int64]:
    """Returns ``(7, 4, 8, 5, 2) int64`` [piece, rotation, key, try]: the shifts (columns, rows) that a key tries."""
    table = np.zeros((N_PIECES, srs.N_ROTATIONS, len(KEYS), srs.N_KICKS, 2), dtype=np.int64)
    for key, shift in _MOVES.items():
        table[:, :, key, 0] = shift
    for key, turn in _TURNS.items():
        for piece, turns in enumerate(srs.KICKS):
            for (rotation, turned), shifts in turns.items():
                if turned == turn:
                    table[piece, rotation, key] = shifts
    return table


_TRIES: Final = _tries()
_N_TRIES: Final = np.array(  # (7, 8) [piece, key]: 0 for keys that do not shift a piece, and for rotations of the O
    [
        [key in _MOVES or (srs.N_KICKS if key in _TURNS and turns else 0) for key in range(len(KEYS))]
        for turns in srs.KICKS
    ],
    dtype=np.int64,
)
_TURN_BY: Final = np.array([_TURNS.get(key, 0) for key in range(len(KEYS))], dtype=np.int64)


@kernel
def fits(columns, n_rows, piece, rotation, x, y):
    """Returns whether all cells of a piece are inside the board and free."""
    is_outside = (
        (x + _LOWEST[piece, rotation, 0] < 0)
        | (x + _HIGHEST[piece, rotation, 0] >= columns.shape[0])
        | (y + _LOWEST[piece, rotation, 1] < 0)
        | (y + _HIGHEST[piece, rotation, 1] >= n_rows)
    )
    if is_outside:
        return False
    occupied = 0
    for i in range(N_CELLS):
        occupied |= columns[x + _CELLS[piece, rotation, i, 0]] >> (y + _CELLS[piece, rotation, i, 1])
    return occupied & 1 == 0


@kernel
def spawn_position(columns, n_rows, piece, spawn_row):
    """Returns whether a spawning piece fits, and the column and row of its anchor.

    A piece moves down one row at once if that is free.
    """
    x = (columns.shape[0] - PIECE_WIDTHS[piece, 0]) // 2 + _ANCHOR_COLUMNS[piece]
    is_free = fits(columns, n_rows, piece, 0, x, spawn_row)
    if is_free and fits(columns, n_rows, piece, 0, x, spawn_row - 1):
        return True, x, spawn_row - 1
    return is_free, x, spawn_row


@kernel
def press_key(columns, n_rows, piece, rotation, x, y, key):
    """Moves or rotates a piece that fits; the keys for nothing, a hard drop and hold do neither.

    Returns:
        Its rotation, column and row, and the outcome: ``BLOCKED``, ``MOVED``, or the number of the kick, 1 to 5.
    """
    turned = (rotation + _TURN_BY[key]) % srs.N_ROTATIONS
    for k in range(_N_TRIES[piece, key]):
        column = x + _TRIES[piece, rotation, key, k, 0]
        row = y + _TRIES[piece, rotation, key, k, 1]
        if fits(columns, n_rows, piece, turned, column, row):
            return turned, column, row, MOVED if turned == rotation else k + 1
    return rotation, x, y, BLOCKED


@kernel
def fall_distance(columns, piece, rotation, x, y):
    """Returns the number of rows that a piece falls until it rests."""
    distance = y + _LOWEST[piece, rotation, 1]
    for i in range(N_CELLS):
        row = y + _CELLS[piece, rotation, i, 1]
        below = columns[x + _CELLS[piece, rotation, i, 0]] & ((1 << row) - 1)
        distance = min(distance, row - bit_length(below))
    return distance


@kernel
def classify_spin(columns, piece, rotation, x, y, outcome):
    """Returns the T-spin of a piece at rest, given the outcome of its last key; see ``spins`` for the rule."""
    if piece != _T or outcome <= MOVED:
        return srs.NO_SPIN
    n_front = 0
    n_corners = 0
    for side in (1, -1):  # the corners to which the T points, then those behind it
        for i in range(2):
            column = x + side * _FRONT[rotation, i, 0]
            row = y + side * _FRONT[rotation, i, 1]
            if column < 0 or column >= columns.shape[0] or row < 0 or (columns[column] >> row) & 1:
                n_corners += 1
                n_front += side == 1
    if n_corners < 3:
        return srs.NO_SPIN
    return srs.FULL_SPIN if n_front == 2 or outcome == srs.N_KICKS else srs.MINI_SPIN
