"""What runs there are, and what each has come to, read from their folders alone."""

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import BEST, checkpoint_steps, is_locked
from tetrarium.workers.files import LOG, UNDER_WAY, WorkerState, read_state

__all__ = ["DEAD", "RunView", "list_runs", "read_config", "read_evaluations", "read_progress", "read_run"]

DEAD: Final = "dead"
_CONFIG: Final = "config.json"
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


def list_runs(home: Home) -> list[RunView]:
    """Returns all runs of a home, those that were started last first; folders that hold none are left out."""
    views = []
    for folder in home.runs.iterdir() if home.runs.is_dir() else ():
        with contextlib.suppress(HomeError):
            views.append(read_run(home, folder.name))
    return sorted(views, key=lambda view: (view.started or "", view.name), reverse=True)


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
    row = _last_row(folder / "progress.csv")
    return RunView(
        name=name,
        state=told.state,
        step=max(told.step, int(row.get("step") or 0)) if is_alive else told.step,
        total_steps=training["total_timesteps"],
        error=told.error,
        message=told.message,
        algorithm=training["algorithm"],
        preset=config.get("preset"),
        seed=training["seed"],
        started=config.get("started") or _changed(folder / _CONFIG),
        seconds=row.get("seconds") or told.seconds,
        mean_lines_game=row.get("mean_lines_game"),
        best_lines_game=_whole(row.get("best_lines_game")),
        games_ended=_whole(row.get("games_ended")),
        steps_per_second=row.get("steps_per_second"),
        command=str(config.get("command", "")),
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
    if is_alive == (told.state in UNDER_WAY):
        return told
    if is_alive:
        return WorkerState(
            state="starting", step=saved, total_steps=total_steps, message=f"Starting at step {saved:,}."
        )
    return WorkerState(
        state=DEAD,
        step=saved,
        total_steps=total_steps,
        message=f"Its process ended without a word, killed or out of memory. It can go on from step {saved:,}.",
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
        with path.open(encoding="utf-8") as file:
            values: dict[str, Any] = json.load(file)
        training, _ = dict(values["training_config"]), dict(values["env_config"])
        for setting in ("algorithm", "seed", "total_timesteps"):
            training[setting]
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
    header, rows = _table(home.run_folder(name) / "progress.csv")
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
    header, rows = _table(home.run_folder(name) / "evaluations.csv")
    return [dict(zip(header, row, strict=True)) for row in rows]


def _table(path: Path) -> tuple[list[str], list[list[float | None]]]:
    """Reads a table of numbers that may be in the middle of being written: what is no whole row is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        return [], []
    header, *rows = lines or [""]
    columns = header.strip().split(",") if header.strip() else []
    read = (_row(line, len(columns)) for line in rows)
    return columns, [row for row in read if row is not None]


def _row(line: str, n_columns: int) -> list[float | None] | None:
    parts = line.rstrip("\n").split(",")
    if not line.endswith("\n") or len(parts) != n_columns:
        return None
    try:
        return [_number(part) for part in parts]
    except ValueError:
        return None


def _number(text: str) -> float | None:
    if not text:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _last_row(path: Path) -> dict[str, Any]:
    """The last whole row of a table, by column; nothing of one without rows."""
    try:
        with path.open("rb") as file:
            header = file.readline().decode().strip().split(",")
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _TAIL_BYTES))
            tail = file.read().decode(errors="replace").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return {}
    rows = (_row(line, len(header)) for line in reversed(tail))
    row = next((row for row in rows if row is not None), None)
    return {} if row is None else dict(zip(header, row, strict=True))


def _last_lines(path: Path) -> str:
    """The last line that a worker wrote before it ended."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _changed(path: Path) -> str | None:
    """When a file was last written: all that there is to tell of runs that did not note their start."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone().isoformat(timespec="seconds")
    except OSError:
        return None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
