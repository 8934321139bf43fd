"""Drawn rows, and returns counted by hand, on which the gradient steps of ``ppo`` rest."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from tests.evaluation.sample_policies import NETWORK_FEATURES
from tetrarium.evaluation import NetworkPolicy
from tetrarium.evaluation.kernels.network import CompiledNetwork
from tetrarium.evaluation.kernels.row_sampling import sample_rows
from tetrarium.training.algorithms.ppo.rollout import MARGIN, N_BEST, Choices, lambda_returns

N_INPUTS = 4
N_DRAWS = 20_000


def rows_with_scores(*scores: float) -> npt.NDArray[np.float32]:
    """Returns one observation whose rows have these scores under ``score``; NaN for an illegal action."""
    rows = np.zeros((1, len(scores), N_INPUTS), dtype=np.float32)
    rows[0, :, 0] = 1.0
    rows[0, :, 1] = scores
    rows[0, np.isnan(scores)] = -1.0
    return rows


def score() -> CompiledNetwork:
    """Returns the compiled network whose value of a row is its second number."""
    layer = np.array([[0.0, 1.0, 0.0, 0.0]]), np.zeros(1)
    return NetworkPolicy(NETWORK_FEATURES, [layer]).compiled_network()


def test_rows_are_drawn_by_the_softmax_of_their_scores() -> None:
    scores = np.array([0.5, math.nan, 2.0, -1.0, 1.0])
    observations = np.repeat(rows_with_scores(*scores), N_DRAWS, axis=0)
    choices = Choices((N_DRAWS,), N_INPUTS)
    actions = choices.draw((), observations, score(), np.random.default_rng(1).random(N_DRAWS))
    shares = np.bincount(actions, minlength=5) / N_DRAWS
    expected = np.where(np.isnan(scores), 0.0, np.exp(scores))
    expected /= expected.sum()

    assert np.abs(shares - expected).max() < 4 * math.sqrt(0.25 / N_DRAWS)
    assert np.array_equal(choices.rows[np.arange(N_DRAWS), choices.places], observations[np.arange(N_DRAWS), actions])
    assert choices.rows[0, :4, 1].tolist() == [2.0, 1.0, 0.5, -1.0]
    assert (choices.counts == 4).all()


@pytest.mark.parametrize(("uniform", "action"), [(0.0, 0), (0.4, 0), (0.6, 2), (0.999_999, 2)])
def test_equal_rows_are_ordered_by_action_and_rows_below_the_margin_are_never_drawn(
    uniform: float, action: int
) -> None:
    observations = rows_with_scores(5.0, 5.0 - MARGIN - 0.01, 5.0)
    choices = Choices((1,), N_INPUTS)

    assert choices.draw((), observations, score(), np.array([uniform])).tolist() == [action]
    assert choices.counts.tolist() == [2]


def test_only_the_best_rows_are_kept() -> None:
    scores = np.random.default_rng(2).permutation(30).astype(np.float32) / 10
    choices = Choices((1,), N_INPUTS)
    choices.draw((), rows_with_scores(*scores), score(), np.zeros(1))

    assert choices.counts.tolist() == [N_BEST]
    assert choices.rows[0, :, 1].tolist() == sorted(scores.tolist(), reverse=True)[:N_BEST]


def test_a_single_legal_row_is_drawn() -> None:
    memory = np.empty(1, dtype=np.float32), np.empty(1, dtype=np.int64)
    rows = np.zeros((1, 1, N_INPUTS), dtype=np.float32)
    counts, places, actions = (np.zeros(1, dtype=np.int64) for _ in range(3))
    observations = rows_with_scores(math.nan, -3.0, math.nan)
    sample_rows(observations, score(), np.ones(1), rows, counts, places, actions, 1.0, *memory)

    assert (actions[0], counts[0], places[0]) == (1, 1, 0)


def test_returns_end_with_games() -> None:
    """Game 0 goes on, game 1 is lost at its second step, and game 2 is truncated there at a value of 8."""
    rewards = np.array([[1, 1, 1], [2, 2, 2], [4, 4, 4]], dtype=np.float32)
    dones = np.array([[0, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=np.bool_)
    values = np.array([[8] * 3, [16] * 3, [32] * 3, [64] * 3], dtype=np.float32)
    final_values = np.array([[0, 0, 0], [0, 0, 8], [0, 0, 0]], dtype=np.float32)
    returns = lambda_returns(rewards, dones, values, final_values, gamma=0.5, lambda_=0.25)
    last = 4 + 0.5 * 64
    middle = (2 + 0.5 * (0.75 * 32 + 0.25 * last), 2.0, 2 + 0.5 * 8)

    assert returns[2].tolist() == [last] * 3
    assert returns[1].tolist() == list(middle)
    assert returns[0].tolist() == [1 + 0.5 * (0.75 * 16 + 0.25 * one) for one in middle]
