"""Boards as columns, drawn as text and parsed from it.

A board is its columns: ``(width,) int64``, bit r is row r, row 0 at the bottom. As text, a board is its rows from the
top, ``#`` a filled cell and ``.`` an empty one; rows above the text are empty.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.rules import MAX_ROWS
from tetrarium.errors import GameError

__all__ = ["Columns", "board_cells", "draw_board", "parse_board"]

Columns = npt.NDArray[np.int64]  # (width,) int64, bit r = row r, row 0 at the bottom

_FILLED: Final = "#"
_EMPTY: Final = "."


def parse_board(text: str) -> Columns:
    """Returns the columns of a drawn board; blank lines and indentation do not count.

    >>> parse_board('''
    ...     #...
    ...     ##.#
    ... ''').tolist()
    [3, 1, 0, 1]

    Raises:
        GameError: if the lines differ in length, hold another sign, or are too many.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    widths = {len(line) for line in lines}
    strange = sorted(set("".join(lines)) - {_FILLED, _EMPTY})
    if strange:
        raise GameError(f"A board is drawn with {_FILLED!r} and {_EMPTY!r}; got {strange[0]!r}. Replace it.")
    if not lines:
        raise GameError("A board has at least one line; got none. Draw an empty row as dots.")
    if len(widths) != 1:
        raise GameError(f"A board's lines are equally long; got lengths {sorted(widths)}. Pad the shorter ones.")
    if len(lines) > MAX_ROWS:
        raise GameError(f"A board has at most {MAX_ROWS} rows; got {len(lines)}. Leave out rows at the top.")
    columns = np.zeros(widths.pop(), dtype=np.int64)
    for row, line in enumerate(reversed(lines)):
        for column, mark in enumerate(line):
            if mark == _FILLED:
                columns[column] |= 1 << row
    return columns


def draw_board(columns: Columns, n_rows: int) -> str:
    """Draws the lowest ``n_rows`` rows of a board, top row first.

    >>> draw_board(parse_board('#..#'), 2).splitlines()
    ['....', '#..#']
    """
    cells = board_cells(columns, n_rows)
    return "\n".join("".join(_FILLED if cell else _EMPTY for cell in row) for row in cells[::-1])


def board_cells(columns: Columns, n_rows: int) -> npt.NDArray[np.bool_]:
    """Returns ``(n_rows, width) bool``, row 0 at the bottom."""
    rows = np.arange(n_rows, dtype=np.int64)[:, None]
    return ((columns[None, :] >> rows) & 1).astype(np.bool_)
