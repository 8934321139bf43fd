"""Work on models in processes of its own: what others see of it, however it ends."""

import json
from pathlib import Path

import pytest

from tests.workers.served import wait_for
from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.workers.jobs import JobState, list_jobs, read_job, remove_job, start_job


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
