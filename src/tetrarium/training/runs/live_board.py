"""Live boards of a training run, published to viewers: its own first game, or a demo game with its current policy.

Without viewers no board is computed and no placement waits. ``LiveBoard`` derives boards from the recorded actions, so
that training is unaffected, and paces placements on request. ``DemoGame`` serves an algorithm that plays whole games at
once: it runs in a thread with its own pieces, which training does not use.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from tetrarium.engine.board_tracker import BoardTracker
from tetrarium.environment.board_snapshot import RateLimiter, board_event, describe_action_values
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.environment.recording import GameRecorder
from tetrarium.evaluation.single_games import PolicyGame
from tetrarium.events import BoardShown, Event
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.control import Control

OWN_RATE: Final = 10.0  # boards per second in the terminal
PAUSED_RATE: Final = 4.0  # boards per second while paused, for viewers that connect meanwhile


class LiveBoard(RoundCallback):
    """Publishes the board of the first environment's game at the rate that viewers request."""

    def __init__(
        self,
        agent: TetrisAgent,
        recorder: GameRecorder,
        control: Control,
        publish: Callable[[Event], None],
        *,
        shows_board: bool,  # in the terminal, in addition to the viewers in ``control``
    ) -> None:
        super().__init__()
        assert isinstance(agent.vec_env, TetrisVecEnv)
        self._agent = agent
        self._games = agent.vec_env.core.games
        self._recorder = recorder
        self._control = control
        self._publish = publish
        self._own_rate = OWN_RATE if shows_board else 0.0
        self._rate_limiter = RateLimiter()
        self._tracker = BoardTracker(self._games.rules)
        self._tracker.warm()
        self._applied: tuple[tuple[int, ...], int] | None = None  # the game's start, and its actions so far

    def _on_step(self) -> bool:
        control = self._control
        if self._own_rate or control.subscription.boards_per_second:
            self._publish_if_due(self.locals.get("new_obs"))
            if control.is_paced:
                control.wait_for_turn(lambda: control.is_paced)
        return True

    def on_paused(self, elapsed_s: float) -> None:
        """Publishes the board of a paused run at a low rate, for viewers that connect meanwhile."""
        del elapsed_s
        self._publish_if_due(None)

    def _publish_if_due(self, observations: Any) -> None:
        control = self._control
        if control.mode == "no-display":
            return
        rate = max(self._own_rate, control.subscription.boards_per_second)
        if control.is_paused:
            rate = min(rate, PAUSED_RATE)
        is_every_move = control.is_paced and control.pieces_per_second <= rate and not control.is_paused
        if rate and (is_every_move or self._rate_limiter.is_due(rate, time.monotonic())):
            self._publish(self._board(observations))

    def _board(self, observations: Any) -> BoardShown:
        self._catch_up()
        action_values = None
        if self._control.subscription.action_values:
            if observations is None:
                observations = self._agent.learner.latest_observations
            if observations is not None:
                action_values = describe_action_values(
                    self._tracker, self._agent.learner.action_values(observations[0])
                )
        return board_event(
            self._tracker,
            step=self._agent.timesteps_trained,
            game=self._agent.statistics.games_ended_first + 1,
            action_values=action_values,
            is_paused=self._control.is_paused,
        )

    def _catch_up(self) -> None:
        """Applies the actions since the last published board; starts over if a new game has begun."""
        start, actions = self._recorder.start_stream(0), self._recorder.actions(0)
        n_applied = 0
        if start is None:
            self._tracker.begin_at(self._games.rows[0])
            self._applied = None
            return
        if self._applied is not None and self._applied[0] == start:
            n_applied = self._applied[1]
        else:
            self._tracker.begin(start)
        self._tracker.follow(actions[n_applied:])
        self._applied = (start, len(actions))


_IDLE_S: Final = 0.25  # between two checks for viewers


class DemoGame(RoundCallback):
    """Plays a demo game for viewers while an agent trains; sleeps without viewers.

    In the mode ``"live"`` it places as many pieces per second as boards are requested; in ``"every-move"``, at the
    requested speed. ``publish`` is called in the demo game's thread.
    """

    def __init__(
        self, agent: TetrisAgent, control: Control, publish: Callable[[Event], None], *, shows_board: bool
    ) -> None:
        super().__init__()
        assert agent.env_config is not None
        self._agent = agent
        self._control = control
        self._publish = publish
        self._own_rate = OWN_RATE if shows_board else 0.0
        self._config = agent.env_config
        self._tracker = BoardTracker(self._config.rules())
        self._rate_limiter = RateLimiter()
        self._policy: Any = agent.compiled_policy()
        self._n_games = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._play, name="demo-game", daemon=True)

    def _on_training_start(self) -> None:
        self._tracker.warm()
        self._thread.start()

    def _on_training_end(self) -> None:
        self._done.set()
        if self._thread.is_alive():  # it may not have started
            self._thread.join()

    def on_round_end(self) -> bool:
        """Passes the current policy to the demo game."""
        if self._rate:
            self._policy = self._agent.compiled_policy()
        return True

    @property
    def _rate(self) -> float:
        """Requested boards per second."""
        if self._control.mode == "no-display":
            return 0.0
        return max(self._own_rate, self._control.subscription.boards_per_second)

    def _play(self) -> None:
        game: PolicyGame | None = None
        while not self._done.is_set():
            if not self._rate:
                self._done.wait(_IDLE_S)
            elif self._control.is_paused and game is not None:
                self._publish_board(game, min(self._rate, PAUSED_RATE))
                self._done.wait(1 / PAUSED_RATE)
            else:
                game = self._advance(game)

    def _advance(self, game: PolicyGame | None) -> PolicyGame:
        """Makes one placement at its time, in a new game if the last one ended; returns the game."""
        control, rate = self._control, self._rate
        if game is None or game.next_action is None:
            game = PolicyGame(self._policy, self._config, self._agent.config.seed, self._n_games)
            self._n_games += 1
            self._tracker.begin(game.stream)
        speed = control.pieces_per_second if control.mode == "every-move" else rate
        control.wait_for_turn(lambda: not self._done.is_set() and self._rate > 0, speed)
        if game.next_action is not None and not control.is_paused:
            game.take_policy(self._policy)
            self._tracker.follow([game.next_action])
            game.place()
            if speed <= rate or self._rate_limiter.is_due(rate, time.monotonic()):
                self._publish_board(game)
        return game

    def _publish_board(self, game: PolicyGame, rate: float | None = None) -> None:
        if rate is not None and not self._rate_limiter.is_due(rate, time.monotonic()):
            return
        has_values = self._control.subscription.action_values and game.next_action is not None
        self._publish(
            board_event(
                self._tracker,
                step=self._agent.timesteps_trained,
                game=self._n_games,
                action_values=describe_action_values(self._tracker, game.values(), game.next_action)
                if has_values
                else None,
                is_paused=self._control.is_paused,
            )
        )
