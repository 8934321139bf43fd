"""Training workers: a run that is paused, watched, killed or stopped learns the same as an undisturbed one."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.torture.run_results import as_bytes, episodes, load, progress, rows, state_of
from tests.workers.servers import wait_for
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError
from tetrarium.events import BoardShown, CheckpointSaved, Event, Progress, RunEnded, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.run import TrainingRun
from tetrarium.workers.directories.run_views import read_progress, read_run
from tetrarium.workers.processes.launcher import resume_training, start_training
from tetrarium.workers.protocol.client import WorkerClient
from tetrarium.workers.protocol.status_files import read_address

SMALL = TrainingConfig(
    n_envs=4, total_timesteps=6_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=1_000,
    checkpoint_every=3_000, evaluate_every=2_500, evaluation_games=2, evaluation_pieces=50, target_update_interval=200,
    keep_checkpoints=10,
)  # fmt: skip
CONFIGS = {
    "dqn": SMALL,
    "ppo": SMALL.with_changes(algorithm="ppo", ppo_n_steps=8),
    "maskable-ppo": SMALL.with_changes(algorithm="maskable-ppo", ppo_n_steps=8),
    "cma-es": SMALL.with_changes(
        algorithm="cma-es", cma_population=6, cma_games=2, max_pieces_game=60, total_timesteps=30_000,
        checkpoint_every=10_000, evaluate_every=12_000,
    ),
}  # fmt: skip

pytestmark = pytest.mark.timeout(600)  # the first start compiles the engine


@pytest.fixture
def home(tetrarium_home: Path) -> Iterator[Home]:
    """A home whose workers are stopped at the end."""
    located = Home.locate(tetrarium_home)
    yield located
    for folder in [*located.runs.glob("*"), *located.demos.glob("*")]:
        address = read_address(folder)
        if address is not None:
            try:
                os.kill(address.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def connected(home: Home, name: str) -> WorkerClient:
    """Returns a client as soon as the worker accepts connections."""
    folder = home.run_folder(name)
    wait_for(lambda: read_address(folder) is not None)
    return WorkerClient.connect(folder)


def until(worker: WorkerClient, is_wanted: Callable[[Event], object], **watched: Any) -> list[Event]:
    """Returns events up to the first that matches, renewing a subscription if there is one."""
    heard: list[Event] = []

    def look() -> bool:
        if watched:
            worker.command("watch", **watched)
        for event in worker.events(0.5):
            heard.append(event)
            if is_wanted(event):
                return True
        return False

    wait_for(look)
    return heard


def paused(worker: WorkerClient) -> int:
    """Pauses a run; returns the step at which it paused."""
    worker.command("pause")
    wait_for(lambda: worker.command("status")["state"] == "paused")
    return int(worker.command("status")["step"])


def finished(home: Home, name: str) -> None:
    view = wait_for(lambda: (view := read_run(home, name)).is_alive or view)
    if view is True:
        view = wait_for(lambda: None if (view := read_run(home, name)).is_alive else view)
    assert view.state == "finished", view


def result_of(home: Home, name: str, config: TrainingConfig) -> dict[str, Any]:
    """Returns the results of a run, without wall times and requested checkpoints."""
    folder = home.run_folder(name)
    step = max(int(path.name) for path in (folder / "checkpoints").iterdir())
    assert step >= config.total_timesteps
    return {
        "state": state_of(load(home.root, name, step)),
        "episodes": episodes(folder),
        "progress": progress(folder),
        "evaluations": rows(folder / "evaluations.csv"),
    }


def undisturbed(home: Home, config: TrainingConfig) -> dict[str, Any]:
    TrainingRun.create(home, "undisturbed", EnvConfig(), config, lambda _event: None).execute()
    return result_of(home, "undisturbed", config)


@pytest.mark.parametrize(
    "algorithm", [name if name == "dqn" else pytest.param(name, marks=pytest.mark.oracle) for name in CONFIGS]
)
def test_a_disturbed_run_learns_the_same_as_an_undisturbed_one(home: Home, algorithm: str) -> None:
    config = CONFIGS[algorithm]
    name = start_training(home, EnvConfig(), config, name="disturbed", preset="default", mode="no-display")
    with connected(home, name) as worker:
        assert paused(worker) == 0, "requested before the first round"
        worker.command("mode", mode="live")
        worker.command("watch", boards_per_second=60, action_values=True)
        worker.command("resume")
        heard = until(worker, lambda event: isinstance(event, BoardShown) and event.action_values, action_values=True)
        shown = heard[-1]
        assert isinstance(shown, BoardShown) and shown.action_values is not None
        assert shown.action_values["chosen"] in [one["action"] for one in shown.action_values["actions"]]
        worker.command("checkpoint")
        worker.command("speed", pieces_per_second=30)
        worker.command("mode", mode="every-move")
        until(worker, lambda event: isinstance(event, BoardShown) and event.pieces_game > 2, boards_per_second=60)

        step = paused(worker)
        resting = [event for event in worker.events(1.2) if isinstance(event, Progress)]
        assert len(resting) > 1
        assert {event.step for event in resting[1:]} == {step}, "no steps are made"
        assert {event.steps_per_second for event in resting[1:]} == {0.0}
        worker.command("checkpoint")
        saved = until(worker, lambda event: isinstance(event, CheckpointSaved))[-1]
        assert isinstance(saved, CheckpointSaved) and saved.step == step
        assert step in read_run(home, name).checkpoints
        assert read_run(home, name).state == "paused"

        worker.command("mode", mode="no-display")
        worker.command("resume")
        worker.command("stop")
        ended = until(worker, lambda event: isinstance(event, StateChanged) and event.state == "stopped")
        assert any(isinstance(event, RunEnded) and event.state == "stopped" for event in ended)
    wait_for(lambda: not read_run(home, name).is_alive)
    assert read_run(home, name).state == "stopped"
    resume_training(home, name)
    finished(home, name)

    whole = undisturbed(home, config)
    disturbed = result_of(home, name, config)
    for part, content in whole.items():
        assert as_bytes(disturbed[part]) == as_bytes(content), part


def test_a_killed_worker_is_dead_and_can_be_resumed(home: Home) -> None:
    config = CONFIGS["dqn"].with_changes(checkpoint_every=1_000)
    name = start_training(home, EnvConfig(), config)
    with connected(home, name) as worker:
        until(worker, lambda event: isinstance(event, CheckpointSaved) and event.step >= 1_000)
        worker.command("pause")
        address = read_address(home.run_folder(name))
        assert address is not None
        os.kill(address.pid, signal.SIGKILL)
    view = wait_for(lambda: None if (view := read_run(home, name)).is_alive else view)
    saved = max(view.checkpoints)
    assert (view.state, view.step) == ("crashed", saved)
    assert (
        view.message
        == f"The process ended unexpectedly (killed or out of memory). It can be resumed from step {saved:,}."
    )

    resume_training(home, name)
    assert read_run(home, name).state == "starting", "the lock is held at all times"
    with pytest.raises(HomeError, match="Another process is using 'run-1'"):
        resume_training(home, name)
    finished(home, name)

    seconds = read_progress(home, name)["seconds"]
    assert seconds == sorted(seconds), "seconds accumulate over both parts"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_paused_worker_with_a_checkpoint(home: Home, number: signal.Signals) -> None:
    name = start_training(home, EnvConfig(), CONFIGS["dqn"])
    with connected(home, name) as worker:
        until(worker, lambda event: isinstance(event, Progress) and event.step > 0)
        step = paused(worker)
        address = read_address(home.run_folder(name))
        assert address is not None
        os.kill(address.pid, number)
        wait_for(lambda: not read_run(home, name).is_alive)

    view = read_run(home, name)
    assert (view.state, view.message) == ("stopped", f"Stopped at step {step:,}. Nothing is lost.")
    assert step in view.checkpoints


def test_a_failed_worker_keeps_its_reason_and_can_be_resumed(home: Home) -> None:
    name = start_training(home, EnvConfig(), CONFIGS["dqn"], start_from=home.root / "nowhere")
    view = wait_for(lambda: None if (view := read_run(home, name)).is_alive else view)

    assert view.state == "failed"
    assert "nowhere" in view.error and view.message == f"Failed: {view.error}"
    assert view.error in (home.run_folder(name) / "worker.log").read_text()
    resume_training(home, name)
    wait_for(lambda: not read_run(home, name).is_alive)
    assert read_run(home, name).state == "failed"


def test_invalid_input_is_refused_before_anything_is_created(home: Home) -> None:
    config = CONFIGS["dqn"]
    with pytest.raises(HomeError, match="A name has 1 to 64 letters"):
        start_training(home, EnvConfig(), config, name="../out")
    with pytest.raises(ConfigError, match="Placements are chosen under actions='drop' or 'reachable'; got actions="):
        start_training(home, EnvConfig(actions="keys"), config)
    with pytest.raises(ConfigError, match=r"A mode is one of no-display, live, every-move; got 'lively'"):
        start_training(home, EnvConfig(), config, mode="lively")
    assert not home.runs.exists()
    with pytest.raises(HomeError, match=r"There is no run 'one' in .*Start one by `tetrarium train`"):
        resume_training(home, "one")
