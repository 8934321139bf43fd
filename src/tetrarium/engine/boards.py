"""Boards: their conversions between columns, text and cells, and the kernels that measure and change them.

As text, a board is its rows from the top, ``#`` a filled cell and ``.`` an empty one; rows above the text are empty. In
kernels a board is its columns, ``(width,) int64``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import bit_length, kernel, popcount, small_kernel
from tetrarium.engine.pieces import BOTTOMS, COLUMN_BITS, PIECE_WIDTHS
from tetrarium.engine.rules import MAX_ROWS, is_integer
from tetrarium.errors import GameError

Columns = npt.NDArray[np.int64]  # (width,) int64, bit r = row r, row 0 at the bottom

_FILLED: Final = "#"
_EMPTY: Final = "."
_WORD_BITS: Final = 63  # of a column without its sign


def parse_board(text: str) -> Columns:
    """Returns the columns of a drawn board; blank lines and indentation are ignored.

    >>> parse_board('''
    ...     #...
    ...     ##.#
    ... ''').tolist()
    [3, 1, 0, 1]

    Raises:
        GameError: if the lines differ in length, contain another character, or are too many.
    """
    if not isinstance(text, str):
        raise GameError(f"A board is drawn as text; got {text!r:.80}. Pass its rows as lines.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    widths = {len(line) for line in lines}
    unknown = sorted(set("".join(lines)) - {_FILLED, _EMPTY})
    if unknown:
        raise GameError(f"A board is drawn with {_FILLED!r} and {_EMPTY!r}; got {unknown[0]!r}. Replace it.")
    if not lines:
        raise GameError("A board has at least one line; got none. Draw an empty row as dots.")
    if len(widths) != 1:
        raise GameError(f"A board's lines are equally long; got lengths {sorted(widths)}. Pad the shorter ones.")
    if len(lines) > MAX_ROWS:
        raise GameError(f"A board has at most {MAX_ROWS} rows; got {len(lines)}. Remove rows at the top.")
    columns = np.zeros(widths.pop(), dtype=np.int64)
    for row, line in enumerate(reversed(lines)):
        for column, mark in enumerate(line):
            if mark == _FILLED:
                columns[column] |= 1 << row
    return columns


def draw_board(columns: Columns, n_rows: int) -> str:
    """Returns the lowest ``n_rows`` rows of a board as text, top row first.

    >>> draw_board(parse_board('#..#'), 2).splitlines()
    ['....', '#..#']
    """
    cells = board_cells(columns, n_rows)
    return "\n".join("".join(_FILLED if cell else _EMPTY for cell in row) for row in cells[::-1])


def board_cells(columns: Columns, n_rows: int) -> npt.NDArray[np.bool_]:
    """Returns the filled cells of the lowest rows, ``(n_rows, width) bool``, row 0 at the bottom."""
    board = np.asarray(columns)
    if board.ndim != 1 or board.dtype.kind not in "iu":
        raise GameError(
            f"A board is one integer for each column; got {board.dtype} of shape {board.shape}. Pass parse_board(text)."
        )
    if not is_integer(n_rows) or not 0 <= n_rows <= _WORD_BITS:
        raise GameError(f"n_rows is a whole number from 0 to {_WORD_BITS}; got {n_rows!r}. Choose one in that range.")
    rows = np.arange(n_rows, dtype=np.int64)[:, None]
    return ((board[None, :] >> rows) & 1).astype(np.bool_)


@small_kernel
def full_rows(columns, width):
    """Returns the full rows of a board, bit r = row r."""
    full = -1
    for x in range(width):
        full &= columns[x]
    return full


@small_kernel
def stack_height(columns, width):
    """Returns the number of rows up to the highest cell."""
    filled = 0
    for x in range(width):
        filled |= columns[x]
    return bit_length(filled)


@kernel
def count_holes(columns, width):
    """Returns the number of empty cells below a filled one."""
    n_holes = 0
    for x in range(width):
        n_holes += bit_length(columns[x]) - popcount(columns[x])
    return n_holes


@kernel
def holes_and_height(columns, width):
    """Returns ``count_holes`` and ``stack_height`` of a board, in one pass."""
    n_holes, filled = 0, 0
    for x in range(width):
        n_holes += bit_length(columns[x]) - popcount(columns[x])
        filled |= columns[x]
    return n_holes, bit_length(filled)


@kernel
def landing_row(columns, piece, rotation, left):
    """Row of the piece's lowest cell when it has fallen straight down with its leftmost cell in column ``left``."""
    bottom = 0
    for i in range(PIECE_WIDTHS[piece, rotation]):
        bottom = max(bottom, bit_length(columns[left + i]) - BOTTOMS[piece, rotation, i])
    return bottom


@small_kernel
def add_piece(columns, piece, rotation, left, bottom):
    """Fills the cells of a piece with its leftmost cell in column ``left`` and its lowest one in row ``bottom``."""
    for i in range(PIECE_WIDTHS[piece, rotation]):
        columns[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom


@kernel
def remove_full_rows(columns, width):
    """Removes full rows from a board in place, lets what lies above fall, and returns how many there were."""
    full = full_rows(columns, width)
    n_lines = popcount(full)
    while full != 0:
        below = (1 << (bit_length(full) - 1)) - 1
        for x in range(width):
            columns[x] = (columns[x] & below) | ((columns[x] >> 1) & ~below)
        full &= below
    return n_lines
