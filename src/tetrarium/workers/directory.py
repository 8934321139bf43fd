"""What runs there are, and what each has come to.

Their folders are the authority. Lists take from ``registry.db`` what has not changed since it was read, and write down
there what has; where that cannot be, every folder is read anew.
"""

import contextlib
import functools
import os
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.errors import HomeError, RegistryBusyError
from tetrarium.registry.home import Home, check_name
from tetrarium.registry.plain_files import open_plain, read_object
from tetrarium.registry.runs import RunStore
from tetrarium.training.runs.folder import BEST, checkpoint_steps, is_locked
from tetrarium.workers.files import DEAD, DIED, LOG, STATE, UNDER_WAY, WorkerState, read_state
from tetrarium.workers.tables import read_last_row, read_table

__all__ = [
    "RunPage",
    "RunView",
    "find_runs",
    "list_runs",
    "matches",
    "read_config",
    "read_episodes",
    "read_evaluations",
    "read_progress",
    "read_run",
]

_CONFIG: Final = "config.json"
_PROGRESS: Final = "progress.csv"
_TOLD_BY: Final = (_CONFIG, STATE, _PROGRESS, LOG, "checkpoints", BEST)  # what a view is read from
_NEEDED: Final = {"algorithm": str, "seed": int, "total_timesteps": int}  # settings of training that a view shows
_TAIL_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run, as it stands."""

    name: str
    state: str  # as ``StateChanged``, or "dead": its process ended without a word
    step: int
    total_steps: int
    error: str
    message: str
    algorithm: str
    preset: str | None
    seed: int
    started: str | None  # ISO 8601
    seconds: float  # of training
    mean_lines_game: float | None
    best_lines_game: int | None
    games_ended: int | None
    steps_per_second: float | None
    command: str
    checkpoints: tuple[int, ...]
    has_best: bool
    is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Some of the runs that were asked for."""

    runs: tuple[RunView, ...]
    n_runs: int  # that were found, on this page or not


def list_runs(home: Home) -> list[RunView]:
    """Returns all runs of a home, those that were started last first; folders that hold none are left out."""
    known: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(HomeError, OSError):
        known = _store(home).standings()
    views, changed, names = [], {}, list(_names(home))
    for name in names:
        is_alive = is_locked(home.runs / name)
        mark = _mark(home.runs / name, is_alive)
        if name in known and known[name]["mark"] == mark:
            views.append(_view(known[name]))
            continue
        with contextlib.suppress(HomeError, OSError):
            view = read_run(home, name)
            views.append(view)
            changed[name] = {**asdict(view), "mark": mark, "config": read_config(home, name)}
    gone = known.keys() - set(names)
    if changed or gone:
        with contextlib.suppress(HomeError, OSError):
            _store(home).keep(changed, gone)
    return sorted(views, key=lambda view: (view.started or "", view.name), reverse=True)


def find_runs(
    home: Home, *, search: str = "", states: Collection[str] = (), limit: int | None = 50, offset: int = 0
) -> RunPage:
    """Returns some of a home's runs, in the order of ``list_runs``.

    Args:
        home: Where they are.
        search: Words that all occur in a run's name, algorithm, preset, seed or command, in small letters or large.
        states: What they do; anything, if left out.
        limit: How many at most; None for all.
        offset: How many of those that were found are left out first.
    """
    words = search.casefold().split()
    found = [view for view in list_runs(home) if (not states or view.state in states) and matches(view, words)]
    return RunPage(runs=tuple(found[offset:][:limit]), n_runs=len(found))


def matches(view: RunView, words: Collection[str]) -> bool:
    """Whether words in small letters all occur in a run's name, algorithm, preset, seed or command."""
    text = f"{view.name} {view.algorithm} {view.preset or ''} seed {view.seed} {view.command}".casefold()
    return all(word in text for word in words)


@functools.cache
def _store(home: Home) -> RunStore:
    """What is known of a home's runs; who writes goes first, and lists do not wait for it."""
    return RunStore(home, wait_s=0.0)


def _names(home: Home) -> Iterator[str]:
    """Folders that may be runs."""
    if home.runs.is_dir():
        with os.scandir(home.runs) as entries:
            for entry in entries:
                with contextlib.suppress(HomeError):
                    if entry.is_dir():
                        yield check_name(entry.name)


def _mark(folder: Path, is_alive: bool) -> str:
    """Changes whenever ``read_run`` may say something else."""
    marks = [tetrarium.__version__, str(is_alive)]
    for name in _TOLD_BY:
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 a thousand runs are looked at so
        except OSError:
            marks.append("-")
        else:
            marks.append(f"{status.st_ino}.{status.st_mtime_ns}.{status.st_size}")
    return " ".join(marks)


def _view(values: dict[str, Any]) -> RunView:
    told = {name: value for name, value in values.items() if name != "mark"}
    return RunView(**{**told, "checkpoints": tuple(values["checkpoints"])})


def read_run(home: Home, name: str) -> RunView:
    """Returns one run.

    Raises:
        HomeError: if there is none of that name, or its config cannot be read.
    """
    config = read_config(home, name)
    folder = home.run_folder(name)
    training = config["training_config"]
    steps = tuple(checkpoint_steps(folder))
    is_alive = is_locked(folder)
    told = _state(folder, is_alive, steps, training["total_timesteps"])
    row = read_last_row(folder / _PROGRESS)
    return RunView(
        name=name,
        state=told.state,
        step=max(told.step, int(row.get("step") or 0)) if is_alive else told.step,
        total_steps=training["total_timesteps"],
        error=told.error,
        message=told.message,
        algorithm=training["algorithm"],
        preset=_text(config, "preset"),
        seed=training["seed"],
        started=_text(config, "started") or _changed(folder / _CONFIG),
        seconds=row.get("seconds") or told.seconds,
        mean_lines_game=row.get("mean_lines_game"),
        best_lines_game=_whole(row.get("best_lines_game")),
        games_ended=_whole(row.get("games_ended")),
        steps_per_second=row.get("steps_per_second"),
        command=_text(config, "command") or "",
        checkpoints=steps,
        has_best=(folder / BEST).is_dir(),
        is_alive=is_alive,
    )


def _state(folder: Path, is_alive: bool, steps: tuple[int, ...], total_steps: int) -> WorkerState:
    """What a run does by its own word, where that can still be so."""
    saved = max(steps, default=0)
    told = read_state(folder)
    if told is None:
        # of a version that said nothing, or killed before it could
        state = "running" if is_alive else "finished" if saved >= total_steps else "stopped"
        return WorkerState(state=state, step=saved, total_steps=total_steps)
    if is_alive or told.state not in UNDER_WAY:  # whoever has told its end holds the lock for an instant yet
        return told
    return WorkerState(
        state=DEAD,
        step=saved,
        total_steps=total_steps,
        message=f"{DIED} It can go on from step {saved:,}.",
        error=_last_lines(folder / LOG),
        seconds=told.seconds,
    )


def read_config(home: Home, name: str) -> dict[str, Any]:
    """Returns what a run was started with, as its ``config.json`` has it.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    path = home.run_folder(name) / _CONFIG
    try:
        values = read_object(path)
        for config in ("training_config", "env_config"):
            if not isinstance(values[config], dict):
                raise TypeError(f"{config} is no object")
        for setting, kind in _NEEDED.items():
            if type(values["training_config"][setting]) is not kind:
                raise TypeError(f"{setting} is not what it should be")
    except FileNotFoundError:
        raise HomeError(f"There is no run {name!r} in {str(home.root)!r}. Start one by `tetrarium train`.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HomeError(f"The run's {str(path)!r} cannot be read ({error}). Restore it from a copy.") from error
    return values


def read_progress(home: Home, name: str, max_points: int = 600) -> dict[str, list[float | None]]:
    """Returns the columns of a run's ``progress.csv``, thinned out evenly to so many rows, the last one among them.

    Raises:
        HomeError: if there is no such run.
    """
    read_config(home, name)
    header, rows = read_table(home.run_folder(name) / _PROGRESS)
    kept = rows
    if len(rows) > max_points:
        last, steps = len(rows) - 1, max(1, max_points - 1)
        kept = [rows[last - round(back * last / steps)] for back in reversed(range(max(1, max_points)))]
    return {column: [row[place] for row in kept] for place, column in enumerate(header)}


def read_evaluations(home: Home, name: str) -> list[dict[str, float | None]]:
    """Returns the rows of a run's ``evaluations.csv``.

    Raises:
        HomeError: if there is no such run.
    """
    read_config(home, name)
    header, rows = read_table(home.run_folder(name) / "evaluations.csv")
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_episodes(home: Home, name: str, max_points: int = 600) -> dict[str, list[int | float]]:
    """Returns the games of a run that ended, as columns of at most so many values, however many games there are.

    A value is of a group of consecutive games: the ``step`` at which the first of them ended, their number ``n_games``,
    and the mean, the least and the most of ``lines``, ``reward`` and ``pieces``, as ``mean_lines_game`` and so on. What
    is new in the run's files is taken into ``registry.db`` first.

    Raises:
        HomeError: if there is no such run, or ``registry.db`` cannot be used.
    """
    read_config(home, name)
    store = RunStore(home)
    with contextlib.suppress(RegistryBusyError):
        store.take_in(name)
    return store.curve(name, max_points)


def _last_lines(path: Path) -> str:
    """The last line that a worker wrote before it ended."""
    try:
        with open_plain(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _changed(path: Path) -> str | None:
    """When a file was last written: all that there is to tell of runs that did not note their start."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone().isoformat(timespec="seconds")
    except (OSError, OverflowError, ValueError):  # of a time that no calendar has
        return None


def _text(config: dict[str, Any], name: str) -> str | None:
    """What a config says, where that is text."""
    value = config.get(name)
    return value if isinstance(value, str) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
