"""A game for people to watch beside an algorithm that plays whole games at once: by the weights that play now.

It is played by a thread of its own, with pieces of its own, and nothing is learnt from it. With nobody watching the
thread sleeps. Live, it places as many pieces a second as boards are wanted; in ``"every-move"`` as many as asked for.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tetrarium.engine.colouring import GameFollower
from tetrarium.environment.showing import Cadence, shown_board, thoughts_of
from tetrarium.evaluation.played import PolicyGame
from tetrarium.events import Event
from tetrarium.training.runs.boards import OWN_RATE, PAUSED_RATE
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.control import Control

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Exhibition"]

_IDLE_S: Final = 0.25  # between two looks whether somebody watches


class Exhibition(RoundCallback):
    """Plays for watchers while an agent trains.

    Args:
        agent: What is trained.
        control: What is asked for.
        publish: Is given the boards, from a thread of its own.
        shows_board: Whether somebody watches beside those whom the control knows of.
    """

    def __init__(
        self, agent: "TetrisAgent", control: Control, publish: Callable[[Event], None], *, shows_board: bool
    ) -> None:
        super().__init__()
        assert agent.env_config is not None
        self._agent = agent
        self._control = control
        self._publish = publish
        self._own_rate = OWN_RATE if shows_board else 0.0
        self._config = agent.env_config
        self._follower = GameFollower(self._config.rules())
        self._cadence = Cadence()
        self._policy: Any = agent.playing_policy()
        self._n_games = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._play, name="exhibition", daemon=True)

    def _on_training_start(self) -> None:
        self._follower.warm()
        self._thread.start()

    def _on_training_end(self) -> None:
        self._done.set()
        if self._thread.is_alive():  # it may not have begun
            self._thread.join()

    def on_round_end(self) -> bool:
        """Lets the weights of now play."""
        if self._rate:
            self._policy = self._agent.playing_policy()
        return True

    @property
    def _rate(self) -> float:
        """Boards a second that are wanted."""
        if self._control.mode == "headless":
            return 0.0
        return max(self._own_rate, self._control.watching.boards_per_second)

    def _play(self) -> None:
        game: PolicyGame | None = None
        while not self._done.is_set():
            if not self._rate:
                self._done.wait(_IDLE_S)
            elif self._control.is_paused and game is not None:
                self._show(game, min(self._rate, PAUSED_RATE))
                self._done.wait(1 / PAUSED_RATE)
            else:
                game = self._moved(game)

    def _moved(self, game: PolicyGame | None) -> PolicyGame:
        """Makes one placement when it has its turn, or begins a game."""
        control, rate = self._control, self._rate
        if game is None or game.coming is None:
            game = PolicyGame(self._policy, self._config, self._agent.config.seed, self._n_games)
            self._n_games += 1
            self._follower.begin(game.stream)
        speed = control.pieces_per_second if control.mode == "every-move" else rate
        control.wait_for_turn(lambda: not self._done.is_set() and self._rate > 0, speed)
        if game.coming is not None and not control.is_paused:
            game.take_policy(self._policy)
            self._follower.follow([game.coming])
            game.place()
            if speed <= rate or self._cadence.is_due(rate, time.monotonic()):
                self._show(game)
        return game

    def _show(self, game: PolicyGame, rate: float | None = None) -> None:
        if rate is not None and not self._cadence.is_due(rate, time.monotonic()):
            return
        thinks = self._control.watching.thoughts and game.coming is not None
        self._publish(
            shown_board(
                self._follower,
                step=self._agent.timesteps_trained,
                game=self._n_games,
                thoughts=thoughts_of(self._follower, game.values(), game.coming) if thinks else None,
                is_paused=self._control.is_paused,
            )
        )
