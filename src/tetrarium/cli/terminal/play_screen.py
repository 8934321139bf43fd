"""Screen of ``tetrarium play``: the board between hold and preview.

A cell has two characters where they fit, as on a terminal of 80 × 24; otherwise two cells share one character. Where
even that does not fit, one line states the size that a game needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tetrarium.cli.terminal.board_text import board_lines, piece_lines
from tetrarium.cli.terminal.display_frame import ACCENT

if TYPE_CHECKING:
    from tetrarium.environment.board_snapshot import BoardSnapshot

_ROWS_ABOVE: Final = 2  # where pieces spawn
_SIDE: Final = 14  # characters left and right of a large board
_SMALL_SIDE: Final = 16  # right of a small one
_GAP: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayView:
    """State of a person's game as shown."""

    board: "BoardSnapshot"
    level: int
    label: Sequence[str]  # of the last placement, or the available keys, in lines of at most 14 characters
    banner: str = ""  # in the accent's color: paused, or over
    keys: Sequence[tuple[str, str]] = ()  # keys and their meanings; they cover a large board


def _large_size(board: "BoardSnapshot") -> tuple[int, int]:
    return 2 * board.width + 2 + 2 * (_SIDE + len(_GAP)), board.height + _ROWS_ABOVE + 1


def _small_size(board: "BoardSnapshot") -> tuple[int, int]:
    return board.width + 2 + len(_GAP) + _SMALL_SIDE, (board.height + _ROWS_ABOVE + 1) // 2 + 2


def fits_screen(board: "BoardSnapshot", width: int, height: int) -> bool:
    """Returns whether a game fits on a terminal of this size."""
    min_width, min_height = _small_size(board)
    return width >= min_width and height >= min_height


def draw_play_screen(view: PlayView, width: int, height: int, *, color: bool) -> RenderableType:
    """Draws a game as large as the terminal allows."""
    board = view.board
    large_width, large_height = _large_size(board)
    if width >= large_width and height >= large_height:
        return _centered(_draw_large(view, color), width - large_width, height - large_height)
    if fits_screen(board, width, height):
        small_width, small_height = _small_size(board)
        return _centered(_draw_small(view, color), width - small_width, height - small_height)
    min_width, min_height = _small_size(board)
    return Text(f"A game needs {min_width} x {min_height} characters; got {width} x {height}. Enlarge the window.")


def _centered(lines: list[Text], free_width: int, free_height: int) -> RenderableType:
    return Padding(Group(*lines), (free_height // 2, 0, 0, free_width // 2))


def _draw_large(view: PlayView, color: bool) -> list[Text]:
    middle = board_lines(view.board, color=color, large=True, rows_above=_ROWS_ABOVE)
    left = [Text(), Text(), Text("hold", style="dim"), *_two_lines(view.board.held, color), Text()]
    for label, number in _numbers(view):
        left += [Text(label, style="dim"), Text(number), Text()]
    left += [*([Text(view.banner, style=ACCENT)] if view.banner else []), *(Text(line) for line in view.label)]
    left += [Text()] * (len(middle) - 1 - len(left)) + [Text.assemble(("p ", "bold"), ("pause, keys", "dim"))]
    if view.keys:
        middle = _cover_with_keys(middle, view.keys)
    right = [Text(), Text(), Text("next", style="dim")]
    for piece in view.board.queue[1:]:
        right += [*_two_lines(piece, color), Text()]
    lines = []
    for k, board in enumerate(middle):
        before = left[k] if k < len(left) else Text()
        before.truncate(_SIDE, pad=True)
        lines.append(Text.assemble(before, _GAP, board, _GAP, right[k] if k < len(right) else ""))
    return lines


def _two_lines(piece: int | None, color: bool) -> list[Text]:
    """Returns a piece on two lines."""
    drawn = [] if piece is None else piece_lines(piece, large=True, color=color)
    return [*drawn, Text(), Text()][:2]


def _draw_small(view: PlayView, color: bool) -> list[Text]:
    middle = board_lines(view.board, color=color, large=False, rows_above=_ROWS_ABOVE)
    hold = [] if view.board.held is None else piece_lines(view.board.held, large=False, color=color)
    side = [Text.assemble(("hold ", "dim"), *hold)]
    for k, piece in enumerate(view.board.queue[1:]):
        side.append(
            Text.assemble(("next " if k == 0 else "     ", "dim"), *piece_lines(piece, large=False, color=color))
        )
    side += [Text.assemble((f"{label:<6}", "dim"), number) for label, number in _numbers(view)]
    label = Text.assemble((f"{view.banner}  " if view.banner else "", ACCENT), "  ".join(view.label))
    side = [*side, *[Text()] * (len(middle) - len(side))]
    lines = [Text.assemble(board, _GAP, beside) for board, beside in zip(middle, side, strict=False)]
    label.truncate(view.board.width + 2 + len(_GAP) + _SMALL_SIDE)
    return [*lines, label]


def _numbers(view: PlayView) -> list[tuple[str, str]]:
    numbers = (("score", view.board.score or 0), ("level", view.level), ("lines", view.board.lines))
    return [(label, f"{number:,}") for label, number in numbers]


def _cover_with_keys(board: list[Text], keys: Sequence[tuple[str, str]]) -> list[Text]:
    """Returns a board covered by the list of keys, so that a paused game cannot be studied."""
    wall, inside = Text("│", style="dim"), len(board[-1]) - 2
    words = [Text.assemble((f"  {key:<6} ", "bold"), (meaning, "dim")) for key, meaning in keys]
    n_free = len(board) - 1 - _ROWS_ABOVE - len(words)
    lines = [*[Text()] * (n_free // 2), *words, *[Text()] * (n_free - n_free // 2)]
    for line in lines:
        line.truncate(inside, pad=True)
    above = [Text(" " * (inside + 2))] * _ROWS_ABOVE
    return [*above, *(Text.assemble(wall, line, wall) for line in lines), board[-1]]
