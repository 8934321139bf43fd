"""The quadratic fit of CMA-ES: its accuracy on games sample_games from a known quadratic, and exact resume."""

from pathlib import Path

import numpy as np
import pytest

from tetrarium.environment import EnvConfig, make_env
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.cma_es import learner as cma_es_learner
from tetrarium.training.algorithms.cma_es.quadratic_fit import QuadraticFit, _fit_log_mean, _maximum

GRADIENT = np.array([0.3, -0.2])
CURVATURE = np.array([[-0.5, 0.1], [0.1, -0.2]])
SMALL = TrainingConfig(
    algorithm="cma-es", n_envs=2, cma_population=6, cma_games=2, max_pieces_game=50, seed=3, total_timesteps=10_000
)


def sample_games(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns points, and games with exponentially distributed lines, whose mean is 500 at the center."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 2))
    log_means = np.log(500) + points @ GRADIENT + np.einsum("ni,ij,nj->n", points, CURVATURE, points) / 2
    return points, np.column_stack([rng.exponential(np.exp(log_means)), np.ones(n)])


def test_the_fit_finds_the_quadratic_that_games_were_drawn_from() -> None:
    gradient, curvature = _fit_log_mean(*sample_games(40_000, seed=1), target_curvature=0.4)

    np.testing.assert_allclose(gradient, GRADIENT, atol=0.03)
    np.testing.assert_allclose(curvature, CURVATURE, atol=0.05)


def test_a_truncated_game_counts_as_censored() -> None:
    points, games = sample_games(40_000, seed=2)
    is_truncated = games[:, 0] > 400
    truncated = np.column_stack([np.minimum(games[:, 0], 400), ~is_truncated])
    assert 0.3 < is_truncated.mean() < 0.6

    gradient, curvature = _fit_log_mean(points, truncated, target_curvature=0.4)
    np.testing.assert_allclose(gradient, GRADIENT, atol=0.03)
    np.testing.assert_allclose(curvature, CURVATURE, atol=0.05)

    truncated[:, 1] = 1
    assert np.abs(_fit_log_mean(points, truncated, target_curvature=0.4)[0] - GRADIENT).max() > 0.08


@pytest.mark.parametrize("radius", [0.1, 1.0, 10.0])
def test_the_maximum_within_a_radius_is_no_lower_than_any_point_there(radius: float) -> None:
    def height(point: np.ndarray) -> np.ndarray:
        return point @ GRADIENT + np.einsum("...i,ij,...j", point, CURVATURE, point) / 2

    maximum = _maximum(GRADIENT, CURVATURE, radius)
    angles, lengths = np.linspace(0, 2 * np.pi, 360), np.linspace(0, radius, 50)
    around = (lengths[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)).reshape(-1, 2)
    assert np.linalg.norm(maximum) <= radius + 1e-9
    assert height(maximum) >= height(around).max() - 1e-9


def test_the_center_converges_and_candidates_lose_equally_along_every_axis() -> None:
    rng = np.random.default_rng(4)
    best = np.array([0.6, -0.6, 0.4, 0.2])
    best /= np.linalg.norm(best)
    curvature = np.diag([3_000.0, 1_000.0, 300.0, 100.0])

    def log_mean(weights: np.ndarray) -> np.ndarray:
        offset = weights / np.linalg.norm(weights, axis=-1, keepdims=True) - best
        return np.log(3_000) - np.einsum("...i,ij,...j", offset, curvature, offset) / 2

    fit = QuadraticFit(best + np.array([0.02, 0.02, -0.02, 0.06]))
    lost_before = log_mean(best) - log_mean(fit.center)
    for _ in range(400):
        candidates = fit.ask(30, rng)
        lines = rng.exponential(np.exp(log_mean(np.array(candidates)))).astype(np.int64)
        fit.update(candidates, lines, np.ones(30, dtype=np.int64))

    assert lost_before > 0.5
    assert log_mean(best) - log_mean(fit.center) < 0.02
    lost = log_mean(fit.center) - log_mean(np.array(fit.ask(2_000, rng)))
    assert 0.25 < lost.mean() < 0.55  # the target is 0.4


def test_games_without_lines_leave_the_center_unchanged() -> None:
    rng = np.random.default_rng(0)
    fit = QuadraticFit(np.array([1.0, 0.0]))
    for _ in range(20):
        fit.update(fit.ask(30, rng), np.zeros(30, dtype=np.int64), np.ones(30, dtype=np.int64))

    assert fit.center.tolist() == [1.0, 0.0]


def start_fit_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts the quadratic fit after a few generations, and fits often."""
    monkeypatch.setattr(cma_es_learner, "_MIN_GENERATIONS", 4)
    monkeypatch.setattr(cma_es_learner, "_SEARCH_SHARE", 0.0)
    monkeypatch.setattr(cma_es_learner, "GAMES_PER_COEFFICIENT", 0.2)


def test_a_resumed_fit_equals_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_fit_early(monkeypatch)
    env = make_env(EnvConfig())()
    whole = TetrisAgent(env, SMALL).train(8_000)
    TetrisAgent(env, SMALL).train(5_000).save_checkpoint(tmp_path / "half")
    resumed = TetrisAgent.load_checkpoint(tmp_path / "half", env)
    n_games = len(resumed.learner.quadratic_fit.arrays()["surface_games"])
    resumed.train(3_000)

    expected, actual = whole.learner.quadratic_fit.arrays(), resumed.learner.quadratic_fit.arrays()
    assert 0 < n_games < len(actual["surface_games"])
    assert not np.array_equal(expected["surface_centre"], whole.learner.search.averaged)  # it was fitted
    for name, array in expected.items():
        np.testing.assert_array_equal(array, actual[name])
    np.testing.assert_array_equal(whole.learner.policy_weights, resumed.learner.policy_weights)


def test_every_candidate_of_the_fit_plays_a_new_game(monkeypatch: pytest.MonkeyPatch) -> None:
    start_fit_early(monkeypatch)
    learner = TetrisAgent(make_env(EnvConfig())(), SMALL).train(5_000).learner
    first, second = learner._fit_generation()[1], learner._fit_generation()[1]

    assert first.shape == (6, 1)
    numbers = [*first.ravel().tolist(), *second.ravel().tolist()]
    assert len(set(numbers)) == 12 and max(numbers) < (1 << 32) + learner.search.n_games_begun


def test_the_policy_of_the_fit_is_its_center(monkeypatch: pytest.MonkeyPatch) -> None:
    start_fit_early(monkeypatch)
    learner = TetrisAgent(make_env(EnvConfig())(), SMALL).train(5_000).learner

    np.testing.assert_array_equal(learner.policy_weights, learner.normalization @ learner.quadratic_fit.center)
