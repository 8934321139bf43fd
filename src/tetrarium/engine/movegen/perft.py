"""Perft: the number of ways to place a queue of pieces, by which move generators are compared.

The game of perft has no hold, no game over and no gravity. A piece spawns in ``spawn_row`` and can be moved left, right
and down by one cell and rotated both ways, under the Super Rotation System; it can be placed wherever it can rest. A
placement counts once for each set of cells. Full rows are cleared. A piece whose spawn cells are occupied has no
placement.

The placements of the last piece are counted as bits, without making their boards.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import bit_length, kernel
from tetrarium.engine.movegen.reachability import find_locks
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, N_PIECES, PIECE_WIDTHS, PIECES
from tetrarium.engine.rules import MAX_ROWS, require_integer
from tetrarium.engine.simd.board_vectors import (
    N_LANES,
    any_lane,
    broadcast,
    count_cells,
    load_lanes,
    rows_in_all_lanes,
    shift_cells,
    shift_up,
    store_lanes,
)
from tetrarium.engine.srs import ANCHORED_CELLS, SPAWN_ROW, open_rows, spawn_column
from tetrarium.errors import ConfigError

# Indices into the array of words that describes the game to a search, see `_make_setup`.
_SPACE: Final = 0  # lanes of the cells below the ceiling
_INSIDE: Final = N_LANES  # lanes of all rows of the board's columns
_HIGH: Final = 2 * N_LANES  # lanes of the rows that are empty on every board that is not tall
_SPAWNS: Final = 3 * N_LANES  # for each piece, lanes with its anchor at the spawn
_STAMPS: Final = _SPAWNS + N_PIECES * N_LANES  # for each piece, orientation and column, lanes of its cells, one row up
_STAMPS_OF_PIECE: Final = MAX_ORIENTATIONS * N_LANES * N_LANES
_IS_WIDE: Final = _STAMPS + N_PIECES * _STAMPS_OF_PIECE  # 1 if these words can hold tall boards
_N_SETUP: Final = _IS_WIDE + 1
_LOCKS: Final = MAX_ORIENTATIONS * N_LANES  # words of lock positions at each ply

# Nearly all boards are so low that words of 16 bits hold their columns, of which more fit into a register. Rows above
# such a word are empty. A piece on 11 rows of stack fills at most row 14, its cells are stamped one row higher, and no
# kick from above the word leads below the top of the stack.
_LOW_ROWS: Final = 11
_MIN_SPAWN_ROW: Final = 4
_ROWS_TO_ROTATE: Final = 4
_LOW_WORD: Final = np.uint16
_WIDE_WORD: Final = np.uint64


@kernel
def _without_full_rows(free, inside):
    full = rows_in_all_lanes(~free)
    while full != 0:
        below = (1 << (bit_length(full) - 1)) - 1
        kept = broadcast(below, free)
        top = inside ^ shift_cells(inside, 0, -1)
        free = (free & kept) | ((shift_cells(free, 0, -1) | top) & ~kept)
        full &= below
    return free


@kernel
def _search(queue, ply, first_ply, setup, n_open, boards, locks, cursors):
    """Counts the placements that follow from a board, until the end or until a board is too tall for these words.

    Args:
        queue: ``(n,) int64`` pieces.
        ply: Number of pieces on the first board, which is in ``boards``; negated, the ply after which to resume.
        first_ply: Ply at which the search ends.
        setup: Words of ``_make_setup``.
        n_open: ``(7,) int64``, the number of placements of each piece where all are open from above.
        boards: ``(n * N_LANES,)`` lanes of the board before each ply.
        locks: ``(n * _LOCKS,)`` four lanes of lock positions per ply, without those already searched.
        cursors: ``(n,) int64``, the number of words of ``locks`` at each ply that are searched completely.

    Returns:
        The number of placements of the last piece, and the ply whose board is too tall, or -1 at the end.
    """
    space, inside, high = load_lanes(setup, _SPACE), load_lanes(setup, _INSIDE), load_lanes(setup, _HIGH)
    is_wide = setup[_IS_WIDE] != 0
    last = len(queue) - 1
    total = 0
    free = inside
    resumes = ply < 0
    if resumes:
        ply = -ply - 1
    else:
        free = load_lanes(boards, ply * N_LANES)
    while True:
        piece = queue[ply]
        if not resumes:
            is_tall = any_lane(high & ~free)
            if is_tall and not is_wide:
                store_lanes(boards, ply * N_LANES, free)
                return total, ply
            spawn = load_lanes(setup, _SPAWNS + N_LANES * piece)
            are_open, lock_0, lock_1, lock_2, lock_3 = find_locks(piece, free, space, spawn, is_tall)
            if ply == last:
                if are_open:
                    total += n_open[piece]
                else:
                    total += count_cells(lock_0) + count_cells(lock_1) + count_cells(lock_2) + count_cells(lock_3)
                ply -= 1
            else:
                store_lanes(boards, ply * N_LANES, free)
                start = ply * _LOCKS
                store_lanes(locks, start, lock_0)
                store_lanes(locks, start + N_LANES, lock_1)
                store_lanes(locks, start + 2 * N_LANES, lock_2)
                store_lanes(locks, start + 3 * N_LANES, lock_3)
                cursors[ply] = 0
        resumes = False
        while ply >= first_ply:
            start = ply * _LOCKS
            cursor = cursors[ply]
            while cursor < _LOCKS and locks[start + cursor] == 0:
                cursor += 1
            cursors[ply] = cursor
            if cursor < _LOCKS:
                break
            ply -= 1
        if ply < first_ply:
            return total, -1
        word = np.int64(locks[start + cursor])
        locks[start + cursor] = word & (word - 1)
        row = bit_length(int(word & -word)) - 1
        stamp = load_lanes(setup, _STAMPS + queue[ply] * _STAMPS_OF_PIECE + cursor * N_LANES)
        free = load_lanes(boards, ply * N_LANES) & ~shift_cells(shift_up(stamp, row), 0, -1)
        free = _without_full_rows(free, inside)
        ply += 1


@kernel
def _perft(queue, n_open, cursors, low, wide):
    low_setup, low_boards, low_locks = low
    wide_setup, wide_boards, wide_locks = wide
    total = 0
    ply = 0
    while True:
        n_leaves, tall_ply = _search(queue, ply, 0, low_setup, n_open, low_boards, low_locks, cursors)
        total += n_leaves
        if tall_ply < 0:
            return total
        for x in range(N_LANES):
            rows_above = wide_setup[_INSIDE + x] & ~np.uint64(low_setup[_INSIDE + x])
            wide_boards[tall_ply * N_LANES + x] = np.uint64(low_boards[tall_ply * N_LANES + x]) | rows_above
        n_leaves, _ = _search(queue, tall_ply, tall_ply, wide_setup, n_open, wide_boards, wide_locks, cursors)
        total += n_leaves
        ply = -tall_ply


def _make_setup(width: int, height: int, spawn_row: int, word: Any) -> npt.NDArray[Any]:
    """Returns the description of the game for a search on words of this type."""
    all_rows = int(np.iinfo(word).max)
    is_wide = word is _WIDE_WORD
    low_rows = open_rows(spawn_row) if is_wide else min(_LOW_ROWS, open_rows(spawn_row))
    setup = np.zeros(_N_SETUP, dtype=word)
    setup[_IS_WIDE] = is_wide
    setup[_SPACE : _SPACE + width] = ((1 << height) - 1) & all_rows
    setup[_INSIDE : _INSIDE + width] = all_rows
    setup[_HIGH : _HIGH + width] = all_rows & ~((1 << low_rows) - 1)
    stamps = setup[_STAMPS:_IS_WIDE].reshape(N_PIECES, MAX_ORIENTATIONS, N_LANES, N_LANES)
    for piece in range(N_PIECES):
        setup[_SPAWNS + N_LANES * piece + spawn_column(piece, width)] = (1 << spawn_row) & all_rows
        for rotation in range(N_ORIENTATIONS[piece]):
            for x in range(width):
                for dx, dy in ANCHORED_CELLS[piece][rotation]:
                    if 0 <= x + dx < width:
                        stamps[piece, rotation, x, x + dx] |= word(1 << (dy + 1))
    return setup


def _make_search(depth: int, setup: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Returns a setup and the working memory of its search, with the empty board at the first ply."""
    boards, locks = np.zeros(depth * N_LANES, setup.dtype), np.zeros(depth * _LOCKS, setup.dtype)
    boards[:N_LANES] = setup[_INSIDE : _INSIDE + N_LANES]
    return setup, boards, locks


def perft(queue: str, depth: int, *, width: int = 10, height: int = 48, spawn_row: int = SPAWN_ROW) -> int:
    """Returns the number of ways to place the first ``depth`` pieces of a queue on an empty board.

    >>> perft("IOLJSZT", 3)
    5266

    Args:
        queue: Piece letters in their order.
        depth: Number of pieces that are placed.
        width: Number of columns, 4–16.
        height: Number of rows, at least ``spawn_row + 4``.
        spawn_row: Row of the lowest cells of a spawning piece.

    Raises:
        ConfigError: if a value is out of range or the queue has another letter.
    """
    require_integer("width", width, 4, N_LANES)
    require_integer("spawn_row", spawn_row, _MIN_SPAWN_ROW, MAX_ROWS - _ROWS_TO_ROTATE)
    require_integer("height", height, spawn_row + _ROWS_TO_ROTATE, MAX_ROWS)
    unknown = [queue] if not isinstance(queue, str) else sorted(set(queue) - set(PIECES))
    if unknown or not queue:
        raise ConfigError(
            f"A queue is piece letters from {PIECES!r}; got {queue!r}. Write it like 'IOLJSZT'.", field="queue"
        )
    require_integer("depth", depth, 1, len(queue))
    pieces = np.array([PIECES.index(letter) for letter in queue[:depth]], dtype=np.int64)
    exists = np.arange(MAX_ORIENTATIONS) < N_ORIENTATIONS[:, None]
    n_open = np.where(exists, width + 1 - PIECE_WIDTHS, 0).sum(axis=1)
    low, wide = (_make_search(depth, _make_setup(width, height, spawn_row, word)) for word in (_LOW_WORD, _WIDE_WORD))
    return int(_perft(pieces, n_open, np.zeros(depth, dtype=np.int64), low, wide))
