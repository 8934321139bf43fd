"""Shows the first game of a run to whoever watches, and lets placements wait for their turn where that is asked for.

With nobody watching nothing is made, and no placement waits. What is shown is worked out from what the run records
anyway, so that nothing that is learnt from is touched.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tetrarium.engine.colouring import GameFollower
from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.showing import Cadence, shown_board, thoughts_of
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.events import BoardShown, Event
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.control import Control

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["OWN_RATE", "PAUSED_RATE", "Boards"]

OWN_RATE: Final = 10.0  # boards a second for whoever sits at the terminal
PAUSED_RATE: Final = 4.0  # for who begins to watch while nothing moves


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
        assert isinstance(agent.games, TetrisVecEnv)
        self._agent = agent
        self._games = agent.games.core.games
        self._recorder = recorder
        self._control = control
        self._publish = publish
        self._own_rate = OWN_RATE if shows_board else 0.0
        self._cadence = Cadence()
        self._follower = GameFollower(self._games.rules)
        self._follower.warm()
        self._followed: tuple[tuple[int, ...], int] | None = None  # the game's start, and its actions so far

    def _on_step(self) -> bool:
        control = self._control
        if self._own_rate or control.watching.boards_per_second:
            self._show_if_due(self.locals.get("new_obs"))
            if control.is_paced:
                control.wait_for_turn(lambda: control.is_paced)
        return True

    def rest(self, seconds: float) -> None:
        """Publishes the board of a paused run now and then, for those who begin to watch."""
        del seconds
        self._show_if_due(None)

    def _show_if_due(self, observations: Any) -> None:
        control = self._control
        if control.mode == "headless":
            return
        rate = max(self._own_rate, control.watching.boards_per_second)
        if control.is_paused:
            rate = min(rate, PAUSED_RATE)
        is_each = control.is_paced and control.pieces_per_second <= rate and not control.is_paused
        if rate and (is_each or self._cadence.is_due(rate, time.monotonic())):
            self._publish(self._board(observations))

    def _board(self, observations: Any) -> BoardShown:
        self._catch_up()
        thoughts = None
        if self._control.watching.thoughts:
            seen = self._agent.learner.latest_observations if observations is None else observations
            if seen is not None:
                thoughts = thoughts_of(self._follower, self._agent.learner.values(seen[0]))
        return shown_board(
            self._follower,
            step=self._agent.timesteps_trained,
            game=self._agent.statistics.games_ended_first + 1,
            thoughts=thoughts,
            is_paused=self._control.is_paused,
        )

    def _catch_up(self) -> None:
        """Follows what was played since the board was last shown, from the game's start if it is another."""
        begun, actions = self._recorder.begun(0), self._recorder.actions(0)
        n_known = 0
        if begun is None:
            self._follower.begin_at(self._games.rows[0])
            self._followed = None
            return
        if self._followed is not None and self._followed[0] == begun:
            n_known = self._followed[1]
        else:
            self._follower.begin(begun)
        self._follower.follow(actions[n_known:])
        self._followed = (begun, len(actions))
