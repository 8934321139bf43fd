"""Command ``play``: the guideline game, played by a person in the terminal.

Time advances in steps of 1/60 s, each of which consumes the next pressed key or none; the terminal repeats held keys.
At most 30 frames per second are drawn, and only after changes. The terminal is restored at the end, however the process
ends, and games are saved as replays on request.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TextIO

from cyclopts import Parameter
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from tetrarium.cli.formatting import counted
from tetrarium.cli.options import require_writable
from tetrarium.cli.terminal.agent_player import signals_as_exceptions
from tetrarium.cli.terminal.key_input import BINDINGS, END, STEPS_PER_SECOND, Keys, open_keys
from tetrarium.cli.terminal.run_display import is_capable, make_console
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import REPLAY_SUFFIX
from tetrarium.errors import ConfigError
from tetrarium.registry.files.atomic import write_file

if TYPE_CHECKING:
    from tetrarium.environment.board_snapshot import BoardSnapshot
    from tetrarium.environment.human_games import HumanGame

_FRAME_S: Final = 1 / 30
_IDLE_S: Final = 0.25  # longest time without a frame: the terminal may have been resized
_FLASH_S: Final = 0.1
_LABEL_S: Final = 2.0
_LAG_S: Final = 0.25  # the game skips time lost to a busy machine beyond this
_MAX_WAITING: Final = 8  # pressed keys that are queued
_ARROWS: Final = {name: name for name in ("up", "down", "left", "right")}
_SHOWN_KEYS: Final = {" ": "space"}
_SHOWN_MEANINGS: Final = {"clockwise": "turn right", "counter-clockwise": "turn left"}
_AFTER_KEYS: Final = (("r", "new game"), ("q", "quit"))
_OTHER_KEYS: Final = (("p", "pause"), *_AFTER_KEYS)


def play(
    *,
    seed: Annotated[int | None, Parameter(help="Seed of the games. [default: random]")] = None,
    level: Annotated[int, Parameter(help="First level, 1 to 20.")] = 1,
    bindings: Annotated[Literal["arrows", "wasd", "vi"], Parameter(help="Key bindings; p shows them.")] = "arrows",
    save: Annotated[Path | None, Parameter(help="Save games to this file, the second to NAME-2, and so on.")] = None,
    force: Annotated[bool, Parameter(negative="", help="Overwrite existing files.")] = False,
) -> int:
    """Play Tetris by the guideline rules. p pauses and shows the keys, r starts a new game, q quits."""
    if seed is not None and seed < 0:
        raise ConfigError(f"seed is a whole number, 0 or more; got {seed}. Choose one in that range.", field="seed")
    if save is not None:
        _require_writable(save, force)
    from tetrarium.environment.core import random_seed

    config = EnvConfig.guideline().with_changes(actions="keys", key_rate=STEPS_PER_SECOND, first_level=level)
    if not (sys.stdin.isatty() and is_capable(sys.stdout)):
        raise ConfigError(
            "tetrarium play needs a terminal with a movable cursor; standard input or output is not one. Run it in a "
            "terminal window."
        )
    _prepare()
    play_games(config, random_seed() if seed is None else seed, bindings=bindings, save=save, force=force)
    return 0


def _require_writable(path: Path, force: bool) -> None:
    if path.suffix != REPLAY_SUFFIX:
        raise ConfigError(
            f"A replay's file name ends in {REPLAY_SUFFIX}; got {str(path)!r}. Name it {path.stem + REPLAY_SUFFIX!r}.",
            field="save",
        )
    require_writable(path, "replay", "save", force=force)


def _prepare() -> None:
    """Compiles the game before the screen is used, with a notice if that takes time."""
    from tetrarium.engine.keyplay.games import are_key_kernels_cached
    from tetrarium.environment.human_games import HumanGame

    if not are_key_kernels_cached():
        print("Compiling the game (once, about 10 seconds) ...", flush=True)
    game = HumanGame(EnvConfig.guideline().with_changes(actions="keys"), seed=0, number=0)
    game.press("hard drop")
    assert game.state.ghost


def play_games(
    config: EnvConfig,
    seed: int,
    *,
    bindings: str = "arrows",
    save: Path | None = None,
    force: bool = False,
    stream: TextIO | None = None,
    keys: Keys | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Lets a person play the games of a seed one after another until ``q`` or Ctrl-C.

    Args:
        config: Configuration of a game by keys.
        seed: Seed of the games; the first has number 0.
        bindings: A name of ``key_input.BINDINGS``.
        save: File to which games are saved.
        force: Whether existing files are overwritten.
        stream: A terminal; standard output by default.
        keys: Source of key presses; standard input by default.
        clock: Monotonic clock in seconds.
    """
    stream = sys.stdout if stream is None else stream
    session = _Session(config, seed, bindings, stream, clock, _ReplayWriter(save, force))
    try:
        with signals_as_exceptions(), open_keys(sys.stdin, _ARROWS) if keys is None else keys as opened:
            session.run(opened)
    finally:
        session.print_result()


class _ReplayWriter:
    """Writer of games to a file, the second and later ones to numbered files beside it."""

    def __init__(self, path: Path | None, force: bool) -> None:
        self._path = path
        self._force = force
        self.written: list[Path] = []

    def write(self, game: "HumanGame") -> None:
        if self._path is None or game.state.pieces == 0:
            return
        path, number = self._path, 1
        while path in self.written or (path != self._path and os.path.lexists(path) and not self._force):
            number += 1
            path = self._path.with_stem(f"{self._path.stem}-{number}")
        write_file(path, game.replay().to_bytes())
        self.written.append(path)


class _Session:
    """Screen, key input and clock of a person's games."""

    def __init__(
        self,
        config: EnvConfig,
        seed: int,
        bindings: str,
        stream: TextIO,
        clock: Callable[[], float],
        writer: _ReplayWriter,
    ) -> None:
        from tetrarium.environment.human_games import HumanGame

        self._config = config
        self._keys = BINDINGS[bindings]
        self._clock = clock
        self._console = make_console(stream)
        self._size = self._console.size  # what a frame shows and whether play pauses follow from the same size
        self._writer = writer
        self._step_s = 1 / STEPS_PER_SECOND
        self._game = HumanGame(config, seed, 0)
        self._waiting: deque[str] = deque()
        self._due = 0.0  # time of the next step
        self._paused = False
        self._full_board: BoardSnapshot | None = None  # shown while full rows flash
        self._label: list[str] = []
        self._label_until = 0.0
        self._changed = True
        self._is_saved = False  # whether the current game has been saved

    def run(self, keys: Keys) -> None:
        try:
            with Live(console=self._console, screen=True, auto_refresh=False, get_renderable=self._frame) as live:
                live.refresh()
                self._due = self._clock() + self._step_s
                self._play(keys, live)
        except KeyboardInterrupt:  # quits like the key q
            pass

    def _play(self, keys: Keys, live: Live) -> None:
        next_frame = self._clock()
        latest = next_frame + _IDLE_S
        while True:
            now = self._clock()
            self._step_due(now)
            if now >= latest or (self._changed and now >= next_frame):
                self._changed = False
                live.refresh()
                next_frame, latest = now + _FRAME_S, now + _IDLE_S
            wake = min(latest, next_frame if self._changed else latest, self._due if self._runs else latest)
            key = keys.read(wake - self._clock())
            if key in {"q", "Q", END}:
                return
            if key:
                self._handle_key(key)

    @property
    def _runs(self) -> bool:
        return not self._paused and not self._game.state.terminated

    def _handle_key(self, key: str) -> None:
        self._changed = True
        if key in {"r", "R"}:
            self._start_new_game()
        elif key in {"p", "P"}:
            self._paused = not self._paused and not self._game.state.terminated
            self._due = self._clock() + self._step_s
            self._waiting.clear()
        elif self._runs and key.lower() in self._keys and len(self._waiting) < _MAX_WAITING:
            self._waiting.append(self._keys[key.lower()])

    def _start_new_game(self) -> None:
        self._save()
        self._game = type(self._game)(self._config, self._game.seed, self._game.number + 1)
        self._is_saved, self._paused, self._full_board, self._label = False, False, None, []
        self._waiting.clear()
        self._due = self._clock() + self._step_s

    def _step_due(self, now: float) -> None:
        from tetrarium.environment.human_games import clear_label

        if self._label and now >= self._label_until:
            self._label, self._changed = [], True
        if now - self._due > _LAG_S:
            self._due = now
        self._size = self._console.size
        if not self._fits_screen():
            self._paused = self._paused or not self._game.state.terminated
        while self._runs and self._due <= now:
            self._full_board = None
            move, self._full_board = self._game.press(self._waiting.popleft() if self._waiting else "nothing")
            self._due += self._step_s + (_FLASH_S if self._full_board else 0)
            self._changed = self._changed or self._full_board is not None or _is_visible(move)
            label = clear_label(move, self._config)
            if label:
                self._label, self._label_until = label, now + _LABEL_S
            if self._game.state.terminated or self._game.is_full:
                self._save()

    def _save(self) -> None:
        if not self._is_saved:
            self._is_saved = True
            self._writer.write(self._game)

    def _fits_screen(self) -> bool:
        from tetrarium.cli.terminal.play_screen import fits_screen

        return fits_screen(self._board(), self._size.width, self._size.height)

    def _board(self) -> "BoardSnapshot":
        return self._game.snapshot() if self._full_board is None else self._full_board

    def _frame(self) -> RenderableType:
        from tetrarium.cli.terminal.play_screen import PlayView, draw_play_screen
        from tetrarium.environment.human_games import level_of

        state = self._game.state
        named: dict[str, str] = {}
        if self._paused:
            for key, meaning in self._keys.items():
                named.setdefault(_SHOWN_MEANINGS.get(meaning, meaning), _SHOWN_KEYS.get(key, key))
        view = PlayView(
            board=self._board(),
            level=level_of(state, self._config),
            label=[f"{key} {meaning}" for key, meaning in _AFTER_KEYS] if state.terminated else self._label,
            banner="Game over" if state.terminated else "Paused" if self._paused else "",
            keys=(*((key, meaning) for meaning, key in named.items()), *_OTHER_KEYS) if self._paused else (),
        )
        return draw_play_screen(view, self._size.width, self._size.height, color=not self._console.no_color)

    def print_result(self) -> None:
        """Saves the running game and prints its result."""
        self._save()
        state = self._game.state
        counts = f"{counted(state.lines, 'line')}, {counted(state.pieces, 'piece')}"
        result = f"Score {state.score:,}, {counts}; game {self._game.number} of seed {self._game.seed}"
        self._console.print(Text(result))
        for path in self._writer.written:
            self._console.print(Text(f"Saved {path}; watch it: tetrarium watch {path}"), soft_wrap=True)


def _is_visible(move: Any) -> bool:
    """Returns whether the screen differs after the move."""
    before, after = move.state_t, move.state_tp1
    return (before.pieces, before.falling, before.held, before.terminated) != (
        after.pieces,
        after.falling,
        after.held,
        after.terminated,
    )
