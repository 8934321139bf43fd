"""Linear policies on observations, and the normalization of the space of their weights.

The sum of an action's value runs feature by feature in ``float64``, as in evaluation's compiled kernel, and ties go to
the first placement, orientation by orientation and each from left to right; so both choose identically to the last bit.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, GAME_OVER, feature_spec, feature_width, make_layout
from tetrarium.engine.pieces import MAX_ORIENTATIONS
from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv


def _comparison_order(config: EnvConfig, n_actions: int) -> npt.NDArray[np.int64]:
    """Returns the actions in the order in which the kernel compares placements; lock positions already have it."""
    actions = np.arange(n_actions)
    if config.actions == "reachable":
        return actions
    hold, choices = np.divmod(actions, MAX_ORIENTATIONS * config.width)
    return np.lexsort((choices // MAX_ORIENTATIONS, choices % MAX_ORIENTATIONS, hold))


def choose_actions(
    observations: npt.NDArray[np.float32], weights: Mapping[str, npt.ArrayLike], config: EnvConfig
) -> npt.NDArray[np.int64]:
    """Returns the greedy actions, ``(n,) int64``.

    Args:
        observations: ``(n, n_actions, row_length)`` of games of ``config``, whose features include ``game_over``.
        weights: Weight by feature, or one for each of its numbers.
        config: The game, which determines the layout of a row.
    """
    values = linear_action_values(observations, weights, config)
    order = _comparison_order(config, values.shape[1])
    best: npt.NDArray[np.int64] = order[values[:, order].argmax(axis=1)]
    return best


def linear_action_values(
    observations: npt.NDArray[np.float32], weights: Mapping[str, npt.ArrayLike], config: EnvConfig
) -> npt.NDArray[np.float64]:
    """Returns the weighted sums, ``(n, n_actions)``; -inf for actions that are illegal or end the game."""
    layout = make_layout(config.features, config.width, config.preview)
    n_games, n_actions, _ = observations.shape
    values = np.zeros((n_games, n_actions), dtype=np.float64)
    for name in FEATURES:
        if name in weights:
            first, n_numbers = layout[FEATURES.index(name)], feature_width(name, config.width, config.preview)
            for k, weight in enumerate(np.broadcast_to(weights[name], n_numbers)):
                values += weight * observations[:, :, first + k]
    is_playable = (observations[:, :, 0] >= 0) & (observations[:, :, layout[GAME_OVER]] <= 0)
    values[~is_playable] = -np.inf
    return values


_N_GAMES: Final = 64
_N_PIECES: Final = 50
_MIN_VARIANCE: Final = 1e-3  # relative to the largest; bounds the scale of features that hardly differ


def mirror_matrix(config: EnvConfig, features: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Returns the ``(n_numbers, n) float64`` matrix that gives mirrored columns, and gaps between them, one weight.

    >>> mirror_matrix(EnvConfig(width=5), ("holes", "height_differences")).astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]]
    """
    places: list[int] = []  # of each number, its weight
    for name in features:
        n_numbers, first = feature_width(name, config.width, config.preview), max(places, default=-1) + 1
        places += [first + min(k, n_numbers - 1 - k) for k in range(n_numbers)]
    return np.eye(max(places) + 1)[places]


def normalization_matrix(config: EnvConfig, features: tuple[str, ...], seed: int) -> npt.NDArray[np.float64]:
    """Returns the ``(n_numbers, n) float64`` matrix that maps normalized coordinates to the weights of numbers.

    Mirrored numbers have the same weight; where all features consist of one number the matrix is symmetric.

    A unit step in normalized coordinates changes play equally in every direction. A weight matters as far as its
    feature differs between the placements of one piece. Features differ by unequal amounts and are correlated:
    placements that make holes also make rows with holes. A search with equal steps in all weights would need a hundred
    times as many generations along some directions as along others. So the space is scaled by ``C ** -1/2``, with C the
    covariance of the features among the placements of a piece.

    The covariance is measured on the boards of a simple policy, which weighs each feature by its ``sign``: 1
    for a good one, -1 for a bad one.

    ``config``: the game, whose features include ``game_over``.
    """
    layout = make_layout(config.features, config.width, config.preview)
    mirrored = mirror_matrix(config, features)
    widths = [feature_width(name, config.width, config.preview) for name in features]
    columns = [layout[FEATURES.index(name)] + k for name, n in zip(features, widths, strict=True) for k in range(n)]
    signs = {name: float(feature_spec(name).sign) for name in features if feature_spec(name).sign}
    vec_env = TetrisVecEnv(config, _N_GAMES, seed)
    observations: Any = vec_env.reset()  # (n, n_actions, row_length)
    differences = []
    for _ in range(_N_PIECES):
        playable = (observations[:, :, 0] >= 0) & (observations[:, :, layout[GAME_OVER]] <= 0)
        for rows, is_playable in zip(observations[:, :, columns].astype(np.float64), playable, strict=True):
            if is_playable.any():
                sums = rows[is_playable] @ mirrored
                differences.append(sums - sums.mean(axis=0))
        observations = vec_env.step(choose_actions(observations, signs, config))[0]
    samples = np.concatenate(differences)
    variances, directions = np.linalg.eigh(samples.T @ samples / len(samples))
    if variances[-1] <= 0:
        return mirrored
    scales = 1 / np.sqrt(np.maximum(variances, _MIN_VARIANCE * variances[-1]))
    matrix: npt.NDArray[np.float64] = mirrored @ ((directions * scales) @ directions.T)
    return matrix
