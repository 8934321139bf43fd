"""What a run was started with: ``config.json`` in its folder."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.environment import EnvConfig
from tetrarium.errors import HomeError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import read_object
from tetrarium.training.checkpoints.store import library_versions
from tetrarium.training.config import TrainingConfig

__all__ = ["RunConfig", "create_run", "read_run_config", "write_run_config"]

_CONFIG: Final = "config.json"
_FORMAT_VERSION: Final = 1
_OF_THE_START: Final = ("command", "started", "versions", "git_revision")  # stay what they were when a run goes on
_GIT_TIMEOUT_S: Final = 5.0


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
        started = read_object(folder / _CONFIG)
        described.update({name: started[name] for name in _OF_THE_START if name in started})
    return (json.dumps(described, indent=2) + "\n").encode()


def read_run_config(home: Home, name: str) -> RunConfig:
    """Reads what a run was started with.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    path = home.run_folder(name) / _CONFIG
    try:
        values = read_object(path)
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
