"""Search space of a study: the settings that may be varied, and ``Range``, the values of one of them.

A range is written ``learning_rate=1e-4..1e-2:log``, ``batch_size=64..512:log:4`` (four evenly spaced values) or
``n_steps=1,2,3``. It must lie within the bounds of the setting, which are defined by the configs.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Any, Final

from tetrarium.engine.rules import is_integer, require_instance
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.settings import is_whole, plain_value
from tetrarium.training import TrainingConfig
from tetrarium.training.config import ALGORITHM_GROUPS
from tetrarium.training.presets import ALL_SETTINGS, ENV_SETTINGS
from tetrarium.values import parse_list, parse_number, parse_value

MAX_VALUES: Final = 100
_SAME_GAME: Final = "all trials are compared on the same game"
_SAME_EVALUATION: Final = "all trials are compared by the same evaluation"
_SAME_LENGTH: Final = "all trials have the same budget"
_UNRELATED: Final = "it does not affect learning"
_REASONS: Final = {  # by groups whose settings cannot be varied
    **dict.fromkeys(("game", "keys", "episode"), _SAME_GAME),
    "evaluation": _SAME_EVALUATION,
    "length": _SAME_LENGTH,
    **dict.fromkeys(("checkpoints", "hardware"), _UNRELATED),
}
FIXED: Final[Mapping[str, str]] = MappingProxyType(  # settings that cannot be varied, with the reason
    {
        name: _REASONS[item.metadata["group"]]
        for name, item in ALL_SETTINGS.items()
        if item.metadata["group"] in _REASONS
    }
)
_LISTS: Final = re.compile(r"\[([^\[\]]*)\](?:\s*,\s*(?=\[)|\s*$)")
_REMEDY: Final = "Write, for example, learning_rate=1e-4..1e-2:log or n_steps=1,2,3."


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values of one setting in a study: listed ones, or all between two bounds.

    >>> Range.of("n_steps", low=1, high=5).spread(3)
    (1, 3, 5)

    Raises:
        ConfigError: by ``of``, if the setting cannot take these values.
    """

    name: str
    values: tuple[Any, ...] = ()  # empty if there are bounds
    low: float | None = None
    high: float | None = None
    log: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        *,
        values: tuple[Any, ...] = (),
        low: float | None = None,
        high: float | None = None,
        log: bool = False,
        n_values: int | None = None,
    ) -> "Range":
        """Makes a range and checks it against the bounds of the setting.

        Args:
            name: The setting.
            values: Listed values; without bounds.
            low: Lower bound.
            high: Upper bound.
            log: Whether values are sampled, or spaced, on a logarithmic scale.
            n_values: Number of evenly spaced values to list in place of the bounds.

        Raises:
            ConfigError: if there is no such setting, it cannot be varied, or its values break a rule.
        """
        _require_variable(name)
        require_instance(name, values, tuple)
        require_instance("log", log, bool)
        if values:
            if low is not None or high is not None or log or n_values is not None:
                raise ConfigError(f"{name} takes listed values or two bounds; got both. Omit one of them.", field=name)
            return cls(name=name, values=_checked_values(name, values))
        if low is None or high is None:
            raise ConfigError(f"{name} takes listed values or two bounds; got neither. {_REMEDY}", field=name)
        for bound in (low, high):
            require_instance(name, bound, Real)
        low, high = plain_value(low, ALL_SETTINGS[name]), plain_value(high, ALL_SETTINGS[name])
        _require_bounds(name, low, high, log)
        found = cls(name=name, low=low, high=high, log=log)
        return found if n_values is None else cls(name=name, values=found.spread(n_values))

    def allows(self, value: Any) -> bool:
        """Returns whether a value is one of the range."""
        if self.values:
            return value in self.values
        assert self.low is not None
        assert self.high is not None
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def is_whole(self) -> bool:
        """True if the range has bounds and holds whole numbers between them."""
        return not self.values and is_whole(ALL_SETTINGS[self.name])

    def spread(self, n: int) -> tuple[Any, ...]:
        """Returns ``n`` evenly spaced values including both bounds; fewer if there are not as many whole numbers.

        Raises:
            ConfigError: if ``n`` is less than 2 or more than ``MAX_VALUES``.
        """
        assert self.low is not None
        assert self.high is not None
        if not is_integer(n) or not 2 <= n <= MAX_VALUES:
            raise ConfigError(
                f"A range is divided into 2 to {MAX_VALUES} values; got {n} for {self.name}. Try 5.", field=self.name
            )
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        places = [low + (high - low) * step / (n - 1) for step in range(n)]
        numbers = [math.exp(place) if self.log else place for place in places]
        return tuple(dict.fromkeys(self.rounded(number) for number in numbers))

    def rounded(self, number: float) -> float:
        """Returns a number rounded to a whole number or to four significant digits, within the bounds."""
        assert self.low is not None
        assert self.high is not None
        near = round(number) if self.is_whole else float(f"{number:.4g}")
        return min(max(near, self.low), self.high)

    @property
    def examples(self) -> tuple[Any, ...]:
        """All listed values, or both bounds."""
        return self.values or (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Returns the range as JSON can hold it."""
        if self.values:
            return {"values": [list(value) if isinstance(value, tuple) else value for value in self.values]}
        return {"low": self.low, "high": self.high, "log": self.log}

    @classmethod
    def from_dict(cls, name: str, values: Mapping[str, Any]) -> "Range":
        """Makes a range of what ``to_dict`` returned.

        Raises:
            ConfigError: as ``of``.
        """
        _require_variable(name)
        require_instance(name, values, Mapping)
        known = {"values", "low", "high", "log", "n_values"}
        strange = sorted(map(str, set(values) - known))
        require_instance(name, values.get("values", ()), Sequence)
        if strange:
            raise ConfigError(
                f"A range has values, or low, high and log; got {strange[0]!r} for {name}. Omit it.", field=name
            )
        listed = tuple(tuple(value) if isinstance(value, list) else value for value in values.get("values", ()))
        return cls.of(name, **{**values, "values": listed})

    def to_text(self) -> str:
        """Returns the range as ``parse_range`` reads it.

        >>> parse_range("learning_rate=1e-4..1e-2:log").to_text()
        'learning_rate=0.0001..0.01:log'
        """
        if self.values:
            return f"{self.name}={','.join(_written(value) for value in self.values)}"
        return f"{self.name}={_written(self.low)}..{_written(self.high)}{':log' if self.log else ''}"


def variable_settings() -> tuple[str, ...]:
    """Returns the names of all settings that can be varied."""
    return tuple(name for name in ALL_SETTINGS if name not in FIXED)


def setting_meaning(name: str) -> tuple[str, str]:
    """Returns the allowed values of a setting and its meaning, as text.

    >>> setting_meaning("gamma")
    ('0 to 0.999999', 'discount factor per placement')
    """
    item = ALL_SETTINGS[name]
    low, high, choices = (item.metadata[key] for key in ("low", "high", "choices"))
    takes = ", ".join(choices) if choices else "" if low is None else f"{_bound_text(low)} to {_bound_text(high)}"
    return ("true, false" if isinstance(item.default, bool) else takes), item.metadata["help"]


def _bound_text(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,.6g}"


def require_used_by(name: str, algorithms: tuple[str, ...]) -> None:
    """Checks that one of these algorithms uses a setting.

    Raises:
        ConfigError: if only other algorithms use it.
    """
    owners = ALGORITHM_GROUPS.get(ALL_SETTINGS[name].metadata["group"], algorithms)
    if not set(owners) & set(algorithms):
        raise ConfigError(
            f"{name} is a setting of {' and '.join(owners)}, and the trials use {', '.join(algorithms)}. "
            f"Omit it, or add --set algorithm={owners[0]}.",
            field=name,
        )


def require_varied_once(ranges: Iterable[Range], settings: Collection[str]) -> None:
    """Checks that no setting is both varied and set to one value.

    Raises:
        ConfigError: if one is.
    """
    for name in (item.name for item in ranges if item.name in settings):
        raise ConfigError(
            f"A setting is either varied or set to one value; {name} is in the ranges and among the settings. "
            "Remove it from one of them.",
            field=name,
        )


def parse_range(text: str) -> Range:
    """Parses a range as given by ``--vary``.

    >>> parse_range("net_arch=[32],[64,64]").values
    ((32,), (64, 64))
    >>> parse_range("gamma=0.8..0.98:3").values
    (0.8, 0.89, 0.98)

    Raises:
        ConfigError: if it is malformed or breaks a rule.
    """
    require_instance("vary", text, str)
    name, equals, spec = (part.strip() for part in text.partition("="))
    if not equals or not spec:
        raise ConfigError(f"--vary takes a setting and its values; got {text!r}. {_REMEDY}", field="ranges")
    _require_variable(name)
    if ".." not in spec:
        return Range.of(name, values=_parsed_values(name, spec))
    bounds, *options = spec.split(":")
    low, _, high = bounds.partition("..")
    log = "log" in options
    counts = [option for option in options if option != "log"]
    if len(counts) > 1 or not all(isinstance(parse_number(count), int) for count in counts):
        raise ConfigError(f"Bounds may be followed by :log and a number of values; got {text!r}. {_REMEDY}", field=name)
    n_values = int(parse_number(counts[0]) or 0) if counts else None
    return Range.of(name, low=_number(name, low), high=_number(name, high), log=log, n_values=n_values)


def _require_variable(name: str) -> None:
    if not isinstance(name, str) or name not in ALL_SETTINGS:
        remedy = suggestion(name, variable_settings()) or " `tetrarium tune settings` lists them."
        raise ConfigError(f"There is no setting {name!r} to vary.{remedy}", field=name)
    if name in FIXED:
        raise ConfigError(f"{name} cannot be varied, because {FIXED[name]}. Set one value by --set.", field=name)


def _require_bounds(name: str, low: float, high: float, log: bool) -> None:
    item = ALL_SETTINGS[name]
    if item.metadata["low"] is None:
        raise ConfigError(
            f"{name} is not a number and has no bounds; got {_written(low)} to {_written(high)}. List its values.",
            field=name,
        )
    if is_whole(item) and not (isinstance(low, int) and isinstance(high, int)):
        raise ConfigError(
            f"{name} is a whole number; got {_written(low)} to {_written(high)}. Write both without a fraction.",
            field=name,
        )
    if not low < high:
        raise ConfigError(
            f"The lower bound must be less than the upper; "
            f"got {_written(low)} to {_written(high)} for {name}. Swap them.",
            field=name,
        )
    for bound in (low, high):
        _require_allowed(name, bound)
    if log and low <= 0:
        raise ConfigError(
            f"A logarithmic range begins above 0; got {_written(low)} for {name}. Raise it, or omit log.", field=name
        )


def _checked_values(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) > MAX_VALUES:
        raise ConfigError(
            f"At most {MAX_VALUES} values can be listed; {name} has {len(values)}. List fewer.", field=name
        )
    checked = tuple(_require_allowed(name, value) for value in values)
    if len({_written(value) for value in checked}) < max(2, len(checked)):
        raise ConfigError(
            f"A varied setting needs two or more distinct values; got {name}="
            f"{','.join(map(_written, checked))}. Add another value, or use --set for a single one.",
            field=name,
        )
    return checked


def _require_allowed(name: str, value: Any) -> Any:
    """Checks a value by the rule of its setting; returns it as the config holds it."""
    config = EnvConfig() if name in ENV_SETTINGS else TrainingConfig()
    if name == "features":
        config = EnvConfig(hold=True)  # whether a feature fits the game depends on the whole config
    return getattr(config.with_changes(**{name: value}), name)


def _parsed_values(name: str, spec: str) -> tuple[Any, ...]:
    default = ALL_SETTINGS[name].default
    if not isinstance(default, tuple):
        return tuple(parse_value(part, default) for part in spec.split(",") if part.strip())
    if _LISTS.sub("", spec):
        raise ConfigError(
            f"Each value of {name} is a list; got {spec!r}. Write, for example, {name}=[64],[64,64].", field=name
        )
    return tuple(parse_list(items) for items in _LISTS.findall(spec))


def _number(name: str, part: str) -> float:
    value = parse_number(part)
    if value is None or not math.isfinite(value):
        raise ConfigError(f"The bounds of a range are numbers; got {part.strip()!r} for {name}. {_REMEDY}", field=name)
    return value


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return json.dumps(list(value), separators=(",", ":"))
    return str(value).lower() if isinstance(value, bool) else str(value)
