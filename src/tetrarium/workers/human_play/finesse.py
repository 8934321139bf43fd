"""Finesse: the fewest key presses that bring a piece over its columns, and the presses of a person beyond them.

A press of a direction that is held until the wall counts once, as do each tap and each rotation; hold and drops do not.
Placements below an overhang, or after a soft drop, have no fewest number.
Source: https://tetris.wiki/Finesse.
"""

from collections import deque
from functools import cache
from typing import Final

import numpy as np

from tetrarium.engine import KEYS, N_ORIENTATIONS, Columns, Placement
from tetrarium.engine.boards import landing_row
from tetrarium.engine.movegen.keys import (
    LEFT,
    RIGHT,
    ROTATE_CLOCKWISE,
    ROTATE_COUNTER_CLOCKWISE,
    press_key,
    spawn_position,
)
from tetrarium.engine.movegen.lock_positions import ANCHORS
from tetrarium.engine.srs import shift_to_orientation

Position = tuple[int, int, int]  # rotation, column and row of the anchor

_ROWS: Final = (20, 40)  # visible ones, and all
_DROPS: Final = ("soft drop", "hard drop", "hold")


@cache
def fewest_presses(piece: int, width: int) -> dict[tuple[int, int], int]:
    """Returns the fewest presses by (orientation, column of the leftmost cell) on an empty board.

    >>> of_o = fewest_presses(1, 10)
    >>> [of_o[0, column] for column in range(9)]
    [1, 2, 2, 1, 0, 1, 2, 2, 1]
    """
    empty = np.zeros(width, dtype=np.int64)
    spawn_row, n_rows = _ROWS
    _, x, y = spawn_position(empty, n_rows, piece, spawn_row)
    start = (0, int(x), int(y))
    presses = {start: 0}
    waiting = deque([start])
    while waiting:
        position = waiting.popleft()
        for key in (LEFT, RIGHT, ROTATE_CLOCKWISE, ROTATE_COUNTER_CLOCKWISE):
            once = _pressed(empty, n_rows, piece, position, key)
            held = _at_wall(empty, n_rows, piece, once, key) if key in (LEFT, RIGHT) else once
            for reached in (once, held):
                if reached not in presses:
                    presses[reached] = presses[position] + 1
                    waiting.append(reached)
    fewest: dict[tuple[int, int], int] = {}
    for (rotation, column, _), n_presses in presses.items():
        orientation = rotation % int(N_ORIENTATIONS[piece])
        left = column + shift_to_orientation(piece, rotation)[0] - int(ANCHORS[piece, orientation, 0])
        fewest[orientation, left] = min(n_presses, fewest.get((orientation, left), n_presses))
    return fewest


def _pressed(columns: Columns, n_rows: int, piece: int, position: Position, key: int) -> Position:
    rotation, x, y, _ = press_key(columns, n_rows, piece, *position, key)
    return int(rotation), int(x), int(y)


def _at_wall(columns: Columns, n_rows: int, piece: int, position: Position, key: int) -> Position:
    while (further := _pressed(columns, n_rows, piece, position, key)) != position:
        position = further
    return position


class FinesseCounter:
    """Presses of a person, and those beyond the fewest.

    >>> counter = FinesseCounter(10)
    >>> for key in ("left", "left", "left", "left", "hard drop"):
    ...     counter.press(key)
    >>> counter.lock((0,) * 10, 1, Placement(0, 0, 0, 0))
    >>> counter.n_presses, counter.n_faults
    (5, 3)
    """

    def __init__(self, width: int) -> None:
        self.n_presses = 0  # of all keys
        self.n_faults = 0
        self._width = width
        self._n_moves = 0  # presses that moved or rotated the current piece
        self._was_soft_dropped = False

    def press(self, key: str) -> None:
        """Counts a press."""
        self.n_presses += 1
        if key == "hold":
            self._n_moves = 0
        self._n_moves += key not in _DROPS and key in KEYS
        self._was_soft_dropped |= key == "soft drop"

    def lock(self, columns: tuple[int, ...], piece: int, placement: Placement) -> None:
        """Counts the faults of a piece that has locked on a board."""
        board = np.array(columns, dtype=np.int64)
        is_open = placement.row == landing_row(board, piece, placement.rotation, placement.column)
        if is_open and not self._was_soft_dropped:
            fewest = fewest_presses(piece, self._width)[placement.rotation, placement.column]
            self.n_faults += max(0, self._n_moves - fewest)
        self._n_moves, self._was_soft_dropped = 0, False
