"""Policies and helpers shared by the tests of evaluation."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import LinearPolicy, NetworkPolicy
from tetrarium.evaluation.policy_runner import GameBatch

compiled_only = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="plays more than plain Python can in time")

SMALL = EnvConfig.literature(height=6).with_changes(width=6)
STACKER = LinearPolicy({"holes": -4, "max_height": -1, "bumpiness": -1, "lines_cleared": 2}, name="stacker")

# Whole numbers only: every order of summation gives the same value, so that ties are ties everywhere.
NETWORK_FEATURES = ("max_height", "holes", "bumpiness", "lines_cleared")
LAYERS = [
    (np.array([[-1, -4, -1, 2], [0, 1, -1, 0], [1, 0, 0, 3]], dtype=np.float32), np.array([60, 1, 0], np.float32)),
    (np.array([[2, -1, 1], [1, 1, -2]], dtype=np.float32), np.array([0, 5], dtype=np.float32)),
    (np.array([[3, 1]], dtype=np.float32), np.array([-7], dtype=np.float32)),
]


def network(**changes: Any) -> NetworkPolicy:
    return NetworkPolicy(NETWORK_FEATURES, LAYERS, name="small net", **changes)


def network_values(rows: npt.NDArray[np.float32], activation: Any = lambda x: np.maximum(x, 0)) -> npt.NDArray[Any]:
    """Returns the small network's values of ``(…, 4)`` rows, in plain NumPy."""
    values = rows
    for number, (weights, biases) in enumerate(LAYERS):
        values = values @ weights.T + biases
        if number < len(LAYERS) - 1:
            values = activation(values)
    return values[..., 0]


class Predictor:
    """The small network behind the interface of an agent."""

    features = NETWORK_FEATURES
    name = "predictor"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, observations: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int64], None]:
        self.batches.append(len(observations))
        legal = observations[..., 0] >= 0
        return np.where(legal, network_values(observations), -np.inf).argmax(axis=1), None


def batch_of_heights(config: EnvConfig, heights: Sequence[int]) -> GameBatch:
    """A batch of one game on a board of solid columns."""
    batch = GameBatch.begin(config, 0, (0,))
    batch.games.set_board(0, np.array([(1 << height) - 1 for height in heights], dtype=np.int64))
    return batch
