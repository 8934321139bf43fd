"""Folders in which something else stands than this version writes: lists and answers tell of all the others."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.tuning.made import study
from tetrarium.dashboard.history import find_history
from tetrarium.dashboard.model_answers import job_answer
from tetrarium.dashboard.schemas import Player, RunDetail
from tetrarium.dashboard.schemas_play import Hand
from tetrarium.dashboard.schemas_tuning import Study
from tetrarium.environment import EnvConfig
from tetrarium.registry.home import Home
from tetrarium.registry.runs import RunStore
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.folder import create_run
from tetrarium.tuning import create_study, list_studies
from tetrarium.workers.directory import list_runs, read_config, read_progress
from tetrarium.workers.files import WorkerState
from tetrarium.workers.hand_orders import Wishes
from tetrarium.workers.hands import HandConfig, list_hands
from tetrarium.workers.jobs import JobState, list_jobs
from tetrarium.workers.players import PlayerConfig, list_players

DEEP = "[" * 100_000
SURROGATE = "caf\udce9"
STARTED = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


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
