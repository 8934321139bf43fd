"""What people and machines get wrong around a run: each is refused in a line that names it, and costs nothing saved."""

import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from tests.torture.ends import assert_same, end_of, require_whole
from tetrarium.cli.main import main
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import TetrariumError
from tetrarium.events import CheckpointSaved, Event, RunEnded
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.algorithms.dqn_learner import DqnLearner
from tetrarium.training.runs.run import TrainingRun

CONFIG = TrainingConfig(
    n_envs=2, total_timesteps=2_400, learning_starts=40, batch_size=16, net_arch=(4,), buffer_size=300,
    checkpoint_every=600, evaluate_every=1_000, evaluation_games=2, evaluation_pieces=30,
)  # fmt: skip
_NOBODY: Final = 65_534
SMALL: Final = ["--set=n_envs=2", "--set=learning_starts=40", "--set=batch_size=16", "--set=buffer_size=300"]


def nothing(_event: Event) -> None:
    """Watches nothing."""


def call(*arguments: object) -> int:
    """Runs a command in this process; returns its exit code."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def train_until(home: Home, step: int, config: TrainingConfig = CONFIG) -> TrainingRun:
    """Trains a run until its checkpoint of a step."""
    run = TrainingRun.create(home, "one", EnvConfig(), config, nothing)
    run._publish = lambda event: (
        run.ask_to_stop() if isinstance(event, CheckpointSaved) and event.step >= step else None
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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run that nothing happens to comes to."""
    whole = Home.locate(tmp_path_factory.mktemp("whole"))
    TrainingRun.create(whole, "one", EnvConfig(), CONFIG, nothing).execute()
    return end_of(whole.root, "one")


def test_a_run_whose_config_was_changed_is_refused_by_name(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run = train_until(home, 600)
    edit(run, gamma=0.8)

    assert call("resume", "one") == 2
    error = capsys.readouterr().err
    assert "has gamma=0.9, and gamma=0.8 is asked for. What may change is total_timesteps, target_lines," in error
    assert error.count("\n") == 1
    assert require_whole(run.folder) == [600]


def test_a_run_whose_end_was_changed_goes_on_to_that(home: Home) -> None:
    edit(train_until(home, 600), total_timesteps=1_000)
    _, ended = TrainingRun.open(home, "one", nothing).execute()
    assert (ended.state, ended.step) == ("finished", 1_000)
    edit(TrainingRun.open(home, "one", nothing), total_timesteps=10**6, target_lines=1)
    agent, ended = TrainingRun.open(home, "one", nothing).execute()

    assert ended.state == "target reached"
    assert agent.statistics.best_lines_game >= 1


@pytest.mark.parametrize(
    ("flags", "told"),
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
def test_intervals_and_goals_of_nothing_are_refused_before_a_folder_is_made(
    flags: list[str], told: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "--name", "one", *flags) == 2

    assert capsys.readouterr().err == f"tetrarium: {told} Choose one in that range.\n"
    assert not home.root.exists() or list(home.root.iterdir()) == []


def test_without_checkpoints_on_the_way_there_is_one_at_the_end(home: Home) -> None:
    assert call("train", "--name", "one", "--steps", "80", "--checkpoint-every", f"{10**12}", *SMALL) == 0

    assert require_whole(home.run_folder("one")) == [80]


def test_a_clock_that_jumps_changes_nothing(
    home: Home, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_until(home, 600)
    rng = random.Random(1)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 10**8 + rng.uniform(-(10**7), 10**7))
    resumed = TrainingRun.open(home, "one", nothing)
    resumed._publish = lambda event: resumed.ask_to_stop() if isinstance(event, CheckpointSaved) else None
    resumed.execute()
    monkeypatch.setattr(time, "time", lambda: now() + 10**7)
    TrainingRun.open(home, "one", nothing).execute()

    assert len(list(run.folder.glob("events.*"))) == 3
    assert_same(end_of(home.root, "one"), undisturbed)


def test_seconds_between_checkpoints_are_those_that_passed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock on the wall says: it jumps by years all the time, and a second passes every 150 steps."""
    steps: list[int] = []
    passed_s = [0.0]
    rng = random.Random(1)
    monkeypatch.setattr(time, "time", lambda: rng.uniform(1e9, 2e9))
    monkeypatch.setattr(time, "monotonic", lambda: passed_s[0])
    play = DqnLearner.play_and_learn

    def play_for_a_while(learner: DqnLearner, callback: Any) -> bool:
        passed_s[0] += CONFIG.n_envs / 150
        return play(learner, callback)

    monkeypatch.setattr(DqnLearner, "play_and_learn", play_for_a_while)
    config = CONFIG.with_changes(checkpoint_every=10**12, checkpoint_every_s=3, evaluate_every=0)

    def note(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            steps.append(event.step)

    TrainingRun.create(home, "one", EnvConfig(), config, note).execute()
    assert [round(step / 10) * 10 for step in steps] == [450, 900, 1_350, 1_800, 2_250, 2_400]


def test_training_whose_loss_is_no_number_stops_and_keeps_what_was_before(
    home: Home, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
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
        "The loss was not finite at step 1,202; checkpoints from before it are kept. Begin a new run from one of them "
        "with a smaller learning_rate or max_grad_norm: `tetrarium train --from RUN --set learning_rate=3e-4`."
    )
    ended = next(event for event in reversed(events) if isinstance(event, RunEnded))
    assert (ended.state, ended.step) == ("failed", 1_200)
    assert require_whole(run.folder) == [600, 1_200]
    TrainingRun.open(home, "one", nothing).execute()
    assert_same(end_of(home.root, "one"), undisturbed)


def test_weights_that_are_no_numbers_are_never_saved(home: Home) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), CONFIG).train(100)
    path = home.root / "checkpoint"
    agent.save_checkpoint(path)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with torch.no_grad():
        next(agent.model.q_net.parameters())[0, 0] = float("inf")
    with pytest.raises(
        TetrariumError, match=r"The weights were not finite at step 100; checkpoints from before it are"
    ):
        agent.save_checkpoint(path)

    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o644, "The run's folder {run!r} cannot be written: Permission denied. Make it writable for you, or begin a "
                "run of your own by `tetrarium train --from`."),
        (0o600, "The run's {config!r} cannot be read: Permission denied. Make it readable for you."),
    ],
)  # fmt: skip
def test_the_run_of_another_user_is_refused(mode: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
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
        error = capsys.readouterr().err
        assert error == f"tetrarium: {told.format(run=str(run.folder), config=str(run.folder / 'config.json'))}\n"
        assert sorted(run.folder.rglob("*")) == before
