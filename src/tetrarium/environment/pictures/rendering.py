"""Boards as pixels: the board, the current piece and its ghost, the pieces that follow, and the counters.

Lengths are in pixels and follow from the size of a cell. A cell is a flat fill with a lighter top edge and a gap at its
right and bottom; the ghost is an outline. The board is open at the top, where the current piece waits over the column
of its placement. Width and height are even, as video encoders require.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tetrarium.engine.board_tracker import EMPTY, ROWS_ABOVE
from tetrarium.engine.pieces import PIECE_HEIGHTS, orientation_cells
from tetrarium.environment.board_snapshot import BoardSnapshot
from tetrarium.environment.pictures.colors import PIECE_COLORS, THEMES, Color, Theme, lighter
from tetrarium.errors import ConfigError, suggestion

_MIN_CELL: Final = 4
_MAX_CELL: Final = 128
_PANEL_CELLS: Final = 5  # width of the panel, in cells of the board
_TALLEST: Final = int(PIECE_HEIGHTS[:, 0].max())
_PREVIEW_SCALE: Final = 0.75  # size of a cell of the pieces that follow


class _Canvas:
    """Image with the drawing functions of a board."""

    def __init__(self, cell: int, theme: Theme, width: int, height: int) -> None:
        self.cell = cell
        self.theme = theme
        self.image = Image.new("RGB", (width + width % 2, height + height % 2), theme.background)
        self.draw = ImageDraw.Draw(self.image)

    def box(self, x: int, y: int, width: int, height: int, color: Color) -> None:
        if width > 0 and height > 0:
            self.draw.rectangle((x, y, x + width - 1, y + height - 1), fill=color)

    def filled_cell(self, x: int, y: int, size: int, color: Color) -> None:
        gap = _thickness(size, 24)
        self.box(x, y, size - gap, size - gap, color)
        self.box(x, y, size - gap, _thickness(size, 9), lighter(color))

    def words(self, x: int, baseline: int, text: str, size: int, color: Color) -> None:
        self.draw.text((x, baseline), text, fill=color, font=ImageFont.load_default(size), anchor="ls")


def render_rgb(snapshot: BoardSnapshot, *, cell_px: int = 24, theme: str = "dark") -> npt.NDArray[np.uint8]:
    """Draws a board as pixels.

    Args:
        snapshot: The board.
        cell_px: Size of a cell in pixels, 4 to 128.
        theme: ``"dark"`` or ``"light"``.

    Returns:
        ``(H, W, 3) uint8``, H and W even.

    Raises:
        ConfigError: if the cell size or the theme is not one of these.
    """
    if not _MIN_CELL <= cell_px <= _MAX_CELL:
        raise ConfigError(
            f"cell_px is from {_MIN_CELL} to {_MAX_CELL}; got {cell_px}. Choose one in that range.", field="cell_px"
        )
    if theme not in THEMES:
        raise ConfigError(
            f"theme is one of {', '.join(THEMES)}; got {theme!r}.{suggestion(str(theme), THEMES)}", field="theme"
        )
    width, height = snapshot.width, snapshot.height
    side_pieces, counters = snapshot.side_pieces, snapshot.counters

    margin = cell_px
    panel_height = sum(_pieces_room(cell_px, max(1, len(row))) for _, row in side_pieces)
    panel_height += len(counters) * _number_height(cell_px)
    top = margin // 2 + ROWS_ABOVE * cell_px
    floor = top + max(height * cell_px, panel_height)
    panel_left = margin + (width + 1) * cell_px
    canvas = _Canvas(cell_px, THEMES[theme], panel_left + _PANEL_CELLS * cell_px + margin, floor + margin)
    _draw_board(canvas, snapshot, margin, floor)
    for full in snapshot.full_rows:
        canvas.box(margin, floor - (full + 1) * cell_px, width * cell_px, cell_px, canvas.theme.text)
    for label, pieces_shown in side_pieces:
        _draw_pieces(canvas, label, pieces_shown, panel_left, top)
        top += _pieces_height(cell_px, pieces_shown)
    _draw_numbers(canvas, counters, panel_left, floor)
    return np.asarray(canvas.image)


def _draw_board(canvas: _Canvas, snapshot: BoardSnapshot, left: int, floor: int) -> None:
    cell, theme = canvas.cell, canvas.theme
    n_rows, width = snapshot.cells.shape
    height = snapshot.height
    gap = _thickness(cell, 24)
    wall = _thickness(cell, 12)
    top = floor - height * cell
    canvas.box(left - wall - gap, top, width * cell + 2 * wall + gap, height * cell + wall, theme.frame)
    canvas.box(left - gap, top, width * cell + gap, height * cell, theme.board)
    for x in range(1, width):
        canvas.box(left + x * cell - gap, top, gap, height * cell, theme.grid)
    for y in range(height):
        canvas.box(left, top + (y + 1) * cell - gap, width * cell - gap, gap, theme.grid)
    colors = (*PIECE_COLORS, theme.filled)
    for row in range(n_rows):
        for column in range(width):
            if snapshot.cells[row, column] != EMPTY:
                color = colors[snapshot.cells[row, column]]
                canvas.filled_cell(left + column * cell, floor - (row + 1) * cell, cell, color)
    for column, row in snapshot.current:
        canvas.filled_cell(left + column * cell, floor - (row + 1) * cell, cell, colors[snapshot.queue[0]])
    _draw_ghost(canvas, snapshot, left, floor)


def _draw_ghost(canvas: _Canvas, snapshot: BoardSnapshot, left: int, floor: int) -> None:
    """Outlines the ghost as one shape, without the edges that two of its cells share."""
    cell = canvas.cell
    gap = _thickness(cell, 24)
    line = _thickness(cell, 12)
    color = PIECE_COLORS[snapshot.queue[0]]
    for column, row in snapshot.ghost:
        x, y = left + column * cell, floor - (row + 1) * cell
        to_right = (column + 1, row) in snapshot.ghost
        below = (column, row - 1) in snapshot.ghost
        width = cell if to_right else cell - gap
        height = cell if below else cell - gap
        if (column - 1, row) not in snapshot.ghost:
            canvas.box(x, y, line, height, color)
        if not to_right:
            canvas.box(x + width - line, y, line, height, color)
        if (column, row + 1) not in snapshot.ghost:
            canvas.box(x, y, width, line, color)
        if not below:
            canvas.box(x, y + height - line, width, line, color)


def _draw_pieces(canvas: _Canvas, label: str, row: Sequence[int], left: int, top: int) -> None:
    canvas.words(left, top + _label_size(canvas.cell) * 3 // 4, label, _label_size(canvas.cell), canvas.theme.label)
    size = _preview_size(canvas.cell)
    y = top + _label_height(canvas.cell)
    for piece in row:
        y += int(PIECE_HEIGHTS[piece, 0]) * size
        for cell_x, cell_y in orientation_cells(piece, 0):
            canvas.filled_cell(left + cell_x * size, y - (cell_y + 1) * size, size, PIECE_COLORS[piece])
        y += size


def _draw_numbers(canvas: _Canvas, numbers: Sequence[tuple[str, str]], left: int, floor: int) -> None:
    """Stacks numbers under their labels, the last one on the floor of the board."""
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
    """Returns a height that fits any ``n_pieces`` pieces, so that all pictures of a game have one size."""
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
