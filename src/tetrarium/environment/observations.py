"""Observations of n games, of the kind that ``EnvConfig.observation`` names.

Every observation is a new array with one entry for each game. After the end of a game all numbers are 0, or -1 in rows
of afterstates.

Of games of placements:

``"rows"``
    ``(n, n_actions, row length) float32``: row *a* describes the board after action *a*, and is -1 throughout if that
    action is illegal or the game has ended.
``"board"``
    A dictionary for convolutional networks. ``board`` is ``(n, 1, rows, width) uint8``, one channel, the topmost
    hidden row first, 1 where a cell is filled. ``pieces`` is ``(n, 7 * (1 + preview)) uint8``, one-hot, the current
    piece first; with hold, eight more encode the held piece, the first of them that none is held. Values are 0 and 1,
    not 0 and 255, so that Stable-Baselines3 does not treat a board as an image: it would divide by 255 and use a
    network made for 36 × 36 and more.

Of games by keys, whose numbers ``engine.keyplay.observations`` lists:

``"rows"``
    ``(n, row length) uint8``, one row a game: the lowest rows of the board, column by column from the left, each from
    the bottom up, 0 empty, 1 filled, 2 the current piece; then the visible pieces and the counters.
``"board"``
    ``board`` is ``(n, 2, rows, width) uint8``, filled cells and the current piece, the topmost hidden row first.
    ``pieces`` is ``(n, …) uint8``, the rest of such a row.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tetrarium.engine import Games, KeyGames, make_layout, row_length
from tetrarium.engine.features import BoardSize, feature_bounds
from tetrarium.engine.keyplay import observations as key_observations
from tetrarium.engine.placement.games import observe_planes, pieces_length
from tetrarium.environment.config import EnvConfig

Observations = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]  # (n, …), or a dictionary of such
Actions = npt.NDArray[np.int64]  # (n,)
Masks = npt.NDArray[np.bool_]  # (n, n_actions)
ResetMask = npt.NDArray[np.bool_] | None  # (n,) games that are reset instead of stepped


class ObservationWriter(Protocol):
    """Writer of the observations of n games, for one kind of observation."""

    space: spaces.Space[Any]  # of one game

    def observe(self, games: Any, masks: Masks) -> Observations:
        """Returns the present observations, and writes the action masks."""

    def step(
        self, games: Any, actions: Actions, masks: Masks, *, max_pieces: int, restart: bool, reset_mask: ResetMask
    ) -> Observations:
        """Steps the games, writes the action masks and returns the observations; arguments as of ``GameCore.step``."""

    def final(self, games: Any, indices: npt.NDArray[np.intp]) -> Observations:
        """Returns the final observations of games that the last step ended and restarted, one entry each."""


def make_observation_writer(config: EnvConfig, n_games: int) -> ObservationWriter:
    """Returns the observation writer of a config."""
    return _WRITERS[config.actions == "keys", config.observation](config, n_games)


def one_game(observations: Observations, index: int) -> Any:
    """Returns one game's observation as a view of those of the batch."""
    if isinstance(observations, dict):
        return {name: part[index] for name, part in observations.items()}
    return observations[index]


def feature_limits(config: EnvConfig) -> npt.NDArray[np.float32]:
    """Returns ``(row length,) float32``, the upper bound of each number of a row."""
    size = BoardSize(width=config.width, height=config.height, n_rows=config.height + config.hidden_rows)
    return feature_bounds(config.features, size, config.preview)


class _RowsWriter:
    """Observations with one row of afterstate features for each action."""

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
        self, games: Games, actions: Actions, masks: Masks, *, max_pieces: int, restart: bool, reset_mask: ResetMask
    ) -> Observations:
        rows, final = np.empty(self._shape, dtype=np.float32), self._final if restart else None
        games.step_unchecked(actions, self._layout, rows, masks, max_pieces, final, reset_mask)
        return rows

    def final(self, games: Games, indices: npt.NDArray[np.intp]) -> Observations:
        rows: npt.NDArray[np.float32] = self._final[indices]
        return rows


class _StateWriter:
    """Base of writers that read game states after the step; ``_write`` does so for any states."""

    def observe(self, games: Any, masks: Masks) -> Observations:
        """See ``ObservationWriter``."""
        return self._write(games, games.rows, masks)

    def step(
        self, games: Any, actions: Actions, masks: Masks, *, max_pieces: int, restart: bool, reset_mask: ResetMask
    ) -> Observations:
        """See ``ObservationWriter``."""
        games.advance_unchecked(actions, max_pieces, restart, reset_mask)
        return self.observe(games, masks)

    def final(self, games: Any, indices: npt.NDArray[np.intp]) -> Observations:
        """See ``ObservationWriter``."""
        return self._write(
            games, games.state_after.rows[indices], np.empty((len(indices), games.n_actions), dtype=np.bool_)
        )

    def _write(self, games: Any, rows: npt.NDArray[np.int64], masks: Masks) -> Observations:
        raise NotImplementedError


class _BoardWriter(_StateWriter):
    """Observations with the board's cells as a plane, and the visible pieces."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._shapes = {
            "board": (1, config.height + config.hidden_rows, config.width),
            "pieces": (pieces_length(config.preview, config.hold),),
        }
        self.space: spaces.Space[Any] = spaces.Dict(
            {name: spaces.Box(low=0, high=1, shape=shape, dtype=np.uint8) for name, shape in self._shapes.items()}
        )

    def _write(self, games: Games, rows: npt.NDArray[np.int64], masks: Masks) -> Observations:
        observations = {name: np.empty((len(rows), *shape), dtype=np.uint8) for name, shape in self._shapes.items()}
        observe_planes(rows, games.rules, observations["board"], observations["pieces"], masks)
        return observations


_WORD_BYTES: Final = 8


def _rest_high(preview: int) -> npt.NDArray[np.uint8]:
    high = np.ones(key_observations.n_extra_values(preview), dtype=np.uint8)
    high[-key_observations.N_COUNTS :] = key_observations.MAX_COUNT
    return high


class _KeyRowWriter:
    """Observations with one row of numbers for each game."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._shape = (n_games, key_observations.n_row_words(config.width, config.height, config.preview))
        self._final = np.zeros(self._shape, dtype=np.int64)
        n_cells = config.width * key_observations.n_observed_rows(config.height)
        high = np.ones(_WORD_BYTES * self._shape[1], dtype=np.uint8)  # padding of the last word is always 0
        high[:n_cells] = key_observations.CURRENT_PIECE
        high[n_cells : n_cells + key_observations.n_extra_values(config.preview)] = _rest_high(config.preview)
        self.space: spaces.Space[Any] = spaces.Box(low=np.zeros_like(high), high=high, dtype=np.uint8)

    def observe(self, games: KeyGames, masks: Masks) -> Observations:
        words = np.empty(self._shape, dtype=np.int64)
        games.observe(words, masks)
        return words.view(np.uint8)

    def step(
        self, games: KeyGames, actions: Actions, masks: Masks, *, max_pieces: int, restart: bool, reset_mask: ResetMask
    ) -> Observations:
        words, final = np.empty(self._shape, dtype=np.int64), self._final if restart else None
        games.step_unchecked(actions, words, masks, max_pieces, final, reset_mask)
        return words.view(np.uint8)

    def final(self, games: KeyGames, indices: npt.NDArray[np.intp]) -> Observations:
        rows: npt.NDArray[np.uint8] = self._final[indices].view(np.uint8)
        return rows


class _KeyPlaneWriter(_StateWriter):
    """Observations with the cells of the board and of the current piece as planes, and the other numbers."""

    def __init__(self, config: EnvConfig, n_games: int) -> None:
        self._planes = (2, config.height + config.hidden_rows, config.width)
        self._n_rest = key_observations.n_extra_values(config.preview)
        high = _rest_high(config.preview)
        self.space: spaces.Space[Any] = spaces.Dict(
            board=spaces.Box(low=0, high=1, shape=self._planes, dtype=np.uint8),
            pieces=spaces.Box(low=np.zeros_like(high), high=high, dtype=np.uint8),
        )

    def _write(self, games: KeyGames, rows: npt.NDArray[np.int64], masks: Masks) -> Observations:
        planes = np.empty((len(rows), *self._planes), dtype=np.uint8)
        rest = np.empty((len(rows), -(-self._n_rest // _WORD_BYTES)), dtype=np.int64)
        key_observations.observe_key_planes(rows, games.rules.parameters, planes, rest, masks)
        return {"board": planes, "pieces": rest.view(np.uint8)[:, : self._n_rest].copy()}


# whether by keys, and the kind of observation
_WRITERS: Final[dict[tuple[bool, str], Callable[[EnvConfig, int], ObservationWriter]]] = {
    (False, "rows"): _RowsWriter,
    (False, "board"): _BoardWriter,
    (True, "rows"): _KeyRowWriter,
    (True, "board"): _KeyPlaneWriter,
}
