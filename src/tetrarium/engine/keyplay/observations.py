"""Observations of games by keys: one row of small numbers, or planes of cells and a vector of extra values.

The extra values, ``n_extra_values(preview)`` numbers, describe what cells do not show, in this order:

- the current piece, each piece of the preview, and the held piece, one-hot in the order of ``PIECES``; all 0 without a
  held piece;
- the rotation of the current piece, one-hot;
- 1 if hold is allowed;
- 1 if the last key that had an effect rotated the piece;
- where pieces fall: how far the piece has fallen towards the next row, in sixteenths; for how many steps it may still
  rest without a move or a rotation, at most 15; and how many of these it may still make once it rests, at most 15.

A row begins with the lowest ``n_observed_rows(height)`` rows of the board, column by column from the left, each from
the bottom up: 0 empty, 1 filled, 2 the current piece. Then follow the extra values, then zeros up to a multiple of
eight: rows are written as words of eight numbers, ``(n, n_row_words(…)) int64``, which are bytes in memory.

Planes are ``(2, n_rows, width) uint8``, row 0 the topmost hidden row, as an image is read: first the filled cells, then
the current piece. Everything is 0 once a game has ended.
"""

from typing import Final

import numpy as np

from tetrarium.engine.compiling import kernel, small_kernel
from tetrarium.engine.keyplay import steps as at
from tetrarium.engine.keyplay.rules import ROW
from tetrarium.engine.keyplay.steps import read_parameters
from tetrarium.engine.movegen.keys import HOLD, KEYS, MOVED
from tetrarium.engine.pieces import N_CELLS, N_PIECES
from tetrarium.engine.simd.row_vectors import CELLS_WORDS, store_byte, store_cells
from tetrarium.engine.srs import ANCHORED_CELLS, N_ROTATIONS
from tetrarium.engine.state_layout import QUEUE, TERMINATED

MAX_COUNT: Final = 15  # largest value of an observation
_WORD: Final = 8  # numbers per word
_PART_BITS: Final = (ROW // (MAX_COUNT + 1)).bit_length() - 1
N_COUNTS: Final = 3  # extra values at the end whose maximum is MAX_COUNT
CURRENT_PIECE: Final = 2  # value of its cells in a row
_ANCHORED: Final = np.array(ANCHORED_CELLS, dtype=np.int64)  # (7, 4, 4, 2)


def n_observed_rows(height: int) -> int:
    """Returns the number of board rows in an observation: visible and spawn rows, rounded up to a multiple of 8."""
    return -(-(height + 2) // _WORD) * _WORD


def n_extra_values(preview: int) -> int:
    """Returns the number of extra values."""
    return N_PIECES * (1 + preview + 1) + N_ROTATIONS + 5


def n_row_words(width: int, height: int, preview: int) -> int:
    """Returns the number of words of eight numbers in a row."""
    return width * n_observed_rows(height) // _WORD + -(-n_extra_values(preview) // _WORD)


@small_kernel
def _remaining(limit, used):
    return min(max(limit - used, 0), MAX_COUNT)


@small_kernel
def _write_extra_values(games, index, rules, words, start):
    """Writes the extra values from byte ``start`` on, into zeros."""
    for k in range(1 + rules.preview):
        store_byte(words, start + N_PIECES * k + games[index, QUEUE + k], 1)
    start += N_PIECES * (1 + rules.preview)
    if games[index, at.HELD]:
        store_byte(words, start + games[index, at.HELD] - 1, 1)
    start += N_PIECES
    store_byte(words, start + games[index, at.ROTATION], 1)
    start += N_ROTATIONS
    store_byte(words, start, rules.hold & ~games[index, at.HOLD_USED])
    store_byte(words, start + 1, 1 if games[index, at.OUTCOME] > MOVED else 0)
    if rules.falls:
        store_byte(words, start + 2, games[index, at.FALLEN] >> _PART_BITS)
        store_byte(words, start + 3, _remaining(rules.lock_steps, games[index, at.RESTED]))
        store_byte(words, start + 4, _remaining(rules.lock_moves, max(games[index, at.MOVES], at.NOT_RESTED + 1)))


@small_kernel
def write_key_mask(games, index, rules, mask):
    """Writes the action mask: all keys but a hold that is not allowed, and none once the game has ended."""
    in_play = games[index, TERMINATED] == 0
    for key in range(HOLD):
        mask[key] = in_play
    mask[HOLD] = in_play and rules.hold != 0 and games[index, at.HOLD_USED] == 0


@small_kernel
def write_key_row(games, index, rules, words):
    """Writes the row of one game."""
    n_column_words = (rules.height + 2 + _WORD - 1) >> 3
    n_board_words = n_column_words * rules.width
    if games[index, TERMINATED]:
        words[index] = 0
        return
    start = index * words.shape[1]
    for x in range(rules.width):
        column = games[index, at.COLUMNS + x]
        # The last word reaches into the next column or the extra values, both of which are written later.
        for k in range(0, n_column_words, CELLS_WORDS):
            store_cells(words, start + n_column_words * x + k, column >> (_WORD * k))
    for k in range(n_board_words, words.shape[1]):
        words[index, k] = 0
    piece, rotation = games[index, QUEUE], games[index, at.ROTATION]
    for i in range(N_CELLS):
        x = games[index, at.ANCHOR_X] + _ANCHORED[piece, rotation, i, 0]
        y = games[index, at.ANCHOR_Y] + _ANCHORED[piece, rotation, i, 1]
        if y < _WORD * n_column_words:
            store_byte(words, _WORD * (start + n_column_words * x) + y, CURRENT_PIECE)
    _write_extra_values(games, index, rules, words, _WORD * (start + n_board_words))


@kernel
def observe_key_rows(games, parameters, words, masks):
    """Writes the row and the action mask of every game."""
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        write_key_row(games, index, rules, words)
        write_key_mask(games, index, rules, masks[index])


@kernel
def write_key_masks(games, parameters, masks):
    """Writes the action mask of every game."""
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        write_key_mask(games, index, rules, masks[index])


@kernel
def observe_key_planes(games, parameters, planes, extra_values, masks):
    """Writes the planes, the extra values and the action mask of every game.

    Args:
        games: ``(n, …) int64``, as ``KeyGames.rows``.
        parameters: ``KeyRules.parameters``.
        planes: ``(n, 2, n_rows, width) uint8``, written.
        extra_values: ``(n, words) int64``, written: numbers as bytes.
        masks: ``(n, 8) bool``, written.
    """
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        write_key_mask(games, index, rules, masks[index])
        extra_values[index] = 0
        planes[index] = 0
        if games[index, TERMINATED]:
            continue
        for x in range(rules.width):
            column = games[index, at.COLUMNS + x]
            for row in range(rules.n_rows):
                planes[index, 0, rules.n_rows - 1 - row, x] = column >> row & 1
        for i in range(N_CELLS):
            x = games[index, at.ANCHOR_X] + _ANCHORED[games[index, QUEUE], games[index, at.ROTATION], i, 0]
            y = games[index, at.ANCHOR_Y] + _ANCHORED[games[index, QUEUE], games[index, at.ROTATION], i, 1]
            planes[index, 1, rules.n_rows - 1 - y, x] = 1
        _write_extra_values(games, index, rules, extra_values, _WORD * index * extra_values.shape[1])


N_KEYS: Final = len(KEYS)
