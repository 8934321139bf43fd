"""Worker process of a human game: ``python -m tetrarium.workers human-game ID``.

It executes the person's game step by step, and the opponent's beside it, and publishes what has changed. Without a
viewer the game is paused; after some minutes without viewers, or without keys, the process ends. A game is saved in the
home when it ends or is abandoned. The folder is deleted when the process is stopped; one that failed leaves it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Final

from tetrarium.engine.keyplay.games import are_key_kernels_cached
from tetrarium.environment import EnvConfig
from tetrarium.environment.core import random_seed
from tetrarium.errors import TetrariumError
from tetrarium.events import StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import resolve_policy
from tetrarium.training.runs.control import Control
from tetrarium.workers.directories.game_reference import resolve_game
from tetrarium.workers.directories.human_starts import human_start
from tetrarium.workers.directories.process_directory import HUMAN_GAMES
from tetrarium.workers.human_play.human_game_control import (
    HUMAN_GAME,
    MODES,
    HumanGameControl,
    KeyEvent,
    SessionOptions,
)
from tetrarium.workers.human_play.opponent import Advisor, Opponent, opponent_config
from tetrarium.workers.human_play.saved_games import import_game, is_human_game, save_game
from tetrarium.workers.human_play.session import GameSession
from tetrarium.workers.processes.fork_server import load_kernels
from tetrarium.workers.processes.worker_host import host_until_stopped
from tetrarium.workers.protocol.server import WorkerServer

_UNWATCHED_S: Final = 300.0
_IDLE_LIMIT_S: Final = 1_800.0  # without keys, for a game with a viewer that is not being played
_MIN_BOARD_INTERVAL_S: Final = 1 / 120
_CLOCK_INTERVAL_S: Final = 0.25  # between events in which only the time has changed
_IDLE_WAIT_S: Final = 0.05


def prepare() -> None:
    """Loads the kernels of human games in the fork server."""
    load_kernels()
    if are_key_kernels_cached():
        _load_key_kernels(SessionOptions())


def play_human_game(home: Home, name: str, *, lock: int | None, starter: int | None = None) -> int:
    """Runs a human game until it is stopped; returns the process's exit code."""
    folder = home.human_game_folder(name)

    def begin() -> tuple[Control, Callable[[WorkerServer], None]]:
        control = HumanGameControl(HUMAN_GAMES.read_config(home, name).options)
        return control, lambda server: _SessionLoop(home, control, server).run()

    return host_until_stopped(folder, HUMAN_GAME, begin, lock=lock, starter=starter)


class _SessionLoop:
    """Main loop of a human game's process: its sessions, one after another, and their events."""

    def __init__(self, home: Home, control: HumanGameControl, server: WorkerServer) -> None:
        self._home = home
        self._control = control
        self._publish = server.publish
        self._known: dict[str, tuple[Any, EnvConfig | None]] = {}  # loaded policies, by agent reference
        self._options = control.options
        self._n_games = 0
        self._saved_as = ""
        self._is_saved = False
        self._message = ""
        self._refusals: dict[str, str] = {}  # messages by "opponent" and "advice"
        self._published_s = 0.0
        self._last_input_s = self._watched_s = time.monotonic()
        self._was_watched = False

    def run(self) -> None:
        """Runs sessions until a stop is requested."""
        control = self._control
        self._session = GameSession(self._options, seed=0)
        self._warm()
        self._begin(self._options)
        self._publish_state("running", "Ready.")
        while not control.is_stop_requested:
            now_s = time.monotonic()
            self._execute_requests(now_s)
            self._track_viewers(now_s)
            self._session.run_until(now_s)
            self._session.advise()
            if self._session.has_ended:
                self._save()
            self._show(now_s)
            wait_s = self._session.wait_s(time.monotonic())
            control.wait(_IDLE_WAIT_S if wait_s is None else wait_s)
        self._save()
        self._publish_state("stopped", f"Stopped after {self._n_games:,} games.")

    def _warm(self) -> None:
        """Loads or compiles the kernels before the first game."""
        if not are_key_kernels_cached():
            self._show_preparing("The first game on this machine compiles the engine. This takes about ten seconds.")
        _load_key_kernels(self._options)

    def _begin(self, options: SessionOptions) -> None:
        """Begins a new game; abandons the current one, if any."""
        self._save()
        self._n_games += 1
        self._saved_as, self._is_saved, self._message = "", False, ""
        self._session, self._options = self._make_session(options)
        self._control.is_paused = False
        self._load_opponent()
        self._load_advisor()

    def _make_session(self, options: SessionOptions) -> tuple[GameSession, SessionOptions]:
        """Returns a session and its options, some of which a person's game that is played back determines."""
        seed = random_seed() if options.seed is None else options.seed
        if options.start is None:
            return GameSession(options, seed), options
        try:
            game = resolve_game(options.start, self._home, reads_paths=False)
            replay = game.replay
            if replay is None or not is_human_game(replay):
                return GameSession(options, seed, human_start(game, options.start_pieces, seed)), options
        except TetrariumError as error:
            self._message = str(error)
            return GameSession(options, seed), replace(options, start=None)
        mode = str(replay.about.get("mode", ""))
        known = mode if mode in MODES else options.mode
        options = replace(options, mode=known, level=replay.env_config.first_level, seed=replay.seed)
        session = GameSession(options, replay.seed)
        session.play_back(replay.action_numbers(), options.start_pieces)
        return session, options

    def _change(self, options: SessionOptions) -> None:
        """Applies the options that can change during a game."""
        before, self._options = self._options, options
        self._session.keys.handling = options.handling
        self._session.pace = options.pace
        if options.advice != before.advice:
            self._load_advisor()

    def _load_opponent(self) -> None:
        found, session = self._load_policy("opponent", self._options.opponent), self._session
        if found is not None and session.game.starts_from_position:
            self._refusals["opponent"] = (
                "An opponent plays games that start with an empty board; this one starts from a position. Start a new "
                "game to play against it."
            )
        elif found is not None:
            session.opponent = Opponent(*found, seed=session.game.seed, goal=session.goal)

    def _load_advisor(self) -> None:
        found = self._load_policy("advice", self._options.advice)
        self._session.advisor = None if found is None else Advisor(*found)
        if self._session.advisor is not None:
            self._session.advisor.advise(self._session.game.state)  # loads its kernels
        self._session.is_changed = True

    def _load_policy(self, part: str, agent: str | None) -> tuple[Any, EnvConfig] | None:
        """Returns a policy and its config, or None if none is wanted or it cannot play; notes why in ``_refusals``."""
        self._refusals.pop(part, None)
        if agent is None:
            return None
        try:
            if agent not in self._known:
                self._show_preparing(f"Loading {agent}.")
                self._known[agent] = resolve_policy(agent, self._home)
            policy, trained_for = self._known[agent]
            return policy, opponent_config(policy, trained_for, self._session.game.config)
        except TetrariumError as error:
            self._refusals[part] = str(error)
            return None

    def _execute_requests(self, now_s: float) -> None:
        for request in self._control.take_requests():
            self._last_input_s = now_s
            if isinstance(request, KeyEvent):
                self._session.press(request)
            elif isinstance(request, SessionOptions):
                self._begin(request)
            else:
                self._change(self._control.options)
        if self._control.is_paused:
            self._session.pause()
            self._control.is_paused = self._session.phase == "paused"  # a game that has not begun cannot be paused
        elif self._session.phase == "paused":
            self._last_input_s = now_s
            self._session.resume(now_s)

    def _track_viewers(self, now_s: float) -> None:
        """Pauses the game while it has no viewer, and stops the process after long without viewers or keys."""
        is_watched = self._control.subscription.boards_per_second > 0
        if is_watched:
            self._watched_s = now_s
        elif self._was_watched:
            self._control.pause()
            self._session.pause()
        if is_watched and not self._was_watched:
            self._session.is_changed = self._session.is_opponent_changed = True
        self._was_watched = is_watched
        if self._session.phase == "playing":
            self._last_input_s = now_s
        if now_s - self._watched_s > _UNWATCHED_S or now_s - self._last_input_s > _IDLE_LIMIT_S:
            self._control.request_stop()

    def _save(self) -> None:
        """Saves the game that has ended or is abandoned, once, if a piece was placed."""
        if self._is_saved:
            return
        self._is_saved = True
        if self._session.game.state.pieces == 0:
            return
        try:
            opponent, opponent_game = self._session.opponent, ""
            if opponent is not None and opponent.pieces:
                opponent_game = import_game(self._home, opponent.replay(str(self._options.opponent)))
            self._saved_as = save_game(self._home, self._session.replay(opponent_game))
        except OSError as error:
            self._message = f"The game could not be saved: {error.strerror or error}. Free disk space in the home."
        self._session.is_changed = True

    def _show(self, now_s: float) -> None:
        """Publishes what has changed, if an event is due."""
        session = self._session
        is_unchanged = not session.is_changed and now_s - self._published_s < _CLOCK_INTERVAL_S
        if not self._was_watched or is_unchanged or now_s - self._published_s < _MIN_BOARD_INTERVAL_S:
            return
        self._published_s = now_s
        session.is_changed = False
        if session.opponent is not None and session.is_opponent_changed:
            session.is_opponent_changed = False
            self._publish(session.opponent.board(is_paused=session.phase != "playing"))
        self._publish(
            session.to_event(
                game=self._n_games,
                opponent=self._opponent_status(),
                advice=self._advice_status(),
                saved_as=self._saved_as,
                message=self._message,
            )
        )

    def _show_preparing(self, message: str) -> None:
        self._publish(self._session.to_event(phase="preparing", game=self._n_games, message=message))

    def _opponent_status(self) -> dict[str, Any] | None:
        opponent, agent = self._session.opponent, self._options.opponent
        if agent is None:
            return None
        if opponent is None:
            return {"agent": agent, "state": "refused", "message": self._refusals.get("opponent", "")}
        return {
            "agent": agent,
            "state": "ready",
            "message": "",
            "lines": opponent.lines,
            "pieces": opponent.pieces,
            "score": opponent.score,
            "lost": opponent.is_over,
            "finished": opponent.has_finished,
            "seconds": round(opponent.seconds, 3),
        }

    def _advice_status(self) -> dict[str, Any] | None:
        agent, advice = self._options.advice, self._session.advice
        if agent is None:
            return None
        if self._session.advisor is None:
            return {"agent": agent, "state": "refused", "message": self._refusals.get("advice", "")}
        return {
            "agent": agent,
            "state": "ready",
            "message": "",
            **({"cells": (), "value": None} if advice is None else asdict(advice)),
        }

    def _publish_state(self, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=self._n_games, message=message))


def _load_key_kernels(options: SessionOptions) -> None:
    """Loads or compiles the kernels of human games."""
    session = GameSession(options, seed=0)
    session.game.press("hard drop")
    session.to_event(game=0)
