"""Damaged folders of runs, demos, jobs and studies are shown as such, shown with defaults, or left out of lists."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from pydantic import TypeAdapter

from tests.dashboard.finished_runs import make_checkpoint
from tests.tuning.studies import study
from tetrarium.dashboard.routes.demos import demo_routes
from tetrarium.dashboard.routes.history import history_routes, search_runs
from tetrarium.dashboard.routes.human_games import human_game_routes
from tetrarium.dashboard.routes.jobs import job_routes
from tetrarium.dashboard.routes.replays import find_replay, list_replays
from tetrarium.dashboard.routes.runs import run_routes
from tetrarium.dashboard.routes.studies import study_routes
from tetrarium.environment import EnvConfig
from tetrarium.errors import HomeError, NotFoundError, TetrariumError
from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.checkpoint_cleanup import find_prunable
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.tuning import create_study, list_studies
from tetrarium.workers.directories.jobs import JOBS, JobState, list_jobs
from tetrarium.workers.directories.process_directory import (
    DEMOS,
    HUMAN_GAMES,
    DemoConfig,
    HumanGameConfig,
    ProcessDirectory,
    list_demos,
    list_human_games,
)
from tetrarium.workers.directories.run_views import (
    list_runs,
    read_config,
    read_episodes,
    read_evaluations,
    read_progress,
)
from tetrarium.workers.human_play.human_game_control import SessionOptions
from tetrarium.workers.human_play.saved_games import list_games
from tetrarium.workers.protocol.latest_boards import BoardReader
from tetrarium.workers.protocol.status_files import WorkerState

DEEP = "[" * 100_000
SURROGATE = "caf\udce9"
STARTED = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.fixture
def _time_limit() -> Iterator[None]:
    """Fails a test that blocks for ten seconds."""

    def end(_number: int, _frame: object) -> None:
        pytest.fail("The test blocks.")

    previous_handler = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 10.0, 1.0)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, previous_handler)


def change_json(path: Path, place: str = "", /, **values: Any) -> None:
    """Changes values of a JSON file, or of an object in it."""
    content = json.loads(path.read_text())
    (content[place] if place else content).update(values)
    path.write_text(json.dumps(content))


def to_json(response: Any) -> dict[str, Any]:
    """Checks the types of a response and returns it as JSON values, none of them a NaN or a lone surrogate."""
    adapter = TypeAdapter(type(response))
    checked = adapter.validate_python(asdict(response) if is_dataclass(response) else response)
    return dict(
        json.loads(json.dumps(adapter.dump_python(checked, mode="json"), ensure_ascii=False, allow_nan=False).encode())
    )


Damage = Callable[[Path], object]
CONFIG, STATE, PROGRESS = "config.json", "state.json", "progress.csv"
# Damage to a run's folder, and the values that lists then show.
DAMAGED: Mapping[str, Any] = {"state": "damaged", "preset": None}
DAMAGED_RUNS: Mapping[str, tuple[Damage, Mapping[str, Any]]] = {
    "deep config": (lambda run: (run / CONFIG).write_text(DEEP), DAMAGED),
    "long number": (lambda run: (run / CONFIG).write_text('{"seed": ' + "1" * 5_000 + "}"), DAMAGED),
    "list of a config": (lambda run: change_json(run / CONFIG, training_config=[["seed", 1]]), DAMAGED),
    "steps": (lambda run: change_json(run / CONFIG, "training_config", total_timesteps="x"), DAMAGED),
    "seed": (lambda run: change_json(run / CONFIG, "training_config", seed=[1]), DAMAGED),
    "algorithm": (lambda run: change_json(run / CONFIG, "training_config", algorithm={}), DAMAGED),
    "not a number": (lambda run: change_json(run / CONFIG, "training_config", gamma=float("nan")), DAMAGED),
    "started": (lambda run: change_json(run / CONFIG, started=5), {}),
    "preset": (lambda run: change_json(run / CONFIG, preset=[1]), {"preset": None}),
    "command": (lambda run: change_json(run / CONFIG, command=f"train --config {SURROGATE}.toml"),
                {"command": "train --config caf?.toml"}),
    "deep state": (lambda run: (run / STATE).write_text(DEEP), {"state": "stopped"}),
    "state of a list": (lambda run: change_json(run / STATE, state=[]), {"state": "stopped"}),
    "unknown state": (lambda run: change_json(run / STATE, state="weird"), {"state": "stopped"}),
    "step of a state": (lambda run: change_json(run / STATE, step="x"), {"state": "stopped"}),
    "seconds of a state": (lambda run: change_json(run / STATE, seconds=float("inf")), {"state": "stopped"}),
    "message": (lambda run: change_json(run / STATE, message=SURROGATE), {"state": "failed", "message": "caf?"}),
    "progress": (lambda run: (run / PROGRESS).write_text(
        f"step,seconds,best_lines_game,mean_lines_game,games_ended\n200,inf,nan,-inf,{'1' * 500}\n"),
        {"best_lines_game": None, "training_mean": None, "games_ended": None}),
}  # fmt: skip


def test_a_damaged_run_does_not_break_the_list_of_runs(home: Home) -> None:
    for name in ("good", *(f"odd-{number}" for number in range(len(DAMAGED_RUNS)))):
        create_run(home, name, EnvConfig(), TrainingConfig(total_timesteps=500, seed=7))
        WorkerState(state="failed", error="The disk is full.").write(home.run_folder(name))
    expected: dict[str, dict[str, Any]] = {"good": {"state": "failed", "seed": 7}}
    for number, (damage, values) in enumerate(DAMAGED_RUNS.values()):
        damage(home.run_folder(f"odd-{number}"))
        expected[f"odd-{number}"] = dict(values)

    for _ in range(2):  # first from the folders, then from the registry
        views = {view.name: view for view in list_runs(home)}
        assert set(views) == set(expected)
        for name, values in expected.items():
            answer = to_json(call_route(run_routes(home), "/{name}", name))
            assert {**answer, **values} == answer, name
            assert {**to_json(views[name]), **answer} == answer
            assert isinstance(answer["started"], str)
            if values == DAMAGED:
                assert re.fullmatch(
                    rf"The run's '.*/config.json' cannot be read \(.*\)\. Restore it from a copy, or delete the run by "
                    rf"`tetrarium runs delete {name}`\.",
                    answer["error"],
                )
                continue
            read_progress(home, name)
        page = to_json(search_runs(list(views.values()), sort="best_lines_game"))
        assert page["n_runs"] == len(page["runs"]) == len(expected)
    assert set(RunStore(home).summaries()) == {name for name, values in expected.items() if values != DAMAGED}
    for name in expected:
        call_route(history_routes(home), "/runs/{name}", name, method="DELETE")
    assert list_runs(home) == []


def test_damaged_jobs_demos_and_human_games_are_listed_as_damaged_and_deletable(home: Home) -> None:
    good: dict[str, Any] = {"kind": "evaluate", "values": {"agent": "du"}, "started": STARTED}
    broken_configs: list[Any] = [{"values": []}, {"started": 5}, {"kind": None}, {"values": {"x": float("nan")}}]
    broken_states: list[Any] = [{"state": "weird"}, {"share_done": "x"}, {"result": []}, {"games_done": 1.5}]
    for number, (config, state) in enumerate([({}, {}), *((broken, {}) for broken in broken_configs),
                                              *(({}, broken) for broken in broken_states)]):  # fmt: skip
        folder = home.job_folder(f"job-{number}")
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({**good, **config}))
        JobState(state="finished", message="Done.").write(folder)
        change_json(folder / STATE, **state)
    jobs = {"job-0": "finished", **{f"job-{number}": "crashed" for number in range(5, 9)}}
    jobs |= {f"job-{number}": "damaged" for number in range(1, 5)}
    jobs |= write_unreadable(home.jobs, "job.json")
    assert {view.id: to_json(view)["state"] for view in list_jobs(home)} == jobs
    expect_deletable(job_routes(home), "/{job_id}", JOBS, home)

    odd: list[Any] = [{}, {"started": 5}, {"seats": 5}, {"seats": [1]}, {"env_config": []}, {"pieces_per_second": "x"}]
    for number, values in enumerate(odd):
        folder = home.demo_folder(f"demo-{number}")
        folder.mkdir(parents=True)
        DEMOS.write_config(folder, DemoConfig(agent="du", started=STARTED))
        change_json(folder / "demo.json", **values)
        (folder / STATE).write_text(DEEP)
    demos = {"demo-0": "crashed", **{f"demo-{number}": "damaged" for number in range(1, 6)}}
    demos |= write_unreadable(home.demos, "demo.json")
    assert {view.id: to_json(view)["state"] for view in list_demos(home)} == demos
    expect_deletable(demo_routes(home), "/demos/{demo_id}", DEMOS, home)

    for number, values in enumerate([{}, {"options": []}, {"options": {"seed": "x"}}, {"options": None}]):
        folder = home.human_game_folder(f"human-game-{number}")
        folder.mkdir(parents=True)
        HUMAN_GAMES.write_config(folder, HumanGameConfig(options=SessionOptions(), started=STARTED))
        change_json(folder / "human-game.json", **values)
    human_games = {"human-game-0": "crashed", **{f"human-game-{number}": "damaged" for number in range(1, 4)}}
    human_games |= write_unreadable(home.human_games, "human-game.json")
    assert {view.id: to_json(view)["state"] for view in list_human_games(home)} == human_games
    expect_deletable(human_game_routes(home), "/human-games/{game_id}", HUMAN_GAMES, home)


UNREADABLE: Mapping[str, Damage] = {
    "deep": lambda path: path.write_text(DEEP),
    "empty": Path.touch,
    "folder": Path.mkdir,
    "missing": lambda _path: None,
    "utf-16": lambda path: path.write_text("{}", encoding="utf-16"),
    "newer": lambda path: path.write_text('{"format_version": 99, "games": []}'),
}


def write_unreadable(parent: Path, config_file: str) -> dict[str, str]:
    """Writes folders of processes whose configs cannot be read; returns their ids with the expected state."""
    for name, damage in UNREADABLE.items():
        (parent / name).mkdir(parents=True)
        damage(parent / name / config_file)
    return dict.fromkeys(UNREADABLE, "damaged")


def expect_deletable(routes: APIRouter, path: str, directory: ProcessDirectory[Any, Any], home: Home) -> None:
    """Checks the reasons of damaged processes, deletes all by the API, and checks that nothing is left."""
    for view in directory.list_views(home):
        folder = directory.folder(home, view.id)
        if view.state == "damaged":
            assert re.fullmatch(
                rf"The {directory.noun}'s '{folder}/.*json' cannot be read \(.*\)\. Delete the {directory.noun}\.",
                view.error,
                re.DOTALL,
            )
            with pytest.raises(HomeError, match="cannot be read"):
                directory.read_config(home, view.id)
        call_route(routes, path, view.id, method="DELETE")
        assert not folder.exists()
    assert directory.list_views(home) == []


def test_a_damaged_study_does_not_break_the_list_of_studies(home: Home) -> None:
    odd: list[Any] = [
        {"started": 5}, {"n_trials": "x"}, {"objective": "weird"}, {"sampler": []}, {"ranges": []},
        {"ranges": {"gamma": ""}}, {"command": SURROGATE}, {},
    ]  # fmt: skip
    for number, values in enumerate(odd):
        create_study(home, study(f"study-{number}"))
        change_json(home.study_folder(f"study-{number}") / "study.json", **values)
    (home.study_folder("study-7") / "study.json").write_text(DEEP)
    create_study(home, study("good"))
    (home.study_folder("study-8")).mkdir()
    values = {view.name: to_json(view) for view in list_studies(home)}
    assert {name for name, view in values.items() if view["state"] != "damaged"} == {"good", "study-6"}
    assert values["study-6"]["command"] == "caf?"
    routes = study_routes(home)
    for number in (0, 1, 2, 3, 4, 5, 7, 8):
        name = f"study-{number}"
        shown = to_json(call_route(routes, "/studies/{name}", name))
        assert (shown["error"], shown["trials"]) == (values[name]["error"], [])
        assert shown["error"].endswith(f"or delete the study by `tetrarium tune delete {name}`.")
        call_route(routes, "/studies/{name}", name, method="DELETE")
    assert {view.name for view in list_studies(home)} == {"good", "study-6"}


READ = (STATE, PROGRESS, "worker.log", "worker.json", "episodes.csv", "evaluations.csv", "boards", "run.lock")
REPLAYS = "replays/best-01.tetris-replay"


@pytest.mark.usefixtures("_time_limit")
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_pipes_do_not_block_and_links_do_not_lead_out_of_the_home(home: Home, tmp_path: Path, kind: str) -> None:
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
    put(home.demo_folder("demo") / "demo.json")
    put(home.human_game_folder("human-game") / "human-game.json")
    put(home.games / "20260101-000000-sprint-1.tetris-replay")

    assert {view.name: (view.state, view.training_mean) for view in list_runs(home)} == {
        "good": ("stopped", None), "odd": ("stopped", None), "none": ("damaged", None),
    }  # fmt: skip
    assert find_prunable(home) == []
    assert (read_progress(home, "odd"), read_evaluations(home, "odd"), list_replays(odd)) == ({}, [], [])
    processes = [*list_jobs(home), *list_demos(home), *list_human_games(home)]
    assert [view.state for view in processes] == ["damaged"] * 3 and list_games(home, 9) == []
    for read in (lambda: read_episodes(home, "odd"), lambda: request_log(home, "odd")):
        with pytest.raises(OSError, match=r"Invalid argument|symbolic link"):
            read()
    with pytest.raises(NotFoundError, match="has no replay 'best-01'"):
        find_replay(odd, "best-01")
    with pytest.raises(TetrariumError, match=r"none/config.json' cannot be read \("):
        read_config(home, "none")
    if kind == "link":
        assert BoardReader(odd).take() == []


def request_log(home: Home, name: str) -> object:
    """Returns the API's response to a request for a run's log."""
    return call_route(run_routes(home), "/log", name)


def call_route(routes: APIRouter, place: str, name: str, *, method: str = "GET") -> object:
    """Returns the API's response to a request below a name."""
    found = (route for route in routes.routes if method in getattr(route, "methods", ()))
    route = next(route for route in found if getattr(route, "path", "").endswith(place))
    return route.endpoint(name)  # type: ignore[attr-defined]


def test_the_deleted_file_of_a_job_is_not_found(home: Home) -> None:
    folder = home.job_folder("one")
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"kind": "record", "values": {}, "started": STARTED}))
    JobState(state="finished", has_file=True).write(folder)
    with pytest.raises(NotFoundError, match="The job 'one' has no file"):
        call_route(job_routes(home), "/file", "one")


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


def test_a_folder_with_an_invalid_name_is_not_prunable(home: Home) -> None:
    create_run(home, "good", EnvConfig(), TrainingConfig(total_timesteps=500, keep_every=None))
    for step in (100, 200):
        make_checkpoint(home.run_folder("good"), step)
    for name in ("good copy", ".tetrarium-0123456789abcdef"):
        (home.runs / name).mkdir()
    assert [(one.name, one.steps) for one in find_prunable(home)] == [("good", (100,))]
