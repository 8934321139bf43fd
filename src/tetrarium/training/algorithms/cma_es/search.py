"""The search of CMA-ES: a normal distribution over weights, the number of games per candidate, and its exact state.

The distribution is that of the library ``cmaes`` (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772).
A candidate's score is a mean over games, whose standard deviation is about as large as their mean. Each generation
measures the variance of scores between candidates (signal) and between games of a candidate (noise), both relative to
the squared score. As candidates converge each plays more games, so that the noise stays below the signal. Noise also
shrinks a distribution prematurely; if the signal becomes too small, the distribution is widened (the idea: Hansen et
al., "A Method for Handling Uncertainty in Evolutionary Optimization", IEEE TEVC 13, 2009).

The scores of good candidates remain noisy nevertheless, and the distribution's mean fluctuates with them. The policy is
its average over about the latest fifth of all generations (Shamir and Zhang, "Stochastic Gradient Descent for
Non-smooth Optimization", 2013), each normalized to length 1, because play does not depend on the length of the weights.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cmaes import CMA

_ARRAYS: Final = ("_mean", "_C", "_p_sigma", "_pc")
_NUMBERS: Final = ("_sigma", "_g")
CMA_STATE: Final = (*_ARRAYS, *_NUMBERS, "_rng")  # attributes of the library's object that affect its samples
_SMOOTHING: Final = 0.2  # weight of the latest generation in the moving averages of signal and noise
_MIN_SIGNAL: Final = 1e-4
_AVERAGING: Final = 5  # the average spans the latest 1 / 5 of the generations
_TARGET_SIGNAL: Final = 0.04  # least relative variance between candidates: a standard deviation of 20 %
_MAX_WIDENING: Final = 1.25  # of the distribution, per generation
_FIRST_WIDENED: Final = 9  # generation; signal and noise are unreliable before
_MAX_GROWTH: Final = 1.3  # of a candidate's games per generation, plus one game


class CmaSearch:
    """A distribution over weights, with the number of games that each candidate plays.

    Args:
        mean: ``(n,) float64``, the initial mean.
        sigma: The initial standard deviation.
        population: Candidates per generation.
        n_games: Initial and least number of games per candidate.
        seed: Seed of the candidates' generator.
    """

    def __init__(self, mean: npt.NDArray[np.float64], sigma: float, population: int, n_games: int, seed: int) -> None:
        self._population = population
        self._min_games = n_games
        self.n_games = n_games  # per candidate, in the next generation
        self.n_games_begun = 0  # in all generations; the candidates of a generation share their games
        self.signal = 0.0  # relative variance of the scores between candidates
        self.noise_game = 0.0  # relative variance between single games of a candidate
        self.averaged = mean.astype(np.float64).copy()  # (n,) the policy's coordinates
        self._cma = CMA(mean=mean, sigma=sigma, seed=seed, population_size=population)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean of the distribution, ``(n,) float64``."""
        mean: npt.NDArray[np.float64] = self._cma.mean
        return mean

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cma": dict(self._cma.__dict__)}  # the library's own leaves out the generator

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cma = CMA.__new__(CMA)
        self._cma.__dict__.update(state["_cma"])

    @property
    def sigma(self) -> float:
        """The step size: the distribution's overall standard deviation."""
        return float(self._cma._sigma)

    @property
    def generation(self) -> int:
        """The number of completed generations."""
        return int(self._cma.generation)

    def move_to(self, mean: npt.NDArray[np.float64], sigma: float) -> None:
        """Moves the distribution to another mean and step size, with its covariance unchanged."""
        self._cma._mean = mean.astype(np.float64).copy()
        self._cma._sigma = sigma
        self.averaged = self._cma._mean.copy()

    def ask(self) -> list[npt.NDArray[np.float64]]:
        """Returns the candidates of a generation."""
        return [self._cma.ask() for _ in range(self._population)]

    def update(
        self, candidates: Sequence[npt.NDArray[np.float64]], lines: npt.NDArray[np.int64], max_games: int
    ) -> None:
        """Updates the distribution with the results of a generation.

        Args:
            candidates: The candidates that ``ask`` returned.
            lines: ``(population, n_games)``, lines of each game of each candidate.
            max_games: Largest number of games per candidate in the next generation.
        """
        scores = lines.mean(axis=1)
        self._cma.tell([(one, -float(score)) for one, score in zip(candidates, scores, strict=True)])
        self.n_games_begun += self.n_games
        self._update_average()
        self._update_noise(lines, scores)
        if self.generation >= _FIRST_WIDENED and self.signal < _TARGET_SIGNAL:
            self._cma._sigma *= min((_TARGET_SIGNAL / max(self.signal, _MIN_SIGNAL)) ** 0.25, _MAX_WIDENING)
        sufficient = self.noise_game / max(self.signal, _MIN_SIGNAL)
        wanted = max(int(min(sufficient, _MAX_GROWTH * self.n_games + 1)), self._min_games)
        self.n_games = max(min(wanted, max_games), 1)

    def _update_average(self) -> None:
        """Moves the average towards the mean, by a share that decreases with the number of generations."""
        length = float(np.linalg.norm(self.mean))
        if length > 0:
            share = min(1.0, _AVERAGING / self.generation)
            self.averaged = (1 - share) * self.averaged + share * self.mean / length

    def _update_noise(self, lines: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> None:
        """Updates signal and noise; the noise is that of the better half, which has the longer games."""
        better = np.argsort(-scores, kind="stable")[: max(len(scores) // 2, 2)]
        level = max(float(scores[better].mean()), 0.5)
        noise = float(lines[better].var(axis=1, ddof=1).mean()) / level**2 if self.n_games > 1 else 1.0
        signal = max(float(scores.var(ddof=1)) / level**2 - noise / lines.shape[1], 0.0)
        share = 1.0 if self.generation == 1 else _SMOOTHING
        self.signal += share * (signal - self.signal)
        self.noise_game += share * (noise - self.noise_game)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the arrays of the state, for ``set_state``."""
        _, keys, _, _, _ = self._cma._rng.get_state()
        state: dict[str, npt.NDArray[Any]] = {
            name: np.ascontiguousarray(getattr(self._cma, name)).copy() for name in _ARRAYS
        }
        return {**state, "averaged": self.averaged.copy(), "random_keys": np.asarray(keys).copy()}

    def numbers(self) -> dict[str, Any]:
        """Returns the JSON-able numbers of the state, for ``set_state``; Python's JSON preserves floats exactly."""
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
        """Restores what ``arrays`` and ``numbers`` returned.

        Raises:
            ValueError: if the shape of an array differs.
        """
        for name in _ARRAYS:
            if arrays[name].shape != getattr(self._cma, name).shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, not {getattr(self._cma, name).shape}")
            setattr(self._cma, name, arrays[name].astype(np.float64).copy())
        self._cma._sigma = float(numbers["sigma"])
        self._cma._g = int(numbers["generation"])
        self._cma._B = self._cma._D = None  # recomputed from _C on demand
        position, has_gauss, gauss = numbers["random"]
        self._cma._rng.set_state(("MT19937", arrays["random_keys"], position, has_gauss, gauss))
        self.n_games = int(numbers["n_games"])
        self.n_games_begun = int(numbers["n_games_begun"])
        self.signal = float(numbers["signal"])
        self.noise_game = float(numbers["noise_game"])
        self.averaged = arrays["averaged"].astype(np.float64).copy()
