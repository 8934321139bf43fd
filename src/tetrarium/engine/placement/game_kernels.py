"""Kernels that observe and play one game of any kind, used by batches, evaluations and replay.

They are selected by the kind of rules at compile time; see ``compiling``. In all of them ``games`` is an array of
games, ``(n, COLUMNS + width) int64``, ``index`` the row of one game, ``rules`` its ``CompiledRules``, ``script`` the
array ``Rules.script``, and ``scratch`` working memory of ``make_game_scratch``.

Straight drops without hold under the overflow rule, the default game, are played here, all other kinds by
``hold_and_spawn``. An action is ``4 * column + rotation``, where ``column`` is that of the leftmost cell. A piece that
locks with a cell above the visible rows ends the game and clears nothing.
"""

from typing import Final

from tetrarium.engine.afterstates.feature_rows import ILLEGAL, nearest_action, write_mask, write_row, write_rows
from tetrarium.engine.boards import add_piece, count_holes, full_rows, landing_row, remove_full_rows, stack_height
from tetrarium.engine.compiling import bit_length, by_type, kernel, small_kernel
from tetrarium.engine.pieces import BOTTOMS, MAX_ORIENTATIONS, PIECE_HEIGHTS, PIECE_WIDTHS
from tetrarium.engine.placement import hold_and_spawn
from tetrarium.engine.rules import CompiledRules, GuidelineRules, HoldRules, ReachableRules
from tetrarium.engine.state_layout import COLUMNS, LINES, N_PLACED, QUEUE, TERMINATED, advance_queue

HOLD_AND_SPAWN_RULES: Final = (HoldRules, GuidelineRules, ReachableRules)  # kinds that ``hold_and_spawn`` plays


@small_kernel
def _play_drop(games, index, action, script, rules, _scratch):
    columns = games[index, COLUMNS:]
    piece = games[index, QUEUE]
    executed = nearest_action(piece, action, rules.width)
    rotation, left = executed & (MAX_ORIENTATIONS - 1), executed // MAX_ORIENTATIONS
    height_t = stack_height(columns, rules.width)
    bottom = landing_row(columns, piece, rotation, left)
    new_holes = 0
    for i in range(PIECE_WIDTHS[piece, rotation]):
        new_holes += bottom + BOTTOMS[piece, rotation, i] - bit_length(columns[left + i])
    add_piece(columns, piece, rotation, left, bottom)
    games[index, N_PLACED] += 1
    n_lines = 0
    height_tp1 = max(height_t, bottom + PIECE_HEIGHTS[piece, rotation])
    if bottom + PIECE_HEIGHTS[piece, rotation] > rules.height:
        games[index, TERMINATED] = 1
    elif full_rows(columns, rules.width) != 0:
        new_holes -= count_holes(columns, rules.width)
        n_lines = remove_full_rows(columns, rules.width)
        new_holes += count_holes(columns, rules.width)
        height_tp1 = stack_height(columns, rules.width)
        games[index, LINES] += n_lines
    advance_queue(games, index, script, rules)
    return executed, n_lines, new_holes, height_tp1 - height_t, piece, rotation, left, bottom, 0


@kernel
def _observe_drops(games, index, rules, layout, scratch, rows, mask):
    """Writes the feature rows and the action mask of a game; -1 and false once it has ended."""
    if games[index, TERMINATED]:
        rows[:] = ILLEGAL
        mask[:] = False
    else:
        write_mask(games[index, QUEUE], rules.width, mask)
        queue = games[index, QUEUE : QUEUE + 1 + rules.preview]
        write_rows(games[index, COLUMNS:], queue, rules, layout, scratch, rows)


@kernel
def _play_any(games, index, action, script, rules, scratch):
    executed, rotation, left, bottom, spin = hold_and_spawn.resolve_action(games, index, action, rules, scratch)
    piece = hold_and_spawn.selected_piece(scratch)
    n_lines, new_holes, added_height = hold_and_spawn.lock_piece(
        games, index, rotation, left, bottom, spin, script, rules, scratch
    )
    return executed, n_lines, new_holes, added_height, piece, rotation, left, bottom, spin


@kernel
def _write_legal_drops(games, index, rules, _scratch, mask):
    if games[index, TERMINATED]:
        mask[:] = False
    else:
        write_mask(games[index, QUEUE], rules.width, mask)


@kernel
def _write_drop_row(games, index, action, rules, layout, scratch, row):
    queue = games[index, QUEUE : QUEUE + 1 + rules.preview]
    write_row(games[index, COLUMNS:], queue, action, rules, layout, scratch, row)


@small_kernel
def _nearest_drop(games, index, action, rules, _scratch):
    return nearest_action(games[index, QUEUE], action, rules.width)


@kernel
def _nearest_any(games, index, action, rules, scratch):
    return hold_and_spawn.resolve_action(games, index, action, rules, scratch)[0]


# (games, index, rules, layout, scratch, rows, mask): writes the feature rows and the action mask of a game; -1 and
# false once it has ended.
observe_game = by_type(
    {CompiledRules: _observe_drops, **dict.fromkeys(HOLD_AND_SPAWN_RULES, hold_and_spawn.observe_actions)}
)

# (games, index, rules, scratch, mask): writes the action mask.
write_legal = by_type(
    {CompiledRules: _write_legal_drops, **dict.fromkeys(HOLD_AND_SPAWN_RULES, hold_and_spawn.write_action_mask)}
)

# (games, index, action, rules, layout, scratch, row): writes the feature row of one legal action.
write_action_row = by_type(
    {CompiledRules: _write_drop_row, **dict.fromkeys(HOLD_AND_SPAWN_RULES, hold_and_spawn.write_action_row)}
)

# (games, index, action, rules, scratch): returns the legal action nearest to an action in range.
nearest_legal = by_type({CompiledRules: _nearest_drop, **dict.fromkeys(HOLD_AND_SPAWN_RULES, _nearest_any)})

# (games, index, action, script, rules, scratch): plays the legal action nearest to an action in range and brings the
# next piece into play; returns the executed action, lines cleared, new holes, added height, and the placement: piece,
# rotation, left column, row of the lowest cell, spin.
play_action = by_type({CompiledRules: _play_drop, **dict.fromkeys(HOLD_AND_SPAWN_RULES, _play_any)})
