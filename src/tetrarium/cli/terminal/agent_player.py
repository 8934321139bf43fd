"""Full-screen player of games in the terminal, at a speed that the viewer sets.

The screen is restored at the end, however the process ends. Pieces are placed when they are due, and at most 30 frames
per second are drawn, so at 1,000 pieces per second most boards are not drawn. A drawn board is the one before the drop,
with the ghost of the placement.
"""

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from tetrarium.cli.formatting import counted
from tetrarium.cli.terminal.board_text import draw_board, large_size, small_size
from tetrarium.cli.terminal.display_frame import ACCENT
from tetrarium.cli.terminal.key_input import END, Keys, open_keys
from tetrarium.cli.terminal.run_display import is_capable, make_console
from tetrarium.cli.terminal.safe_stream import SafeStream
from tetrarium.errors import ConfigError
from tetrarium.signals import stop_signals

if TYPE_CHECKING:
    from tetrarium.engine import KeyMove, Move
    from tetrarium.environment import EnvConfig
    from tetrarium.environment.board_snapshot import BoardSnapshot

MIN_SPEED: Final = 1.0  # pieces per second
MAX_SPEED: Final = 1_000.0
_SPEEDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_FRAME_S: Final = 1 / 30
_BETWEEN_GAMES_S: Final = 2.5
_IDLE_S: Final = 0.25  # interval at which a paused game checks the size of the terminal
_FRAMING: Final = 4  # lines above and below the board
_BLOCK: Final = 60  # width of header and footer; the board is centered between them
_HELP: Final = (("space", "pause"), ("n", "next piece"), ("+ -", "speed"), ("r", "next game"), ("q", "quit"))


def watch(
    games: "Iterable[Iterator[Move | KeyMove]]",
    config: "EnvConfig",
    *,
    speed: float = 10.0,
    n_games: int | None = None,
    title: str = "",
    stream: TextIO | None = None,
    keys: Keys | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Shows games one after another until all are played or the viewer quits with ``q`` or Ctrl-C.

    Without a terminal each game is played to its end and its last board is printed.

    Args:
        games: Moves of each game, as ``play_moves`` yields them; consumed one game at a time.
        config: Configuration of the games.
        speed: Pieces per second (key steps in a game by keys), 1 to 1,000.
        n_games: Number of games; by default all, without a terminal one.
        title: Name of the agent.
        stream: Output stream; standard output by default.
        keys: Source of key presses; standard input by default.
        clock: Monotonic clock in seconds.

    Raises:
        ConfigError: if the speed or the number of games is out of range.
    """
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise ConfigError(
            f"speed is 1 to 1,000 pieces per second; got {speed:g}. Choose a value in that range.", field="speed"
        )
    if n_games is not None and n_games < 1:
        raise ConfigError(
            f"games is a whole number, 1 or more; got {n_games}. Omit it to watch until you quit.", field="games"
        )
    stream = sys.stdout if stream is None else stream
    if not is_capable(stream):
        _print_games(islice(games, n_games or 1), config, stream)
        return
    player = _ScreenPlayer(config, speed, title, stream, clock)
    with signals_as_exceptions(), open_keys(sys.stdin) if keys is None else keys as opened:
        player.run(islice(games, n_games), opened)


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Turns SIGINT, SIGTERM and SIGHUP into exceptions, unless ignored, so that the terminal is restored first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers: dict[int, Any] = {**dict.fromkeys(stop_signals(), leave), signal.SIGINT: signal.default_int_handler}
    previous = {number: signal.signal(number, handlers[number]) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def ending_text(number: int, move: "Move | KeyMove") -> str:
    """Returns how a game ended, given its last move."""
    state = move.state_tp1
    lines = counted(state.lines, "line")
    if state.terminated:
        return f"Game {number} ended with {lines} after {state.pieces:,} pieces"
    return f"Game {number} was truncated at {state.pieces:,} pieces with {lines}"


def _print_games(games: "Iterable[Iterator[Move | KeyMove]]", config: "EnvConfig", stream: TextIO) -> None:
    from tetrarium.environment.board_snapshot import state_snapshot
    from tetrarium.environment.pictures.text_board import render_ansi

    out = SafeStream(stream)
    for number, moves in enumerate(games, start=1):
        made = deque(moves, maxlen=1)
        if not made:
            continue
        last = made[0]
        state = last.state_tp1
        board = render_ansi(state_snapshot(state, height=config.height, can_hold=config.hold), color=False)
        out.write(f"{board}\n{ending_text(number, last)}\n")
        out.flush()


class _WatchedGame:
    """A game being shown: its previous and next move, and the piece of each filled cell."""

    def __init__(self, number: int, moves: "Iterator[Move | KeyMove]", config: "EnvConfig") -> None:
        import numpy as np

        from tetrarium.environment.board_snapshot import PieceGrid

        self.number = number
        self._moves = moves
        self._config = config
        self.last_move: Move | KeyMove | None = None
        self.next_move: Move | KeyMove | None = next(moves, None)
        columns = None if self.next_move is None else np.array(self.next_move.state_t.columns, dtype=np.int64)
        self._grid = PieceGrid(config.width, config.height, columns)

    def place(self) -> None:
        """Executes the next move."""
        if self.next_move is None:
            return
        self._grid.follow(self.next_move)
        self.last_move = self.next_move
        self.next_move = next(self._moves, None)

    def view(self) -> "BoardSnapshot | None":
        """Returns the current board, or None for a game without a move."""
        from tetrarium.environment.board_snapshot import move_snapshot, state_snapshot

        shown: Any = {"height": self._config.height, "cells": self._grid.cells, "can_hold": self._config.hold}
        if self.next_move is not None:
            return move_snapshot(self.next_move, **shown)
        return None if self.last_move is None else state_snapshot(self.last_move.state_tp1, **shown)


class _ScreenPlayer:
    """Screen, key input and speed of the player."""

    def __init__(
        self, config: "EnvConfig", speed: float, title: str, stream: TextIO, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._speed = speed
        self._title = title
        self._clock = clock
        self._console = make_console(stream)
        self._paused = False
        self._due = 0.0  # time of the next piece, or after the last one of the next game
        self._game: _WatchedGame | None = None

    def run(self, games: "Iterable[Iterator[Move | KeyMove]]", keys: Keys) -> None:
        try:
            with Live(console=self._console, screen=True, auto_refresh=False, get_renderable=self._frame) as live:
                live.refresh()
                for number, moves in enumerate(games, start=1):
                    self._game = _WatchedGame(number, moves, self._config)
                    if not self._play(self._game, keys, live):
                        break
        except KeyboardInterrupt:  # quits like the key q
            pass
        self._print_result()

    def _play(self, game: _WatchedGame, keys: Keys, live: Live) -> bool:
        """Plays one game and returns whether to continue with the next."""
        next_frame = self._clock()
        self._due = next_frame + self._interval_s(game)
        while True:
            now = self._clock()
            if not self._paused:
                if game.next_move is None and now >= self._due:
                    return True
                self._place_due(game, now)
            wake = next_frame
            if now >= next_frame:
                live.refresh()
                next_frame = now + _FRAME_S
                wake = max(next_frame, min(self._due, now + _IDLE_S))
            key = keys.read(wake - self._clock())
            if key in {"q", "Q", END}:
                return False
            if key in {"r", "R"} or (key == "n" and game.next_move is None):
                return True
            self._handle_key(key, game)

    def _place_due(self, game: _WatchedGame, now: float) -> None:
        """Executes the moves that are due, for one frame at most, so that a slow agent is not shown as frozen."""
        while game.next_move is not None and self._due <= now:
            game.place()
            self._due += self._interval_s(game)
            if self._clock() > now + _FRAME_S:
                self._due = max(self._due, self._clock())

    def _handle_key(self, key: str, game: _WatchedGame) -> None:
        if key == " ":
            self._paused = not self._paused
        elif key == "n" and self._paused:
            game.place()
        elif key in {"+", "="}:
            self._speed = next((speed for speed in _SPEEDS if speed > self._speed), MAX_SPEED)
        elif key in {"-", "_"}:
            self._speed = next((speed for speed in reversed(_SPEEDS) if speed < self._speed), MIN_SPEED)
        else:
            return
        self._due = self._clock() + self._interval_s(game)

    def _interval_s(self, game: _WatchedGame) -> float:
        return _BETWEEN_GAMES_S if game.next_move is None else 1 / self._speed

    def _frame(self) -> RenderableType:
        game = self._game
        view = None if game is None else game.view()
        if game is None or view is None:
            return Text("Preparing the game ...")
        size, color = self._console.size, not self._console.no_color
        width, height = large_size(view.width, view.height)
        large = width <= size.width and height + _FRAMING <= size.height
        board = draw_board(view, color=color, large=large)
        if not large:
            width, height = small_size(view.width, view.height)
        block = min(size.width, max(width, _BLOCK))
        margin = (size.width - block) // 2
        drawn = Padding(board, (0, 0, 0, margin + (block - width) // 2))
        header = Padding(self._header(game), (0, 0, 0, margin))
        if height + _FRAMING > size.height:
            return Group(drawn, header)
        footer = Padding(self._footer(game), (0, 0, 0, margin))
        return Group(header, Text(), drawn, Text(), footer)

    def _header(self, game: _WatchedGame) -> Text:
        unit = f"{'key' if self._config.actions == 'keys' else 'piece'}{'' if self._speed == 1 else 's'}"
        speed = "paused" if self._paused else f"{self._speed:,.0f} {unit}/s"
        title = (f"{self._title}  ", "bold") if self._title else ""
        return Text.assemble(title, f"game {game.number}  ", (speed, ACCENT), no_wrap=True, overflow="ellipsis")

    def _footer(self, game: _WatchedGame) -> Text:
        if game.next_move is None and game.last_move is not None:
            return Text(ending_text(game.number, game.last_move), no_wrap=True, overflow="ellipsis")
        keys = [(key, "resume" if key == "space" and self._paused else meaning) for key, meaning in _HELP]
        parts = [part for key, meaning in keys for part in ((f"{key} ", "bold"), (f"{meaning}  ", "dim"))]
        return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")

    def _print_result(self) -> None:
        game = self._game
        view = None if game is None else game.view()
        if game is None or view is None:
            return
        if game.next_move is None and game.last_move is not None:
            self._console.print(ending_text(game.number, game.last_move))
            return
        lines = counted(view.lines, "line")
        self._console.print(f"Quit game {game.number} at {view.pieces:,} pieces and {lines}")
