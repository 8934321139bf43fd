"""Jobs: their state as others see it, however they end."""

import errno
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.workers.servers import wait_for
from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.files.process_lock import Owner, acquire_lock
from tetrarium.registry.home import Home
from tetrarium.workers.directories import jobs
from tetrarium.workers.directories.jobs import JobState, cancel_job, list_jobs, read_job, remove_job
from tetrarium.workers.processes import job_process
from tetrarium.workers.processes.launcher import start_job


def write_job(home: Home, name: str, started: str, state: str) -> None:
    """Writes the folder of a job that has ended or died."""
    folder = home.job_folder(name)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"kind": "evaluate", "values": {"agent": "du"}, "started": started}))
    JobState(state=state, message="So far.").write(folder)


def test_a_failed_job_keeps_its_reason_and_the_oldest_are_deleted(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    for number in range(33):
        write_job(home, f"old-{number:02}", f"2026-01-01T00:00:{number:02}", "finished")
    name = start_job(home, "evaluate", {"agent": "nobody", "protocol": "default"})
    assert [view.id for view in list_jobs(home)] == [name, *(f"old-{number:02}" for number in range(32, 2, -1))]
    view = wait_for(lambda: None if (view := read_job(home, name)).is_alive else view)
    assert view.state == "failed" and view.error.startswith("There is no model 'nobody'"), view
    assert (view.code, view.field) == ("model-not-found", None)
    assert view.message == f"Failed: {view.error}" and view.result is None


def test_a_job_without_a_process_is_dead_or_canceled(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    write_job(home, "one", "2026-01-01T00:00:00", "running")
    assert (read_job(home, "one").state, read_job(home, "one").message) == (
        "crashed", "The process ended unexpectedly (killed or out of memory).",
    )  # fmt: skip
    (home.job_folder("one") / "cancelled").touch()
    assert read_job(home, "one").state == "canceled"
    remove_job(home, "one")
    with pytest.raises(HomeError, match=r"There is no job 'one'\. Choose one from the list of all jobs\."):
        read_job(home, "one")


Works = dict[str, Any]


def run_in_process(monkeypatch: pytest.MonkeyPatch, home: Home, what: Any) -> int:
    """Runs a job in this process whose work is a function of a progress reporter."""

    def run(
        _home: Home, folder: Path, _values: Mapping[str, Any], report_progress: job_process.ReportProgress
    ) -> tuple[str, Works]:
        owner = Owner.read(folder)
        assert owner is not None and owner.expires
        what(report_progress)
        return "Done.", {}

    monkeypatch.setitem(job_process._JOB_FUNCTIONS, "evaluate", run)  # type: ignore[arg-type]  # it is a dict
    write_job(home, "one", "2026-01-01T00:00:00", "starting")
    return job_process.run_job(home, "one", lock=None)


def test_a_job_survives_a_disk_that_is_full_for_a_moment(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.locate(tetrarium_home)
    write, refused = JobState.write, []

    def write_or_not(state: JobState, folder: Path) -> None:
        if state.message == "Half." or state.state == "failed":
            refused.append(state.state)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(state, folder)

    def fail(report_progress: job_process.ReportProgress) -> None:
        report_progress(now=True, message="Half.")
        raise ConfigError("It cannot be done.")

    monkeypatch.setattr(JobState, "write", write_or_not)
    assert run_in_process(monkeypatch, home, lambda report_progress: report_progress(now=True, message="Half.")) == 0
    assert (read_job(home, "one").state, refused) == ("finished", ["running"])
    remove_job(home, "one")
    assert run_in_process(monkeypatch, home, fail) == 1
    assert refused == ["running", "running", "failed"]


def test_a_job_waits_for_the_earlier_ones_of_its_sort(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, seen, locks = Home.locate(tetrarium_home), [], []
    for name in ("import", "first", "second", "third"):
        write_job(home, name, "2026-01-01T00:00:00", "running")
        locks.append(acquire_lock(home.job_folder(name)))
    config = home.job_folder("import") / "job.json"
    config.write_text(config.read_text().replace("evaluate", "import"))

    def end_one_job(_seconds: float) -> None:
        view = read_job(home, "one")
        seen.append((view.state, view.message))
        os.close(locks.pop())

    monkeypatch.setattr(job_process.time, "sleep", end_one_job)
    assert (
        run_in_process(monkeypatch, home, lambda report_progress: report_progress(now=True, message="It plays.")) == 0
    )
    assert seen == [("queued", "Queued: 2 jobs first."), ("queued", "Queued: 1 job first.")]
    assert read_job(home, "one").state == "finished"
    for lock in locks:
        os.close(lock)


def test_a_canceled_job_ends_itself_and_no_other_process(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded process number may belong to a process of another container."""
    home = Home.locate(tetrarium_home)
    killed: list[int] = []
    monkeypatch.setattr(jobs.os, "kill", lambda pid, _number: killed.append(pid))

    def canceled(report_progress: job_process.ReportProgress) -> None:
        report_progress(now=True, message="It plays.")
        assert (home.job_folder("one") / "pid").read_text() == str(os.getpid())
        (home.job_folder("one") / "pid").write_text(str(other.pid))
        cancel_job(home, "one")
        assert killed == []
        report_progress(now=True)

    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other,
        pytest.raises(SystemExit, match="The job 'one' was canceled"),
    ):
        run_in_process(monkeypatch, home, canceled)
    assert (read_job(home, "one").state, read_job(home, "one").is_alive) == ("canceled", False)


def test_canceling_a_job_signals_its_process(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.locate(tetrarium_home)
    write_job(home, "one", "2026-01-01T00:00:00", "running")
    killed: list[int] = []
    monkeypatch.setattr(jobs.os, "kill", lambda pid, _number: killed.append(pid))
    lock = acquire_lock(home.job_folder("one"))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,)) as process:
        os.close(lock)
        (home.job_folder("one") / "pid").write_text(str(process.pid))
        cancel_job(home, "one")
    assert killed == [process.pid]


def test_an_upload_is_deleted_with_its_job(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    folder = home.job_folder("one")
    folder.mkdir(parents=True)
    values = {"file": "upload.tetris", "name": "new"}
    (folder / "job.json").write_text(json.dumps({"kind": "import", "values": values, "started": ""}))
    for ends in (lambda: job_process.run_job(home, "one", lock=None), lambda: JobState(state="running").write(folder)):
        (folder / "upload.tetris").write_bytes(b"no bundle")
        lock = acquire_lock(folder)
        assert read_job(home, "one").is_alive and (folder / "upload.tetris").exists()
        os.close(lock)
        ends()
        assert read_job(home, "one").state in {"failed", "crashed"} and not (folder / "upload.tetris").exists()


def test_the_jobs_that_ended_first_are_deleted_regardless_of_start_times(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    for number in range(31):
        write_job(home, f"old-{number:02}", f"2027-01-01T00:00:{number:02}", "finished")
        os.utime(home.job_folder(f"old-{number:02}") / "state.json", (number, number))
    write_job(home, "latest", "2026-01-01T00:00:00", "finished")
    jobs.delete_old_jobs(home)
    assert {view.id for view in list_jobs(home)} == {"latest", *(f"old-{number:02}" for number in range(2, 31))}
