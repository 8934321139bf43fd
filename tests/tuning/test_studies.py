"""Studies: what they are held to, what they come to, and what is told of them."""

import json
import math
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.made import begun, complete, rows, study
from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.configs import create_run
from tetrarium.tuning import create_study, extend_study, list_studies, read_study, read_study_config, train_command
from tetrarium.tuning.importances import find_importances
from tetrarium.tuning.objectives import judge
from tetrarium.tuning.storage import Storage, Trials


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranges": ()}, "A study varies a setting or more; got none. Add --vary learning_rate=1e-4..1e-2:log, say."),
        ({"ranges": ("gamma=0.1,0.2", "gamma=0.3,0.4")}, "A setting is varied once; got gamma twice. Leave one out."),
        ({"ranges": ("ppo_n_steps=8,16",)}, "ppo_n_steps is a setting of maskable-ppo alone, and the trials learn by"),
        ({"n_trials": 0}, "--trials takes a whole number from 1 to 9,999; got 0. Choose one in that range."),
        ({"n_at_once": 65}, "--at-once takes a whole number from 1 to 64; got 65. Choose one in that range."),
        ({"seed": -1}, "--seed takes a whole number from 0 to 4,294,967,295; got -1. Choose one in that range."),
        ({"objective": "line"}, "An objective is one of lines, evaluation, placements-to-goal; got 'line'. Did you"),
        ({"sampler": "tpo"}, "A sampler is one of tpe, random, grid, cma-es; got 'tpo'. Did you mean 'tpe'?"),
        ({"sampler": "grid"}, "A grid is made of listed values, and learning_rate has a low and a high one. "
         "Write learning_rate=0.0001..0.01:log:5 for five values between them."),
        ({"sampler": "grid", "ranges": ("n_steps=1,2,3",)}, "This grid has 3 combinations, each tried once; got 20 "
         "trials. Add --trials 3."),
        ({"sampler": "cma-es"}, "cma-es varies two numbers or more, each from a low to a high one; got learning_rate="),
        ({"training": {"evaluate_every": 0}}, "Trials are judged by their evaluations; got evaluate_every=0. Set it"),
        ({"prunes": True}, "Pruning compares trials at their evaluations on the way, more than 3 of them; got one "
         "every 400 of 1,200 placements. Add --set evaluate_every=120."),
        ({"objective": "placements-to-goal"}, "placements-to-goal needs a goal, and target_evaluation_lines is not"),
        ({"objective": "placements-to-goal", "training": {"target_evaluation_lines": 5}}, "placements-to-goal is "
         "counted in steps of evaluate_every, at least 5 of them; got 400 of 1,200 placements. Add --set evaluate_ev"),
        ({"ranges": ("features=['held_piece'],['holes']",)}, "The feature 'held_piece' needs hold; got hold=False."),
    ],
)  # fmt: skip
def test_a_study_that_could_not_be_carried_out_is_refused(home: Home, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        create_study(home, study(**changes))
    assert str(refused.value).startswith(message)
    assert not home.studies.exists()


def test_a_study_is_written_whole_and_read_back(home: Home) -> None:
    asked = study(ranges=("gamma=0.5..0.9", "net_arch=[8],[8,8]"), n_trials=7, n_at_once=2, sampler="random", seed=9)
    made = create_study(home, asked)
    there = read_study_config(home, "first")
    assert there == made == replace(asked, started=made.started, command=made.command)
    assert there.configs({"gamma": 0.7, "net_arch": (8, 8)})[1] == asked.training_config.with_changes(
        gamma=0.7, net_arch=(8, 8)
    )
    with pytest.raises(HomeError, match=r"A new study needs a new name, and 'first' is taken. Go on with it by `tet"):
        create_study(home, asked)
    with pytest.raises(ConfigError, match=r"A study has a name of at most 59 characters that is no command; got 'li"):
        create_study(home, replace(asked, name="list"))
    with pytest.raises(HomeError, match=r"A name has 1 to 64 letters"):
        create_study(home, replace(asked, name="../out"))
    create_run(home, "other-0002", asked.env_config, asked.training_config)
    with pytest.raises(HomeError) as refused:
        create_study(home, replace(asked, name="other"))
    assert str(refused.value) == (
        "Trials of 'other' are the runs other-0001 and so on, and 'other-0002' is a run already. Choose another name."
    )
    (home.study_folder("first") / "study.json").write_text("{}")
    with pytest.raises(HomeError, match=r"study.json' cannot be read \('name'\). Restore it from a copy."):
        read_study_config(home, "first")
    assert list_studies(home) == []


def test_a_study_goes_on_and_never_back(home: Home) -> None:
    create_study(home, study(n_trials=5))
    extend_study(home, "first", n_trials=8)
    extend_study(home, "first", n_at_once=3)
    changed = read_study_config(home, "first")
    assert (changed.n_trials, changed.n_at_once) == (8, 3)
    with pytest.raises(ConfigError, match=r"A study goes on, never back, and 'first' has 8 trials; got 7. Ask for"):
        extend_study(home, "first", n_trials=7)
    with pytest.raises(HomeError, match=r"There is no study 'second' in .* Begin one by `tetrarium tune second --vary"):
        extend_study(home, "second", n_trials=7)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "cma-es"])
def test_what_is_tried_depends_on_seed_and_trials_before_alone(tmp_path: Path, sampler: str) -> None:
    """One study is drawn in one go, another one by a new process for each trial, so to say."""
    ranges = {
        "grid": ("gamma=0.1,0.2,0.3,0.4", "n_steps=1,2,3", "net_arch=[8],[8,8]"),
        "cma-es": ("learning_rate=1e-4..1e-2:log", "batch_size=16..64"),
    }.get(sampler, ("learning_rate=1e-4..1e-2:log", "n_steps=1,2,3", "net_arch=[8],[8,8]", "batch_size=16..64"))

    n = {"tpe": 12, "cma-es": 8}.get(sampler, 4)  # the first ten of tpe are random

    def drawn(folder: str, *, seed: int, reopens: bool) -> list[dict[str, Any]]:
        place = Home.locate(tmp_path / folder)
        asked = study(ranges=ranges, sampler=sampler, seed=seed, n_trials=12)
        trials = begun(place, asked)
        for _ in range(n):
            trials = Trials(Storage(place), asked) if reopens else trials
            trial = trials.add(trials.draw())
            params = trials.params(trial)
            for item in asked.ranges:
                assert params[item.name] in item.values if item.values else item.low <= params[item.name] <= item.high
            value = sum(float(number) for number in params.values() if not isinstance(number, tuple))
            trials.tell(trial, "complete", value)
        return [trials.params(trial) for trial in trials.all()]

    once = drawn("once", seed=3, reopens=False)
    assert drawn("again", seed=3, reopens=True) == once
    assert drawn("other", seed=4, reopens=False) != once
    if sampler == "grid":
        assert len({str(params) for params in once}) == n, "no combination is tried twice"


def test_a_study_whose_trials_are_lost_or_another_programs_is_told(home: Home) -> None:
    complete(home, study(), [1.0, 2.0])
    (home.root / "tuning.db").write_bytes(b"no database" * 100)
    for extra in ("-wal", "-shm"):
        (home.root / f"tuning.db{extra}").unlink(missing_ok=True)
    with pytest.raises(HomeError, match=r"The trials in '.*tuning.db' cannot be used: .*file is not a database. Make"):
        read_study(home, "first")


def test_readers_never_wait_for_a_writer(home: Home) -> None:
    complete(home, study(), [1.0])
    writer = sqlite3.connect(home.root / "tuning.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert read_study(home, "first").view.n_done == 1
    writer.close()


def test_what_a_study_came_to_is_told(home: Home) -> None:
    asked = study(n_trials=6)
    trials = complete(home, asked, [10.0, 30.0, 20.0], n_runs=2)
    failed = trials.add(trials.draw())
    trials.tell(failed, "fail", about={"note": "The loss is not finite at step 200."})
    trials.add(trials.draw())

    detail = read_study(home, "first")
    view = detail.view
    assert (view.state, view.message) == ("stopped", "Not begun. Go on by `tetrarium tune first`.")
    assert (view.n_trials, view.n_done, view.n_failed, view.n_pruned, view.n_open) == (6, 3, 1, 0, 1)
    assert (view.best, view.best_value) == (2, 30.0)
    assert [(trial.run, trial.state, trial.value) for trial in detail.trials] == [
        ("first-0001", "done", 10.0), ("first-0002", "done", 30.0), ("first-0003", "done", 20.0),
        ("first-0004", "failed", None), ("first-0005", "waiting", None),
    ]  # fmt: skip
    assert [trial.has_run for trial in detail.trials] == [True, True, False, False, False]
    assert detail.trials[3].note == "The loss is not finite at step 200."
    assert detail.trials[1].n_cut_off == 3 and detail.trials[1].n_games == 20
    assert detail.seconds_left == 24.0, "two trials of 12 s, one after the other"
    assert json.loads(json.dumps([view.name for view in list_studies(home)])) == ["first"]
    assert list_studies(home)[0] == replace(view)


def test_the_best_of_those_that_count_placements_has_the_fewest(home: Home) -> None:
    goal = {"target_evaluation_lines": 5, "evaluate_every": 100}
    complete(home, study(objective="placements-to-goal", training=goal), [900.0, 400.0, 700.0])
    assert read_study(home, "first").view.best == 2


def test_scores_come_from_evaluations() -> None:
    config = TrainingConfig(total_timesteps=4_000, target_evaluation_lines=40)
    course = rows(10.0, 50.0, 30.0, 45.0)
    for objective, value, step in (("lines", 45.0, 1_600), ("evaluation", 50.0, 800), ("placements-to-goal", 800, 800)):
        score = judge(objective, course, config)
        assert score is not None
        assert (score.value, score.step, score.is_reached) == (value, step, True)
        assert (score.n_games, score.n_cut_off, score.max_pieces) == (20, 3, 2_000)
    missed = judge("placements-to-goal", rows(10.0, 20.0), config)
    assert missed is not None
    assert (missed.value, missed.is_reached, missed.lines) == (6_000.0, False, 20.0), "half way to the goal"
    assert judge("lines", [], config) is None


def test_importances_are_told_from_enough_trials_that_differ(home: Home) -> None:
    asked = study(ranges=("learning_rate=1e-4..1e-2:log", "gamma=0.5..0.9"), sampler="random", n_trials=49)
    trials = begun(home, asked)

    def tell(n: int, *, alike: bool = False, n_cut_off: int = 3) -> None:
        for _ in range(n):
            trial = trials.add(trials.draw())
            distance = abs(math.log10(trials.params(trial)["learning_rate"]) + 3)
            about = {"n_games": 20, "n_cut_off": n_cut_off}
            trials.tell(trial, "complete", 7.0 if alike else -distance, about=about)

    tell(9)
    few = find_importances(asked, trials)
    assert (few.shares, few.n_trials) == ({}, 9)
    assert few.words == "Which settings mattered is told from 10 complete trials on; there are 9."
    tell(3)
    found = find_importances(asked, trials)
    assert list(found.shares) == ["learning_rate", "gamma"]
    assert found.shares["learning_rate"] > 0.7
    assert sum(found.shares.values()) == pytest.approx(1)
    assert (found.n_trials, found.n_best) == (12, 5)
    assert found.words.startswith("Estimated by PED-ANOVA from 12 trials: how differently a setting is spread among")
    tell(12, alike=True)
    same = find_importances(asked, trials)
    assert (same.shares, same.words) == ({}, "12 of 24 trials came to the same, so nothing can be told apart.")
    tell(25, n_cut_off=20)
    cut = find_importances(asked, trials)
    assert cut.shares == {}
    assert cut.words == (
        "In 25 of 49 trials every game was still running at the cut, so nothing can be told apart. Judge by "
        "placements-to-goal, or by longer games: evaluation_pieces."
    )


def test_a_hopeless_trial_is_below_the_median_at_the_same_evaluation(home: Home) -> None:
    asked = study(prunes=True, training={"evaluate_every": 100})
    trials = begun(home, asked)
    for value in (10, 20, 30, 40, 50):
        trial = trials.add(trials.draw())
        trials.tell(trial, "complete", value * 3.0, evaluations=rows(value, value * 2, value * 3, every=104))
    under_way = trials.add(trials.draw())
    assert not trials.is_hopeless(under_way, rows(0, every=100)), "too early"
    assert trials.is_hopeless(under_way, rows(0, 59, every=100))
    assert not trials.is_hopeless(under_way, rows(0, 61, every=100))
    assert not trials.is_hopeless(under_way, [])
    trials.tell(under_way, "pruned", about={"note": "below the median"})
    assert read_study(home, "first").view.n_pruned == 1


def test_the_command_trains_the_same_again() -> None:
    from tetrarium.cli.configuration import read_configs

    asked = study(ranges=("net_arch=[8],[64,32]", "double_q=true,false", "features=['holes'],['holes','wells']"))
    configs = asked.configs({"net_arch": (64, 32), "double_q": False, "features": ("holes",)})
    command = train_command("quick", *configs)
    words = command.split()
    assert words[:4] == ["tetrarium", "train", "--preset", "quick"]
    assignments = [word.strip("'") for word in words[5::2]]
    assert read_configs("quick", None, assignments, {}, environment={}) == configs
