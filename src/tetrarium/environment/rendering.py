"""One game as a picture: the board, the piece about to be placed, what follows, and how far the game has come.

Lengths are in pixels and follow from the size of a cell. A cell is a flat fill with a lighter top edge and a gap at its
right and bottom; the ghost is an outline. The board is open at the top, where the current piece hovers over the column
that it goes to. Width and height are even, as video encoders want them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tetrarium.engine.boards import Columns
from tetrarium.engine.pieces import PIECE_HEIGHTS, orientation_cells
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
from tetrarium.errors import ConfigError, suggestion

__all__ = ["THEMES", "Theme", "lighter", "render_rgb"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The colours of a picture, but for those of the pieces."""

    background: Colour
    board: Colour  # the empty board
    grid: Colour  # lines between its cells
    frame: Colour  # walls and floor
    text: Colour
    label: Colour
    filled: Colour  # a cell that nobody knows the piece of


THEMES: Final = {
    "dark": Theme(
        background=(15, 17, 23),
        board=(22, 25, 33),
        grid=(29, 33, 43),
        frame=(62, 68, 84),
        text=(232, 235, 242),
        label=(144, 151, 168),
        filled=(118, 126, 146),
    ),
    "light": Theme(
        background=(250, 248, 244),
        board=(255, 255, 253),
        grid=(238, 235, 229),
        frame=(176, 172, 164),
        text=(32, 34, 40),
        label=(104, 104, 110),
        filled=(152, 154, 164),
    ),
}

_MIN_CELL: Final = 4
_MAX_CELL: Final = 128
_EDGE_LIGHT: Final = 0.3  # how far the top edge of a cell goes towards white
_PANEL_CELLS: Final = 5  # width of the panel, in cells of the board
_TALLEST: Final = int(PIECE_HEIGHTS[:, 0].max())
_PREVIEW_SCALE: Final = 0.75  # size of a cell of the pieces that follow


class _Canvas:
    """A picture in the making, and its measures."""

    def __init__(self, cell: int, theme: Theme, width: int, height: int) -> None:
        self.cell = cell
        self.theme = theme
        self.image = Image.new("RGB", (width + width % 2, height + height % 2), theme.background)
        self.draw = ImageDraw.Draw(self.image)

    def box(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        if width > 0 and height > 0:
            self.draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)

    def filled_cell(self, x: int, y: int, size: int, colour: Colour) -> None:
        gap = _thickness(size, 24)
        self.box(x, y, size - gap, size - gap, colour)
        self.box(x, y, size - gap, _thickness(size, 9), lighter(colour))

    def words(self, x: int, baseline: int, text: str, size: int, colour: Colour) -> None:
        self.draw.text((x, baseline), text, fill=colour, font=ImageFont.load_default(size), anchor="ls")


def render_rgb(
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
    flashing: Sequence[int] = (),
    cell_px: int = 24,
    theme: str = "dark",
) -> npt.NDArray[np.uint8]:
    """Draws one game.

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
        score: Points; without them there is no place for them.
        flashing: Full rows that are about to go; while they flash, no piece hovers.
        cell_px: Size of a cell, 4–128.
        theme: ``"dark"`` or ``"light"``.

    Returns:
        ``(H, W, 3) uint8``, both even.

    Raises:
        ConfigError: if the cell size or the theme is not one of these.
        GameError: if the colours do not fit the board, or the action is not legal.
    """
    if not _MIN_CELL <= cell_px <= _MAX_CELL:
        raise ConfigError(f"cell_px is from {_MIN_CELL} to {_MAX_CELL}; got {cell_px}. Choose one in that range.")
    if theme not in THEMES:
        raise ConfigError(f"theme is one of {', '.join(THEMES)}; got {theme!r}.{suggestion(str(theme), THEMES)}")
    scene = make_scene(columns, height, queue[0], action, colours, falling, row)
    if flashing:
        scene = replace(scene, hovering=(), ghost=())
    shown = [("next", queue[1:])] if len(queue) > 1 else []
    if can_hold or hold is not None:
        shown.append(("hold", () if hold is None else (hold,)))
    numbers = with_thousands([("score", score), ("lines", lines), ("pieces", pieces)])

    margin = cell_px
    panel_height = sum(_pieces_room(cell_px, max(1, len(row))) for _, row in shown) + len(numbers) * _number_height(
        cell_px
    )
    top = margin // 2 + ROWS_ABOVE * cell_px
    floor = top + max(height * cell_px, panel_height)
    panel_left = margin + (len(columns) + 1) * cell_px
    canvas = _Canvas(cell_px, THEMES[theme], panel_left + _PANEL_CELLS * cell_px + margin, floor + margin)
    _draw_board(canvas, scene, height, margin, floor)
    for full in flashing:
        canvas.box(margin, floor - (full + 1) * cell_px, len(columns) * cell_px, cell_px, canvas.theme.text)
    for label, pieces_shown in shown:
        _draw_pieces(canvas, label, pieces_shown, panel_left, top)
        top += _pieces_height(cell_px, pieces_shown)
    _draw_numbers(canvas, numbers, panel_left, floor)
    return np.asarray(canvas.image)


def _draw_board(canvas: _Canvas, scene: Scene, height: int, left: int, floor: int) -> None:
    cell, theme = canvas.cell, canvas.theme
    n_rows, width = scene.cells.shape
    gap = _thickness(cell, 24)
    wall = _thickness(cell, 12)
    top = floor - height * cell
    canvas.box(left - wall - gap, top, width * cell + 2 * wall + gap, height * cell + wall, theme.frame)
    canvas.box(left - gap, top, width * cell + gap, height * cell, theme.board)
    for x in range(1, width):
        canvas.box(left + x * cell - gap, top, gap, height * cell, theme.grid)
    for y in range(height):
        canvas.box(left, top + (y + 1) * cell - gap, width * cell - gap, gap, theme.grid)
    colours = (*PIECE_COLOURS, theme.filled)
    for row in range(n_rows):
        for column in range(width):
            if scene.cells[row, column] != EMPTY:
                colour = colours[scene.cells[row, column]]
                canvas.filled_cell(left + column * cell, floor - (row + 1) * cell, cell, colour)
    for column, row in scene.hovering:
        canvas.filled_cell(left + column * cell, floor - (row + 1) * cell, cell, colours[scene.piece])
    _draw_ghost(canvas, scene, left, floor)


def _draw_ghost(canvas: _Canvas, scene: Scene, left: int, floor: int) -> None:
    """Outlines the cells as one shape: an edge that two of them share is not drawn."""
    cell = canvas.cell
    gap = _thickness(cell, 24)
    line = _thickness(cell, 12)
    colour = PIECE_COLOURS[scene.piece]
    for column, row in scene.ghost:
        x, y = left + column * cell, floor - (row + 1) * cell
        to_right = (column + 1, row) in scene.ghost
        below = (column, row - 1) in scene.ghost
        width = cell if to_right else cell - gap
        height = cell if below else cell - gap
        if (column - 1, row) not in scene.ghost:
            canvas.box(x, y, line, height, colour)
        if not to_right:
            canvas.box(x + width - line, y, line, height, colour)
        if (column, row + 1) not in scene.ghost:
            canvas.box(x, y, width, line, colour)
        if not below:
            canvas.box(x, y + height - line, width, line, colour)


def _draw_pieces(canvas: _Canvas, label: str, row: Sequence[int], left: int, top: int) -> None:
    canvas.words(left, top + _label_size(canvas.cell) * 3 // 4, label, _label_size(canvas.cell), canvas.theme.label)
    size = _preview_size(canvas.cell)
    y = top + _label_height(canvas.cell)
    for piece in row:
        y += int(PIECE_HEIGHTS[piece, 0]) * size
        for cell_x, cell_y in orientation_cells(piece, 0):
            canvas.filled_cell(left + cell_x * size, y - (cell_y + 1) * size, size, PIECE_COLOURS[piece])
        y += size


def _draw_numbers(canvas: _Canvas, numbers: Sequence[tuple[str, str]], left: int, floor: int) -> None:
    """Stacks numbers under their labels, the last one standing on the floor of the board."""
    cell = canvas.cell
    widest = max(ImageFont.load_default(_number_size(cell)).getlength(number) for _, number in numbers)
    size = _number_size(cell)
    if widest > _PANEL_CELLS * cell:
        size = int(size * _PANEL_CELLS * cell / widest)
    baseline = floor - (len(numbers) - 1) * _number_height(cell)
    for label, number in numbers:
        canvas.words(left, baseline - _label_height(cell), label, _label_size(cell), canvas.theme.label)
        canvas.words(left, baseline, number, size, canvas.theme.text)
        baseline += _number_height(cell)


def _pieces_height(cell: int, row: Sequence[int]) -> int:
    size = _preview_size(cell)
    return _label_height(cell) + sum(int(PIECE_HEIGHTS[piece, 0]) * size + size for piece in row)


def _pieces_room(cell: int, n_pieces: int) -> int:
    """Height that any so many pieces fit in, so that a game's pictures are all of one size."""
    return _label_height(cell) + n_pieces * (_TALLEST + 1) * _preview_size(cell)


def _preview_size(cell: int) -> int:
    return max(2, round(cell * _PREVIEW_SCALE))


def _label_size(cell: int) -> int:
    return max(8, round(cell * 0.6))


def _label_height(cell: int) -> int:
    return round(_label_size(cell) * 1.7)


def _number_size(cell: int) -> int:
    return max(10, round(cell * 0.9))


def _number_height(cell: int) -> int:
    return _label_height(cell) + round(_number_size(cell) * 1.6)


def _thickness(cell: int, part: int) -> int:
    return max(1, round(cell / part))


def lighter(colour: Colour) -> Colour:
    """The colour of the top edge of a cell."""
    red, green, blue = (round(part + (255 - part) * _EDGE_LIGHT) for part in colour)
    return red, green, blue
