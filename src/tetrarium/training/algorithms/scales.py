"""What each feature is multiplied by before it enters a network, so that inputs are of the order of 1.

The factors are fixed: they are near one over the values met on the boards of a learner that has begun to survive, and
unlike running means they need no state, so that a loaded network sees just what it was trained on.
"""

from typing import Final

from tetrarium.engine import FEATURES
from tetrarium.engine.features import feature_width
from tetrarium.environment import EnvConfig

__all__ = ["input_scale"]

_SCALES: Final = {
    "column_heights": 0.1,
    "max_height": 0.1,
    "holes": 0.1,
    "bumpiness": 0.05,
    "lines_cleared": 0.5,
    "landing_height": 0.1,
    "eroded_cells": 0.1,
    "row_transitions": 0.02,
    "column_transitions": 0.05,
    "wells": 0.05,
    "fast_wells": 0.02,
    "hole_depth": 0.05,
    "rows_with_holes": 0.1,
    "pattern_diversity": 0.3,
    "game_over": 1.0,
    "next_pieces": 1.0,
    "held_piece": 1.0,
}


def input_scale(config: EnvConfig) -> list[float]:
    """Returns a factor for each number of a row."""
    return [
        _SCALES[name]
        for name in FEATURES
        if name in config.features
        for _ in range(feature_width(name, config.width, config.preview))
    ]
