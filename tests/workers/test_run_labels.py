"""Groups, tags, notes and names of runs, and filters by them."""

import json
from pathlib import Path

import pytest

from tests.dashboard.finished_runs import make_run
from tests.tuning.studies import study
from tetrarium.environment import EnvConfig
from tetrarium.errors import AlreadyRunningError, ConfigError, HomeError, NameTakenError
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import LABELS, RunLabels, change_labels, read_labels
from tetrarium.registry.run_store import RunStore
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.renaming import rename_run
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.tuning import create_study
from tetrarium.workers.directories.run_filter import differing_settings, parse_filter
from tetrarium.workers.directories.run_views import label_run, list_runs, read_config, read_run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.locate(tmp_path)
    make_run(home, "first", gamma=0.8)
    make_run(home, "second", seed=2, gamma=0.95, net_arch=(64, 32))
    make_run(home, "third", seed=3)
    return home


def test_labels_are_stored_in_the_folder_and_listed(home: Home) -> None:
    list_runs(home)  # the registry knows the runs without labels
    view = label_run(home, "first", group="rates", add_tags=["late", "good"], note="two\nlines")
    assert (view.group, view.tags, view.note) == ("rates", ("good", "late"), "two\nlines")
    label_run(home, "first", remove_tags=["late", "none"])
    assert next(view for view in list_runs(home) if view.name == "first").tags == ("good",)
    for path in home.root.glob("registry.db*"):
        path.unlink()
    assert {view.name: view.group for view in list_runs(home)} == {"first": "rates", "second": None, "third": None}
    assert label_run(home, "first", group="", note="").group is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": "a b"}, "The name of a group has 1 to 64 letters"),
        ({"add_tags": ["a b"]}, "A tag has 1 to 32 letters"),
        ({"add_tags": [f"t{k}" for k in range(33)]}, "A run has up to 32 tags; got 33. Remove some."),
        ({"note": "x" * 10_001}, "A note has up to 10,000 printable characters"),
    ],
)
def test_invalid_labels_are_refused_and_change_nothing(home: Home, changes: dict[str, object], message: str) -> None:
    label_run(home, "first", group="rates")
    with pytest.raises(ValueError, match=message):
        label_run(home, "first", **changes)
    assert read_labels(home.run_folder("first")) == RunLabels(group="rates")


def test_settings_are_compared_with_the_defaults_of_this_version(home: Home) -> None:
    config = create_run(home, "fresh", EnvConfig(width=8), TrainingConfig(gamma=0.8))
    path = home.run_folder(config.name) / "config.json"
    values = json.loads(path.read_text())
    assert values["changed_settings"] == read_run(home, "fresh").changed_settings == {"width": 8, "gamma": 0.8}
    path.write_text(json.dumps(values | {"changed_settings": {"gamma": 0.7}, "versions": {"tetrarium": "0.0.9"}}))
    assert read_run(home, "fresh").changed_settings == {"width": 8, "gamma": 0.8}


def test_damaged_labels_hide_no_run_and_are_not_overwritten(home: Home) -> None:
    path = home.run_folder("first") / LABELS
    path.write_text('{"group": 3}')
    assert read_run(home, "first").group is None
    with pytest.raises(HomeError, match=r"The run's .* cannot be read"):
        label_run(home, "first", group="rates")
    assert path.read_text() == '{"group": 3}'


def test_trials_of_earlier_versions_are_in_the_group_of_their_study(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "rates-0001"
    folder.mkdir(parents=True)
    assert read_labels(folder, is_trial=True).group == "rates" and read_labels(folder).group is None
    assert change_labels(folder, is_trial=True, add_tags=["good"]) == RunLabels(group="rates", tags=("good",))
    assert change_labels(folder, is_trial=True, group="").group is None


def test_everything_that_names_a_renamed_run_follows(home: Home) -> None:
    RunStore(home).ingest("first")
    before = read_run(home, "first")
    branch = home.run_folder("third") / "config.json"
    start = home.run_folder("first") / "checkpoints" / "400000"
    origin = {"branched_from": "first@400000", "start_from": str(start)}
    branch.write_text(json.dumps(json.loads(branch.read_text()) | origin))

    rename_run(home, "first", "newest")
    assert read_run(home, "newest").changed_settings == before.changed_settings
    assert read_config(home, "newest")["name"] == "newest"
    config = read_config(home, "third")
    assert config["branched_from"] == "newest@400000"
    assert Path(config["start_from"]) == home.run_folder("newest") / "checkpoints" / "400000"
    assert RunStore(home).episode_curve("newest", 10)["n_games"] == [1], "episodes are not read again"
    assert sorted(view.name for view in list_runs(home)) == ["newest", "second", "third"]
    assert sorted(RunStore(home).summaries()) == ["newest", "second", "third"]


def test_names_that_may_not_change_are_refused(home: Home) -> None:
    create_study(home, study("rates"))
    make_run(home, "rates-0001")
    for name, new_name, message in (
        ("first", "second", "The name 'second' is taken"),
        ("first", "champion", "built-in model"),
        ("rates-0001", "other", "a trial of the study 'rates'"),
        ("first", "rates-0007", "a trial of the study 'rates'"),
    ):
        with pytest.raises(NameTakenError, match=message):
            rename_run(home, name, new_name)
    with pytest.raises(HomeError, match="A name has 1 to 64"):
        rename_run(home, "first", "../out")
    with run_lock(home.run_folder("first")), pytest.raises(AlreadyRunningError):
        rename_run(home, "first", "other")
    assert home.run_names() == ["first", "rates-0001", "second", "third"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["first", "second", "third"]),
        ("gamma<0.9", ["first"]),
        ("gamma <= 0.9", ["first", "third"]),
        ("gamma>=0.9 seed!=2", ["third"]),
        ("gamma=.8", ["first"]),
        ("gamma<", ["first", "second", "third"]),
        ("gamma<x", []),
        ("net_arch=64,32", ["second"]),
        ("target_lines=none algorithm=DQN", ["first", "second", "third"]),
        ("training_mean>50", ["first", "second", "third"]),
        ("tag:good", ["second"]),
        ("group:Rates third", ["third"]),
        ("tag:none", []),
        ("Tuesday", ["first"]),
        ("unknown=3", []),
    ],
)
def test_runs_are_filtered_by_labels_and_settings(home: Home, text: str, found: list[str]) -> None:
    label_run(home, "first", note="the one from Tuesday")
    label_run(home, "second", add_tags=["good"])
    label_run(home, "third", group="rates")
    assert sorted(view.name for view in filter(parse_filter(text), list_runs(home))) == found


def test_settings_that_differ_are_found(home: Home) -> None:
    views = {view.name: view for view in list_runs(home)}
    assert set(differing_settings(views.values())) == {"seed", "gamma", "net_arch"}
    assert differing_settings([views["first"], views["first"]]) == []
    assert (views["third"].setting("gamma"), views["first"].setting("gamma")) == (0.9, 0.8)


def test_a_group_with_an_invalid_name_is_refused_before_a_run_is_made(home: Home) -> None:
    config = read_config(home, "first")
    with pytest.raises(ConfigError, match="The name of a group"):
        create_run(home, "x", config["env_config"], config["training_config"], group=".x")
    assert "x" not in home.run_names()
