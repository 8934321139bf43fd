"""The command ``play``: a person plays the guideline's game in the terminal.

Time goes by in steps of a sixtieth of a second, each of which takes the next key that was pressed, or none; repeating a
key that is held down is the terminal's doing. Frames follow at most 30 times a second, and only when something has
changed. The terminal is given back at the end, however that comes, and games are kept as replays if that was asked for.
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

from tetrarium.cli.bindings import BINDINGS, STEPS_PER_SECOND
from tetrarium.cli.display import is_capable, make_console
from tetrarium.cli.keys import END, Keys, open_keys
from tetrarium.cli.watching import leaving_at_signals
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import REPLAY_SUFFIX
from tetrarium.errors import ConfigError
from tetrarium.registry.atomic import write_file

if TYPE_CHECKING:
    from tetrarium.environment.hand_games import Flash, HandGame

__all__ = ["play", "play_by_hand"]

_FRAME_S: Final = 1 / 30
_IDLE_S: Final = 0.25  # how long nothing is drawn, at most: the terminal may have another size
_FLASH_S: Final = 0.1
_SAID_S: Final = 2.0
_LAG_S: Final = 0.25  # time that is lost to a busy machine beyond this is no time of the game
_MAX_WAITING: Final = 8  # keys that were pressed and had no step yet
_ARROWS: Final = {name: name for name in ("up", "down", "left", "right")}
_SHOWN_KEYS: Final = {" ": "space"}
_SHOWN_MEANINGS: Final = {"clockwise": "turn right", "counter-clockwise": "turn left"}
_AFTER_KEYS: Final = (("r", "new game"), ("q", "leave"))
_OTHER_KEYS: Final = (("p", "pause"), *_AFTER_KEYS)


def play(
    *,
    seed: Annotated[int | None, Parameter(help="Which games; chance if left out.")] = None,
    level: Annotated[int, Parameter(help="The level at which a game begins, 1 to 20.")] = 1,
    preset: Annotated[Literal["arrows", "wasd", "vi"], Parameter(help="Which keys do what; p shows them.")] = "arrows",
    replay: Annotated[Path | None, Parameter(help="Keep games in this file; the second in NAME-2, and so on.")] = None,
    force: Annotated[bool, Parameter(negative="", help="Write over files that are there.")] = False,
) -> int:
    """Play Tetris yourself, by the guideline's rules. p pauses and shows the keys, r begins anew, q leaves."""
    if seed is not None and seed < 0:
        raise ConfigError(f"seed is a whole number, 0 or more; got {seed}. Choose one in that range.")
    if replay is not None:
        _require_writable(replay, force)
    from tetrarium.environment.tetris_env import fresh_seed

    config = EnvConfig.guideline().with_changes(actions="keys", key_rate=STEPS_PER_SECOND, first_level=level)
    if not (sys.stdin.isatty() and is_capable(sys.stdout)):
        raise ConfigError(
            "A game is played in a terminal; standard input or output is none, or cannot move its cursor. "
            "Run `tetrarium play` in a terminal window."
        )
    _prepare()
    play_by_hand(config, fresh_seed() if seed is None else seed, preset=preset, replay=replay, force=force)
    return 0


def _require_writable(path: Path, force: bool) -> None:
    if path.suffix != REPLAY_SUFFIX:
        raise ConfigError(
            f"A replay's file ends in {REPLAY_SUFFIX}; got {str(path)!r}. Name it {path.stem + REPLAY_SUFFIX!r}."
        )
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"A replay is a file in a folder that is there; got {str(path)!r}. Make the folder first.")
    if os.path.lexists(path) and not force:
        raise ConfigError(f"A file that is there stays as it is; {str(path)!r} is. Name another, or add --force.")


def _prepare() -> None:
    """Compiles the game before the screen is taken, and says so if that takes a while."""
    from tetrarium.engine.key_games import are_key_kernels_cached
    from tetrarium.environment.hand_games import HandGame

    if not are_key_kernels_cached():
        print("Compiling the game, once: some ten seconds ...", flush=True)
    game = HandGame(EnvConfig.guideline().with_changes(actions="keys"), seed=0, number=0)
    game.press("hard drop")
    assert game.state.ghost


def play_by_hand(
    config: EnvConfig,
    seed: int,
    *,
    preset: str = "arrows",
    replay: Path | None = None,
    force: bool = False,
    stream: TextIO | None = None,
    keys: Keys | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Has a person play games of a seed one after another until they leave, by ``q`` or Ctrl-C.

    Args:
        config: A game by keys.
        seed: Which games; the first has number 0.
        preset: A name of ``bindings.BINDINGS``.
        replay: Where games are kept.
        force: Whether files that are there are written over.
        stream: A terminal; standard output without it.
        keys: Where key presses come from; without it standard input.
        clock: Seconds, from any start.
    """
    stream = sys.stdout if stream is None else stream
    playing = _Playing(config, seed, preset, stream, clock, _Keeper(replay, force))
    try:
        with leaving_at_signals(), open_keys(sys.stdin, _ARROWS) if keys is None else keys as opened:
            playing.run(opened)
    finally:
        playing.say_farewell()


class _Keeper:
    """Writes games to a file, the second and later ones beside it under numbered names."""

    def __init__(self, path: Path | None, force: bool) -> None:
        self._path = path
        self._force = force
        self.kept: list[Path] = []

    def keep(self, game: "HandGame") -> None:
        if self._path is None or game.state.pieces == 0:
            return
        path, number = self._path, 1
        while path in self.kept or (path != self._path and os.path.lexists(path) and not self._force):
            number += 1
            path = self._path.with_stem(f"{self._path.stem}-{number}")
        write_file(path, game.replay().to_bytes())
        self.kept.append(path)


class _Playing:
    """The screen, the keys and the time."""

    def __init__(
        self, config: EnvConfig, seed: int, preset: str, stream: TextIO, clock: Callable[[], float], keeper: _Keeper
    ) -> None:
        from tetrarium.environment.hand_games import HandGame

        self._config = config
        self._keys = BINDINGS[preset]
        self._clock = clock
        self._console = make_console(stream)
        self._keeper = keeper
        self._step_s = 1 / STEPS_PER_SECOND
        self._game = HandGame(config, seed, 0)
        self._waiting: deque[str] = deque()
        self._due = 0.0  # when the next step has its turn
        self._paused = False
        self._flash: Flash | None = None
        self._said: list[str] = []
        self._said_until = 0.0
        self._changed = True
        self._kept = False  # whether the game under way is with the keeper

    def run(self, keys: Keys) -> None:
        try:
            with Live(console=self._console, screen=True, auto_refresh=False, get_renderable=self._frame) as live:
                live.refresh()
                self._due = self._clock() + self._step_s
                self._play(keys, live)
        except KeyboardInterrupt:  # the way out without a key
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
                self._obey(key)

    @property
    def _runs(self) -> bool:
        return not self._paused and not self._game.state.over

    def _obey(self, key: str) -> None:
        self._changed = True
        if key in {"r", "R"}:
            self._begin_anew()
        elif key in {"p", "P"}:
            self._paused = not self._paused and not self._game.state.over
            self._due = self._clock() + self._step_s
            self._waiting.clear()
        elif self._runs and key.lower() in self._keys and len(self._waiting) < _MAX_WAITING:
            self._waiting.append(self._keys[key.lower()])

    def _begin_anew(self) -> None:
        from tetrarium.environment.hand_games import HandGame

        self._keep()
        self._game = HandGame(self._config, self._game.seed, self._game.number + 1)
        self._kept, self._paused, self._flash, self._said = False, False, None, []
        self._waiting.clear()
        self._due = self._clock() + self._step_s

    def _step_due(self, now: float) -> None:
        from tetrarium.environment.hand_games import said_of

        if self._said and now >= self._said_until:
            self._said, self._changed = [], True
        if now - self._due > _LAG_S:
            self._due = now
        if not self._room():
            self._paused = self._paused or not self._game.state.over
        while self._runs and self._due <= now:
            self._flash = None
            move, self._flash = self._game.press(self._waiting.popleft() if self._waiting else "nothing")
            self._due += self._step_s + (_FLASH_S if self._flash else 0)
            self._changed = self._changed or self._flash is not None or _looks_differ(move)
            said = said_of(move, self._config)
            if said:
                self._said, self._said_until = said, now + _SAID_S
            if self._game.state.over or self._game.is_full:
                self._keep()

    def _keep(self) -> None:
        if not self._kept:
            self._kept = True
            self._keeper.keep(self._game)

    def _room(self) -> bool:
        from tetrarium.cli.hand_screen import fits_screen

        size = self._console.size
        return fits_screen(self._board(), size.width, size.height)

    def _board(self) -> Any:
        from tetrarium.cli.boards import FLASH, BoardView
        from tetrarium.environment.scene import state_looks

        game, state = self._game, self._game.state
        looks = state_looks(state, can_hold=True)
        columns, cells = state.columns, game.cells
        if self._flash is not None:
            columns, cells = self._flash.columns, self._flash.cells.copy()
            cells[list(self._flash.rows)] = FLASH
            looks["falling"] = ((), ())
        return BoardView(
            columns=columns,
            height=self._config.height,
            queue=state.queue,
            lines=state.lines,
            pieces=state.pieces,
            colours=cells,
            **looks,
        )

    def _frame(self) -> RenderableType:
        from tetrarium.cli.hand_screen import HandView, draw_hand
        from tetrarium.environment.hand_games import level_of

        size, state = self._console.size, self._game.state
        named: dict[str, str] = {}
        if self._paused:
            for key, meaning in self._keys.items():
                named.setdefault(_SHOWN_MEANINGS.get(meaning, meaning), _SHOWN_KEYS.get(key, key))
        view = HandView(
            board=self._board(),
            level=level_of(state, self._config),
            said=[f"{key} {meaning}" for key, meaning in _AFTER_KEYS] if state.over else self._said,
            banner="Game over" if state.over else "Paused" if self._paused else "",
            keys=(*((key, meaning) for meaning, key in named.items()), *_OTHER_KEYS) if self._paused else (),
        )
        return draw_hand(view, size.width, size.height, colour=not self._console.no_color)

    def say_farewell(self) -> None:
        """Keeps the game that is under way, and says how it stood."""
        self._keep()
        state = self._game.state
        pieces = f"{state.pieces:,} {'piece' if state.pieces == 1 else 'pieces'}"
        lines = f"{state.lines:,} {'line' if state.lines == 1 else 'lines'}"
        said = f"Score {state.score:,}, {lines}, {pieces}; game {self._game.number} of seed {self._game.seed}"
        self._console.print(Text(said))
        for path in self._keeper.kept:
            self._console.print(Text(f"Kept {path}; `tetrarium watch {path}` shows it"), soft_wrap=True)


def _looks_differ(move: Any) -> bool:
    before, after = move.state_t, move.state_tp1
    return (before.pieces, before.falling, before.held, before.over) != (
        after.pieces,
        after.falling,
        after.held,
        after.over,
    )
