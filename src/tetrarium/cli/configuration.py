"""Where settings come from: flags, then ``TETRARIUM_*``, then a TOML file, then a preset, whose own rest are defaults.

Names, bounds and defaults are read off the fields of ``EnvConfig`` and ``TrainingConfig``, which share no name. A file
may group them in tables ``[game]`` and ``[training]``, or not.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import find_preset

__all__ = ["read_assignments", "read_configs", "settings_table"]

_PREFIX: Final = "TETRARIUM_"
_NOT_SETTINGS: Final = {"TETRARIUM_HOME"}
_TABLES: Final = ("game", "training")
_TRUTHS: Final = {"true": True, "false": False}
_FIELDS: Final[dict[str, Field[Any]]] = {item.name: item for item in (*fields(EnvConfig), *fields(TrainingConfig))}


def read_configs(
    preset: str,
    file: Path | None,
    assignments: Sequence[str],
    flags: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
) -> tuple[EnvConfig, TrainingConfig]:
    """Layers all sources into the two configs.

    Args:
        preset: What the others change.
        file: A TOML file, or none.
        assignments: ``key=value``, as ``--set`` takes them; they count as flags.
        flags: Settings given by flags of their own; None where a flag was left out.
        environment: Where ``TETRARIUM_*`` is looked up.

    Raises:
        ConfigError: if a key is unknown, and the message says where it stands, a flag and an assignment differ, or a
            value breaks its rule.
    """
    base = find_preset(preset)
    values: dict[str, Any] = {}
    values.update(_from_file(file) if file is not None else {})
    values.update(_from_environment(environment))
    given = {name: value for name, value in flags.items() if value is not None}
    for name, value in read_assignments(assignments).items():
        if given.setdefault(name, value) != value:
            raise ConfigError(
                f"A setting is given once; {name} is {given[name]} by its flag and {value} by --set. Leave one out."
            )
    values.update(given)
    game = {item.name for item in fields(EnvConfig)}
    return (
        base.env_config.with_changes(**{name: value for name, value in values.items() if name in game}),
        base.training_config.with_changes(**{name: value for name, value in values.items() if name not in game}),
    )


def settings_table() -> Table:
    """Every setting with its default and its meaning."""
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("default", overflow="fold", max_width=16)
    table.add_column("meaning")
    for name, item in _FIELDS.items():
        default = "all but fast_wells, next_pieces, held_piece" if name == "features" else _shown(item.default)
        table.add_row(name, default, escape(item.metadata["help"]))
    return table


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).lower()


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The config file {str(path)!r} cannot be read: {error.strerror}. Check its name.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {str(path)!r} is not TOML: {error}. Mend it there.") from error
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat.update(value if key in _TABLES and isinstance(value, dict) else {key: value})
    for key in flat:
        _require_known(key, f"in {path.name}")
    return flat


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, text in environment.items():
        if variable.startswith(_PREFIX) and variable not in _NOT_SETTINGS:
            key = variable.removeprefix(_PREFIX).lower()
            _require_known(key, f"in the environment as {variable}")
            values[key] = _parse(key, text)
    return values


def read_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Reads ``key=value`` as ``--set`` takes them.

    Raises:
        ConfigError: if one is something else, or its key is unknown.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set takes key=value; got {assignment!r}. Write --set gamma=0.9, say.")
        _require_known(key.strip(), "after --set")
        values[key.strip()] = _parse(key.strip(), text.strip())
    return values


def _require_known(key: str, place: str) -> None:
    if key not in _FIELDS:
        remedy = suggestion(key, _FIELDS) or " `tetrarium train --settings` lists them."
        raise ConfigError(f"There is no setting {key!r} {place}.{remedy}")


def _parse(key: str, text: str) -> Any:
    """Reads a value as TOML would, and bare words as themselves."""
    if text.lower() == "none" and _FIELDS[key].default is None:
        return None
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    if isinstance(_FIELDS[key].default, tuple) and not text.startswith("["):
        return tuple(_toml(part.strip()) for part in text.split(",") if part.strip())
    return _toml(text)


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
