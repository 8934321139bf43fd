"""The surface that ends a search: fits against the quadratic that games were drawn from, and exact resume."""

from pathlib import Path

import numpy as np
import pytest

from tetrarium.environment import EnvConfig, make_env
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms import evolution, evolution_surface
from tetrarium.training.algorithms.evolution_surface import Surface, _fitted, _top

SLOPE = np.array([0.3, -0.2])
CURVATURE = np.array([[-0.5, 0.1], [0.1, -0.2]])
SMALL = TrainingConfig(
    algorithm="cma-es", n_envs=2, cma_population=6, cma_games=2, max_pieces_game=50, seed=3, total_timesteps=10_000
)


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places, and exponential games whose mean is 500 at the centre."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(n, 2))
    log_means = np.log(500) + places @ SLOPE + np.einsum("ni,ij,nj->n", places, CURVATURE, places) / 2
    return places, np.column_stack([rng.exponential(np.exp(log_means)), np.ones(n)])


def test_the_fit_finds_the_quadratic_that_games_were_drawn_from() -> None:
    slope, curvature = _fitted(*drawn(40_000, seed=1), aimed_at=0.4)

    np.testing.assert_allclose(slope, SLOPE, atol=0.03)
    np.testing.assert_allclose(curvature, CURVATURE, atol=0.05)


def test_a_game_that_was_cut_off_counts_as_longer_than_it_was() -> None:
    places, games = drawn(40_000, seed=2)
    was_cut = games[:, 0] > 400
    cut = np.column_stack([np.minimum(games[:, 0], 400), ~was_cut])
    assert 0.3 < was_cut.mean() < 0.6

    slope, curvature = _fitted(places, cut, aimed_at=0.4)
    np.testing.assert_allclose(slope, SLOPE, atol=0.03)
    np.testing.assert_allclose(curvature, CURVATURE, atol=0.05)

    cut[:, 1] = 1
    assert np.abs(_fitted(places, cut, aimed_at=0.4)[0] - SLOPE).max() > 0.08


@pytest.mark.parametrize("radius", [0.1, 1.0, 10.0])
def test_the_top_within_a_radius_is_no_lower_than_any_point_there(radius: float) -> None:
    def height(place: np.ndarray) -> np.ndarray:
        return place @ SLOPE + np.einsum("...i,ij,...j", place, CURVATURE, place) / 2

    top = _top(SLOPE, CURVATURE, radius)
    angles, lengths = np.linspace(0, 2 * np.pi, 360), np.linspace(0, radius, 50)
    around = (lengths[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)).reshape(-1, 2)
    assert np.linalg.norm(top) <= radius + 1e-9
    assert height(top) >= height(around).max() - 1e-9


def test_the_centre_comes_to_the_best_direction_and_candidates_lose_alike_along_every_axis() -> None:
    rng = np.random.default_rng(4)
    best = np.array([0.6, -0.6, 0.4, 0.2])
    best /= np.linalg.norm(best)
    falls = np.diag([3_000.0, 1_000.0, 300.0, 100.0])

    def log_mean(weights: np.ndarray) -> np.ndarray:
        away = weights / np.linalg.norm(weights, axis=-1, keepdims=True) - best
        return np.log(3_000) - np.einsum("...i,ij,...j", away, falls, away) / 2

    surface = Surface(best + np.array([0.02, 0.02, -0.02, 0.06]))
    lost_before = log_mean(best) - log_mean(surface.centre)
    for _ in range(400):
        candidates = surface.ask(30, rng)
        lines = rng.exponential(np.exp(log_mean(np.array(candidates)))).astype(np.int64)
        surface.tell(candidates, lines, np.ones(30, dtype=np.int64))

    assert lost_before > 0.5
    assert log_mean(best) - log_mean(surface.centre) < 0.02
    lost = log_mean(surface.centre) - log_mean(np.array(surface.ask(2_000, rng)))
    assert 0.25 < lost.mean() < 0.55  # 0.4 is aimed at


def test_games_that_tell_nothing_leave_the_centre_where_it_is() -> None:
    rng = np.random.default_rng(0)
    surface = Surface(np.array([1.0, 0.0]))
    for _ in range(20):
        surface.tell(surface.ask(30, rng), np.zeros(30, dtype=np.int64), np.ones(30, dtype=np.int64))

    assert surface.centre.tolist() == [1.0, 0.0]


def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the surface begin after some generations, and be fitted often."""
    monkeypatch.setattr(evolution, "_LEAST_SEARCHED", 4)
    monkeypatch.setattr(evolution, "_SHARE_SEARCHED", 0.0)
    monkeypatch.setattr(evolution_surface, "_GAMES_NUMBER", 0.2)


def test_a_resumed_surface_ends_as_one_that_was_never_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early(monkeypatch)
    env = make_env(EnvConfig())()
    whole = TetrisAgent(env, SMALL).train(8_000)
    TetrisAgent(env, SMALL).train(5_000).save_checkpoint(tmp_path / "half")
    resumed = TetrisAgent.load_checkpoint(tmp_path / "half", env)
    n_games = len(resumed.learner.surface.arrays()["surface_games"])
    resumed.train(3_000)

    expected, got = whole.learner.surface.arrays(), resumed.learner.surface.arrays()
    assert 0 < n_games < len(got["surface_games"])
    assert not np.array_equal(expected["surface_centre"], whole.learner.search.averaged)  # it was fitted
    for name, array in expected.items():
        np.testing.assert_array_equal(array, got[name])
    np.testing.assert_array_equal(whole.learner.playing, resumed.learner.playing)


def test_every_candidate_of_the_surface_plays_a_new_game_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    early(monkeypatch)
    learner = TetrisAgent(make_env(EnvConfig())(), SMALL).train(5_000).learner
    first, second = learner._surveyed()[1], learner._surveyed()[1]

    assert first.shape == (6, 1)
    numbers = [*first.ravel().tolist(), *second.ravel().tolist()]
    assert len(set(numbers)) == 12 and max(numbers) < (1 << 32) + learner.search.n_games_begun


def test_what_plays_from_the_surface_is_its_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    early(monkeypatch)
    learner = TetrisAgent(make_env(EnvConfig())(), SMALL).train(5_000).learner

    np.testing.assert_array_equal(learner.playing, learner.units @ learner.surface.centre)
