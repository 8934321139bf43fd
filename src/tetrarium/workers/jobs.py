"""Work on models that takes its time: each piece has a process and a folder of its own, and says how far it has come.

Evaluating, comparing and recording are *long* and use all cores; saving and importing are short, but need torch, which
whoever starts a job may not want to load. Few of each kind are done at once. A job that has ended stays listed, with
what it came to, until it is forgotten or many others have come after it.
"""

import contextlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError, WorkerError
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import read_object
from tetrarium.training.runs.folder import LOCK, is_locked
from tetrarium.workers.files import DEAD, DIED, UNDER_WAY, fitted, list_views, read_values, write_values
from tetrarium.workers.launching import start_in_new_folder

__all__ = [
    "JOB_FILE",
    "KINDS",
    "JobConfig",
    "JobState",
    "JobView",
    "cancel_job",
    "is_cancelled",
    "list_jobs",
    "note_process",
    "read_job",
    "remove_job",
    "start_job",
    "uploaded",
]

KINDS: Final = {"measure": True, "compare": True, "record": True, "save": False, "import": False}  # whether it is long
JOB_FILE: Final = "game.gif"  # what a recording leaves
_CONFIG: Final = "job.json"
_STATE: Final = "state.json"
_STATES: Final = frozenset({"starting", "running", "finished", "failed"})
_PID: Final = "pid"
_CANCELLED: Final = "cancelled"
_MOST_LONG: Final = 2
_MOST_SHORT: Final = 4
_MOST_ENDED: Final = 30  # the oldest of more are forgotten
_starting: Final = threading.Lock()  # so that the jobs of two requests are not counted before either has begun


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    """What is to be done."""

    kind: str  # one of ``KINDS``
    values: Mapping[str, Any]
    started: str = ""  # ISO 8601

    @classmethod
    def read(cls, folder: Path) -> "JobConfig":
        """Reads it back.

        Raises:
            HomeError: if there is none.
        """
        try:
            config: JobConfig = fitted(cls, read_object(folder / _CONFIG))
        except (OSError, ValueError):
            raise HomeError(f"There is no job {folder.name!r}. GET /api/jobs lists what there is.") from None
        return config


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How far it has come."""

    state: str  # "starting", "running", "finished" or "failed"; others may say "cancelled" or "dead"
    message: str = ""
    error: str = ""
    share_done: float | None = None  # None where that cannot be told
    games_done: int | None = None
    n_games: int | None = None
    pieces_total: int | None = None
    result: Mapping[str, Any] | None = None
    has_file: bool = False

    def write(self, folder: Path) -> None:
        """Writes it for others to see."""
        write_values(folder / _STATE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "JobState":
        """What the job said last; nothing yet is its start."""
        state: JobState | None = read_values(folder / _STATE, cls)
        return state if state is not None and state.state in _STATES else cls(state="starting", message="Starting.")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job, as it stands."""

    id: str
    kind: str
    values: Mapping[str, Any]
    started: str  # ISO 8601
    state: str
    message: str
    error: str
    share_done: float | None
    games_done: int | None
    n_games: int | None
    pieces_total: int | None
    result: Mapping[str, Any] | None = field(default=None)
    has_file: bool = False
    is_alive: bool = False


def start_job(home: Home, kind: str, values: Mapping[str, Any], *, upload: Path | None = None) -> str:
    """Starts a process that does a piece of work; returns its id.

    Args:
        home: Whose models it is about.
        kind: One of ``KINDS``.
        values: What ``workers.job`` takes for that kind.
        upload: A file that the job is given a copy of, under its own name.

    Raises:
        WorkerError: if so many are under way already.
        HomeError, OSError: if the home cannot be written.
    """
    is_long = KINDS[kind]
    with _starting:
        _require_room(home, is_long)
        _forget_old(home)
        config = JobConfig(
            kind=kind, values=dict(values), started=datetime.now().astimezone().isoformat(timespec="seconds")
        )

        def fill(hidden: Path) -> None:
            (hidden / _CONFIG).write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")
            if upload is not None:
                shutil.copyfile(upload, hidden / upload.name)

        return start_in_new_folder(home, "job", home.job_folder, fill)


def uploaded(folder: Path, values: Mapping[str, Any]) -> Path:
    """Where a job has the file that it was given a copy of.

    Raises:
        KeyError: if it was given none.
    """
    return folder / Path(str(values["file"])).name


def _require_room(home: Home, is_long: bool) -> None:
    most, of = (_MOST_LONG, "evaluations, comparisons and recordings") if is_long else (_MOST_SHORT, "models")
    n_alive = sum(view.is_alive and KINDS.get(view.kind) == is_long for view in list_jobs(home))
    if n_alive >= most:
        doing = "are made" if is_long else "are saved or imported"
        remedy = "Wait for one to end, or cancel it." if is_long else "Try again in a moment."
        raise WorkerError(f"At most {most} {of} {doing} at once, and {n_alive} are. {remedy}")


def _forget_old(home: Home) -> None:
    """Forgets the jobs that ended first; when they were started is told by a clock that may have been wrong."""
    ended = [home.job_folder(view.id) for view in list_jobs(home) if not view.is_alive]
    ended.sort(key=_ended_ns, reverse=True)
    for folder in ended[_MOST_ENDED:]:
        shutil.rmtree(folder, ignore_errors=True)


def _ended_ns(folder: Path) -> int:
    try:
        return (folder / _STATE).stat().st_mtime_ns
    except OSError:  # it never began
        return 0


def list_jobs(home: Home) -> list[JobView]:
    """Returns the jobs of a home, those that were started last first."""
    return list_views(home.jobs, lambda name: read_job(home, name))


def read_job(home: Home, name: str) -> JobView:
    """Returns one job; of one that died, what was uploaded for it is removed.

    Raises:
        HomeError: if there is none of that name.
    """
    folder = home.job_folder(name)
    config = JobConfig.read(folder)
    is_alive = is_locked(folder)
    told = asdict(JobState.read(folder))
    if not is_alive and told["state"] in UNDER_WAY:
        with contextlib.suppress(OSError, KeyError, ValueError):  # there is none, or no file's name is said
            uploaded(folder, config.values).unlink()
        if is_cancelled(folder):
            told |= {"state": "cancelled", "message": "Cancelled. Nothing was changed."}
        else:
            told |= {"state": DEAD, "message": DIED}
    return JobView(id=name, is_alive=is_alive, **{item.name: getattr(config, item.name) for item in fields(config)},
                   **told)  # fmt: skip


def cancel_job(home: Home, name: str) -> None:
    """Ends a job under way; what it would have kept is not kept.

    Raises:
        HomeError: if there is none of that name.
    """
    view, folder = read_job(home, name), home.job_folder(name)
    if view.is_alive:
        (folder / _CANCELLED).touch()
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / _PID).read_text(encoding="ascii"))
            if _holds(pid, folder / LOCK):
                os.kill(pid, signal.SIGTERM)


def is_cancelled(folder: Path) -> bool:
    """Whether a job is to end; it looks for itself, since who cancels it may be in another container."""
    return (folder / _CANCELLED).exists()


def note_process(folder: Path) -> None:
    """Notes that this process does the job, which may be told to end by a signal."""
    (folder / _PID).write_text(str(os.getpid()), encoding="ascii")


def _holds(pid: int, lock: Path) -> bool:
    """Whether the process of that number here holds a job's lock: in another container the number is another's.

    Raises:
        OSError: if there is no such process, or what it holds cannot be seen.
    """
    return any(held.samefile(lock) for held in Path(f"/proc/{pid}/fd").iterdir() if held.exists())


def remove_job(home: Home, name: str) -> None:
    """Forgets a job that has ended, and what it left.

    Raises:
        HomeError: if there is none of that name.
        WorkerError: if it is under way.
    """
    if read_job(home, name).is_alive:
        raise WorkerError(f"A job that is under way is not forgotten; {name!r} is. Cancel it first.")
    shutil.rmtree(home.job_folder(name), ignore_errors=True)
