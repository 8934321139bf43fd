"""Studies whose trials are trained by the workers of a real Dask scheduler."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.dask_clusters import Cluster, running_cluster
from tests.torture.run_results import result_of
from tests.tuning.test_tuner import home as home  # noqa: PLC0414 a fixture
from tests.tuning.test_tuner import said, settings, tune
from tests.workers.servers import wait_for
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home
from tetrarium.tuning import read_study
from tetrarium.workers.directories.run_views import read_run

pytest.importorskip("distributed")

N_TRIALS = 3
PATIENCE_S = 100.0
ARGUMENTS = [
    "--vary", "learning_rate=1e-4..1e-2:log", "--vary", "n_steps=1,2,3", "--trials", str(N_TRIALS), "--at-once", "2",
    *settings(checkpoint_every=600, evaluate_every=600),
]  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path, 2) as cluster:
        yield cluster


def results(home: Home) -> tuple[list[Any], list[dict[str, Any]]]:
    """Returns parameters and results of a study's trials, and the results of their runs."""
    trials = read_study(home, "first").trials
    return (
        [(trial.run, trial.params, trial.value, trial.lines, trial.n_games) for trial in trials],
        [result_of(home.root, trial.run) for trial in trials],
    )


@pytest.mark.oracle
def test_a_study_whose_worker_and_tuner_are_killed_equals_a_local_one(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    first = tune(home, *ARGUMENTS, "--on", str(cluster.file), "--piece-s", "0")
    wait_for((home.run_folder("first-0001") / "checkpoints").is_dir, PATIENCE_S)
    view = read_run(home, "first-0001")
    assert view.is_alive
    assert view.message == f"Training on {cluster.file}; shown after each piece."
    cluster.workers[0].kill()
    cluster.add_worker()
    wait_for(lambda: any(trial.value is not None for trial in read_study(home, "first").trials), PATIENCE_S)
    first.kill()
    first.communicate()
    wait_for(lambda: not is_locked(home.study_folder("first")))
    code, printed = said(tune(home, "--on", str(cluster.file), "--piece-s", "0"))
    assert (code, f"first: finished, {N_TRIALS} of {N_TRIALS} trials." in printed) == (0, True), printed

    local = Home(tmp_path / "local")
    code, printed = said(tune(local, *ARGUMENTS))
    assert code == 0, printed
    assert results(home) == results(local)


@pytest.mark.oracle
def test_a_study_whose_scheduler_is_lost_ends_with_one_line_and_continues(home: Home, cluster: Cluster) -> None:
    arguments = [
        "--vary",
        "n_steps=1,2",
        "--sampler",
        "grid",
        "--at-once",
        "2",
        *settings(checkpoint_every=600, evaluate_every=600),
    ]
    first = tune(home, *arguments, "--on", str(cluster.file), "--piece-s", "0")
    wait_for((home.run_folder("first-0001") / "checkpoints").is_dir, PATIENCE_S)
    cluster.scheduler.kill()
    code, printed = said(first)
    assert code == 1, printed
    assert "tetrarium: A scheduler answers within 10 seconds; " in printed.splitlines()[-1]
    stopped = read_run(home, "first-0001")
    assert (stopped.state, stopped.is_alive) == ("stopped", False)
    assert stopped.message.startswith(f"Stopped at step {stopped.step:,}. A scheduler answers within 10 seconds; ")
    code, printed = said(tune(home, "--on", "local", "--workers", "2"))
    assert (code, "first: finished, 2 of 2 trials." in printed) == (0, True), printed
