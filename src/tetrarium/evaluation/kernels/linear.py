"""Choices of linear controllers and of random play.

In all kernels ``games`` is the ``(n, COLUMNS + width) int64`` array of ``engine.placement.games``, ``index`` the row of
one game, ``rules`` its ``CompiledRules``, and ``scratch`` working memory of ``make_game_scratch``. A controller plays
the placement of the largest weighted sum; the first one, orientation-major, among equals, and without hold before with.
A placement that ends the game counts as minus infinity.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Layout
from tetrarium.engine.afterstates.linear_values import RowWeights, best_drop
from tetrarium.engine.compiling import by_type, kernel, small_kernel
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, PIECE_WIDTHS
from tetrarium.engine.placement.game_kernels import HOLD_AND_SPAWN_RULES, observe_game, write_legal
from tetrarium.engine.random_streams import draw_below
from tetrarium.engine.rules import CompiledRules
from tetrarium.engine.state_layout import COLUMNS, QUEUE


class LinearChoice(NamedTuple):
    """Linear controller of any game, with one thread's working memory."""

    layout: Layout  # of the features; ``game_over`` is among them
    weights: RowWeights
    at_over: int  # position of ``game_over`` in a row
    rows: npt.NDArray[np.float32]  # (n_actions, row length) working memory
    mask: npt.NDArray[np.bool_]  # (n_actions,) working memory


class LinearDropChoice(NamedTuple):
    """Linear controller that ``supports_linear_values`` accepts: it plays the same games in a third of the time."""

    layout: Layout  # of the features that have a weight other than 0
    weights: RowWeights


class RandomChoice(NamedTuple):
    """Random play: any legal action of a game, all equally likely."""

    streams: npt.NDArray[np.int64]  # (n, 4) random stream of each game
    mask: npt.NDArray[np.bool_]  # (n_actions,) working memory


@kernel
def choose_linear(games, index, rules, scratch, choice):
    """Returns the action that a linear controller plays in one game."""
    rows, mask, weights = choice.rows, choice.mask, choice.weights
    observe_game(games, index, rules, choice.layout, scratch, rows, mask)
    best_action = -1
    best_value = 0.0
    found = False
    for rank in range(mask.shape[0]):
        action = _action_of_rank(rank, rules)
        if not mask[action]:
            continue
        if best_action < 0:
            best_action = action  # in case every placement ends the game
        if rows[action, choice.at_over] > 0:
            continue
        value = 0.0
        for k in range(weights.shape[0]):
            value += weights[k] * rows[action, k]
        if not found or value > best_value:
            found = True
            best_value = value
            best_action = action
    return best_action


@small_kernel
def _action_of_rank(rank, rules):
    """Returns the action of an orientation-major rank, the order of comparison; lock positions are already in it."""
    if rules.n_piece_actions != MAX_ORIENTATIONS * rules.width:
        return rank
    first, place = rank // rules.n_piece_actions * rules.n_piece_actions, rank % rules.n_piece_actions
    return first + MAX_ORIENTATIONS * (place % rules.width) + place // rules.width


@kernel
def choose_linear_drop(games, index, rules, _scratch, choice):
    """Returns the action that a linear controller plays in one game of straight drops without hold."""
    return best_drop(games[index, COLUMNS:], games[index, QUEUE], rules, choice.layout, choice.weights)[0]


@kernel
def _draw_drop(games, index, rules, _scratch, choice):
    piece = games[index, QUEUE]
    n_actions = 0
    for rotation in range(N_ORIENTATIONS[piece]):
        n_actions += rules.width - PIECE_WIDTHS[piece, rotation] + 1
    left = draw_below(choice.streams, index, n_actions)
    rotation = 0
    while left > rules.width - PIECE_WIDTHS[piece, rotation]:
        left -= rules.width - PIECE_WIDTHS[piece, rotation] + 1
        rotation += 1
    return MAX_ORIENTATIONS * left + rotation


@kernel
def _draw_of_several(games, index, rules, scratch, choice):
    mask = choice.mask
    write_legal(games, index, rules, scratch, mask)
    left = draw_below(choice.streams, index, mask.sum())
    for action in range(mask.shape[0]):
        left -= mask[action]
        if left < 0:
            return action
    return 0


_draw = by_type({CompiledRules: _draw_drop, **dict.fromkeys(HOLD_AND_SPAWN_RULES, _draw_of_several)})


@small_kernel
def choose_random(games, index, rules, scratch, choice):
    """Returns a legal action of one game, drawn from its stream."""
    return _draw(games, index, rules, scratch, choice)
