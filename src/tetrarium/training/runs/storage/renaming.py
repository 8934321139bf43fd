"""Renaming of a run: its folder, and every mention of its name in the home."""

import contextlib
import json
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError, NameTakenError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.files.atomic import DISK, Disk, folder_lock, write_file
from tetrarium.registry.files.process_lock import OWNER, run_lock
from tetrarium.registry.files.safe_files import read_object
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_labels import TRIAL_NAME
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.versions import champion_names
from tetrarium.training.runs.storage.folder import RUN_CONFIG, require_run

_WAIT_S: Final = 5.0  # for other writers of the registry


def rename_run(home: Home, name: str, new_name: str, *, disk: Disk = DISK) -> None:
    """Renames a run that is not being trained.

    Mentions of its name change first: in the versions of models that were saved from it, and in the runs that started
    from it. Then its folder is renamed, atomically, so that a rename that was killed can be repeated. A model that is
    named after the run keeps its name.

    Args:
        home: The home.
        name: Name of the run.
        new_name: Its new name.
        disk: System calls; replaced in tests.

    Raises:
        EntryNotFoundError: if there is no such run.
        AlreadyRunningError: if it is being trained.
        InvalidNameError, NameTakenError: if the new name is invalid, taken or reserved, or the run is a study's trial.
        HomeError: if the home cannot be written.
    """
    folder = require_run(home, name)
    target = home.run_folder(new_name)
    if new_name in POLICY_NAMES or new_name in champion_names():
        raise NameTakenError(f"{new_name!r} is the name of a controller or built-in model. Choose another name.")
    for one in (name, new_name):
        _refuse_trial(home, one)
    with run_lock(folder), folder_lock(home.runs):
        home.require_free(new_name)
        ModelStore(home, wait_s=_WAIT_S).rename_run(name, new_name)
        for other in home.runs.iterdir():  # those in the trash, too
            _rename_origin(other / RUN_CONFIG, folder, target)
        disk.rename(folder, target)
        disk.flush(home.runs)
        (target / OWNER).unlink(missing_ok=True)  # this process
    with contextlib.suppress(HomeError, OSError):  # otherwise the run is ingested anew
        RunStore(home, wait_s=_WAIT_S).rename(name, new_name)


def _refuse_trial(home: Home, name: str) -> None:
    """Refuses the name of a trial, by which its study finds the run."""
    trial = TRIAL_NAME.fullmatch(name)
    if trial and home.study_folder(trial[1]).is_dir():
        raise NameTakenError(
            f"{name!r} is the name of a trial of the study {trial[1]!r}, which finds its runs by their names. "
            "Choose another name, or delete the study first; its runs can stay."
        )


def _rename_origin(config: Path, folder: Path, target: Path) -> None:
    """Changes a run's origin in its ``config.json`` if that is the renamed run."""
    try:
        values = read_object(config)
    except (OSError, ValueError):
        return
    changed = dict(values)
    if config.parent == folder:
        changed["name"] = target.name
    if (start := _text(values, "start_from")) and (path := Path(start)).is_relative_to(folder):
        changed["start_from"] = str(target / path.relative_to(folder))
    run, at, step = _text(values, "branched_from").partition("@")
    if at and run == folder.name:
        changed["branched_from"] = f"{target.name}@{step}"
    if changed != values:
        write_file(config, (json.dumps(changed, indent=2) + "\n").encode())


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""
