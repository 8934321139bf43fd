"""Trash of runs: deleted runs, which can be restored until they are deleted permanently.

A deleted run stays in ``runs/`` under a hidden name, ``.NAME~MILLISECONDS``, which contains the time of its deletion.
So it is moved there and back by one rename inside a folder: atomic, on any disk, and relative links keep their targets.
"""

import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tetrarium.errors import EntryNotFoundError, NameTakenError, RunInTrashError, suggestion
from tetrarium.registry.files.atomic import DISK, Disk, folder_lock, remove_directory
from tetrarium.registry.files.process_lock import OWNER, run_lock
from tetrarium.registry.home import NAME_RULE, Home, natural_key

_HIDDEN: Final = re.compile(rf"\.({NAME_RULE.pattern})~([0-9]{{1,15}})")
_MOVABLE_PARTS: Final = ("checkpoints", "best", "replays")  # of a run; each may be a link to another disk


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashedRun:
    """A deleted run that can be restored."""

    name: str
    deleted_ms: int  # since 1970
    folder: Path

    @property
    def id(self) -> str:
        """Reference that differs for runs of one name."""
        return f"{self.name}~{self.deleted_ms}"


def trashed_runs(home: Home, name: str | None = None) -> list[TrashedRun]:
    """Returns the deleted runs, or those of one name, the latest deletion first."""
    names = os.listdir(home.runs) if home.runs.is_dir() else ()  # noqa: PTH208 names alone
    matches = filter(None, map(_HIDDEN.fullmatch, names))
    found = [
        TrashedRun(name=match[1], deleted_ms=int(match[2]), folder=home.runs / match[0])
        for match in matches
        if name in (None, match[1])
    ]
    return sorted(found, key=lambda run: (-run.deleted_ms, natural_key(run.name)))


def find_trashed(home: Home, reference: str) -> TrashedRun:
    """Returns a deleted run by its id, or the one of a name that was deleted last.

    Raises:
        EntryNotFoundError: if there is none.
    """
    runs = trashed_runs(home)
    for run in runs:
        if reference in (run.id, run.name):
            return run
    remedy = suggestion(reference, [run.name for run in runs]) or " `tetrarium runs list --trash` lists its contents."
    raise EntryNotFoundError(f"There is no run {reference[:80]!r} in the trash.{remedy}")


def refuse_trashed(home: Home, name: str) -> None:
    """Checks that no run of a name is in the trash.

    Raises:
        RunInTrashError: if there is one.
    """
    if trashed_runs(home, name):
        raise RunInTrashError(f"The run {name!r} is in the trash. Restore it by `tetrarium runs restore {name}`.")


def trash_run(home: Home, name: str, *, clock_s: Callable[[], float] = time.time, disk: Disk = DISK) -> TrashedRun:
    """Moves a run to the trash.

    Raises:
        AlreadyRunningError: if it is being trained.
        HomeError: if its folder cannot be written.
    """
    folder, deleted_ms = home.run_folder(name), int(clock_s() * 1_000)
    with run_lock(folder), folder_lock(home.runs):
        while os.path.lexists(target := folder.with_name(f".{name}~{deleted_ms}")):
            deleted_ms += 1
        disk.rename(folder, target)
        disk.flush(home.runs)
        (target / OWNER).unlink(missing_ok=True)  # this process
    return TrashedRun(name=name, deleted_ms=deleted_ms, folder=target)


def restore_run(home: Home, reference: str, *, disk: Disk = DISK) -> TrashedRun:
    """Moves a run from the trash back to its name; returns what it was in the trash.

    Args:
        home: The home.
        reference: As for ``find_trashed``.
        disk: System calls; replaced in tests.

    Raises:
        EntryNotFoundError: if there is none in the trash.
        NameTakenError: if another run has its name by now.
    """
    find_trashed(home, reference)  # before the lock, which needs the folder of runs
    with folder_lock(home.runs):
        run = find_trashed(home, reference)
        folder = home.run_folder(run.name)
        if os.path.lexists(folder):
            raise NameTakenError(
                f"The name {run.name!r} is taken by another run. Move that one to the trash by `tetrarium runs delete "
                f"{run.name}`, then restore this one by `tetrarium runs restore {run.id}`."
            )
        disk.rename(run.folder, folder)
        disk.flush(home.runs)
    return run


def remove_trashed(runs: Iterable[TrashedRun]) -> None:
    """Deletes runs in the trash permanently, and the folders that links in them lead to."""
    for run in runs:
        links = [part for part in (run.folder / name for name in _MOVABLE_PARTS) if part.is_symlink()]
        for path in (*links, run.folder):
            if path.is_dir():
                remove_directory(path)
            else:
                path.unlink(missing_ok=True)  # a link to a disk that is not there
