"""Compiled games of policies, without a Python call per piece.

A game's future depends on its own row alone, so that neither its slices nor the threads that play them matter.
Arguments are named as in ``linear``; ``choice`` is the policy, a named tuple by whose type the kernel is selected.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Games
from tetrarium.engine.compiling import by_type, kernel
from tetrarium.engine.placement.game_kernels import nearest_legal, observe_game, play_action
from tetrarium.engine.placement.hold_and_spawn import make_game_scratch
from tetrarium.engine.state_layout import N_PLACED, TERMINATED
from tetrarium.evaluation.kernels import linear, network

_choose_action = by_type(
    {
        linear.LinearChoice: linear.choose_linear,
        linear.LinearDropChoice: linear.choose_linear_drop,
        linear.RandomChoice: linear.choose_random,
        network.NetworkChoice: network.choose_network,
    }
)


@kernel
def _choose(games, index, rules, scratch, choice):
    return _choose_action(games, index, rules, scratch, choice)


@kernel
def _play(games, listed, n_pieces, max_pieces, script, rules, scratch, choice):
    n_placed = 0
    for index in listed:
        until = min(max_pieces, games[index, N_PLACED] + n_pieces)
        while games[index, TERMINATED] == 0 and games[index, N_PLACED] < until:
            action = _choose_action(games, index, rules, scratch, choice)
            play_action(games, index, action, script, rules, scratch)
            n_placed += 1
    return n_placed


@kernel
def _record(games, index, actions, script, rules, scratch, choice):
    n_placed = 0
    while games[index, TERMINATED] == 0 and n_placed < actions.shape[0]:
        actions[n_placed] = _choose_action(games, index, rules, scratch, choice)
        play_action(games, index, actions[n_placed], script, rules, scratch)
        n_placed += 1
    return n_placed


class CompiledRunner:
    """Compiled policy bound to a batch; a ``PolicyRunner``."""

    def __init__(self, games: Games, choice: Any) -> None:
        self.choice = choice
        self._games = games
        self._arguments = (games.rules.compiled, make_game_scratch(games.rules), choice)

    def choose(self, index: int) -> int:
        """Returns the legal action that the policy plays in one game."""
        return int(_choose(self._games.rows, index, *self._arguments))

    def play(self, listed: npt.NDArray[np.int64], n_pieces: int, max_pieces: int) -> int:
        """Plays up to ``n_pieces`` pieces of each listed game, to its end or ``max_pieces``; returns their number."""
        games = self._games
        return int(_play(games.rows, listed, n_pieces, max_pieces, games.rules.script, *self._arguments))

    def record(self, index: int, max_pieces: int) -> npt.NDArray[np.int64]:
        """Plays one game until it terminates or is truncated; returns the actions."""
        actions = np.empty(max_pieces, dtype=np.int64)
        return actions[: _record(self._games.rows, index, actions, self._games.rules.script, *self._arguments)]

    def observe(self) -> None:
        """Writes the feature rows and the action mask of the batch's first game to the choice's working memory."""
        self._games.observe(self.choice.layout, self.choice.rows[None], self.choice.mask[None])


@kernel
def observe_listed(games, listed, rules, layout, scratch, rows, mask):
    """Writes the afterstates of listed games to ``rows (len(listed), n_actions, row length) float32``."""
    for k in range(listed.shape[0]):
        observe_game(games, listed[k], rules, layout, scratch, rows[k], mask)


@kernel
def nearest_listed(games, listed, actions, rules, scratch, legal):
    """Writes to ``legal`` the legal action nearest to that given for each listed game."""
    for k in range(listed.shape[0]):
        legal[k] = nearest_legal(games, listed[k], actions[k], rules, scratch)


@kernel
def place_listed(games, listed, actions, script, rules, scratch):
    """Plays one legal action in each listed game."""
    for k in range(listed.shape[0]):
        play_action(games, listed[k], actions[k], script, rules, scratch)
