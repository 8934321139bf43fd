"""Boards as text for a terminal.

In color, a character holds two cells, one above the other, drawn with half blocks in the colors of the pieces; the
terminal's own background shows where a cell is empty, and the ghost is a darker shade. The four rows above the board,
where the current piece waits, are always there, so that the height of the text never changes.

Without color a row is a line of plain ASCII: ``[]`` a filled cell, ``::`` the ghost, `` .`` an empty one, or ``#``,
``:`` and ``.`` in narrow text. The current piece is named beside the board, and rows above the visible ones are drawn
only where a lost game has cells there. In a game by keys the current piece is drawn where it is, ``<>`` or ``@``, and
two rows above the board are always there.

``cell_colors``, ``piece_colors`` and ``half_blocks`` are shared by the command line's own screens.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import numpy as np

from tetrarium.engine.board_tracker import EMPTY, ROWS_ABOVE
from tetrarium.engine.pieces import PIECE_WIDTHS, PIECES, orientation_cells
from tetrarium.environment.board_snapshot import BoardSnapshot
from tetrarium.environment.pictures.colors import PIECE_COLORS, Color

_UNKNOWN_PIECE_COLOR: Final[Color] = (134, 141, 158)
_FULL_ROW_COLOR: Final[Color] = (255, 255, 255)
_GHOST_SHADE: Final = 0.45
_RESET: Final = "\x1b[0m"
_GAP: Final = "  "  # between the board and what stands beside it

ColorRow = list[Color | None]  # of one row of cells; None where a cell is empty


def render_ansi(snapshot: BoardSnapshot, *, color: bool = True, narrow: bool = False) -> str:
    """Draws a board as text, without a line break at the end.

    Args:
        snapshot: The board.
        color: 24-bit colors and half blocks; otherwise plain ASCII.
        narrow: Whether the rest stands below the board instead of beside it, and a plain cell is one character wide.
    """
    height, shown = snapshot.height, snapshot.side_pieces
    if color:
        board = _color_board(snapshot)
        named = [(label, [_color_piece(piece) for piece in row]) for label, row in shown]
    else:
        board = _plain_board(snapshot, narrow)
        named = [(label, [PIECES[piece] for piece in row]) for label, row in [("now", snapshot.queue[:1]), *shown]]
    n_above = len(board) - 1 - (height + 1) // 2 if color else 0
    return "\n".join(
        _below(board, named, snapshot.counters) if narrow else _beside(board, named, snapshot.counters, n_above)
    )


def cell_colors(snapshot: BoardSnapshot) -> list[ColorRow]:
    """Returns the color of every cell, row 0 first."""
    by_piece = (*PIECE_COLORS, _UNKNOWN_PIECE_COLOR)
    piece_color = by_piece[snapshot.queue[0]]
    rows: list[ColorRow] = [
        [None if cell == EMPTY else by_piece[cell] for cell in row] for row in snapshot.cells.tolist()
    ]
    for row in snapshot.full_rows:
        rows[row] = [_FULL_ROW_COLOR] * snapshot.width
    for column, row in snapshot.current:
        rows[row][column] = piece_color
    for column, row in snapshot.ghost:
        rows[row][column] = _darker(piece_color)
    return rows


def piece_colors(piece: int, width: int) -> list[ColorRow]:
    """Returns the colors of a piece as it spawns, in two rows of ``width`` cells, the lower one first."""
    rows: list[ColorRow] = [[None] * width for _ in range(2)]
    for x, y in orientation_cells(piece, 0):
        rows[y][x] = PIECE_COLORS[piece]
    return rows


def half_blocks(upper: ColorRow, lower: ColorRow) -> Iterator[tuple[str, Color | None, Color | None]]:
    """Yields two rows of cells as characters, each with its foreground and background color."""
    for top, bottom in zip(upper, lower, strict=True):
        if top is not None:
            yield "▀", top, bottom
        elif bottom is not None:
            yield "▄", bottom, None
        else:
            yield " ", None, None


def _beside(
    board: list[str], named: list[tuple[str, list[str]]], counters: list[tuple[str, str]], n_above: int
) -> list[str]:
    """Pieces stand below the top of the board, counters end on its floor."""
    top = [""] * n_above
    for label, drawn in named:
        top += [label, *drawn, ""]
    widest = max(len(number) for _, number in counters)
    bottom = [f"{label:<6} {number:>{widest}}" for label, number in counters]
    panel = top + [""] * (len(board) - len(top) - len(bottom)) + bottom
    board = [" " * len(board[-1])] * (len(panel) - len(board)) + board
    return [(left + _GAP + right).rstrip() for left, right in zip(board, panel, strict=True)]


def _below(board: list[str], named: list[tuple[str, list[str]]], counters: list[tuple[str, str]]) -> list[str]:
    ahead = _GAP.join(f"{label} {' '.join(drawn)}" for label, drawn in named)
    numbers = _GAP.join(f"{label} {number}" for label, number in counters)
    return [*(line.rstrip() for line in board), *([ahead] if ahead else []), numbers]


def _plain_board(snapshot: BoardSnapshot, narrow: bool) -> list[str]:
    empty, filled, ghost, falling = (".", "#", ":", "@") if narrow else (" .", "[]", "::", "<>")
    is_filled = snapshot.cells != EMPTY
    current = snapshot.current if snapshot.is_falling else ()
    filled_rows = np.flatnonzero(is_filled.any(axis=1)).tolist()
    top_row = max([*filled_rows, *(row for _, row in current)], default=0)
    n_rows = max(snapshot.height + 2 * snapshot.is_falling, top_row + 1)
    marks = dict.fromkeys(snapshot.ghost, ghost) | dict.fromkeys(current, falling)
    drawn = []
    for row in reversed(range(n_rows)):
        cells = [filled if is_filled[row, x] else marks.get((x, row), empty) for x in range(snapshot.width)]
        drawn.append(f"|{''.join(cells)}|")
    return [*drawn, f"+{'-' * len(empty) * snapshot.width}+"]


def _color_board(snapshot: BoardSnapshot) -> list[str]:
    rows = cell_colors(snapshot)
    n_rows = len(rows)
    if n_rows % 2:
        rows.append([None] * snapshot.width)
    drawn = []
    for row in range(len(rows) - 1, 0, -2):
        wall = "│" if row <= n_rows - ROWS_ABOVE else " "
        drawn.append(f"{wall}{_escaped(rows[row], rows[row - 1])}{wall}")
    return [*drawn, f"└{'─' * snapshot.width}┘"]


def _color_piece(piece: int) -> str:
    lower, upper = piece_colors(piece, int(PIECE_WIDTHS[piece, 0]))
    return _escaped(upper, lower)


def _escaped(upper: ColorRow, lower: ColorRow) -> str:
    """Draws two rows of cells in one line; equal neighbors share one escape sequence."""
    drawn = ""
    for (character, foreground, background), run in groupby(half_blocks(upper, lower)):
        text = character * len(list(run))
        codes = (_code(38, foreground) if foreground else "") + (_code(48, background) if background else "")
        drawn += f"{codes}{text}{_RESET}" if codes else text
    return drawn


def _code(target: int, color: Color) -> str:
    red, green, blue = color
    return f"\x1b[{target};2;{red};{green};{blue}m"


def _darker(color: Color) -> Color:
    red, green, blue = (round(part * _GHOST_SHADE) for part in color)
    return red, green, blue
