"""A small training run for tests, and what it leaves in a form that can be compared."""

import csv
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tetrarium.environment import EnvConfig
from tetrarium.events import Event
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.run import TrainingRun

CONFIG = TrainingConfig(
    n_envs=4, total_timesteps=4_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=400,
    checkpoint_every=1_000, evaluate_every=0, evaluation_games=3, evaluation_pieces=60,
)  # fmt: skip
EVALUATED = CONFIG.with_changes(evaluate_every=1_000)  # which starts another process


def start(
    home: Home,
    name: str = "one",
    config: TrainingConfig = CONFIG,
    *,
    game: EnvConfig | None = None,
    shows_board: bool = False,
) -> tuple[TrainingRun, list[Event]]:
    """Makes a run, and a list to which it adds its messages."""
    events: list[Event] = []
    run = TrainingRun.create(home, name, game or EnvConfig(), config, events.append, shows_board=shows_board)
    return run, events


def ignore(_event: Event) -> None:
    """Watches nothing."""


def stop_after(run: TrainingRun, n_messages: int, kind: type[Event]) -> None:
    """Asks a run to stop at its n-th message of a kind."""
    seen: list[Event] = []

    def publish(event: Event) -> None:
        if isinstance(event, kind):
            seen.append(event)
            if len(seen) == n_messages:
                run.ask_to_stop()

    run._publish = publish


def table(folder: Path, name: str) -> list[list[str]]:
    """Rows of a CSV file, its header first; those of the episodes without wall time."""
    with (folder / name).open(newline="") as file:
        rows = list(csv.reader(file))
    return [row[:-1] for row in rows] if name == "episodes.csv" else rows


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """TensorBoard's scalars by name, but for times."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
        if not tag.startswith("time/")
    }


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}
