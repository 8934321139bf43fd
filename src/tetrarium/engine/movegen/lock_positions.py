"""All lock positions of a piece that keys can reach, tucks and spins included, in the order of the actions.

A placement is four numbers: rotation, column of the leftmost cell, row of the lowest cell, and T-spin. Placements are
sorted by these, in this order, which is the order of the actions ``"reachable"``. Each set of cells has one placement:
rotations that fill the same cells are one orientation, the first of them, so those of I, S and Z are 0 and 1 and that
of O is 0, as in ``pieces``. Only a T that can lock there both with and without a spin has one placement for each.

Pieces spawn with their lowest cells in the first row above the visible ones, and move down one row at once if that is
free. A piece whose spawn cells are occupied has no placement.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.boards import Columns
from tetrarium.engine.compiling import bit_length, inlined_kernel
from tetrarium.engine.movegen.keys import spawn_position
from tetrarium.engine.movegen.reachability import find_locks, find_spins
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_PIECES, PIECES
from tetrarium.engine.rules import Rules
from tetrarium.engine.simd.board_vectors import N_LANES, load_lanes, store_lanes
from tetrarium.engine.srs import SPINS, anchor_in_orientation, open_rows
from tetrarium.errors import GameError

MAX_PLACEMENTS: Final = 1024  # capacity for one piece on one board
_T: Final = PIECES.index("T")
_SPIN_LANES: Final = len(SPINS) * N_LANES
_FREE: Final = MAX_ORIENTATIONS * _SPIN_LANES  # index of the board in the kernel's words, after the lock positions
_SPACE: Final = _FREE + N_LANES
_SPAWN: Final = _SPACE + N_LANES
N_WORDS: Final = _SPAWN + N_LANES
ANCHORS: Final = np.array(  # (7, 4, 2) column and row of the anchor inside the orientation
    [[anchor_in_orientation(piece, rotation) for rotation in range(MAX_ORIENTATIONS)] for piece in range(N_PIECES)],
    dtype=np.int64,
)


@dataclass(frozen=True, slots=True, order=True)
class Placement:
    """Lock position of a piece."""

    rotation: int  # of the orientation, as in ``pieces``
    column: int  # of the leftmost cell
    row: int  # of the lowest cell
    spin: int  # index into ``srs.SPINS``


@inlined_kernel
def write_locks(columns, piece, n_rows, spawn_row, n_open_rows, words):
    """Writes lanes of lock positions for each orientation and spin.

    Args:
        columns: ``(width,) int64``.
        piece: Index into ``PIECES``.
        n_rows: Number of visible and hidden rows.
        spawn_row: The first row above the visible ones.
        n_open_rows: ``srs.open_rows`` of the spawn row.
        words: ``(N_WORDS,) int64``, written: input of ``list_placements``.
    """
    for i in range(N_WORDS):
        words[i] = 0
    is_free, spawn_x, spawn_y = spawn_position(columns, n_rows, piece, spawn_row)
    if not is_free:
        return
    filled = 0
    for x in range(columns.shape[0]):
        words[_FREE + x] = ~columns[x]
        words[_SPACE + x] = (1 << n_rows) - 1
        filled |= columns[x]
    from_spawn = filled >> n_open_rows != 0  # a bool in all cases: the flood would be compiled once per type
    words[_SPAWN + spawn_x] = 1 << spawn_y
    free, space, spawn = load_lanes(words, _FREE), load_lanes(words, _SPACE), load_lanes(words, _SPAWN)
    if piece == _T:
        by_rotation = find_spins(free, space, spawn, from_spawn)
        for rotation in range(MAX_ORIENTATIONS):
            for spin in range(len(SPINS)):
                store_lanes(words, rotation * _SPIN_LANES + spin * N_LANES, by_rotation[rotation][spin])
    else:
        _, lock_0, lock_1, lock_2, lock_3 = find_locks(piece, free, space, spawn, from_spawn)
        store_lanes(words, 0, lock_0)
        store_lanes(words, _SPIN_LANES, lock_1)
        store_lanes(words, 2 * _SPIN_LANES, lock_2)
        store_lanes(words, 3 * _SPIN_LANES, lock_3)


@inlined_kernel
def list_placements(piece, width, words, placements):
    """Writes the lock positions in ``words`` as placements, up to the capacity, and returns their number.

    Args:
        piece: Index into ``PIECES``.
        width: Columns of the board.
        words: ``(N_WORDS,) int64``, output of ``write_locks``.
        placements: ``(capacity, 4) int64``, written: rotation, column, row, spin.
    """
    n_found = 0
    for rotation in range(MAX_ORIENTATIONS):
        for x in range(width):
            start = rotation * _SPIN_LANES + x
            rows = words[start] | words[start + N_LANES] | words[start + 2 * N_LANES]
            while rows != 0:
                row = bit_length(rows & -rows) - 1
                rows &= rows - 1
                for spin in range(len(SPINS)):
                    if (words[start + spin * N_LANES] >> row) & 1:
                        if n_found < placements.shape[0]:
                            placements[n_found, 0] = rotation
                            placements[n_found, 1] = x - ANCHORS[piece, rotation, 0]
                            placements[n_found, 2] = row - ANCHORS[piece, rotation, 1]
                            placements[n_found, 3] = spin
                        n_found += 1
    return n_found


def require_board(columns: npt.ArrayLike, piece: int, rules: Rules) -> Columns:
    """Returns a board as an array after checking that it and the piece are possible under these rules.

    Raises:
        GameError: if they are not.
    """
    board = np.asarray(columns, dtype=np.int64)
    n_rows = rules.height + rules.hidden_rows
    if board.shape != (rules.width,):
        raise GameError(
            f"The board must have {rules.width} columns; got shape {board.shape}. Use the rules of its game."
        )
    if board.min() < 0 or board.max() >> n_rows:
        raise GameError(f"The board must fit in rows 0 to {n_rows - 1}; got a cell outside. Use the rules of its game.")
    if not 0 <= piece < N_PIECES:
        raise GameError(f"A piece is an index from 0 to {N_PIECES - 1}; got {piece}. Use its index in {PIECES!r}.")
    return board


def find_placements(columns: npt.ArrayLike, piece: int, rules: Rules) -> list[Placement]:
    """Returns all placements of a piece on a board.

    >>> rules = Rules(width=10, height=20, hidden_rows=20, randomizer="7-bag", preview=0)
    >>> len(find_placements([0] * 10, PIECES.index("T"), rules))
    34

    Raises:
        GameError: if the board or the piece is not possible under these rules.
    """
    board = require_board(columns, piece, rules)
    found = np.empty((MAX_PLACEMENTS, 4), dtype=np.int64)
    words = np.empty(N_WORDS, dtype=np.int64)
    n_rows = rules.height + rules.hidden_rows
    write_locks(board, piece, n_rows, rules.height, open_rows(rules.height), words)
    n_found = list_placements(piece, rules.width, words, found)
    return [Placement(*row) for row in found[:n_found].tolist()]
