"""Freeing space in runs that nobody trains: checkpoints beyond a rule, or a whole run.

What would go is found first, with its size, so that whoever asks can be told before it goes. A run's latest checkpoint,
from which it is resumed, its best weights and its records always stay, unless the run as a whole goes.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.atomic import remove_directory
from tetrarium.registry.home import Home
from tetrarium.registry.runs import RunStore
from tetrarium.training.runs.configs import read_run_config
from tetrarium.training.runs.folder import (
    BOARDS,
    checkpoint_steps,
    checkpoints_to_drop,
    is_locked,
    only_trainer,
    remove_checkpoint,
)

__all__ = ["Prunable", "delete_run", "find_prunable", "folder_bytes", "prune"]

_MIN_KEPT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """What can go of one run."""

    name: str
    steps: tuple[int, ...]  # of the checkpoints that would go
    n_bytes: int


def find_prunable(home: Home, names: Sequence[str] = (), keep: int = 1) -> list[Prunable]:
    """Finds the checkpoints that the retention rule does not need; runs that are being trained are left out.

    Args:
        home: Where runs are.
        names: Which runs; all, if left out.
        keep: How many of the latest checkpoints stay, beside the first of every ``keep_every`` steps of a run.

    Raises:
        ConfigError: if fewer than one is to stay.
        HomeError: if a run that is named is not there, or is being trained.
    """
    if keep < _MIN_KEPT:
        raise ConfigError(f"A run keeps 1 checkpoint or more, from which it is resumed; got {keep}. Ask for 1 or more.")
    found = []
    for name in names or _names(home):
        try:
            folder = home.run_folder(name)
            config = read_run_config(home, name).training_config
            _require_idle(folder)
        except HomeError:
            if names:
                raise
            continue
        steps = tuple(checkpoints_to_drop(checkpoint_steps(folder), keep, config.keep_every))
        n_bytes = sum(folder_bytes(folder / "checkpoints" / str(step)) for step in steps)
        found.append(Prunable(name=name, steps=steps, n_bytes=n_bytes))
    return [one for one in found if one.steps]


def prune(home: Home, found: Sequence[Prunable]) -> None:
    """Removes what was found.

    Raises:
        HomeError: if a run is being trained by now; those before it are pruned.
    """
    for one in found:
        folder = home.run_folder(one.name)
        with only_trainer(folder):
            for step in one.steps:
                remove_checkpoint(folder, step)


def delete_run(home: Home, name: str) -> None:
    """Removes a run with all that it left, also what the registry knows of it; its models stay.

    Raises:
        HomeError: if there is no such run, or it is being trained.
    """
    read_run_config(home, name)
    folder = home.run_folder(name)
    with only_trainer(folder):
        remove_directory(folder)
    with contextlib.suppress(HomeError, OSError):  # it is forgotten when runs are next listed
        RunStore(home, wait_s=0.0).take_in(name)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder, but for the boards that its worker shows."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.lstat().st_size for path in paths if path != folder / BOARDS)


def _names(home: Home) -> list[str]:
    return sorted(path.name for path in home.runs.iterdir() if path.is_dir()) if home.runs.is_dir() else []


def _require_idle(folder: Path) -> None:
    if is_locked(folder):
        raise HomeError(f"A run is pruned when nobody trains it, and {folder.name!r} is being trained. Stop it first.")
