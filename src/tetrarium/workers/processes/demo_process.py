"""Worker process of a demo, in which agents play for viewers: ``python -m tetrarium.workers demo ID``.

One agent plays, or up to nine at a table at one speed. A single agent is published as ``board-shown``, a table as
``table-shown``. They place pieces only while someone watches. The process runs until it is stopped, or until it has had
no viewer for long. Its folder is then deleted; a demo that failed leaves its folder, with the reason.

Game k of a seed has the same pieces at every seat. Seats that play *together* begin each game at once: an agent whose
game has ended waits for the others. The one with the most lines wins the game, unless several share that number.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from tetrarium.engine.board_tracker import BoardTracker
from tetrarium.environment import EnvConfig
from tetrarium.environment.board_snapshot import RateLimiter, board_event, describe_action_values, tracker_snapshot
from tetrarium.errors import TetrariumError
from tetrarium.evaluation.single_games import SingleGame, games_of_policy, games_of_replay
from tetrarium.events import BoardShown, StateChanged, TableShown
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import resolve_policy, resolve_replay
from tetrarium.training.runs.control import Control
from tetrarium.workers.directories.process_directory import DEMOS, DemoConfig
from tetrarium.workers.processes.fork_server import load_kernels
from tetrarium.workers.processes.worker_host import host_until_stopped
from tetrarium.workers.protocol.commands import DEMO
from tetrarium.workers.protocol.server import WorkerServer

_UNWATCHED_S: Final = 300.0
_UNWATCHED_SHARED_S: Final = 10.0
_N_SEEDS: Final = 2**32
_MAX_BOARDS_PER_SECOND_PAUSED: Final = 4.0  # for viewers that arrive during a pause
_BETWEEN_GAMES_S: Final = 2.0


class Seat:
    """Place of one agent, or of a replay, at a table.

    Args:
        agent: Agent reference, as the user gave it.
        games: The games to play, one after another.
        env_config: Config of their environment.
    """

    def __init__(self, agent: str, games: Iterator[SingleGame], env_config: EnvConfig) -> None:
        self.agent = agent
        self.games_ended = 0
        self.games_won = 0
        self.is_over = True
        self.break_end_s = 0.0  # time at which the next game may begin
        self.tracker = BoardTracker(env_config.rules())
        self._games = games
        self._game: SingleGame
        self._number = 0
        self._lines_before = 0  # of all earlier games
        self._best_lines = 0

    def begin(self) -> None:
        """Begins the next game; abandons the current one if it has not ended."""
        self._lines_before += self.tracker.lines
        self._game = next(self._games)
        self._number += 1
        self._game.begin_tracker(self.tracker)
        self.is_over = self._game.next_action is None

    def place(self, now_s: float) -> None:
        """Executes the next action of the game."""
        assert self._game.next_action is not None
        self.tracker.follow([self._game.next_action])
        self._game.place()
        self._best_lines = max(self._best_lines, self.tracker.lines)
        if self._game.next_action is None:
            self.is_over = True
            self.games_ended += 1
            self.break_end_s = now_s + _BETWEEN_GAMES_S

    def board(self, *, step: int, with_action_values: bool, is_paused: bool) -> BoardShown:
        """Returns the event that shows the game of this seat alone."""
        return board_event(
            self.tracker,
            step=step,
            game=self._number,
            action_values=self._action_values() if with_action_values else None,
            is_paused=is_paused,
            is_over=self.is_over,
            games_ended=self.games_ended,
        )

    def _action_values(self) -> dict[str, Any] | None:
        values = None if self.is_over else self._game.values()
        return describe_action_values(self.tracker, values, self._game.next_action)

    def to_dict(self, number: int, with_action_values: bool) -> dict[str, Any]:
        """Returns this seat's part of a ``TableShown`` event."""
        tracker = self.tracker
        return {
            "seat": number,
            "agent": self.agent,
            **tracker_snapshot(tracker).to_fields(),
            "ghost": self._ghost(),
            "is_over": self.is_over,
            "is_truncated": self.is_over and not tracker.is_over,
            "game": self._number,
            "cleared_rows": tracker.cleared_rows,
            "action_values": self._action_values() if with_action_values else None,
            "games_ended": self.games_ended,
            "games_won": self.games_won,
            "lines_total": self._lines_before + tracker.lines,
            "best_lines_game": self._best_lines,
        }

    def _ghost(self) -> tuple[int, ...]:
        next_action = self._game.next_action
        if next_action is None or self.tracker.is_over:
            return ()
        return self.tracker.resting_cells(np.array([next_action], dtype=np.int64))[0]


class Table:
    """Seats that play at one speed.

    ``together``: whether each game begins at all seats at once.
    """

    def __init__(self, seats: Sequence[Seat], *, together: bool) -> None:
        self.seats = tuple(seats)
        self.n_placed = 0
        self._together = together

    @property
    def games_ended(self) -> int:
        """Number of games that have ended at all seats."""
        return sum(seat.games_ended for seat in self.seats)

    def warm(self) -> None:
        """Loads or compiles the kernels before the first game."""
        for seat in self.seats:
            seat.tracker.warm()

    def begin(self) -> None:
        """Begins a new game at every seat."""
        for seat in self.seats:
            seat.begin()

    def play(self, now_s: float) -> bool:
        """Places one piece at each seat with a running game, and begins the games that are due.

        Args:
            now_s: Time of a monotonic clock.

        Returns:
            Whether anything has changed.
        """
        playing = [seat for seat in self.seats if not seat.is_over]
        for seat in playing:
            seat.place(now_s)
        self.n_placed += len(playing)
        if self._together and playing and all(seat.is_over for seat in self.seats):
            self._count_win()
        begun = [seat for seat in self.seats if seat not in playing and now_s >= self._next_s(seat)]
        for seat in begun:
            seat.begin()
        return bool(playing or begun)

    def idle_s(self, now_s: float) -> float:
        """Returns the seconds until some seat can place a piece or begin a game."""
        return max(0.0, min(self._next_s(seat) for seat in self.seats) - now_s)

    def _next_s(self, seat: Seat) -> float:
        """Returns the time at which a seat can place a piece or begin a game."""
        if not seat.is_over:
            return 0.0
        if not self._together:
            return seat.break_end_s
        have_all_ended = all(other.is_over for other in self.seats)
        return max(other.break_end_s for other in self.seats) if have_all_ended else float("inf")

    def _count_win(self) -> None:
        most = max(seat.tracker.lines for seat in self.seats)
        best = [seat for seat in self.seats if seat.tracker.lines == most]
        if len(best) == 1:
            best[0].games_won += 1

    def to_event(self, *, with_action_values: bool, is_paused: bool) -> TableShown:
        """Returns the event that shows all seats."""
        return TableShown(
            seats=tuple(seat.to_dict(number, with_action_values) for number, seat in enumerate(self.seats)),
            step=self.n_placed,
            paused=is_paused,
            sent_s=time.time(),
        )


def prepare() -> None:
    """Loads the kernels of demos in the fork server."""
    load_kernels()


def play_demo(home: Home, name: str, *, lock: int | None, starter: int | None = None) -> int:
    """Runs a demo until it is stopped; returns the process's exit code."""
    folder = home.demo_folder(name)

    def begin() -> tuple[Control, Callable[[WorkerServer], None]]:
        config = DEMOS.read_config(home, name)
        control = Control("every-move")
        control.set_speed(config.pieces_per_second)
        return control, lambda server: _DemoLoop(make_table(home, config), config, control, server).run()

    return host_until_stopped(folder, DEMO, begin, lock=lock, starter=starter)


def make_table(home: Home, config: DemoConfig) -> Table:
    """Makes the table of a demo.

    Raises:
        TetrariumError: if an agent cannot be loaded, or cannot play this game.
    """
    given = None if config.env_config is None else EnvConfig.from_dict(config.env_config)
    names = config.seats or (config.agent,)
    seats = []
    for number, agent in enumerate(names):
        seed = config.seed if config.same_pieces else (config.seed + number) % _N_SEEDS
        try:
            seats.append(_seat(home, agent, given, seed))
        except TetrariumError as error:
            if len(names) == 1:
                raise
            raise type(error)(f"{agent} cannot play this game: {error}") from error
    return Table(seats, together=config.together)


def _seat(home: Home, agent: str, given: EnvConfig | None, seed: int) -> Seat:
    replay = resolve_replay(agent, home)
    if replay is not None:
        return Seat(agent, games_of_replay(replay), replay.env_config)
    policy, trained_for = resolve_policy(agent, home)
    env_config = given or trained_for or EnvConfig()
    return Seat(agent, games_of_policy(policy, env_config, seed), env_config)


class _DemoLoop:
    """Main loop of a demo: its speed, its pauses and the boards that it publishes."""

    def __init__(self, table: Table, config: DemoConfig, control: Control, server: WorkerServer) -> None:
        self._table = table
        self._is_alone = not config.seats
        self._unwatched_s = _UNWATCHED_SHARED_S if config.shared else _UNWATCHED_S
        self._control = control
        self._publish = server.publish
        self._rate_limiter = RateLimiter()
        self._is_pause_published = False
        self._reason = ""  # for ending without a request
        self._watched_s = time.monotonic()

    def run(self) -> None:
        """Plays games until a stop is requested."""
        control, table = self._control, self._table
        table.warm()
        table.begin()
        self._publish_state("running", "Playing.")
        self._show()
        while not control.is_stop_requested:
            if control.is_new_game_requested:
                control.begin_new_game()
                table.begin()
                self._show()
            elif self._wait_until_playing():
                self._play_turn()
        self._publish_state("stopped", f"Stopped after {table.n_placed:,} pieces{self._reason}.")

    def _wait_until_playing(self) -> bool:
        """Waits while the demo is paused or has no viewer; returns False if a stop or a new game is requested."""
        control = self._control
        while not self._is_interrupted():
            self._publish_pause()
            is_watched = control.subscription.boards_per_second > 0
            if is_watched:
                self._watched_s = time.monotonic()
            elif time.monotonic() - self._watched_s > self._unwatched_s:
                self._reason = " because it had no viewers"
                control.request_stop()
            if is_watched and not control.is_paused:
                return True
            self._show()
            control.wait(1.0)
        return False

    def _play_turn(self) -> None:
        """Places pieces when their turn comes, or waits while no seat can place one."""
        control = self._control
        if (idle_s := self._table.idle_s(time.monotonic())) > 0:
            control.wait(idle_s)
            return
        control.wait_for_turn(lambda: not control.is_new_game_requested)
        games_ended = self._table.games_ended
        if not (control.is_paused or self._is_interrupted()) and self._table.play(time.monotonic()):
            self._show(is_end=self._table.games_ended > games_ended)

    def _is_interrupted(self) -> bool:
        return self._control.is_stop_requested or self._control.is_new_game_requested

    def _publish_pause(self) -> None:
        if self._control.is_paused != self._is_pause_published:
            self._is_pause_published = self._control.is_paused
            if self._is_pause_published:
                self._publish_state("paused", self._paused_at())
            else:
                self._publish_state("running", "Playing.")

    def _paused_at(self) -> str:
        return f"Paused at piece {self._table.seats[0].tracker.pieces:,}." if self._is_alone else "Paused."

    def _show(self, *, is_end: bool = False) -> None:
        """Publishes the boards if they are due, and at the end of a game."""
        subscription, is_paused = self._control.subscription, self._control.is_paused
        rate = min(subscription.boards_per_second, _MAX_BOARDS_PER_SECOND_PAUSED if is_paused else float("inf"))
        shows_every_board = self._control.pieces_per_second <= rate and not is_paused
        if not rate or not (shows_every_board or is_end or self._rate_limiter.is_due(rate, time.monotonic())):
            return
        if self._is_alone:
            seat, step = self._table.seats[0], self._table.n_placed
            self._publish(seat.board(step=step, with_action_values=subscription.action_values, is_paused=is_paused))
        else:
            self._publish(self._table.to_event(with_action_values=subscription.action_values, is_paused=is_paused))

    def _publish_state(self, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=self._table.n_placed, message=message))
