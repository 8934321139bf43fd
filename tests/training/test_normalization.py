"""Normalization of the search space: a unit step changes scores equally in every direction; mirrored columns."""

from pathlib import Path

import numpy as np
import pytest

from tetrarium.engine.features import FEATURES, GAME_OVER, feature_width, make_layout
from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.evaluation import play_moves
from tetrarium.training import TetrisAgent, TrainingConfig, read_policy
from tetrarium.training.algorithms.cma_es import linear_policy
from tetrarium.training.algorithms.cma_es.linear_policy import choose_actions, normalization_matrix

CONFIG = EnvConfig.literature(10)
SCALARS = ("holes", "row_transitions", "fast_wells", "rows_with_holes")


def differences(config: EnvConfig, features: tuple[str, ...], seed: int) -> np.ndarray:
    """Naive twin: deviations of features among placements, by number, on boards of a policy that penalizes them all."""
    layout = make_layout(config.features, config.width, config.preview)
    columns = [
        layout[FEATURES.index(name)] + k for name in features for k in range(feature_width(name, config.width, 0))
    ]
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


COLUMNS = ("column_heights", "holes", "height_differences")
OF_COLUMNS = CONFIG.with_changes(width=7, features=(*COLUMNS, "game_over"))


def test_mirrored_columns_have_one_weight_and_unit_steps_still_change_scores_equally() -> None:
    matrix = normalization_matrix(OF_COLUMNS, COLUMNS, seed=3)
    heights, _, gaps = np.split(matrix, [7, 8])

    assert matrix.shape == (7 + 1 + 6, 4 + 1 + 3)
    np.testing.assert_array_equal(heights, heights[::-1])
    np.testing.assert_array_equal(gaps, gaps[::-1])
    scores = differences(OF_COLUMNS, COLUMNS, seed=3) @ matrix
    np.testing.assert_allclose(scores.T @ scores / len(scores), np.eye(8), atol=1e-5)


def test_an_agent_that_weighs_columns_plays_as_its_policy_and_continues_exactly(tmp_path: Path) -> None:
    settings = TrainingConfig(
        algorithm="cma-es", n_envs=2, cma_population=6, cma_games=2, cma_columns=True, max_pieces_game=50, seed=3
    )
    env = make_env(OF_COLUMNS)()
    trained = TetrisAgent(env, settings).train(3_000)
    TetrisAgent(env, settings).train(1_500).save_checkpoint(tmp_path / "half")
    resumed = TetrisAgent.load_checkpoint(tmp_path / "half", env).train(1_500)
    resumed.save_checkpoint(tmp_path / "whole")
    policy, _ = read_policy(tmp_path / "whole")

    assert [len(policy.weights[name]) for name in COLUMNS] == [7, 1, 6]
    np.testing.assert_array_equal(trained.learner.policy_weights, resumed.learner.policy_weights)
    observation, _ = env.reset(seed=5)
    for move in play_moves(policy, OF_COLUMNS, seed=5, game=0):
        assert move.action == trained.predict(observation)[0]
        observation, *_ = env.step(move.action)
    branch = TetrisAgent(env, settings.with_changes(seed=4)).start_from(tmp_path / "whole")
    learner = branch.learner
    np.testing.assert_allclose(learner.normalization @ learner.search.mean, trained.learner.policy_weights, atol=1e-9)
