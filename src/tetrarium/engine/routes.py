"""The shortest sequence of keys to every placement of a piece.

A search, nearest first, over all states of the piece: its rotation, its anchor's column and row, and for a T what its
last key did, because a T-spin depends on it. The last key is a hard drop; one that falls undoes a spin.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.jit import kernel
from tetrarium.engine.keys import (
    BLOCKED,
    HARD_DROP,
    KEYS,
    LEFT,
    MOVED,
    SOFT_DROP,
    fall_distance,
    press_key,
    spawn_position,
    spin_of,
)
from tetrarium.engine.pieces import N_ORIENTATIONS, PIECES
from tetrarium.engine.reachable import ANCHORS, Placement, require_board
from tetrarium.engine.rules import Rules
from tetrarium.engine.srs import N_KICKS, N_ROTATIONS, SPINS, shift_to_orientation

__all__ = ["find_routes"]

_PLAIN, _TURNED, _KICKED_LAST = range(3)  # what the last key of a T did: a move, a turn, a turn by the fifth kick
_N_HISTORIES: Final = 3
_T: Final = PIECES.index("T")
_NONE: Final = -1


@kernel
def _search(columns, piece, n_rows, spawn_row, shifts, queue, parents, keys, ends):  # type: ignore[no-untyped-def]
    """Writes for each state the state and the key before it, and for each placement the state to drop it from.

    A state is ``((history * 4 + rotation) * width + column) * n_rows + row``; a placement is counted in the same way,
    with the spin for the history and the anchor of the orientation.
    """
    width = columns.shape[0]
    is_free, x, y = spawn_position(columns, n_rows, piece, spawn_row)
    if not is_free:
        return
    queue[0] = x * n_rows + y
    parents[queue[0]] = queue[0]
    n_seen = 1
    n_done = 0
    while n_done < n_seen:
        state = queue[n_done]
        n_done += 1
        y, place = state % n_rows, state // n_rows
        x, place = place % width, place // width
        rotation, history = place % N_ROTATIONS, place // N_ROTATIONS
        distance = fall_distance(columns, piece, rotation, x, y)
        outcome = (MOVED, 1, N_KICKS)[history] if distance == 0 else MOVED
        spin = spin_of(columns, piece, rotation, x, y - distance, outcome)
        orientation = rotation % N_ORIENTATIONS[piece]
        column, row = x + shifts[rotation, 0], y - distance + shifts[rotation, 1]
        end = ((spin * N_ROTATIONS + orientation) * width + column) * n_rows + row
        if ends[end] == _NONE:
            ends[end] = state
        for key in range(LEFT, SOFT_DROP + 1):
            to_rotation, to_x, to_y, outcome = press_key(columns, n_rows, piece, rotation, x, y, key)
            if outcome != BLOCKED:
                to_history = _PLAIN
                if piece == _T and outcome > MOVED:
                    to_history = _KICKED_LAST if outcome == N_KICKS else _TURNED
                after = ((to_history * N_ROTATIONS + to_rotation) * width + to_x) * n_rows + to_y
                if parents[after] == _NONE:
                    parents[after] = state
                    keys[after] = key
                    queue[n_seen] = after
                    n_seen += 1


def find_routes(columns: npt.ArrayLike, piece: int, rules: Rules) -> dict[Placement, tuple[str, ...]]:
    """Finds every placement of a piece on a board, and the fewest keys that lead to it, hard drop included.

    >>> rules = Rules(width=10, height=20, hidden_rows=20, randomizer="7-bag", preview=0)
    >>> routes = find_routes([0] * 10, PIECES.index("O"), rules)
    >>> routes[Placement(rotation=0, column=2, row=0, spin=0)]
    ('left', 'left', 'hard drop')

    Returns:
        Names of ``KEYS`` by placement; placements in the order of ``find_placements``.

    Raises:
        GameError: if the board or the piece is none of a game under these rules.
    """
    board = require_board(columns, piece, rules)
    n_rows = rules.height + rules.hidden_rows
    n_states = _N_HISTORIES * N_ROTATIONS * rules.width * n_rows
    queue, keys = np.empty(n_states, dtype=np.int64), np.empty(n_states, dtype=np.int64)
    parents, ends = np.full(n_states, _NONE, dtype=np.int64), np.full(n_states, _NONE, dtype=np.int64)
    shifts = np.array([shift_to_orientation(piece, rotation) for rotation in range(N_ROTATIONS)], dtype=np.int64)
    _search(board, piece, n_rows, rules.height, shifts, queue, parents, keys, ends)
    routes = {}
    for end in np.flatnonzero(ends != _NONE).tolist():
        spin, rotation, x, row = np.unravel_index(end, (len(SPINS), N_ROTATIONS, rules.width, n_rows))
        anchor_x, anchor_y = ANCHORS[piece, rotation]
        placement = Placement(int(rotation), int(x - anchor_x), int(row - anchor_y), int(spin))
        routes[placement] = _keys_to(int(ends[end]), parents, keys)
    return dict(sorted(routes.items()))


def _keys_to(state: int, parents: npt.NDArray[np.int64], keys: npt.NDArray[np.int64]) -> tuple[str, ...]:
    pressed = [KEYS[HARD_DROP]]
    while parents[state] != state:
        pressed.append(KEYS[keys[state]])
        state = int(parents[state])
    return tuple(reversed(pressed))
