"""A run that begins as a copy of another's checkpoint becomes, to the last byte, what the other became."""

import json
import shutil
from pathlib import Path

import pytest

from tests.torture.ends import assert_same, end_of
from tests.training.runs import EVALUATED, ignore, start, table
from tetrarium.errors import ConfigError, DamagedCheckpointError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.branching import branch_run
from tetrarium.training.runs.configs import read_run_config
from tetrarium.training.runs.folder import checkpoint_steps
from tetrarium.training.runs.run import TrainingRun


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a run that has finished, which no test alters."""
    home = Home.locate(tmp_path_factory.mktemp("home"))
    start(home, config=EVALUATED)[0].execute()
    return home


@pytest.fixture
def home(trained: Home, tmp_path: Path) -> Home:
    shutil.copytree(trained.root, tmp_path / "home")
    return Home.locate(tmp_path / "home")


def test_it_comes_to_the_same_end_and_leaves_the_other_as_it_was(home: Home) -> None:
    before = end_of(home.root, "one")
    config = branch_run(home, "one", 2_000)
    assert (config.name, config.branched_from, config.training_config) == ("one-at-2000", "one@2000", EVALUATED)
    folder = home.run_folder("one-at-2000")
    assert checkpoint_steps(folder) == [2_000]
    assert int(table(folder, "progress.csv")[-1][0]) == 2_000
    assert int(table(folder, "episodes.csv")[-1][0]) <= 2_000

    TrainingRun.open(home, "one-at-2000", ignore).execute()
    assert_same(end_of(home.root, "one-at-2000"), before)
    assert_same(end_of(home.root, "one"), before)
    told = json.loads((folder / "config.json").read_text())
    assert (told["name"], told["branched_from"]) == ("one-at-2000", "one@2000")
    assert read_run_config(home, "one-at-2000").branched_from == "one@2000"


def test_what_cannot_be_copied_is_refused_and_leaves_nothing(home: Home) -> None:
    runs = sorted(home.runs.iterdir())
    with pytest.raises(
        ConfigError, match=r"the steps at which 'one' has one are 2000, 3000, 4000; got 1000. Name one of them"
    ):
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
