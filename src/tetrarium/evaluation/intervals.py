"""The mean number of lines a game and how sure it is, games that were cut off included.

Lines a game are close to exponential: whatever a game has survived, its future looks the same. So a game that was cut
off at a piece limit is censored, not finished, and with T lines in all games, of which k ended, the mean is estimated
by T / k. 2 T / mean then follows a chi-square distribution with 2 k degrees of freedom, which gives the interval
(Epstein and Sobel, "Life Testing", JASA 48, 1953). Where every game ended nothing needs to be assumed: the games
themselves are drawn anew (bootstrap, bias-corrected and accelerated: Efron, JASA 82, 1987).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CONFIDENCE", "MeanLines", "MedianOfRuns", "mean_interval", "mean_lines", "median_interval"]

CONFIDENCE: Final = 0.95
_TAIL: Final = (1 - CONFIDENCE) / 2
_N_RESAMPLES: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanLines:
    """An estimate of the mean lines a game."""

    mean: float | None  # None where no game ended
    interval: tuple[float, float | None]  # no upper end where no game ended
    kind: str  # "chi-square", "bootstrap" or "lower bound"


def mean_lines(lines: Sequence[int], cut_off: Sequence[bool], seed: int = 0) -> MeanLines:
    """Estimates the mean lines a game with a 95 % interval.

    A single game cannot be drawn anew and gets the chi-square interval.

    >>> mean_lines([100, 300], [False, True]).mean
    400.0

    Args:
        lines: Of each game, as far as it was played; at least one game.
        cut_off: Whether it was still running then.
        seed: Of the bootstrap.
    """
    total = sum(lines)
    n_ended = sum(not cut for cut in cut_off)
    if n_ended == 0:
        return MeanLines(mean=None, interval=(total / _chi_square_half(1, CONFIDENCE), None), kind="lower bound")
    mean = total / n_ended
    if n_ended < len(lines) or n_ended == 1:
        low, high = total / _chi_square_half(n_ended, 1 - _TAIL), total / _chi_square_half(n_ended, _TAIL)
        return MeanLines(mean=mean, interval=(low, high), kind="chi-square")
    return MeanLines(mean=mean, interval=_bootstrap(np.asarray(lines, dtype=np.float64), seed), kind="bootstrap")


def mean_interval(values: npt.NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a mean by drawing values anew, which assumes nothing of how they are spread.

    Args:
        values: ``(n,)``, whatever their signs; at least one.
        seed: Of the bootstrap.
    """
    return _bootstrap(values, seed)


def _chi_square_half(n_ended: int, probability: float) -> float:
    """Half the quantile of the chi-square distribution with ``2 * n_ended`` degrees of freedom."""
    from scipy.special import gammaincinv

    return float(gammaincinv(n_ended, probability))


def _bootstrap(lines: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    """The BCa interval of the mean; games with equal lines are drawn together."""
    from scipy.special import ndtri

    n_games = len(lines)
    mean = float(lines.mean())
    values, counts = np.unique(lines, return_counts=True)
    if len(values) == 1:
        return mean, mean
    drawn = np.random.default_rng(seed).multinomial(n_games, counts / n_games, size=_N_RESAMPLES)
    means = drawn @ values / n_games
    below = (means < mean).mean() + 0.5 * (means == mean).mean()
    bias = ndtri(min(max(below, 0.5 / _N_RESAMPLES), 1 - 0.5 / _N_RESAMPLES))
    # For a mean, leaving one game out shifts it by a multiple of that game's deviation.
    deviations = lines - mean
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    low, high = (_bca_quantile(means, bias, acceleration, tail) for tail in (_TAIL, 1 - _TAIL))
    return low, high


def _bca_quantile(means: npt.NDArray[np.float64], bias: float, acceleration: float, tail: float) -> float:
    from scipy.special import ndtr, ndtri

    z = bias + float(ndtri(tail))
    return float(np.quantile(means, ndtr(bias + z / (1 - acceleration * z))))


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianOfRuns:
    """The median of a few runs, and the ranks between which that of all such runs lies."""

    median: float
    interval: tuple[float, float]
    confidence: float  # below ``CONFIDENCE`` where even the smallest and the largest run are not that sure


def median_interval(values: Sequence[float]) -> MedianOfRuns:
    """Finds the median and its interval by rank, which assumes nothing of how values are spread.

    Each value lies below the true median with probability 1/2, so the k-th smallest and the k-th largest enclose it
    unless fewer than k lie on one side: the binomial distribution says how often (David and Nagaraja, "Order
    Statistics", 2003, section 7.1).

    >>> median_interval([5.0, 1.0, 2.0, 4.0, 3.0])
    MedianOfRuns(median=3.0, interval=(1.0, 5.0), confidence=0.9375)

    Args:
        values: Of each run; at least one.
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
    """How surely the ``rank``-th smallest and largest of n values enclose the median."""
    outside = 2 * sum(math.comb(n, k) for k in range(rank))
    return 1 - outside / float(2**n)
