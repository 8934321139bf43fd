"""Pictures of the games of one core, for every face that renders.

Colours are not part of a game: a drawer follows the placements from the moment it is made. Who wants no pictures makes
none.
"""

from typing import Any, Final

from tetrarium.engine import key_steps
from tetrarium.engine.pieces import MAX_ORIENTATIONS, PIECE_WIDTHS
from tetrarium.environment.core import GameCore
from tetrarium.environment.rendering import render_rgb
from tetrarium.environment.scene import ColourBoard, state_looks
from tetrarium.environment.text_board import render_ansi
from tetrarium.errors import ConfigError, suggestion

__all__ = ["RENDER_MODES", "Drawer", "make_drawer"]

RENDER_MODES: Final = ("ansi", "rgb_array")


class Drawer:
    """Draws games, each cell in the colour of the piece that left it.

    The current piece hovers in the middle, and its ghost lies where it would land from there. In a game by keys it is
    drawn where it is.

    Args:
        core: The games.
        render_mode: ``"ansi"`` for text, ``"rgb_array"`` for ``(height, width, 3) uint8``.
    """

    def __init__(self, core: GameCore, render_mode: str) -> None:
        self._core = core
        self._draw = render_ansi if render_mode == "ansi" else render_rgb
        self._boards = [self._board(index) for index in range(core.games.n_games)]

    def begin(self, index: int) -> None:
        """Takes a game as it is now; what piece left a cell is not known of a board that is not empty."""
        self._boards[index] = self._board(index)

    def follow(self, index: int) -> None:
        """Takes in the placement that the core's last step made in a game that is still the same."""
        if self._core.by_keys:
            self._follow_key(index)
            return
        games = self._core.games
        rotation, column, row, _ = games.placements[index].tolist()
        clears = bool(games.step_lines[index])
        self._boards[index].rest(int(games.step_piece[index]), rotation, column, row, clears=clears)

    def _follow_key(self, index: int) -> None:
        step = self._core.games.done[index].tolist()
        if step[key_steps.LOCKED]:
            rotation, column, row = step[key_steps.LOCK_ROTATION : key_steps.LOCK_ROW + 1]
            clears = step[key_steps.STEP_LINES] > 0
            self._boards[index].rest(step[key_steps.LOCKED] - 1, rotation, column, row, clears=clears)

    def draw(self, index: int, score: int) -> Any:
        """Returns the picture of a game."""
        games, config = self._core.games, self._core.config
        return self._draw(
            columns=games.columns[index],
            height=config.height,
            queue=tuple(games.queue[index].tolist()),
            lines=int(games.lines[index]),
            pieces=int(games.pieces[index]),
            colours=self._boards[index].cells,
            **({} if self._core.by_keys else {"score": score, **self._hovering(index)}),
            **state_looks(games.state(index), can_hold=config.hold),
        )

    def _hovering(self, index: int) -> dict[str, Any]:
        games = self._core.games
        if games.over[index]:
            return {}
        piece = games.queue[index, 0]
        return {"action": MAX_ORIENTATIONS * ((self._core.config.width - int(PIECE_WIDTHS[piece, 0])) // 2)}

    def _board(self, index: int) -> ColourBoard:
        config = self._core.config
        return ColourBoard(config.width, config.height, self._core.games.columns[index])


def make_drawer(core: GameCore, render_mode: str | None) -> Drawer | None:
    """Makes a drawer, or none where no pictures are wanted.

    Raises:
        ConfigError: if the render mode is unknown.
    """
    if render_mode is None:
        return None
    if render_mode not in RENDER_MODES:
        raise ConfigError(
            f"render_mode is one of {', '.join(RENDER_MODES)}, or none; got {render_mode!r}."
            f"{suggestion(str(render_mode), RENDER_MODES)}"
        )
    return Drawer(core, render_mode)
