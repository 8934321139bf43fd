"""From values to places between 0 and 1: linear and logarithmic scales, and ticks that people like to read."""

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["LOGARITHMIC_FROM", "Scale", "linear_scale", "log_scale", "short_text"]

LOGARITHMIC_FROM: Final = 100.0  # charts of games that reach so far show orders of magnitude
_STEPS: Final = (1, 2, 5, 10)
_SLACK: Final = 1e-9
_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A scale that begins at 0, or below where values do."""

    low: float
    high: float
    is_log: bool  # in 1 + value, so that it begins at 0 too
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Where a value lies between the ends."""
        if self.is_log:
            return math.log1p(max(0.0, value)) / math.log1p(self.high)
        return (value - self.low) / (self.high - self.low)


def linear_scale(low: float, high: float, n_ticks: int) -> Scale:
    """Makes a scale with about so many round ticks.

    >>> linear_scale(0, 950, 4).ticks
    (0.0, 500.0)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        high = low + 1.0
    raw = (high - low) / max(1, n_ticks)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in _STEPS if factor * power >= raw * (1 - 1e-3))
    first, last = math.ceil(low / step - _SLACK), math.floor(high / step + _SLACK)
    return Scale(low=low, high=high, is_log=False, ticks=tuple(k * step for k in range(first, last + 1)))


def log_scale(high: float, n_ticks: int) -> Scale:
    """Makes a scale of orders of magnitude.

    >>> log_scale(25_000, 6).ticks
    (0.0, 1.0, 10.0, 100.0, 1000.0, 10000.0)
    """
    high = max(high, 1.0)
    decades = math.floor(math.log10(high) + _SLACK)
    every = max(1, math.ceil((decades + 1) / n_ticks))
    ticks = (0.0, *(10.0**k for k in range(0, decades + 1, every)))
    return Scale(low=0.0, high=high, is_log=True, ticks=ticks)


def short_text(value: float) -> str:
    """A number for an axis.

    >>> short_text(0.0), short_text(0.25), short_text(1_500), short_text(2e6), short_text(-30)
    ('0', '0.25', '1.5 k', '2 M', '-30')
    """
    for unit, letter in _UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.3g} {letter}"
    return f"{value:.3g}"
