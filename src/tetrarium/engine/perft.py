"""How many ways there are to place a queue of pieces: the number by which move generators are compared.

The game of perft has no hold, no game over and no gravity. A piece begins in ``spawn_row`` and is moved left, right and
down by one cell and turned both ways, under the Super Rotation System; wherever it can rest it can be placed. A
placement counts once for each set of cells that it fills. Full rows are cleared. A piece that finds its place taken
when it begins has no placement.

The last piece's placements are counted as bits, without making the boards that they would leave.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.bits import bit_length
from tetrarium.engine.borrowing import borrowed
from tetrarium.engine.floods import find_locks
from tetrarium.engine.jit import kernel
from tetrarium.engine.lanes import (
    N_LANES,
    any_lane,
    count_cells,
    lift,
    load_lanes,
    move_cells,
    move_free,
    rows_in_all,
    spread,
    store_lanes,
)
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, N_PIECES, PIECE_WIDTHS, PIECES
from tetrarium.engine.rules import MAX_ROWS
from tetrarium.engine.srs import ANCHORED_CELLS, SPAWN_ROW, spawn_column
from tetrarium.errors import ConfigError

__all__ = ["perft"]

_SPACE: Final = 0  # lanes of an empty board
_HIGH: Final = N_LANES  # lanes of the cells that are empty where everything open to the sky is reached
_INSIDE: Final = 2 * N_LANES
_SPAWNS: Final = 3 * N_LANES  # for each piece, lanes with its anchor where it begins
ALL = (1 << 64) - 1
_STAMPS: Final = _SPAWNS + N_PIECES * N_LANES  # for each piece, orientation and column, lanes of the cells, one row up
_STAMPS_OF_PIECE: Final = MAX_ORIENTATIONS * N_LANES * N_LANES
_N_SETUP: Final = _STAMPS + N_PIECES * _STAMPS_OF_PIECE
_LOCKS: Final = MAX_ORIENTATIONS * N_LANES


@kernel
def _without_full_rows(free, inside):  # type: ignore[no-untyped-def]
    full = rows_in_all(~free)
    while full != 0:
        below = (1 << (bit_length(full) - 1)) - 1
        kept = spread(below, free)
        free = (free & kept) | (move_free(free, 0, -1) & inside & ~kept)
        full &= below
    return free


@kernel
def _count(free, piece, setup, n_open):  # type: ignore[no-untyped-def]
    from_spawn = any_lane(load_lanes(setup, _HIGH) & ~free)
    spawn = load_lanes(setup, _SPAWNS + N_LANES * piece)
    are_open, lock_0, lock_1, lock_2, lock_3 = find_locks(piece, free, load_lanes(setup, _SPACE), spawn, from_spawn)
    if are_open:
        return n_open[piece]
    return count_cells(lock_0) + count_cells(lock_1) + count_cells(lock_2) + count_cells(lock_3)


@kernel
def _generate(free, piece, setup, locks, start):  # type: ignore[no-untyped-def]
    from_spawn = any_lane(load_lanes(setup, _HIGH) & ~free)
    spawn = load_lanes(setup, _SPAWNS + N_LANES * piece)
    _, lock_0, lock_1, lock_2, lock_3 = find_locks(piece, free, load_lanes(setup, _SPACE), spawn, from_spawn)
    store_lanes(locks, start, lock_0)
    store_lanes(locks, start + N_LANES, lock_1)
    store_lanes(locks, start + 2 * N_LANES, lock_2)
    store_lanes(locks, start + 3 * N_LANES, lock_3)


@kernel
def _perft(queue, setup, n_open, boards, locks, cursors):  # type: ignore[no-untyped-def]
    queue, setup, n_open, boards = borrowed(queue), borrowed(setup), borrowed(n_open), borrowed(boards)
    locks, cursors = borrowed(locks), borrowed(cursors)
    inside = load_lanes(setup, _INSIDE)
    last = len(queue) - 1
    if last == 0:
        return _count(inside, queue[0], setup, n_open)
    store_lanes(boards, 0, inside)
    _generate(inside, queue[0], setup, locks, 0)
    cursors[0] = 0
    total = 0
    ply = 0
    while ply >= 0:
        cursor = cursors[ply]
        start = ply * _LOCKS
        while cursor < _LOCKS and locks[start + cursor] == 0:
            cursor += 1
        cursors[ply] = cursor
        if cursor == _LOCKS:
            ply -= 1
            continue
        row = bit_length(np.int64(locks[start + cursor])) - 1
        locks[start + cursor] ^= np.uint64(1) << np.uint64(row)
        stamp = load_lanes(setup, _STAMPS + queue[ply] * _STAMPS_OF_PIECE + cursor * N_LANES)
        free = load_lanes(boards, ply * N_LANES) & ~move_cells(lift(stamp, row), 0, -1)
        free = _without_full_rows(free, inside)
        ply += 1
        if ply == last:
            total += _count(free, queue[last], setup, n_open)
            ply -= 1
        else:
            store_lanes(boards, ply * N_LANES, free)
            _generate(free, queue[ply], setup, locks, ply * _LOCKS)
            cursors[ply] = 0
    return total


def _make_setup(width: int, height: int, spawn_row: int) -> npt.NDArray[np.uint64]:
    setup = np.zeros(_N_SETUP, dtype=np.uint64)
    setup[_SPACE : _SPACE + width] = (1 << height) - 1
    setup[_INSIDE : _INSIDE + width] = ALL
    setup[_HIGH : _HIGH + width] = ALL & ~((1 << open_rows(spawn_row)) - 1)
    stamps = setup[_STAMPS:].reshape(N_PIECES, MAX_ORIENTATIONS, N_LANES, N_LANES)
    for piece in range(N_PIECES):
        setup[_SPAWNS + N_LANES * piece + spawn_column(piece, width)] = 1 << spawn_row
        for rotation in range(N_ORIENTATIONS[piece]):
            for x in range(width):
                for dx, dy in ANCHORED_CELLS[piece][rotation]:
                    if 0 <= x + dx < width:
                        stamps[piece, rotation, x, x + dx] |= np.uint64(1 << (dy + 1))
    return setup


def open_rows(spawn_row: int) -> int:
    return max(0, spawn_row - 4)


def perft(queue: str, depth: int, *, width: int = 10, height: int = 48, spawn_row: int = SPAWN_ROW) -> int:
    """Counts the ways to place the first ``depth`` pieces of a queue."""
    pieces = np.array([PIECES.index(letter) for letter in queue[:depth]], dtype=np.int64)
    n_open = np.array([sum(max(0, width + 1 - PIECE_WIDTHS[p, r]) for r in range(N_ORIENTATIONS[p])) for p in range(N_PIECES)], dtype=np.int64)
    return int(_perft(pieces, _make_setup(width, height, spawn_row), n_open, np.zeros(depth * N_LANES, np.uint64), np.zeros(depth * _LOCKS, np.uint64), np.zeros(depth, np.int64)))
