"""What is seen of a game by keys: one row of small numbers, or planes of cells with the rest beside them.

The rest, ``rest_length(preview)`` numbers: the current piece, one-hot in the order of ``PIECES``; likewise each piece
that follows, and the held piece (all 0 without one); the current piece's rotation, one-hot; 1 if hold is allowed; 1 if
the last key that did something turned the piece; and, where pieces fall, how far it has fallen towards the next row in
sixteenths, how many steps it may still rest without a move or a turn, at most 15, and how many of these it may still
make once it rests, at most 15.

A row begins with the lowest ``shown_rows(height)`` rows of the board, column by column from the left, each from the
bottom up: 0 empty, 1 filled, 2 the current piece. Then comes the rest, then zeros up to a multiple of eight: rows are
written as words of eight numbers, ``(n, row_words(…)) int64``, which are bytes in memory.

Planes are ``(2, n_rows, width) uint8``, row 0 the topmost hidden row, as a picture is read: first what is filled, then
the current piece. Everything is 0 once a game has ended.
"""

from typing import Final

import numpy as np

from tetrarium.engine.cells import CELLS_WORDS, put_byte, put_cells
from tetrarium.engine.game_rows import OVER, QUEUE
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.key_rules import ROW
from tetrarium.engine.key_steps import (
    ANCHOR_X,
    ANCHOR_Y,
    COLUMNS,
    FALLEN,
    HELD,
    HELD_ONCE,
    MOVES,
    NOT_RESTED,
    OUTCOME,
    RESTED,
    ROTATION,
    read_parameters,
)
from tetrarium.engine.keys import HOLD, KEYS, MOVED
from tetrarium.engine.pieces import N_CELLS, N_PIECES
from tetrarium.engine.srs import ANCHORED_CELLS, N_ROTATIONS

__all__ = [
    "FALLING",
    "MAX_COUNT",
    "N_COUNTS",
    "observe_key_planes",
    "observe_key_rows",
    "rest_length",
    "row_words",
    "shown_rows",
    "write_key_mask",
    "write_key_masks",
    "write_key_row",
]

MAX_COUNT: Final = 15  # the largest number of an observation
_WORD: Final = 8  # numbers
_PART_BITS: Final = (ROW // (MAX_COUNT + 1)).bit_length() - 1
N_COUNTS: Final = 3  # numbers at the end of the rest that go up to it
FALLING: Final = 2  # cells of the current piece in a row
_ANCHORED: Final = np.array(ANCHORED_CELLS, dtype=np.int64)  # (7, 4, 4, 2)


def shown_rows(height: int) -> int:
    """How many rows of the board a row of numbers shows: visible, those of the spawn, up to a multiple of 8."""
    return -(-(height + 2) // _WORD) * _WORD


def rest_length(preview: int) -> int:
    """How many numbers say what cells do not."""
    return N_PIECES * (1 + preview + 1) + N_ROTATIONS + 5


def row_words(width: int, height: int, preview: int) -> int:
    """How many words of eight numbers a row has."""
    return width * shown_rows(height) // _WORD + -(-rest_length(preview) // _WORD)


@small_kernel
def _left(limit, used):  # type: ignore[no-untyped-def]
    return min(max(limit - used, 0), MAX_COUNT)


@small_kernel
def _write_rest(games, index, rules, words, start):  # type: ignore[no-untyped-def]
    """Writes the rest, from byte ``start`` on; what is there is 0."""
    for k in range(1 + rules.preview):
        put_byte(words, start + N_PIECES * k + games[index, QUEUE + k], 1)
    start += N_PIECES * (1 + rules.preview)
    if games[index, HELD]:
        put_byte(words, start + games[index, HELD] - 1, 1)
    start += N_PIECES
    put_byte(words, start + games[index, ROTATION], 1)
    start += N_ROTATIONS
    put_byte(words, start, rules.hold & ~games[index, HELD_ONCE])
    put_byte(words, start + 1, 1 if games[index, OUTCOME] > MOVED else 0)
    if rules.falls:
        put_byte(words, start + 2, games[index, FALLEN] >> _PART_BITS)
        put_byte(words, start + 3, _left(rules.lock_steps, games[index, RESTED]))
        put_byte(words, start + 4, _left(rules.lock_moves, max(games[index, MOVES], NOT_RESTED + 1)))


@small_kernel
def write_key_mask(games, index, rules, mask):  # type: ignore[no-untyped-def]
    """Writes which keys are legal: all but a hold that is not allowed, and none once the game has ended."""
    in_play = games[index, OVER] == 0
    for key in range(HOLD):
        mask[key] = in_play
    mask[HOLD] = in_play and rules.hold != 0 and games[index, HELD_ONCE] == 0


@small_kernel
def write_key_row(games, index, rules, words):  # type: ignore[no-untyped-def]
    """Writes one game's row."""
    n_column_words = (rules.height + 2 + _WORD - 1) >> 3
    n_board_words = n_column_words * rules.width
    if games[index, OVER]:
        words[index] = 0
        return
    start = index * words.shape[1]
    for x in range(rules.width):
        column = games[index, COLUMNS + x]
        # The last one reaches into the next column, which is written later, or into the rest.
        for k in range(0, n_column_words, CELLS_WORDS):
            put_cells(words, start + n_column_words * x + k, column >> (_WORD * k))
    for k in range(n_board_words, words.shape[1]):
        words[index, k] = 0
    piece, rotation = games[index, QUEUE], games[index, ROTATION]
    for i in range(N_CELLS):
        x = games[index, ANCHOR_X] + _ANCHORED[piece, rotation, i, 0]
        y = games[index, ANCHOR_Y] + _ANCHORED[piece, rotation, i, 1]
        if y < _WORD * n_column_words:
            put_byte(words, _WORD * (start + n_column_words * x) + y, FALLING)
    _write_rest(games, index, rules, words, _WORD * (start + n_board_words))


@kernel
def observe_key_rows(games, parameters, words, masks):  # type: ignore[no-untyped-def]
    """Writes every game's row and legal keys."""
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        write_key_row(games, index, rules, words)
        write_key_mask(games, index, rules, masks[index])


@kernel
def write_key_masks(games, parameters, masks):  # type: ignore[no-untyped-def]
    """Writes every game's legal keys."""
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        write_key_mask(games, index, rules, masks[index])


@kernel
def observe_key_planes(games, parameters, planes, rest, masks):  # type: ignore[no-untyped-def]
    """Writes every game's planes, the rest, and legal keys.

    Args:
        games: ``(n, …) int64``, as ``KeyGames.rows``.
        parameters: ``KeyRules.parameters``.
        planes: ``(n, 2, n_rows, width) uint8``, written.
        rest: ``(n, words) int64``, written: numbers as bytes.
        masks: ``(n, 8) bool``, written.
    """
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        write_key_mask(games, index, rules, masks[index])
        rest[index] = 0
        planes[index] = 0
        if games[index, OVER]:
            continue
        for x in range(rules.width):
            column = games[index, COLUMNS + x]
            for row in range(rules.n_rows):
                planes[index, 0, rules.n_rows - 1 - row, x] = column >> row & 1
        for i in range(N_CELLS):
            x = games[index, ANCHOR_X] + _ANCHORED[games[index, QUEUE], games[index, ROTATION], i, 0]
            y = games[index, ANCHOR_Y] + _ANCHORED[games[index, QUEUE], games[index, ROTATION], i, 1]
            planes[index, 1, rules.n_rows - 1 - y, x] = 1
        _write_rest(games, index, rules, rest, _WORD * index * rest.shape[1])


N_KEYS: Final = len(KEYS)
