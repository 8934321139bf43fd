"""Numbers as people read them: thousands separators, units, and no more digits than count."""

from typing import Final

__all__ = ["duration_text", "interval_text", "lines_text", "percent_text", "small_text"]

_LARGEST_SKEW: Final = 1.5  # beyond it, an interval is shown by its ends and not as ± its longer side
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def lines_text(lines: float) -> str:
    """Whole lines from 10 on, below that two digits that count.

    >>> lines_text(1204.33), lines_text(0.354)
    ('1,204', '0.35')
    """
    return f"{lines:,.0f}" if lines >= 9.95 else f"{lines:.2g}"


def small_text(value: float) -> str:
    """Three digits that count, for what is mostly below 1.

    >>> small_text(0.012345), small_text(1234.5)
    ('0.0123', '1,234')
    """
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def percent_text(share: float) -> str:
    """Whole percents, rounded down: 100 % is said of the whole only.

    >>> percent_text(0.9999)
    '99 %'
    """
    return f"{int(share * 100 + 1e-9)} %"


def duration_text(seconds: float) -> str:
    """The two largest units.

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
    """A mean and its interval; with no mean or no upper end, the lower bound.

    >>> interval_text(1204, 1144, 1264), interval_text(1204, 1100, 1430), interval_text(None, 3338, None)
    ('1,204 ± 60', '1,204 (1,100 to 1,430)', 'at least 3,338')
    """
    if mean is None or high is None:
        return f"at least {lines_text(low)}"
    below, above = mean - low, high - mean
    if max(below, above) > _LARGEST_SKEW * min(below, above):
        return f"{lines_text(mean)} ({lines_text(low)} to {lines_text(high)})"
    return f"{lines_text(mean)} ± {lines_text(max(below, above))}"
