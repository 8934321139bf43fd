"""Views of runs as read from their folders: of this version, of earlier ones, and damaged."""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.finished_runs import make_checkpoint
from tetrarium.environment import EnvConfig
from tetrarium.errors import HomeError
from tetrarium.registry.database import Database
from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.workers.directories.run_views import (
    find_run,
    find_runs,
    list_runs,
    read_config,
    read_episodes,
    read_evaluations,
    read_progress,
    read_run,
)
from tetrarium.workers.protocol.status_files import WorkerState

FIXTURES = Path(__file__).parent.parent / "fixtures"
HEADER = "step,seconds,steps_per_second,games_ended,mean_lines_game,loss\n"


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def made(home: Home, name: str | None = None) -> Path:
    config = create_run(home, name, EnvConfig(), TrainingConfig(total_timesteps=500, seed=7), preset="quick")
    return home.run_folder(config.name)


def test_a_new_run(home: Home) -> None:
    made(home)
    view = read_run(home, "run-1")

    assert (view.state, view.step, view.total_steps, view.is_alive) == ("stopped", 0, 500, False)
    assert (view.algorithm, view.preset, view.seed) == ("dqn", "quick", 7)
    assert (view.training_mean, view.games_ended, view.checkpoints, view.has_best) == (None, None, (), False)
    assert view.started is not None and view.started[4] == "-" and view.command
    assert json.loads(json.dumps(asdict(view)))["name"] == "run-1"


def test_runs_are_listed_latest_first_and_other_folders_skipped(home: Home) -> None:
    assert list_runs(home) == []
    for name in ("a", "b"):
        config = made(home, name) / "config.json"
        values = json.loads(config.read_text())
        config.write_text(json.dumps({**values, "started": f"2026-01-0{1 + (name == 'b')}T00:00:00+00:00"}))
    (home.runs / "empty").mkdir()
    (home.runs / "a file").write_text("")
    (home.runs / "broken").mkdir()
    (home.runs / "broken" / "config.json").write_text("[]")

    for read in (read_run, find_run):  # from the folders, then from the registry
        assert [view for view in list_runs(home) if view.state != "damaged"] == [
            read(home, name) for name in ("b", "a")
        ]
    assert find_run(home, "broken") in list_runs(home)


def test_lists_follow_the_folders(home: Home) -> None:
    for name in ("a", "b", "c"):
        made(home, name)
    before = {view.name: view for view in list_runs(home)}
    WorkerState(state="failed", step=300, total_steps=500, error="The disk is full.").write(home.run_folder("a"))
    make_checkpoint(home.run_folder("b"), 200)
    (home.run_folder("b") / "progress.csv").write_text(HEADER + "200,1.0,200.0,7,1.5,\n")
    shutil.rmtree(home.run_folder("c"))
    shutil.copytree(home.run_folder("b"), home.run_folder("copied"))
    after = {view.name: view for view in list_runs(home)}

    assert before["a"].state == before["b"].state == "stopped" and before["b"].games_ended is None
    assert set(after) == set(RunStore(home).summaries()) == {"a", "b", "copied"}
    assert (after["a"].state, after["a"].error) == ("failed", "The disk is full.")
    state = home.run_folder("a") / "state.json"
    values = json.loads(state.read_text())
    state.write_text(json.dumps({name: value for name, value in values.items() if name not in ("code", "field")}))
    assert read_run(home, "a").error == "The disk is full."  # as written by versions without error codes
    assert (after["b"].checkpoints, after["b"].games_ended) == ((200,), 7) == (
        after["copied"].checkpoints, after["copied"].games_ended,
    )  # fmt: skip
    lock = acquire_lock(home.run_folder("a"))
    assert [view.name for view in list_runs(home) if view.is_alive] == ["a"]
    os.close(lock)
    assert {view.name: view for view in list_runs(home)} == after


@pytest.mark.parametrize("content", [None, b"no database, but long enough to be taken for one" * 100])
def test_lists_work_without_a_usable_registry(home: Home, content: bytes | None) -> None:
    made(home, "a")
    if content is None:
        (home.root / "registry.db").mkdir()
    else:
        (home.root / "registry.db").write_bytes(content)

    assert list_runs(home) == [read_run(home, "a")]
    with pytest.raises(HomeError, match=r"The registry '.*' (is damaged or not a database|cannot be opened)"):
        read_episodes(home, "a")


def test_lists_do_not_wait_for_writers(home: Home) -> None:
    made(home, "a")
    with Database(home).writing():
        assert [view.name for view in list_runs(home)] == ["a"]


def test_a_seed_too_large_for_the_registry_is_listed_and_an_invalid_one_is_damage(home: Home) -> None:
    for name, seed in (("a", 2**70), ("b", ["x"]), ("c", 3)):
        config = made(home, name) / "config.json"
        values = json.loads(config.read_text())
        values["training_config"]["seed"] = seed
        config.write_text(json.dumps(values))

    for _ in range(2):
        assert {view.name: view.seed for view in list_runs(home) if view.state != "damaged"} == {"a": 2**70, "c": 3}


def test_runs_are_found_by_words_and_states_page_by_page(home: Home) -> None:
    for number in range(5):
        config = made(home, f"Tower-{number}") / "config.json"
        values = json.loads(config.read_text())
        config.write_text(json.dumps({**values, "started": f"2026-01-0{number + 1}T00:00:00+00:00"}))
        state = "failed" if number % 2 else "finished"
        WorkerState(state=state, step=number).write(home.run_folder(f"Tower-{number}"))

    def found(**asked: Any) -> tuple[str, int]:
        page = find_runs(home, **asked)
        return "".join(view.name[-1] for view in page.runs), page.n_runs

    assert found() == ("43210", 5)
    assert found(search="tower QUICK") == ("43210", 5) and found(search="er-3") == ("3", 1)
    assert found(search="tower nothing") == ("", 0) and found(search="seed 7", states={"failed"}) == ("31", 2)
    assert (
        found(limit=2) == ("43", 5) and found(limit=2, offset=2) == ("21", 5) and found(limit=2, offset=4) == ("0", 5)
    )
    assert found(limit=None, offset=1) == ("3210", 5) and found(offset=9) == ("", 5)
    assert found(states=("failed", "finished"), limit=0) == ("", 5)


def test_ended_games_are_grouped(home: Home) -> None:
    folder = made(home)
    assert read_episodes(home, "run-1")["step"] == []
    rows = [f"{20 * n},0,{n}.5,{n},{2 * n},0,1.0\n" for n in range(10)]
    (folder / "episodes.csv").write_text("step,env,reward,lines,pieces,cut_off,seconds\n" + "".join(rows))

    assert read_episodes(home, "run-1", max_points=3) == {
        "step": [0, 80, 160], "n_games": [4, 4, 2],
        "mean_lines_game": [1.5, 5.5, 8.5], "min_lines_game": [0, 4, 8], "max_lines_game": [3, 7, 9],
        "mean_reward_game": [2.0, 6.0, 9.0], "min_reward_game": [0.5, 4.5, 8.5], "max_reward_game": [3.5, 7.5, 9.5],
        "mean_pieces_game": [3.0, 11.0, 17.0], "min_pieces_game": [0, 8, 16], "max_pieces_game": [6, 14, 18],
    }  # fmt: skip
    assert read_episodes(home, "run-1")["mean_lines_game"] == list(range(10))
    (folder / "episodes.csv").unlink()
    assert read_episodes(home, "run-1")["n_games"] == []


def test_a_run_of_version_0_1_0_is_shown(home: Home) -> None:
    shutil.copytree(FIXTURES / "run-v1", home.run_folder("old"))
    view = read_run(home, "old")

    assert view.state in {"stopped", "finished"} and view.step == max(view.checkpoints)
    assert (view.preset, view.training_mean) == (None, None)
    assert view.started is not None
    assert read_progress(home, "old") == {}


@pytest.mark.parametrize(
    ("written", "is_locked", "state"),
    [
        ("running", True, "running"),
        ("paused", True, "paused"),
        ("running", False, "crashed"),
        ("starting", False, "crashed"),
        ("stopping", False, "crashed"),
        ("finished", False, "finished"),
        ("failed", False, "failed"),
        ("stopped", True, "stopped"),
    ],
)
def test_the_lock_shows_whether_a_worker_is_alive(home: Home, written: str, is_locked: bool, state: str) -> None:
    folder = made(home)
    WorkerState(state=written, step=300, total_steps=500, message="As written.", error="").write(folder)
    make_checkpoint(folder, 200)
    (folder / "worker.log").write_text("one\nKilled by somebody.\n\n")
    lock = acquire_lock(folder) if is_locked else None
    try:
        view = read_run(home, "run-1")
    finally:
        if lock is not None:
            os.close(lock)

    assert (view.state, view.is_alive) == (state, is_locked)
    if state == "crashed":
        assert (
            view.message == "The process ended unexpectedly (killed or out of memory). It can be resumed from step 200."
        )
        assert (view.step, view.error) == (200, "Killed by somebody.")


def test_an_invalid_state_file_is_ignored(home: Home) -> None:
    folder = made(home)
    for content in ("", "[]", '{"state": "running"}', "\x00" * 100, "{" * 10_000):
        (folder / "state.json").write_text(content)
        assert read_run(home, "run-1").state == "stopped"


def test_progress_is_thinned_evenly_without_partial_rows(home: Home) -> None:
    table = made(home) / "progress.csv"
    rows = [f"{2_000 * n},{n}.5,100.0,{n},{n / 4},\n" for n in range(1, 1_001)]
    table.write_text(HEADER + "".join(rows) + "2002000,10")

    whole = read_progress(home, "run-1", max_points=5_000)
    assert (len(whole["step"]), whole["step"][-1], whole["loss"][0]) == (1_000, 2_000_000, None)
    assert read_progress(home, "run-1", max_points=3)["step"] == [2_000, 1_000_000, 2_000_000]
    assert read_progress(home, "run-1", max_points=1)["step"] == [2_000_000]
    view = read_run(home, "run-1")
    assert (view.seconds, view.training_mean, view.games_ended) == (1_000.5, 250.0, 1_000)

    table.write_text(HEADER)
    assert read_progress(home, "run-1")["step"] == []
    table.write_text("")
    assert read_progress(home, "run-1") == {}
    assert read_run(home, "run-1").training_mean is None


def test_evaluations_are_read_as_rows(home: Home) -> None:
    (made(home) / "evaluations.csv").write_text("decided_step,step,lines,is_best\n200,100,1.5,1\n300,200,0.5,0\n")

    assert read_evaluations(home, "run-1") == [
        {"decided_step": 200, "step": 100, "lines_until_limit": 1.5, "is_best": 1},
        {"decided_step": 300, "step": 200, "lines_until_limit": 0.5, "is_best": 0},
    ]


@pytest.mark.parametrize("read", [read_run, read_config, read_progress, read_evaluations, read_episodes])
def test_a_missing_run_is_named(home: Home, read: object) -> None:
    assert callable(read)
    with pytest.raises(HomeError, match=r"There is no run 'one' in .* Start one by `tetrarium train`\."):
        read(home, "one")
    with pytest.raises(HomeError, match="A name has 1 to 64 letters"):
        read(home, "../one")
