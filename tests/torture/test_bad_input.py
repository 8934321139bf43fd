"""Wrong input and broken machines: each is refused with its name, and no saved file is lost."""

import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from tests.torture.run_results import assert_same, require_whole, result_of
from tetrarium.cli.main import main
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import TetrariumError
from tetrarium.events import CheckpointSaved, Event, RunEnded
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.algorithms.dqn import DqnLearner
from tetrarium.training.runs.run import TrainingRun

CONFIG = TrainingConfig(
    n_envs=2, total_timesteps=2_400, learning_starts=40, batch_size=16, net_arch=(4,), buffer_size=300,
    checkpoint_every=600, evaluate_every=1_000, evaluation_games=2, evaluation_pieces=30,
)  # fmt: skip
_NOBODY: Final = 65_534
SMALL: Final = ["--set=n_envs=2", "--set=learning_starts=40", "--set=batch_size=16", "--set=buffer_size=300"]


def ignore_event(_event: Event) -> None:
    """Discards an event."""


def call(*arguments: object) -> int:
    """Runs a command in this process; returns its exit code."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def train_until(home: Home, step: int, config: TrainingConfig = CONFIG) -> TrainingRun:
    """Trains a run until its checkpoint of a step."""
    run = TrainingRun.create(home, "one", EnvConfig(), config, ignore_event)
    run._publish = lambda event: (
        run.request_stop() if isinstance(event, CheckpointSaved) and event.step >= step else None
    )
    run.execute()
    return run


def edit(run: TrainingRun, **changes: Any) -> None:
    path = run.folder / "config.json"
    values = json.loads(path.read_text())
    values["training_config"].update(changes)
    path.write_text(json.dumps(values))


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of an uninterrupted run."""
    whole = Home.locate(tmp_path_factory.mktemp("whole"))
    TrainingRun.create(whole, "one", EnvConfig(), CONFIG, ignore_event).execute()
    return result_of(whole.root, "one")


def test_a_run_with_a_changed_config_is_refused_by_name(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run = train_until(home, 600)
    edit(run, gamma=0.8)

    assert call("resume", "one") == 2
    error = capsys.readouterr().err
    assert "has gamma=0.9; got gamma=0.8. Only total_timesteps, schedule_steps," in error
    assert error.count("\n") == 1
    assert require_whole(run.folder) == [600]


def test_a_resumed_run_trains_to_its_changed_total(home: Home) -> None:
    edit(train_until(home, 600), total_timesteps=1_000)
    _, ended = TrainingRun.open(home, "one", ignore_event).execute()
    assert (ended.state, ended.step) == ("finished", 1_000)
    edit(TrainingRun.open(home, "one", ignore_event), total_timesteps=10**6, target_lines=1)
    agent, ended = TrainingRun.open(home, "one", ignore_event).execute()

    assert ended.state == "target reached"
    assert agent.statistics.best_lines_game >= 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--target-lines", "0"], "target_lines is a whole number from 1 to 1,000,000,000,000; got 0."),
        (["--checkpoint-every", "0"], "checkpoint_every is a whole number from 1 to 1,000,000,000,000; got 0."),
        (["--checkpoint-every", "-5"], "checkpoint_every is a whole number from 1 to 1,000,000,000,000; got -5."),
        (
            ["--checkpoint-every", f"{10**13}"],
            f"checkpoint_every is a whole number from 1 to 1,000,000,000,000; got {10**13}.",
        ),
        (["--set", "keep_checkpoints=0"], "keep_checkpoints is a whole number from 1 to 1,000,000,000; got 0."),
        (["--set", "checkpoint_every_s=0"], "checkpoint_every_s is a whole number from 1 to 1,000,000,000; got 0."),
    ],
)
def test_zero_intervals_and_goals_are_refused_before_a_folder_is_created(
    flags: list[str], message: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "--name", "one", *flags) == 2

    assert capsys.readouterr().err == f"tetrarium: {message} Choose one in that range.\n"
    assert not home.root.exists() or list(home.root.iterdir()) == []


def test_a_final_checkpoint_is_always_saved(home: Home) -> None:
    assert call("train", "--name", "one", "--steps", "80", "--checkpoint-every", f"{10**12}", *SMALL) == 0

    assert require_whole(home.run_folder("one")) == [80]


def test_a_clock_that_jumps_changes_nothing(
    home: Home, uninterrupted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_until(home, 600)
    rng = random.Random(1)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 10**8 + rng.uniform(-(10**7), 10**7))
    resumed = TrainingRun.open(home, "one", ignore_event)
    resumed._publish = lambda event: resumed.request_stop() if isinstance(event, CheckpointSaved) else None
    resumed.execute()
    monkeypatch.setattr(time, "time", lambda: now() + 10**7)
    TrainingRun.open(home, "one", ignore_event).execute()

    assert len(list(run.folder.glob("events.*"))) == 3
    assert_same(result_of(home.root, "one"), uninterrupted)


def test_checkpoints_are_saved_by_elapsed_seconds(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock jumps by years, and the monotonic clock advances by one second every 150 steps."""
    steps: list[int] = []
    elapsed_s = [0.0]
    rng = random.Random(1)
    monkeypatch.setattr(time, "time", lambda: rng.uniform(1e9, 2e9))
    monkeypatch.setattr(time, "monotonic", lambda: elapsed_s[0])
    play = DqnLearner.run_round

    def play_and_advance_clock(learner: DqnLearner, callback: Any) -> bool:
        elapsed_s[0] += CONFIG.n_envs / 150
        return play(learner, callback)

    monkeypatch.setattr(DqnLearner, "run_round", play_and_advance_clock)
    config = CONFIG.with_changes(checkpoint_every=10**12, checkpoint_every_s=3, evaluate_every=0)

    def record_step(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            steps.append(event.step)

    TrainingRun.create(home, "one", EnvConfig(), config, record_step).execute()
    assert [round(step / 10) * 10 for step in steps] == [450, 900, 1_350, 1_800, 2_250, 2_400]


def test_training_with_a_nan_loss_stops_and_keeps_earlier_checkpoints(
    home: Home, uninterrupted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    agents: list[TetrisAgent] = []
    events: list[Event] = []
    train = TetrisAgent.train
    monkeypatch.setattr(
        TetrisAgent, "train", lambda agent, n, callbacks: (agents.append(agent), train(agent, n, callbacks))[1]
    )

    def poison(event: Event) -> None:
        events.append(event)
        if isinstance(event, CheckpointSaved) and event.step == 1_200:
            with torch.no_grad():
                next(agents[0].model.q_net.parameters()).fill_(float("nan"))

    run = TrainingRun.create(home, "one", EnvConfig(), CONFIG, poison)
    with pytest.raises(TetrariumError) as caught:
        run.execute()
    assert str(caught.value) == (
        "The loss was not finite at step 1,202; earlier checkpoints are kept. Start a new run from one of them with "
        "a smaller learning_rate or max_grad_norm: `tetrarium train --from RUN --set learning_rate=3e-4`."
    )
    ended = next(event for event in reversed(events) if isinstance(event, RunEnded))
    assert (ended.state, ended.step) == ("failed", 1_200)
    assert require_whole(run.folder) == [600, 1_200]
    TrainingRun.open(home, "one", ignore_event).execute()
    assert_same(result_of(home.root, "one"), uninterrupted)


def test_nan_weights_are_never_saved(home: Home) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), CONFIG).train(100)
    path = home.root / "checkpoint"
    agent.save_checkpoint(path)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with torch.no_grad():
        next(agent.model.q_net.parameters())[0, 0] = float("inf")
    with pytest.raises(TetrariumError, match=r"The weights were not finite at step 100; earlier checkpoints are kept"):
        agent.save_checkpoint(path)

    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (0o644, "The folder {run!r} cannot be written: Permission denied. Grant yourself write permission, or choose "
                "another home with --home or TETRARIUM_HOME."),
        (0o600, "The run's {config!r} cannot be read: Permission denied. Grant yourself read permission."),
    ],
)  # fmt: skip
def test_the_run_of_another_user_is_refused(mode: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Home.locate(Path(name) / "home")
        run = train_until(home, 600)
        before = sorted(run.folder.rglob("*"))
        for folder in (Path(name), home.root, home.runs, run.folder):
            folder.chmod(0o755)
        (run.folder / "config.json").chmod(mode)
        os.seteuid(_NOBODY)
        try:
            code = call("resume", "one", "--home", home.root)
        finally:
            os.seteuid(0)

        assert code == 1
        stated = message.format(run=str(run.folder), config=str(run.folder / "config.json"), home=home.root)
        assert capsys.readouterr().err == f"tetrarium: {stated}\n"
        assert sorted(run.folder.rglob("*")) == before
