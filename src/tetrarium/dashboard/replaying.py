"""The games that a run kept, played once more for people to see: as boards for a page, or as a film.

A game is followed from its start each time, which takes milliseconds for 10,000 straight drops; so any part of it can
be asked for at once. Everything here blocks; the event loop calls it in threads.
"""

import itertools
import stat
import threading
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.schemas_runs import ReplayBoards, ReplayEntry
from tetrarium.engine.colouring import GameFollower, cell_signs
from tetrarium.engine.streams import make_stream
from tetrarium.environment.film import film_frames, write_gif
from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import ConfigError, ReplayError, WorkerError
from tetrarium.registry.plain_files import open_plain

__all__ = ["find_replay_of", "list_replays", "make_gif", "replay_boards"]

_FOLDER: Final = "replays"
_ORDER: Final = {"first": 0, "best": 1, "last": 2}
_N_CHECKED: Final = 8  # games that are looked at, kept so that they are checked once
_MOST_SHOWN: Final = 200_000  # actions; checking them takes some 15 seconds
_FILMING: Final = threading.Lock()
_CHECKING: Final = threading.Lock()


def list_replays(run: Path) -> list[ReplayEntry]:
    """Tells which games a run kept: the first, the best from the best down, the latest from the newest on."""
    found = []
    for path in sorted((run / _FOLDER).glob(f"*{REPLAY_SUFFIX}"), key=_place):
        try:
            replay = _read(path)
        except (OSError, ReplayError):  # replaced or let go meanwhile, or of a later version
            continue
        step = replay.about.get("step")
        found.append(
            ReplayEntry(
                name=path.name.removesuffix(REPLAY_SUFFIX),
                lines=replay.lines,
                pieces=replay.pieces,
                is_over=replay.over,
                step=step if isinstance(step, int) else None,
                seed=replay.seed,
                game=replay.game,
            )
        )
    return found


def _place(path: Path) -> tuple[int, str]:
    return _ORDER.get(path.name.partition("-")[0].partition(".")[0], len(_ORDER)), path.name


def find_replay_of(run: Path, name: str, *, is_shown: bool = True) -> Replay:
    """Reads one game.

    Args:
        run: The run's folder.
        name: The game's.
        is_shown: Whether it is to be played here, which is tried first.

    Raises:
        NotThereError: if there is none of that name.
        ReplayError: if it cannot be read; or, where it is shown, cannot be played or is too long.
    """
    path = run / _FOLDER / f"{name}{REPLAY_SUFFIX}"
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(path)
        if not is_shown:
            return _read(path)
        with _CHECKING:  # of several who ask for a game at once one checks it
            return _checked(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise NotThereError(f"The run {run.name!r} has no replay {name!r}. Its list of replays tells which.") from None


@lru_cache(maxsize=_N_CHECKED)
def _checked(path: Path, _changed_ns: int, _n_bytes: int) -> Replay:
    """Reads a game and plays it once with every check: what follows it later has none, and would leave its arrays."""
    replay = _read(path)
    if len(replay) > _MOST_SHOWN:
        raise ReplayError(
            f"A game of up to {_MOST_SHOWN:,} actions is shown here; {path.name!r} has {len(replay):,}. Download its "
            "file and use `tetrarium watch`."
        )
    for _ in replay.play():
        pass
    return replay


def _read(path: Path) -> Replay:
    with open_plain(path) as file:
        return Replay.from_bytes(file.read(MAX_FILE_BYTES + 1))


def replay_boards(replay: Replay, first: int, n_boards: int) -> ReplayBoards:
    """Plays a game once more and tells some of its boards.

    Args:
        replay: The game.
        first: Pieces placed on the first board; 0 is the empty one.
        n_boards: How many at most; the last one is that after the last piece.

    Raises:
        ReplayError: if it is a game by keys, whose steps are no placements.
        ConfigError: if it has fewer pieces.
    """
    if replay.env_config.actions == "keys":
        raise ReplayError("Boards are told of games of placements, and this one is by keys. Use `tetrarium watch`.")
    actions = replay.action_numbers()
    if first > len(actions):
        raise ConfigError(f"first is at most the {len(actions):,} pieces of the game; got {first:,}. Ask for less.")
    follower = GameFollower(replay.env_config.rules())
    follower.begin(make_stream(replay.seed, replay.game) if replay.stream is None else replay.stream)
    follower.follow(actions[:first])
    rows: list[dict[str, Any]] = []
    for k in range(first, min(first + n_boards, len(actions) + 1)):
        if k > first:
            follower.follow(actions[k - 1 : k])
        rows.append(
            {
                "cells": cell_signs(follower.grid).rstrip("."),
                "queue": follower.queue,
                "held": follower.hold,
                "lines": follower.lines,
                "score": follower.score,
                "placed": follower.placed,
                "cleared": follower.cleared_rows,
                "ghost": follower.resting_cells(actions[k : k + 1])[0] if k < len(actions) else (),
            }
        )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    height, width = follower.height, follower.grid.shape[1]
    return ReplayBoards.model_validate(
        {"width": width, "height": height, "first": first, "n_pieces": len(actions), **columns}
    )


def make_gif(replay: Replay, *, first: int, n_pieces: int, speed: float, cell_px: int = 16) -> bytes:
    """Films a part of a game.

    Raises:
        ConfigError: if the speed is out of range.
        ReplayError: if the game cannot be played.
        WorkerError: if another film is being made: that takes a core.
    """
    if not _FILMING.acquire(blocking=False):
        raise WorkerError("One film is made at a time, and one is being made. Ask again when it is done.")
    try:
        config = replay.env_config
        moves = itertools.islice(replay.play(), first + n_pieces)
        target = BytesIO()
        frames = film_frames(
            moves,
            width=config.width,
            height=config.height,
            can_hold=config.hold,
            speed=speed,
            cell_px=cell_px,
            n_skipped=first,
        )
        write_gif(frames, target)
        return target.getvalue()
    finally:
        _FILMING.release()
