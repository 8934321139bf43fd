"""Normalization of the search space: a unit step changes scores equally in every direction."""

import numpy as np
import pytest

from tetrarium.engine.features import FEATURES, GAME_OVER, make_layout
from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.training.algorithms.cma_es import linear_policy
from tetrarium.training.algorithms.cma_es.linear_policy import choose_actions, normalization_matrix

CONFIG = EnvConfig.literature(10)
SCALARS = ("holes", "row_transitions", "fast_wells", "rows_with_holes")


def differences(config: EnvConfig, features: tuple[str, ...], seed: int) -> np.ndarray:
    """Naive twin: deviations of the features among placements, on boards of a policy that penalizes them all."""
    layout = make_layout(config.features, config.width, config.preview)
    columns = [layout[FEATURES.index(name)] for name in features]
    vec_env = TetrisVecEnv(config, 64, seed)
    observations = vec_env.reset()
    deviations = []
    for _ in range(50):
        for rows in observations:
            kept = [row[columns] for row in rows if row[0] >= 0 and row[layout[GAME_OVER]] == 0]
            if kept:
                deviations.extend(np.array(kept, dtype=np.float64) - np.mean(kept, axis=0, dtype=np.float64))
        actions = choose_actions(observations, dict.fromkeys(features, -1.0), config)
        observations = vec_env.step(actions)[0]
    return np.array(deviations)


def test_unit_steps_change_scores_equally_in_every_direction() -> None:
    config = CONFIG.with_changes(features=(*SCALARS, "game_over"))
    matrix = normalization_matrix(config, SCALARS, seed=3)

    scores = differences(config, SCALARS, seed=3) @ matrix  # for a unit step along each axis
    np.testing.assert_allclose(scores.T @ scores / len(scores), np.eye(4), atol=1e-6)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)


def test_a_constant_feature_has_a_finite_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_policy, "_N_PIECES", 1)  # no first piece clears a row
    config = CONFIG.with_changes(features=("lines_cleared", "game_over"))

    np.testing.assert_array_equal(normalization_matrix(config, ("lines_cleared",), seed=0), np.eye(1))


def test_the_matrix_depends_only_on_the_seed() -> None:
    np.testing.assert_array_equal(normalization_matrix(CONFIG, SCALARS, 1), normalization_matrix(CONFIG, SCALARS, 1))
    assert not np.array_equal(normalization_matrix(CONFIG, SCALARS, 1), normalization_matrix(CONFIG, SCALARS, 2))
