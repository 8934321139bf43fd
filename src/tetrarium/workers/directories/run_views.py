"""Runs of a home: their state, configs and curves, as read from their folders.

The folders are authoritative. Lists take unchanged runs from ``registry.db`` and update it for changed ones; if the
database cannot be used, every folder is read.
"""

import contextlib
import functools
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.errors import EntryNotFoundError, HomeError, RegistryBusyError, suggestion
from tetrarium.registry import Home
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.files.safe_files import open_plain, read_object
from tetrarium.registry.home import natural_key
from tetrarium.registry.run_labels import LABELS, RunLabels, change_labels, read_labels
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_tables import EVALUATIONS, PROGRESS, read_last_row, read_table
from tetrarium.training.checkpoints.checkpoint_store import is_checkpoint
from tetrarium.training.checkpoints.metadata import METADATA_NAME
from tetrarium.training.runs.storage.folder import BEST, RUN_CONFIG, TIMES, checkpoint_steps, require_run
from tetrarium.workers.directories.run_filter import parse_filter
from tetrarium.workers.directories.run_status import RunView
from tetrarium.workers.protocol import status_files

_VIEW_SOURCES: Final = (  # files of a view
    RUN_CONFIG, LABELS, TIMES, status_files.STATE, PROGRESS.file_name, EVALUATIONS.file_name, status_files.LOG,
    "checkpoints",
)  # fmt: skip
_MARK_OF_VERSION: Final = " ".join((tetrarium.__version__, *status_files.PROCESS_STATES))
_REQUIRED_SETTINGS: Final = {"algorithm": str, "seed": int, "total_timesteps": int}  # of the training config
_TAIL_BYTES: Final = 4_096
_Listed = dict[str, tuple[str | None, RunView | None]]  # marks and views by name; none of a run that has no view yet
_LISTED: Final[dict[Home, _Listed]] = {}  # as this process listed the runs of a home last


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One page of the runs that match a search."""

    runs: tuple[RunView, ...]
    n_runs: int  # matching runs on all pages


def list_runs(home: Home) -> list[RunView]:
    """Returns all runs of a home, damaged ones included, latest start first; other folders are skipped."""
    Home.require(home)
    names, root = home.run_names(), str(home.runs)
    known = _LISTED.get(home, {})
    if not known.keys() >= set(names):
        with contextlib.suppress(HomeError, OSError):
            stored = _store(home).summaries()
            known = {name: (row["mark"], _view(row) if row["mark"] else None) for name, row in stored.items()} | known
    listed: _Listed = {}
    changed, views = {}, []
    for name in names:
        folder = f"{root}/{name}"
        is_alive = is_locked(folder)
        mark = _mark(folder, is_alive)
        known_mark, view = known.get(name, ("", None))
        if view is None or mark != known_mark:
            try:
                view = find_run(home, name)
            except (HomeError, OSError):
                continue
            if view.state != status_files.DAMAGED:
                values = {key: value for key, value in asdict(view).items() if key != "place"}  # of active runs only
                with contextlib.suppress(HomeError, OSError):
                    changed[name] = {**values, "mark": mark, "config": read_config(home, name)}
                    listed[name] = mark, replace(view, place="")
        else:
            listed[name] = mark, view
            view = replace(view, place=_place(home.runs / name)) if is_alive else view
        views.append(view)
    gone = known.keys() - set(names)
    if changed or gone:
        with contextlib.suppress(HomeError, OSError):
            _store(home).update(changed, gone)
    _LISTED[home] = listed
    return sorted(views, key=lambda view: (view.started or "", natural_key(view.name)), reverse=True)


def active_runs(home: Home) -> list[RunView]:
    """Returns the runs that are being trained, in natural order, without looking at any other."""
    root = str(home.runs)
    return [find_run(home, name) for name in home.run_names() if is_locked(f"{root}/{name}")]


def find_runs(
    home: Home, *, search: str = "", states: Collection[str] = (), limit: int | None = 50, offset: int = 0
) -> RunPage:
    """Returns some of a home's runs, in the order of ``list_runs``.

    Args:
        home: The home.
        search: A filter, as ``parse_filter`` reads it.
        states: States of the runs; all states if empty.
        limit: Maximum number of runs; None for all.
        offset: Number of matching runs to skip.
    """
    is_found = parse_filter(search)
    found = [view for view in list_runs(home) if (not states or view.state in states) and is_found(view)]
    return RunPage(runs=tuple(found[offset:][:limit]), n_runs=len(found))


GROUP: Final = "group:"  # before the name of a group, where runs are named too


def find_groups(views: Iterable[RunView], references: Iterable[str]) -> dict[str, list[RunView]]:
    """Returns the runs of each group among references to runs and groups, in natural order.

    Raises:
        EntryNotFoundError: if a group has no run.
    """
    known = group_runs(views)
    found = {}
    for reference in references:
        group = reference.removeprefix(GROUP)
        if reference.startswith(GROUP):
            if group not in known:
                raise EntryNotFoundError(
                    f"There is no group {group!r}.{suggestion(group, known)} `tetrarium runs label RUN --group NAME` "
                    "adds a run to one."
                )
            found[reference] = known[group]
    return found


def read_compared(home: Home, references: Iterable[str]) -> dict[str, list[RunView]]:
    """Returns the runs of each reference, a run or ``group:NAME``.

    Raises:
        EntryNotFoundError: if a group has no run.
        HomeError: if there is no such run, or its config cannot be read.
    """
    references = list(dict.fromkeys(references))
    views = list_runs(home) if any(reference.startswith(GROUP) for reference in references) else []
    groups = find_groups(views, references)
    return {reference: groups.get(reference) or [read_run(home, reference)] for reference in references}


def group_runs(views: Iterable[RunView]) -> dict[str, list[RunView]]:
    """Returns the runs of each group, groups and runs in natural order."""
    groups: dict[str, list[RunView]] = {}
    for view in sorted(views, key=lambda view: natural_key(view.name)):
        if view.group is not None:
            groups.setdefault(view.group, []).append(view)
    return dict(sorted(groups.items(), key=lambda item: natural_key(item[0])))


@functools.cache
def _store(home: Home) -> RunStore:
    """Returns the database of a home's runs; lists do not wait while another process writes to it."""
    return RunStore(home, wait_s=0.0)


def _place(folder: Path) -> str:
    state = status_files.read_state(folder)
    return "" if state is None else state.place


def _mark(folder: str, is_alive: bool) -> str:
    """Returns a text that changes whenever the result of ``read_run`` may change."""
    marks = [_MARK_OF_VERSION, str(is_alive)]
    metadata = [f"{path}/{METADATA_NAME}" for path in (BEST, *_checkpoint_folders(folder))]
    for name in (*_VIEW_SOURCES, *metadata):
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 faster for a thousand runs
        except OSError:
            marks.append("-")
        else:
            marks.append(f"{status.st_ino}.{status.st_mtime_ns}.{status.st_size}")
    return " ".join(marks)


def _checkpoint_folders(folder: str) -> list[str]:
    try:
        return sorted(f"checkpoints/{name}" for name in os.listdir(f"{folder}/checkpoints"))  # noqa: PTH208 as above
    except OSError:
        return []


def _view(values: dict[str, Any]) -> RunView:
    fields = {name: value for name, value in values.items() if name != "mark"}
    return RunView(**{**fields, "checkpoints": tuple(values["checkpoints"]), "tags": tuple(values["tags"])})


def find_run(home: Home, name: str) -> RunView:
    """Returns one run, in the state ``DAMAGED`` if its config cannot be read.

    Raises:
        EntryNotFoundError: if there is no such run.
    """
    try:
        return read_run(home, name)
    except HomeError as error:
        return _damaged_view(require_run(home, name), str(error))


def read_run(home: Home, name: str) -> RunView:
    """Returns one run.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    config = read_config(home, name)
    folder = home.run_folder(name)
    training = config["training_config"]
    steps = tuple(checkpoint_steps(folder))
    is_alive = is_locked(folder)
    state = _read_state(folder, is_alive, steps, training["total_timesteps"])
    row = read_last_row(folder, PROGRESS)
    evaluation = read_last_row(folder, EVALUATIONS)
    labels = _read_labels(folder, config)
    return RunView(
        name=name,
        state=state.state,
        step=max(state.step, int(row.get("step") or 0)) if is_alive else state.step,
        total_steps=training["total_timesteps"],
        error=state.error,
        message=state.message,
        algorithm=training["algorithm"],
        preset=_text(config, "preset"),
        seed=training["seed"],
        started=_text(config, "started") or status_files.modified_time(folder / RUN_CONFIG),
        seconds=_seconds(row, state),
        evaluated_seconds=max(row.get("evaluated_seconds") or 0.0, state.evaluated_seconds or 0.0),
        training_mean=row.get("training_mean"),
        training_n_ended=row.get("training_n_ended"),
        training_n_running=row.get("training_n_running"),
        best_lines_game=row.get("best_lines_game"),
        games_ended=row.get("games_ended"),
        games_lost=row.get("games_lost"),
        last_loss_step=row.get("last_loss_step"),
        losses_per_10000_pieces=row.get("losses_per_10000_pieces"),
        evaluation=evaluation or None,
        steps_per_second=row.get("steps_per_second"),
        group=labels.group,
        tags=labels.tags,
        note=labels.note,
        changed_settings=_changed_settings(config),
        times=_read_times(folder),
        command=_text(config, "command") or "",
        checkpoints=steps,
        has_best=is_checkpoint(folder / BEST),
        is_alive=is_alive,
        place=state.place if is_alive else "",
    )


def label_run(home: Home, name: str, **changes: Any) -> RunView:
    """Changes the labels of a run, as ``change_labels`` does, and returns the run.

    Raises:
        EntryNotFoundError: if there is no such run.
        ConfigError, BundleError: if a label is invalid.
        HomeError: if its labels or its config cannot be read.
    """
    change_labels(require_run(home, name), is_trial=is_trial(read_config(home, name)), **changes)
    return read_run(home, name)


def _damaged_view(folder: Path, reason: str) -> RunView:
    steps = tuple(checkpoint_steps(folder))
    saved = max(steps, default=0)
    return RunView(
        name=folder.name, state=status_files.DAMAGED, step=saved, total_steps=saved, error=reason, message=reason,
        algorithm="", preset=None, seed=0, started=status_files.modified_time(folder), seconds=0.0,
        evaluated_seconds=0.0,
        training_mean=None, training_n_ended=None, training_n_running=None, best_lines_game=None,
        games_ended=None, games_lost=None, last_loss_step=None, losses_per_10000_pieces=None, evaluation=None,
        steps_per_second=None, group=None, tags=(), note="", changed_settings={}, times=None, command="",
        checkpoints=steps, has_best=is_checkpoint(folder / BEST),
        is_alive=is_locked(folder),
    )  # fmt: skip


def _read_labels(folder: Path, config: dict[str, Any]) -> RunLabels:
    """Returns the labels of a run; none where the file is damaged, which a change of the labels reports."""
    try:
        return read_labels(folder, is_trial=is_trial(config))
    except HomeError:
        return RunLabels()


def _read_times(folder: Path) -> dict[str, float] | None:
    """Returns where the time of a run went; None if that is unknown."""
    try:
        times = read_object(folder / TIMES)
    except (OSError, ValueError):
        return None
    return times if all(type(value) in (int, float) for value in times.values()) else None


def is_trial(config: Mapping[str, Any]) -> bool:
    """Returns whether a study started the run with this ``config.json``."""
    return config.get("origin") == "study"


def _changed_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of a run that differ from the defaults; those of another version's defaults are compared."""
    versions, stored = config.get("versions"), config.get("changed_settings")
    if isinstance(versions, dict) and versions.get("tetrarium") == tetrarium.__version__ and isinstance(stored, dict):
        return stored
    from tetrarium.training.runs.storage import run_config  # loads the engine

    return run_config.changed_settings(config["env_config"], config["training_config"])


def _seconds(row: dict[str, Any], state: status_files.WorkerState) -> float:
    """Returns the training time; a state of an earlier version counted other time, too."""
    recorded: float = row.get("seconds") or 0.0
    return max(recorded, state.seconds) if state.evaluated_seconds is not None or not recorded else recorded


def _read_state(folder: Path, is_alive: bool, steps: tuple[int, ...], total_steps: int) -> status_files.WorkerState:
    """Returns the state that a run wrote, or ``CRASHED`` if its process ended without writing one."""
    saved = max(steps, default=0)
    state = status_files.read_state(folder)
    if state is None:
        # A run of an early version without state files, or one that was killed before its first state.
        guess = "running" if is_alive else "finished" if saved >= total_steps else "stopped"
        return status_files.WorkerState(state=guess, step=saved, total_steps=total_steps)
    if (
        is_alive or state.state not in status_files.ACTIVE_STATES
    ):  # a worker that has written its end still holds the lock briefly
        return state
    return status_files.WorkerState(
        state=status_files.CRASHED,
        step=saved,
        total_steps=total_steps,
        message=f"{status_files.CRASH_MESSAGE} It can be resumed from step {saved:,}.",
        error=_last_line(folder / status_files.LOG),
        seconds=state.seconds,
    )


def read_config(home: Home, name: str) -> dict[str, Any]:
    """Returns the contents of a run's ``config.json``.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    path = require_run(home, name) / RUN_CONFIG
    try:
        values = read_object(path)
        for config in ("training_config", "env_config"):
            if not isinstance(values[config], dict):
                raise TypeError(f"{config} is not an object")
        for setting, kind in _REQUIRED_SETTINGS.items():
            if type(values["training_config"][setting]) is not kind:
                raise TypeError(f"{setting} is not of type {kind.__name__}")
    except PermissionError:
        raise HomeError(
            f"The run's {str(path)!r} cannot be read: Permission denied. Grant yourself read permission."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HomeError(
            f"The run's {str(path)!r} cannot be read ({error}). Restore it from a copy, or delete the run by "
            f"`tetrarium runs delete {name}`."
        ) from error
    return values


def read_progress(
    home: Home, name: str, max_points: int = 600, only: Collection[str] | None = None
) -> dict[str, list[float | None]]:
    """Returns columns of a run's ``progress.csv``, thinned evenly to ``max_points`` rows that include the last.

    Raises:
        HomeError: if there is no such run.
    """
    read_config(home, name)
    header, rows = read_table(home.run_folder(name), PROGRESS, only)
    thinned = rows
    if len(rows) > max_points:
        last, steps = len(rows) - 1, max(1, max_points - 1)
        thinned = [rows[last - round(back * last / steps)] for back in reversed(range(max(1, max_points)))]
    return {column: [row[place] for row in thinned] for place, column in enumerate(header)}


def read_evaluations(home: Home, name: str) -> list[dict[str, float | None]]:
    """Returns the rows of a run's ``evaluations.csv``.

    Raises:
        HomeError: if there is no such run.
    """
    read_config(home, name)
    header, rows = read_table(home.run_folder(name), EVALUATIONS)
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_episodes(home: Home, name: str, max_points: int = 600) -> dict[str, list[int | float]]:
    """Returns the finished games of a run as columns of at most ``max_points`` values.

    A value describes a group of consecutive games: the ``step`` at which the first of them ended, their number
    ``n_games``, and the mean, minimum and maximum of ``lines``, ``reward`` and ``pieces``, as ``mean_lines_game`` and
    so on. New rows of the run's files are imported into ``registry.db`` first.

    Raises:
        HomeError: if there is no such run, or ``registry.db`` cannot be used.
    """
    read_config(home, name)
    store = RunStore(home)
    with contextlib.suppress(RegistryBusyError):
        store.ingest(name)
    return store.episode_curve(name, max_points)


def _last_line(path: Path) -> str:
    """Returns the last line that is not empty in a worker's log."""
    try:
        with open_plain(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _text(config: dict[str, Any], name: str) -> str | None:
    """Returns a value of a config if it is a string."""
    value = config.get(name)
    return value if isinstance(value, str) else None
