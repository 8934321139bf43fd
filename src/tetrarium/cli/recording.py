"""The command ``record``: one game as a GIF, a video, or a replay that plays again.

The game is the one that ``evaluate`` plays under the same seed and number, or a replay's. The file is written whole,
beside its place and renamed into it, once the game has been played.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from tetrarium.cli.compiling import told_of_compiling
from tetrarium.cli.display import is_capable, make_console
from tetrarium.cli.frames import ACCENT
from tetrarium.cli.playing import Rules, WhatOrReplay, find_game, pace, refuse_other_game
from tetrarium.cli.story import COMPILING
from tetrarium.cli.words import duration_text
from tetrarium.engine import KeyMove, Move
from tetrarium.environment.replays import MAX_ACTIONS, REPLAY_SUFFIX, Replay, pack_actions
from tetrarium.errors import ConfigError, suggestion
from tetrarium.registry.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.training.finding import find_policy, find_replay

__all__ = ["record"]

_FILMS: Final = (".gif", ".mp4")
_SUFFIXES: Final = (*_FILMS, ".json", REPLAY_SUFFIX)
_FILM_S: Final = 60  # a film is no longer unless it is asked for
_MIN_SCALE: Final = 4
_MAX_SCALE: Final = 128


@dataclass(frozen=True, kw_only=True)
class _Game:
    """A game to be recorded: its moves, and a replay of it that has still to be told them."""

    moves: Iterator[Move | KeyMove]
    n_moves: int  # at most
    replay: Replay


def record(
    what: WhatOrReplay,
    out: Annotated[Path, Parameter(help="The file: .gif, .mp4, .json or .tetris-replay.")],
    *,
    rules: Annotated[Rules | None, Parameter(help="Whose rules; those an agent was trained for if left out.")] = None,
    height: Annotated[int | None, Parameter(help="Visible rows of the board.")] = None,
    randomizer: Annotated[str | None, Parameter(help="'7-bag', 'uniform', or piece letters that repeat.")] = None,
    seed: Annotated[int | None, Parameter(help="Game k of a seed has the same pieces for everybody. Else 0.")] = None,
    game: Annotated[int | None, Parameter(help="Which game of the seed. Else 0.")] = None,
    max_pieces: Annotated[int | None, Parameter(help="Stop after so many; else a film of a minute.")] = None,
    speed: Annotated[
        float | None, Parameter(help="Pieces a second in a film, 0.1 to 1,000; 10, or keys as they came.")
    ] = None,
    scale: Annotated[int, Parameter(help="Pixels of a cell, 4 to 128.")] = 24,
    force: Annotated[bool, Parameter(negative="", help="Write over a file that is there.")] = False,
    home: Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things.")] = None,
) -> int:
    """Make a GIF, a video or a replay of one game."""
    _require_writable(out, force)
    is_film = out.suffix.lower() in _FILMS
    if is_film:
        from tetrarium.environment.film import require_speed

        require_speed(pace(None, speed))
    if not _MIN_SCALE <= scale <= _MAX_SCALE:
        raise ConfigError(f"scale is 4 to 128 pixels a cell; got {scale}. Choose one in that range.")
    replay = find_replay(what)
    if replay is not None:
        refuse_other_game(what, rules=rules, height=height, randomizer=randomizer, seed=seed, game=game)
        chosen = _again(replay, max_pieces)
    else:
        policy, trained_for = find_policy(what, Home.locate(home))
        config = find_game(rules, height, randomizer, trained_for)
        empty = Replay(
            env_config=config,
            seed=_whole("seed", seed),
            game=_whole("game", game),
            actions=b"",
            lines=0,
            pieces=0,
            over=False,
            about={"agent": "".join(letter if letter.isprintable() else "?" for letter in policy.name)},
        )
        film_pieces = max(1, round(_FILM_S * pace(None, speed))) if is_film else None
        chosen = _first_time(policy, empty, max_pieces, film_pieces)
    with told_of_compiling(lambda: print(COMPILING, file=sys.stderr)):
        recorded = _write(chosen, out, pace(replay, speed), scale)
    end = "" if recorded.over else ", and no end yet"
    print(
        f"Recorded {recorded.about.get('agent', what)}, game {recorded.game} of seed {recorded.seed}: "
        f"{_counted(recorded.pieces, 'piece')}, {_counted(recorded.lines, 'line')}{end}. "
        f"{out} has {_size(out.stat().st_size)}."
    )
    return 0


def _require_writable(out: Path, force: bool) -> None:
    if out.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"What is written ends in one of {', '.join(_SUFFIXES)}; got {str(out)!r}."
            f"{suggestion(out.suffix, _SUFFIXES) or ' Choose one of these.'}"
        )
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ConfigError(f"A recording is a file in a folder that is there; got {str(out)!r}. Make the folder first.")
    if os.path.lexists(out) and not force:
        raise ConfigError(f"A file that is there stays as it is; {str(out)!r} is. Name another, or add --force.")


def _whole(name: str, value: int | None) -> int:
    if value is not None and value < 0:
        raise ConfigError(f"{name} is a whole number, 0 or more; got {value}. Choose one in that range.")
    return value or 0


def _again(replay: Replay, max_pieces: int | None) -> _Game:
    """A game that a replay holds, or its beginning."""
    if max_pieces is not None and max_pieces < 1:
        raise ConfigError(f"max_pieces is a whole number, 1 or more; got {max_pieces}. Leave it out for all of it.")
    moves = replay.play()
    if max_pieces is None or max_pieces >= replay.pieces:
        return _Game(moves=moves, n_moves=len(replay), replay=replay)
    n_moves = len(replay) if replay.env_config.actions == "keys" else max_pieces
    return _Game(moves=_first_pieces(moves, max_pieces), n_moves=n_moves, replay=replay)


def _first_pieces(moves: Iterator[Move | KeyMove], n_pieces: int) -> Iterator[Move | KeyMove]:
    for move in moves:
        yield move
        if move.state_tp1.pieces >= n_pieces:
            return


def _first_time(policy: Any, empty: Replay, max_pieces: int | None, film_pieces: int | None) -> _Game:
    """A game that a policy is about to play."""
    from tetrarium.evaluation import play_moves
    from tetrarium.evaluation.evaluator import piece_limit

    limit = piece_limit(empty.env_config, max_pieces)
    if max_pieces is None and film_pieces is not None:
        limit = min(limit, film_pieces)
    if limit > MAX_ACTIONS:
        raise ConfigError(f"A recording has at most {MAX_ACTIONS:,} pieces; got {limit:,}. Choose fewer --max-pieces.")
    moves = play_moves(policy, empty.env_config, empty.seed, empty.game, max_pieces=limit)
    return _Game(moves=moves, n_moves=limit, replay=empty)


def _write(game: _Game, out: Path, speed: float, scale: int) -> Replay:
    """Plays the game into its file; returns what was played."""
    played = _Played()
    moves = played.noting(game.moves)
    suffix, config = out.suffix.lower(), game.replay.env_config
    with _progress(game.n_moves, config.actions == "keys") as advance:
        moves = _telling(moves, advance)
        if suffix in _FILMS:
            from tetrarium.environment.film import FILM_WRITERS, film_frames

            film = BytesIO()
            frames = film_frames(
                moves,
                width=config.width,
                height=config.height,
                can_hold=config.hold,
                speed=speed,
                cell_px=scale,
            )
            FILM_WRITERS[suffix](frames, film)
            content = film.getvalue()
            recorded = played.replay(game.replay)
        else:
            for _ in moves:
                pass
            recorded = played.replay(game.replay)
            content = recorded.to_bytes() if suffix == REPLAY_SUFFIX else recorded.to_json().encode()
    write_file(out, content)
    return recorded


class _Played:
    """Notes moves as they pass."""

    def __init__(self) -> None:
        self._actions: list[int] = []
        self._last: Move | KeyMove | None = None

    def noting(self, moves: Iterator[Move | KeyMove]) -> Iterator[Move | KeyMove]:
        for move in moves:
            self._actions.append(move.action)
            self._last = move
            yield move

    def replay(self, begun: Replay) -> Replay:
        """The replay of what has passed, which began as this one does."""
        if self._last is None:
            raise ConfigError("A recording has at least one piece; this game has none. Name another game.")
        state = self._last.state_tp1
        actions = pack_actions(begun.env_config, self._actions)
        return replace(begun, actions=actions, lines=state.lines, pieces=state.pieces, over=state.over)


def _telling(moves: Iterator[Move | KeyMove], advance: Callable[[], object]) -> Iterator[Move | KeyMove]:
    for move in moves:
        advance()
        yield move


@contextmanager
def _progress(n_moves: int, by_keys: bool) -> Iterator[Callable[[], object]]:
    """Shows on a terminal how many pieces, or keys, have been drawn; the bar goes when it is done."""
    if not is_capable(sys.stderr):
        yield lambda: None
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = task.time_remaining
            return Text("" if left is None else f"{duration_text(left)} left", style="dim")

    columns = (
        TextColumn("Recording"),
        BarColumn(complete_style=ACCENT, finished_style=ACCENT),
        TextColumn(f"{{task.completed:,}} of {{task.total:,}} {'keys' if by_keys else 'pieces'}"),
        TimeLeft(),
    )
    with Progress(*columns, console=make_console(sys.stderr), transient=True) as progress:
        task = progress.add_task("Recording", total=n_moves)
        yield lambda: progress.advance(task)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:,.1f} kB"
