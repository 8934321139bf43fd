"""Pruning deletes what it announced, and never in a run that is being trained."""

from pathlib import Path

import pytest

from tests.training.runs import ignore
from tetrarium.errors import ConfigError, HomeError, RunInTrashError, UnknownAgentError
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_trash import remove_trashed, restore_run
from tetrarium.training.agent_reference import resolve_checkpoint
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.checkpoint_cleanup import delete_run, find_prunable, folder_bytes, prune
from tetrarium.training.runs.storage.folder import checkpoint_steps
from tetrarium.workers.directories.run_views import list_runs


@pytest.fixture
def home(trained: Home) -> Home:
    """A home with a run that has three checkpoints, at steps 2,000 to 4,000."""
    return trained


def test_a_pruned_run_shrinks_by_the_stated_size_and_resumes(home: Home) -> None:
    folder = home.run_folder("one")
    before, steps = folder_bytes(folder), checkpoint_steps(folder)
    (found,) = find_prunable(home)

    assert found.name == "one" and list(found.steps) == steps[:-1] and len(steps) == 3
    assert checkpoint_steps(folder) == steps  # nothing has been deleted yet
    prune(home, [found])
    assert checkpoint_steps(folder) == steps[-1:]
    assert before - folder_bytes(folder) == found.n_bytes > 0
    assert find_prunable(home) == []
    longer = TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 5_000})
    assert longer.execute()[0].timesteps_trained == 5_000


def test_required_checkpoints_are_kept(home: Home) -> None:
    assert find_prunable(home, keep=3) == []
    assert len(find_prunable(home, ["one"], keep=2)[0].steps) == 1
    with pytest.raises(ConfigError, match=r"A run must keep at least 1 checkpoint .*; got 0\. Pass 1 or more\."):
        find_prunable(home, keep=0)
    with pytest.raises(HomeError, match="There is no run 'two'"):
        find_prunable(home, ["two"])


def test_a_running_run_is_not_pruned(home: Home) -> None:
    found = find_prunable(home)
    with run_lock(home.run_folder("one")):
        assert find_prunable(home) == []
        with pytest.raises(HomeError, match=r"Only idle runs can be pruned, and 'one' is being trained\."):
            find_prunable(home, ["one"])
        with pytest.raises(HomeError, match="Another process is using"):
            prune(home, found)
        with pytest.raises(HomeError, match="Another process is using"):
            delete_run(home, "one")
    assert len(checkpoint_steps(home.run_folder("one"))) == 3


def test_a_linked_run_trains_and_both_ends_are_deleted(home: Home, tmp_path: Path) -> None:
    folder, disk = home.run_folder("one"), tmp_path / "disk"
    disk.mkdir()
    folder.rename(disk / "first")
    folder.symlink_to(disk / "first")
    (disk / "first" / "checkpoints").rename(disk / "checkpoints")
    (disk / "first" / "checkpoints").symlink_to(disk / "checkpoints")
    longer = TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 5_000})
    assert longer.execute()[0].timesteps_trained == 5_000
    assert folder.is_symlink() and checkpoint_steps(disk / "first")[-1] == 5_000
    assert [one.name for one in find_prunable(home)] == ["one"]

    remove_trashed([delete_run(home, "one")])
    assert not folder.is_symlink() and list(disk.iterdir()) == []
    home.require_free("one")


def test_a_deleted_run_is_in_no_list_and_resumes_after_it_was_restored(home: Home) -> None:
    listed = list_runs(home)
    delete_run(home, "one")

    assert list_runs(home) == [] and RunStore(home).summaries() == {}
    home.require_free("one")
    with pytest.raises(RunInTrashError, match=r"The run 'one' is in the trash\."):
        delete_run(home, "one")
    with pytest.raises(UnknownAgentError, match=r"Unknown agent 'one'\. Name one of: .* Train one with"):
        resolve_checkpoint("one", home)
    restore_run(home, "one")
    assert list_runs(home) == listed
    longer = TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 5_000})
    assert longer.execute()[0].timesteps_trained == 5_000
