"""One piece under one key: the Super Rotation System a step at a time.

A piece is where its anchor is, (rotation, column, row); see ``srs``. Boards are columns, ``(width,) int64``, and cells at
or above ``n_rows`` do not exist. Kernels do not check what they are given.
"""

from typing import Final

import numpy as np

from tetrarium.engine.jit import kernel
from tetrarium.engine.pieces import N_CELLS, N_PIECES, PIECES
from tetrarium.engine.spins import FRONT_CORNERS, FULL_SPIN, MINI_SPIN, NO_SPIN
from tetrarium.engine.srs import ANCHORED_CELLS, CLOCKWISE, COUNTER_CLOCKWISE, KICKS, N_KICKS, N_ROTATIONS, spawn_column

__all__ = [
    "BLOCKED",
    "KEYS",
    "MOVED",
    "fall_distance",
    "fits",
    "press_key",
    "spawn_piece",
    "spin_of",
]

KEYS: Final = ("nothing", "left", "right", "clockwise", "counter-clockwise", "soft drop", "hard drop", "hold")
NOTHING, LEFT, RIGHT, TURN_CLOCKWISE, TURN_COUNTER_CLOCKWISE, SOFT_DROP, HARD_DROP, HOLD = range(len(KEYS))

# What a key did to a piece: one of these, or the number of the kick, from 1.
BLOCKED: Final = -1
MOVED: Final = 0

_CELLS: Final = np.array(ANCHORED_CELLS, dtype=np.int64)  # (7, 4, 4, 2) columns and rows from the anchor
_SPAWN_OFFSET: Final = np.array([spawn_column(piece, 0) for piece in range(N_PIECES)], dtype=np.int64)
_T: Final = PIECES.index("T")
_FRONT: Final = np.array(FRONT_CORNERS, dtype=np.int64)  # (4, 2, 2)


def _kick_table() -> np.ndarray:
    """``(7, 4, 2, 5, 2)`` [piece, rotation, clockwise first, kick] columns and rows; zeros for the O."""
    table = np.zeros((N_PIECES, N_ROTATIONS, 2, N_KICKS, 2), dtype=np.int64)
    for piece, turns in enumerate(KICKS):
        for (rotation, turn), shifts in turns.items():
            table[piece, rotation, 0 if turn == CLOCKWISE else 1] = shifts
    return table


_KICK_TABLE: Final = _kick_table()
