"""Runs and studies on the nodes of a real Ray cluster; ``make oracle`` runs them where its library is."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import run_command
from tests.evaluation.test_ray_executor import cluster as cluster  # noqa: PLC0414 a fixture
from tests.torture.run_results import assert_same, result_of
from tests.tuning.test_remote_studies import results
from tests.tuning.test_tuner import said, settings, tune
from tetrarium.registry.home import Home

pytest.importorskip("ray")
pytestmark = pytest.mark.oracle

SETTINGS = settings(checkpoint_every=600, evaluate_every=600)
SEEDS = ["train", "--name", "s", "--seeds", "2", "--seed", "4", *SETTINGS]
STUDY = ["--vary", "n_steps=1,2", "--sampler", "grid", "--at-once", "2", *SETTINGS]


def test_seeds_are_trained_as_here(cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on = ("--on", f"ray:{cluster.address}", "--piece-s", "0")
    assert run_command(*SEEDS, *on, "--home", str(tmp_path / "there")) == 0
    assert "median of 2 seeds: " in capsys.readouterr().out
    assert run_command(*SEEDS, "--home", str(tmp_path / "here")) == 0
    for name in ("s-4", "s-5"):
        assert_same(result_of(tmp_path / "there", name), result_of(tmp_path / "here", name))


def test_trials_of_a_study_are_trained_as_here(cluster: Any, tmp_path: Path) -> None:
    there, here = Home(tmp_path / "there"), Home(tmp_path / "here")
    for home, on in ((there, ("--on", f"ray:{cluster.address}", "--piece-s", "0")), (here, ())):
        code, printed = said(tune(home, *STUDY, *on))
        assert (code, "first: finished, 2 of 2 trials." in printed) == (0, True), printed
    assert results(there) == results(here)
