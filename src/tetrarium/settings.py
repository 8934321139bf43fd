"""Base of the configurations: dataclasses whose fields have a meaning and bounds, and are validated.

A config is a frozen dataclass whose fields are made by ``setting``. Defaults, meanings and bounds are stated there
alone; the command line and forms read them from the fields.
"""

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, Final, Self

from tetrarium.errors import ConfigError, suggestion
from tetrarium.values import is_none, parse_number

_MAX_SHOWN: Final = 60  # characters of a value in a message


def setting(
    group: str,
    default: Any,
    meaning: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Makes a dataclass field.

    Args:
        group: Group in forms; settings of one group share rules, such as whether a study may vary them. Settings
            that only some algorithms use are in groups of their own, ``ALGORITHM_GROUPS``.
        default: The default.
        meaning: One line for people.
        low: Smallest allowed number.
        high: Largest allowed number.
        choices: Allowed words.
    """
    metadata = {"group": group, "help": meaning, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=metadata)


def names_of_groups(config: "type[Settings]", *groups: str) -> tuple[str, ...]:
    """Returns the names of a config's settings in these groups, in its order."""
    return tuple(item.name for item in fields(config) if item.metadata["group"] in groups)


def documented(description: str, *examples: Any, choices: Iterable[str] = ()) -> dict[str, Any]:
    """Returns metadata of a dataclass field that the REST API shows in its OpenAPI document.

    Args:
        description: One sentence.
        *examples: Values.
        choices: All values that a text can have.
    """
    metadata: dict[str, Any] = {"description": description}
    if examples:
        metadata["examples"] = list(examples)
    if choices:
        metadata["json_schema_extra"] = {"enum": list(choices)}
    return metadata


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of the configurations.

    Raises:
        ConfigError: if a value breaks its field's rule.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            value = plain_value(getattr(self, item.name), item)
            object.__setattr__(self, item.name, value)
            if value is None and item.default is None:
                continue
            if item.metadata["low"] is not None:
                _check_number(item.name, value, item.metadata["low"], item.metadata["high"], is_whole(item))
            elif item.metadata["choices"] and not (isinstance(value, str) and value in item.metadata["choices"]):
                choices = item.metadata["choices"]
                shown = ", ".join(map(repr, choices))
                raise ConfigError(
                    f"{item.name} is one of {shown}; got {_shown(value)}.{suggestion(str(value), choices)}",
                    field=item.name,
                )
            elif isinstance(item.default, bool) and not isinstance(value, bool):
                raise ConfigError(
                    f"{item.name} is true or false; got {_shown(value)}. Choose one of the two.", field=item.name
                )

    @classmethod
    def of(cls, given: Any) -> Self:
        """Returns a config as it is, a mapping as ``from_dict`` reads it, and the defaults for None.

        Raises:
            ConfigError: if it is something else, a key is unknown or a value breaks its rule.
        """
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise ConfigError(
                f"config is an instance of {cls.__name__} or a mapping of its settings; got {given!r:.200}. "
                f"Pass {cls.__name__}(), for example.",
                field="config",
            )
        return cls.from_dict(given)

    def with_changes(self, **changes: Any) -> Self:
        """Returns the config with some fields changed."""
        return replace(self, **_known(type(self), changes))

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them, tuples as lists."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Makes a config of what ``to_dict`` returned; missing fields have their defaults.

        Raises:
            ConfigError: if a key is unknown or a value breaks its rule.
        """
        return cls(**_known(cls, values))


def _known(config: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{config.__name__} takes an object of settings; got {values!r}. Write name = value.")
    names = [item.name for item in fields(config)]
    for name in values:
        if name not in names:
            remedy = suggestion(str(name), names) or f" Its settings are {', '.join(names)}."
            raise ConfigError(f"{config.__name__} has no setting {name!r}.{remedy}", field=str(name))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def plain_value(value: Any, item: Field[Any]) -> Any:
    """Returns a value as its setting holds it, whatever layer it comes from, without checking its rule.

    NumPy numbers become Python's, whole floats become ints in a setting of whole numbers (JSON and TOML have ``1e6``),
    -0 becomes 0, and ``"none"`` becomes None where that is the default.
    """
    if item.default is None and is_none(value):
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    return int(number) if is_whole(item) and number.is_integer() else number + 0.0


def is_whole(item: Field[Any]) -> bool:
    """Returns whether a setting takes whole numbers; one with bounds and the default None is a count."""
    return item.metadata["low"] is not None and not isinstance(item.default, float)


def _check_number(name: str, value: object, low: float, high: float, whole: bool) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or not whole)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # not a number is never in a range
        kind = "a whole number" if whole else "a number"
        remedy = "Choose one in that range."
        if isinstance(value, str):
            remedy = remedy if parse_number(value) is None else "Remove the quotes."
            remedy = "Write decimals with a point." if "," in value else remedy
        raise ConfigError(f"{name} is {kind} from {low:,} to {high:,}; got {_shown(value)}. {remedy}", field=name)


def _shown(value: object) -> str:
    """Shows a value in a message, in one line of limited length; dates, which TOML has, as they are written."""
    text = repr(value) if isinstance(value, str | int | float | list | tuple | dict | None) else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
