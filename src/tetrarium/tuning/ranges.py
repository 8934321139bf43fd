"""What may be varied in a study, and over which values: ``Range``.

A range is written ``learning_rate=1e-4..1e-2:log``, ``batch_size=64..512:log:4`` (four values evenly spread) or
``n_steps=1,2,3``. Its bounds are held against the setting's own, which stand in the configs alone.
"""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.training import TrainingConfig
from tetrarium.training.config import ALGORITHMS

__all__ = [
    "FIXED",
    "GAME_SETTINGS",
    "MAX_VALUES",
    "Range",
    "parse_range",
    "require_of_use",
    "setting_meaning",
    "variable_settings",
]

MAX_VALUES: Final = 100
GAME_SETTINGS: Final = frozenset(item.name for item in fields(EnvConfig))
_FIELDS: Final[Mapping[str, Field[Any]]] = MappingProxyType(
    {item.name: item for item in (*fields(EnvConfig), *fields(TrainingConfig))}
)
_GAME: Final = "every trial is judged by the same game"
_JUDGED: Final = "every trial is judged by the same evaluation"
_LENGTH: Final = "every trial may train for as long as the others"
_KEPT: Final = "what is learnt does not depend on it"
FIXED: Final[Mapping[str, str]] = MappingProxyType(  # settings that are the same in all trials, and why
    {
        **dict.fromkeys(
            (
                "width", "height", "hidden_rows", "randomizer", "game_over", "actions", "hold", "gravity", "key_rate",
                "first_level", "preview", "illegal_action", "max_pieces",
            ), _GAME,
        ),
        **dict.fromkeys(("evaluate_every", "evaluation_games", "evaluation_pieces", "evaluation_seed"), _JUDGED),
        **dict.fromkeys(
            (
                "total_timesteps", "target_lines", "target_mean_lines", "target_mean_games", "target_evaluation_lines",
            ), _LENGTH,
        ),
        **dict.fromkeys(
            (
                "checkpoint_every", "checkpoint_every_s", "keep_checkpoints", "keep_every", "stats_window_size",
                "device", "torch_threads",
            ), _KEPT,
        ),
    }
)  # fmt: skip
_WRITE: Final = "Write learning_rate=1e-4..1e-2:log or n_steps=1,2,3, say."


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The values that one setting takes in a study: those listed, or all between two bounds.

    >>> Range.of("n_steps", low=1, high=5).spread(3)
    (1, 3, 5)

    Raises:
        ConfigError: by ``of``, if the setting may not be varied so.
    """

    name: str
    values: tuple[Any, ...] = ()  # empty where there are bounds
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
        """Makes a range and holds it against the setting's own bounds.

        Args:
            name: The setting.
            values: Those that it takes; or else
            low: The smallest,
            high: the largest,
            log: whether small ones are tried as often as large ones by orders of magnitude, and
            n_values: how many, evenly spread; any without it.

        Raises:
            ConfigError: if there is no such setting, it may not be varied, or its values break a rule.
        """
        _require_variable(name)
        if values:
            if low is not None or high is not None or log or n_values is not None:
                raise ConfigError(f"{name} takes listed values or those between two; got both. Leave one out.")
            return cls(name=name, values=_checked_values(name, values))
        if low is None or high is None:
            raise ConfigError(f"{name} varies over values or from a low to a high one; got neither. {_WRITE}")
        _require_bounds(name, low, high, log)
        found = cls(name=name, low=low, high=high, log=log)
        return found if n_values is None else cls(name=name, values=found.spread(n_values))

    @property
    def is_whole(self) -> bool:
        """Whether it has bounds and takes whole numbers between them."""
        return not self.values and isinstance(_FIELDS[self.name].default, int)

    def spread(self, n: int) -> tuple[Any, ...]:
        """Returns so many values from the low to the high bound, fewer where whole numbers run out.

        Raises:
            ConfigError: if it is less than 2 or more than ``MAX_VALUES``.
        """
        assert self.low is not None
        assert self.high is not None
        if not 2 <= n <= MAX_VALUES:
            raise ConfigError(f"A range is spread over 2 to {MAX_VALUES} values; got {n} for {self.name}. Ask for 5.")
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        places = [low + (high - low) * step / (n - 1) for step in range(n)]
        numbers = [math.exp(place) if self.log else place for place in places]
        return tuple(dict.fromkeys(self.rounded(number) for number in numbers))

    def rounded(self, number: float) -> float:
        """A number as people write it: whole where the setting is, else four digits that count; within the bounds."""
        assert self.low is not None
        assert self.high is not None
        near = round(number) if self.is_whole else float(f"{number:.4g}")
        return min(max(near, self.low), self.high)

    @property
    def examples(self) -> tuple[Any, ...]:
        """Values at its ends, or all that are listed."""
        return self.values or (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        if self.values:
            return {"values": [list(value) if isinstance(value, tuple) else value for value in self.values]}
        return {"low": self.low, "high": self.high, "log": self.log}

    @classmethod
    def from_dict(cls, name: str, values: Mapping[str, Any]) -> "Range":
        """Makes one of what ``to_dict`` gave.

        Raises:
            ConfigError: as ``of``.
        """
        known = {"values", "low", "high", "log", "n_values"}
        strange = sorted(set(values) - known)
        if strange:
            raise ConfigError(f"A range has values, or low, high and log; got {strange[0]!r} for {name}. Leave it out.")
        listed = tuple(tuple(value) if isinstance(value, list) else value for value in values.get("values", ()))
        return cls.of(name, **{**values, "values": listed})

    def to_text(self) -> str:
        """As ``parse_range`` reads it.

        >>> parse_range("learning_rate=1e-4..1e-2:log").to_text()
        'learning_rate=0.0001..0.01:log'
        """
        if self.values:
            return f"{self.name}={','.join(_written(value) for value in self.values)}"
        return f"{self.name}={_written(self.low)}..{_written(self.high)}{':log' if self.log else ''}"


def variable_settings() -> tuple[str, ...]:
    """Names of all settings that may be varied."""
    return tuple(name for name in _FIELDS if name not in FIXED)


def setting_meaning(name: str) -> tuple[str, str]:
    """What a setting takes and what it means, in words.

    >>> setting_meaning("gamma")
    ('0 to 0.999999', 'discount per placement')
    """
    item = _FIELDS[name]
    low, high, choices = (item.metadata[key] for key in ("low", "high", "choices"))
    takes = ", ".join(choices) if choices else "" if low is None else f"{low:,.6g} to {high:,.6g}"
    return ("true, false" if isinstance(item.default, bool) else takes), item.metadata["help"]


def require_of_use(name: str, algorithms: tuple[str, ...]) -> None:
    """Refuses to vary what none of these algorithms looks at; a setting's meaning begins with the one that does.

    Raises:
        ConfigError: if it is another's.
    """
    owner = _FIELDS[name].metadata["help"].partition(":")[0]
    if owner in ALGORITHMS and owner not in algorithms:
        raise ConfigError(
            f"{name} is a setting of {owner} alone, and the trials learn by {', '.join(algorithms)}. "
            f"Leave it out, or add --set algorithm={owner}."
        )


def parse_range(text: str) -> Range:
    """Reads a range as ``--vary`` takes it.

    >>> parse_range("net_arch=[32],[64,64]").values
    ((32,), (64, 64))
    >>> parse_range("gamma=0.8..0.98:3").values
    (0.8, 0.89, 0.98)

    Raises:
        ConfigError: if it is none, or breaks a rule.
    """
    name, equals, spec = (part.strip() for part in text.partition("="))
    if not equals or not spec:
        raise ConfigError(f"--vary takes a setting and what it varies over; got {text!r}. {_WRITE}")
    _require_variable(name)
    if ".." not in spec:
        return Range.of(name, values=_parsed_values(name, spec))
    bounds, *options = spec.split(":")
    low, _, high = bounds.partition("..")
    log = "log" in options
    counts = [option for option in options if option != "log"]
    if len(counts) > 1 or (counts and not counts[0].isdecimal()):
        raise ConfigError(f"After the bounds stands :log, a number of values, or nothing; got {text!r}. {_WRITE}")
    return Range.of(
        name,
        low=_number(text, low),
        high=_number(text, high),
        log=log,
        n_values=int(counts[0]) if counts else None,
    )


def _require_variable(name: str) -> None:
    if name not in _FIELDS:
        remedy = suggestion(name, variable_settings()) or " `tetrarium tune settings` lists them."
        raise ConfigError(f"There is no setting {name!r} to vary.{remedy}")
    if name in FIXED:
        raise ConfigError(
            f"A setting may be varied unless {FIXED[name]}, which is so for {name}. Give it one value by --set."
        )


def _require_bounds(name: str, low: float, high: float, log: bool) -> None:
    item = _FIELDS[name]
    is_number = isinstance(item.default, int | float) and not isinstance(item.default, bool)
    if not is_number:
        raise ConfigError(
            f"{name} is no number, so it has no range; got {_written(low)} to {_written(high)}. List its values."
        )
    if isinstance(item.default, int) and not (isinstance(low, int) and isinstance(high, int)):
        raise ConfigError(
            f"{name} is a whole number; got {_written(low)} to {_written(high)}. Write both without a fraction."
        )
    if not low < high:
        raise ConfigError(
            f"A range goes from a low to a higher value; got {_written(low)} to {_written(high)} for {name}. Swap them."
        )
    for bound in (low, high):
        _require_allowed(name, bound)
    if log and low <= 0:
        raise ConfigError(
            f"A logarithmic range begins above 0; got {_written(low)} for {name}. Begin higher, or leave log out."
        )


def _checked_values(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) > MAX_VALUES:
        raise ConfigError(f"A setting takes at most {MAX_VALUES} listed values; {name} has {len(values)}. List fewer.")
    checked = tuple(_require_allowed(name, value) for value in values)
    if len({_written(value) for value in checked}) < max(2, len(checked)):
        raise ConfigError(
            f"What varies takes two values or more, each named once; got {name}="
            f"{','.join(map(_written, checked))}. Add another one, or give the one by --set."
        )
    return checked


def _require_allowed(name: str, value: Any) -> Any:
    """Holds a value against its setting's own rule; returns it as the config has it."""
    config = EnvConfig() if name in GAME_SETTINGS else TrainingConfig()
    if name == "features":
        config = EnvConfig(hold=True)  # whether the game shows what a feature tells is for the whole config to say
    return getattr(config.with_changes(**{name: value}), name)


def _parsed_values(name: str, spec: str) -> tuple[Any, ...]:
    try:
        listed = tomllib.loads(f"value = [{spec}]")["value"]
    except tomllib.TOMLDecodeError:
        listed = [_word(part.strip()) for part in spec.split(",") if part.strip()]
    if isinstance(_FIELDS[name].default, tuple) and any(not isinstance(value, list) for value in listed):
        raise ConfigError(f"Each value of {name} is a list; got {spec!r}. Write {name}=[64],[64,64], say.")
    return tuple(tuple(value) if isinstance(value, list) else value for value in listed)


def _word(text: str) -> Any:
    """Reads one value as TOML would, and a bare word as itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _number(text: str, part: str) -> float:
    value = _word(part.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"The bounds of a range are numbers; got {part.strip()!r} in {text!r}. {_WRITE}")
    return value


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return json.dumps(list(value), separators=(",", ":"))
    return str(value).lower() if isinstance(value, bool) else str(value)
