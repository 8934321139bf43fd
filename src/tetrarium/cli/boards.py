"""Boards for the terminal, as large as there is room for.

A small board has two cells in a character, one above the other; a large one has a cell in two characters. Both have the
pieces' colours, which rich brings down to what the terminal can show. Without colour a cell is filled or not: the large
board marks the ghost with colons and a falling piece by a shade, the small one leaves the ghost out. What draws comes
from the environment, which loads the engine: it is imported when the first board is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rich.style import Style
from rich.text import Text

from tetrarium.events import BoardShown

if TYPE_CHECKING:
    from tetrarium.environment.scene import Scene

__all__ = ["FLASH", "BoardView", "board_lines", "draw_board", "large_size", "piece_lines", "shown_view", "small_size"]

_FILLED_RGB: Final = (134, 141, 158)  # cells of which nobody knows the piece
_FLASH_RGB: Final = (255, 255, 255)
FLASH: Final = 8  # a cell of a row that is about to go, where colours are given
_GHOST_SHADE: Final = 0.45
_PANEL: Final = 14  # characters beside a board
_ROWS_ABOVE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """One moment of a game."""

    columns: tuple[int, ...]  # bit r = row r, row 0 at the bottom
    height: int
    queue: tuple[int, ...]
    lines: int
    pieces: int
    action: int | None = None  # where the current piece is about to go, 4 * column + rotation
    colours: Any = None  # (rows, width) int8 cells of a ColourBoard
    row: int | None = None  # of its lowest cell there, where it does not fall straight down
    falling: Any = None  # by keys: the current piece's cells and those where it would come to rest
    can_hold: bool = False
    hold: int | None = None  # the held piece
    score: int | None = None


def shown_view(shown: BoardShown) -> BoardView:
    """The moment that a worker shows."""
    from tetrarium.engine.colouring import filled_columns, read_signs

    cells = read_signs(shown.cells, shown.width)
    return BoardView(
        columns=tuple(filled_columns(cells).tolist()),
        height=shown.height,
        queue=shown.queue,
        lines=shown.lines_game,
        pieces=shown.pieces_game,
        colours=cells,
        hold=shown.held,
        can_hold=shown.held is not None,
    )


def small_size(width: int, height: int) -> tuple[int, int]:
    """Characters across, with what stands beside it, and lines."""
    return width + 2 + _PANEL, (height + _ROWS_ABOVE + 1) // 2 + 1


def large_size(width: int, height: int) -> tuple[int, int]:
    """Characters across, with what stands beside it, and lines."""
    return 2 * width + 2 + _PANEL, height + _ROWS_ABOVE + 1


def draw_board(view: BoardView, *, colour: bool, large: bool = False) -> Text:
    """Draws a board with the next pieces and the game's numbers beside it."""
    import numpy as np

    from tetrarium.environment.scene import make_scene

    columns = np.array(view.columns, dtype=np.int64)
    scene = make_scene(columns, view.height, view.queue[0], view.action, view.colours, view.falling, view.row)
    board = _large_board(scene, view.height, colour) if large else _small_board(scene, view.height, colour)
    panel = _panel(view, len(board), large=large, colour=colour)
    lines = [Text.assemble(left, "  ", right) for left, right in zip(board, panel, strict=True)]
    for line in lines:
        line.rstrip()
    return Text("\n", no_wrap=True).join(lines)


def board_lines(view: BoardView, *, colour: bool, large: bool, rows_above: int) -> list[Text]:
    """Draws a board alone, line by line, with so many rows above the visible ones."""
    import numpy as np

    from tetrarium.environment.scene import make_scene

    columns = np.array(view.columns, dtype=np.int64)
    scene = make_scene(columns, view.height, view.queue[0], view.action, view.colours, view.falling)
    n_rows = view.height + rows_above
    hovering = tuple(cell for cell in scene.hovering if cell[1] < n_rows)
    shown = replace(scene, cells=scene.cells[:n_rows], hovering=hovering)
    return _large_board(shown, view.height, colour) if large else _small_board(shown, view.height, colour)


def _shades(scene: "Scene") -> list[list[tuple[int, int, int] | None]]:
    """The colour of every cell, row 0 at the bottom; ghosts are a darker shade."""
    from tetrarium.environment.scene import EMPTY, PIECE_COLOURS

    rgb = (*PIECE_COLOURS, _FILLED_RGB, _FLASH_RGB)
    shades = [[None if cell == EMPTY else rgb[cell] for cell in row] for row in scene.cells.tolist()]
    for column, row in scene.ghost:
        red, green, blue = (round(part * _GHOST_SHADE) for part in rgb[scene.piece])
        shades[row][column] = (red, green, blue)
    for column, row in scene.hovering:
        shades[row][column] = rgb[scene.piece]
    return shades


def _small_board(scene: "Scene", height: int, colour: bool) -> list[Text]:
    shades = _shades(scene)
    if not colour:
        for column, row in scene.ghost:
            shades[row][column] = None
    if len(shades) % 2:
        shades.append([None] * len(shades[0]))
    lines = []
    for row in range(len(shades) - 1, 0, -2):
        wall = ("│" if row <= height else " ", "dim")
        lines.append(Text.assemble(wall, _half_blocks(shades[row], shades[row - 1], colour), wall))
    return [*lines, Text(f"└{'─' * len(shades[0])}┘", style="dim")]


def _large_board(scene: "Scene", height: int, colour: bool) -> list[Text]:
    shades = _shades(scene)
    ghost = set(scene.ghost)
    falling = {(column, row) for column, row in scene.hovering if row < height}
    lines = []
    for row in reversed(range(len(shades))):
        wall = ("│" if row < height else " ", "dim")
        line = Text.assemble(wall)
        for column, shade in enumerate(shades[row]):
            if shade is None:
                line.append("  ")
            elif colour:
                line.append("  ", style=Style(bgcolor=_name(shade)))
            else:
                line.append("::" if (column, row) in ghost else "▓▓" if (column, row) in falling else "██")
        lines.append(line.append(*wall))
    return [*lines, Text(f"└{'──' * len(shades[0])}┘", style="dim")]


def _panel(view: BoardView, n_lines: int, *, large: bool, colour: bool) -> list[Text]:
    """Next pieces below the top of the board, numbers above its floor."""
    top = [Text() for _ in range(_ROWS_ABOVE if large else _ROWS_ABOVE // 2)]
    if len(view.queue) > 1:
        top.append(Text("next", style="dim"))
        for piece in view.queue[1:]:
            top += piece_lines(piece, large=large, colour=colour) + ([Text()] if large else [])
    if view.can_hold:
        top.append(Text("hold", style="dim"))
        if view.hold is not None:
            top += piece_lines(view.hold, large=large, colour=colour)
    numbers = [("lines", f"{view.lines:,}"), ("pieces", f"{view.pieces:,}")]
    if view.score is not None:
        numbers.insert(0, ("score", f"{view.score:,}"))
    widest = max(len(number) for _, number in numbers)
    bottom = [Text.assemble((f"{label:<6} ", "dim"), f"{number:>{widest}}") for label, number in numbers]
    room = n_lines - len(bottom) - 1
    top = top[:room] + [Text()] * (room - len(top))
    return [*top, *bottom, Text()]


def piece_lines(piece: int, *, large: bool, colour: bool) -> list[Text]:
    """As it spawns: no piece is more than two rows high or four columns wide."""
    from tetrarium.engine import orientation_cells
    from tetrarium.environment.scene import PIECE_COLOURS

    rgb = PIECE_COLOURS[piece]
    rows: list[list[tuple[int, int, int] | None]] = [[None] * 4 for _ in range(2)]
    for x, y in orientation_cells(piece, 0):
        rows[y][x] = rgb
    if not large:
        return [_half_blocks(rows[1], rows[0], colour)]
    style = Style(bgcolor=_name(rgb)) if colour else Style()
    filled = "  " if colour else "██"
    return [
        Text.assemble(*((filled, style) if shade else ("  ", "") for shade in row))
        for row in reversed(rows)
        if any(row)
    ]


def _half_blocks(
    upper: Sequence[tuple[int, int, int] | None], lower: Sequence[tuple[int, int, int] | None], colour: bool
) -> Text:
    drawn = Text()
    for top, bottom in zip(upper, lower, strict=True):
        if top is None and bottom is None:
            drawn.append(" ")
        elif not colour:
            drawn.append("█" if top and bottom else "▀" if top else "▄")
        elif top is None:
            drawn.append("▄", style=Style(color=_name(bottom)))
        elif bottom is None:
            drawn.append("▀", style=Style(color=_name(top)))
        else:
            drawn.append("▀", style=Style(color=_name(top), bgcolor=_name(bottom)))
    return drawn


def _name(rgb: tuple[int, int, int] | None) -> str | None:
    return None if rgb is None else f"rgb({rgb[0]},{rgb[1]},{rgb[2]})"
