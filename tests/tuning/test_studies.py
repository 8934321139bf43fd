"""Studies: validation, sampling, results, importance of settings."""

import json
import math
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.tuning.studies import RANGES, complete, created, rows, study
from tetrarium.environment import EnvConfig
from tetrarium.errors import AlreadyRunningError, ConfigError, EntryNotFoundError, HomeError
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_trash import trashed_runs
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.tuning import (
    create_study,
    delete_study,
    delete_trial,
    extend_study,
    list_studies,
    read_study,
    read_study_config,
    train_command,
)
from tetrarium.tuning.objectives import score_trial
from tetrarium.tuning.search_space import parse_range
from tetrarium.tuning.study_directory import find_importances, settings_of_run
from tetrarium.tuning.trial_storage import Storage, Trials
from tetrarium.workers.protocol.status_files import WorkerState


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranges": ()}, "A study varies at least one setting; got none. Add, for example, --vary learning_"),
        ({"ranges": ("gamma=0.1,0.2", "gamma=0.3,0.4")}, "A setting is varied once; got gamma twice. Omit one."),
        ({"ranges": ("ppo_n_steps=8,16",)}, "ppo_n_steps is a setting of ppo and maskable-ppo, and the"),
        ({"n_trials": 0}, "--trials takes a whole number from 1 to 9,999; got 0. Choose one in that range."),
        ({"n_at_once": 65}, "--at-once takes a whole number from 1 to 64; got 65. Choose one in that range."),
        ({"seed": -1}, "--seed takes a whole number from 0 to 4,294,967,295; got -1. Choose one in that range."),
        ({"objective": "line"}, "An objective is one of lines, evaluation, placements-to-goal; got 'line'. Did you"),
        ({"sampler": "tpo"}, "A sampler is one of tpe, random, grid, cma-es; got 'tpo'. Did you mean 'tpe'?"),
        ({"sampler": "grid"}, "A grid needs listed values, and learning_rate has bounds. "
         "Write learning_rate=0.0001..0.01:log:5 for five values."),
        ({"sampler": "grid", "ranges": ("n_steps=1,2,3",)}, "This grid has 3 combinations; got 20 "
         "trials. Add --trials 3."),
        ({"sampler": "cma-es"}, "cma-es needs two or more numeric settings with bounds; got learning_rate="),
        ({"training": {"evaluate_every": 0}}, "A study needs evaluations; got evaluate_every=0. Set it"),
        ({"prunes": True}, "Pruning needs more than 3 evaluations of a trial; got one "
         "every 400 of 1,200 placements. Add --set evaluate_every=120."),
        ({"objective": "placements-to-goal"}, "placements-to-goal needs a goal, and target_evaluation_lines is not"),
        ({"objective": "placements-to-goal", "training": {"target_evaluation_lines": 5}}, "placements-to-goal is "
         "counted in steps of evaluate_every, at least 5 of them; got 400 of 1,200 placements. Add --set evaluate_ev"),
        ({"ranges": ("features=['held_piece'],['holes']",)}, "The feature 'held_piece' needs hold; got hold=False."),
    ],
)  # fmt: skip
def test_an_invalid_study_is_refused(home: Home, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        create_study(home, study(**changes))
    assert str(refused.value).startswith(message)
    assert not home.studies.exists()


def test_a_study_is_stored_and_read_back(home: Home) -> None:
    asked = study(ranges=("gamma=0.5..0.9", "net_arch=[8],[8,8]"), n_trials=7, n_at_once=2, sampler="random", seed=9)
    made = create_study(home, asked)
    there = read_study_config(home, "first")
    assert there == made == replace(asked, started=made.started, command=made.command)
    assert there.configs({"gamma": 0.7, "net_arch": (8, 8)})[1] == asked.training_config.with_changes(
        gamma=0.7, net_arch=(8, 8)
    )
    with pytest.raises(HomeError, match=r"The name 'first' is taken. Resume that study by `tetrarium tune first`"):
        create_study(home, asked)
    with pytest.raises(ConfigError, match=r"A study cannot be called 'list': `tetrarium tune` has a command of that"):
        create_study(home, replace(asked, name="list"))
    with pytest.raises(ConfigError, match=r"A study's name has 1 to 59 letters from A to Z.*; got 'xxxxx"):
        create_study(home, replace(asked, name="x" * 60))
    with pytest.raises(HomeError, match=r"A name has 1 to 64 letters"):
        create_study(home, replace(asked, name="../out"))
    create_run(home, "other-0002", asked.env_config, asked.training_config)
    with pytest.raises(HomeError) as refused:
        create_study(home, replace(asked, name="other"))
    assert str(refused.value) == (
        "Trials of 'other' are the runs other-0001 and so on, but the run 'other-0002' exists. Choose another name."
    )
    (home.study_folder("first") / "study.json").write_text("{}")
    with pytest.raises(HomeError, match=r"study.json' cannot be read \(its name is missing or .*\). Restore it from a"):
        read_study_config(home, "first")
    assert [(view.name, view.state) for view in list_studies(home)] == [("first", "damaged")]


def test_a_study_takes_over_the_settings_of_a_run(home: Home) -> None:
    create_run(home, "known", EnvConfig(width=8), TrainingConfig(n_steps=2, net_arch=(32,), gamma=0.8), preset="quick")
    ranges = tuple(map(parse_range, ("n_steps=1,2", "net_arch=[32],[64,64]", "learning_rate=1e-5..1e-1:log")))
    preset, configs, first = settings_of_run(home, "known", ranges, {"gamma": 0.7})
    assert (preset, configs[0].width, configs[1].gamma) == ("quick", 8, 0.7)
    assert first == {"n_steps": 2, "net_arch": [32], "learning_rate": TrainingConfig().learning_rate}
    asked = replace(
        study(), preset=preset, env_config=configs[0], training_config=configs[1], ranges=ranges, first=first
    )
    stored = read_study_config(home, create_study(home, asked).name)
    assert stored.first_params == {**first, "net_arch": (32,)} and stored.configs(stored.first_params)[1].n_steps == 2
    _, _, outside = settings_of_run(home, "known", (parse_range("n_steps=3,4"),), {})
    assert outside == {}


def test_the_number_of_trials_can_only_grow(home: Home) -> None:
    create_study(home, study(n_trials=5))
    extend_study(home, "first", n_trials=8)
    extend_study(home, "first", n_at_once=3)
    changed = read_study_config(home, "first")
    assert (changed.n_trials, changed.n_at_once) == (8, 3)
    with pytest.raises(ConfigError, match=r"trials must be at least the 8 that study 'first' has; got 7. Choose more"):
        extend_study(home, "first", n_trials=7)
    with pytest.raises(HomeError, match=r"There is no study 'second' in .* Start one by `tetrarium tune second --vary"):
        extend_study(home, "second", n_trials=7)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "cma-es"])
def test_parameters_depend_on_the_seed_and_earlier_trials_alone(tmp_path: Path, sampler: str) -> None:
    """One study is sampled by one ``Trials``, the other by a new one for each trial, as after a kill."""
    ranges = {
        "grid": ("gamma=0.1,0.2,0.3,0.4", "n_steps=1,2,3", "net_arch=[8],[8,8]"),
        "cma-es": ("learning_rate=1e-4..1e-2:log", "batch_size=16..64"),
    }.get(sampler, ("learning_rate=1e-4..1e-2:log", "n_steps=1,2,3", "net_arch=[8],[8,8]", "batch_size=16..64"))

    n = {"tpe": 12, "cma-es": 8}.get(sampler, 4)  # the first ten of tpe are random

    def drawn(folder: str, *, seed: int, reopens: bool) -> list[dict[str, Any]]:
        place = Home.locate(tmp_path / folder)
        asked = study(ranges=ranges, sampler=sampler, seed=seed, n_trials=12)
        trials = created(place, asked)
        for _ in range(n):
            trials = Trials(Storage(place), asked) if reopens else trials
            trial = trials.add(trials.sample())
            params = trials.params(trial)
            for item in asked.ranges:
                assert params[item.name] in item.values if item.values else item.low <= params[item.name] <= item.high
            value = sum(float(number) for number in params.values() if not isinstance(number, tuple))
            trials.finish(trial, "complete", value)
        return [trials.params(trial) for trial in trials.all()]

    once = drawn("once", seed=3, reopens=False)
    assert drawn("again", seed=3, reopens=True) == once
    assert drawn("other", seed=4, reopens=False) != once
    if sampler == "grid":
        assert len({str(params) for params in once}) == n, "no combination is tried twice"


def test_lost_trials_and_foreign_databases_are_reported(home: Home) -> None:
    complete(home, study(), [1.0, 2.0])
    (home.root / "tuning.db").write_bytes(b"no database" * 100)
    for extra in ("-wal", "-shm"):
        (home.root / f"tuning.db{extra}").unlink(missing_ok=True)
    with pytest.raises(HomeError, match=r"The file of trials '.*tuning.db' is damaged or not a database. Move"):
        read_study(home, "first")


def test_a_study_has_no_trials_of_an_earlier_one_of_its_name(home: Home) -> None:
    complete(home, study(), [1.0, 2.0])
    shutil.rmtree(home.study_folder("first"))
    created(home, study(ranges=("gamma=0.95,0.97",), sampler="grid", n_trials=2))

    assert read_study(home, "first").trials == ()
    path = home.study_folder("first") / "study.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in values.items() if name != "id"}))
    assert read_study_config(home, "first").id == ""  # of an earlier version, whose trials have the plain name


def test_a_deleted_study_leaves_its_runs_unless_asked(home: Home) -> None:
    complete(home, study(), [1.0, 2.0], n_runs=2)
    complete(home, study("first-b"), [3.0])
    with run_lock(home.study_folder("first")), pytest.raises(AlreadyRunningError):
        delete_study(home, "first")
    assert delete_study(home, "first") == ["first-0001", "first-0002"]
    assert [view.name for view in list_studies(home)] == ["first-b"] and list_studies(home)[0].n_done == 1
    assert home.run_folder("first-0001").is_dir()
    with pytest.raises(HomeError, match="There is no study 'first'"):
        delete_study(home, "first")

    home.study_folder("first").mkdir()  # a study whose configuration was lost
    delete_study(home, "first", with_runs=True)
    assert not home.study_folder("first").exists() and not home.run_folder("first-0001").exists()
    assert optuna.get_all_study_names(Storage(home).optuna) == [f"first-b@{read_study_config(home, 'first-b').id}"]


def test_a_deleted_trial_no_longer_counts(home: Home) -> None:
    asked = study(n_trials=12, ranges=RANGES)
    trials = complete(home, asked, [float(number) for number in range(1, 13)], n_runs=12)
    assert find_importances(asked, trials).n_trials == 12
    with run_lock(home.run_folder("first-0012")), pytest.raises(AlreadyRunningError):
        delete_trial(home, "first", 12, with_run=True)
    WorkerState(state="finished", step=12).write(home.study_folder("first"))
    assert delete_trial(home, "first", 12, with_run=True) == "first-0012"
    assert delete_trial(home, "first", 1) == "first-0001"
    detail = read_study(home, "first")
    assert [trial.number for trial in detail.trials] == list(range(2, 12))
    assert (detail.view.best, detail.view.n_done, detail.view.n_deleted, detail.view.n_ended) == (11, 10, 2, 12)
    assert (detail.importances.n_trials, detail.seconds_left) == (10, 0.0)
    assert (detail.view.state, detail.view.message) == ("finished", "")
    extend_study(home, "first", n_trials=13)
    left = read_study(home, "first").view
    assert (left.state, left.message) == ("stopped", "1 trial left. Resume it by `tetrarium tune first`.")
    assert [run.name for run in trashed_runs(home)] == ["first-0012"] and "first-0001" in home.run_names()
    running = trials.add(trials.sample())
    assert running.number == 12, "numbers are not used again"
    for number, kind, message in ((12, EntryNotFoundError, "has no trial 12"), (13, AlreadyRunningError, "has ended")):
        with pytest.raises(kind, match=message):
            delete_trial(home, "first", number)


def test_readers_never_wait_for_a_writer(home: Home) -> None:
    complete(home, study(), [1.0])
    writer = sqlite3.connect(home.root / "tuning.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert read_study(home, "first").view.n_done == 1
    writer.close()


def test_the_state_of_a_study_is_read(home: Home) -> None:
    asked = study(n_trials=6)
    trials = complete(home, asked, [10.0, 30.0, 20.0], n_runs=2)
    failed = trials.add(trials.sample())
    trials.finish(failed, "fail", about={"note": "The loss is not finite at step 200."})
    trials.add(trials.sample())

    detail = read_study(home, "first")
    view = detail.view
    assert (view.state, view.message) == ("stopped", "Not started. Resume it by `tetrarium tune first`.")
    assert (view.n_trials, view.n_done, view.n_failed, view.n_pruned, view.n_open) == (6, 3, 1, 0, 1)
    assert (view.best, view.best_value) == (2, 30.0)
    assert [(trial.run, trial.state, trial.value) for trial in detail.trials] == [
        ("first-0001", "done", 10.0), ("first-0002", "done", 30.0), ("first-0003", "done", 20.0),
        ("first-0004", "failed", None), ("first-0005", "waiting", None),
    ]  # fmt: skip
    assert [trial.has_run for trial in detail.trials] == [True, True, False, False, False]
    assert detail.trials[3].note == "The loss is not finite at step 200."
    assert detail.trials[1].n_truncated == 3 and detail.trials[1].n_games == 20
    assert detail.seconds_left == 24.0, "two trials of 12 s, one after the other"
    assert json.loads(json.dumps([view.name for view in list_studies(home)])) == ["first"]
    assert list_studies(home)[0] == replace(view)


def test_the_best_trial_has_the_fewest_placements_to_the_goal(home: Home) -> None:
    goal = {"target_evaluation_lines": 5, "evaluate_every": 100}
    complete(home, study(objective="placements-to-goal", training=goal), [900.0, 400.0, 700.0])
    assert read_study(home, "first").view.best == 2


def test_scores_come_from_evaluations() -> None:
    config = TrainingConfig(total_timesteps=4_000, target_evaluation_lines=40)
    course = rows(10.0, 50.0, 30.0, 45.0)
    for objective, value, step in (("lines", 45.0, 1_600), ("evaluation", 50.0, 800), ("placements-to-goal", 800, 800)):
        score = score_trial(objective, course, config)
        assert score is not None
        assert (score.value, score.step, score.is_reached) == (value, step, True)
        assert (score.n_games, score.n_truncated, score.max_pieces) == (20, 3, 2_000)
    missed = score_trial("placements-to-goal", rows(10.0, 20.0), config)
    assert missed is not None
    assert (missed.value, missed.is_reached, missed.lines) == (6_000.0, False, 20.0), "half way to the goal"
    assert score_trial("lines", [], config) is None


def test_importance_needs_enough_trials_that_differ(home: Home) -> None:
    asked = study(ranges=("learning_rate=1e-4..1e-2:log", "gamma=0.5..0.9"), sampler="random", n_trials=49)
    trials = created(home, asked)

    def add(n: int, *, alike: bool = False, n_truncated: int = 3) -> None:
        for _ in range(n):
            trial = trials.add(trials.sample())
            distance = abs(math.log10(trials.params(trial)["learning_rate"]) + 3)
            about = {"n_games": 20, "n_cut_off": n_truncated}
            trials.finish(trial, "complete", 7.0 if alike else -distance, about=about)

    add(9)
    few = find_importances(asked, trials)
    assert (few.shares, few.n_trials) == ({}, 9)
    assert few.explanation == "Importance needs 10 complete trials (9 so far)."
    add(3)
    found = find_importances(asked, trials)
    assert list(found.shares) == ["learning_rate", "gamma"]
    assert found.shares["learning_rate"] > 0.7
    assert sum(found.shares.values()) == pytest.approx(1)
    assert (found.n_trials, found.n_best) == (12, 5)
    assert found.explanation.startswith("Estimated by PED-ANOVA from 12 trials: how much the distribution of a setting")
    add(12, alike=True)
    same = find_importances(asked, trials)
    assert (same.shares, same.explanation) == (
        {}, "12 of 24 trials have the same value, so importance cannot be estimated.",
    )  # fmt: skip
    add(25, n_truncated=20)
    cut = find_importances(asked, trials)
    assert cut.shares == {}
    assert cut.explanation == (
        "In 25 of 49 trials every game was truncated, so importance cannot be estimated. Choose the objective "
        "placements-to-goal, or longer games (evaluation_pieces)."
    )


def test_a_trial_below_the_median_at_the_same_evaluation_is_pruned(home: Home) -> None:
    asked = study(prunes=True, training={"evaluate_every": 100})
    trials = created(home, asked)
    for value in (10, 20, 30, 40, 50):
        trial = trials.add(trials.sample())
        trials.finish(trial, "complete", value * 3.0, evaluations=rows(value, value * 2, value * 3, every=104))
    running = trials.add(trials.sample())
    assert not trials.should_prune(running, rows(0, every=100)), "too early"
    assert trials.should_prune(running, rows(0, 59, every=100))
    assert not trials.should_prune(running, rows(0, 61, every=100))
    assert not trials.should_prune(running, [])
    trials.finish(running, "pruned", about={"note": "below the median"})
    assert read_study(home, "first").view.n_pruned == 1


def test_the_command_repeats_the_training() -> None:
    from tetrarium.cli.configuration import read_configs

    asked = study(ranges=("net_arch=[8],[64,32]", "double_q=true,false", "features=['holes'],['holes','wells']"))
    configs = asked.configs({"net_arch": (64, 32), "double_q": False, "features": ("holes",)})
    command = train_command("quick", *configs)
    words = command.split()
    assert words[:4] == ["tetrarium", "train", "--preset", "quick"]
    assignments = [word.strip("'") for word in words[5::2]]
    assert read_configs("quick", None, assignments, {}, environment={}) == configs
