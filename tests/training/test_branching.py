"""A branch of a run has the same result, byte for byte, as the run itself."""

import json
import shutil
from pathlib import Path

import pytest

from tests.torture.run_results import assert_same, result_of
from tests.training.runs import EVALUATED, FinishedRun, ignore, table
from tetrarium.errors import ConfigError, DamagedCheckpointError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.branching import branch_run
from tetrarium.training.runs.storage.folder import checkpoint_steps
from tetrarium.training.runs.storage.run_config import read_run_config


@pytest.fixture
def home(evaluated: FinishedRun, tmp_path: Path) -> Home:
    shutil.copytree(evaluated.home.root, tmp_path / "home")
    return Home.locate(tmp_path / "home")


def test_a_branch_has_the_same_result_and_leaves_the_other_run_unchanged(home: Home) -> None:
    before = result_of(home.root, "one")
    config = branch_run(home, "one", 2_000)
    assert (config.name, config.branched_from, config.training_config) == ("one-at-2000", "one@2000", EVALUATED)
    folder = home.run_folder("one-at-2000")
    assert checkpoint_steps(folder) == [2_000]
    assert int(table(folder, "progress.csv")[-1][0]) == 2_000
    assert int(table(folder, "episodes.csv")[-1][0]) <= 2_000

    TrainingRun.open(home, "one-at-2000", ignore).execute()
    assert_same(result_of(home.root, "one-at-2000"), before)
    assert_same(result_of(home.root, "one"), before)
    record = json.loads((folder / "config.json").read_text())
    assert (record["name"], record["branched_from"]) == ("one-at-2000", "one@2000")
    assert read_run_config(home, "one-at-2000").branched_from == "one@2000"


def test_invalid_branches_are_refused_and_leave_nothing(home: Home) -> None:
    runs = sorted(home.runs.iterdir())
    with pytest.raises(ConfigError, match=r"'one' has checkpoints at 2000, 3000, 4000; got 1000. Choose one of them"):
        branch_run(home, "one", 1_000)
    with pytest.raises(HomeError, match="There is no run 'two'"):
        branch_run(home, "two", 1_000)
    with pytest.raises(HomeError, match="'one' is taken"):
        branch_run(home, "one", 2_000, "one")
    with pytest.raises(HomeError, match=r"got '\.\./up'"):
        branch_run(home, "one", 2_000, "../up")
    weights = home.run_folder("one") / "checkpoints" / "2000" / "model.zip"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DamagedCheckpointError, match=r"model\.zip"):
        branch_run(home, "one", 2_000)
    assert sorted(home.runs.iterdir()) == runs
