"""One piece under one key: the Super Rotation System a step at a time.

A piece is where its anchor is, (rotation, column, row); see ``srs``. Boards are columns, ``(width,) int64``; there are
no cells at or above ``n_rows``. Kernels do not check what they are given.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.bits import bit_length
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
_LOWEST: Final = _CELLS.min(axis=2)  # (7, 4, 2) of all cells
_HIGHEST: Final = _CELLS.max(axis=2)
_ANCHOR_COLUMNS: Final = np.array([anchor_in_orientation(piece, 0)[0] for piece in range(N_PIECES)], dtype=np.int64)
_FRONT: Final = np.array(FRONT_CORNERS, dtype=np.int64)  # (4, 2, 2)
_T: Final = PIECES.index("T")
_STEPS: Final = {LEFT: (-1, 0), RIGHT: (1, 0), SOFT_DROP: (0, -1)}
_TURNS: Final = {TURN_CLOCKWISE: CLOCKWISE, TURN_COUNTER_CLOCKWISE: COUNTER_CLOCKWISE}


def _tries() -> npt.NDArray[np.int64]:
    """``(7, 4, 8, 5, 2)`` [piece, rotation, key, try] columns and rows by which a key shifts a piece, in order."""
    table = np.zeros((N_PIECES, N_ROTATIONS, len(KEYS), N_KICKS, 2), dtype=np.int64)
    for key, shift in _STEPS.items():
        table[:, :, key, 0] = shift
    for key, turn in _TURNS.items():
        for piece, turns in enumerate(KICKS):
            for (rotation, turned), shifts in turns.items():
                if turned == turn:
                    table[piece, rotation, key] = shifts
    return table


_TRIES: Final = _tries()
_N_TRIES: Final = np.array(  # (7, 8) [piece, key]: none for keys that do not shift, and for turns of the O
    [[key in _STEPS or (N_KICKS if key in _TURNS and turns else 0) for key in range(len(KEYS))] for turns in KICKS],
    dtype=np.int64,
)
_TURN_BY: Final = np.array([_TURNS.get(key, 0) for key in range(len(KEYS))], dtype=np.int64)


@kernel
def fits(columns, n_rows, piece, rotation, x, y):  # type: ignore[no-untyped-def]
    """Whether all cells of a piece are free, between the sides, above the floor and below the ceiling."""
    is_outside = (
        (x + _LOWEST[piece, rotation, 0] < 0)
        | (x + _HIGHEST[piece, rotation, 0] >= columns.shape[0])
        | (y + _LOWEST[piece, rotation, 1] < 0)
        | (y + _HIGHEST[piece, rotation, 1] >= n_rows)
    )
    if is_outside:
        return False
    taken = 0
    for i in range(N_CELLS):
        taken |= columns[x + _CELLS[piece, rotation, i, 0]] >> (y + _CELLS[piece, rotation, i, 1])
    return taken & 1 == 0


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
    """Moves or turns a piece that fits by one of the keys; those for nothing, a hard drop and hold do neither.

    Returns:
        Its rotation, column and row, and what the key did: ``BLOCKED``, ``MOVED``, or the number of the kick, 1 to 5.
    """
    turned = (rotation + _TURN_BY[key]) % N_ROTATIONS
    for k in range(_N_TRIES[piece, key]):
        column = x + _TRIES[piece, rotation, key, k, 0]
        row = y + _TRIES[piece, rotation, key, k, 1]
        if fits(columns, n_rows, piece, turned, column, row):
            return turned, column, row, MOVED if turned == rotation else k + 1
    return rotation, x, y, BLOCKED


@kernel
def fall_distance(columns, piece, rotation, x, y):  # type: ignore[no-untyped-def]
    """How many rows a piece that fits falls until it rests."""
    distance = y + _LOWEST[piece, rotation, 1]
    for i in range(N_CELLS):
        row = y + _CELLS[piece, rotation, i, 1]
        below = columns[x + _CELLS[piece, rotation, i, 0]] & ((1 << row) - 1)
        distance = min(distance, row - bit_length(below))
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
