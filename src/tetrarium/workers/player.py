"""A process that plays for people to watch: what ``python -m tetrarium.workers play ID`` does.

One policy plays, or up to nine at a table, all at one pace; one alone is told as ``board-shown``, a table as
``seats-shown``. They play while somebody watches, and make no placement otherwise. The process lives until it is
stopped, and ends by itself once nobody has watched for long, so that none is forgotten. Stopped, it leaves nothing
behind; one that failed leaves its folder with the reason.
"""

import time
from collections.abc import Callable
from typing import Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.showing import Cadence
from tetrarium.errors import TetrariumError
from tetrarium.evaluation.played import games_of_policy, games_of_replay
from tetrarium.events import StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.finding import find_policy, find_replay
from tetrarium.training.runs.control import Control
from tetrarium.workers.hosting import host_until_stopped
from tetrarium.workers.players import PlayerConfig
from tetrarium.workers.preparing import load_kernels
from tetrarium.workers.seats import Seat, Table
from tetrarium.workers.server import WorkerServer

__all__ = ["make_table", "play", "prepare"]

_UNWATCHED_S: Final = 3_600.0
_UNWATCHED_TABLE_S: Final = 300.0  # nobody comes back to a wall, and it holds many policies
_N_SEEDS: Final = 2**32
_PAUSED_BOARDS: Final = 4.0  # a second, for who begins to watch while nothing moves


def prepare() -> None:
    """Loads what playing needs, in a process of which those that play will be forks."""
    load_kernels()


def play(home: Home, name: str, *, lock: int | None) -> int:
    """Plays until it is stopped; returns the process's exit code."""
    folder = home.player_folder(name)

    def begin() -> tuple[Control, Callable[[WorkerServer], None]]:
        config = PlayerConfig.read(folder)
        control = Control("every-move")
        control.set_speed(config.pieces_per_second)
        return control, lambda server: _Player(make_table(home, config), config, control, server).run()

    return host_until_stopped(folder, "player", begin, lock=lock)


def make_table(home: Home, config: PlayerConfig) -> Table:
    """Lets whoever a player was started with sit down.

    Raises:
        TetrariumError: if one of them cannot be read, or does not play this game.
    """
    given = None if config.env_config is None else EnvConfig.from_dict(config.env_config)
    names = config.seats or (config.what,)
    seats = []
    for number, what in enumerate(names):
        seed = config.seed if config.same_pieces else (config.seed + number) % _N_SEEDS
        try:
            seats.append(_seat(home, what, given, seed))
        except TetrariumError as error:
            if len(names) == 1:
                raise
            raise type(error)(f"{what} cannot play here: {error}") from error
    return Table(seats, together=config.together)


def _seat(home: Home, what: str, given: EnvConfig | None, seed: int) -> Seat:
    replay = find_replay(what)
    if replay is not None:
        return Seat(what, games_of_replay(replay), replay.env_config)
    policy, trained_for = find_policy(what, home)
    env_config = given or trained_for or EnvConfig()
    return Seat(what, games_of_policy(policy, env_config, seed), env_config)


class _Player:
    """The pace, and what is shown."""

    def __init__(self, table: Table, config: PlayerConfig, control: Control, server: WorkerServer) -> None:
        self._table = table
        self._is_alone = not config.seats
        self._patience_s = _UNWATCHED_S if self._is_alone else _UNWATCHED_TABLE_S
        self._control = control
        self._publish = server.publish
        self._cadence = Cadence()
        self._is_told_paused = False
        self._reason = ""  # of the end, where nobody asked for it
        self._watched_s = time.monotonic()

    def run(self) -> None:
        """Plays game after game."""
        control, table = self._control, self._table
        table.warm()
        table.begin()
        self._tell("running", "Playing.")
        self._show()
        while not control.is_stop_asked:
            if control.is_new_game_asked:
                control.begin_new_game()
                table.begin()
                self._show()
            elif self._may_go_on():
                self._go_on()
        self._tell("stopped", f"Stopped after {table.n_placed:,} pieces{self._reason}.")

    def _may_go_on(self) -> bool:
        """Waits while the game is paused or nobody watches; false once something else is asked for."""
        control = self._control
        while not self._is_moving_on():
            self._tell_pause()
            is_watched = control.watching.boards_per_second > 0
            if is_watched:
                self._watched_s = time.monotonic()
            elif time.monotonic() - self._watched_s > self._patience_s:
                self._reason = ", because nobody watched"
                control.ask_to_stop()
            if is_watched and not control.is_paused:
                return True
            self._show()
            control.wait(1.0)
        return False

    def _go_on(self) -> None:
        """Makes the next placements when their turn has come, or waits a moment where nobody has one to make."""
        control = self._control
        if (idle_s := self._table.idle_s(time.monotonic())) > 0:
            control.wait(idle_s)
            return
        control.wait_for_turn(lambda: not control.is_new_game_asked)
        games_ended = self._table.games_ended
        if not (control.is_paused or self._is_moving_on()) and self._table.play(time.monotonic()):
            self._show(is_end=self._table.games_ended > games_ended)

    def _is_moving_on(self) -> bool:
        return self._control.is_stop_asked or self._control.is_new_game_asked

    def _tell_pause(self) -> None:
        if self._control.is_paused != self._is_told_paused:
            self._is_told_paused = self._control.is_paused
            if self._is_told_paused:
                self._tell("paused", self._paused_at())
            else:
                self._tell("running", "Playing.")

    def _paused_at(self) -> str:
        return f"Paused at piece {self._table.seats[0].follower.pieces:,}." if self._is_alone else "Paused."

    def _show(self, *, is_end: bool = False) -> None:
        """Publishes the boards if it is time to, or, for who watches, the end of a game."""
        watching, is_paused = self._control.watching, self._control.is_paused
        rate = min(watching.boards_per_second, _PAUSED_BOARDS if is_paused else float("inf"))
        is_each = self._control.pieces_per_second <= rate and not is_paused
        if not rate or not (is_each or is_end or self._cadence.is_due(rate, time.monotonic())):
            return
        if self._is_alone:
            seat, step = self._table.seats[0], self._table.n_placed
            self._publish(seat.board(step=step, with_thoughts=watching.thoughts, is_paused=is_paused))
        else:
            self._publish(self._table.shown(with_thoughts=watching.thoughts, is_paused=is_paused))

    def _tell(self, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=self._table.n_placed, message=message))
