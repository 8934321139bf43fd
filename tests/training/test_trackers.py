"""Trackers of other projects: a run logs to their real local stores, and a broken one never stops it."""

import queue
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.training.runs import CONFIG, table
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.events import Event, WarningGiven
from tetrarium.registry.home import Home
from tetrarium.training.runs.recording import trackers
from tetrarium.training.runs.run import TrainingRun

LOGGED = "games/training_mean"


def trained(home: Home, name: str, *tracks: str) -> list[Event]:
    """Trains a run to its end; returns its events."""
    heard: list[Event] = []
    TrainingRun.create(home, name, EnvConfig(), CONFIG, heard.append, group="tries", track=tracks).execute()
    return heard


class BrokenRun:
    """A tracker that fails at a place."""

    def __init__(self, run: trackers.TrackedRun) -> None:
        self.run = run
        if "start" in run.name:
            raise RuntimeError("no network\nTraceback")

    def log(self, values: trackers.Values, step: int) -> None:
        if "log" in self.run.name:
            raise SystemExit("quota exceeded")

    def finish(self) -> None:
        if "finish" in self.run.name:
            raise OSError("disk full")
        if "address" in self.run.name:
            raise OSError("POST https://me:pass@word@host:5000/api failed")


def test_a_broken_tracker_changes_nothing_and_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trackers.BACKENDS, "wandb", BrokenRun)
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda _name: True)
    home = Home.locate(tmp_path)
    trained(home, "plain")
    for place, reason in (
        ("start", "RuntimeError: no network"), ("log", "SystemExit: quota exceeded"), ("finish", "OSError: disk full"),
        ("address", "OSError: POST https://host:5000/api failed"),  # without the password
    ):  # fmt: skip
        warnings = [event.message for event in trained(home, place, "wandb") if isinstance(event, WarningGiven)]
        assert warnings == [f"The tracker wandb failed ({reason}). Training continues without it."]
        assert table(home.run_folder(place), "episodes.csv") == table(home.run_folder("plain"), "episodes.csv")


def test_a_run_ends_without_a_tracker_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    logs, is_over, heard = threading.Event(), threading.Event(), list[str]()

    class HangingRun(BrokenRun):
        def log(self, values: trackers.Values, step: int) -> None:
            logs.set()
            is_over.wait()

    monkeypatch.setitem(trackers.BACKENDS, "wandb", HangingRun)
    monkeypatch.setattr(trackers, "_CLOSE_S", 0.01)
    run = trackers.TrackedRun(name="one", group=None, settings={}, key="0")
    tracker = trackers.Tracker("wandb", run, heard.append, queue.Queue(1))
    tracker.write({LOGGED: 1.0}, {})
    assert logs.wait(60)
    tracker.write({LOGGED: 2.0}, {})  # the queue is full now
    tracker.close()
    is_over.set()
    assert heard == ["The tracker wandb failed (it did not end within 0 s). Training continues without it."]


def test_unknown_and_missing_trackers_are_refused_before_a_run_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.locate(tmp_path)
    with pytest.raises(ConfigError, match=r"A tracker is one of wandb, mlflow, trackio; got 'wandbb'\. Did you mean"):
        trained(home, "one", "wandbb")
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"not installed\. Install it by `pip install 'tetrarium\[mlflow\]'`"):
        trained(home, "one", "mlflow")
    assert home.run_names() == []


def test_trackers_are_imported_only_by_runs_that_use_them() -> None:
    code = "import sys, tetrarium.training.runs.run\nassert not {'wandb', 'mlflow', 'trackio'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_wandb_writes_its_offline_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert not [event for event in trained(Home.locate(tmp_path), "one", "wandb") if isinstance(event, WarningGiven)]
    (store,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert LOGGED.encode() in store.read_bytes() and b"tries" in store.read_bytes()


@pytest.mark.filterwarnings("ignore")  # of MLflow
def test_mlflow_writes_its_file_store_and_a_resume_continues_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient, set_tracking_uri

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    set_tracking_uri(None)
    home = Home.locate(tmp_path)
    heard = trained(home, "one", "mlflow")
    changes = {"total_timesteps": CONFIG.total_timesteps + 2_000}
    TrainingRun.open(home, "one", heard.append, changes=changes).execute()
    assert not [event for event in heard if isinstance(event, WarningGiven)]
    client = MlflowClient()
    experiment: Any = client.get_experiment_by_name(trackers.PROJECT)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status, run.data.tags["tetrarium.group"]) == ("one", "FINISHED", "tries")
    assert run.data.params["gamma"] == str(CONFIG.gamma)
    steps = [metric.step for metric in client.get_metric_history(run.info.run_id, LOGGED)]
    assert steps == sorted(steps) and steps[-1] == CONFIG.total_timesteps + 2_000


def test_trackio_writes_its_local_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    heard = trained(Home.locate(tmp_path), "one", "trackio")
    assert not [event for event in heard if isinstance(event, WarningGiven)]
    (store,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(store) as connection:
        logged = connection.execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
    assert {row[0] for row in logged} == {"one"} and LOGGED in str(logged[0][2])
