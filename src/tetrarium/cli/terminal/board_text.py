"""Boards for the terminal, as large as the terminal allows.

A small board has two cells in a character, one above the other; a large one has a cell in two characters. Both have the
pieces' colors, which rich reduces to what the terminal can show. Without color a cell is filled or not: the large board
marks the ghost with colons and a falling piece by a shade, the small one leaves the ghost out. Colors and half blocks
are those of ``environment.pictures.text_board``, which loads the engine and is imported when the first board is drawn.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from tetrarium.environment.board_snapshot import BoardSnapshot
    from tetrarium.environment.pictures.text_board import ColorRow

_PANEL: Final = 14  # characters beside a board
_ROWS_ABOVE: Final = 4
_PIECE_WIDTH: Final = 4  # no piece is wider as it spawns


def small_size(width: int, height: int) -> tuple[int, int]:
    """Returns the characters across, with the panel beside the board, and the lines."""
    return width + 2 + _PANEL, (height + _ROWS_ABOVE + 1) // 2 + 1


def large_size(width: int, height: int) -> tuple[int, int]:
    """Returns the characters across, with the panel beside the board, and the lines."""
    return 2 * width + 2 + _PANEL, height + _ROWS_ABOVE + 1


def draw_board(snapshot: "BoardSnapshot", *, color: bool, large: bool = False) -> Text:
    """Draws a board with the next pieces and the game's counters beside it."""
    board = _large_board(snapshot, color) if large else _small_board(snapshot, color)
    panel = _panel(snapshot, len(board), large=large, color=color)
    lines = [Text.assemble(left, "  ", right) for left, right in zip(board, panel, strict=True)]
    for line in lines:
        line.rstrip()
    return Text("\n", no_wrap=True).join(lines)


def board_lines(snapshot: "BoardSnapshot", *, color: bool, large: bool, rows_above: int) -> list[Text]:
    """Draws a board alone, line by line, with the given number of rows above the visible ones."""
    n_rows = snapshot.height + rows_above
    current = tuple(cell for cell in snapshot.current if cell[1] < n_rows)
    shown = replace(snapshot, cells=snapshot.cells[:n_rows], current=current)
    return _large_board(shown, color) if large else _small_board(shown, color)


def _small_board(snapshot: "BoardSnapshot", color: bool) -> list[Text]:
    from tetrarium.environment.pictures.text_board import cell_colors

    rows = cell_colors(snapshot if color else replace(snapshot, ghost=()))
    if len(rows) % 2:
        rows.append([None] * snapshot.width)
    lines = []
    for row in range(len(rows) - 1, 0, -2):
        wall = ("│" if row <= snapshot.height else " ", "dim")
        lines.append(Text.assemble(wall, _half_blocks(rows[row], rows[row - 1], color), wall))
    return [*lines, Text(f"└{'─' * snapshot.width}┘", style="dim")]


def _large_board(snapshot: "BoardSnapshot", color: bool) -> list[Text]:
    from tetrarium.environment.pictures.text_board import cell_colors

    ghost = set(snapshot.ghost)
    falling = {(column, row) for column, row in snapshot.current if row < snapshot.height}
    lines = []
    for row, colors in reversed(list(enumerate(cell_colors(snapshot)))):
        wall = ("│" if row < snapshot.height else " ", "dim")
        line = Text.assemble(wall)
        for column, cell_color in enumerate(colors):
            if cell_color is None:
                line.append("  ")
            elif color:
                line.append("  ", style=Style(bgcolor=_name(cell_color)))
            else:
                line.append("::" if (column, row) in ghost else "▓▓" if (column, row) in falling else "██")
        lines.append(line.append(*wall))
    return [*lines, Text(f"└{'──' * snapshot.width}┘", style="dim")]


def _panel(snapshot: "BoardSnapshot", n_lines: int, *, large: bool, color: bool) -> list[Text]:
    """Draws the pieces below the top of the board, and the counters above its floor."""
    top = [Text() for _ in range(_ROWS_ABOVE if large else _ROWS_ABOVE // 2)]
    for label, pieces in snapshot.side_pieces:
        top.append(Text(label, style="dim"))
        for piece in pieces:
            top += piece_lines(piece, large=large, color=color)
            top += [Text()] if large and label == "next" else []
    widest = max(len(number) for _, number in snapshot.counters)
    bottom = [Text.assemble((f"{label:<6} ", "dim"), f"{number:>{widest}}") for label, number in snapshot.counters]
    n_free = n_lines - len(bottom) - 1
    top = top[:n_free] + [Text()] * (n_free - len(top))
    return [*top, *bottom, Text()]


def piece_lines(piece: int, *, large: bool, color: bool) -> list[Text]:
    """Draws a piece as it spawns; no piece is more than two rows high."""
    from tetrarium.environment.pictures.colors import PIECE_COLORS
    from tetrarium.environment.pictures.text_board import piece_colors

    lower, upper = piece_colors(piece, _PIECE_WIDTH)
    if not large:
        return [_half_blocks(upper, lower, color)]
    filled = ("  ", Style(bgcolor=_name(PIECE_COLORS[piece]))) if color else ("██", Style())
    return [Text.assemble(*(filled if cell else ("  ", "") for cell in row)) for row in (upper, lower) if any(row)]


def _half_blocks(upper: "ColorRow", lower: "ColorRow", color: bool) -> Text:
    from tetrarium.environment.pictures.text_board import half_blocks

    drawn = Text()
    for character, foreground, background in half_blocks(upper, lower):
        if color and foreground is not None:
            drawn.append(character, style=Style(color=_name(foreground), bgcolor=_name(background)))
        else:
            drawn.append("█" if background else character)
    return drawn


def _name(rgb: tuple[int, int, int] | None) -> str | None:
    return None if rgb is None else f"rgb({rgb[0]},{rgb[1]},{rgb[2]})"
