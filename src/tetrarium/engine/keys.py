"""One piece under one key: the Super Rotation System a step at a time.

A piece is where its anchor is, (rotation, column, row); see ``srs``. Boards are columns, ``(width,) int64``; there are
no cells at or above ``n_rows``. Kernels do not check what they are given.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.jit import kernel
from tetrarium.engine.pieces import N_CELLS, N_PIECES, PIECE_WIDTHS, PIECES
from tetrarium.engine.srs import (
    ANCHORED_CELLS,
    CLOCKWISE,
    COUNTER_CLOCKWISE,
    FRONT_CORNERS,
    FULL_SPIN,
    KICKS,
    MINI_SPIN,
    N_KICKS,
    N_ROTATIONS,
    NO_SPIN,
    anchor_in_orientation,
)

__all__ = [
    "BLOCKED",
    "HARD_DROP",
    "KEYS",
    "LEFT",
    "MOVED",
    "RIGHT",
    "SOFT_DROP",
    "TURN_CLOCKWISE",
    "TURN_COUNTER_CLOCKWISE",
    "fall_distance",
    "fits",
    "press_key",
    "spawn_position",
    "spin_of",
]

KEYS: Final = ("nothing", "left", "right", "clockwise", "counter-clockwise", "soft drop", "hard drop", "hold")
NOTHING, LEFT, RIGHT, TURN_CLOCKWISE, TURN_COUNTER_CLOCKWISE, SOFT_DROP, HARD_DROP, HOLD = range(len(KEYS))

# What a key did to a piece: one of these, or the number of the kick, from 1.
BLOCKED: Final = -1
MOVED: Final = 0

_CELLS: Final = np.array(ANCHORED_CELLS, dtype=np.int64)  # (7, 4, 4, 2) columns and rows from the anchor
_ANCHOR_COLUMNS: Final = np.array([anchor_in_orientation(piece, 0)[0] for piece in range(N_PIECES)], dtype=np.int64)
_FRONT: Final = np.array(FRONT_CORNERS, dtype=np.int64)  # (4, 2, 2)
_O: Final = PIECES.index("O")
_T: Final = PIECES.index("T")


def _kick_table() -> npt.NDArray[np.int64]:
    """``(7, 4, 2, 5, 2)`` [piece, rotation, clockwise first, kick] columns and rows; zeros for the O."""
    table = np.zeros((N_PIECES, N_ROTATIONS, 2, N_KICKS, 2), dtype=np.int64)
    for piece, turns in enumerate(KICKS):
        for (rotation, turn), shifts in turns.items():
            table[piece, rotation, 0 if turn == CLOCKWISE else 1] = shifts
    return table


_KICK_TABLE: Final = _kick_table()


@kernel
def fits(columns, n_rows, piece, rotation, x, y):  # type: ignore[no-untyped-def]
    """Whether all cells of a piece are free, between the sides, above the floor and below the ceiling."""
    for i in range(N_CELLS):
        column = x + _CELLS[piece, rotation, i, 0]
        row = y + _CELLS[piece, rotation, i, 1]
        if column < 0 or column >= columns.shape[0] or row < 0 or row >= n_rows or (columns[column] >> row) & 1:
            return False
    return True


@kernel
def spawn_position(columns, n_rows, piece, spawn_row):  # type: ignore[no-untyped-def]
    """Where a piece spawns, one row lower at once if that is free: (whether it fits, its anchor's column and row)."""
    x = (columns.shape[0] - PIECE_WIDTHS[piece, 0]) // 2 + _ANCHOR_COLUMNS[piece]
    is_free = fits(columns, n_rows, piece, 0, x, spawn_row)
    if is_free and fits(columns, n_rows, piece, 0, x, spawn_row - 1):
        return True, x, spawn_row - 1
    return is_free, x, spawn_row


@kernel
def press_key(columns, n_rows, piece, rotation, x, y, key):  # type: ignore[no-untyped-def]
    """Moves or turns a piece by one of the keys from left to soft drop.

    Returns:
        Its rotation, column and row, and what the key did: ``BLOCKED``, ``MOVED``, or the number of the kick, 1 to 5.
    """
    if key in (TURN_CLOCKWISE, TURN_COUNTER_CLOCKWISE):
        if piece == _O:
            return rotation, x, y, BLOCKED
        is_counter = key - TURN_CLOCKWISE
        turned = (rotation + (COUNTER_CLOCKWISE if is_counter else CLOCKWISE)) % N_ROTATIONS
        for kick in range(N_KICKS):
            column = x + _KICK_TABLE[piece, rotation, is_counter, kick, 0]
            row = y + _KICK_TABLE[piece, rotation, is_counter, kick, 1]
            if fits(columns, n_rows, piece, turned, column, row):
                return turned, column, row, kick + 1
        return rotation, x, y, BLOCKED
    column, row = x, y
    if key == LEFT:
        column -= 1
    elif key == RIGHT:
        column += 1
    elif key == SOFT_DROP:
        row -= 1
    else:
        return rotation, x, y, BLOCKED
    if fits(columns, n_rows, piece, rotation, column, row):
        return rotation, column, row, MOVED
    return rotation, x, y, BLOCKED


@kernel
def fall_distance(columns, n_rows, piece, rotation, x, y):  # type: ignore[no-untyped-def]
    """How many rows a piece falls until it rests."""
    distance = 0
    while fits(columns, n_rows, piece, rotation, x, y - distance - 1):
        distance += 1
    return distance


@kernel
def spin_of(columns, piece, rotation, x, y, outcome):  # type: ignore[no-untyped-def]
    """What T-spin a piece at rest is, given what its last key did; see ``spins`` for the rule."""
    if piece != _T or outcome <= MOVED:
        return NO_SPIN
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
        return NO_SPIN
    return FULL_SPIN if n_front == 2 or outcome == N_KICKS else MINI_SPIN
