"""The mean and its interval: numbers counted by hand, tables of chi-square, SciPy's own bootstrap, and coverage."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from tetrarium.evaluation import intervals
from tetrarium.evaluation.intervals import mean_lines, median_interval

# Quantiles 0.025 and 0.975 of chi-square as printed in tables, by degrees of freedom.
CHI_SQUARE = {2: (0.0506, 7.378), 4: (0.484, 11.143), 20: (9.591, 34.170), 100: (74.222, 129.561)}


def test_the_mean_of_games_that_all_ended_is_their_mean() -> None:
    estimate = mean_lines([10, 20, 60], [False] * 3)
    assert (estimate.mean, estimate.kind) == (30.0, "bootstrap")


def test_a_truncated_game_adds_its_lines_and_no_ending() -> None:
    estimate = mean_lines([100, 300, 200], [False, True, False])
    assert (estimate.mean, estimate.kind) == (300.0, "chi-square")


@pytest.mark.parametrize("degrees", CHI_SQUARE)
def test_the_interval_with_a_truncated_game_is_that_of_the_tables(degrees: int) -> None:
    n_ended = degrees // 2
    lines = [10] * n_ended + [500]
    low_quantile, high_quantile = CHI_SQUARE[degrees]
    low, high = mean_lines(lines, [False] * n_ended + [True]).interval
    assert low == pytest.approx(2 * sum(lines) / high_quantile, rel=1e-3)
    assert high == pytest.approx(2 * sum(lines) / low_quantile, rel=2e-3)


def test_with_one_ended_game_the_interval_is_a_logarithm() -> None:
    low, high = mean_lines([400, 0], [False, True]).interval
    assert low == pytest.approx(400 / -np.log(0.025))
    assert high == pytest.approx(400 / -np.log(0.975))


def test_if_no_game_ended_there_is_a_lower_bound_only() -> None:
    estimate = mean_lines([4000, 4000], [True, True])
    assert (estimate.mean, estimate.kind, estimate.interval[1]) == (None, "lower bound", None)
    assert estimate.interval[0] == pytest.approx(2 * 8000 / 5.991, rel=1e-3)


def test_zero_lines_give_a_lower_bound_of_zero() -> None:
    assert mean_lines([0, 0], [True, True]).interval == (0.0, None)
    assert mean_lines([0, 0], [False, False]).interval == (0.0, 0.0)


def test_a_single_game_gets_the_wide_interval_of_chi_square() -> None:
    estimate = mean_lines([100], [False])
    assert (estimate.mean, estimate.kind) == (100.0, "chi-square")
    assert estimate.interval == pytest.approx((27.108, 3949.8), rel=1e-4)


def test_two_resampled_games_reach_from_one_to_the_other() -> None:
    assert mean_lines([0, 10], [False, False]).interval == (0.0, 10.0)


def test_the_bootstrap_agrees_with_that_of_scipy() -> None:
    """Few games and skewed, where the correction moves both ends by a tenth."""
    lines = np.random.default_rng(5).exponential(1000, 15).round().astype(int) ** 2
    ours = mean_lines(lines.tolist(), [False] * 15).interval
    theirs = bootstrap((lines,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(6))
    assert ours == pytest.approx(tuple(theirs.confidence_interval), rel=0.03)


def test_many_different_values_are_resampled_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean is exact, and the interval is that of the normal distribution, which so many games have."""
    monkeypatch.setattr(intervals, "_MAX_VALUES", 200)
    lines = np.random.default_rng(5).exponential(1e6, 3_000).round().astype(int)
    assert len(intervals._grouped(lines.astype(float))[0]) <= 200
    estimate = mean_lines(lines.tolist(), [False] * len(lines))
    half = 1.96 * lines.std() / np.sqrt(len(lines))
    assert estimate.mean == lines.mean()
    assert estimate.interval == pytest.approx((lines.mean() - half, lines.mean() + half), abs=0.06 * half)


def test_resampling_in_blocks_gives_the_numbers_of_resampling_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = np.random.default_rng(5).exponential(1000, 300).round().astype(int).tolist()
    at_once = mean_lines(lines, [False] * 300, 7)
    monkeypatch.setattr(intervals, "_N_DRAWN", 7_000)
    assert mean_lines(lines, [False] * 300, 7) == at_once


def test_the_bootstrap_is_the_same_for_the_same_seed_and_whatever_the_order() -> None:
    assert mean_lines([1, 5, 9], [False] * 3, 4).interval == mean_lines([9, 1, 5], [False] * 3, 4).interval


def test_the_censored_interval_holds_the_true_mean_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    n_trials, n_held = 1000, 0
    for _ in range(n_trials):
        lengths = rng.exponential(1000, 30)
        low, high = mean_lines(np.minimum(lengths, 1500).tolist(), (lengths > 1500).tolist()).interval
        assert high is not None
        n_held += low <= 1000 <= high
    assert 0.93 <= n_held / n_trials <= 0.975


class TestMedians:
    @pytest.mark.parametrize(
        ("n", "rank", "confidence"),
        [(1, 1, 0.0), (5, 1, 0.9375), (6, 1, 0.96875), (9, 2, 1 - 20 / 512), (10, 2, 1 - 22 / 1024)],
    )
    def test_ranks_are_those_of_the_binomial_distribution(self, n: int, rank: int, confidence: float) -> None:
        found = median_interval([float(value) for value in range(1, n + 1)])

        assert found.interval == (rank, n + 1 - rank)
        assert found.median == (n + 1) / 2
        assert found.confidence == confidence

    def test_the_interval_holds_the_median_as_often_as_it_says(self) -> None:
        random = np.random.default_rng(0)
        found = [median_interval(random.exponential(size=9).tolist()).interval for _ in range(2_000)]
        share = np.mean([low <= np.log(2) <= high for low, high in found])

        assert abs(share - (1 - 20 / 512)) < 0.015
