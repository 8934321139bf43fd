"""Pruning of idle runs: deletion of old checkpoints, and of whole runs into the trash.

Prunable checkpoints are listed first, with their size, so that callers can ask for confirmation. Pruning always keeps a
run's latest complete checkpoint, from which it resumes, its best weights and its records.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import AlreadyRunningError, ConfigError, HomeError
from tetrarium.registry.files.process_lock import is_locked, run_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_trash import TrashedRun, trash_run
from tetrarium.settings import documented
from tetrarium.training.runs.storage.folder import BOARDS, delete_checkpoint, obsolete_checkpoints, require_run
from tetrarium.training.runs.storage.run_config import read_run_config

_MIN_KEPT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """Checkpoints of a run that can be deleted."""

    name: str = field(metadata=documented("Name of the run.", "first"))
    steps: tuple[int, ...] = field(metadata=documented("Steps of the checkpoints.", [10000, 20000]))
    n_bytes: int = field(metadata=documented("Size of the checkpoints.", 18800000))


def find_prunable(home: Home, names: Sequence[str] = (), keep: int = 1) -> list[Prunable]:
    """Finds the checkpoints that the retention rule deletes; skips runs that are being trained.

    Args:
        home: The home that contains the runs.
        names: Names of runs; all runs by default.
        keep: Number of latest checkpoints to keep, besides the first in every ``keep_every`` steps of a run.

    Raises:
        ConfigError: if ``keep`` is less than 1.
        HomeError: if a run in ``names`` does not exist, or is being trained.
    """
    if keep < _MIN_KEPT:
        raise ConfigError(
            f"A run must keep at least 1 checkpoint to resume from; got {keep}. Pass 1 or more.", field="keep"
        )
    found = []
    for name in names or home.run_names():
        try:
            folder = home.run_folder(name)
            config = read_run_config(home, name).training_config
            _require_idle(folder)
        except HomeError:
            if names:
                raise
            continue
        steps = tuple(obsolete_checkpoints(folder, keep, config.keep_every))
        n_bytes = sum(folder_bytes(folder / "checkpoints" / str(step)) for step in steps)
        found.append(Prunable(name=name, steps=steps, n_bytes=n_bytes))
    return [one for one in found if one.steps]


def prune(home: Home, found: Sequence[Prunable]) -> None:
    """Deletes the checkpoints that ``find_prunable`` returned.

    Raises:
        HomeError: if a run is being trained meanwhile; the runs before it are pruned.
    """
    for one in found:
        folder = home.run_folder(one.name)
        with run_lock(folder):
            for step in one.steps:
                delete_checkpoint(folder, step)


def delete_run(home: Home, name: str) -> TrashedRun:
    """Moves a run, damaged or not, to the trash; ``run_trash`` restores it or deletes it permanently.

    Raises:
        EntryNotFoundError: if there is no such run.
        AlreadyRunningError: if it is being trained.
        HomeError: if its folder cannot be written.
    """
    require_run(home, name)
    trashed = trash_run(home, name)
    with contextlib.suppress(HomeError, OSError):  # the registry forgets the run when runs are next listed
        RunStore(home, wait_s=0.0).ingest(name)
    return trashed


def trashed_values(run: TrashedRun) -> dict[str, Any]:
    """Returns what is shown of a run in the trash: ``id``, ``name``, ``trashed_s`` and ``n_bytes``."""
    return {
        "id": run.id, "name": run.name, "trashed_s": run.deleted_ms / 1_000, "n_bytes": folder_bytes(run.folder),
    }  # fmt: skip


def folder_bytes(folder: Path) -> int:
    """Returns the total size of the files in a folder, without the boards file of its worker."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.lstat().st_size for path in paths if path != folder / BOARDS)


def _require_idle(folder: Path) -> None:
    if is_locked(folder):
        raise AlreadyRunningError(f"Only idle runs can be pruned, and {folder.name!r} is being trained. Stop it first.")
