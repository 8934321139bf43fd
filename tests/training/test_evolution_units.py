"""The units of the search: a unit step changes what placements differ by alike in every direction."""

import numpy as np
import pytest

from tetrarium.engine.features import FEATURES, GAME_OVER, make_layout
from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.training.algorithms import evolution_units
from tetrarium.training.algorithms.evolution_units import search_units
from tetrarium.training.algorithms.linear import choose_rows

CONFIG = EnvConfig.literature(10)
SCALARS = ("holes", "row_transitions", "fast_wells", "rows_with_holes")


def differences(config: EnvConfig, features: tuple[str, ...], seed: int) -> np.ndarray:
    """What features of placements differ by, on boards of a player that dislikes them all: a plain twin."""
    layout = make_layout(config.features, config.width, config.preview)
    places = [layout[FEATURES.index(name)] for name in features]
    games = TetrisVecEnv(config, 64, seed)
    observations = games.reset()
    found = []
    for _ in range(50):
        for rows in observations:
            kept = [row[places] for row in rows if row[0] >= 0 and row[layout[GAME_OVER]] == 0]
            if kept:
                found.extend(np.array(kept, dtype=np.float64) - np.mean(kept, axis=0, dtype=np.float64))
        actions = choose_rows(observations, dict.fromkeys(features, -1.0), config)
        observations = games.step(actions)[0]
    return np.array(found)


def test_scores_by_steps_of_a_unit_differ_alike_in_every_direction() -> None:
    config = CONFIG.with_changes(features=(*SCALARS, "game_over"))
    units = search_units(config, SCALARS, seed=3)

    scores = differences(config, SCALARS, seed=3) @ units  # of weights that are one unit each
    np.testing.assert_allclose(scores.T @ scores / len(scores), np.eye(4), atol=1e-6)
    np.testing.assert_allclose(units, units.T, atol=1e-12)


def test_a_feature_that_never_differs_gets_no_endless_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolution_units, "_N_PIECES", 1)  # no first piece clears a row
    config = CONFIG.with_changes(features=("lines_cleared", "game_over"))

    np.testing.assert_array_equal(search_units(config, ("lines_cleared",), seed=0), np.eye(1))


def test_units_depend_on_the_seed_alone() -> None:
    np.testing.assert_array_equal(search_units(CONFIG, SCALARS, 1), search_units(CONFIG, SCALARS, 1))
    assert not np.array_equal(search_units(CONFIG, SCALARS, 1), search_units(CONFIG, SCALARS, 2))
