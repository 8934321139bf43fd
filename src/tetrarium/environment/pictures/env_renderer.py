"""Rendering of a core's games for the environments' render modes.

The pieces of cells are not part of a game's state, so a renderer follows the placements from its creation on.
"""

from dataclasses import replace
from typing import Any, Final

from tetrarium.engine import MAX_ORIENTATIONS, PIECE_WIDTHS, GameState
from tetrarium.engine.keyplay import steps as key_steps
from tetrarium.environment.board_snapshot import PieceGrid, state_snapshot
from tetrarium.environment.core import GameCore
from tetrarium.environment.pictures.rendering import render_rgb
from tetrarium.environment.pictures.text_board import render_ansi
from tetrarium.errors import ConfigError, suggestion

RENDER_MODES: Final = ("ansi", "rgb_array")


class EnvRenderer:
    """Renderer of games, each cell in the color of the piece that left it.

    The current piece waits above the middle of the board, and its ghost lies where it would land from there. In a game
    by keys the piece is drawn where it is.

    ``render_mode``: ``"ansi"`` for text, ``"rgb_array"`` for ``(height, width, 3) uint8``.
    """

    def __init__(self, core: GameCore, render_mode: str) -> None:
        self._core = core
        self._render = render_ansi if render_mode == "ansi" else render_rgb
        self._grids = [self._grid(index) for index in range(core.games.n_games)]

    def begin(self, index: int) -> None:
        """Starts to follow a game in its present state; the pieces of cells already filled are unknown."""
        self._grids[index] = self._grid(index)

    def follow(self, index: int) -> None:
        """Applies the placement of the core's last step to a game that it did not restart."""
        if self._core.by_keys:
            self._follow_key(index)
            return
        games = self._core.games
        rotation, column, row, _ = games.placements[index].tolist()
        clears = bool(games.step_lines[index])
        self._grids[index].lock(int(games.step_piece[index]), rotation, column, row, clears=clears)

    def _follow_key(self, index: int) -> None:
        step = self._core.games.step_record[index].tolist()
        if step[key_steps.LOCKED]:
            rotation, column, row = step[key_steps.LOCK_ROTATION : key_steps.LOCK_ROW + 1]
            clears = bool(self._core.games.step_lines[index])
            self._grids[index].lock(step[key_steps.LOCKED] - 1, rotation, column, row, clears=clears)

    def draw(self, index: int, score: int) -> Any:
        """Returns the picture of a game."""
        config, state, cells = self._core.config, self._core.games.state(index), self._grids[index].cells
        action = None if state.terminated else self._hover_action(state)
        snapshot = state_snapshot(state, height=config.height, cells=cells, can_hold=config.hold, action=action)
        return self._render(snapshot if self._core.by_keys else replace(snapshot, score=score))

    def _hover_action(self, state: GameState) -> int:
        """Returns the action that drops the piece from where it waits."""
        return MAX_ORIENTATIONS * ((self._core.config.width - int(PIECE_WIDTHS[state.queue[0], 0])) // 2)

    def _grid(self, index: int) -> PieceGrid:
        config = self._core.config
        return PieceGrid(config.width, config.height, self._core.games.columns[index])


def make_renderer(core: GameCore, render_mode: str | None) -> EnvRenderer | None:
    """Returns the renderer of a render mode, or None without one.

    Raises:
        ConfigError: if the render mode is unknown.
    """
    if render_mode is None:
        return None
    if not isinstance(render_mode, str) or render_mode not in RENDER_MODES:
        raise ConfigError(
            f"render_mode is one of {', '.join(RENDER_MODES)}, or none; got {render_mode!r}."
            f"{suggestion(str(render_mode), RENDER_MODES)}",
            field="render_mode",
        )
    return EnvRenderer(core, render_mode)
