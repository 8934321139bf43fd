"""What an agent sees of n games of placements, by the kind that ``EnvConfig.observation`` names.

An observer writes fresh arrays at every look, one entry a game, and keeps none of them.

``"rows"``
    ``(n, n_actions, row length) float32``: row *a* describes the board after action *a*, and is -1 throughout where
    that action is not legal, or the game has ended.
``"board"``
    A dictionary for convolutional networks. ``board`` is ``(n, 1, rows, width) uint8``, one channel, the topmost
    hidden row first, 1 where a cell is filled. ``pieces`` is ``(n, 7 * (1 + preview)) uint8``, one-hot, the current
    piece first; with hold, eight more say which piece is held, the first of them that there is none. All are 0 once
    the game has ended. Values are 0 and 1, not 0 and 255: Stable-Baselines3 then takes a board as the numbers that it
    is. It would divide a picture of 255s and give it to a network made for 36 × 36 and more.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine import FEATURES, Games, make_layout, row_length
from tetrarium.engine.features import feature_width
from tetrarium.engine.planes import observe_planes, pieces_length
from tetrarium.environment.config import EnvConfig

__all__ = ["LookingObserver", "Masks", "Observations", "Observer", "feature_limits", "make_observer", "one_game"]

Observations = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]  # (n, …), or a dictionary of such
Masks = npt.NDArray[np.bool_]  # (n, n_actions)


class Observer(Protocol):
    """Looks at n games; the one part of the environment that differs between kinds of observation."""

    space: spaces.Space[Any]  # of one game

    def observe(self, games: Any, masks: Masks) -> Observations:
        """Returns what is seen now, and writes which actions are legal."""

    def step(
        self,
        games: Any,
        actions: npt.NDArray[np.int64],
        masks: Masks,
        *,
        max_pieces: int,
        restart: bool,
        fresh: npt.NDArray[np.bool_] | None,
    ) -> Observations:
        """Steps the games as ``Games.step`` does; returns what is seen then, and writes which actions are legal."""

    def final(self, games: Any, indices: npt.NDArray[np.intp]) -> Observations:
        """Returns the last observations of games that the last step ended or cut and started anew, one entry each."""


def make_observer(config: EnvConfig, n_games: int) -> Observer:
    """The observer of the kind that a config names."""
    return _OBSERVERS[config.observation](config, n_games)


def one_game(observations: Observations, index: int) -> Any:
    """One game's part of the observations of many, as a view."""
    if isinstance(observations, dict):
        return {name: part[index] for name, part in observations.items()}
    return observations[index]


def feature_limits(config: EnvConfig) -> npt.NDArray[np.float32]:
    """Returns ``(row length,) float32``: the largest value that each number of a row can take."""
    rows = config.height + config.hidden_rows
    columns = config.width
    limits = {
        "column_heights": rows,
        "max_height": rows,
        "holes": columns * rows,
        "bumpiness": (columns - 1) * rows,
        "lines_cleared": 4,
        "landing_height": rows,
        "eroded_cells": 16,
        "row_transitions": config.height * (columns + 1),
        "column_transitions": columns * (rows + 1),
        "wells": columns * rows * (rows + 1) // 2,
        "fast_wells": columns * rows * (rows + 1) // 2,
        "hole_depth": columns * rows,
        "rows_with_holes": rows,
        "pattern_diversity": 5,
        "game_over": 1,
        "next_pieces": 1,
        "held_piece": 1,
    }
    wide = [
        np.full(feature_width(name, columns, config.preview), limits[name])
        for name in FEATURES
        if name in config.features
    ]
    return np.concatenate(wide).astype(np.float32)


class _RowsObserver:
    """The boards that each placement would leave, in rows of features."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._layout = make_layout(config.features, config.width, config.preview)
        n_actions = config.rules().n_actions
        self._shape = (n_games, n_actions, row_length(self._layout))
        self._final = np.empty(self._shape, dtype=np.float32)
        high = np.tile(feature_limits(config), (n_actions, 1))
        self.space: spaces.Space[Any] = spaces.Box(low=np.full_like(high, -1.0), high=high, dtype=np.float32)

    def observe(self, games: Games, masks: Masks) -> Observations:
        rows = np.empty(self._shape, dtype=np.float32)
        games.observe(self._layout, rows, masks)
        return rows

    def step(
        self,
        games: Games,
        actions: npt.NDArray[np.int64],
        masks: Masks,
        *,
        max_pieces: int,
        restart: bool,
        fresh: npt.NDArray[np.bool_] | None,
    ) -> Observations:
        rows = np.empty(self._shape, dtype=np.float32)
        final_rows = self._final if restart else None
        games.step(actions, self._layout, rows, masks, max_pieces=max_pieces, final_rows=final_rows, fresh=fresh)
        return rows

    def final(self, games: Games, indices: npt.NDArray[np.intp]) -> Observations:
        rows: npt.NDArray[np.float32] = self._final[indices]
        return rows


class LookingObserver:
    """One that looks at games as they lie, after the step; ``_look`` says how, at any rows of games."""

    def observe(self, games: Any, masks: Masks) -> Observations:
        """As ``Observer`` does."""
        return self._look(games, games.rows, masks)

    def step(
        self,
        games: Any,
        actions: npt.NDArray[np.int64],
        masks: Masks,
        *,
        max_pieces: int,
        restart: bool,
        fresh: npt.NDArray[np.bool_] | None,
    ) -> Observations:
        """As ``Observer`` does."""
        games.advance(actions, max_pieces=max_pieces, restart=restart, fresh=fresh)
        return self._look(games, games.rows, masks)

    def final(self, games: Any, indices: npt.NDArray[np.intp]) -> Observations:
        """As ``Observer`` does."""
        return self._look(games, games.reached.rows[indices], np.empty((len(indices), games.n_actions), dtype=np.bool_))

    def _look(self, games: Any, rows: npt.NDArray[np.int64], masks: Masks) -> Observations:
        raise NotImplementedError


class _BoardObserver(LookingObserver):
    """The board's cells as a picture, and the pieces in view."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._shapes = {
            "board": (1, config.height + config.hidden_rows, config.width),
            "pieces": (pieces_length(config.preview, config.hold),),
        }
        self.space: spaces.Space[Any] = spaces.Dict(
            {name: spaces.Box(low=0, high=1, shape=shape, dtype=np.uint8) for name, shape in self._shapes.items()}
        )

    def _look(self, games: Games, rows: npt.NDArray[np.int64], masks: Masks) -> Observations:
        seen = {name: np.empty((len(rows), *shape), dtype=np.uint8) for name, shape in self._shapes.items()}
        observe_planes(rows, games.rules, seen["board"], seen["pieces"], masks)
        return seen


_OBSERVERS: Final[dict[str, Callable[[EnvConfig, int], Observer]]] = {"rows": _RowsObserver, "board": _BoardObserver}
