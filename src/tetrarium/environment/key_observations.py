"""What an agent sees of n games played by keys, by the kind that ``EnvConfig.observation`` names.

``"rows"``
    ``(n, row length) uint8``, one row a game: the lowest rows of the board, column by column from the left, each from
    the bottom up, 0 empty, 1 filled, 2 the current piece; then the pieces in view and what cells do not tell.
``"board"``
    A dictionary for convolutional networks. ``board`` is ``(n, 2, rows, width) uint8``, what is filled and the current
    piece, the topmost hidden row first. ``pieces`` is ``(n, …) uint8``, the rest of such a row.

``engine.key_views`` names the numbers one by one. Once a game has ended they are all 0.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine import KeyGames
from tetrarium.engine.key_views import (
    FALLING,
    MAX_COUNT,
    N_COUNTS,
    observe_key_planes,
    rest_length,
    row_words,
    shown_rows,
)
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.observations import LookingObserver, Masks, Observations, Observer

__all__ = ["make_key_observer"]

_WORD_BYTES: Final = 8


def _rest_high(preview: int) -> npt.NDArray[np.uint8]:
    high = np.ones(rest_length(preview), dtype=np.uint8)
    high[-N_COUNTS:] = MAX_COUNT
    return high


class _RowObserver:
    """One row of numbers a game."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._shape = (n_games, row_words(config.width, config.height, config.preview))
        self._final = np.zeros(self._shape, dtype=np.int64)
        n_cells = config.width * shown_rows(config.height)
        high = np.ones(_WORD_BYTES * self._shape[1], dtype=np.uint8)  # what fills up the last word is always 0
        high[:n_cells] = FALLING
        high[n_cells : n_cells + rest_length(config.preview)] = _rest_high(config.preview)
        self.space: spaces.Space[Any] = spaces.Box(low=np.zeros_like(high), high=high, dtype=np.uint8)

    def observe(self, games: KeyGames, masks: Masks) -> Observations:
        words = np.empty(self._shape, dtype=np.int64)
        games.observe(words, masks)
        return words.view(np.uint8)

    def step(
        self,
        games: KeyGames,
        actions: npt.NDArray[np.int64],
        masks: Masks,
        *,
        max_pieces: int,
        restart: bool,
        fresh: npt.NDArray[np.bool_] | None,
    ) -> Observations:
        words = np.empty(self._shape, dtype=np.int64)
        games.step(
            actions, words, masks, max_pieces=max_pieces, final_words=self._final if restart else None, fresh=fresh
        )
        return words.view(np.uint8)

    def final(self, games: KeyGames, indices: npt.NDArray[np.intp]) -> Observations:
        rows: npt.NDArray[np.uint8] = self._final[indices].view(np.uint8)
        return rows


class _PlaneObserver(LookingObserver):
    """The board's cells and the current piece's as a picture, and the rest beside it."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._planes = (2, config.height + config.hidden_rows, config.width)
        self._n_rest = rest_length(config.preview)
        high = _rest_high(config.preview)
        self.space: spaces.Space[Any] = spaces.Dict(
            board=spaces.Box(low=0, high=1, shape=self._planes, dtype=np.uint8),
            pieces=spaces.Box(low=np.zeros_like(high), high=high, dtype=np.uint8),
        )

    def _look(self, games: KeyGames, rows: npt.NDArray[np.int64], masks: Masks) -> Observations:
        planes = np.empty((len(rows), *self._planes), dtype=np.uint8)
        rest = np.empty((len(rows), -(-self._n_rest // _WORD_BYTES)), dtype=np.int64)
        observe_key_planes(rows, games.rules.parameters, planes, rest, masks)
        return {"board": planes, "pieces": rest.view(np.uint8)[:, : self._n_rest].copy()}


_OBSERVERS: Final[dict[str, Callable[[EnvConfig, int], Observer]]] = {"rows": _RowObserver, "board": _PlaneObserver}


def make_key_observer(config: EnvConfig, n_games: int) -> Observer:
    """The observer of the kind that a config names."""
    return _OBSERVERS[config.observation](config, n_games)
