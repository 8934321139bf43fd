"""Running studies: trials train in processes of their own, and survive the end of any other process."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_processes import ForkedCommand
from tests.torture.processes import finish
from tests.tuning.studies import TINY, complete, created, study
from tests.workers.servers import wait_for
from tetrarium.environment import EnvConfig
from tetrarium.errors import HomeError
from tetrarium.events import Event, StateChanged
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.tuning import StudyDetail, create_study, read_study, read_study_config, run_study, trial_storage
from tetrarium.tuning.objectives import score_trial
from tetrarium.workers.directories.run_views import read_evaluations, read_run
from tetrarium.workers.protocol.status_files import read_address, read_state

pytestmark = pytest.mark.timeout(600)  # a first start compiles the engine


def settings(**changes: Any) -> list[str]:
    """Returns the flags of the settings of ``TINY`` with changes."""
    return [
        f"--set={name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in {**TINY, **changes}.items()
    ]


STARTED: list[ForkedCommand] = []
COMPILING_S = 500.0  # a first start compiles


@pytest.fixture
def home(tetrarium_home: Path) -> Iterator[Home]:
    """A home whose processes end with the test."""
    located = Home.locate(tetrarium_home)
    yield located
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()
    for folder in [*located.studies.glob("*"), *located.runs.glob("*")]:
        kill(folder)


def kill(folder: Path) -> None:
    address = read_address(folder)
    if address is not None and is_locked(folder):
        os.kill(address.pid, signal.SIGKILL)
        wait_for(lambda: not is_locked(folder))


def tune(home: Home, *arguments: str) -> ForkedCommand:
    """Starts ``tetrarium tune first``, which ends with the test."""
    process = ForkedCommand("tune", "first", "--home", home.root, *arguments, is_merged=True)
    STARTED.append(process)
    return process


def said(process: ForkedCommand, patience_s: float = 300) -> tuple[int, str]:
    printed, _ = process.communicate(timeout=patience_s)
    return process.returncode, printed


def n_ended(home: Home) -> int:
    """Returns the number of trials with a result, as the tuner states it."""
    state = read_state(home.study_folder("first"))
    return 0 if state is None else state.step


def whole(home: Home, n_trials: int) -> StudyDetail:
    """Returns a finished study after checking that each trial was trained once, to its end, and scored by its run."""
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
        score = score_trial(asked.objective, read_evaluations(home, trial.run), config)
        assert score is not None
        assert (trial.value, trial.lines, trial.n_games) == (score.value, score.lines, score.n_games)
    return detail


@pytest.mark.oracle
def test_a_killed_study_that_is_started_again_loses_no_trial(home: Home) -> None:
    arguments = ["--vary", "learning_rate=1e-4..1e-2:log", "--vary", "n_steps=1,2,3", "--trials", "4", "--at-once", "2",
                 *settings(total_timesteps=30_000, checkpoint_every=10_000, evaluate_every=10_000)]  # fmt: skip
    first = tune(home, *arguments)
    wait_for(lambda: n_ended(home) >= 1, COMPILING_S)
    wait_for(lambda: any(read_run(home, folder.name).step for folder in under_way(home)))
    first.kill()
    first.communicate()
    wait_for(lambda: not is_locked(home.study_folder("first")))
    view = read_study(home, "first").view
    assert view.state == "crashed"
    assert view.message.startswith("The process ended unexpectedly (killed or out of memory).")

    folder = wait_for(lambda: next((one for one in under_way(home) if read_run(home, one.name).checkpoints), None))
    saved = read_run(home, folder.name).checkpoints
    born = {step: (folder / "checkpoints" / str(step)).stat().st_ino for step in saved}
    kill(folder)
    params_before = {trial.run: trial.params for trial in read_study(home, "first").trials}

    code, printed = said(tune(home, *arguments))
    assert code == 0, printed
    detail = whole(home, 4)
    assert params_before.items() <= {trial.run: trial.params for trial in detail.trials}.items(), "none starts again"
    kept = {step: (folder / "checkpoints" / str(step)).stat().st_ino for step in saved}
    assert kept == born, "a trial whose worker crashed is resumed from its checkpoint"
    best = next(trial for trial in detail.trials if trial.number == detail.view.best)
    assert f"Best: {best.run}, " in printed
    assert "Train it again: tetrarium train --preset default --set total_timesteps=30000" in printed
    assert "Importance needs 10 complete trials (4 so far)." in printed

    code, printed = said(tune(home, "--json"))
    assert (code, json.loads(printed[printed.index("{") :])["view"]["n_done"]) == (0, 4), "nothing is done twice"
    code, printed = said(tune(home, "--vary", "gamma=0.1,0.2"))
    assert code == 2
    assert printed.startswith("tetrarium: A study goes on with what it began with, and 'first' has another ")


def test_a_study_starts_from_known_settings_and_only_its_best_trial_becomes_a_model(home: Home) -> None:
    known = study().training_config.with_changes(n_steps=2, gamma=0.8, evaluate_every=400)
    create_run(home, "known", EnvConfig(), known)
    process = tune(home, "--start-from", "known", "--vary", "n_steps=1,2,3", "--trials", "2")
    code, printed = said(process, COMPILING_S)
    assert code == 0, printed
    detail = read_study(home, "first")
    assert detail.trials[0].params == {"n_steps": 2}
    views = [read_run(home, trial.run) for trial in detail.trials]
    assert {(view.group, view.setting("gamma"), view.has_best) for view in views} == {("first", 0.8, True)}
    wait_for(lambda: ModelStore(home).has("first"))
    assert [slot.name for slot in ModelStore(home).slots()] == ["first"]


def under_way(home: Home) -> list[Path]:
    return [folder for folder in sorted(home.runs.glob("*")) if is_locked(folder)]


def test_a_stop_leaves_checkpoints_and_only_one_process_runs_a_study(home: Home) -> None:
    process = tune(home, "--vary", "n_steps=1,2", "--sampler", "grid", *settings(total_timesteps=1_000_000_000))
    folder = home.run_folder("first-0001")
    wait_for(lambda: folder.exists() and read_run(home, folder.name).checkpoints, COMPILING_S)
    with pytest.raises(HomeError) as refused:
        run_study(home, "first", Control())
    assert str(refused.value) == (
        "The study 'first' is already running. Show it by `tetrarium tune show first`, or stop it first."
    )
    for command, state in (("pause", "paused"), ("resume", "running")):
        finish(ForkedCommand("tune", command, "first", "--home", home.root))
        wait_for(lambda wanted=state: (read_study(home, "first").view.state, read_run(home, folder.name).state) == (
            wanted, wanted,
        ))  # fmt: skip
    process.send_signal(signal.SIGINT)
    code, printed = said(process)
    assert code == 130, printed
    view = read_run(home, folder.name)
    assert (view.state, view.is_alive) == ("stopped", False)
    study_view = read_study(home, "first").view
    assert (study_view.state, study_view.n_trials) == ("stopped", 2)
    assert study_view.message == "Stopped with 2 trials left. You can resume any time."
    assert "Resume: tetrarium tune first" in printed


def run_and_listen(home: Home, **others: Any) -> tuple[str, list[Event]]:
    heard: list[Event] = []
    return run_study(home, "first", Control(), publish=heard.append, **others), heard


def test_lost_trials_are_recovered_from_their_runs(home: Home) -> None:
    """The database is deleted; a run with other settings is not mistaken for a trial."""
    asked = study(n_trials=2)
    trials = created(home, asked)
    params = []
    for _ in range(2):
        trial = trials.add(trials.sample())
        params.append(trials.params(trial))
        env_config, training_config = asked.configs(params[-1])
        longer = training_config.with_changes(schedule_steps=training_config.total_timesteps, total_timesteps=10**6)
        finished_run(home, asked.run_name(trial.number), env_config, longer)  # a person trained it longer
    for path in home.root.glob("tuning.db*"):
        path.unlink()

    state, _ = run_and_listen(home)
    detail = read_study(home, "first")
    assert state == "finished"
    assert [(trial.params, trial.value) for trial in detail.trials] == [(params[0], 3.0), (params[1], 3.0)]

    create_study(home, study("other", n_trials=1))
    create_run(home, "other-0001", asked.env_config, asked.training_config.with_changes(n_envs=5))
    with pytest.raises(HomeError) as refused:
        run_study(home, "other", Control())
    assert str(refused.value) == (
        "The run 'other-0001' has the name of a trial of 'other', but other settings. "
        "Delete it by `tetrarium runs delete other-0001`, or start a study of another name."
    )
    view = read_study(home, "other").view
    assert (view.state, view.error) == ("failed", str(refused.value))


def finished_run(home: Home, name: str, env_config: Any, training_config: Any) -> None:
    """Writes a run that has ended."""
    from tetrarium.workers.protocol.status_files import WorkerState

    create_run(home, name, env_config, training_config, preset="default")
    folder = home.run_folder(name)
    header = "decided_step,step,lines,n_games,n_cut_off,max_pieces,seed,is_best\n"
    (folder / "evaluations.csv").write_text(f"{header}400,400,7.0,2,0,50,1000,1\n1200,1200,3.0,2,1,50,1000,0\n")
    WorkerState(state="finished", step=1_200, total_steps=1_200, seconds=5.0).write(folder)


def test_invalid_combinations_fail_and_the_study_continues(home: Home) -> None:
    ranges = ("features=['holes'],['held_piece','holes'],['wells']", "n_steps=1,2")
    asked = study(ranges=ranges, sampler="grid", n_trials=6)
    trials = created(home, asked)
    drawn = [trials.add(trials.sample()) for _ in range(6)]
    for trial in drawn:
        params = trials.params(trial)
        if "held_piece" not in params["features"]:
            finished_run(home, asked.run_name(trial.number), *asked.configs(params))

    state, _ = run_and_listen(home)
    detail = read_study(home, "first")
    failed = [trial for trial in detail.trials if trial.state == "failed"]
    assert (state, detail.view.n_done, detail.view.n_failed) == ("finished", 4, 2)
    assert {trial.note for trial in failed} == {
        "The feature 'held_piece' needs hold; got hold=False. Set hold=True, or leave it out."
    }


def test_the_tuner_waits_while_another_program_locks_the_trials(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_storage, "_WAIT_S", 0.05)
    asked = study(n_trials=2)
    trials = created(home, asked)
    for _ in range(2):
        trial = trials.add(trials.sample())
        finished_run(home, asked.run_name(trial.number), *asked.configs(trials.params(trial)))
    writer = sqlite3.connect(home.root / "tuning.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    messages: list[str] = []

    def publish(event: Event) -> None:
        if isinstance(event, StateChanged):
            messages.append(event.message)
            if event.message.startswith("Waiting."):
                writer.close()

    assert run_study(home, "first", Control(), publish=publish) == "finished"
    assert messages[1:3] == [
        f"Waiting. The file of trials {str(home.root / 'tuning.db')!r} has been locked by another program for 0 s. "
        "Stop that program, or try later.",
        "first-0001 is done.",
    ]
    assert [trial.value for trial in read_study(home, "first").trials] == [3.0, 3.0]


def test_a_finished_study_has_nothing_to_do(home: Home) -> None:
    complete(home, study(n_trials=2), [1.0, 2.0])
    state, heard = run_and_listen(home)
    assert (state, heard[-1].kind) == ("finished", "state-changed")
    assert read_study(home, "first").view.message == "All 2 trials are done."


@pytest.mark.oracle
def test_a_killed_study_has_the_trials_and_values_of_an_undisturbed_one(home: Home, tmp_path: Path) -> None:
    arguments = ["--vary", "learning_rate=1e-4..1e-2:log", "--vary", "n_steps=1,2,3", "--trials", "14", *settings()]
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
def test_twenty_trials_of_the_quick_preset_survive_kills(home: Home) -> None:
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
    assert "trials every game was truncated, so importance cannot be estimated." in printed
