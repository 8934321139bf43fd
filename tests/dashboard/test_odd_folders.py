"""Folders in which something else stands than this version writes: lists and answers tell of all the others."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from tests.tuning.made import study
from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.history import find_history
from tetrarium.dashboard.model_answers import job_answer
from tetrarium.dashboard.replaying import find_replay_of, list_replays
from tetrarium.dashboard.routes.jobs import job_routes
from tetrarium.dashboard.routes.runs import run_routes
from tetrarium.dashboard.schemas import Player, RunDetail
from tetrarium.dashboard.schemas_play import Hand
from tetrarium.dashboard.schemas_tuning import Study
from tetrarium.environment import EnvConfig
from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home
from tetrarium.registry.runs import RunStore
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.configs import create_run
from tetrarium.training.runs.pruning import find_prunable
from tetrarium.tuning import create_study, list_studies
from tetrarium.workers.directory import list_runs, read_config, read_episodes, read_evaluations, read_progress
from tetrarium.workers.files import WorkerState
from tetrarium.workers.hand_orders import Wishes
from tetrarium.workers.hands import HandConfig, list_hands
from tetrarium.workers.jobs import JobState, list_jobs
from tetrarium.workers.kept_games import list_games
from tetrarium.workers.latest_boards import BoardReader
from tetrarium.workers.players import PlayerConfig, list_players

DEEP = "[" * 100_000
SURROGATE = "caf\udce9"
STARTED = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.fixture
def _in_time() -> Iterator[None]:
    """Ends a test that waits for what never comes."""

    def end(_number: int, _frame: object) -> None:
        pytest.fail("It waits.")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 10.0, 1.0)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)


def changed(path: Path, place: str = "", /, **values: Any) -> None:
    """Changes some values of a JSON file, or of an object in it."""
    content = json.loads(path.read_text())
    (content[place] if place else content).update(values)
    path.write_text(json.dumps(content))


def sent(answer: BaseModel) -> dict[str, Any]:
    """What the API sends of an answer."""
    text = json.dumps(answer.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()
    return dict(json.loads(text))


Spoil = Callable[[Path], object]
CONFIG, STATE, PROGRESS = "config.json", "state.json", "progress.csv"
# What is done to the folder of a run, and what is told of it then; None where it is left out.
ODD_RUNS: Mapping[str, tuple[Spoil, dict[str, Any] | None]] = {
    "deep config": (lambda run: (run / CONFIG).write_text(DEEP), None),
    "long number": (lambda run: (run / CONFIG).write_text('{"seed": ' + "1" * 5_000 + "}"), None),
    "list of a config": (lambda run: changed(run / CONFIG, training_config=[["seed", 1]]), None),
    "steps": (lambda run: changed(run / CONFIG, "training_config", total_timesteps="x"), None),
    "seed": (lambda run: changed(run / CONFIG, "training_config", seed=[1]), None),
    "algorithm": (lambda run: changed(run / CONFIG, "training_config", algorithm={}), None),
    "not a number": (lambda run: changed(run / CONFIG, "training_config", gamma=float("nan")), None),
    "started": (lambda run: changed(run / CONFIG, started=5), {}),
    "preset": (lambda run: changed(run / CONFIG, preset=[1]), {"preset": None}),
    "command": (lambda run: changed(run / CONFIG, command=f"train --config {SURROGATE}.toml"),
                {"command": "train --config caf?.toml"}),
    "deep state": (lambda run: (run / STATE).write_text(DEEP), {"state": "stopped"}),
    "state of a list": (lambda run: changed(run / STATE, state=[]), {"state": "stopped"}),
    "unknown state": (lambda run: changed(run / STATE, state="weird"), {"state": "stopped"}),
    "step of a state": (lambda run: changed(run / STATE, step="x"), {"state": "stopped"}),
    "seconds of a state": (lambda run: changed(run / STATE, seconds=float("inf")), {"state": "stopped"}),
    "message": (lambda run: changed(run / STATE, message=SURROGATE), {"state": "failed", "message": "caf?"}),
    "progress": (lambda run: (run / PROGRESS).write_text(
        f"step,seconds,best_lines_game,mean_lines_game,games_ended\n200,inf,nan,-inf,{'1' * 500}\n"),
        {"best_lines_game": None, "mean_lines_game": None, "games_ended": None}),
}  # fmt: skip


def test_one_odd_run_spoils_no_list_of_runs(home: Home) -> None:
    for name in ("good", *(f"odd-{number}" for number in range(len(ODD_RUNS)))):
        create_run(home, name, EnvConfig(), TrainingConfig(total_timesteps=500, seed=7))
        WorkerState(state="failed", error="The disk is full.").write(home.run_folder(name))
    expected: dict[str, dict[str, Any]] = {"good": {"state": "failed", "seed": 7}}
    for number, (spoil, told) in enumerate(ODD_RUNS.values()):
        spoil(home.run_folder(f"odd-{number}"))
        if told is not None:
            expected[f"odd-{number}"] = told

    for _ in range(2):  # from the folders, and from what is known of them by now
        views = {view.name: view for view in list_runs(home)}
        assert set(views) == set(expected)
        for name, told in expected.items():
            answer = sent(RunDetail(**asdict(views[name]), config=read_config(home, name)))
            assert {**answer, **told} == answer, name
            assert isinstance(answer["started"], str)
            read_progress(home, name)
        page = sent(find_history(list(views.values()), sort="best_lines_game"))
        assert page["n_runs"] == len(page["runs"]) == len(expected)
    assert set(RunStore(home).standings()) == set(expected)


def test_one_odd_job_player_or_hand_spoils_no_list_of_them(home: Home) -> None:
    good: dict[str, Any] = {"kind": "measure", "values": {"what": "du"}, "started": STARTED}
    odd_configs: list[Any] = [{"values": []}, {"started": 5}, {"kind": None}, {"values": {"x": float("nan")}}]
    odd_states: list[Any] = [{"state": "weird"}, {"share_done": "x"}, {"result": []}, {"games_done": 1.5}]
    for number, (config, state) in enumerate([({}, {}), *((odd, {}) for odd in odd_configs),
                                              *(({}, odd) for odd in odd_states)]):  # fmt: skip
        folder = home.job_folder(f"job-{number}")
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({**good, **config}))
        JobState(state="finished", message="Done.").write(folder)
        changed(folder / STATE, **state)
    home.job_folder("deep").mkdir()
    (home.job_folder("deep") / "job.json").write_text(DEEP)
    jobs = {view.id: sent(job_answer(view))["state"] for view in list_jobs(home)}
    assert jobs == {"job-0": "finished", **{f"job-{number}": "dead" for number in range(5, 9)}}

    odd: list[Any] = [{}, {"started": 5}, {"seats": 5}, {"seats": [1]}, {"env_config": []}, {"pieces_per_second": "x"}]
    for number, values in enumerate(odd):
        folder = home.player_folder(f"player-{number}")
        folder.mkdir(parents=True)
        PlayerConfig(what="du", started=STARTED).write(folder)
        changed(folder / "player.json", **values)
        (folder / STATE).write_text(DEEP)
    assert [sent(Player(**asdict(view)))["id"] for view in list_players(home)] == ["player-0"]

    for number, values in enumerate([{}, {"wishes": []}, {"wishes": {"seed": "x"}}, {"wishes": None}]):
        folder = home.hand_folder(f"hand-{number}")
        folder.mkdir(parents=True)
        HandConfig(wishes=Wishes(), started=STARTED).write(folder)
        changed(folder / "hand.json", **values)
    (home.hand_folder("hand-3") / "hand.json").write_text(DEEP)
    assert [sent(Hand(**asdict(view)))["id"] for view in list_hands(home)] == ["hand-0"]


def test_one_odd_study_spoils_no_list_of_studies(home: Home) -> None:
    odd: list[Any] = [
        {"started": 5}, {"n_trials": "x"}, {"objective": "weird"}, {"sampler": []}, {"ranges": []},
        {"ranges": {"gamma": ""}}, {"command": SURROGATE}, {},
    ]  # fmt: skip
    for number, values in enumerate(odd):
        create_study(home, study(f"study-{number}"))
        changed(home.study_folder(f"study-{number}") / "study.json", **values)
    (home.study_folder("study-7") / "study.json").write_text(DEEP)
    create_study(home, study("good"))
    told = [sent(Study(**asdict(view))) for view in list_studies(home)]
    assert {one["name"]: one["command"] for one in told}.keys() == {"good", "study-6"}
    assert next(one["command"] for one in told if one["name"] == "study-6") == "caf?"


READ = (STATE, PROGRESS, "worker.log", "worker.json", "episodes.csv", "evaluations.csv", "boards", "run.lock")
REPLAYS = "replays/best-01.tetris-replay"


@pytest.mark.usefixtures("_in_time")
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_nobody_waits_for_a_pipe_or_is_led_out_of_the_home(home: Home, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("step,lines\n5,5\n")

    def put(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to(outside)
        else:
            path.mkdir()

    for name in ("good", "odd", "none"):
        create_run(home, name, EnvConfig(), TrainingConfig(total_timesteps=500))
    odd = home.run_folder("odd")
    for name in (*READ, REPLAYS):
        put(odd / name)
    put(home.run_folder("none") / CONFIG)
    put(home.job_folder("job") / "job.json")
    put(home.player_folder("player") / "player.json")
    put(home.hand_folder("hand") / "hand.json")
    put(home.games / "20260101-000000-sprint-1.tetris-replay")

    assert {view.name: (view.state, view.mean_lines_game) for view in list_runs(home)} == {
        "good": ("stopped", None), "odd": ("stopped", None),
    }  # fmt: skip
    assert find_prunable(home) == []
    assert (read_progress(home, "odd"), read_evaluations(home, "odd"), list_replays(odd)) == ({}, [], [])
    assert (list_jobs(home), list_players(home), list_hands(home), list_games(home, 9)) == ([], [], [], [])
    for asked in (lambda: read_episodes(home, "odd"), lambda: show_log(home, "odd")):
        with pytest.raises(OSError, match=r"Invalid argument|symbolic link"):
            asked()
    with pytest.raises(NotThereError, match="has no replay 'best-01'"):
        find_replay_of(odd, "best-01")
    with pytest.raises(TetrariumError, match=r"none/config.json' cannot be read \("):
        read_config(home, "none")
    if kind == "link":
        assert BoardReader(odd).take() == []


def show_log(home: Home, name: str) -> object:
    """What the API answers when it is asked for a run's log."""
    return answered(run_routes(home), "/log", name)


def answered(routes: APIRouter, place: str, name: str) -> object:
    """What the API answers when it is asked for what lies below a name."""
    route = next(route for route in routes.routes if getattr(route, "path", "").endswith(place))
    return route.endpoint(name)  # type: ignore[attr-defined]


def test_the_file_of_a_job_that_somebody_removed_is_not_there(home: Home) -> None:
    folder = home.job_folder("one")
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"kind": "record", "values": {}, "started": STARTED}))
    JobState(state="finished", has_file=True).write(folder)
    with pytest.raises(NotThereError, match="The job 'one' left no file"):
        answered(job_routes(home), "/file", "one")


def test_the_home_and_its_folders_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "disk" / "runs").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "runs").symlink_to(tmp_path / "disk" / "runs")
    for place in ("home", "other"):
        home = Home.locate(tmp_path / place)
        create_run(home, place, EnvConfig(), TrainingConfig(total_timesteps=500))
        WorkerState(state="failed").write(home.run_folder(place))
    for place in ("home", "other"):
        views = list_runs(Home.locate(tmp_path / place))
        assert {view.name: view.state for view in views} == {"home": "failed", "other": "failed"}


def test_a_folder_of_a_name_that_no_run_has_is_left_out_of_what_can_go(home: Home) -> None:
    create_run(home, "good", EnvConfig(), TrainingConfig(total_timesteps=500, keep_every=None))
    for step in (100, 200):
        (home.run_folder("good") / "checkpoints" / str(step)).mkdir(parents=True)
    for name in ("good copy", ".tetrarium-0123456789abcdef"):
        (home.runs / name).mkdir()
    assert [(one.name, one.steps) for one in find_prunable(home)] == [("good", (100,))]
