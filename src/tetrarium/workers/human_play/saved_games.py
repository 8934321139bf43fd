"""Archive of finished human games: replays ``games/DATE-TIME-MODE-SEED.tetris-replay`` in the home."""

import contextlib
import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import EntryNotFoundError, ReplayError
from tetrarium.registry import Home, check_name
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.files.safe_files import open_plain
from tetrarium.settings import documented
from tetrarium.workers.human_play.human_game_control import MODES, SPRINT
from tetrarium.workers.human_play.session import human_game_config

MAX_GAMES: Final = 1_000  # of a person, and as many imported ones; older ones are deleted
_IMPORTED: Final = "imported-"
_N_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedGame:
    """A saved game."""

    name: str = field(metadata=documented("Name of its file.", "20261122-174000-sprint-7.tetris-replay"))
    ended: str = field(metadata=documented("End time in ISO 8601.", "2026-11-22T17:42:10+00:00"))
    mode: str = field(metadata=documented("Mode of the game.", "sprint"))
    seed: int = field(metadata=documented("Seed of the pieces.", 7))
    lines: int = field(metadata=documented("Cleared lines.", 40))
    pieces: int = field(metadata=documented("Placed pieces.", 103))
    score: int = field(metadata=documented("Points by the guideline.", 11250))
    seconds: float = field(metadata=documented("Playing time without pauses.", 71.304))
    terminated: bool = field(metadata=documented("Whether it was lost, as opposed to completed or abandoned."))
    n_bytes: int = field(metadata=documented("Size of its file.", 2310))
    keys: int | None = field(metadata=documented("Key presses; null for a game that continues another one.", 301))
    finesse_faults: int | None = field(metadata=documented("Presses beyond the fewest; null where unknown.", 12))
    continued_at: int | None = field(metadata=documented("Pieces of the game that it continues; null for none.", None))


def save_game(home: Home, replay: Replay) -> str:
    """Saves a game; returns the name of its file.

    Raises:
        OSError: if it cannot be written.
    """
    mode = str(replay.about.get("mode", "game"))
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{mode}-{replay.seed}"
    saved = _reserve_name(home.games, stem)
    try:
        write_file(saved, replay.to_bytes())
    except BaseException:
        saved.unlink(missing_ok=True)
        raise
    others = [path for path in _files(home) if path != saved]  # names of later games may come from a wrong clock
    for path in others[MAX_GAMES - 1 :]:
        with contextlib.suppress(OSError):
            path.unlink()
    return saved.name


def import_game(home: Home, replay: Replay) -> str:
    """Saves a game of another origin under a name made of its content; returns the name without the suffix.

    Imported games are not among the saved games of a person.

    Raises:
        OSError: if it cannot be written.
    """
    content = replay.to_bytes()
    name = f"{_IMPORTED}{hashlib.sha256(content).hexdigest()[:_N_DIGITS]}"
    home.games.mkdir(parents=True, exist_ok=True)
    others = list(home.games.glob(f"{_IMPORTED}*{REPLAY_SUFFIX}"))
    if len(others) >= MAX_GAMES:
        with contextlib.suppress(OSError):
            min(others, key=lambda path: path.stat().st_mtime).unlink()
    write_file(home.games / f"{name}{REPLAY_SUFFIX}", content)
    return name


def _reserve_name(folder: Path, stem: str) -> Path:
    """Creates an empty file under a free name; safe against other processes that do the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{REPLAY_SUFFIX}"
        with contextlib.suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
    raise AssertionError


def list_games(home: Home, limit: int) -> list[SavedGame]:
    """Returns the latest saved games, latest first; files that cannot be read are skipped."""
    games: list[SavedGame] = []
    for path in _files(home):
        if len(games) >= limit:
            break
        with contextlib.suppress(OSError, ReplayError):
            games.append(_read(path))
    return games


def list_records(home: Home) -> list[SavedGame]:
    """Returns the best saved game of each mode: the fastest completed sprint, otherwise the one with the most points.

    Games that continue another one from a position do not count.
    """
    own = [game for game in list_games(home, MAX_GAMES) if game.continued_at is None]
    records = []
    for mode, (goal, _) in MODES.items():
        games = [game for game in own if game.mode == mode]
        if mode == SPRINT:
            done = [game for game in games if game.lines >= (goal or 0) and not game.terminated]
            records += sorted(done, key=lambda game: game.seconds)[:1]
        else:
            records += sorted(games, key=lambda game: -game.score)[:1]
    return records


def is_human_game(replay: Replay) -> bool:
    """Returns whether a person could have played a game from its start, so that its keys can be played back."""
    config = replay.env_config
    return config == human_game_config(config.first_level) and replay.stream is None and replay.game == 0


def find_game(home: Home, name: str) -> Path:
    """Returns the path of a saved game.

    Raises:
        EntryNotFoundError: if there is no such game.
    """
    path = home.games / check_name(name)
    if path.suffix != REPLAY_SUFFIX or not path.is_file() or path.is_symlink():
        raise EntryNotFoundError(f"There is no saved game {name[:80]!r}. Choose one from the list of all saved games.")
    return path


def _files(home: Home) -> list[Path]:
    """Returns the saved files, latest first, by the time in their names."""
    try:
        return sorted(home.games.glob(f"[0-9]*{REPLAY_SUFFIX}"), reverse=True)
    except OSError:
        return []


def _read(path: Path) -> SavedGame:
    status = path.stat()
    if status.st_size > MAX_FILE_BYTES:
        raise ReplayError(f"A saved game has at most {MAX_FILE_BYTES:,} bytes; {path.name!r} has more. Delete it.")
    return _read_cached(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=MAX_GAMES)
def _read_cached(path: Path, modified_ns: int, n_bytes: int) -> SavedGame:
    with open_plain(path) as file:
        replay = Replay.from_bytes(file.read(MAX_FILE_BYTES + 1))
    about = replay.about
    score, seconds = about.get("score", 0), about.get("seconds", 0.0)
    return SavedGame(
        name=path.name,
        ended=datetime.fromtimestamp(modified_ns / 1e9).astimezone().isoformat(timespec="seconds"),
        mode=str(about.get("mode", "")),
        seed=replay.seed,
        lines=replay.lines,
        pieces=replay.pieces,
        score=score if isinstance(score, int) else 0,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        terminated=replay.terminated,
        n_bytes=n_bytes,
        keys=_whole(about.get("keys")),
        finesse_faults=_whole(about.get("finesse_faults")),
        continued_at=_whole(about.get("continued_at")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
