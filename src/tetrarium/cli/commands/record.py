"""Command ``record``: one game as a GIF, a video or a replay.

The game is the one that ``evaluate`` plays under the same seed and number, or that of a replay. The file is written
atomically once the game has been played.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from tetrarium.cli.commands import agents
from tetrarium.cli.formatting import counted, duration_text
from tetrarium.cli.options import ForceOption, HomeOption, require_writable
from tetrarium.cli.terminal.compile_notice import notify_compiling
from tetrarium.cli.terminal.display_frame import ACCENT
from tetrarium.cli.terminal.run_display import is_capable, make_console
from tetrarium.cli.terminal.run_summary import COMPILING
from tetrarium.engine import KeyMove, Move
from tetrarium.environment.replays import MAX_ACTIONS, REPLAY_SUFFIX, Replay, pack_actions
from tetrarium.errors import ConfigError, suggestion
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import resolve_policy, resolve_replay

_ANIMATIONS: Final = (".gif", ".mp4")
_SUFFIXES: Final = (*_ANIMATIONS, ".json", REPLAY_SUFFIX)
_VIDEO_S: Final = 60  # default length of an animation
_MIN_SCALE: Final = 4
_MAX_SCALE: Final = 128


@dataclass(frozen=True, kw_only=True)
class _Recording:
    """A game to record: its moves, and a replay with its configuration but without the actions."""

    moves: Iterator[Move | KeyMove]
    n_moves: int  # upper bound
    replay: Replay


def record(
    agent: agents.AgentOrReplay,
    out: Annotated[Path, Parameter(help="Output file: .gif, .mp4, .json or .tetris-replay.")],
    *,
    rules: agents.RulesOption = None,
    height: agents.HeightOption = None,
    randomizer: agents.RandomizerOption = None,
    seed: Annotated[
        int | None, Parameter(help="Seed; game k of a seed always has the same pieces. [default: 0]")
    ] = None,
    game: Annotated[int | None, Parameter(help="Number of the game of the seed. [default: 0]")] = None,
    max_pieces: Annotated[
        int | None, Parameter(help="Stop after this many pieces. [default: one minute of animation]")
    ] = None,
    speed: Annotated[
        float | None,
        Parameter(help="Pieces per second of an animation, 0.1 to 1,000. [default: 10; a replay by keys: as recorded]"),
    ] = None,
    scale: Annotated[int, Parameter(help="Pixels per cell, 4 to 128.")] = 24,
    force: ForceOption = False,
    home: HomeOption = None,
) -> int:
    """Record one game as GIF, video or replay."""
    _require_writable(out, force)
    is_animation = out.suffix.lower() in _ANIMATIONS
    if is_animation:
        from tetrarium.environment.pictures.animation import require_speed

        require_speed(agents.playback_speed(None, speed))
    if not _MIN_SCALE <= scale <= _MAX_SCALE:
        raise ConfigError(
            f"scale is 4 to 128 pixels per cell; got {scale}. Choose a value in that range.", field="scale"
        )
    replay = resolve_replay(agent, Home.locate(home))
    if replay is not None:
        agents.reject_game_options(agent, rules=rules, height=height, randomizer=randomizer, seed=seed, game=game)
        chosen = _replayed_game(replay, max_pieces)
    else:
        policy, trained_for = resolve_policy(agent, Home.locate(home))
        config = agents.resolve_game(rules, height, randomizer, trained_for)
        empty = Replay(
            env_config=config,
            seed=_non_negative("seed", seed),
            game=_non_negative("game", game),
            actions=b"",
            lines=0,
            pieces=0,
            terminated=False,
            about={"agent": "".join(letter if letter.isprintable() else "?" for letter in policy.name)},
        )
        default_pieces = max(1, round(_VIDEO_S * agents.playback_speed(None, speed))) if is_animation else None
        chosen = _new_game(policy, empty, max_pieces, default_pieces)
    with notify_compiling(lambda: print(COMPILING, file=sys.stderr)):
        recorded = _write(chosen, out, agents.playback_speed(replay, speed), scale)
    end = "" if recorded.terminated else f" (stopped after {counted(recorded.pieces, 'piece')})"
    print(
        f"Recorded {recorded.about.get('agent', agent)}, game {recorded.game} of seed {recorded.seed}: "
        f"{counted(recorded.pieces, 'piece')}, {counted(recorded.lines, 'line')}{end}. "
        f"{out} has {_size(out.stat().st_size)}."
    )
    return 0


def _require_writable(out: Path, force: bool) -> None:
    if out.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"The name of a recording ends in one of {', '.join(_SUFFIXES)}; got {str(out)!r}."
            f"{suggestion(out.suffix, _SUFFIXES) or ' Choose one of these.'}",
            field="out",
        )
    require_writable(out, "recording", "out", force=force)


def _non_negative(name: str, value: int | None) -> int:
    if value is not None and value < 0:
        raise ConfigError(f"{name} is a whole number, 0 or more; got {value}. Choose one in that range.", field=name)
    return value or 0


def _replayed_game(replay: Replay, max_pieces: int | None) -> _Recording:
    """Returns the game of a replay, or its beginning."""
    if max_pieces is not None and max_pieces < 1:
        raise ConfigError(
            f"max_pieces is a whole number, 1 or more; got {max_pieces}. Omit it for the whole game.",
            field="max_pieces",
        )
    moves = replay.play()
    if max_pieces is None or max_pieces >= replay.pieces:
        return _Recording(moves=moves, n_moves=len(replay), replay=replay)
    n_moves = len(replay) if replay.env_config.actions == "keys" else max_pieces
    return _Recording(moves=_first_pieces(moves, max_pieces), n_moves=n_moves, replay=replay)


def _first_pieces(moves: Iterator[Move | KeyMove], n_pieces: int) -> Iterator[Move | KeyMove]:
    for move in moves:
        yield move
        if move.state_tp1.pieces >= n_pieces:
            return


def _new_game(policy: Any, empty: Replay, max_pieces: int | None, default_pieces: int | None) -> _Recording:
    """Returns a game that a policy will play."""
    from tetrarium.evaluation import play_moves
    from tetrarium.evaluation.evaluator import piece_limit

    limit = piece_limit(empty.env_config, max_pieces)
    if max_pieces is None and default_pieces is not None:
        limit = min(limit, default_pieces)
    if limit > MAX_ACTIONS:
        raise ConfigError(
            f"A recording has at most {MAX_ACTIONS:,} pieces; got {limit:,}. Choose fewer --max-pieces.",
            field="max_pieces",
        )
    moves = play_moves(policy, empty.env_config, empty.seed, empty.game, max_pieces=limit)
    return _Recording(moves=moves, n_moves=limit, replay=empty)


def _write(game: _Recording, out: Path, speed: float, scale: int) -> Replay:
    """Plays the game into its file and returns its replay."""
    recorder = _MoveRecorder()
    moves = recorder.record(game.moves)
    suffix, config = out.suffix.lower(), game.replay.env_config
    with _progress(game.n_moves, config.actions == "keys") as advance:
        moves = _with_progress(moves, advance)
        if suffix in _ANIMATIONS:
            from tetrarium.environment.pictures.animation import ANIMATION_WRITERS, animation_frames

            animation = BytesIO()
            frames = animation_frames(
                moves, width=config.width, height=config.height, can_hold=config.hold, speed=speed, cell_px=scale
            )
            ANIMATION_WRITERS[suffix](frames, animation)
            content = animation.getvalue()
            recorded = recorder.replay(game.replay)
        else:
            for _ in moves:
                pass
            recorded = recorder.replay(game.replay)
            content = recorded.to_bytes() if suffix == REPLAY_SUFFIX else recorded.to_json().encode()
    write_file(out, content)
    return recorded


class _MoveRecorder:
    """Records the actions of the moves that pass through it."""

    def __init__(self) -> None:
        self._actions: list[int] = []
        self._last: Move | KeyMove | None = None

    def record(self, moves: Iterator[Move | KeyMove]) -> Iterator[Move | KeyMove]:
        for move in moves:
            self._actions.append(move.action)
            self._last = move
            yield move

    def replay(self, start: Replay) -> Replay:
        """Returns the replay of the recorded actions; ``start`` provides its configuration, seed and game number."""
        if self._last is None:
            raise ConfigError("A recording has at least one piece; this game has none. Choose another game.")
        state = self._last.state_tp1
        actions = pack_actions(start.env_config, self._actions)
        return replace(start, actions=actions, lines=state.lines, pieces=state.pieces, terminated=state.terminated)


def _with_progress(moves: Iterator[Move | KeyMove], advance: Callable[[], object]) -> Iterator[Move | KeyMove]:
    for move in moves:
        advance()
        yield move


@contextmanager
def _progress(n_moves: int, by_keys: bool) -> Iterator[Callable[[], object]]:
    """Shows a progress bar on a terminal while the game is recorded."""
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


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:,.1f} kB"
