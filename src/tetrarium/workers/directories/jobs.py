"""Jobs: background tasks on models and games, each in a process and a folder of its own, with its progress.

Evaluating, comparing and recording are *long* and use all cores. Saving and importing are short, but load torch, which
the process that starts a job may not want to. The number of jobs of either sort that run at once is limited; further
ones are queued in the order of their creation. A job that has ended stays listed, with its result, until it is removed
or many later jobs have ended.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any, Final

from tetrarium.registry.files.atomic import remove_directory
from tetrarium.registry.files.process_lock import LOCK, is_locked
from tetrarium.registry.home import Home
from tetrarium.settings import documented
from tetrarium.workers.directories.process_directory import ProcessDirectory, ProcessView
from tetrarium.workers.protocol import status_files

# Kinds of jobs, and whether each is long.
IS_LONG: Final = {
    **dict.fromkeys(("evaluate", "compare", "record"), True),
    **dict.fromkeys(("save", "import", "analyze", "continue"), False),
}
OF_GAMES: Final = ("analyze", "continue")  # kinds on recorded games, not on models
RECORDING_FILE: Final = "game.gif"  # result of a "record" job
QUEUED: Final = "queued"
_STATES: Final = ("starting", QUEUED, "running", "finished", "failed")  # that are written
_VIEW_STATES: Final = (*_STATES, "canceled", status_files.CRASHED, status_files.DAMAGED)
_PID_FILE: Final = "pid"
_CANCEL_FILE: Final = "cancelled"  # spelled as in homes of earlier versions
# Names in the files of earlier versions.
_NAMES_BEFORE: Final = {
    "measure": "evaluate",
    "what": "agent",
    "one": "agent",
    "other": "other_agent",
    "fresh": "save_checkpoint",
}
_MAX_LONG: Final = 2
_MAX_SHORT: Final = 4
MAX_JOBS: Final = 100  # running and queued
_MAX_ENDED: Final = 30  # on models, and as many on games; older ones are deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    kind: str  # a key of ``IS_LONG``
    values: Mapping[str, Any]  # arguments of the kind's function in ``workers.processes.job_process``
    started: str = ""  # ISO 8601


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """Progress and result of a job, as its process writes them."""

    state: str  # one of ``_STATES``
    message: str = ""
    error: str = ""
    code: str = status_files.optional_field("")  # of the error
    field: str | None = status_files.optional_field(None)  # setting at fault
    share_done: float | None = None  # from 0 to 1; None where it is unknown
    games_done: int | None = None
    n_games: int | None = None
    pieces_total: int | None = None
    result: Mapping[str, Any] | None = None
    has_file: bool = False

    def write(self, folder: Path) -> None:
        """Writes the state file."""
        status_files.write_record(folder / status_files.STATE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "JobState":
        """Returns the last state that the job wrote, or "starting" before the first."""
        state: JobState | None = status_files.read_record(folder / status_files.STATE, cls)
        return state if state is not None and state.state in _STATES else cls(state="starting", message="Starting.")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView(ProcessView):
    """A job with its status."""

    kind: str = dataclass_field(metadata=documented("Kind of the job.", choices=IS_LONG))
    values: Mapping[str, Any] = dataclass_field(metadata=documented("Values of the request.", {"agent": "first@2"}))
    state: str = dataclass_field(
        metadata=documented(
            "State of the job; `queued`: it waits for others; `crashed`: its process ended without writing a state; "
            "`damaged`: its configuration cannot be read, and the fields that depend on it have no meaning.",
            choices=_VIEW_STATES,
        )
    )
    message: str = dataclass_field(metadata=documented("Latest message for people.", "first@2 plays."))
    code: str = dataclass_field(metadata=documented("Code of the error, or empty.", ""))
    field: str | None = dataclass_field(metadata=documented("Name of the setting at fault, if there is one.", None))
    share_done: float | None = dataclass_field(metadata=documented("Progress from 0 to 1; null if unknown.", 0.4))
    games_done: int | None = dataclass_field(metadata=documented("Games that ended or were truncated.", 40))
    n_games: int | None = dataclass_field(metadata=documented("Games to play.", 100))
    pieces_total: int | None = dataclass_field(metadata=documented("Pieces placed so far.", 41200))
    result: Mapping[str, Any] | None = dataclass_field(
        default=None, metadata=documented("Result of a finished job.", None)
    )
    has_file: bool = dataclass_field(default=False, metadata=documented("Whether it has a file to download."))


def _make_view(job_id: str, folder: Path, config: JobConfig) -> JobView:
    """Makes the view of a job; deletes the upload of one that died."""
    is_alive = is_locked(folder)
    values = asdict(JobState.read(folder))
    if not is_alive and values["state"] in (*status_files.ACTIVE_STATES, QUEUED):
        with contextlib.suppress(OSError, KeyError, ValueError):  # no upload, or a damaged config
            upload_path(folder, config.values).unlink()
        if is_canceled(folder):
            values |= {"state": "canceled", "message": "Canceled. Nothing was changed."}
        else:
            values |= {"state": status_files.CRASHED, "message": status_files.CRASH_MESSAGE}
    return JobView(
        id=job_id, kind=config.kind, values=config.values, started=config.started, is_alive=is_alive, **values
    )


def _parse_config(config: Mapping[str, Any]) -> JobConfig:
    """Makes a config from a file, which may be of an earlier version with other names."""
    parsed: JobConfig = status_files.from_json(JobConfig, config)
    values = {_NAMES_BEFORE.get(name, name): value for name, value in parsed.values.items()}
    return replace(parsed, kind=_NAMES_BEFORE.get(parsed.kind, parsed.kind), values=values)


JOBS: Final[ProcessDirectory[JobConfig, JobView]] = ProcessDirectory(
    noun="job",
    plural="jobs",
    stop_verb="Cancel",
    root=lambda home: home.jobs,
    config_file="job.json",
    parse_config=_parse_config,
    placeholder=JobConfig(kind="evaluate", values={}),
    make_view=_make_view,
)
list_jobs, read_job, remove_job = JOBS.list_views, JOBS.read, JOBS.remove


def upload_path(folder: Path, values: Mapping[str, Any]) -> Path:
    """Returns the path of the copy of the uploaded file in a job's folder.

    Raises:
        KeyError: if the job has no upload.
    """
    return folder / Path(str(values["file"])).name


def jobs_ahead(home: Home, job_id: str) -> list[Path]:
    """Returns the folders of the active jobs of the same sort that were created before this one."""
    is_long, own = IS_LONG[read_job(home, job_id).kind], _created(home.job_folder(job_id))
    alive = [view for view in list_jobs(home) if view.is_alive and IS_LONG.get(view.kind) == is_long]
    folders = [home.job_folder(view.id) for view in alive]
    return [folder for folder in folders if _created(folder) < own]


def n_to_wait_for(ahead: Sequence[Path], kind: str) -> int:
    """Returns how many of the jobs ahead of one must end before it can run."""
    limit = _MAX_LONG if IS_LONG[kind] else _MAX_SHORT
    return max(0, 1 + sum(is_locked(folder) for folder in ahead) - limit)


def _created(folder: Path) -> tuple[int, str]:
    """Returns the place of a job in the order of creation; it is last if it is deleted meanwhile."""
    try:
        return (folder / JOBS.config_file).stat().st_mtime_ns, folder.name
    except OSError:
        return sys.maxsize, folder.name


def delete_old_jobs(home: Home) -> None:
    """Deletes the jobs that ended first, by when they wrote their last state; start times may be of a wrong clock."""
    ended = [view for view in JOBS.list_views(home) if not view.is_alive]
    for is_of_game in (False, True):
        folders = [home.job_folder(view.id) for view in ended if (view.kind in OF_GAMES) == is_of_game]
        folders.sort(key=_ended_ns, reverse=True)
        for folder in folders[_MAX_ENDED:]:
            with contextlib.suppress(OSError):
                remove_directory(folder)


def _ended_ns(folder: Path) -> int:
    try:
        return (folder / status_files.STATE).stat().st_mtime_ns
    except OSError:  # it never ran
        return 0


def cancel_job(home: Home, job_id: str) -> None:
    """Ends a running job without keeping anything.

    Raises:
        EntryNotFoundError: if there is no such job.
    """
    view, folder = read_job(home, job_id), home.job_folder(job_id)
    if view.is_alive:
        (folder / _CANCEL_FILE).touch()
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / _PID_FILE).read_text(encoding="ascii"))
            if _holds_file(pid, folder / LOCK):
                os.kill(pid, signal.SIGTERM)


def is_canceled(folder: Path) -> bool:
    """Returns whether a job was canceled; the job polls this, as its signal may come from another container."""
    return (folder / _CANCEL_FILE).exists()


def record_pid(folder: Path) -> None:
    """Records this process as the job's, so that a signal can end it."""
    (folder / _PID_FILE).write_text(str(os.getpid()), encoding="ascii")


def _holds_file(pid: int, path: Path) -> bool:
    """Returns whether a process has a file open; the number may belong to a process of another container.

    Raises:
        OSError: if there is no such process, or its files cannot be listed.
    """
    return any(opened.samefile(path) for opened in Path(f"/proc/{pid}/fd").iterdir() if opened.exists())
