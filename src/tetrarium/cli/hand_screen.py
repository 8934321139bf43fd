"""What a person sees who plays: the board between what is held and what comes next.

A cell has two characters where there is room, as on a terminal of 80 × 24; else two cells share one. Where even that
does not fit, one line says how much room a game takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tetrarium.cli.boards import BoardView, board_lines, piece_lines
from tetrarium.cli.frames import ACCENT

__all__ = ["HandView", "draw_hand", "fits_screen"]

_ROWS_ABOVE: Final = 2  # where pieces spawn
_SIDE: Final = 14  # characters left and right of a large board
_SMALL_SIDE: Final = 16  # right of a small one
_GAP: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class HandView:
    """One moment of a game in somebody's hands."""

    board: BoardView
    level: int
    said: Sequence[str]  # of the last placement, or what can be done now, in lines of at most 14 letters
    banner: str = ""  # in the accent's colour: paused, or over
    keys: Sequence[tuple[str, str]] = ()  # what can be pressed, and what it does; they cover a large board


def _large_size(board: BoardView) -> tuple[int, int]:
    return 2 * len(board.columns) + 2 + 2 * (_SIDE + len(_GAP)), board.height + _ROWS_ABOVE + 1


def _small_size(board: BoardView) -> tuple[int, int]:
    return len(board.columns) + 2 + len(_GAP) + _SMALL_SIDE, (board.height + _ROWS_ABOVE + 1) // 2 + 2


def fits_screen(board: BoardView, width: int, height: int) -> bool:
    """Whether a game fits on so many characters and lines."""
    least_width, least_height = _small_size(board)
    return width >= least_width and height >= least_height


def draw_hand(view: HandView, width: int, height: int, *, colour: bool) -> RenderableType:
    """Draws a game as large as there is room for."""
    board = view.board
    large_width, large_height = _large_size(board)
    if width >= large_width and height >= large_height:
        return _centred(_draw_large(view, colour), width - large_width, height - large_height)
    if fits_screen(board, width, height):
        small_width, small_height = _small_size(board)
        return _centred(_draw_small(view, colour), width - small_width, height - small_height)
    least_width, least_height = _small_size(board)
    return Text(f"A game takes {least_width} x {least_height} characters; here are {width} x {height}. Make room.")


def _centred(lines: list[Text], free_width: int, free_height: int) -> RenderableType:
    return Padding(Group(*lines), (free_height // 2, 0, 0, free_width // 2))


def _draw_large(view: HandView, colour: bool) -> list[Text]:
    middle = board_lines(view.board, colour=colour, large=True, rows_above=_ROWS_ABOVE)
    left = [Text(), Text(), Text("hold", style="dim"), *_two(view.board.hold, colour), Text()]
    for label, number in _numbers(view):
        left += [Text(label, style="dim"), Text(number), Text()]
    left += [*([Text(view.banner, style=ACCENT)] if view.banner else []), *(Text(line) for line in view.said)]
    left += [Text()] * (len(middle) - 1 - len(left)) + [Text.assemble(("p ", "bold"), ("pause, keys", "dim"))]
    if view.keys:
        middle = _covered(middle, view.keys)
    right = [Text(), Text(), Text("next", style="dim")]
    for piece in view.board.queue[1:]:
        right += [*_two(piece, colour), Text()]
    lines = []
    for k, board in enumerate(middle):
        before = left[k] if k < len(left) else Text()
        before.truncate(_SIDE, pad=True)
        lines.append(Text.assemble(before, _GAP, board, _GAP, right[k] if k < len(right) else ""))
    return lines


def _two(piece: int | None, colour: bool) -> list[Text]:
    """A piece on two lines, whatever it is."""
    drawn = [] if piece is None else piece_lines(piece, large=True, colour=colour)
    return [*drawn, Text(), Text()][:2]


def _draw_small(view: HandView, colour: bool) -> list[Text]:
    middle = board_lines(view.board, colour=colour, large=False, rows_above=_ROWS_ABOVE)
    hold = [] if view.board.hold is None else piece_lines(view.board.hold, large=False, colour=colour)
    side = [Text.assemble(("hold ", "dim"), *hold)]
    for k, piece in enumerate(view.board.queue[1:]):
        side.append(
            Text.assemble(("next " if k == 0 else "     ", "dim"), *piece_lines(piece, large=False, colour=colour))
        )
    side += [Text.assemble((f"{label:<6}", "dim"), number) for label, number in _numbers(view)]
    said = Text.assemble((f"{view.banner}  " if view.banner else "", ACCENT), "  ".join(view.said))
    side = [*side, *[Text()] * (len(middle) - len(side))]
    lines = [Text.assemble(board, _GAP, beside) for board, beside in zip(middle, side, strict=False)]
    said.truncate(len(view.board.columns) + 2 + len(_GAP) + _SMALL_SIDE)
    return [*lines, said]


def _numbers(view: HandView) -> list[tuple[str, str]]:
    numbers = (("score", view.board.score or 0), ("level", view.level), ("lines", view.board.lines))
    return [(label, f"{number:,}") for label, number in numbers]


def _covered(board: list[Text], keys: Sequence[tuple[str, str]]) -> list[Text]:
    """A board of which nothing can be studied while time stands still: what the keys do lies over it."""
    wall, inside = Text("│", style="dim"), len(board[-1]) - 2
    words = [Text.assemble((f"  {key:<6} ", "bold"), (meaning, "dim")) for key, meaning in keys]
    n_free = len(board) - 1 - _ROWS_ABOVE - len(words)
    lines = [*[Text()] * (n_free // 2), *words, *[Text()] * (n_free - n_free // 2)]
    for line in lines:
        line.truncate(inside, pad=True)
    above = [Text(" " * (inside + 2))] * _ROWS_ABOVE
    return [*above, *(Text.assemble(wall, line, wall) for line in lines), board[-1]]
