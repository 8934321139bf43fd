"""A run's folder: its checkpoints and their retention rule.

``runs/NAME/`` contains ``config.json``, ``checkpoints/<step>/``, ``best/`` (the best weights in evaluations),
``episodes.csv``, ``evaluations.csv``, ``progress.csv``, ``replays/`` and TensorBoard events. The process that trains
locks it (see ``process_lock``) and publishes its boards in ``boards``.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tetrarium.errors import EntryNotFoundError, FolderMovedError
from tetrarium.registry.files.atomic import remove_directory
from tetrarium.registry.home import Home
from tetrarium.registry.run_trash import refuse_trashed
from tetrarium.training.checkpoints.checkpoint_store import is_checkpoint, is_complete

BEST: Final = "best"
BOARDS: Final = "boards"  # sparse file through which a worker publishes boards
EVALUATION_STATE: Final = "evaluations.json"  # of a checkpoint: its best and its pending evaluation
RUN_CONFIG: Final = "config.json"
TIMES: Final = "times.json"  # seconds by what they went to
_STEP: Final = re.compile(r"0|[1-9][0-9]{0,17}")


def is_run(folder: Path) -> bool:
    """Returns whether a folder is a run's, whose config may be damaged or, if there are checkpoints, missing."""
    return os.path.lexists(folder / RUN_CONFIG) or (folder / "checkpoints").is_dir()


def require_run(home: Home, name: str) -> Path:
    """Returns the folder of a run.

    Raises:
        RunInTrashError: if it is in the trash.
        EntryNotFoundError: if ``is_run`` denies it.
    """
    folder = Home.require(home).run_folder(name)
    if not is_run(folder):
        refuse_trashed(home, name)
        raise EntryNotFoundError(f"There is no run {name!r} in {str(home.root)!r}. Start one by `tetrarium train`.")
    return folder


def checkpoint_steps(folder: Path) -> list[int]:
    """Returns the steps at which a run has checkpoints, in order.

    A folder counts if its metadata can be read and are of the step that is its name.
    """
    return [step for step in _numbers(folder) if is_checkpoint(folder / "checkpoints" / str(step), step)]


def uncounted_folders(folder: Path) -> list[Path]:
    """Returns folders that are named like checkpoints, in order, and that ``checkpoint_steps`` leaves out."""
    counted = checkpoint_steps(folder)
    return [folder / "checkpoints" / str(number) for number in _numbers(folder) if number not in counted]


def _numbers(folder: Path) -> list[int]:
    """Returns the numbers that name something in a run's folder of checkpoints, in order."""
    parent = folder / "checkpoints"
    names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
    return sorted(int(name) for name in names if _STEP.fullmatch(name))


def latest_checkpoint(folder: Path) -> Path | None:
    """Returns the folder of the run's latest checkpoint; None if there is none yet."""
    steps = checkpoint_steps(folder)
    return folder / "checkpoints" / str(steps[-1]) if steps else None


def obsolete_checkpoints(
    folder: Path, keep_latest: int, keep_every: int | None, keep: frozenset[int] = frozenset()
) -> list[int]:
    """Returns the checkpoints of a run that the retention rule deletes; incomplete ones do not count."""
    complete = [step for step in checkpoint_steps(folder) if is_complete(folder / "checkpoints" / str(step))]
    return checkpoints_to_delete(complete, keep_latest, keep_every, keep)


def checkpoints_to_delete(
    steps: Sequence[int], keep_latest: int, keep_every: int | None, keep: frozenset[int] = frozenset()
) -> list[int]:
    """Returns the checkpoints that the retention rule deletes.

    >>> checkpoints_to_delete([100, 250, 300, 450, 500, 600], keep_latest=1, keep_every=200, keep=frozenset({300}))
    [100, 500]

    Args:
        steps: Steps of the existing checkpoints, in order.
        keep_latest: Number of latest checkpoints to keep.
        keep_every: Also keep the first checkpoint in every so many steps.
        keep: Further steps to keep.
    """
    kept = {*steps[-keep_latest:], *keep}
    if keep_every is not None:
        first: dict[int, int] = {}
        for step in steps:
            first.setdefault(step // keep_every, step)
        kept |= {step for step in first.values() if step >= keep_every}
    return [step for step in steps if step not in kept]


@contextlib.contextmanager
def folder_guard(folder: Path, require_lock: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Context manager that gives a function to check that a run's folder was not moved, deleted or taken over.

    The folder is kept open, so that the system does not reuse its inode number meanwhile. The function raises
    ``FolderMovedError`` or what ``require_lock`` raises.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def require_in_place() -> None:
        try:
            is_same = os.path.samestat(os.fstat(descriptor), folder.stat())
        except (FileNotFoundError, NotADirectoryError):
            is_same = False
        if not is_same:
            raise FolderMovedError(
                f"The run's folder {str(folder)!r} was moved or deleted during training. "
                "Restore it, and continue with `tetrarium resume`."
            )
        require_lock()

    try:
        yield require_in_place
    finally:
        os.close(descriptor)


def delete_checkpoint(folder: Path, step: int) -> None:
    """Deletes a checkpoint atomically."""
    remove_directory(folder / "checkpoints" / str(step))


def set_aside(path: Path) -> Path | None:
    """Renames what has a checkpoint's name without being one, so that a checkpoint can be saved there.

    Returns:
        The new path; None if nothing is in the way.

    Raises:
        CheckpointError: if it cannot be read, so that it may be a checkpoint.
    """
    if not os.path.lexists(path) or is_checkpoint(path, int(path.name), must_be_readable=True):
        return None
    if path.is_dir() and not any(path.iterdir()):
        return None
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
    return path.rename(next(name for name in names if not os.path.lexists(name)))
