"""Work on models in processes of its own: what others see of it, however it ends."""

import errno
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.workers.served import wait_for
from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import take_lock
from tetrarium.workers import job, jobs
from tetrarium.workers.jobs import JobState, cancel_job, list_jobs, read_job, remove_job, start_job


def leave(home: Home, name: str, started: str, state: str) -> None:
    """What a job that has ended, or died, leaves behind."""
    folder = home.job_folder(name)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"kind": "measure", "values": {"what": "du"}, "started": started}))
    JobState(state=state, message="So far.").write(folder)


def test_a_job_that_fails_says_why_and_the_oldest_are_forgotten(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    for number in range(33):
        leave(home, f"old-{number:02}", f"2026-01-01T00:00:{number:02}", "finished")
    name = start_job(home, "measure", {"what": "nobody", "protocol": "default"})
    assert [view.id for view in list_jobs(home)] == [name, *(f"old-{number:02}" for number in range(32, 2, -1))]
    view = wait_for(lambda: None if (view := read_job(home, name)).is_alive else view)
    assert view.state == "failed" and view.error.startswith("There is no model 'nobody'"), view
    assert view.message == f"Failed: {view.error}" and view.result is None


def test_a_job_whose_process_is_gone_is_dead_or_was_cancelled(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    leave(home, "one", "2026-01-01T00:00:00", "running")
    assert (read_job(home, "one").state, read_job(home, "one").message) == (
        "dead", "Its process ended without a word, killed or out of memory.",
    )  # fmt: skip
    (home.job_folder("one") / "cancelled").touch()
    assert read_job(home, "one").state == "cancelled"
    remove_job(home, "one")
    with pytest.raises(HomeError, match=r"There is no job 'one'\. GET /api/jobs lists what there is\."):
        read_job(home, "one")


Works = dict[str, Any]


def doing(monkeypatch: pytest.MonkeyPatch, home: Home, what: Any) -> int:
    """Has this process do a job that is nothing but a function of a teller."""

    def does(_home: Home, _folder: Path, _values: Mapping[str, Any], tell: job.Tell) -> tuple[str, Works]:
        what(tell)
        return "Done.", {}

    monkeypatch.setitem(job._DOES, "measure", does)  # type: ignore[arg-type]  # it is a dict
    leave(home, "one", "2026-01-01T00:00:00", "starting")
    return job.work(home, "one", lock=None)


def test_a_job_survives_a_disk_that_is_full_for_an_instant(
    tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.locate(tetrarium_home)
    write, refused = JobState.write, []

    def write_or_not(state: JobState, folder: Path) -> None:
        if state.message == "Half." or state.state == "failed":
            refused.append(state.state)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(state, folder)

    def fail(tell: job.Tell) -> None:
        tell(now=True, message="Half.")
        raise ConfigError("It cannot be done.")

    monkeypatch.setattr(JobState, "write", write_or_not)
    assert doing(monkeypatch, home, lambda tell: tell(now=True, message="Half.")) == 0
    assert (read_job(home, "one").state, refused) == ("finished", ["running"])
    remove_job(home, "one")
    assert doing(monkeypatch, home, fail) == 1
    assert refused == ["running", "running", "failed"]


def test_a_job_that_was_cancelled_ends_by_itself_and_no_other_process_does(
    tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another container its number may be anybody's."""
    home = Home.locate(tetrarium_home)
    killed: list[int] = []
    monkeypatch.setattr(jobs.os, "kill", lambda pid, _number: killed.append(pid))

    def cancelled(tell: job.Tell) -> None:
        tell(now=True, message="It plays.")
        assert (home.job_folder("one") / "pid").read_text() == str(os.getpid())
        (home.job_folder("one") / "pid").write_text(str(other.pid))
        cancel_job(home, "one")
        assert killed == []
        tell(now=True)

    with subprocess.Popen(["sleep", "60"]) as other:
        with pytest.raises(SystemExit, match="The job 'one' was cancelled"):
            doing(monkeypatch, home, cancelled)
        other.terminate()
    assert (read_job(home, "one").state, read_job(home, "one").is_alive) == ("cancelled", False)


def test_the_process_of_a_job_is_told_to_end(tetrarium_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.locate(tetrarium_home)
    leave(home, "one", "2026-01-01T00:00:00", "running")
    killed: list[int] = []
    monkeypatch.setattr(jobs.os, "kill", lambda pid, _number: killed.append(pid))
    lock = take_lock(home.job_folder("one"))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,)) as process:
        os.close(lock)
        (home.job_folder("one") / "pid").write_text(str(process.pid))
        cancel_job(home, "one")
    assert killed == [process.pid]


def test_what_was_uploaded_goes_with_the_job(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    folder = home.job_folder("one")
    folder.mkdir(parents=True)
    values = {"file": "upload.tetris", "name": "new"}
    (folder / "job.json").write_text(json.dumps({"kind": "import", "values": values, "started": ""}))
    for ends in (lambda: job.work(home, "one", lock=None), lambda: JobState(state="running").write(folder)):
        (folder / "upload.tetris").write_bytes(b"no bundle")
        lock = take_lock(folder)
        assert read_job(home, "one").is_alive and (folder / "upload.tetris").exists()
        os.close(lock)
        ends()
        assert read_job(home, "one").state in {"failed", "dead"} and not (folder / "upload.tetris").exists()


def test_the_jobs_that_ended_first_are_forgotten_whatever_the_clock_said(tetrarium_home: Path) -> None:
    home = Home.locate(tetrarium_home)
    for number in range(31):
        leave(home, f"old-{number:02}", f"2027-01-01T00:00:{number:02}", "finished")
        os.utime(home.job_folder(f"old-{number:02}") / "state.json", (number, number))
    leave(home, "latest", "2026-01-01T00:00:00", "finished")
    jobs._forget_old(home)
    assert {view.id for view in list_jobs(home)} == {"latest", *(f"old-{number:02}" for number in range(2, 31))}
