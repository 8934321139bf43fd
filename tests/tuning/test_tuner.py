"""Studies carried out: trials train in processes of their own, and neither is lost however the others end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.made import TINY, begun, complete, study
from tests.workers.served import wait_for
from tetrarium.errors import HomeError
from tetrarium.events import Event
from tetrarium.registry.home import Home
from tetrarium.training.runs.configs import create_run
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.folder import is_locked
from tetrarium.tuning import StudyDetail, carry_out, create_study, read_study, read_study_config
from tetrarium.tuning.objectives import judge
from tetrarium.workers.directory import read_evaluations, read_run
from tetrarium.workers.files import read_address, read_state

pytestmark = pytest.mark.timeout(600)  # a first start compiles the engine

SETTINGS = [
    f"--set={name}={','.join(map(str, value)) if isinstance(value, tuple) else value}" for name, value in TINY.items()
]

STARTED: list[subprocess.Popen[str]] = []
COMPILING_S = 500.0  # a first start compiles


@pytest.fixture
def home(tetrarium_home: Path) -> Iterator[Home]:
    """A home in which nothing is left to run."""
    located = Home.locate(tetrarium_home)
    yield located
    while STARTED:
        with STARTED.pop() as process:
            process.kill()
    for folder in [*located.studies.glob("*"), *located.runs.glob("*")]:
        kill(folder)


def kill(folder: Path) -> None:
    address = read_address(folder)
    if address is not None and is_locked(folder):
        os.kill(address.pid, signal.SIGKILL)
        wait_for(lambda: not is_locked(folder))


def tune(home: Home, *arguments: str) -> subprocess.Popen[str]:
    """Starts ``tetrarium tune first``, which ends with the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tetrarium", "tune", "first", "--home", str(home.root), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TETRARIUM_HOME": ""},
    )
    STARTED.append(process)
    return process


def said(process: subprocess.Popen[str], patience_s: float = 300) -> tuple[int, str]:
    printed, _ = process.communicate(timeout=patience_s)
    return process.returncode, printed


def n_ended(home: Home) -> int:
    """How many trials have come to something, by the tuner's own word."""
    told = read_state(home.study_folder("first"))
    return 0 if told is None else told.step


def whole(home: Home, n_trials: int) -> StudyDetail:
    """What a study came to, in which each trial must have been trained to its end, once, and judged by its run."""
    detail = read_study(home, "first")
    asked = read_study_config(home, "first")
    runs = [asked.run_name(number) for number in range(n_trials)]
    assert (detail.view.state, detail.view.n_done, detail.view.n_open) == ("finished", n_trials, 0)
    assert [trial.run for trial in detail.trials] == runs
    assert sorted(folder.name for folder in home.runs.iterdir()) == runs
    for trial in detail.trials:
        view = read_run(home, trial.run)
        assert (view.state, view.is_alive) == ("finished", False)
        assert view.step >= asked.training_config.total_timesteps
        config = asked.configs(trial.params)[1]
        score = judge(asked.objective, read_evaluations(home, trial.run), config)
        assert score is not None
        assert (trial.value, trial.lines, trial.n_games) == (score.value, score.lines, score.n_games)
    return detail


@pytest.mark.oracle
def test_killed_in_the_middle_and_started_again_it_loses_no_trial(home: Home) -> None:
    arguments = ["--vary", "learning_rate=1e-4..1e-2:log", "--vary", "n_steps=1,2,3", "--trials", "4", "--at-once", "2",
                 *SETTINGS, "--set", "total_timesteps=30000", "--set", "checkpoint_every=10000",
                 "--set", "evaluate_every=10000"]  # fmt: skip
    first = tune(home, *arguments)
    wait_for(lambda: n_ended(home) >= 1, COMPILING_S)
    wait_for(lambda: any(read_run(home, folder.name).step for folder in under_way(home)))
    first.kill()
    first.communicate()
    wait_for(lambda: not is_locked(home.study_folder("first")))
    view = read_study(home, "first").view
    assert view.state == "dead"
    assert view.message.startswith("Its process ended without a word, killed or out of memory.")

    folder = wait_for(lambda: next((one for one in under_way(home) if read_run(home, one.name).checkpoints), None))
    saved = read_run(home, folder.name).checkpoints
    born = {step: (folder / "checkpoints" / str(step)).stat().st_ino for step in saved}
    kill(folder)
    begun_before = {trial.run: trial.params for trial in read_study(home, "first").trials}

    code, printed = said(tune(home, *arguments))
    assert code == 0, printed
    detail = whole(home, 4)
    assert begun_before.items() <= {trial.run: trial.params for trial in detail.trials}.items(), "none begins anew"
    kept = {step: (folder / "checkpoints" / str(step)).stat().st_ino for step in saved}
    assert kept == born, "a trial whose worker died goes on from its checkpoint"
    best = next(trial for trial in detail.trials if trial.number == detail.view.best)
    assert f"Best: {best.run}, " in printed
    assert "Train it again: tetrarium train --preset default --set total_timesteps=30000" in printed
    assert "Which settings mattered is told from 10 complete trials on; there are 4." in printed

    code, printed = said(tune(home, "--json"))
    assert (code, json.loads(printed[printed.index("{") :])["view"]["n_done"]) == (0, 4), "nothing is done twice"
    code, printed = said(tune(home, "--vary", "gamma=0.1,0.2"))
    assert code == 2
    assert printed.startswith("tetrarium: A study goes on with what it began with, and 'first' has another ")


def under_way(home: Home) -> list[Path]:
    return [folder for folder in sorted(home.runs.glob("*")) if is_locked(folder)]


def test_a_stop_leaves_checkpoints_and_one_at_a_time_carries_it_out(home: Home) -> None:
    process = tune(home, "--vary", "n_steps=1,2", "--sampler", "grid", *SETTINGS, "--set", "total_timesteps=1000000000")
    folder = home.run_folder("first-0001")
    wait_for(lambda: folder.exists() and read_run(home, folder.name).checkpoints, COMPILING_S)
    with pytest.raises(HomeError) as refused:
        carry_out(home, "first", Control())
    assert str(refused.value) == (
        "One process carries out a study at a time, and 'first' is under way. "
        "See it by `tetrarium tune show first`, or stop that one first."
    )
    for command, state in (("pause", "paused"), ("continue", "running")):
        run_command(home, command)
        wait_for(lambda wanted=state: (read_study(home, "first").view.state, read_run(home, folder.name).state) == (
            wanted, wanted,
        ))  # fmt: skip
    process.send_signal(signal.SIGINT)
    code, printed = said(process)
    assert code == 130, printed
    view = read_run(home, folder.name)
    assert (view.state, view.is_alive) == ("stopped", False)
    told = read_study(home, "first").view
    assert (told.state, told.n_trials, told.message) == ("stopped", 2, "Stopped; 2 trials are left. Nothing is lost.")
    assert "Go on: tetrarium tune first" in printed


def run_command(home: Home, command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "tetrarium", "tune", command, "first", "--home", str(home.root)], check=True,
        capture_output=True,
    )  # fmt: skip


def carried_out(home: Home, **others: Any) -> tuple[str, list[Event]]:
    heard: list[Event] = []
    return carry_out(home, "first", Control(), publish=heard.append, **others), heard


def test_trials_are_found_again_by_their_runs(home: Home) -> None:
    """The database is lost: what the runs tell is enough, and a run of another kind is not taken for a trial."""
    asked = study(n_trials=2)
    trials = begun(home, asked)
    params = []
    for _ in range(2):
        trial = trials.add(trials.draw())
        params.append(trials.params(trial))
        env_config, training_config = asked.configs(params[-1])
        finished_run(home, asked.run_name(trial.number), env_config, training_config)
    for path in home.root.glob("tuning.db*"):
        path.unlink()

    state, _ = carried_out(home)
    detail = read_study(home, "first")
    assert state == "finished"
    assert [(trial.params, trial.value) for trial in detail.trials] == [(params[0], 3.0), (params[1], 3.0)]

    create_study(home, study("other", n_trials=1))
    create_run(home, "other-0001", asked.env_config, asked.training_config.with_changes(n_envs=5))
    with pytest.raises(HomeError) as refused:
        carry_out(home, "other", Control())
    assert str(refused.value) == (
        "The trials of 'other' are runs of their own, and 'other-0001' is another run. "
        "Remove it by `tetrarium runs delete other-0001`, or begin a study of another name."
    )
    told = read_study(home, "other").view
    assert (told.state, told.error) == ("failed", str(refused.value))


def finished_run(home: Home, name: str, env_config: Any, training_config: Any) -> None:
    """A run as it lies there when it has ended."""
    from tetrarium.workers.files import WorkerState

    create_run(home, name, env_config, training_config, preset="default")
    folder = home.run_folder(name)
    header = "decided_step,step,lines,n_games,n_cut_off,max_pieces,seed,is_best\n"
    (folder / "evaluations.csv").write_text(f"{header}400,400,7.0,2,0,50,1000,1\n1200,1200,3.0,2,1,50,1000,0\n")
    WorkerState(state="finished", step=1_200, total_steps=1_200, seconds=5.0).write(folder)


def test_values_that_do_not_go_together_fail_and_the_study_goes_on(home: Home) -> None:
    ranges = ("features=['holes'],['held_piece','holes'],['wells']", "n_steps=1,2")
    asked = study(ranges=ranges, sampler="grid", n_trials=6)
    trials = begun(home, asked)
    drawn = [trials.add(trials.draw()) for _ in range(6)]
    for trial in drawn:
        params = trials.params(trial)
        if "held_piece" not in params["features"]:
            finished_run(home, asked.run_name(trial.number), *asked.configs(params))

    state, _ = carried_out(home)
    detail = read_study(home, "first")
    failed = [trial for trial in detail.trials if trial.state == "failed"]
    assert (state, detail.view.n_done, detail.view.n_failed) == ("finished", 4, 2)
    assert {trial.note for trial in failed} == {
        "The feature 'held_piece' needs hold; got hold=False. Set hold=True, or leave it out."
    }


def test_a_study_that_is_done_has_nothing_to_do(home: Home) -> None:
    complete(home, study(n_trials=2), [1.0, 2.0])
    state, heard = carried_out(home)
    assert (state, heard[-1].kind) == ("finished", "state-changed")
    assert read_study(home, "first").view.message == "All 2 trials are done."


@pytest.mark.oracle
def test_a_killed_study_tries_and_finds_what_an_undisturbed_one_does(home: Home, tmp_path: Path) -> None:
    arguments = ["--vary", "learning_rate=1e-4..1e-2:log", "--vary", "n_steps=1,2,3", "--trials", "14", *SETTINGS]
    calm = Home.locate(tmp_path)
    assert said(tune(calm, *arguments))[0] == 0
    for kills in (2, 5, 8, 12):
        process = tune(home, *arguments)
        wait_for(lambda wanted=kills: n_ended(home) >= wanted)
        process.kill()
        process.communicate()
        for folder in under_way(home):
            kill(folder)
    assert said(tune(home, *arguments))[0] == 0
    expected = [(trial.params, trial.value) for trial in whole(calm, 14).trials]
    assert [(trial.params, trial.value) for trial in whole(home, 14).trials] == expected


@pytest.mark.oracle
@pytest.mark.timeout(7_200)
def test_twenty_trials_of_the_quick_preset_killed_in_the_middle_lose_none(home: Home) -> None:
    arguments = ["--preset", "quick", "--vary", "learning_rate=3e-4..1e-2:log", "--vary", "n_steps=1,2,3,5",
                 "--vary", "gamma=0.8..0.98", "--trials", "20", "--at-once", "2"]  # fmt: skip
    for n, kills_trials in ((4, False), (10, True), (15, False)):
        process = tune(home, *arguments)
        wait_for(lambda wanted=n: n_ended(home) >= wanted, limit_s=3_600)
        process.kill()
        process.communicate()
        for folder in under_way(home) if kills_trials else ():
            kill(folder)
    code, printed = said(tune(home), 3_600)
    assert code == 0, printed
    detail = whole(home, 20)
    assert detail.importances.n_trials == 20
    assert "trials every game was still running at the cut, so nothing can be told apart." in printed
