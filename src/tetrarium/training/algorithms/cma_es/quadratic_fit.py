"""The final phase of a search: a quadratic fit to the games of all candidates, whose maximum is the policy.

Near the best weights candidates differ less than single games of one candidate, and a search that compares candidates
learns little from a game. Here every candidate plays one game, and the fit to all games models the logarithm of the
mean lines as a function of the weights: a constant, a gradient and a curvature ("response surface": Box and Wilson, "On
the Experimental Attainment of Optimum Conditions", JRSS B 13, 1951). The lines of a game are close to exponentially
distributed, so the fit maximizes an exponential likelihood, in which truncated games are censored.

Play does not depend on the length of the weights, so the model covers the directions orthogonal to the center.
Candidates are normally distributed around it, with a width along each principal axis that costs an equal share of the
lines.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_Matrix = npt.NDArray[np.float64]

_INITIAL_WIDTH: Final = 0.03  # of the first candidates along each of eight axes, relative to the length of the weights
_COST: Final = 0.4  # mean loss of the candidates in log lines
_MAX_RESHAPING: Final = 2.0  # factor of the width along an axis between two fits
_MAX_STEP: Final = 1.0  # of the center at a fit, in standard deviations
_MAX_DISTANCE: Final = 2.0  # of the candidates in a fit, relative to their mean distance
GAMES_PER_COEFFICIENT: Final = 50  # ended games before the first fit, by default
_GROWTH: Final = 1.25  # of the number of games between two fits
_RIDGE: Final = np.array([1.0, 10.0])  # weight, in games, of the priors: zero gradient and the target curvature
_NEWTON_STEPS: Final = 50
_CONVERGED: Final = 1e-8
_MIN_CURVATURE: Final = 1e-9


class QuadraticFit:
    """Samples candidates around a center, and moves the center to the maximum of the fit to their games.

    Args:
        center: ``(n,) float64`` initial weights, of which only the direction matters; n is at least 2.
        games_per_coefficient: Ended games before the first fit, for each of its coefficients.
    """

    def __init__(self, center: _Matrix, games_per_coefficient: float = GAMES_PER_COEFFICIENT) -> None:
        self.center: _Matrix = center / np.linalg.norm(center)  # (n,) the policy's coordinates
        orthogonal = np.linalg.svd(self.center[None])[2][1:].T
        width = _INITIAL_WIDTH * math.sqrt(8 / orthogonal.shape[1])
        self._axes: _Matrix = width * orthogonal  # (n, n - 1)
        self._candidates: list[_Matrix] = []  # of each generation, (population, n)
        self._games: list[_Matrix] = []  # lines, and 1 if the game terminated: (population, 2)
        self._n_terminated = 0  # of these games
        self._next_fit = int(games_per_coefficient * _n_coefficients(self._axes.shape[1]))  # terminated games

    def ask(self, population: int, rng: np.random.Generator) -> list[_Matrix]:
        """Returns the candidates of a generation, each of which plays one game."""
        normal = rng.standard_normal((population, self._axes.shape[1]))
        return list(self.center + normal @ self._axes.T)

    def update(self, candidates: list[_Matrix], lines: npt.NDArray[Any], n_terminated: npt.NDArray[Any]) -> None:
        """Adds one game per candidate, ``(population,)``, and fits again once there are enough new games.

        A game may stand for a part of a game or several: its lines, and how many games terminated within them.
        """
        self._candidates.append(np.array(candidates))
        self._games.append(np.column_stack([lines, n_terminated]).astype(np.float64))
        self._n_terminated += round(float(n_terminated.sum()))
        if self._n_terminated >= self._next_fit:
            self._next_fit = int(self._n_terminated * _GROWTH)
            self._fit()

    def _fit(self) -> None:
        candidates, games = np.concatenate(self._candidates), np.concatenate(self._games)
        offsets = candidates / (candidates @ self.center)[:, None] - self.center
        points = np.linalg.lstsq(self._axes, offsets.T, rcond=None)[0].T  # in standard deviations
        n_axes = points.shape[1]
        near = (points**2).sum(axis=1) <= _MAX_DISTANCE**2 * n_axes
        if not games[near].sum(axis=0).all():
            return  # no lines, or no terminated game: the fit is undefined
        target_curvature = 2 * _COST / n_axes
        gradient, curvature = _fit_log_mean(points[near], games[near], target_curvature)
        self.center = self.center + self._axes @ _maximum(gradient, curvature, _MAX_STEP)
        self.center /= np.linalg.norm(self.center)
        descents, directions = np.linalg.eigh(-curvature)
        widths = np.sqrt(target_curvature / np.maximum(descents, _MIN_CURVATURE))
        self._axes = self._axes @ (directions * np.clip(widths, 1 / _MAX_RESHAPING, _MAX_RESHAPING))
        self._axes -= np.outer(self.center, self.center @ self._axes)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the state, for ``from_arrays``."""
        n = len(self.center)
        return {
            "surface_centre": self.center.copy(),
            "surface_axes": np.ascontiguousarray(self._axes),
            "surface_candidates": np.concatenate([np.empty((0, n)), *self._candidates]),
            "surface_games": np.concatenate([np.empty((0, 2)), *self._games]),
            "surface_next_fit": np.array([self._next_fit]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "QuadraticFit | None":
        """Restores a fit from its ``arrays``; None if they contain none."""
        if "surface_centre" not in arrays:
            return None
        fit = cls(arrays["surface_centre"])
        fit.center = arrays["surface_centre"].copy()
        fit._axes = arrays["surface_axes"].copy()
        fit._candidates = [arrays["surface_candidates"].copy()]
        fit._games = [arrays["surface_games"].copy()]
        fit._n_terminated = round(float(arrays["surface_games"][:, 1].sum()))
        fit._next_fit = int(arrays["surface_next_fit"][0])
        return fit


def _n_coefficients(n_axes: int) -> int:
    """Returns the number of coefficients of a quadratic function of so many variables."""
    return (n_axes + 1) * (n_axes + 2) // 2


def _fit_log_mean(points: _Matrix, games: _Matrix, target_curvature: float) -> tuple[_Matrix, _Matrix]:
    """Fits the logarithm of the mean lines; returns its gradient ``(d,)`` and curvature ``(d, d)`` at the center.

    Args:
        points: ``(n, d)`` candidates, in standard deviations.
        games: ``(n, 2)`` lines, and 1 if the game terminated.
        target_curvature: Negated curvature that the candidates' widths aim at; the prior of the ridge regression.
    """
    n_axes = points.shape[1]
    rows, columns = np.triu_indices(n_axes)
    squares = points[:, rows] * points[:, columns] * np.where(rows == columns, 0.5, 1.0)
    design = np.column_stack([np.ones(len(points)), points, squares])
    prior = np.zeros(design.shape[1])
    prior[1 + n_axes :] = np.where(rows == columns, -target_curvature, 0.0)
    ridge = np.repeat([0.0, *_RIDGE], [1, n_axes, len(rows)])
    lines, terminated = games.T
    coefficients = prior.copy()
    coefficients[0] = np.log(lines.sum() / terminated.sum())
    for _ in range(_NEWTON_STEPS):
        ratios = lines / np.exp(design @ coefficients)  # of the lines to their predicted mean
        ascent = design.T @ (ratios - terminated) - ridge * (coefficients - prior)
        step = np.linalg.solve((design * ratios[:, None]).T @ design + np.diag(ridge), ascent)
        step /= max(1.0, float(np.abs(step).max()))
        coefficients += step
        if np.abs(step).max() < _CONVERGED:
            break
    curvature = np.zeros((n_axes, n_axes))
    curvature[rows, columns] = coefficients[1 + n_axes :]
    curvature[columns, rows] = coefficients[1 + n_axes :]
    return coefficients[1 : 1 + n_axes], curvature


def _maximum(gradient: _Matrix, curvature: _Matrix, radius: float) -> _Matrix:
    """Returns the maximum of ``gradient @ x + x @ curvature @ x / 2`` within a radius.

    >>> _maximum(np.array([2.0, 0.0]), np.diag([-4.0, -1.0]), radius=1.0).round(6).tolist()
    [0.5, 0.0]
    >>> _maximum(np.array([0.0, 3.0]), np.diag([-1.0, 1.0]), radius=1.0).round(6).tolist()
    [0.0, 1.0]
    """
    descents, directions = np.linalg.eigh(-curvature)
    components = directions.T @ gradient

    def point(damping: float) -> _Matrix:
        result: _Matrix = directions @ (components / (descents + damping))
        return result

    low = max(0.0, -float(descents.min())) + _MIN_CURVATURE
    if np.linalg.norm(point(low)) <= radius:
        return point(low)
    high = low + float(np.linalg.norm(gradient)) / radius
    for _ in range(100):
        damping = (low + high) / 2
        if np.linalg.norm(point(damping)) > radius:
            low = damping
        else:
            high = damping
    return point(high)
