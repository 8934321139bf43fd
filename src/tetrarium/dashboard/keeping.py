"""What a run keeps on the disk: its checkpoints, with size and time."""

import contextlib
from datetime import datetime
from pathlib import Path

from tetrarium.dashboard.schemas_runs import Checkpoint, Checkpoints
from tetrarium.errors import CheckpointError
from tetrarium.training.checkpoints.metadata import METADATA_NAME
from tetrarium.training.checkpoints.store import read_metadata
from tetrarium.training.runs.folder import BEST, checkpoint_steps
from tetrarium.training.runs.pruning import folder_bytes

__all__ = ["list_checkpoints"]


def list_checkpoints(run: Path) -> Checkpoints:
    """Tells of the checkpoints that are there now; a run under way lets old ones go meanwhile."""
    steps = checkpoint_steps(run)
    best = _best_step(run)
    found = []
    for step in steps:
        folder = run / "checkpoints" / str(step)
        with contextlib.suppress(OSError):
            saved = datetime.fromtimestamp((folder / METADATA_NAME).stat().st_mtime).astimezone()
            found.append(
                Checkpoint(
                    step=step,
                    n_bytes=folder_bytes(folder),
                    saved=saved.isoformat(timespec="seconds"),
                    is_latest=step == steps[-1],
                    is_best=step == best,
                )
            )
    return Checkpoints(checkpoints=found, best_step=best, n_bytes=_run_bytes(run))


def _best_step(run: Path) -> int | None:
    """Step of the weights that did best, as they say themselves."""
    try:
        step = read_metadata(run / BEST).counters.get("timesteps_trained")
    except CheckpointError:
        return None
    return step if isinstance(step, int) else None


def _run_bytes(run: Path) -> int:
    """Bytes of all that a run left; files that go meanwhile are counted again."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return folder_bytes(run)
