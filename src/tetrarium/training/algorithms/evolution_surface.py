"""The end of a search: a quadratic surface through the games of all candidates, whose top is what plays.

Near the best weights candidates differ less than single games of one candidate do, and a search that compares
candidates learns little from a game. Here every candidate plays one game, and all games together tell how the logarithm
of the mean lines depends on the weights: a constant, a slope and a curvature ("response surface": Box and Wilson, "On
the Experimental Attainment of Optimum Conditions", JRSS B 13, 1951). Lines of a game are as good as exponentially
distributed, so the fit is the most likely one for exponential games, of which those that were cut off count as lasting
longer.

Play does not depend on the length of the weights, so the surface lies over the directions across the centre. Candidates
are drawn normally around it, as widely along each of the surface's axes as costs an equal part of the lines.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["Surface"]

_Matrix = npt.NDArray[np.float64]

_WIDTH: Final = 0.03  # of the first candidates, in lengths of the weights
_COST: Final = 0.4  # logarithm of the lines that candidates lose on average
_RESHAPING: Final = 2.0  # the width along an axis changes at most by this from one fit to the next
_STEP: Final = 1.0  # standard deviations that the centre moves at most at a fit
_FAR: Final = 2.0  # games of candidates that lie so many times as far as they do on average tell nothing here
_GAMES_NUMBER: Final = 50  # that ended, for each number of the surface, before the first fit
_GROWTH: Final = 1.25  # of the games, from one fit to the next
_RIDGE: Final = np.array([1.0, 10.0])  # games' worth of trust in no slope, and in the curvature that is aimed at
_NEWTON_STEPS: Final = 50
_CONVERGED: Final = 1e-8
_LEAST_CURVATURE: Final = 1e-9


class Surface:
    """Draws candidates around a centre, and moves it to the top of what their games tell.

    Args:
        centre: ``(n,) float64`` weights where it begins, of which only the direction counts; n is at least 2.
    """

    def __init__(self, centre: _Matrix) -> None:
        self.centre: _Matrix = centre / np.linalg.norm(centre)  # (n,) what plays
        across = np.linalg.svd(self.centre[None])[2][1:].T
        self._axes: _Matrix = _WIDTH * across  # (n, n - 1)
        self._candidates: list[_Matrix] = []  # of each generation, (population, n)
        self._games: list[_Matrix] = []  # lines, and 1 where the game ended: (population, 2)
        self._n_ended = 0  # of these games
        self._next_fit = _GAMES_NUMBER * _n_numbers(self._axes.shape[1])  # ended games

    def ask(self, population: int, rng: np.random.Generator) -> list[_Matrix]:
        """Returns the candidates of a generation, each of which is to play one game."""
        normal = rng.standard_normal((population, self._axes.shape[1]))
        return list(self.centre + normal @ self._axes.T)

    def tell(self, candidates: list[_Matrix], lines: npt.NDArray[np.int64], ended: npt.NDArray[np.int64]) -> None:
        """Takes in ``(population,)`` games; fits the surface anew when there are enough further ones."""
        self._candidates.append(np.array(candidates))
        self._games.append(np.column_stack([lines, ended]).astype(np.float64))
        self._n_ended += int(ended.sum())
        if self._n_ended >= self._next_fit:
            self._next_fit = int(self._n_ended * _GROWTH)
            self._fit()

    def _fit(self) -> None:
        candidates, games = np.concatenate(self._candidates), np.concatenate(self._games)
        across = candidates / (candidates @ self.centre)[:, None] - self.centre
        places = np.linalg.lstsq(self._axes, across.T, rcond=None)[0].T  # in standard deviations
        n_axes = places.shape[1]
        near = (places**2).sum(axis=1) <= _FAR**2 * n_axes
        if not games[near].sum(axis=0).all():
            return  # nobody cleared a row, or nothing ended: there is no surface
        aimed_at = 2 * _COST / n_axes
        slope, curvature = _fitted(places[near], games[near], aimed_at)
        self.centre = self.centre + self._axes @ _top(slope, curvature, _STEP)
        self.centre /= np.linalg.norm(self.centre)
        falls, directions = np.linalg.eigh(-curvature)
        widths = np.sqrt(aimed_at / np.maximum(falls, _LEAST_CURVATURE))
        self._axes = self._axes @ (directions * np.clip(widths, 1 / _RESHAPING, _RESHAPING))
        self._axes -= np.outer(self.centre, self.centre @ self._axes)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Returns what ``of`` needs."""
        n = len(self.centre)
        return {
            "surface_centre": self.centre.copy(),
            "surface_axes": np.ascontiguousarray(self._axes),
            "surface_candidates": np.concatenate([np.empty((0, n)), *self._candidates]),
            "surface_games": np.concatenate([np.empty((0, 2)), *self._games]),
            "surface_next_fit": np.array([self._next_fit]),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Surface | None":
        """Makes the surface whose ``arrays`` these are; None where there was none."""
        if "surface_centre" not in arrays:
            return None
        surface = cls(arrays["surface_centre"])
        surface.centre = arrays["surface_centre"].copy()
        surface._axes = arrays["surface_axes"].copy()
        surface._candidates = [arrays["surface_candidates"].copy()]
        surface._games = [arrays["surface_games"].copy()]
        surface._n_ended = int(arrays["surface_games"][:, 1].sum())
        surface._next_fit = int(arrays["surface_next_fit"][0])
        return surface


def _n_numbers(n_axes: int) -> int:
    """Numbers of a quadratic surface over so many axes."""
    return (n_axes + 1) * (n_axes + 2) // 2


def _fitted(places: _Matrix, games: _Matrix, aimed_at: float) -> tuple[_Matrix, _Matrix]:
    """Fits the logarithm of the mean lines; returns its slope ``(d,)`` and its curvature ``(d, d)`` at the centre.

    Args:
        places: ``(n, d)`` of the candidates, in standard deviations.
        games: ``(n, 2)`` lines, and 1 where the game ended.
        aimed_at: Curvature that candidates are drawn for, downwards, which the ridge trusts in.
    """
    n_axes = places.shape[1]
    rows, columns = np.triu_indices(n_axes)
    squares = places[:, rows] * places[:, columns] * np.where(rows == columns, 0.5, 1.0)
    numbers = np.column_stack([np.ones(len(places)), places, squares])
    trusted = np.zeros(numbers.shape[1])
    trusted[1 + n_axes :] = np.where(rows == columns, -aimed_at, 0.0)
    ridge = np.repeat([0.0, *_RIDGE], [1, n_axes, len(rows)])
    lines, ended = games.T
    found = trusted.copy()
    found[0] = np.log(lines.sum() / ended.sum())
    for _ in range(_NEWTON_STEPS):
        parts = lines / np.exp(numbers @ found)  # of the mean at that place
        uphill = numbers.T @ (parts - ended) - ridge * (found - trusted)
        step = np.linalg.solve((numbers * parts[:, None]).T @ numbers + np.diag(ridge), uphill)
        step /= max(1.0, float(np.abs(step).max()))
        found += step
        if np.abs(step).max() < _CONVERGED:
            break
    curvature = np.zeros((n_axes, n_axes))
    curvature[rows, columns] = found[1 + n_axes :]
    curvature[columns, rows] = found[1 + n_axes :]
    return found[1 : 1 + n_axes], curvature


def _top(slope: _Matrix, curvature: _Matrix, radius: float) -> _Matrix:
    """Where ``slope @ x + x @ curvature @ x / 2`` is largest within a radius.

    >>> _top(np.array([2.0, 0.0]), np.diag([-4.0, -1.0]), radius=1.0).round(6).tolist()
    [0.5, 0.0]
    >>> _top(np.array([0.0, 3.0]), np.diag([-1.0, 1.0]), radius=1.0).round(6).tolist()
    [0.0, 1.0]
    """
    falls, directions = np.linalg.eigh(-curvature)
    along = directions.T @ slope

    def place(damping: float) -> _Matrix:
        found: _Matrix = directions @ (along / (falls + damping))
        return found

    least = max(0.0, -float(falls.min())) + _LEAST_CURVATURE
    if np.linalg.norm(place(least)) <= radius:
        return place(least)
    most = least + float(np.linalg.norm(slope)) / radius
    for _ in range(100):
        damping = (least + most) / 2
        if np.linalg.norm(place(damping)) > radius:
            least = damping
        else:
            most = damping
    return place(most)
