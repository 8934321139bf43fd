"""Formatting of numbers for people: thousands separators, units, significant digits, sparklines."""

import json
from collections.abc import Mapping, Sequence
from math import log1p
from typing import Any, Final

_LARGEST_SKEW: Final = 1.5  # beyond it, an interval is shown by its ends and not as ± its longer side
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
LOGARITHMIC_FROM: Final = 100.0  # charts that reach this value have a log scale
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SMALLEST_SHARE: Final = 0.005  # of the time of a run that is shown
_PHASES: Final = ("playing", "learning", "evaluating", "saving", "other")  # of a run
_LEVELS: Final = len(_BLOCKS) - 1  # in one character


def lines_text(lines: float) -> str:
    """Formats a number of lines: whole from 10 on, two significant digits below.

    >>> lines_text(1204.33), lines_text(0.354)
    ('1,204', '0.35')
    """
    return f"{lines:,.0f}" if lines >= 9.95 else f"{lines:.2g}"


def counted(number: int, noun: str) -> str:
    """Formats a number with its noun.

    >>> counted(1, "line"), counted(1200, "line")
    ('1 line', '1,200 lines')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def small_text(value: float) -> str:
    """Formats a number that is mostly below 1, with three significant digits.

    >>> small_text(0.012345), small_text(1234.5)
    ('0.0123', '1,234')
    """
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def percent_text(share: float) -> str:
    """Formats a share as whole percent, rounded down, so that only the whole is 100 %.

    >>> percent_text(0.9999)
    '99 %'
    """
    return f"{int(share * 100 + 1e-9)} %"


def duration_text(seconds: float) -> str:
    """Formats a duration by its two largest units.

    >>> duration_text(41.2), duration_text(72), duration_text(7500), duration_text(360_000)
    ('41 s', '1 min 12 s', '2 h 5 min', '4 d 4 h')
    """
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def interval_text(mean: float | None, low: float, high: float | None) -> str:
    """Formats a mean with its interval; without mean or upper end, the lower bound.

    >>> interval_text(1204, 1144, 1264), interval_text(1204, 1100, 1430), interval_text(None, 3338, None)
    ('1,204 ± 60', '1,204 (1,100 to 1,430)', 'at least 3,338')
    """
    if mean is None or high is None:
        return f"at least {lines_text(low)}"
    below, above = mean - low, high - mean
    if max(below, above) > _LARGEST_SKEW * min(below, above):
        return f"{lines_text(mean)} ({lines_text(low)} to {lines_text(high)})"
    return f"{lines_text(mean)} ± {lines_text(max(below, above))}"


def sample_text(n_ended: int | None, n_running: int | None) -> str:
    """Returns the sample of a training mean: how many of its games ended, and how many still run."""
    return "" if n_ended is None or n_running is None else f"{n_ended:,} ended, {n_running:,} running"


def losses_text(losses_per_10000_pieces: float | None, last_loss_step: int | None) -> str:
    """Returns how often games were lost lately; empty where it is not known."""
    if losses_per_10000_pieces is None:
        return ""
    if losses_per_10000_pieces:
        return f"{small_text(losses_per_10000_pieces)} losses per 10,000 pieces"
    return "no game lost yet" if last_loss_step is None else f"no game lost since step {last_loss_step:,}"


def estimated_text(lines: float | None, low: float | None, high: float | None) -> str:
    """Returns estimated lines per game with their interval.

    >>> estimated_text(135.2, 108.0, 170.4), estimated_text(None, 2_600.0, None)
    ('135 (108 to 170)', 'no game lost')
    """
    if lines is None or low is None or high is None:
        return "no game lost"
    return f"{lines_text(lines)} ({lines_text(low)} to {lines_text(high)})"


def durations_text(trained_s: float, evaluated_s: float) -> str:
    """Returns the total time of a run and its parts.

    >>> durations_text(41.2, 1.9), durations_text(41.2, 0.0)
    ('43 s (trained 41 s, evaluated 2 s)', '41 s')
    """
    total = duration_text(trained_s + evaluated_s)
    if round(evaluated_s) == 0:
        return total
    return f"{total} (trained {duration_text(trained_s)}, evaluated {duration_text(evaluated_s)})"


def times_text(times: Mapping[str, float]) -> str:
    """Returns where the time of a run went, largest first, with its processor and memory.

    >>> times_text({"playing": 6.0, "learning": 3.0, "evaluating": 1.0, "processor": 15.0, "memory_bytes": 4e8})
    'playing 6 s (60 %), learning 3 s (30 %), evaluating 1 s (10 %); 1.5 cores, 400 MB'
    """
    phases = {name: times[name] for name in _PHASES if times.get(name)}
    total_s = sum(phases.values())
    if not total_s:
        return ""
    parts = [
        f"{name} {duration_text(seconds)} ({percent_text(round(seconds / total_s, 2))})"
        for name, seconds in sorted(phases.items(), key=lambda item: -item[1])
        if seconds >= _SMALLEST_SHARE * total_s
    ]
    paused = [f"paused {duration_text(times['paused'])}"] if times.get("paused", 0.0) >= 1 else []
    used = f"{times.get('processor', 0.0) / total_s:.1f} cores, {times.get('memory_bytes', 0.0) / 1e6:,.0f} MB"
    return f"{', '.join(parts + paused)}; {used}"


def sparkline(values: Sequence[float | None], n_rows: int = 1) -> list[str]:
    """Draws values from 0 to their maximum, top row first; a value of 0 is still visible.

    >>> sparkline([None, 0, 1, 2, 4, 8])
    [' ▁▁▂▄█']

    Args:
        values: 0 or more; None leaves a gap.
        n_rows: Height in lines.
    """
    top = max((value for value in values if value is not None), default=0.0)
    scaled = log1p if top >= LOGARITHMIC_FROM else float
    most = scaled(top) or 1.0
    levels = [0 if value is None else max(1, round(scaled(value) / most * _LEVELS * n_rows)) for value in values]
    return [
        "".join(_BLOCKS[min(_LEVELS, max(0, level - row * _LEVELS))] for level in levels)
        for row in reversed(range(n_rows))
    ]
