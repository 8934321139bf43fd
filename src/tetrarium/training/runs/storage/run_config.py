"""A run's configuration: ``config.json`` in its folder."""

import functools
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import tetrarium
from tetrarium.engine.rules import require_instance
from tetrarium.environment import EnvConfig
from tetrarium.errors import HomeError, NameTakenError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.files.safe_files import read_object
from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import LABELS, RunLabels
from tetrarium.registry.versions import champion_names
from tetrarium.training.checkpoints.checkpoint_store import library_versions
from tetrarium.training.config import TrainingConfig
from tetrarium.training.presets import find_preset
from tetrarium.training.requirements import require_trainable
from tetrarium.training.runs.storage.folder import RUN_CONFIG, require_run

_FORMAT_VERSION: Final = 1
_START_FIELDS: Final = ("command", "origin", "started", "versions", "git_revision")  # unchanged when a run resumes
_GIT_TIMEOUT_S: Final = 5.0
Origin = Literal["command", "page", "study"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Configuration of a run."""

    name: str
    env_config: EnvConfig
    training_config: TrainingConfig
    start_from: str | None = None  # path of the checkpoint whose weights initialize the agent
    preset: str | None = None  # name of the preset that the configs are based on
    branched_from: str | None = None  # NAME@STEP of the checkpoint that it is a copy of
    origin: str = field(default="command", compare=False)  # an ``Origin``, what started it
    track: tuple[str, ...] = field(default=(), compare=False)  # names of the trackers that its scalars are written to


def create_run(
    home: Home,
    name: str | None,
    env_config: EnvConfig,
    training_config: TrainingConfig,
    *,
    start_from: Path | None = None,
    preset: str | None = None,
    branched_from: str | None = None,
    origin: Origin = "command",
    group: str | None = None,
    track: tuple[str, ...] = (),
    copy_into: Callable[[Path], None] | None = None,
) -> RunConfig:
    """Creates the folder of a new run, which becomes visible once its config is in it.

    Args:
        home: The home that will contain the run.
        name: The run's name; None for the next number.
        env_config: The game.
        training_config: Training settings.
        start_from: A checkpoint whose weights initialize the agent.
        preset: Name of the preset that the configs are based on.
        branched_from: ``NAME@STEP`` of the checkpoint that the run is a copy of.
        origin: What started the run; the command of a run that no command started is an equivalent one.
        group: Name of its group.
        track: Names of trackers.
        copy_into: Receives the folder before it becomes visible, and writes further files into it.

    Raises:
        HomeError: if the name is taken or invalid, or the home cannot be written to.
        ConfigError: if no agent can be trained with these configs on this machine, or the group's name is invalid.
    """
    labels = RunLabels(group=group)
    require_trainable(env_config, training_config)
    if name in POLICY_NAMES or name in champion_names():
        raise NameTakenError(f"{name!r} is the name of a controller or built-in model. Choose another name.")
    if name is not None:
        home.require_free(name)
    home.secret()
    config = RunConfig(
        name=name or "",
        env_config=env_config,
        training_config=training_config,
        start_from=None if start_from is None else str(start_from.absolute()),
        preset=preset,
        branched_from=branched_from,
        origin=origin,
        track=track,
    )

    def fill(run_name: str, folder: Path) -> None:
        if copy_into is not None:
            copy_into(folder)
        if group is not None:
            (folder / LABELS).write_bytes(labels.to_bytes())
        (folder / RUN_CONFIG).write_bytes(_described(folder, replace(config, name=run_name), origin))

    if name is None:
        name = home.create_numbered_run_folder(fill)
    else:
        home.create_run_folder(name, fill)
    return replace(config, name=name)


@functools.cache
def default_settings() -> dict[str, Any]:
    """Returns the defaults of all settings by name, as JSON holds them."""
    return {**EnvConfig().to_dict(), **TrainingConfig().to_dict()}


def changed_settings(env_config: Mapping[str, Any], training_config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that differ from the defaults of this version, by name."""
    settings = {**env_config, **training_config}
    return {name: value for name, value in settings.items() if value != default_settings().get(name)}


def train_command(preset: str, env_config: EnvConfig, training_config: TrainingConfig) -> str:
    """Returns a command line that trains with these configs.

    >>> train_command("quick", EnvConfig(), find_preset("quick").training_config.with_changes(gamma=0.8))
    'tetrarium train --preset quick --set gamma=0.8'
    """
    require_instance("env_config", env_config, EnvConfig)
    require_instance("training_config", training_config, TrainingConfig)
    base = find_preset(preset)
    before = {**base.env_config.to_dict(), **base.training_config.to_dict()}
    after = {**env_config.to_dict(), **training_config.to_dict()}
    words = ["tetrarium", "train", "--preset", preset]
    for name, value in after.items():
        if value != before[name]:
            words += ["--set", f"{name}={setting_text(value)}"]
    return shlex.join(words)


def setting_text(value: Any) -> str:
    """Returns a value as ``--set`` takes it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def write_run_config(folder: Path, config: RunConfig) -> None:
    """Writes a run's configs, command, seed, library versions and source revision.

    Raises:
        OSError: if it cannot be written; the old file is then unchanged.
    """
    write_file(folder / RUN_CONFIG, _described(folder, config))


def _command(config: RunConfig) -> str:
    """Returns a command line that starts such a run."""
    if config.branched_from is not None:
        source, _, step = config.branched_from.partition("@")
        return shlex.join(["tetrarium", "resume", source, "--at", step])
    words = train_command(config.preset or "default", config.env_config, config.training_config)
    return words if config.start_from is None else f"{words} --from {shlex.quote(config.start_from)}"


def _described(folder: Path, config: RunConfig, origin: Origin = "command") -> bytes:
    described: dict[str, Any] = {
        "format_version": _FORMAT_VERSION,
        "name": config.name,
        "command": shlex.join(sys.argv) if origin == "command" else _command(config),
        "origin": origin,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": config.training_config.seed,
        "start_from": config.start_from,
        "preset": config.preset,
        "branched_from": config.branched_from,
        "track": list(config.track),
        "env_config": config.env_config.to_dict(),
        "training_config": config.training_config.to_dict(),
        "changed_settings": changed_settings(config.env_config.to_dict(), config.training_config.to_dict()),
        "versions": library_versions(),
        "git_revision": _git_revision(),
    }
    if (folder / RUN_CONFIG).exists():
        started = read_object(folder / RUN_CONFIG)
        described.update({name: started[name] for name in _START_FIELDS if name in started})
    return (json.dumps(described, indent=2) + "\n").encode()


def read_run_config(home: Home, name: str) -> RunConfig:
    """Reads a run's configuration.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    path = require_run(home, name) / RUN_CONFIG
    try:
        values = read_object(path)
        return RunConfig(
            name=name,
            env_config=EnvConfig.from_dict(values["env_config"]),
            training_config=TrainingConfig.from_dict(values["training_config"]),
            start_from=values.get("start_from"),
            preset=values.get("preset"),
            branched_from=values.get("branched_from"),
            origin=values.get("origin", "command"),
            track=tuple(values.get("track", ())),
        )
    except PermissionError:
        raise HomeError(
            f"The run's {str(path)!r} cannot be read: Permission denied. Grant yourself read permission."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:  # a ConfigError is a ValueError
        raise HomeError(
            f"The run's {str(path)!r} cannot be read ({error}). Restore it from a copy, or delete the run by "
            f"`tetrarium runs delete {name}`."
        ) from error


def _git_revision() -> str | None:
    """Returns the commit of the package's source, marked if files differ from it; None outside of a repository."""
    source = Path(tetrarium.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 fixed arguments
            ["git", "-C", str(source), *arguments],  # noqa: S607 the user's git
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_TIMEOUT_S,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # fails for a copy installed inside another repository
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None
