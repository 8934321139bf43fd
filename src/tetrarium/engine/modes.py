"""One game of any kind under one action: the kernels by which batches, evaluations and replay play.

Which kernels stand behind them is decided by the kind of rules when they are compiled; see ``dispatch``. Kernels do not
check what they are given. ``scratch`` is working memory of ``make_memory``.
"""

from typing import Final

from tetrarium.engine.afterstates import write_mask
from tetrarium.engine.choices import find_choice, in_view, observe_choices, rest_piece, write_choices
from tetrarium.engine.dispatch import by_rules
from tetrarium.engine.drops import nearest_action, observe_drops, place_drop
from tetrarium.engine.game_rows import OVER, QUEUE
from tetrarium.engine.jit import inlined_kernel, kernel, small_kernel
from tetrarium.engine.pieces import MAX_ORIENTATIONS
from tetrarium.engine.rules import CompiledRules, GuidelineRules, HoldRules, ReachableRules

__all__ = ["RULES_WITH_CHOICES", "nearest_legal", "observe_game", "place_piece", "play_action", "write_legal"]

RULES_WITH_CHOICES: Final = (HoldRules, GuidelineRules, ReachableRules)  # kinds that ``choices`` plays


@small_kernel
def _play_drop(games, index, action, script, rules, _scratch):  # type: ignore[no-untyped-def]
    piece = games[index, QUEUE]
    played = nearest_action(piece, action, rules.width)
    n_lines, new_holes, added_height, bottom = place_drop(games, index, played, script, rules)
    rotation, left = played & (MAX_ORIENTATIONS - 1), played // MAX_ORIENTATIONS
    return played, n_lines, new_holes, added_height, piece, rotation, left, bottom, 0


@kernel
def _play_choice(games, index, action, script, rules, scratch):  # type: ignore[no-untyped-def]
    played, rotation, left, bottom, spin = find_choice(games, index, action, rules, scratch)
    piece = in_view(scratch)
    n_lines, new_holes, added_height = rest_piece(games, index, rotation, left, bottom, spin, script, rules, scratch)
    return played, n_lines, new_holes, added_height, piece, rotation, left, bottom, spin


@kernel
def _write_legal_drops(games, index, rules, _scratch, mask):  # type: ignore[no-untyped-def]
    if games[index, OVER]:
        mask[:] = False
    else:
        write_mask(games[index, QUEUE], rules.width, mask)


@small_kernel
def _nearest_drop(games, index, action, rules, _scratch):  # type: ignore[no-untyped-def]
    return nearest_action(games[index, QUEUE], action, rules.width)


@kernel
def _nearest_choice(games, index, action, rules, scratch):  # type: ignore[no-untyped-def]
    return find_choice(games, index, action, rules, scratch)[0]


# (games, index, rules, layout, scratch, rows, mask): writes a game's afterstates and which actions are legal; -1 and
# none once it has ended.
observe_game = by_rules({CompiledRules: observe_drops, **dict.fromkeys(RULES_WITH_CHOICES, observe_choices)})

# (games, index, rules, scratch, mask): writes which actions are legal.
write_legal = by_rules({CompiledRules: _write_legal_drops, **dict.fromkeys(RULES_WITH_CHOICES, write_choices)})

# (games, index, action, rules, scratch): the legal action nearest to any action in range.
nearest_legal = by_rules({CompiledRules: _nearest_drop, **dict.fromkeys(RULES_WITH_CHOICES, _nearest_choice)})

# (games, index, action, script, rules, scratch): plays the legal action nearest to any in range, and brings the next
# piece into play; returns what was played, rows cleared, new holes, added height, and where the piece came to rest:
# piece, rotation, left column, row of the lowest cell, spin.
play_action = by_rules({CompiledRules: _play_drop, **dict.fromkeys(RULES_WITH_CHOICES, _play_choice)})


@inlined_kernel
def place_piece(games, index, action, script, rules, scratch):  # type: ignore[no-untyped-def]
    """Plays a legal action and brings the next piece into play; returns the rows that it cleared."""
    return play_action(games, index, action, script, rules, scratch)[1]
