"""A small training run for tests, and its results in comparable form."""

import csv
from pathlib import Path
from typing import NamedTuple

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tetrarium.environment import EnvConfig
from tetrarium.events import Event, RunEnded
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.runs.run import TrainingRun

CONFIG = TrainingConfig(
    n_envs=20, total_timesteps=4_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=400,
    checkpoint_every=1_000, evaluate_every=0, evaluation_games=3, evaluation_pieces=60,
)  # fmt: skip
EVALUATED = CONFIG.with_changes(evaluate_every=1_000)  # starts an evaluation process


class FinishedRun(NamedTuple):
    """A run that was not interrupted."""

    home: Home
    folder: Path
    agent: TetrisAgent
    ended: RunEnded
    events: list[Event]


def start(
    home: Home,
    name: str = "one",
    config: TrainingConfig = CONFIG,
    *,
    game: EnvConfig | None = None,
    shows_board: bool = False,
) -> tuple[TrainingRun, list[Event]]:
    """Creates a run, and the list to which it appends its events."""
    events: list[Event] = []
    run = TrainingRun.create(home, name, game or EnvConfig(), config, events.append, shows_board=shows_board)
    return run, events


def ignore(_event: Event) -> None:
    """Ignores an event."""


def stop_after(run: TrainingRun, n_events: int, kind: type[Event]) -> None:
    """Requests a stop of a run at its n-th event of a kind."""
    seen: list[Event] = []

    def publish(event: Event) -> None:
        if isinstance(event, kind):
            seen.append(event)
            if len(seen) == n_events:
                run.request_stop()

    run._publish = publish


def table(folder: Path, name: str) -> list[list[str]]:
    """Returns the rows of a CSV file with its header; those of the episodes without wall-clock time."""
    with (folder / name).open(newline="") as file:
        rows = list(csv.reader(file))
    return [row[:-1] for row in rows] if name == "episodes.csv" else rows


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Returns TensorBoard's scalars by name, except times."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
        if not tag.startswith("time/")
    }


def files(folder: Path) -> dict[str, bytes]:
    """Returns the content of every file in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}
