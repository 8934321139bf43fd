"""Whole games played by a linear controller or at random, compiled, without an event or a Python call per piece.

``choose_…`` picks the action of one game, ``play_…`` plays listed games for some pieces each; watching and scoring go
through the same choice. A game's future depends on its own row alone, so that where its slices begin and end, and which
thread plays them, makes no difference. ``games`` is the ``(n, COLUMNS + width) int64`` array of ``engine.games``.
"""

from tetrarium.engine.afterstates import write_rows
from tetrarium.engine.choices import observe_choices
from tetrarium.engine.dispatch import by_rules
from tetrarium.engine.game_rows import COLUMNS, N_PLACED, OVER, QUEUE
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.modes import RULES_WITH_CHOICES, nearest_legal, observe_game, place_piece, write_legal
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, PIECE_WIDTHS
from tetrarium.engine.rules import CompiledRules
from tetrarium.engine.streams import draw_below

__all__ = [
    "choose_linear",
    "choose_random",
    "nearest_listed",
    "observe_listed",
    "place_listed",
    "play_linear",
    "play_random",
    "record_linear",
]


@kernel
def _choose_drop(games, index, rules, layout, scratch, rows, _mask, weights, at_over):  # type: ignore[no-untyped-def]
    piece = games[index, QUEUE]
    queue = games[index, QUEUE : QUEUE + 1 + rules.preview]
    write_rows(games[index, COLUMNS:], queue, rules, layout, scratch, rows)
    best_action = 0  # rotation 0 in column 0: legal for every piece, and the first of all
    best_value = 0.0
    found = False
    for rotation in range(N_ORIENTATIONS[piece]):
        for left in range(rules.width - PIECE_WIDTHS[piece, rotation] + 1):
            action = MAX_ORIENTATIONS * left + rotation
            if rows[action, at_over] > 0:
                continue
            value = 0.0
            for k in range(weights.shape[0]):
                value += weights[k] * rows[action, k]
            if not found or value > best_value:
                found = True
                best_value = value
                best_action = action
    return best_action


@kernel
def _choose_of_several(games, index, rules, layout, scratch, rows, mask, weights, at_over):  # type: ignore[no-untyped-def]
    observe_choices(games, index, rules, layout, scratch, rows, mask)
    best_action = -1
    best_value = 0.0
    found = False
    for rank in range(mask.shape[0]):
        action = _action_of_rank(rank, rules)
        if not mask[action]:
            continue
        if best_action < 0:
            best_action = action  # where every placement ends the game
        if rows[action, at_over] > 0:
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
def _action_of_rank(rank, rules):  # type: ignore[no-untyped-def]
    """Orientation-major, as placements are compared; lock positions are numbered so."""
    if rules.n_choices != MAX_ORIENTATIONS * rules.width:
        return rank
    first, place = rank // rules.n_choices * rules.n_choices, rank % rules.n_choices
    return first + MAX_ORIENTATIONS * (place % rules.width) + place // rules.width


# The placement of the largest weighted sum; the first one, orientation-major, among equals, and without hold before
# with. Arguments:
#     games: the batch.
#     index: which game of it.
#     rules: ``CompiledRules``.
#     layout: of the features; ``game_over`` is among them.
#     scratch: working memory of ``make_memory``.
#     rows: ``(n_actions, row length) float32`` working memory.
#     mask: ``(n_actions,) bool`` working memory.
#     weights: ``(row length,) float64``.
#     at_over: where ``game_over`` lies in a row; a placement that ends the game counts as minus infinity.
choose_linear = by_rules({CompiledRules: _choose_drop, **dict.fromkeys(RULES_WITH_CHOICES, _choose_of_several)})


@kernel
def play_linear(games, listed, n_pieces, max_pieces, script, rules, layout, scratch, rows, mask, weights, at_over):  # type: ignore[no-untyped-def]
    """Plays up to ``n_pieces`` pieces of each listed game; returns how many it placed."""
    n_placed = 0
    for index in listed:
        until = min(max_pieces, games[index, N_PLACED] + n_pieces)
        while games[index, OVER] == 0 and games[index, N_PLACED] < until:
            action = choose_linear(games, index, rules, layout, scratch, rows, mask, weights, at_over)
            place_piece(games, index, action, script, rules, scratch)
            n_placed += 1
    return n_placed


@kernel
def record_linear(games, index, actions, script, rules, layout, scratch, rows, mask, weights, at_over):  # type: ignore[no-untyped-def]
    """Plays one game until it ends or ``actions`` is full, writing what was played; returns how many were."""
    n_placed = 0
    while games[index, OVER] == 0 and n_placed < actions.shape[0]:
        actions[n_placed] = choose_linear(games, index, rules, layout, scratch, rows, mask, weights, at_over)
        place_piece(games, index, actions[n_placed], script, rules, scratch)
        n_placed += 1
    return n_placed


@kernel
def _draw_drop(games, index, rules, streams, _scratch, _mask):  # type: ignore[no-untyped-def]
    piece = games[index, QUEUE]
    n_actions = 0
    for rotation in range(N_ORIENTATIONS[piece]):
        n_actions += rules.width - PIECE_WIDTHS[piece, rotation] + 1
    left = draw_below(streams, index, n_actions)
    rotation = 0
    while left > rules.width - PIECE_WIDTHS[piece, rotation]:
        left -= rules.width - PIECE_WIDTHS[piece, rotation] + 1
        rotation += 1
    return MAX_ORIENTATIONS * left + rotation


@kernel
def _draw_of_several(games, index, rules, streams, scratch, mask):  # type: ignore[no-untyped-def]
    write_legal(games, index, rules, scratch, mask)
    left = draw_below(streams, index, mask.sum())
    for action in range(mask.shape[0]):
        left -= mask[action]
        if left < 0:
            return action
    return 0


# Any legal action of the game, all equally likely, drawn from row ``index`` of ``streams (n, 4) int64``; ``scratch``
# and ``mask`` are working memory as for ``choose_linear``.
choose_random = by_rules({CompiledRules: _draw_drop, **dict.fromkeys(RULES_WITH_CHOICES, _draw_of_several)})


@kernel
def play_random(games, listed, n_pieces, max_pieces, script, rules, streams, scratch, mask):  # type: ignore[no-untyped-def]
    """Plays up to ``n_pieces`` pieces of each listed game; returns how many it placed."""
    n_placed = 0
    for index in listed:
        until = min(max_pieces, games[index, N_PLACED] + n_pieces)
        while games[index, OVER] == 0 and games[index, N_PLACED] < until:
            action = choose_random(games, index, rules, streams, scratch, mask)
            place_piece(games, index, action, script, rules, scratch)
            n_placed += 1
    return n_placed


@kernel
def observe_listed(games, listed, rules, layout, scratch, rows, mask):  # type: ignore[no-untyped-def]
    """Writes the afterstates of listed games to ``rows (len(listed), n_actions, row length) float32``."""
    for k in range(listed.shape[0]):
        observe_game(games, listed[k], rules, layout, scratch, rows[k], mask)


@kernel
def nearest_listed(games, listed, actions, rules, scratch, legal):  # type: ignore[no-untyped-def]
    """Writes to ``legal`` the legal action nearest to that given for each listed game."""
    for k in range(listed.shape[0]):
        legal[k] = nearest_legal(games, listed[k], actions[k], rules, scratch)


@kernel
def place_listed(games, listed, actions, script, rules, scratch):  # type: ignore[no-untyped-def]
    """Plays one legal action in each listed game."""
    for k in range(listed.shape[0]):
        place_piece(games, listed[k], actions[k], script, rules, scratch)
