"""Weighted ensemble: the mean lines of games that are too long to play, from the weight of lost games.

A good agent loses one game in a hundred million pieces on 20 rows, but a stack of 6 rows often, one of 7 rows after
each few stacks of 6, and so on. So many games, *walkers*, are played side by side, each with a weight, all weights
together 1. After each piece the walkers of one stack height are resampled to a fixed number of equal weights with the
same sum: those of heavy weight are copied, some of light weight are dropped. High stacks, which have little weight, are
so played as often as low ones. A lost game continues as a new one with its weight. The weight lost per piece is then
the frequency of lost games in the long run, without a bias and without an assumption about how it depends on the height
(Huber and Kim, "Weighted-ensemble Brownian dynamics simulations for protein association reactions", Biophysical
Journal 70, 1996; Zhang, Jasnow and Zuckerman, "The 'weighted ensemble' path sampling method is statistically exact for
a broad class of stochastic processes and binning procedures", Journal of Chemical Physics 132, 2010).

The lines of a game are taken as its cells divided by the width, at most the height too many.

A copy gets a random stream of its own, and the latest piece in view, which no choice has depended on yet, is drawn
again. So pieces must be independent.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import N_PIECES
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.state_layout import COLUMNS, QUEUE, STREAM, TERMINATED, GameRows
from tetrarium.environment import EnvConfig
from tetrarium.evaluation.policy_runner import GameBatch, PlayablePolicy

_LOW_SHARE: Final = 4  # stacks of up to 1 / 4 of the height count as one height
_N_CELLS: Final = 4  # of a piece
_WORDS: Final = slice(STREAM, STREAM + N_STREAM_WORDS)
_UNLIMITED: Final = 1 << 60


class Estimate(NamedTuple):
    """Estimate of the length of a policy's games."""

    lines: float  # mean per game, if none were left on the board
    n_placed: int  # pieces of all walkers


class WeightedEnsemble:
    """Working memory of estimates for one game.

    Args:
        config: The game; its pieces are independent.
        n_walkers: Walkers of each stack height.
    """

    def __init__(self, config: EnvConfig, n_walkers: int) -> None:
        self._width, self._preview = config.width, config.preview
        self._lowest = config.height // _LOW_SHARE
        self._n_bins = config.height - self._lowest + 1
        self._n_walkers = n_walkers
        self._batch = GameBatch.begin(config, 0, tuple(range(self._n_bins * n_walkers)))
        self._start = self._batch.games.rows[:n_walkers].copy()

    def estimate(self, policy: PlayablePolicy, n_skipped: int, n_steps: int, rng: np.random.Generator) -> Estimate:
        """Estimates the mean lines of a policy's games.

        Args:
            policy: The policy.
            n_skipped: Pieces of each walker before the measurement, in which high stacks are reached.
            n_steps: Pieces of each walker in the measurement.
            rng: Generator of everything random.
        """
        runner, rows = policy.make_runner(self._batch), self._batch.games.rows
        n = self._n_walkers
        rows[:n] = self._start
        _draw_streams(rows, np.arange(n), rng)
        weights = np.full(n, 1 / n)  # (n,) of rows[:n]
        lost, n_placed = 0.0, 0
        for step in range(n_skipped + n_steps):
            rows[:n, QUEUE + self._preview] = rng.integers(0, N_PIECES, n)
            n_placed += runner.play(np.arange(n), 1, _UNLIMITED)
            ended = rows[:n, TERMINATED].nonzero()[0]
            if len(ended):
                lost += float(weights[ended].sum()) if step >= n_skipped else 0.0
                rows[ended] = self._start[0]
                _draw_streams(rows, ended, rng)
            chosen, weights = self._resample(rows[:n], weights, rng)
            n = len(chosen)
            rows[:n] = rows[chosen]
            copies = 1 + (chosen[1:] == chosen[:-1]).nonzero()[0]
            _draw_streams(rows, copies, rng)
        lost = lost or float(weights.min())  # less than a walker of the highest stack
        return Estimate(n_steps * _N_CELLS / self._width / lost, n_placed)

    def _resample(
        self, rows: GameRows, weights: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Returns the walkers to continue, equal ones side by side, and their weights; systematic in each height."""
        filled = np.bitwise_or.reduce(rows[:, COLUMNS:], axis=1)
        heights = np.frexp(filled.astype(np.float64))[1].astype(np.int64)  # bit length
        bins = np.clip(heights - self._lowest, 0, self._n_bins - 1)
        order = np.argsort(bins, kind="stable")
        sums = np.bincount(bins, weights, self._n_bins)
        counts = np.bincount(bins, minlength=self._n_bins)
        used = counts.nonzero()[0]
        ends = np.cumsum(weights[order] / sums[bins[order]])  # the k-th used height spans k to k + 1
        offsets = (np.arange(self._n_walkers) + rng.random((len(used), 1))) / self._n_walkers
        points = (np.arange(len(used))[:, None] + offsets).ravel()
        last = np.repeat(np.cumsum(counts)[used] - 1, self._n_walkers)
        first = np.repeat(np.cumsum(counts)[used] - counts[used], self._n_walkers)
        chosen = order[np.clip(ends.searchsorted(points, "right"), first, last)]
        return chosen, np.repeat(sums[used] / self._n_walkers, self._n_walkers)


def _draw_streams(rows: GameRows, listed: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
    """Gives games new random streams."""
    rows[listed, _WORDS] = rng.integers(0, 1 << 32, (len(listed), N_STREAM_WORDS))
