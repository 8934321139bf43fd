"""Shortest sequences of keys to all placements of a piece.

They are found by a breadth-first search over the states of the piece: its rotation, its anchor's column and row, and
for a T the outcome of its last key, on which a T-spin depends. The last key is a hard drop; one that moves the piece
down undoes a spin.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import kernel
from tetrarium.engine.movegen import keys as srs_keys
from tetrarium.engine.movegen.lock_positions import ANCHORS, Placement, require_board
from tetrarium.engine.pieces import N_ORIENTATIONS, PIECES
from tetrarium.engine.rules import Rules
from tetrarium.engine.srs import N_KICKS, N_ROTATIONS, SPINS, shift_to_orientation

_PLAIN, _ROTATED, _FIFTH_KICK = range(3)  # last key of a T: a move, a rotation, a rotation by the fifth kick
_N_HISTORIES: Final = 3
_T: Final = PIECES.index("T")
_NONE: Final = -1


@kernel
def _search(columns, piece, n_rows, spawn_row, shifts, queue, parents, keys, ends):
    """Writes the predecessor and the key of each state, and for each placement the state before its hard drop.

    A state is numbered ``((history * 4 + rotation) * width + column) * n_rows + row``; a placement likewise, with the
    spin for the history and the anchor of the orientation.

    Args:
        columns: ``(width,) int64``.
        piece: Index into ``PIECES``.
        n_rows: Number of visible and hidden rows.
        spawn_row: The first row above the visible ones.
        shifts: ``(4, 2) int64``, ``shift_to_orientation`` of each rotation.
        queue: ``(n_states,) int64``, working memory.
        parents: ``(n_states,) int64``, written; ``_NONE`` at the start.
        keys: ``(n_states,) int64``, written.
        ends: ``(n_states,) int64``, written by number of the placement; ``_NONE`` at the start.
    """
    width = columns.shape[0]
    is_free, x, y = srs_keys.spawn_position(columns, n_rows, piece, spawn_row)
    if not is_free:
        return
    queue[0] = x * n_rows + y
    parents[queue[0]] = queue[0]
    n_seen = 1
    n_expanded = 0
    while n_expanded < n_seen:
        state = queue[n_expanded]
        n_expanded += 1
        y, place = state % n_rows, state // n_rows
        x, place = place % width, place // width
        rotation, history = place % N_ROTATIONS, place // N_ROTATIONS
        distance = srs_keys.fall_distance(columns, piece, rotation, x, y)
        outcome = (srs_keys.MOVED, 1, N_KICKS)[history] if distance == 0 else srs_keys.MOVED
        spin = srs_keys.classify_spin(columns, piece, rotation, x, y - distance, outcome)
        orientation = rotation % N_ORIENTATIONS[piece]
        column, row = x + shifts[rotation, 0], y - distance + shifts[rotation, 1]
        end = ((spin * N_ROTATIONS + orientation) * width + column) * n_rows + row
        if ends[end] == _NONE:
            ends[end] = state
        for key in range(srs_keys.LEFT, srs_keys.SOFT_DROP + 1):
            to_rotation, to_x, to_y, outcome = srs_keys.press_key(columns, n_rows, piece, rotation, x, y, key)
            if outcome != srs_keys.BLOCKED:
                to_history = _PLAIN
                if piece == _T and outcome > srs_keys.MOVED:
                    to_history = _FIFTH_KICK if outcome == N_KICKS else _ROTATED
                after = ((to_history * N_ROTATIONS + to_rotation) * width + to_x) * n_rows + to_y
                if parents[after] == _NONE:
                    parents[after] = state
                    keys[after] = key
                    queue[n_seen] = after
                    n_seen += 1


def find_key_paths(columns: npt.ArrayLike, piece: int, rules: Rules) -> dict[Placement, tuple[str, ...]]:
    """Returns all placements of a piece on a board with a shortest sequence of keys to each, hard drop included.

    >>> rules = Rules(width=10, height=20, hidden_rows=20, randomizer="7-bag", preview=0)
    >>> paths = find_key_paths([0] * 10, PIECES.index("O"), rules)
    >>> paths[Placement(rotation=0, column=2, row=0, spin=0)]
    ('left', 'left', 'hard drop')

    Returns:
        Names in ``KEYS`` by placement; placements in the order of ``find_placements``.

    Raises:
        GameError: if the board or the piece is not possible under these rules.
    """
    board = require_board(columns, piece, rules)
    n_rows = rules.height + rules.hidden_rows
    n_states = _N_HISTORIES * N_ROTATIONS * rules.width * n_rows
    queue, keys = np.empty(n_states, dtype=np.int64), np.empty(n_states, dtype=np.int64)
    parents, ends = np.full(n_states, _NONE, dtype=np.int64), np.full(n_states, _NONE, dtype=np.int64)
    shifts = np.array([shift_to_orientation(piece, rotation) for rotation in range(N_ROTATIONS)], dtype=np.int64)
    _search(board, piece, n_rows, rules.height, shifts, queue, parents, keys, ends)
    paths = {}
    for end in np.flatnonzero(ends != _NONE).tolist():
        spin, rotation, x, row = np.unravel_index(end, (len(SPINS), N_ROTATIONS, rules.width, n_rows))
        anchor_x, anchor_y = ANCHORS[piece, rotation]
        placement = Placement(int(rotation), int(x - anchor_x), int(row - anchor_y), int(spin))
        paths[placement] = _keys_to(int(ends[end]), parents, keys)
    return dict(sorted(paths.items()))


def _keys_to(state: int, parents: npt.NDArray[np.int64], keys: npt.NDArray[np.int64]) -> tuple[str, ...]:
    pressed = [srs_keys.KEYS[srs_keys.HARD_DROP]]
    while parents[state] != state:
        pressed.append(srs_keys.KEYS[keys[state]])
        state = int(parents[state])
    return tuple(reversed(pressed))
