"""Shows an agent playing, piece by piece, at a pace that the watcher sets.

On a terminal the game has the whole screen, which is given back at the end, however that comes. Pieces are placed when
they are due; frames follow at most 30 times a second, so that at 1,000 pieces a second most boards are not drawn. The
board that is drawn is the one before the piece drops, with its ghost where it is about to rest.
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

from tetrarium.cli.boards import BoardView, draw_board, large_size, small_size
from tetrarium.cli.display import is_capable, make_console
from tetrarium.cli.frames import ACCENT
from tetrarium.cli.keys import END, Keys, open_keys
from tetrarium.cli.streams import LastingStream
from tetrarium.errors import ConfigError

if TYPE_CHECKING:
    from tetrarium.engine import KeyMove, Move
    from tetrarium.environment import EnvConfig

__all__ = ["MAX_SPEED", "MIN_SPEED", "leaving_at_signals", "watch"]

MIN_SPEED: Final = 1.0  # pieces a second
MAX_SPEED: Final = 1_000.0
_SPEEDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_FRAME_S: Final = 1 / 30
_BETWEEN_GAMES_S: Final = 2.5
_IDLE_S: Final = 0.25  # how long a paused game waits for a key before it looks at the size of the terminal again
_FRAMING: Final = 4  # lines above and below the board
_BLOCK: Final = 60  # characters that header and foot need; the board stands in their middle
_HELP: Final = (("space", "pause"), ("n", "next piece"), ("+ -", "speed"), ("r", "next game"), ("q", "leave"))


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
    """Shows games one after another until they are all played or the watcher leaves, by ``q`` or Ctrl-C.

    Off a terminal each game is played to its end and its last board is printed.

    Args:
        games: The moves of each game, as ``play_moves`` yields them; taken one game at a time.
        config: The game that they are of.
        speed: Pieces, or key steps in a game by keys, a second, 1 to 1,000.
        n_games: How many games are shown; without it all of them, off a terminal one.
        title: Who plays.
        stream: Where to; standard output without it.
        keys: Where key presses come from; without it standard input.
        clock: Seconds, from any start.

    Raises:
        ConfigError: if the speed or the number of games is out of range.
    """
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise ConfigError(f"speed is 1 to 1,000 pieces a second; got {speed:g}. Choose one in that range.")
    if n_games is not None and n_games < 1:
        raise ConfigError(f"games is a whole number, 1 or more; got {n_games}. Leave it out to watch until you leave.")
    stream = sys.stdout if stream is None else stream
    if not is_capable(stream):
        _print_games(islice(games, n_games or 1), config, stream)
        return
    watching = _Watching(config, speed, title, stream, clock)
    with leaving_at_signals(), open_keys(sys.stdin) if keys is None else keys as opened:
        watching.run(islice(games, n_games), opened)


@contextmanager
def leaving_at_signals() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end by an exception, so that the terminal is given back first.

    Ctrl-C too, because a process that a script starts in the background inherits that it is ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers: dict[int, Any] = {signal.SIGTERM: leave, signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, "SIGHUP"):  # the terminal was closed
        handlers[signal.SIGHUP] = leave
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def ending_text(number: int, move: "Move | KeyMove") -> str:
    """Says how a game went, once its last move is made."""
    state = move.state_tp1
    lines = f"{state.lines:,} {'line' if state.lines == 1 else 'lines'}"
    if state.over:
        return f"Game {number} ended with {lines} after {state.pieces:,} pieces"
    return f"Game {number} was cut off at {state.pieces:,} pieces with {lines}"


def _print_games(games: "Iterable[Iterator[Move | KeyMove]]", config: "EnvConfig", stream: TextIO) -> None:
    import numpy as np

    from tetrarium.environment.scene import state_looks
    from tetrarium.environment.text_board import render_ansi

    out = LastingStream(stream)
    for number, moves in enumerate(games, start=1):
        made = deque(moves, maxlen=1)
        if not made:
            continue
        last = made[0]
        state = last.state_tp1
        board = render_ansi(
            columns=np.array(state.columns, dtype=np.int64),
            height=config.height,
            queue=state.queue,
            lines=state.lines,
            pieces=state.pieces,
            colour=False,
            **state_looks(state, can_hold=config.hold),
        )
        out.write(f"{board}\n{ending_text(number, last)}\n")
        out.flush()


class _Game:
    """One game under way: the move that is about to be made, and the colours of what lies on the board."""

    def __init__(self, number: int, moves: "Iterator[Move | KeyMove]", config: "EnvConfig") -> None:
        from tetrarium.environment.scene import ColourBoard

        self.number = number
        self._moves = moves
        self._config = config
        self._colours = ColourBoard(config.width, config.height)
        self.made: Move | KeyMove | None = None
        self.coming: Move | KeyMove | None = next(moves, None)

    def place(self) -> None:
        """Makes the coming move."""
        if self.coming is None:
            return
        self._colours.follow(self.coming)
        self.made = self.coming
        self.coming = next(self._moves, None)

    def view(self) -> BoardView | None:
        """What is to be seen; nothing of a game without a move."""
        from tetrarium.environment.scene import move_looks, state_looks

        coming: Any = self.coming
        if coming is None and self.made is None:
            return None
        state = self.made.state_tp1 if coming is None and self.made is not None else coming.state_t
        can_hold = self._config.hold
        if coming is None:
            looks = {"queue": state.queue, **state_looks(state, can_hold=can_hold)}
        else:
            looks = move_looks(coming, can_hold=can_hold)
        return BoardView(
            columns=state.columns,
            height=self._config.height,
            lines=state.lines,
            pieces=state.pieces,
            colours=self._colours.cells,
            **looks,
        )


class _Watching:
    """The screen, the keys and the pace."""

    def __init__(
        self, config: "EnvConfig", speed: float, title: str, stream: TextIO, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._speed = speed
        self._title = title
        self._clock = clock
        self._console = make_console(stream)
        self._paused = False
        self._due = 0.0  # when the coming piece, or after the last one the next game, has its turn
        self._game: _Game | None = None

    def run(self, games: "Iterable[Iterator[Move | KeyMove]]", keys: Keys) -> None:
        try:
            with Live(console=self._console, screen=True, auto_refresh=False, get_renderable=self._frame) as live:
                live.refresh()
                for number, moves in enumerate(games, start=1):
                    self._game = _Game(number, moves, self._config)
                    if not self._play(self._game, keys, live):
                        break
        except KeyboardInterrupt:  # the way out without a key
            pass
        self._say_farewell()

    def _play(self, game: _Game, keys: Keys, live: Live) -> bool:
        """Plays one game; returns whether the watcher stays for the next."""
        next_frame = self._clock()
        self._due = next_frame + self._interval_s(game)
        while True:
            now = self._clock()
            if not self._paused:
                if game.coming is None and now >= self._due:
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
            if key in {"r", "R"} or (key == "n" and game.coming is None):
                return True
            self._obey(key, game)

    def _place_due(self, game: _Game, now: float) -> None:
        """Places what is due, but for no longer than a frame: a slow player is shown as slow, not as frozen."""
        while game.coming is not None and self._due <= now:
            game.place()
            self._due += self._interval_s(game)
            if self._clock() > now + _FRAME_S:
                self._due = max(self._due, self._clock())

    def _obey(self, key: str, game: _Game) -> None:
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

    def _interval_s(self, game: _Game) -> float:
        return _BETWEEN_GAMES_S if game.coming is None else 1 / self._speed

    def _frame(self) -> RenderableType:
        game = self._game
        view = None if game is None else game.view()
        if game is None or view is None:
            return Text("Preparing the game ...")
        size, colour = self._console.size, not self._console.no_color
        width, height = large_size(len(view.columns), view.height)
        large = width <= size.width and height + _FRAMING <= size.height
        board = draw_board(view, colour=colour, large=large)
        if not large:
            width, height = small_size(len(view.columns), view.height)
        block = min(size.width, max(width, _BLOCK))
        margin = (size.width - block) // 2
        drawn = Padding(board, (0, 0, 0, margin + (block - width) // 2))
        header = Padding(self._header(game), (0, 0, 0, margin))
        if height + _FRAMING > size.height:
            return Group(drawn, header)
        foot = Padding(self._foot(game), (0, 0, 0, margin))
        return Group(header, Text(), drawn, Text(), foot)

    def _header(self, game: _Game) -> Text:
        unit = f"{'key' if self._config.actions == 'keys' else 'piece'}{'' if self._speed == 1 else 's'}"
        pace = "paused" if self._paused else f"{self._speed:,.0f} {unit}/s"
        who = (f"{self._title}  ", "bold") if self._title else ""
        return Text.assemble(who, f"game {game.number}  ", (pace, ACCENT), no_wrap=True, overflow="ellipsis")

    def _foot(self, game: _Game) -> Text:
        if game.coming is None and game.made is not None:
            return Text(ending_text(game.number, game.made), no_wrap=True, overflow="ellipsis")
        keys = [(key, "go on" if key == "space" and self._paused else meaning) for key, meaning in _HELP]
        parts = [part for key, meaning in keys for part in ((f"{key} ", "bold"), (f"{meaning}  ", "dim"))]
        return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")

    def _say_farewell(self) -> None:
        game = self._game
        view = None if game is None else game.view()
        if game is None or view is None:
            return
        if game.coming is None and game.made is not None:
            self._console.print(ending_text(game.number, game.made))
            return
        lines = f"{view.lines:,} {'line' if view.lines == 1 else 'lines'}"
        self._console.print(f"Left game {game.number} at {view.pieces:,} pieces and {lines}")
