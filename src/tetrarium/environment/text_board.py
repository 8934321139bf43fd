"""One game as text for a terminal.

In colour, a character is two cells, one above the other, drawn with half blocks in the colours of the pieces; the
terminal's own background shows through where a cell is empty, and the ghost is a darker shade. The four rows above the
board, where the current piece hovers, are always there, so that the text never changes its height.

Without colour a row is a line of plain ASCII: ``[]`` a filled cell, ``::`` the ghost, `` .`` an empty one, or ``#``,
``:`` and ``.`` where there is little room. The current piece is named beside the board, and rows above the visible ones
are drawn only where a lost game has cells there. In a game by keys the current piece is drawn where it is, ``<>`` or
``@``, and two rows above the board are always there.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np

from tetrarium.engine.boards import Columns
from tetrarium.engine.pieces import PIECE_WIDTHS, PIECES, orientation_cells
from tetrarium.environment.scene import (
    EMPTY,
    PIECE_COLOURS,
    ROWS_ABOVE,
    CellGrid,
    Cells,
    Colour,
    Scene,
    make_scene,
    with_thousands,
)

__all__ = ["render_ansi"]

_FILLED_COLOUR: Final[Colour] = (134, 141, 158)
_GHOST_SHADE: Final = 0.45
_RESET: Final = "\x1b[0m"
_GAP: Final = "  "  # between the board and what stands beside it


def render_ansi(
    *,
    columns: Columns,
    height: int,
    queue: Sequence[int],
    lines: int,
    pieces: int,
    action: int | None = None,
    colours: CellGrid | None = None,
    row: int | None = None,
    falling: tuple[Cells, Cells] | None = None,
    can_hold: bool = False,
    hold: int | None = None,
    score: int | None = None,
    colour: bool = True,
    narrow: bool = False,
) -> str:
    """Draws one game as text, without a line break at the end.

    Args:
        columns: ``(width,) int64`` board.
        height: Visible rows.
        queue: The current piece and those that are known to follow.
        lines: Rows cleared in this game.
        pieces: Pieces placed in this game.
        action: Where the current piece is about to go, ``4 * column + rotation``; its ghost is drawn there.
        colours: ``(rows, width) int8`` cells of a ``ColourBoard``; without them filled cells are grey.
        row: Of the lowest cell of the ghost, where the piece does not fall straight down.
        falling: In a game by keys, where the current piece is and where it would come to rest.
        can_hold: Whether there is a place for a held piece.
        hold: The held piece, if there is one.
        score: Points, if they count.
        colour: 24-bit colours and half blocks; without, plain ASCII.
        narrow: Whether the rest stands below the board instead of beside it, and a plain cell is one character wide.

    Raises:
        GameError: if the colours do not fit the board, or the action is not legal.
    """
    scene = make_scene(columns, height, queue[0], action, colours, falling, row)
    numbers = with_thousands([("score", score), ("lines", lines), ("pieces", pieces)])
    shown = [("next", queue[1:])] if len(queue) > 1 else []
    if can_hold or hold is not None:
        shown.append(("hold", () if hold is None else (hold,)))
    if colour:
        board = _colour_board(scene)
        named = [(label, [_colour_piece(piece) for piece in row]) for label, row in shown]
    else:
        board = _plain_board(scene, height, narrow, falling is not None)
        named = [(label, [PIECES[piece] for piece in row]) for label, row in [("now", queue[:1]), *shown]]
    n_above = len(board) - 1 - (height + 1) // 2 if colour else 0
    return "\n".join(_below(board, named, numbers) if narrow else _beside(board, named, numbers, n_above))


def _beside(
    board: list[str], named: list[tuple[str, list[str]]], numbers: list[tuple[str, str]], n_above: int
) -> list[str]:
    """Names stand below the top of the board, numbers end on its floor."""
    top = [""] * n_above
    for label, drawn in named:
        top += [label, *drawn, ""]
    widest = max(len(number) for _, number in numbers)
    bottom = [f"{label:<6} {number:>{widest}}" for label, number in numbers]
    panel = top + [""] * (len(board) - len(top) - len(bottom)) + bottom
    board = [" " * len(board[-1])] * (len(panel) - len(board)) + board
    return [(left + _GAP + right).rstrip() for left, right in zip(board, panel, strict=True)]


def _below(board: list[str], named: list[tuple[str, list[str]]], numbers: list[tuple[str, str]]) -> list[str]:
    ahead = _GAP.join(f"{label} {' '.join(drawn)}" for label, drawn in named)
    counts = _GAP.join(f"{label} {number}" for label, number in numbers)
    return [*(line.rstrip() for line in board), *([ahead] if ahead else []), counts]


def _plain_board(scene: Scene, height: int, narrow: bool, is_falling: bool) -> list[str]:
    empty, filled, ghost, falling = (".", "#", ":", "@") if narrow else (" .", "[]", "::", "<>")
    filled_rows = np.flatnonzero((scene.cells != EMPTY).any(axis=1))
    fallen = scene.hovering if is_falling else ()
    n_rows = max([height + 2 * is_falling, *(int(row) + 1 for row in filled_rows), *(row + 1 for _, row in fallen)])
    width = scene.cells.shape[1]
    drawn = []
    for row in reversed(range(n_rows)):
        ghosts = [falling if (x, row) in fallen else ghost if (x, row) in scene.ghost else empty for x in range(width)]
        marks = [filled if scene.cells[row, x] != EMPTY else ghosts[x] for x in range(width)]
        drawn.append(f"|{''.join(marks)}|")
    return [*drawn, f"+{'-' * len(empty) * width}+"]


def _colour_board(scene: Scene) -> list[str]:
    n_rows, width = scene.cells.shape
    shades: list[list[Colour | None]] = [[None] * width for _ in range(n_rows + n_rows % 2)]
    colours = (*PIECE_COLOURS, _FILLED_COLOUR)
    for row, column in np.argwhere(scene.cells != EMPTY).tolist():
        shades[row][column] = colours[scene.cells[row, column]]
    for column, row in scene.hovering:
        shades[row][column] = colours[scene.piece]
    for column, row in scene.ghost:
        shades[row][column] = _darker(colours[scene.piece])
    drawn = []
    for row in range(len(shades) - 1, 0, -2):
        wall = "│" if row <= n_rows - ROWS_ABOVE else " "
        drawn.append(f"{wall}{_half_blocks(shades[row], shades[row - 1])}{wall}")
    return [*drawn, f"└{'─' * width}┘"]


def _colour_piece(piece: int) -> str:
    """One line: no piece is more than two rows high as it spawns."""
    shades: list[list[Colour | None]] = [[None] * int(PIECE_WIDTHS[piece, 0]) for _ in range(2)]
    for x, y in orientation_cells(piece, 0):
        shades[y][x] = PIECE_COLOURS[piece]
    return _half_blocks(shades[1], shades[0])


def _half_blocks(upper: Sequence[Colour | None], lower: Sequence[Colour | None]) -> str:
    """Draws two rows of cells in one line; cells that are alike share one escape sequence."""
    drawn = ""
    for (top, bottom), run in groupby(zip(upper, lower, strict=True)):
        n = len(list(run))
        if top is not None and bottom is not None:
            drawn += f"{_code(38, top)}{_code(48, bottom)}{'▀' * n}{_RESET}"
        elif top is not None:
            drawn += f"{_code(38, top)}{'▀' * n}{_RESET}"
        elif bottom is not None:
            drawn += f"{_code(38, bottom)}{'▄' * n}{_RESET}"
        else:
            drawn += " " * n
    return drawn


def _code(target: int, colour: Colour) -> str:
    red, green, blue = colour
    return f"\x1b[{target};2;{red};{green};{blue}m"


def _darker(colour: Colour) -> Colour:
    red, green, blue = (round(part * _GHOST_SHADE) for part in colour)
    return red, green, blue
