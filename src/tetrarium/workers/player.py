"""A process that plays for people to watch: what ``python -m tetrarium.workers play ID`` does.

It plays at its pace while somebody watches, and makes no placement otherwise. It lives until it is stopped, and ends by
itself once nobody has watched for an hour, so that none is forgotten. Stopped, it leaves nothing behind; one that
failed leaves its folder with the reason.
"""

import shutil
import signal
import time
from collections.abc import Iterator
from typing import Final

from tetrarium.engine.colouring import GameFollower
from tetrarium.environment import EnvConfig
from tetrarium.environment.showing import Cadence, shown_board, thoughts_of
from tetrarium.errors import TetrariumError
from tetrarium.evaluation.played import PlayedGame, games_of_policy, games_of_replay
from tetrarium.events import StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.finding import find_policy, find_replay
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.folder import only_trainer
from tetrarium.workers.files import WorkerState
from tetrarium.workers.players import PlayerConfig
from tetrarium.workers.server import WorkerServer

__all__ = ["play"]

_UNWATCHED_S: Final = 3_600.0
_BETWEEN_GAMES_S: Final = 2.0
_PAUSED_BOARDS: Final = 4.0  # a second, for who begins to watch while nothing moves


def play(home: Home, name: str, *, lock: int | None) -> int:
    """Plays until it is stopped; returns the process's exit code."""
    folder = home.player_folder(name)
    control = Control("every-move")

    def stop(*_: object) -> None:
        control.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with only_trainer(folder, lock):
        try:
            config = PlayerConfig.read(folder)
            control.set_speed(config.pieces_per_second)
            with WorkerServer(folder, "player", control) as server:
                games, env_config = _games(home, config)
                _Player(games, env_config, control, server).run()
        except Exception as error:
            text = str(error) or type(error).__name__
            WorkerState(state="failed", message=f"Failed: {text}", error=text).write(folder)
            if not isinstance(error, TetrariumError):
                raise
            return 1
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _games(home: Home, config: PlayerConfig) -> tuple[Iterator[PlayedGame], EnvConfig]:
    replay = find_replay(config.what)
    if replay is not None:
        return games_of_replay(replay), replay.env_config
    policy, trained_for = find_policy(config.what, home)
    given = None if config.env_config is None else EnvConfig.from_dict(config.env_config)
    env_config = given or trained_for or EnvConfig()
    return games_of_policy(policy, env_config, config.seed), env_config


class _Player:
    """The pace, and what is shown."""

    def __init__(
        self, games: Iterator[PlayedGame], env_config: EnvConfig, control: Control, server: WorkerServer
    ) -> None:
        self._games = games
        self._control = control
        self._publish = server.publish
        self._follower = GameFollower(env_config.rules())
        self._number = 0
        self._n_placed = 0
        self._cadence = Cadence()
        self._is_told_paused = False
        self._watched_s = time.monotonic()

    def run(self) -> None:
        """Plays game after game."""
        control = self._control
        self._follower.warm()
        game = next(self._games)
        self._tell("running", "Playing.")
        while not control.is_stop_asked:
            self._number += 1
            self._follower.begin(game.stream)
            control.begin_new_game()
            self._play(game)
            game = next(self._games)
        self._tell("stopped", f"Stopped after {self._n_placed:,} pieces.")

    def _play(self, game: PlayedGame) -> None:
        control = self._control
        self._show(game)
        while game.coming is not None and self._may_go_on(game):
            control.wait_for_turn(lambda: True)
            if control.is_paused or control.is_stop_asked:
                continue
            self._follower.follow([game.coming])
            game.place()
            self._n_placed += 1
            self._show(game)
        self._show(game)
        until_s = time.monotonic() + _BETWEEN_GAMES_S
        while game.coming is None and time.monotonic() < until_s and not self._is_moving_on():
            control.wait(until_s - time.monotonic())

    def _may_go_on(self, game: PlayedGame) -> bool:
        """Waits while the game is paused or nobody watches; false once it is to end."""
        control = self._control
        while not self._is_moving_on():
            self._tell_pause()
            is_watched = control.watching.boards_per_second > 0
            if is_watched:
                self._watched_s = time.monotonic()
            elif time.monotonic() - self._watched_s > _UNWATCHED_S:
                control.ask_to_stop()
            if is_watched and not control.is_paused:
                return True
            self._show(game)
            control.wait(1.0)
        return False

    def _is_moving_on(self) -> bool:
        return self._control.is_stop_asked or self._control.is_new_game_asked

    def _tell_pause(self) -> None:
        if self._control.is_paused != self._is_told_paused:
            self._is_told_paused = self._control.is_paused
            if self._is_told_paused:
                self._tell("paused", f"Paused at piece {self._follower.pieces:,}.")
            else:
                self._tell("running", "Playing.")

    def _show(self, game: PlayedGame) -> None:
        """Publishes the board if it is time to."""
        watching = self._control.watching
        rate = min(watching.boards_per_second, _PAUSED_BOARDS if self._control.is_paused else float("inf"))
        is_each = self._control.pieces_per_second <= rate and not self._control.is_paused
        if not rate or not (is_each or self._cadence.is_due(rate, time.monotonic())):
            return
        values = game.values() if watching.thoughts and game.coming is not None else None
        self._publish(
            shown_board(
                self._follower,
                step=self._n_placed,
                game=self._number,
                thoughts=thoughts_of(self._follower, values, game.coming),
                is_paused=self._control.is_paused,
            )
        )

    def _tell(self, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=self._n_placed, message=message))
