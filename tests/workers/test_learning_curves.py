"""Learning curves of single runs, of seeds of one configuration, and of runs without values."""

import json
from pathlib import Path
from typing import Any

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.workers.directories.learning_curves import COLUMNS, find_column, read_curves

PROGRESS = "step,mean_lines_game,lines_low,lines_high,loss\n"


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def made(home: Home, name: str, seed: int, factor: float = 1.0, n_rows: int = 4, **settings: Any) -> None:
    """Creates a run whose lines are its steps times a factor."""
    create_run(home, name, EnvConfig(), TrainingConfig(seed=seed, **settings))
    steps = [1_000 * number for number in range(1, n_rows + 1)]
    rows = [f"{step},{factor * step},{factor * step - 1},{factor * step + 1},\n" for step in steps]
    (home.run_folder(name) / "progress.csv").write_text(PROGRESS + "".join(rows))


def test_a_single_run_has_the_band_of_its_games(home: Home) -> None:
    made(home, "one", seed=3)
    (curve,) = read_curves(home, ["one", "one"])

    assert (curve.label, curve.runs, curve.seeds) == ("one", ("one",), (3,))
    assert curve.steps == curve.values == (1_000, 2_000, 3_000, 4_000)
    assert curve.low == (999, 1_999, 2_999, 3_999) and curve.high == (1_001, 2_001, 3_001, 4_001)
    assert curve.band == "band of one run: the middle 80 % of its latest games"


def test_seeds_of_one_configuration_share_a_curve_over_their_common_steps(home: Home) -> None:
    for seed, factor in enumerate((5.0, 1.0, 4.0, 2.0, 3.0)):
        made(home, f"fast-{seed}", seed, factor, n_rows=4 if seed else 3)
    made(home, "other", seed=0, learning_rate=0.5)
    path = home.run_folder("fast-4") / "config.json"
    config = json.loads(path.read_text())
    for name in ("harder_games", "schedule_steps"):
        del config["training_config"][name]  # a run of an earlier version
    path.write_text(json.dumps(config))
    together, other = read_curves(home, [*(f"fast-{seed}" for seed in range(5)), "other"])

    assert together.label == "fast-… (5 seeds)" and together.seeds == (0, 1, 2, 3, 4)
    assert together.steps[0] == 1_000 and together.steps[-1] == 3_000
    assert together.values == pytest.approx([3 * step for step in together.steps])
    assert together.low == pytest.approx(list(together.steps))
    assert together.high == pytest.approx([5 * step for step in together.steps])
    assert together.band == "line and band of 5 seeds: their median and its 93 % confidence interval"
    assert other.runs == ("other",)
    apart = read_curves(home, ["fast-1", "fast-2"], apart=True)
    assert [curve.label for curve in apart] == ["fast-1", "fast-2"]


def test_evaluations_are_a_column_too(home: Home) -> None:
    made(home, "one", seed=1)
    table = "decided_step,step,lines,n_games,n_cut_off,max_pieces,seed,is_best\n300,150,2.5,2,0,60,1000,1\n"
    (home.run_folder("one") / "evaluations.csv").write_text(table)
    (curve,) = read_curves(home, ["one"], "evaluation")

    assert (curve.steps, curve.values, curve.low, curve.band) == ((150,), (2.5,), None, "")


def test_a_column_without_values_is_refused(home: Home) -> None:
    made(home, "one", seed=1)
    made(home, "two", seed=1, n_rows=0)

    assert [curve.runs for curve in read_curves(home, ["two", "one"])] == [("one",)]
    for names, column, said in (
        (["one"], "loss", "one has none of loss yet"),
        (["two"], "lines", "two has none of training mean yet"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_curves(home, names, column)
    for column in COLUMNS:
        with pytest.raises((ConfigError, HomeError), match=r"two has none of|no run 'three'"):
            read_curves(home, ["two"] if column != "best" else ["three"], column)


def test_a_column_has_its_name_and_that_of_the_files() -> None:
    assert find_column("mean_q") is find_column("value") is COLUMNS["value"]
    with pytest.raises(ConfigError, match=r"one of lines, harder, .*; got 'speeds'\. Did you mean 'speed'\?"):
        find_column("speeds")
