"""Runs, studies and workers that cannot start, and leave nothing behind."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.training.runs import CONFIG, ignore, start
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import AlreadyRunningError, ConfigError, HomeError, InvalidNameError, NameTakenError
from tetrarium.events import StateChanged
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, TrainingConfig, memory
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.runs.storage.run_config import write_run_config
from tetrarium.tuning import Range, StudyConfig, create_study
from tetrarium.workers.processes import launcher
from tetrarium.workers.processes.launcher import branch_training, resume_training, start_demo, start_job, start_training
from tetrarium.workers.processes.worker_host import hosted

UNTRAINABLE: dict[str, tuple[EnvConfig, dict[str, Any]]] = {
    "buffer_size": (EnvConfig(width=16), {"buffer_size": 10**9}),
    "net_arch": (EnvConfig(), {"net_arch": (4_096,) * 1_000}),
    "batch_size": (EnvConfig(actions="reachable", hold=True), {"batch_size": 2**20}),
    "ppo_n_steps": (EnvConfig(), {"algorithm": "maskable-ppo", "ppo_n_steps": 10**6}),
    "n_quantiles": (EnvConfig(), {"algorithm": "qr-dqn", "n_quantiles": 1_024, "batch_size": 2**17}),
    "mirroring": (EnvConfig(randomizer="IO"), {"mirroring": True}),
    "features": (EnvConfig(features=("column_heights", "game_over")), {"algorithm": "cma-es"}),
    "observation": (EnvConfig(observation="board"), {}),
    "actions": (EnvConfig(actions="keys"), {}),
    "device": (EnvConfig(), {"device": "cuda:99"}),
}


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


def study(game: EnvConfig, config: TrainingConfig) -> StudyConfig:
    ranges = (Range.of("gamma", low=0.5, high=0.9),)
    training = config.with_changes(evaluate_every=1_000)
    return StudyConfig(name="many", preset="default", env_config=game, training_config=training, ranges=ranges)


@pytest.mark.parametrize("field", UNTRAINABLE)
def test_settings_that_cannot_be_trained_leave_an_empty_home(
    home: Home, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10_000_000_000)
    game, changes = UNTRAINABLE[field]
    config = CONFIG.with_changes(**changes)
    calls: list[Callable[[], object]] = [
        lambda: start(home, "one", config, game=game),
        lambda: start_training(home, game, config, name="one"),
        lambda: create_study(home, study(game, config)),
    ]
    if field != "actions":
        calls.append(lambda: TetrisAgent(make_env(game)(), config))
    for call in calls:
        with pytest.raises(ConfigError) as refused:
            call()
        assert refused.value.field == field
    assert list(home.root.iterdir()) == []


def test_names_that_cannot_be_used_leave_an_empty_home(home: Home) -> None:
    for name in ("champion", "random", "../x", "CON"):
        with pytest.raises(HomeError):
            start(home, name)
    for name in ("aux.1", "x."):
        with pytest.raises(InvalidNameError, match="Windows reserves"):
            create_study(home, replace(study(EnvConfig(), CONFIG), name=name))
    assert list(home.root.iterdir()) == []
    start(home)
    with pytest.raises(NameTakenError, match="The name 'one' is taken"):
        start(home)


def test_a_new_run_whose_agent_cannot_be_made_is_deleted_and_an_older_one_is_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    run, events = start(home)
    with monkeypatch.context() as patched:
        patched.setattr(TetrisAgent, "__init__", refuse)
        with pytest.raises(MemoryError):
            run.execute(hosted)
    assert list(home.runs.iterdir()) == []
    assert isinstance(events[-1], StateChanged) and events[-1].state == "failed"

    run, _ = start(home)
    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "_train", refuse)
        with pytest.raises(MemoryError):
            run.execute()
    run, _ = start(home, "two")
    with run_lock(run.folder), pytest.raises(AlreadyRunningError):
        run.execute()
    monkeypatch.setattr(TetrisAgent, "__init__", refuse)
    with pytest.raises(MemoryError):
        TrainingRun.open(home, "one", ignore).execute()
    assert [(home.run_folder(name) / "config.json").exists() for name in ("one", "two")] == [True, True]


def test_workers_that_do_not_start_leave_no_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:
        raise OSError("The disk is full.")

    run, _ = start(home, config=CONFIG.with_changes(total_timesteps=40))
    run.execute()
    monkeypatch.setattr(launcher, "fork_process", refuse)
    calls: list[Callable[[], object]] = [
        lambda: start_training(home, EnvConfig(), CONFIG, name="two"),
        lambda: branch_training(home, "one", 40),
        lambda: start_demo(home, "random"),
        lambda: start_job(home, "evaluate", {"agent": "random", "protocol": "default"}),
    ]
    for call in calls:
        with pytest.raises(OSError, match=r"The disk is full\."):
            call()
    with pytest.raises(ConfigError, match=r"A mode is one of no-display, live, every-move; got 'x'"):
        branch_training(home, "one", 40, mode="x")
    assert [path.name for path in home.runs.iterdir()] == ["one"]
    assert list(home.demos.iterdir()) == list(home.jobs.iterdir()) == []


def test_a_study_whose_trials_cannot_be_stored_leaves_no_folder(home: Home) -> None:
    (home.root / "tuning.db").write_bytes(b"something else")
    with pytest.raises(HomeError, match=r"The file of trials .*tuning\.db' .*Move it away"):
        create_study(home, study(EnvConfig(), CONFIG))
    assert list(home.studies.iterdir()) == []


def test_a_run_of_a_missing_device_is_neither_resumed_nor_branched(home: Home) -> None:
    run, _ = start(home, config=CONFIG.with_changes(total_timesteps=40))
    run.execute()
    write_run_config(
        run.folder, replace(run.config, training_config=run.config.training_config.with_changes(device="cuda:99"))
    )
    files = sorted(run.folder.rglob("*"))
    calls: list[Callable[[], object]] = [
        lambda: TrainingRun.open(home, "one", ignore),
        lambda: resume_training(home, "one"),
        lambda: branch_training(home, "one", 40),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match=r"one that torch can use here; got 'cuda:99'\. Use 'cpu' or 'auto'"):
            call()
    assert (list(home.runs.iterdir()), sorted(run.folder.rglob("*"))) == ([run.folder], files)


def test_a_process_without_torch_finds_devices_without_loading_it(tmp_path: Path) -> None:
    code = """
        import sys
        from tetrarium.errors import ConfigError
        from tetrarium.training.devices import require_device
        require_device("cpu")
        try:
            require_device("cuda:99")
        except ConfigError as error:
            print(error, "torch" in sys.modules)
    """
    (tmp_path / "torch.py").write_text("open('loaded', 'w')")  # a file of the user, in the folder where they work
    command = [sys.executable, "-P", "-c", dedent(code)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not (tmp_path / "loaded").exists()
    assert done.stdout == "The device must be one that torch can use here; got 'cuda:99'. Use 'cpu' or 'auto'. False\n"
