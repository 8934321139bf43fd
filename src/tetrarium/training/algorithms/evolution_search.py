"""The search of CMA-ES: a normal distribution over weights, the games each candidate plays, and its exact state.

The distribution is kept by the library ``cmaes`` (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772).
A candidate's score is a mean over games, and games of one candidate differ as widely as their mean is large. How far
scores differ because candidates do, and how far by chance, is measured each generation, in squared parts of the score;
as candidates come closer each plays more games, so that chance stays below what they differ by. Chance also draws a
distribution together before it has arrived; where candidates hardly differ any more, it is widened (the idea: Hansen et
al., "A Method for Handling Uncertainty in Evolutionary Optimization", IEEE TEVC 13, 2009).

The scores of good candidates stay noisy even so, and with them the distribution's centre goes to and fro. What plays is
its average over about the latest fifth of all generations (Shamir and Zhang, "Stochastic Gradient Descent for
Non-smooth Optimization", 2013), in units of its length, on which play does not depend.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cmaes import CMA

__all__ = ["STATE_OF_CMA", "Search"]

_ARRAYS: Final = ("_mean", "_C", "_p_sigma", "_pc")
_NUMBERS: Final = ("_sigma", "_g")
STATE_OF_CMA: Final = (*_ARRAYS, *_NUMBERS, "_rng")  # all of the library's object that changes what it samples
_FOLLOWS: Final = 0.2  # how fast the measures follow the latest generation
_LEAST_SIGNAL: Final = 1e-4
_AVERAGED: Final = 5  # the average is over one in so many of the generations
_DIFFER: Final = 0.04  # squared parts of the score by which candidates differ at least: 20 %
_WIDENING: Final = 1.25  # a distribution grows at most by this in a generation
_FIRST_WIDENED: Final = 9  # the generation: before it the measures say little
_GROWTH: Final = 1.3  # games of a candidate grow at most by this in a generation, and one


class Search:
    """A distribution over weights, and how many games each candidate plays.

    Args:
        mean: ``(n,) float64`` where it begins.
        sigma: Its standard deviation there.
        population: Candidates of a generation.
        n_games: Games of a candidate at first, and at least.
        seed: Of the generator of candidates.
    """

    def __init__(self, mean: npt.NDArray[np.float64], sigma: float, population: int, n_games: int, seed: int) -> None:
        self._population = population
        self._least_games = n_games
        self.n_games = n_games  # of a candidate in the next generation
        self.n_games_begun = 0  # of all generations; candidates of one generation share theirs
        self.signal = 0.0  # squared parts of the score by which candidates differ
        self.noise_game = 0.0  # and by which single games of a candidate do
        self.averaged = mean.astype(np.float64).copy()  # (n,) what plays
        self._cma = CMA(mean=mean, sigma=sigma, seed=seed, population_size=population)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """``(n,) float64``: the centre of the distribution."""
        mean: npt.NDArray[np.float64] = self._cma.mean
        return mean

    @property
    def sigma(self) -> float:
        """The distribution's size."""
        return float(self._cma._sigma)

    @property
    def generation(self) -> int:
        """How many there were."""
        return int(self._cma.generation)

    def begin_at(self, mean: npt.NDArray[np.float64], sigma: float) -> None:
        """Moves the distribution; what is otherwise known of it stays."""
        self._cma._mean = mean.astype(np.float64).copy()
        self._cma._sigma = sigma
        self.averaged = self._cma._mean.copy()

    def ask(self) -> list[npt.NDArray[np.float64]]:
        """Returns the candidates of a generation."""
        return [self._cma.ask() for _ in range(self._population)]

    def tell(
        self, candidates: Sequence[npt.NDArray[np.float64]], lines: npt.NDArray[np.int64], most_games: int
    ) -> None:
        """Takes in how a generation did.

        Args:
            candidates: What ``ask`` returned.
            lines: ``(population, n_games)`` of each game of each candidate.
            most_games: What a candidate of the next generation plays at most.
        """
        scores = lines.mean(axis=1)
        self._cma.tell([(one, -float(score)) for one, score in zip(candidates, scores, strict=True)])
        self.n_games_begun += self.n_games
        self._average()
        self._measure(lines, scores)
        if self.generation >= _FIRST_WIDENED and self.signal < _DIFFER:
            self._cma._sigma *= min((_DIFFER / max(self.signal, _LEAST_SIGNAL)) ** 0.25, _WIDENING)
        enough = self.noise_game / max(self.signal, _LEAST_SIGNAL)
        wanted = max(int(min(enough, _GROWTH * self.n_games + 1)), self._least_games)
        self.n_games = max(min(wanted, most_games), 1)

    def _average(self) -> None:
        """Moves the average towards the centre, the less the longer the search has gone on."""
        length = float(np.linalg.norm(self.mean))
        if length > 0:
            share = min(1.0, _AVERAGED / self.generation)
            self.averaged = (1 - share) * self.averaged + share * self.mean / length

    def _measure(self, lines: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> None:
        """Brings the measures up to date; chance is that among the better half, which has the longer games."""
        better = np.argsort(-scores, kind="stable")[: max(len(scores) // 2, 2)]
        level = max(float(scores[better].mean()), 0.5)
        noise = float(lines[better].var(axis=1, ddof=1).mean()) / level**2 if self.n_games > 1 else 1.0
        signal = max(float(scores.var(ddof=1)) / level**2 - noise / lines.shape[1], 0.0)
        share = 1.0 if self.generation == 1 else _FOLLOWS
        self.signal += share * (signal - self.signal)
        self.noise_game += share * (noise - self.noise_game)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Returns what ``set_state`` needs as arrays."""
        _, keys, _, _, _ = self._cma._rng.get_state()
        state: dict[str, npt.NDArray[Any]] = {
            name: np.ascontiguousarray(getattr(self._cma, name)).copy() for name in _ARRAYS
        }
        return {**state, "averaged": self.averaged.copy(), "random_keys": np.asarray(keys).copy()}

    def numbers(self) -> dict[str, Any]:
        """Returns what ``set_state`` needs beside, as JSON can hold it; Python's JSON gives floats back exactly."""
        _, _, position, has_gauss, gauss = self._cma._rng.get_state()
        return {
            "sigma": self.sigma,
            "generation": self.generation,
            "random": [int(position), int(has_gauss), float(gauss)],
            "n_games": self.n_games,
            "n_games_begun": self.n_games_begun,
            "signal": self.signal,
            "noise_game": self.noise_game,
        }

    def set_state(self, arrays: Mapping[str, npt.NDArray[Any]], numbers: Mapping[str, Any]) -> None:
        """Puts back what ``arrays`` and ``numbers`` returned.

        Raises:
            ValueError: if an array is of another shape.
        """
        for name in _ARRAYS:
            if arrays[name].shape != getattr(self._cma, name).shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, not {getattr(self._cma, name).shape}")
            setattr(self._cma, name, arrays[name].astype(np.float64).copy())
        self._cma._sigma = float(numbers["sigma"])
        self._cma._g = int(numbers["generation"])
        self._cma._B = self._cma._D = None  # made of _C when they are needed
        position, has_gauss, gauss = numbers["random"]
        self._cma._rng.set_state(("MT19937", arrays["random_keys"], position, has_gauss, gauss))
        self.n_games = int(numbers["n_games"])
        self.n_games_begun = int(numbers["n_games_begun"])
        self.signal = float(numbers["signal"])
        self.noise_game = float(numbers["noise_game"])
        self.averaged = arrays["averaged"].astype(np.float64).copy()
