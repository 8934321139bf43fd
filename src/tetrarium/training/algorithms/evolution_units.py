"""The units in which the weights of a linear policy are searched: a step of one unit matters alike in every direction.

What a weight changes is which placement is chosen, and that depends on how far its feature differs between the
placements of one piece. Features differ by unlike amounts and mostly together: where holes are made, rows with holes
are, too. A search that steps alike in all weights would take a hundred generations along one direction for one along
another. So it steps in units of ``C ** -1/2``, C being the covariance of the features among the placements of a piece.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.features import FEATURES, GAME_OVER, make_layout
from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.training.algorithms.linear import choose_rows

__all__ = ["search_units"]

_WELCOME: Final = ("lines_cleared", "eroded_cells")
_OF_NO_SIGN: Final = ("pattern_diversity",)
_N_GAMES: Final = 64
_N_PIECES: Final = 50
_LEAST_VARIANCE: Final = 1e-3  # of the largest; a feature that hardly differs gets no endless weight


def search_units(config: EnvConfig, features: tuple[str, ...], seed: int) -> npt.NDArray[np.float64]:
    """Returns the symmetric ``(n, n) float64`` matrix that makes weights of numbers in these units.

    The boards are those that a rough player meets, which dislikes all features alike but for lines and eroded cells.

    Args:
        config: The game, whose features include ``game_over``.
        features: Those weighed, of one number each.
        seed: Of the games.
    """
    layout = make_layout(config.features, config.width, config.preview)
    columns = [layout[FEATURES.index(name)] for name in features]
    rough = {name: 1.0 if name in _WELCOME else -1.0 for name in features if name not in _OF_NO_SIGN}
    games = TetrisVecEnv(config, _N_GAMES, seed)
    observations: Any = games.reset()  # (n, n_actions, row length)
    differences = []
    for _ in range(_N_PIECES):
        legal = (observations[:, :, 0] >= 0) & (observations[:, :, layout[GAME_OVER]] <= 0)
        for rows, plays_on in zip(observations[:, :, columns].astype(np.float64), legal, strict=True):
            if plays_on.any():
                differences.append(rows[plays_on] - rows[plays_on].mean(axis=0))
        observations = games.step(choose_rows(observations, rough, config))[0]
    together = np.concatenate(differences)
    variances, directions = np.linalg.eigh(together.T @ together / len(together))
    if variances[-1] <= 0:
        return np.eye(len(features))
    scales = 1 / np.sqrt(np.maximum(variances, _LEAST_VARIANCE * variances[-1]))
    units: npt.NDArray[np.float64] = (directions * scales) @ directions.T
    return units
