"""Linear scores of the rows of an observation, and the choice that evaluation's compiled kernel makes of them.

The sum runs feature by feature in ``float64`` as the kernel's does, and among equals the first placement is chosen,
orientation by orientation and in each from left to right; so both choose alike to the last bit.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, GAME_OVER, make_layout
from tetrarium.engine.pieces import MAX_ORIENTATIONS
from tetrarium.environment import EnvConfig

__all__ = ["choose_rows", "row_values", "scalar_features"]

_NOT_WEIGHED = ("column_heights", "game_over", "next_pieces", "held_piece")


def scalar_features(config: EnvConfig) -> tuple[str, ...]:
    """The features of a game that are one number each and differ from placement to placement."""
    return tuple(name for name in config.features if name not in _NOT_WEIGHED)


def _by_orientation(config: EnvConfig, n_actions: int) -> npt.NDArray[np.int64]:
    """Actions in the order in which placements are compared; lock positions are numbered so."""
    actions = np.arange(n_actions)
    if config.actions == "reachable":
        return actions
    hold, choices = np.divmod(actions, MAX_ORIENTATIONS * config.width)
    return np.lexsort((choices // MAX_ORIENTATIONS, choices % MAX_ORIENTATIONS, hold))


def choose_rows(
    observations: npt.NDArray[np.float32], weights: Mapping[str, float], config: EnvConfig
) -> npt.NDArray[np.int64]:
    """Returns ``(n,) int64`` actions for ``(n, n_actions, row length)``.

    Args:
        observations: Of games of ``config``, whose features include ``game_over``.
        weights: For each feature its weight.
        config: Says where each feature lies in a row.
    """
    values = row_values(observations, weights, config)
    by_orientation = _by_orientation(config, values.shape[1])
    best: npt.NDArray[np.int64] = by_orientation[values[:, by_orientation].argmax(axis=1)]
    return best


def row_values(
    observations: npt.NDArray[np.float32], weights: Mapping[str, float], config: EnvConfig
) -> npt.NDArray[np.float64]:
    """Returns ``(n, n_actions)`` sums for ``choose_rows``; -inf where an action is not legal, or ends the game."""
    layout = make_layout(config.features, config.width, config.preview)
    n_games, n_actions, _ = observations.shape
    values = np.zeros((n_games, n_actions), dtype=np.float64)
    for name in FEATURES:
        if name in weights:
            values += weights[name] * observations[:, :, layout[FEATURES.index(name)]]
    plays_on = (observations[:, :, 0] >= 0) & (observations[:, :, layout[GAME_OVER]] <= 0)
    values[~plays_on] = -np.inf
    return values
