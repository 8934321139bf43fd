"""Shows the first game of a run to whoever watches, and lets placements wait for their turn where that is asked for.

With nobody watching nothing is made, and no placement waits.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tetrarium.engine.boards import board_cells
from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.scene import ROWS_ABOVE
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.events import BoardShown, Event
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.control import Control

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Boards"]

_OWN_RATE: Final = 10.0  # boards a second for whoever sits at the terminal


class Boards(RoundCallback):
    """Publishes the first game's board as often as watchers want.

    Args:
        agent: What is trained.
        recorder: Knows what was played.
        control: What is asked for.
        publish: Is given the boards.
        shows_board: Whether somebody watches beside those whom the control knows of.
    """

    def __init__(
        self,
        agent: "TetrisAgent",
        recorder: GameRecorder,
        control: Control,
        publish: Callable[[Event], None],
        *,
        shows_board: bool,
    ) -> None:
        super().__init__()
        self._agent = agent
        self._recorder = recorder
        self._control = control
        self._publish = publish
        self._own_rate = _OWN_RATE if shows_board else 0.0
        self._shown_s = 0.0

    def _on_step(self) -> bool:
        control = self._control
        if self._own_rate or control.watching.boards_per_second:
            self._show_if_due(control)
            if control.is_paced:
                control.wait_for_turn(lambda: control.is_paced)
        return True

    def show(self) -> None:
        """Publishes the board if it is time to."""
        self._show_if_due(self._control)

    def _show_if_due(self, control: Control) -> None:
        if control.mode == "headless":
            return
        rate = max(self._own_rate, control.watching.boards_per_second)
        now_s = time.monotonic()
        if rate and now_s - self._shown_s >= 1 / rate:
            self._shown_s = now_s
            self._publish(self._board())

    def _board(self) -> BoardShown:
        games: Any = self._agent.games
        assert isinstance(games, TetrisVecEnv)
        state = games.core.games.state(0)
        height = games.config.height
        filled = board_cells(games.core.games.columns[0], height + ROWS_ABOVE)
        return BoardShown(
            width=games.config.width,
            height=height,
            cells="".join("x" if cell else "." for cell in filled.ravel().tolist()),
            queue=state.queue,
            lines_game=state.lines,
            pieces_game=state.pieces,
            step=self._agent.timesteps_trained,
            paused=self._control.is_paused,
            sent_s=time.time(),
        )
