"""A run's folder: what it was started with, and which of its checkpoints there are.

``runs/NAME/`` holds ``config.json``, ``checkpoints/<step>/``, ``best/`` (the weights that did best in evaluation),
``episodes.csv``, ``evaluations.csv``, ``progress.csv``, ``replays/`` and TensorBoard events; ``run.lock`` is locked
while a process trains, which shows its games in ``boards``.
"""

import contextlib
import fcntl
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.environment import EnvConfig
from tetrarium.errors import FolderMovedError, HomeError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.atomic import remove_directory, write_file
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import open_plain, read_object
from tetrarium.training.checkpoints.store import library_versions
from tetrarium.training.config import TrainingConfig

__all__ = [
    "BEST",
    "BOARDS",
    "LOCK",
    "RunConfig",
    "checkpoint_steps",
    "checkpoints_to_drop",
    "create_run",
    "held_in_place",
    "is_locked",
    "latest_checkpoint",
    "only_trainer",
    "read_run_config",
    "remove_checkpoint",
    "take_lock",
    "write_run_config",
]

BEST: Final = "best"
BOARDS: Final = "boards"  # a file, mostly of holes, by which a worker shows games
LOCK: Final = "run.lock"
_CONFIG: Final = "config.json"
_FORMAT_VERSION: Final = 1
_OF_THE_START: Final = ("command", "started", "versions", "git_revision")  # stay what they were when a run goes on
_GIT_TIMEOUT_S: Final = 5.0
_LOCK_TRIES: Final = 5
_LOCK_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What a run was started with."""

    name: str
    env_config: EnvConfig
    training_config: TrainingConfig
    start_from: str | None = None  # a checkpoint whose weights the agent begins with
    preset: str | None = None  # what the two were made of
    branched_from: str | None = None  # NAME@STEP of the checkpoint that it began as a copy of


def create_run(
    home: Home,
    name: str | None,
    env_config: EnvConfig,
    training_config: TrainingConfig,
    *,
    start_from: Path | None = None,
    preset: str | None = None,
    branched_from: str | None = None,
    copy_into: Callable[[Path], None] | None = None,
) -> RunConfig:
    """Makes the folder of a new run, which nobody sees before its config lies in it.

    Args:
        home: Where it lives.
        name: Its name; without one it gets the next number.
        env_config: What is played.
        training_config: How it is learnt.
        start_from: A checkpoint whose weights the agent begins with.
        preset: What the configs were made of.
        branched_from: ``NAME@STEP`` of the checkpoint that it begins as a copy of.
        copy_into: Is given the folder before anybody sees it, and writes further content into it.

    Raises:
        HomeError: if the name is taken or not allowed, or the home cannot be written.
        ConfigError: if the game is one by keys, which no agent here learns.
    """
    env_config.rules()
    home.secret()
    if name in POLICY_NAMES:
        raise HomeError(f"A run has a name of its own; {name!r} is a known controller. Choose another name.")
    base = None if start_from is None else str(start_from.absolute())

    def config_of(run_name: str) -> RunConfig:
        return RunConfig(
            name=run_name,
            env_config=env_config,
            training_config=training_config,
            start_from=base,
            preset=preset,
            branched_from=branched_from,
        )

    def fill(run_name: str, folder: Path) -> None:
        if copy_into is not None:
            copy_into(folder)
        (folder / _CONFIG).write_bytes(_described(folder, config_of(run_name)))

    if name is None:
        name = home.next_run_name(fill)
    else:
        home.create_run_folder(name, fill)
    return config_of(name)


def write_run_config(folder: Path, config: RunConfig) -> None:
    """Writes what a run was started with: configs, command, seed, versions, and the revision of the source.

    Raises:
        OSError: if it cannot be written; what was there before stays.
    """
    write_file(folder / _CONFIG, _described(folder, config))


def _described(folder: Path, config: RunConfig) -> bytes:
    described: dict[str, Any] = {
        "format_version": _FORMAT_VERSION,
        "name": config.name,
        "command": shlex.join(sys.argv),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": config.training_config.seed,
        "start_from": config.start_from,
        "preset": config.preset,
        "branched_from": config.branched_from,
        "env_config": config.env_config.to_dict(),
        "training_config": config.training_config.to_dict(),
        "versions": library_versions(),
        "git_revision": _git_revision(),
    }
    if (folder / _CONFIG).exists():
        started = _read(folder / _CONFIG)
        described.update({name: started[name] for name in _OF_THE_START if name in started})
    return (json.dumps(described, indent=2) + "\n").encode()


def read_run_config(home: Home, name: str) -> RunConfig:
    """Reads what a run was started with.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    path = home.run_folder(name) / _CONFIG
    try:
        values = _read(path)
        return RunConfig(
            name=name,
            env_config=EnvConfig.from_dict(values["env_config"]),
            training_config=TrainingConfig.from_dict(values["training_config"]),
            start_from=values.get("start_from"),
            preset=values.get("preset"),
            branched_from=values.get("branched_from"),
        )
    except FileNotFoundError:
        raise HomeError(f"There is no run {name!r} in {str(home.root)!r}. Start one by `tetrarium train`.") from None
    except PermissionError:
        raise HomeError(
            f"The run's {str(path)!r} cannot be read: Permission denied. Make it readable for you."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:  # a ConfigError is a ValueError
        raise HomeError(f"The run's {str(path)!r} cannot be read ({error}). Restore it from a copy.") from error


def _read(path: Path) -> dict[str, Any]:
    return read_object(path)


def _git_revision() -> str | None:
    """The commit that the package runs from, marked where files differ from it; None outside of a repository."""
    source = Path(tetrarium.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 fixed arguments
            ["git", "-C", str(source), *arguments],  # noqa: S607 whichever git the person uses
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_TIMEOUT_S,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # an installed copy may lie inside another's repository
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def checkpoint_steps(folder: Path) -> list[int]:
    """Steps at which a run has checkpoints, in order."""
    inside = folder / "checkpoints"
    return sorted(int(path.name) for path in inside.iterdir() if path.name.isdecimal()) if inside.is_dir() else []


def latest_checkpoint(folder: Path) -> Path | None:
    """Returns the run's latest checkpoint, or None where none was saved yet."""
    steps = checkpoint_steps(folder)
    return folder / "checkpoints" / str(steps[-1]) if steps else None


def checkpoints_to_drop(
    steps: Sequence[int], keep_latest: int, keep_every: int | None, keep: frozenset[int] = frozenset()
) -> list[int]:
    """Which checkpoints the retention rule lets go.

    >>> checkpoints_to_drop([100, 250, 300, 450, 500, 600], keep_latest=1, keep_every=200, keep=frozenset({300}))
    [100, 500]

    Args:
        steps: Of the checkpoints there are, in order.
        keep_latest: How many of the latest stay.
        keep_every: The first of every so many steps stays too.
        keep: Further ones that stay.
    """
    kept = {*steps[-keep_latest:], *keep}
    if keep_every is not None:
        first: dict[int, int] = {}
        for step in steps:
            first.setdefault(step // keep_every, step)
        kept |= {step for step in first.values() if step >= keep_every}
    return [step for step in steps if step not in kept]


@contextlib.contextmanager
def only_trainer(folder: Path, lock: int | None = None) -> Iterator[None]:
    """Holds the run's lock, which ends with the process however that ends.

    Args:
        folder: The run's.
        lock: A descriptor of the lock, if this process was started with it.

    Raises:
        HomeError: if another process trains this run, or its folder cannot be written.
    """
    descriptor = take_lock(folder) if lock is None else lock
    os.set_inheritable(descriptor, False)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held_in_place(folder: Path) -> Iterator[Callable[[], None]]:
    """Gives what raises once a run's folder is no longer the one that was there, which files would be made in anew.

    The folder is held open, so that the system gives its number to no other meanwhile.

    Raises:
        FolderMovedError: by what is given, if the folder was moved, removed, or replaced by another of its name.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def require() -> None:
        try:
            is_there = os.path.samestat(os.fstat(descriptor), folder.stat())
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        if not is_there:
            raise FolderMovedError(
                f"The run's folder {str(folder)!r} was moved or removed while it trained. "
                "Put it back, and go on by `tetrarium resume`."
            )

    try:
        yield require
    finally:
        os.close(descriptor)


def take_lock(folder: Path) -> int:
    """Locks a run's folder; returns the descriptor that holds the lock until it is closed, copies of it included.

    Raises:
        HomeError: if another process trains this run, or its folder cannot be written.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise HomeError(
            f"The run's folder {str(folder)!r} cannot be written: {error.strerror}. "
            "Make it writable for you, or begin a run of your own by `tetrarium train --from`."
        ) from error
    try:
        _lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        raise HomeError(
            f"One process trains a run at a time, and {folder.name!r} is being trained by another. "
            "Stop that one first, or start a run of another name."
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise HomeError(
            f"One process trains a run at a time, and the file system of {str(folder)!r} cannot lock files "
            f"({error.strerror}). Choose another home with --home or TETRARIUM_HOME."
        ) from error
    return descriptor


def _lock(descriptor: int) -> None:
    """Locks a file; who looks whether it is locked holds the lock for an instant, and is waited for."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_EVERY_S)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of a run's or player's folder."""
    try:
        with open_plain(folder / LOCK) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def remove_checkpoint(folder: Path, step: int) -> None:
    """Removes one checkpoint as a whole."""
    remove_directory(folder / "checkpoints" / str(step))
