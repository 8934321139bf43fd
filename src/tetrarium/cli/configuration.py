"""Layers of configuration: flags, then ``TETRARIUM_*`` variables, then a TOML file, then a preset.

Names, bounds and defaults are read off the fields of ``EnvConfig`` and ``TrainingConfig``, which share no name. A file
may group settings in tables ``[game]`` and ``[training]``. Within a layer a setting is given once.
"""

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.markup import escape
from rich.table import Table

from tetrarium.engine import FEATURES
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.settings import Settings
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import ALL_SETTINGS, find_preset
from tetrarium.values import decode_text, parse_value

_PREFIX: Final = "TETRARIUM_"
_NOT_SETTINGS: Final = {"TETRARIUM_HOME"}
_TABLES: Final[Mapping[str, type[Settings]]] = {"game": EnvConfig, "training": TrainingConfig}


class _Given(NamedTuple):
    """A value and the place where it was given."""

    value: Any
    place: str


def read_configs(
    preset: str,
    file: Path | None,
    assignments: Sequence[str],
    flags: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
) -> tuple[EnvConfig, TrainingConfig]:
    """Returns the two configurations that result from all layers; warns of variables that are no settings.

    Args:
        preset: Name of the lowest layer.
        file: A TOML file, or None.
        assignments: ``key=value`` texts of ``--set``; they count as flags.
        flags: Settings with flags of their own; None where a flag was omitted.
        environment: Source of the ``TETRARIUM_*`` variables.

    Raises:
        ConfigError: if a key is unknown, a layer gives a setting twice (the message names both places), or a value is
            out of range.
    """
    base = find_preset(preset)
    given = _from_file(file) if file is not None else {}
    given.update(_from_environment(environment))
    given.update(_from_flags(assignments, flags))
    values = {name: value for name, (value, _) in given.items()}
    with _naming_places(given):
        return base.configs_with(values)


def read_assignments(assignments: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of ``--set`` texts and flags.

    Args:
        assignments: Texts ``key=value``.
        flags: Settings with flags of their own; None where a flag was omitted.

    Raises:
        ConfigError: if a text has no ``=``, or its key is unknown or given twice.
    """
    return {name: value for name, (value, _) in _from_flags(assignments, flags).items()}


@contextmanager
def _naming_places(given: Mapping[str, _Given]) -> Iterator[None]:
    """Adds to an error about a value where it was given, unless it was in the command."""
    try:
        yield
    except ConfigError as error:
        source = given.get(error.field or "")
        if source is None or source.place.startswith("by"):
            raise
        raise ConfigError(f"{error} It is given {source.place}.", field=error.field) from error


def settings_table() -> Table:
    """Returns a table of all settings with default and meaning."""
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("default", overflow="fold", max_width=16)
    table.add_column("meaning")
    for name, item in ALL_SETTINGS.items():
        default = _all_but(item.default) if name == "features" else _shown(item.default)
        table.add_row(name, default, escape(item.metadata["help"]))
    return table


def _all_but(features: Any) -> str:
    return f"all but {', '.join(name for name in FEATURES if name not in features)}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).lower()


def _from_file(path: Path) -> dict[str, _Given]:
    content = _read_toml(path)
    given: dict[str, _Given] = {}
    for key, value in content.items():
        if key not in _TABLES or not isinstance(value, dict):
            _require_known(key, f"in {path.name}", tuple(_TABLES))
            _add(given, key, _Given(value, f"at the top of {path.name}"))
            continue
        for name, item in value.items():
            _require_known(name, f"in [{key}] of {path.name}")
            if name not in {field.name for field in fields(_TABLES[key])}:
                (other,) = _TABLES.keys() - {key}
                raise ConfigError(
                    f"{name} is a setting of [{other}]; {path.name} has it in [{key}]. Move it there.", field=name
                )
            _add(given, name, _Given(item, f"in [{key}] of {path.name}"))
    return given


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(path.read_bytes()))
    except OSError as error:
        raise ConfigError(
            f"The config file {str(path)!r} cannot be read: {error.strerror}. Check its name.", field="config"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The config file {str(path)!r} is not TOML: {error}. Correct it.", field="config") from error
    except (ValueError, RecursionError) as error:  # encoding; a number of thousands of digits; deep nesting
        raise ConfigError(f"The config file {str(path)!r} {error}.", field="config") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    unknown: dict[str, str] = {}
    for variable, text in environment.items():
        if not variable.startswith(_PREFIX) or variable in _NOT_SETTINGS or not text.strip():
            continue
        key = variable.removeprefix(_PREFIX).lower()
        if key in ALL_SETTINGS:
            _add(given, key, _Given(parse_value(text, ALL_SETTINGS[key].default), f"in the environment as {variable}"))
        else:
            unknown[variable] = suggestion(key, ALL_SETTINGS)
    if unknown:
        print(
            f"tetrarium: Ignored variables of the environment that are no settings: {', '.join(unknown)}."
            f"{''.join(unknown.values())} `tetrarium train --settings` lists all settings.",
            file=sys.stderr,
        )
    return given


def _from_flags(assignments: Sequence[str], flags: Mapping[str, Any]) -> dict[str, _Given]:
    given = {name: _Given(value, "by its flag") for name, value in flags.items() if value is not None}
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals:
            raise ConfigError(
                f"--set takes key=value; got {assignment!r}. Write, for example, --set gamma=0.9.", field="set"
            )
        _require_known(key, "after --set")
        _add(given, key, _Given(parse_value(text, ALL_SETTINGS[key].default), "by --set"))
    return given


def _add(given: dict[str, _Given], name: str, new: _Given) -> None:
    old = given.setdefault(name, new)
    if old is not new:
        raise ConfigError(
            f"A setting is given once; {name} is {_shown(old.value)} {old.place} and {_shown(new.value)} {new.place}. "
            "Remove one.",
            field=name,
        )


def _require_known(key: str, place: str, others: tuple[str, ...] = ()) -> None:
    if key not in ALL_SETTINGS:
        remedy = suggestion(key, [*ALL_SETTINGS, *others]) or " `tetrarium train --settings` lists them."
        raise ConfigError(f"Unknown setting {key!r} {place}.{remedy}", field=key)
