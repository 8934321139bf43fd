"""Space is freed by a rule, after it was said how much, and never from a run that is being trained."""

import pytest

from tests.training.runs import ignore
from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import checkpoint_steps, only_trainer
from tetrarium.training.runs.pruning import delete_run, find_prunable, folder_bytes, prune
from tetrarium.training.runs.run import TrainingRun


@pytest.fixture
def home(trained: Home) -> Home:
    """A home with a run of three checkpoints, at steps 2,000 to 4,000."""
    return trained


def test_a_pruned_run_is_smaller_by_what_was_said_and_goes_on(home: Home) -> None:
    folder = home.run_folder("one")
    before, steps = folder_bytes(folder), checkpoint_steps(folder)
    (found,) = find_prunable(home)

    assert found.name == "one" and list(found.steps) == steps[:-1] and len(steps) == 3
    assert checkpoint_steps(folder) == steps  # nothing has gone yet
    prune(home, [found])
    assert checkpoint_steps(folder) == steps[-1:]
    assert before - folder_bytes(folder) == found.n_bytes > 0
    assert find_prunable(home) == []
    longer = TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 5_000})
    assert longer.execute()[0].timesteps_trained == 5_000


def test_what_must_stay_stays(home: Home) -> None:
    assert find_prunable(home, keep=3) == []
    assert len(find_prunable(home, ["one"], keep=2)[0].steps) == 1
    with pytest.raises(ConfigError, match=r"A run keeps 1 checkpoint or more, .*; got 0\. Ask for 1 or more\."):
        find_prunable(home, keep=0)
    with pytest.raises(HomeError, match="There is no run 'two'"):
        find_prunable(home, ["two"])


def test_a_run_that_trains_is_left_alone(home: Home) -> None:
    found = find_prunable(home)
    with only_trainer(home.run_folder("one")):
        assert find_prunable(home) == []
        with pytest.raises(HomeError, match=r"A run is pruned when nobody trains it, and 'one' is being trained\."):
            find_prunable(home, ["one"])
        with pytest.raises(HomeError, match="is being trained by another"):
            prune(home, found)
        with pytest.raises(HomeError, match="is being trained by another"):
            delete_run(home, "one")
    assert len(checkpoint_steps(home.run_folder("one"))) == 3


def test_a_deleted_run_is_gone_and_its_name_is_free(home: Home) -> None:
    delete_run(home, "one")

    assert not home.run_folder("one").exists()
    home.require_free("one")
    with pytest.raises(HomeError, match="There is no run 'one'"):
        delete_run(home, "one")
