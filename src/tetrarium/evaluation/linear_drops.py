"""Whole games of straight drops played by a linear controller, where ``engine.weighing`` can value them.

They are the games that ``choose_linear``, ``play_linear`` and ``record_linear`` of ``kernels`` play, in a third of the
time.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tetrarium.engine.drops import place_drop
from tetrarium.engine.features import Layout
from tetrarium.engine.game_rows import COLUMNS, N_PLACED, OVER, QUEUE
from tetrarium.engine.games import Games
from tetrarium.engine.jit import kernel
from tetrarium.engine.weighing import RowWeights, best_drop, weighed_features

__all__ = ["LinearDropSeat"]


@kernel
def _choose(games, index, rules, layout, weights):  # type: ignore[no-untyped-def]
    return best_drop(games[index, COLUMNS:], games[index, QUEUE], rules, layout, weights)[0]


@kernel
def _play(games, listed, n_pieces, max_pieces, script, rules, layout, weights):  # type: ignore[no-untyped-def]
    n_placed = 0
    for index in listed:
        until = min(max_pieces, games[index, N_PLACED] + n_pieces)
        while games[index, OVER] == 0 and games[index, N_PLACED] < until:
            place_drop(games, index, _choose(games, index, rules, layout, weights), script, rules)
            n_placed += 1
    return n_placed


@kernel
def _record(games, index, actions, script, rules, layout, weights):  # type: ignore[no-untyped-def]
    n_placed = 0
    while games[index, OVER] == 0 and n_placed < actions.shape[0]:
        actions[n_placed] = _choose(games, index, rules, layout, weights)
        place_drop(games, index, actions[n_placed], script, rules)
        n_placed += 1
    return n_placed


class LinearDropSeat:
    """A linear controller at a match that ``can_weigh`` allows."""

    def __init__(self, games: Games, layout: Layout, weights: RowWeights) -> None:
        self._games = games.rows
        self._script = games.rules.script
        self._choice = (games.rules.compiled, weighed_features(layout, weights, games.rules.width), weights)

    def choose(self, index: int) -> int:
        """The action that is played now in one game."""
        return int(_choose(self._games, index, *self._choice))

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        """Plays up to ``n_pieces`` pieces of each listed game, none beyond its end or the cut; returns how many."""
        return int(_play(self._games, listed, n_pieces, max_pieces, self._script, *self._choice))

    def record(self, index: int, max_pieces: int) -> npt.NDArray[np.int64]:
        """Plays one game to its end or the cut; returns the actions."""
        actions: Any = np.empty(max_pieces, dtype=np.int64)
        return actions[: _record(self._games, index, actions, self._script, *self._choice)]  # type: ignore[no-any-return]
