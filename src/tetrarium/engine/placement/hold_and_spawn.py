"""Kernels of games with hold, with pieces that spawn, or with more placements than straight drops.

The actions of a game are those of its current piece, then, with hold, those of the piece that comes into play when the
current one is held: the held piece, or the next one where none is held. Among the actions of one piece, an action is
``4 * column + rotation`` for straight drops, or else the index of a lock position in the order of ``lock_positions``.

Arguments are named as in ``game_kernels``; ``columns`` is a board, ``(width,) int64``. Kernels work on the *selected
piece*, which ``select_piece`` writes to ``scratch`` together with the pieces that follow it.
"""

from typing import Final

from tetrarium.engine import state_layout as at
from tetrarium.engine.afterstates import feature_rows
from tetrarium.engine.boards import add_piece, holes_and_height, landing_row, remove_full_rows
from tetrarium.engine.compiling import by_type, inlined_kernel, kernel, small_kernel
from tetrarium.engine.features import GAME_OVER
from tetrarium.engine.pieces import MAX_ORIENTATIONS
from tetrarium.engine.placement import placement_actions as actions
from tetrarium.engine.rules import CompiledRules, GuidelineRules, HoldRules, ReachableRules, Rules
from tetrarium.engine.scoring import level_at, lock_points
from tetrarium.engine.simd.board_vectors import N_LANES
from tetrarium.engine.state_layout import MAX_PREVIEW, advance_queue

_PIECES: Final = feature_rows.N_SCRATCH  # the selected piece and those that follow it, -1 for one that is not visible
_FLAGS: Final = _PIECES + 1 + MAX_PREVIEW  # flags of ``find_drops``
_SPAWN: Final = _FLAGS + MAX_ORIENTATIONS * N_LANES  # working memory of ``find_drops``
_ACTIONS: Final = _SPAWN + actions.N_SPAWN_WORDS  # working memory of ``placement_actions``
_N_ADDED_WORDS: Final = _ACTIONS + actions.N_PLACEMENT_WORDS - feature_rows.N_SCRATCH


def make_game_scratch(rules: Rules) -> feature_rows.Scratch:
    """Returns the working memory for playing and observing games under these rules."""
    return feature_rows.make_scratch(0 if type(rules.compiled) is CompiledRules else _N_ADDED_WORDS)


@kernel
def select_piece(games, index, hold, rules, scratch):
    """Selects the piece of actions with or without hold, and returns it.

    Writes the piece, those that follow it once it is placed, and the held piece after it.
    """
    held = games[index, at.HELD]
    skipped = 1 if hold and held == 0 else 0
    for k in range(1 + rules.preview):
        scratch[_PIECES + k] = games[index, at.QUEUE + k + skipped] if k + skipped <= rules.preview else -1
    scratch[feature_rows.HELD_AFTER] = held
    if hold:
        scratch[feature_rows.HELD_AFTER] = games[index, at.QUEUE] + 1
        if held:
            scratch[_PIECES] = held - 1
    return scratch[_PIECES]


@small_kernel
def selected_piece(scratch):
    """Returns the selected piece."""
    return scratch[_PIECES]


@kernel
def _observe_all_drops(columns, rules, layout, scratch, rows, mask):
    """Observes the actions of the selected piece where every straight drop is possible."""
    feature_rows.write_rows(columns, scratch[_PIECES : _PIECES + 1 + rules.preview], rules, layout, scratch, rows)
    feature_rows.write_mask(scratch[_PIECES], rules.width, mask)


@small_kernel
def _blocks_next(columns, rotation, left, bottom, rules, scratch):
    piece, next_piece = scratch[_PIECES], scratch[_PIECES + 1]
    return actions.is_tall(columns, rules) and actions.blocks_out(
        columns, piece, rotation, left, bottom, next_piece, rules, scratch[_SPAWN:]
    )


@kernel
def _observe_drops(columns, rules, layout, scratch, rows, mask):
    """Observes the straight drops of the selected piece where pieces spawn."""
    _observe_all_drops(columns, rules, layout, scratch, rows, mask)
    if not actions.is_tall(columns, rules):
        return
    piece = scratch[_PIECES]
    _write_drop_mask(columns, rules, scratch, mask)
    for action in range(mask.shape[0]):
        if not mask[action]:
            rows[action] = feature_rows.ILLEGAL
        elif layout[GAME_OVER] >= 0 and rules.preview:
            rotation, left = action & (MAX_ORIENTATIONS - 1), action // MAX_ORIENTATIONS
            bottom = landing_row(columns, piece, rotation, left)
            if _blocks_next(columns, rotation, left, bottom, rules, scratch):
                rows[action, layout[GAME_OVER]] = 1


@kernel
def _write_full_mask(_columns, rules, scratch, mask):
    feature_rows.write_mask(scratch[_PIECES], rules.width, mask)


@kernel
def _write_drop_mask(columns, rules, scratch, mask):
    flags = scratch[_FLAGS : _FLAGS + mask.shape[0]]
    actions.find_drops(columns, scratch[_PIECES], rules, scratch[_SPAWN:], flags)
    for action in range(mask.shape[0]):
        mask[action] = flags[action] != 0


@kernel
def _find_nearest_drop(columns, piece_action, rules, scratch):
    piece = scratch[_PIECES]
    piece_action = feature_rows.nearest_action(piece, piece_action, rules.width)
    rotation, left = piece_action & (MAX_ORIENTATIONS - 1), piece_action // MAX_ORIENTATIONS
    return piece_action, rotation, left, landing_row(columns, piece, rotation, left), 0


@kernel
def _find_possible_drop(columns, piece_action, rules, scratch):
    """Finds the nearest possible straight drop, first in the given rotation, then in those clockwise of it.

    Of two columns at the same distance, the left one is taken.
    """
    piece = scratch[_PIECES]
    piece_action = feature_rows.nearest_action(piece, piece_action, rules.width)
    flags = scratch[_FLAGS : _FLAGS + MAX_ORIENTATIONS * rules.width]
    actions.find_drops(columns, piece, rules, scratch[_SPAWN:], flags)
    column = piece_action // MAX_ORIENTATIONS
    for turn in range(MAX_ORIENTATIONS):
        rotation = (piece_action + turn) & (MAX_ORIENTATIONS - 1)
        for away in range(rules.width):
            for left in (column - away, column + away):
                if 0 <= left < rules.width and flags[MAX_ORIENTATIONS * left + rotation]:
                    bottom = landing_row(columns, piece, rotation, left)
                    return MAX_ORIENTATIONS * left + rotation, rotation, left, bottom, 0
    return -1, 0, 0, 0, 0


@small_kernel
def _never_blocks(_columns, _rotation, _left, _bottom, _rules, _words):
    return False


@small_kernel
def _is_never_blocked(_columns, _piece, _rules):
    return False


@kernel
def _observe_lock_positions(columns, rules, layout, scratch, rows, mask):
    """Observes the lock positions of the selected piece."""
    n_actions = min(
        actions.list_placement_actions(columns, scratch[_PIECES], rules, scratch[_ACTIONS:]), rules.n_piece_actions
    )
    pieces = scratch[_PIECES : _PIECES + 1 + rules.preview]
    actions.write_placement_rows(columns, pieces, n_actions, rules, layout, scratch, scratch[_ACTIONS:], rows)
    mask[:n_actions] = True
    mask[n_actions:] = False
    if rules.guideline and rules.preview and layout[GAME_OVER] >= 0 and actions.is_tall(columns, rules):
        for action in range(n_actions):
            rotation, left, bottom, _ = actions.read_placement_action(scratch[_ACTIONS:], action)
            if _blocks_next(columns, rotation, left, bottom, rules, scratch):
                rows[action, layout[GAME_OVER]] = 1


@kernel
def _write_lock_position_mask(columns, rules, scratch, mask):
    n_actions = min(
        actions.list_placement_actions(columns, scratch[_PIECES], rules, scratch[_ACTIONS:]), rules.n_piece_actions
    )
    mask[:n_actions] = True
    mask[n_actions:] = False


@kernel
def _find_lock_position(columns, piece_action, rules, scratch):
    n_actions = min(
        actions.list_placement_actions(columns, scratch[_PIECES], rules, scratch[_ACTIONS:]), rules.n_piece_actions
    )
    if n_actions == 0:
        return -1, 0, 0, 0, 0
    piece_action = min(piece_action, n_actions - 1)
    rotation, left, bottom, spin = actions.read_placement_action(scratch[_ACTIONS:], piece_action)
    return piece_action, rotation, left, bottom, spin


@kernel
def count_placements(games, index, hold, rules, scratch):
    """Returns the number of lock positions of one piece, including those without an action."""
    piece = select_piece(games, index, hold, rules, scratch)
    return actions.list_placement_actions(games[index, at.COLUMNS :], piece, rules, scratch[_ACTIONS:])


@small_kernel
def _blocks_under_guideline(columns, rotation, left, bottom, rules, scratch):
    return rules.guideline and _blocks_next(columns, rotation, left, bottom, rules, scratch)


@kernel
def _is_blocked_under_guideline(columns, piece, rules):
    return rules.guideline and actions.is_blocked(columns, piece, rules)


# For the selected piece: write its feature rows and its action mask; write its action mask; find the nearest legal
# action and its placement, as (action, rotation, left column, row of the lowest cell, spin), with action -1 for none.
_observe = by_type(
    {HoldRules: _observe_all_drops, GuidelineRules: _observe_drops, ReachableRules: _observe_lock_positions}
)
_write_mask = by_type(
    {HoldRules: _write_full_mask, GuidelineRules: _write_drop_mask, ReachableRules: _write_lock_position_mask}
)
_find_action = by_type(
    {HoldRules: _find_nearest_drop, GuidelineRules: _find_possible_drop, ReachableRules: _find_lock_position}
)
_blocks = by_type(  # whether a placement blocks the next piece
    {HoldRules: _never_blocks, GuidelineRules: _blocks_next, ReachableRules: _blocks_under_guideline}
)
_is_blocked = by_type(  # whether the piece that comes into play is blocked
    {HoldRules: _is_never_blocked, GuidelineRules: actions.is_blocked, ReachableRules: _is_blocked_under_guideline}
)


@kernel
def observe_actions(games, index, rules, layout, scratch, rows, mask):
    """Writes the feature rows and the action mask of a game; -1 and false once it has ended."""
    if games[index, at.TERMINATED]:
        rows[:] = feature_rows.ILLEGAL
        mask[:] = False
        return
    for hold in range(1 + rules.hold):
        select_piece(games, index, hold, rules, scratch)
        start, end = hold * rules.n_piece_actions, (hold + 1) * rules.n_piece_actions
        _observe(games[index, at.COLUMNS :], rules, layout, scratch, rows[start:end], mask[start:end])


@kernel
def write_action_mask(games, index, rules, scratch, mask):
    """Writes the action mask of a game; false once it has ended."""
    if games[index, at.TERMINATED]:
        mask[:] = False
        return
    for hold in range(1 + rules.hold):
        select_piece(games, index, hold, rules, scratch)
        start, end = hold * rules.n_piece_actions, (hold + 1) * rules.n_piece_actions
        _write_mask(games[index, at.COLUMNS :], rules, scratch, mask[start:end])


@kernel
def write_action_row(games, index, action, rules, layout, scratch, row):
    """Writes the feature row of one legal action, ``(row length,) float32``."""
    columns = games[index, at.COLUMNS :]
    select_piece(games, index, action // rules.n_piece_actions, rules, scratch)
    _, rotation, left, bottom, _ = _find_action(columns, action % rules.n_piece_actions, rules, scratch)
    piece_action = MAX_ORIENTATIONS * left + rotation
    pieces = scratch[_PIECES : _PIECES + 1 + rules.preview]
    feature_rows.write_rest(columns, pieces, piece_action, bottom, rules, layout, scratch, row)
    if layout[GAME_OVER] >= 0 and rules.preview and _blocks(columns, rotation, left, bottom, rules, scratch):
        row[layout[GAME_OVER]] = 1


@inlined_kernel
def resolve_action(games, index, action, rules, scratch):
    """Finds the legal action nearest to an action in range and selects its piece.

    Where one of the two pieces is blocked, an action of the other one is taken.

    Returns:
        The action and its placement: rotation, left column, row of the lowest cell, spin.
    """
    hold, piece_action = action // rules.n_piece_actions, action % rules.n_piece_actions
    select_piece(games, index, hold, rules, scratch)
    found, rotation, left, bottom, spin = _find_action(games[index, at.COLUMNS :], piece_action, rules, scratch)
    if found < 0 and rules.hold:
        hold = 1 - hold
        select_piece(games, index, hold, rules, scratch)
        found, rotation, left, bottom, spin = _find_action(games[index, at.COLUMNS :], piece_action, rules, scratch)
    return hold * rules.n_piece_actions + max(found, 0), rotation, left, bottom, spin


@inlined_kernel
def lock_piece(games, index, rotation, left, bottom, spin, script, rules, scratch):
    """Locks the selected piece and brings the next one into play; returns lines, new holes and added height."""
    columns = games[index, at.COLUMNS :]
    piece = scratch[_PIECES]
    n_holes_t, height_t = holes_and_height(columns, rules.width)
    add_piece(columns, piece, rotation, left, bottom)
    games[index, at.N_PLACED] += 1
    n_lines = 0
    if bottom > feature_rows.highest_rest(piece, rotation, rules):
        games[index, at.TERMINATED] = 1
    else:
        level = level_at(games[index, at.LINES])
        n_lines = remove_full_rows(columns, rules.width)
        games[index, at.LINES] += n_lines
        if rules.guideline:
            points, games[index, at.BACK_TO_BACK], games[index, at.COMBO] = lock_points(
                n_lines, spin, level, games[index, at.BACK_TO_BACK], games[index, at.COMBO], columns.sum() == 0
            )
            games[index, at.SCORE] += points
    n_drawn = 2 if scratch[feature_rows.HELD_AFTER] and not games[index, at.HELD] else 1
    games[index, at.HELD] = scratch[feature_rows.HELD_AFTER]
    for _ in range(n_drawn):
        advance_queue(games, index, script, rules)
    if not games[index, at.TERMINATED] and _is_blocked(columns, games[index, at.QUEUE], rules):
        games[index, at.TERMINATED] = 1
    n_holes_tp1, height_tp1 = holes_and_height(columns, rules.width)
    return n_lines, n_holes_tp1 - n_holes_t, height_tp1 - height_t
