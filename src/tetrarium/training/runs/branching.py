"""A new run that begins at a checkpoint of another, of which it has an exact copy: the other run loses nothing.

What is copied is what a run goes on from: the checkpoint, the records as they were when it was saved, and the scalars.
Its best weights and replays follow from the checkpoint as soon as it goes on. So what comes after is to the last byte
what came, or would have come, in the other run.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.home import Home
from tetrarium.training.checkpoints import store
from tetrarium.training.runs.configs import RunConfig, create_run, read_run_config
from tetrarium.training.runs.folder import checkpoint_steps

__all__ = ["branch_name", "branch_run"]

_MARKS: Final = "records.json"
_TABLES: Final = ("episodes.csv", "evaluations.csv", "progress.csv")
_SCALARS: Final = "events.out.tfevents.*"


def branch_name(name: str, step: int) -> str:
    """What a branch is called where nobody says otherwise.

    >>> branch_name("first", 41_200)
    'first-at-41200'
    """
    return f"{name}-at-{step}"


def branch_run(home: Home, name: str, step: int, new_name: str | None = None) -> RunConfig:
    """Makes a new run that begins at a checkpoint of another.

    Args:
        home: Where both live.
        name: The other run, which may be training meanwhile.
        step: Of the checkpoint.
        new_name: The new run's name; ``NAME-at-STEP`` if left out.

    Raises:
        ConfigError: if there is no checkpoint of that step.
        DamagedCheckpointError: if it is damaged.
        HomeError: if there is no such run, the new name is taken or not allowed, or it cannot be copied.
    """
    config = read_run_config(home, name)
    run = home.run_folder(name)
    steps = checkpoint_steps(run)
    if step not in steps:
        there = ", ".join(map(str, steps)) or "none yet"
        raise ConfigError(
            f"A run goes on from a checkpoint, and the steps at which {name!r} has one are {there}; got {step}. "
            "Name one of them."
        )
    checkpoint = run / "checkpoints" / str(step)
    new_name = branch_name(name, step) if new_name is None else new_name
    home.require_free(new_name)  # before much is read
    store.verify(checkpoint, store.read_metadata(checkpoint))
    return create_run(
        home,
        new_name,
        config.env_config,
        config.training_config,
        start_from=None if config.start_from is None else Path(config.start_from),
        preset=config.preset,
        branched_from=f"{name}@{step}",
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
            f"The checkpoint {str(checkpoint)!r} was let go while it was copied. Choose a later one; keep_checkpoints "
            "is how many of the latest a run keeps."
        ) from error


def _marks(checkpoint: Path) -> dict[str, Any]:
    """How long each table was at the checkpoint; nothing in one of a version that did not note it."""
    path = checkpoint / _MARKS
    marks: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return marks


def _copy_table(table: Path, folder: Path, marks: dict[str, Any]) -> None:
    """Without later rows; where nothing tells how long it was, they go when training goes on."""
    if table.is_file():
        n_bytes = marks.get(table.name, {}).get("n_bytes")
        (folder / table.name).write_bytes(table.read_bytes()[:n_bytes])
