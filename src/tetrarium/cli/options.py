"""Options that several commands share, the conversion of their numbers, and the words that a shell completes.

A shell asks while the user types, so errors yield no completions. Names of a home are those of folders: neither the
database nor a library is loaded. A mapping holds words and their meanings.
"""

import contextlib
import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, Token, convert

from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.registry.home import NAME_RULE, Home, natural_key
from tetrarium.registry.run_trash import trashed_runs
from tetrarium.values import is_none, parse_number

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

HomeOption = Annotated[
    Path | None, Parameter(help="Home folder. [default: TETRARIUM_HOME or the platform's data folder]")
]
JsonOption = Annotated[bool, Parameter(negative="", help="Print JSON.")]
ForceOption = Annotated[bool, Parameter(negative="", help="Overwrite an existing file.")]
YesOption = Annotated[bool, Parameter(negative="", help="Apply (default: dry run).")]


def suggested(command: str, home: Path | str | None) -> str:
    """Returns a command to suggest, with the ``--home`` that the present one was given."""
    return command if home is None else f"{command} --home {shlex.quote(str(home))}"


def require_writable(path: Path, noun: str, field: str, *, force: bool) -> None:
    """Checks that an output file can be written, before anything is computed.

    Raises:
        ConfigError: if its folder is missing, or it exists and may not be overwritten.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(
            f"A {noun} is written into an existing folder; got {str(path)!r}. Create the folder first.", field=field
        )
    if os.path.lexists(path) and not force:
        raise ConfigError(f"{str(path)!r} already exists. Choose another name or add --force.", field=field)


def run_names(context: "CompletionContext") -> list[str]:
    """Returns the names of the home's runs."""
    return _names(context, "runs")


def trashed_run_names(context: "CompletionContext") -> list[str]:
    """Returns the names of the home's deleted runs."""
    with contextlib.suppress(TetrariumError, OSError):
        return list(dict.fromkeys(run.name for run in trashed_runs(Home.locate(_asked_home(context)))))
    return []


def study_names(context: "CompletionContext") -> list[str]:
    """Returns the names of the home's studies."""
    return _names(context, "tuning")


def model_names(context: "CompletionContext") -> list[str]:
    """Returns the names of the home's models and of the built-in ones."""
    from tetrarium.registry.versions import champion_names

    return sorted({*_names(context, "models"), *champion_names()}, key=natural_key)


def agent_names(context: "CompletionContext") -> list[str]:
    """Returns the names of runs and models."""
    return sorted({*run_names(context), *model_names(context)}, key=natural_key)


def evaluable_names(context: "CompletionContext") -> list[str]:
    """Returns the names of runs, models and published controllers."""
    from tetrarium.evaluation import POLICY_NAMES

    return [*agent_names(context), *POLICY_NAMES]


def game_names(context: "CompletionContext") -> list[str]:
    """Returns the names of saved human games, latest first."""
    return [name.removesuffix(".tetris-replay") for name in reversed(_names(context, "games"))]


def column_names(_context: "CompletionContext") -> dict[str, str]:
    """Returns the names of the quantities of ``runs plot``."""
    from tetrarium.workers.directories.learning_curves import COLUMNS

    return {name: column.title for name, column in COLUMNS.items()}


def preset_names(_context: "CompletionContext") -> dict[str, str]:
    """Returns the names of the presets."""
    from tetrarium.training.presets import PRESETS

    return {name: preset.meaning for name, preset in PRESETS.items()}


def protocol_names(_context: "CompletionContext") -> dict[str, str]:
    """Returns the names of the evaluation protocols."""
    from tetrarium.evaluation.protocols import PROTOCOLS

    return {name: protocol.meaning for name, protocol in PROTOCOLS.items()}


def objective_names(_context: "CompletionContext") -> Mapping[str, str]:
    """Returns the names of the objectives of studies."""
    from tetrarium.tuning.objectives import OBJECTIVES

    return OBJECTIVES


def sampler_names(_context: "CompletionContext") -> Mapping[str, str]:
    """Returns the names of the samplers of studies."""
    from tetrarium.tuning.study import SAMPLERS

    return SAMPLERS


def setting_words(context: "CompletionContext") -> dict[str, str]:
    """Returns ``key=`` of all settings."""
    from tetrarium.training.presets import ALL_SETTINGS

    return _setting_words(context, ALL_SETTINGS)


def changeable_setting_words(context: "CompletionContext") -> dict[str, str]:
    """Returns ``key=`` of the settings that may change when a run resumes."""
    from tetrarium.training.config import CHANGEABLE_SETTINGS

    return _setting_words(context, CHANGEABLE_SETTINGS)


def varied_setting_words(context: "CompletionContext") -> dict[str, str]:
    """Returns ``key=`` of the settings that a study may vary."""
    from tetrarium.training.presets import ALL_SETTINGS
    from tetrarium.tuning.search_space import FIXED

    return _setting_words(context, ALL_SETTINGS.keys() - FIXED.keys())


def _setting_words(context: "CompletionContext", keys: Collection[str]) -> dict[str, str]:
    """Returns ``key=`` of the settings that begin as typed; of a single one also its choices, or its default."""
    from tetrarium.training.presets import ALL_SETTINGS

    typed, equals, _ = context.incomplete.partition("=")
    found = {name: item for name, item in ALL_SETTINGS.items() if name in keys and name.startswith(typed)}
    if equals:
        found = {name: item for name, item in found.items() if name == typed}
    words = {f"{name}=": item.metadata["help"] for name, item in found.items()}
    if len(found) == 1:
        ((name, item),) = found.items()
        default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
        values = ("true", "false") if isinstance(default, bool) else item.metadata["choices"] or (default,)
        words |= {f"{name}={value}": "" for value in values if value is not None}
    return words


def _names(context: "CompletionContext", folder: str) -> list[str]:
    with contextlib.suppress(TetrariumError, OSError):
        home = Home.locate(_asked_home(context))
        names = os.listdir(home.root / folder)  # noqa: PTH208 names alone
        return sorted(filter(NAME_RULE.allows, names), key=natural_key)
    return []


def _asked_home(context: "CompletionContext") -> Path | None:
    """Returns the value of --home, if it was typed already."""
    asked = context.get("home")
    return None if asked is None or asked.raw is None else Path(asked.raw)


def convert_option(kind: Any, tokens: Sequence[Token]) -> Any:
    """Converts an option's words, numbers by the parser of all settings.

    Raises:
        ValueError: if a number is malformed or has a fraction where whole ones are expected.
    """
    text = tokens[0].value if tokens else ""
    if kind == int | Literal["none"]:
        return "none" if is_none(text) else convert_option(int, tokens)
    if kind not in {int, float}:
        return convert(kind, tokens)
    number = parse_number(text)
    if number is None or (kind is int and isinstance(number, float) and not number.is_integer()):
        raise ValueError(f"a {'whole ' if kind is int else ''}number, such as 1000, is expected; got {text[:60]!r}.")
    return kind(number)
