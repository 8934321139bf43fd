"""Confidence intervals of the mean lines per game, with truncated games, and of the median of runs.

Lines per game are close to exponential: a game's future does not depend on what it has survived. A game truncated at a
piece limit is therefore censored, and with T lines in all games, of which k ended, the mean is estimated by T / k.
2 T / mean then follows a chi-square distribution with 2 k degrees of freedom, which gives the interval (Epstein and
Sobel, "Life Testing", JASA 48, 1953). If every game ended, no distribution is assumed: the games are resampled
(bias-corrected and accelerated bootstrap: Efron, JASA 82, 1987).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

CONFIDENCE: Final = 0.95
_TAIL: Final = (1 - CONFIDENCE) / 2
_N_RESAMPLES: Final = 4_000
_N_DRAWN: Final = 1 << 20  # counts in memory at a time
_MAX_VALUES: Final = 10_000  # different values that are resampled; of more, those close to each other become one


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanLines:
    """Estimate of the mean lines per game."""

    mean: float | None  # None if no game ended
    interval: tuple[float, float | None]  # no upper end if no game ended
    kind: str  # "chi-square", "bootstrap" or "lower bound"


def mean_lines(lines: npt.ArrayLike, truncated: npt.ArrayLike, seed: int = 0) -> MeanLines:
    """Estimates the mean lines per game with a 95 % interval.

    A single game cannot be resampled and gets the chi-square interval.

    >>> mean_lines([100, 300], [False, True]).mean
    400.0

    Args:
        lines: Lines of each game as played; at least one game.
        truncated: Whether each game was truncated.
        seed: Seed of the bootstrap.
    """
    values = np.asarray(lines, dtype=np.float64)
    total = float(values.sum())
    n_ended = int(np.count_nonzero(~np.asarray(truncated, dtype=np.bool_)))
    if n_ended == 0:
        return MeanLines(mean=None, interval=(total / _chi_square_half(1, CONFIDENCE), None), kind="lower bound")
    mean = total / n_ended
    if n_ended < len(values) or n_ended == 1:
        low, high = total / _chi_square_half(n_ended, 1 - _TAIL), total / _chi_square_half(n_ended, _TAIL)
        return MeanLines(mean=mean, interval=(low, high), kind="chi-square")
    return MeanLines(mean=mean, interval=_bootstrap(values, seed), kind="bootstrap")


def mean_interval(values: npt.NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of a mean, without assuming a distribution.

    ``values``: ``(n,)`` of any sign; at least one.
    """
    return _bootstrap(values, seed)


def _chi_square_half(n_ended: int, probability: float) -> float:
    """Returns half the quantile of the chi-square distribution with ``2 * n_ended`` degrees of freedom."""
    from scipy.special import gammaincinv

    return float(gammaincinv(n_ended, probability))


def _bootstrap(lines: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Returns the BCa interval of the mean; equal values are resampled together."""
    from scipy.special import ndtri

    n_games = len(lines)
    mean = float(lines.mean())
    values, counts = _grouped(lines)
    if len(values) == 1:
        return mean, mean
    rng = np.random.default_rng(seed)
    n_rows = max(1, _N_DRAWN // len(values))
    means = np.empty(_N_RESAMPLES)
    for start in range(0, _N_RESAMPLES, n_rows):
        block = means[start : start + n_rows]
        block[:] = rng.multinomial(n_games, counts / n_games, size=len(block)) @ values / n_games
    below = (means < mean).mean() + 0.5 * (means == mean).mean()
    bias = ndtri(min(max(below, 0.5 / _N_RESAMPLES), 1 - 0.5 / _N_RESAMPLES))
    # For a mean, leaving one game out shifts it by a multiple of that game's deviation.
    deviations = lines - mean
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    low, high = (_bca_quantile(means, bias, acceleration, tail) for tail in (_TAIL, 1 - _TAIL))
    return low, high


def _grouped(lines: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Returns the different values and their counts; above ``_MAX_VALUES``, the means and counts of equal ranges.

    The mean is unchanged by this, and n games lose at most a share of n / (2 * _MAX_VALUES**2) of their variance.
    """
    values, counts = np.unique(lines, return_counts=True)
    if len(values) > _MAX_VALUES:
        width = (values[-1] - values[0]) / _MAX_VALUES
        group = np.minimum((values - values[0]) // width, _MAX_VALUES - 1).astype(np.int64)
        n_of_group, sums = np.bincount(group, counts), np.bincount(group, counts * values)
        is_used = n_of_group > 0
        values, counts = (sums / np.maximum(n_of_group, 1))[is_used], n_of_group[is_used].astype(np.int64)
    return values, counts


def _bca_quantile(means: npt.NDArray[np.float64], bias: float, acceleration: float, tail: float) -> float:
    from scipy.special import ndtr, ndtri

    z = bias + float(ndtri(tail))
    return float(np.quantile(means, ndtr(bias + z / (1 - acceleration * z))))


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianOfRuns:
    """Median of a few runs, with the interval of the true median."""

    median: float
    interval: tuple[float, float]
    confidence: float  # below ``CONFIDENCE`` if even the smallest and the largest run give less


def median_interval(values: Sequence[float]) -> MedianOfRuns:
    """Returns the median and its interval by rank, without assuming a distribution.

    Each value lies below the true median with probability 1/2, so the k-th smallest and the k-th largest enclose it
    unless fewer than k lie on one side, with a binomial probability (David and Nagaraja, "Order
    Statistics", 2003, section 7.1).

    >>> median_interval([5.0, 1.0, 2.0, 4.0, 3.0])
    MedianOfRuns(median=3.0, interval=(1.0, 5.0), confidence=0.9375)

    Args:
        values: One for each run; at least one.
    """
    ordered = sorted(values)
    n = len(ordered)
    rank = 1
    while rank + 1 <= (n + 1) // 2 and _enclosing(n, rank + 1) >= CONFIDENCE:
        rank += 1
    return MedianOfRuns(
        median=float(np.median(ordered)),
        interval=(ordered[rank - 1], ordered[n - rank]),
        confidence=_enclosing(n, rank),
    )


def _enclosing(n: int, rank: int) -> float:
    """Returns the confidence with which the ``rank``-th smallest and largest of n values enclose the median."""
    outside = 2 * sum(math.comb(n, k) for k in range(rank))
    return 1 - outside / float(2**n)
