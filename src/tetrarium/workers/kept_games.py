"""Games that people played, kept as replays in the home: ``games/DATE-TIME-MODE-SEED.tetris-replay``."""

import contextlib
import itertools
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import HomeError, ReplayError
from tetrarium.registry.atomic import write_file
from tetrarium.registry.home import Home, check_name
from tetrarium.registry.plain_files import open_plain

__all__ = ["MOST_KEPT", "KeptGame", "find_game", "keep_game", "list_games"]

MOST_KEPT: Final = 1_000  # the oldest one beyond these goes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGame:
    """A game that was played."""

    name: str  # of its file
    ended: str  # ISO 8601
    mode: str
    seed: int
    lines: int
    pieces: int
    score: int
    seconds: float
    over: bool  # whether it was lost; otherwise it reached its goal, or was given up
    n_bytes: int


def keep_game(home: Home, replay: Replay) -> str:
    """Keeps a game; returns the name of its file.

    Raises:
        OSError: if it cannot be written.
    """
    mode = str(replay.about.get("mode", "game"))
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{mode}-{replay.seed}"
    kept = _take_name(home.games, stem)
    try:
        write_file(kept, replay.to_bytes())
    except BaseException:
        kept.unlink(missing_ok=True)
        raise
    others = [path for path in _files(home) if path != kept]  # a clock that was ahead has named later ones
    for path in others[MOST_KEPT - 1 :]:
        with contextlib.suppress(OSError):
            path.unlink()
    return kept.name


def _take_name(folder: Path, stem: str) -> Path:
    """Makes an empty file that nobody else has made, of several processes at once either."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{REPLAY_SUFFIX}"
        with contextlib.suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
    raise AssertionError


def list_games(home: Home, limit: int) -> list[KeptGame]:
    """Returns the games that ended last, the latest first; files that hold none are left out."""
    found: list[KeptGame] = []
    for path in _files(home):
        if len(found) >= limit:
            break
        with contextlib.suppress(OSError, ReplayError):
            found.append(_read(path))
    return found


def find_game(home: Home, name: str) -> Path:
    """Returns the file of a game.

    Raises:
        HomeError: if there is none of that name.
    """
    path = home.games / check_name(name)
    if path.suffix != REPLAY_SUFFIX or not path.is_file() or path.is_symlink():
        raise HomeError(f"There is no game {name[:80]!r}. GET /api/games lists what there is.")
    return path


def _files(home: Home) -> list[Path]:
    """The latest first: their names begin with the time."""
    try:
        return sorted(home.games.glob(f"[0-9]*{REPLAY_SUFFIX}"), reverse=True)
    except OSError:
        return []


def _read(path: Path) -> KeptGame:
    status = path.stat()
    if status.st_size > MAX_FILE_BYTES:
        raise ReplayError(f"A replay here has at most {MAX_FILE_BYTES:,} bytes; {path.name!r} has more. Delete it.")
    with open_plain(path) as file:
        replay = Replay.from_bytes(file.read(MAX_FILE_BYTES + 1))
    about = replay.about
    score, seconds = about.get("score", 0), about.get("seconds", 0.0)
    return KeptGame(
        name=path.name,
        ended=datetime.fromtimestamp(status.st_mtime).astimezone().isoformat(timespec="seconds"),
        mode=str(about.get("mode", "")),
        seed=replay.seed,
        lines=replay.lines,
        pieces=replay.pieces,
        score=score if isinstance(score, int) else 0,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        over=replay.over,
        n_bytes=status.st_size,
    )
