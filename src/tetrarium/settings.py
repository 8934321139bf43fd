"""What the configurations share: fields that know their meaning and their bounds, and check themselves.

A config is a frozen dataclass whose fields are made by ``setting``. Its defaults, its meanings and its bounds stand
there once; the command line and whoever draws a form read them off the fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, Self

from tetrarium.errors import ConfigError, suggestion

__all__ = ["Settings", "setting"]


def setting(
    default: Any, meaning: str, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """Makes a dataclass field.

    Args:
        default: The one default.
        meaning: One line for people.
        low: Smallest number allowed.
        high: Largest number allowed.
        choices: Words allowed.
    """
    return field(default=default, metadata={"help": meaning, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of the configurations.

    Raises:
        ConfigError: if a value breaks its field's rule.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            value = _plain(getattr(self, item.name))
            object.__setattr__(self, item.name, value)
            if value is None and item.default is None:
                continue
            if item.metadata["low"] is not None:
                whole = not isinstance(item.default, float)  # a setting without a default counts something
                _check_number(item.name, value, item.metadata["low"], item.metadata["high"], whole)
            elif item.metadata["choices"] and value not in item.metadata["choices"]:
                choices = item.metadata["choices"]
                shown = ", ".join(map(repr, choices))
                raise ConfigError(f"{item.name} is one of {shown}; got {value!r}.{suggestion(str(value), choices)}")
            elif isinstance(item.default, bool) and not isinstance(value, bool):
                raise ConfigError(f"{item.name} is true or false; got {value!r}. Choose one of the two.")

    def with_changes(self, **changes: Any) -> Self:
        """Returns the same config with some fields changed."""
        return replace(self, **_known(type(self), changes))

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them: tuples become lists."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Makes a config of what ``to_dict`` gave: lists become tuples, and fields left out have their defaults.

        Raises:
            ConfigError: if a key is unknown or a value breaks its rule.
        """
        return cls(**_known(cls, values))


def _known(config: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{config.__name__} is made of names and values; got {values!r}. Write name = value.")
    names = [item.name for item in fields(config)]
    for name in values:
        if name not in names:
            remedy = suggestion(str(name), names) or f" It has {', '.join(names)}."
            raise ConfigError(f"{config.__name__} has no setting {name!r}.{remedy}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _plain(value: Any) -> Any:
    """Makes Python's own numbers of NumPy's, which are as good but do not go into JSON."""
    if isinstance(value, bool | int | float) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def _check_number(name: str, value: object, low: float, high: float, whole: bool) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or not whole)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # not a number is never in a range
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"{name} is {kind} from {low:,} to {high:,}; got {value!r}. Choose one in that range.")
