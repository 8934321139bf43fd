"""A process in which a person plays: what ``python -m tetrarium.workers hand ID`` does.

It plays the person's game key step by key step, the opponent's beside it, and shows what has changed. While nobody
watches it stands still; after some minutes of that, or of nobody pressing anything, it ends by itself. What has been
played is kept in the home whenever a game ends or is given up. Stopped, its folder is gone; one that failed leaves it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from tetrarium.engine.key_games import are_key_kernels_cached
from tetrarium.environment import EnvConfig
from tetrarium.environment.tetris_env import fresh_seed
from tetrarium.errors import TetrariumError
from tetrarium.events import StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.finding import find_policy
from tetrarium.training.runs.control import Control
from tetrarium.workers.hand_orders import HandControl, KeyEvent, Wishes
from tetrarium.workers.hand_rounds import HandRound, hand_game
from tetrarium.workers.hands import HandConfig
from tetrarium.workers.hosting import host_until_stopped
from tetrarium.workers.kept_games import keep_game
from tetrarium.workers.preparing import load_kernels
from tetrarium.workers.rivals import Adviser, Opponent, rival_game
from tetrarium.workers.server import WorkerServer

__all__ = ["hand", "prepare"]

_UNWATCHED_S: Final = 300.0
_UNTOUCHED_S: Final = 1_800.0  # of a game that is paused, not begun or over, before somebody's eyes
_BOARD_EVERY_S: Final = 1 / 120  # at most
_STILL_EVERY_S: Final = 0.25  # where nothing changes but time
_IDLE_S: Final = 0.05


def prepare() -> None:
    """Loads what a person's game needs, in a process of which those in which people play will be forks."""
    load_kernels()
    if are_key_kernels_cached():
        _press_once(Wishes())


def hand(home: Home, name: str, *, lock: int | None) -> int:
    """Lets a person play until it is stopped; returns the process's exit code."""
    folder = home.hand_folder(name)

    def begin() -> tuple[Control, Callable[[WorkerServer], None]]:
        control = HandControl(HandConfig.read(folder).wishes)
        return control, lambda server: _Hand(home, control, server).run()

    return host_until_stopped(folder, "hand", begin, lock=lock)


class _Hand:
    """The time, what is shown, and one round after another."""

    def __init__(self, home: Home, control: HandControl, server: WorkerServer) -> None:
        self._home = home
        self._control = control
        self._publish = server.publish
        self._known: dict[str, tuple[Any, EnvConfig | None]] = {}  # policies that were found, by name
        self._wishes = control.wishes
        self._n_rounds = 0
        self._kept = ""
        self._is_kept = False
        self._message = ""
        self._refusals: dict[str, str] = {}  # why there is no opponent, or no advice
        self._shown_s = 0.0
        self._touched_s = self._watched_s = time.monotonic()
        self._was_watched = False

    def run(self) -> None:
        """Plays until it is stopped."""
        control = self._control
        self._round = HandRound(self._wishes, seed=0)
        self._warm()
        self._begin(self._wishes)
        self._tell("running", "Ready.")
        while not control.is_stop_asked:
            now_s = time.monotonic()
            self._obey(now_s)
            self._attend(now_s)
            self._round.run_until(now_s)
            self._round.advise()
            if self._round.has_ended:
                self._keep()
            self._show(now_s)
            wait_s = self._round.wait_s(time.monotonic())
            control.wait(_IDLE_S if wait_s is None else wait_s)
        self._keep()
        self._tell("stopped", f"Stopped after {self._n_rounds:,} games.")

    def _warm(self) -> None:
        """Loads the kernels, or compiles them, before anybody waits for them."""
        if not are_key_kernels_cached():
            self._show_preparing("The first game on this machine compiles the engine, which takes some ten seconds.")
        _press_once(self._wishes)

    def _begin(self, wishes: Wishes) -> None:
        """Gives up the game under way, if any, for the next one."""
        self._keep()
        self._n_rounds += 1
        self._kept, self._is_kept, self._message = "", False, ""
        self._wishes = wishes
        self._round = HandRound(wishes, fresh_seed() if wishes.seed is None else wishes.seed)
        self._control.is_paused = False
        self._seat_opponent()
        self._seat_adviser()

    def _change(self, wishes: Wishes) -> None:
        """Takes in what can change in the middle of a game."""
        before, self._wishes = self._wishes, wishes
        self._round.keys.handling = wishes.handling
        self._round.pace = wishes.pace
        if wishes.advice != before.advice:
            self._seat_adviser()

    def _seat_opponent(self) -> None:
        found = self._find("opponent", self._wishes.opponent)
        if found is not None:
            played = self._round
            played.opponent = Opponent(*found, seed=played.game.seed, goal=played.goal)

    def _seat_adviser(self) -> None:
        found = self._find("advice", self._wishes.advice)
        self._round.adviser = None if found is None else Adviser(*found)
        if self._round.adviser is not None:
            self._round.adviser.advise(self._round.game.state)  # loads its kernels
        self._round.is_changed = True

    def _find(self, part: str, what: str | None) -> tuple[Any, EnvConfig] | None:
        """Finds who plays, and the game it plays; None where nobody is wanted, or it cannot, which is told."""
        self._refusals.pop(part, None)
        if what is None:
            return None
        try:
            if what not in self._known:
                self._show_preparing(f"Getting {what}.")
                self._known[what] = find_policy(what, self._home)
            policy, trained_for = self._known[what]
            return policy, rival_game(policy, trained_for, hand_game(self._wishes.level))
        except TetrariumError as error:
            self._refusals[part] = str(error)
            return None

    def _obey(self, now_s: float) -> None:
        for order in self._control.orders():
            self._touched_s = now_s
            if isinstance(order, KeyEvent):
                self._round.press(order)
            elif isinstance(order, Wishes):
                self._begin(order)
            else:
                self._change(self._control.wishes)
        if self._control.is_paused:
            self._round.pause()
            self._control.is_paused = self._round.phase == "paused"  # what has not begun cannot be paused
        elif self._round.phase == "paused":
            self._touched_s = now_s
            self._round.resume(now_s)

    def _attend(self, now_s: float) -> None:
        """Lets the game stand still while nobody watches, and ends it once nobody has for long."""
        is_watched = self._control.watching.boards_per_second > 0
        if is_watched:
            self._watched_s = now_s
        elif self._was_watched:
            self._control.pause()
            self._round.pause()
        if is_watched and not self._was_watched:
            self._round.is_changed = self._round.is_opponent_changed = True
        self._was_watched = is_watched
        if self._round.phase == "playing":
            self._touched_s = now_s
        if now_s - self._watched_s > _UNWATCHED_S or now_s - self._touched_s > _UNTOUCHED_S:
            self._control.ask_to_stop()

    def _keep(self) -> None:
        """Keeps the game that has ended or is given up, once, if anything was played."""
        if self._is_kept:
            return
        self._is_kept = True
        if self._round.game.state.pieces == 0:
            return
        try:
            self._kept = keep_game(self._home, self._round.replay())
        except OSError as error:
            self._message = f"This game could not be kept: {error.strerror or error}. Make room in the home."
        self._round.is_changed = True

    def _show(self, now_s: float) -> None:
        """Publishes what has changed, if it is time to."""
        played = self._round
        is_still = not played.is_changed and now_s - self._shown_s < _STILL_EVERY_S
        if not self._was_watched or is_still or now_s - self._shown_s < _BOARD_EVERY_S:
            return
        self._shown_s = now_s
        played.is_changed = False
        if played.opponent is not None and played.is_opponent_changed:
            played.is_opponent_changed = False
            self._publish(played.opponent.board(is_paused=played.phase != "playing"))
        self._publish(
            played.shown(
                game=self._n_rounds,
                opponent=self._opponent_shown(),
                advice=self._advice_shown(),
                kept=self._kept,
                message=self._message,
            )
        )

    def _show_preparing(self, message: str) -> None:
        self._publish(self._round.shown(phase="preparing", game=self._n_rounds, message=message))

    def _opponent_shown(self) -> dict[str, Any] | None:
        opponent, what = self._round.opponent, self._wishes.opponent
        if what is None:
            return None
        if opponent is None:
            return {"what": what, "state": "refused", "message": self._refusals.get("opponent", "")}
        return {
            "what": what,
            "state": "ready",
            "message": "",
            "lines": opponent.lines,
            "pieces": opponent.pieces,
            "score": opponent.score,
            "over": opponent.is_over,
            "finished": opponent.has_finished,
            "seconds": round(opponent.seconds, 3),
        }

    def _advice_shown(self) -> dict[str, Any] | None:
        what, advice = self._wishes.advice, self._round.advice
        if what is None:
            return None
        if self._round.adviser is None:
            return {"what": what, "state": "refused", "message": self._refusals.get("advice", "")}
        return {
            "what": what,
            "state": "ready",
            "message": "",
            **({"cells": (), "value": None} if advice is None else asdict(advice)),
        }

    def _tell(self, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=self._n_rounds, message=message))


def _press_once(wishes: Wishes) -> None:
    """Loads the kernels of a person's game, or compiles them."""
    played = HandRound(wishes, seed=0)
    played.game.press("hard drop")
    played.shown(game=0)
