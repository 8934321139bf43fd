"""Branching: a new run that starts from an exact copy of another run's checkpoint.

The checkpoint, the records up to it and the TensorBoard events are copied. The best weights and replays are restored
from the checkpoint when the branch resumes. So the branch continues byte for byte like the other run, which stays
unchanged.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import MARKS_FILE
from tetrarium.training.checkpoints import checkpoint_store
from tetrarium.training.runs.storage.folder import checkpoint_steps
from tetrarium.training.runs.storage.run_config import Origin, RunConfig, create_run, read_run_config

_TABLES: Final = ("episodes.csv", "evaluations.csv", "progress.csv")
_SCALARS: Final = "events.out.tfevents.*"


def branch_name(name: str, step: int) -> str:
    """Returns the default name of a branch.

    >>> branch_name("first", 41_200)
    'first-at-41200'
    """
    return f"{name}-at-{step}"


def branch_run(
    home: Home, name: str, step: int, new_name: str | None = None, *, origin: Origin = "command"
) -> RunConfig:
    """Creates a new run from a checkpoint of another.

    Args:
        home: The home that contains both runs.
        name: The other run, which may be training meanwhile.
        step: Step of the checkpoint.
        new_name: The new run's name; by default ``NAME-at-STEP``.
        origin: What branches it.

    Raises:
        ConfigError: if there is no checkpoint at that step.
        DamagedCheckpointError: if the checkpoint is damaged.
        HomeError: if there is no such run, the new name is taken or invalid, or the checkpoint cannot be copied.
    """
    config = read_run_config(home, name)
    run = home.run_folder(name)
    steps = checkpoint_steps(run)
    if step not in steps:
        there = ", ".join(map(str, steps)) or "none yet"
        raise ConfigError(
            f"A branch starts at the step of a checkpoint; {name!r} has checkpoints at {there}; got {step}. "
            "Choose one of them.",
            field="step",
        )
    checkpoint = run / "checkpoints" / str(step)
    new_name = branch_name(name, step) if new_name is None else new_name
    home.require_free(new_name)  # before large files are read
    checkpoint_store.verify(checkpoint, checkpoint_store.read_metadata(checkpoint))
    return create_run(
        home,
        new_name,
        config.env_config,
        config.training_config,
        start_from=None if config.start_from is None else Path(config.start_from),
        preset=config.preset,
        branched_from=f"{name}@{step}",
        origin=origin,
        copy_into=lambda folder: _copy(run, checkpoint, folder),
    )


def _copy(run: Path, checkpoint: Path, folder: Path) -> None:
    try:
        shutil.copytree(checkpoint, folder / "checkpoints" / checkpoint.name)
        for table in _TABLES:
            _copy_table(run / table, folder, _marks(folder / "checkpoints" / checkpoint.name))
        for scalars in run.glob(_SCALARS):
            shutil.copy2(scalars, folder)
    except (FileNotFoundError, shutil.Error) as error:
        raise HomeError(
            f"The checkpoint {str(checkpoint)!r} was deleted while it was copied. Choose a later one, or increase "
            "keep_checkpoints, the number of latest checkpoints that a run keeps."
        ) from error


def _marks(checkpoint: Path) -> dict[str, Any]:
    """Returns the marks of the tables at a checkpoint; old checkpoints have none."""
    path = checkpoint / MARKS_FILE
    marks: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return marks


def _copy_table(table: Path, folder: Path, marks: dict[str, Any]) -> None:
    """Copies a table up to its mark; without one, later rows are removed when training resumes."""
    if table.is_file():
        n_bytes = marks.get(table.name, {}).get("n_bytes")
        (folder / table.name).write_bytes(table.read_bytes()[:n_bytes])
