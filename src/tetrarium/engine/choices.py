"""Games with a choice between two pieces, with pieces that spawn, or with more than straight drops.

The actions of a game are those of its current piece, then, with hold, as many of the piece that comes into play when
the current one is held: the held piece, or the next one where none is held. Within these *choices* an action is
``4 * column + rotation`` for straight drops, or else the place of a lock position in the order of ``reachable``.

Kernels do not check what they are given. ``words`` is working memory of ``make_memory``.
"""

from typing import Final

from tetrarium.engine import scratch as at
from tetrarium.engine.afterstates import (
    ILLEGAL,
    highest_rest,
    landing_row,
    remove_full_rows,
    write_mask,
    write_rest,
    write_rows,
)
from tetrarium.engine.dispatch import by_rules
from tetrarium.engine.drops import count_holes, full_rows, nearest_action, stack_height
from tetrarium.engine.features import GAME_OVER
from tetrarium.engine.game_rows import (
    BACK_TO_BACK,
    COLUMNS,
    COMBO,
    HELD,
    LINES,
    MAX_PREVIEW,
    N_PLACED,
    OVER,
    QUEUE,
    SCORE,
    draw_piece,
)
from tetrarium.engine.guideline import N_GUIDELINE, blocks_out, find_drops, is_blocked, is_tall
from tetrarium.engine.jit import inlined_kernel, kernel, small_kernel
from tetrarium.engine.pieces import COLUMN_BITS, MAX_ORIENTATIONS, PIECE_WIDTHS
from tetrarium.engine.rules import CompiledRules, GuidelineRules, HoldRules, ReachableRules, Rules
from tetrarium.engine.scoring import level_at, lock_points
from tetrarium.engine.scratch import Scratch, make_scratch
from tetrarium.engine.slots import N_SLOT_WORDS, find_slots, read_slot, write_slots

__all__ = [
    "count_placements",
    "find_choice",
    "in_view",
    "make_memory",
    "observe_choices",
    "rest_piece",
    "write_choice",
    "write_choices",
]

_VIEW: Final = at.N_SCRATCH  # the piece that is placed and those that follow it, -1 for one that is not known
_FLAGS: Final = _VIEW + 1 + MAX_PREVIEW  # which straight drops there are
_GUIDELINE: Final = _FLAGS + MAX_ORIENTATIONS * at.LANES
_SLOTS: Final = _GUIDELINE + N_GUIDELINE
_N_MORE: Final = _SLOTS + N_SLOT_WORDS - at.N_SCRATCH


def make_memory(rules: Rules) -> Scratch:
    """Allocates the working memory that playing and describing games under these rules takes."""
    return make_scratch(rules.width, 0 if type(rules.compiled) is CompiledRules else _N_MORE)


@kernel
def take_in_view(games, index, hold, rules, words):  # type: ignore[no-untyped-def]
    """Writes what will be in view once the piece of one choice is placed; returns this piece."""
    held = games[index, HELD]
    skipped = 1 if hold and held == 0 else 0
    for k in range(1 + rules.preview):
        words[_VIEW + k] = games[index, QUEUE + k + skipped] if k + skipped <= rules.preview else -1
    words[at.HELD_AFTER] = held
    if hold:
        words[at.HELD_AFTER] = games[index, QUEUE] + 1
        if held:
            words[_VIEW] = held - 1
    return words[_VIEW]


@small_kernel
def in_view(words):  # type: ignore[no-untyped-def]
    """The piece of the choice that was last taken into view."""
    return words[_VIEW]


@kernel
def _describe_all(columns, rules, layout, words, rows, mask):  # type: ignore[no-untyped-def]
    """Choices where every straight drop is possible."""
    write_rows(columns, words[_VIEW : _VIEW + 1 + rules.preview], rules, layout, words, rows)
    write_mask(words[_VIEW], rules.width, mask)


@small_kernel
def _blocks_next(columns, rotation, left, bottom, rules, words):  # type: ignore[no-untyped-def]
    piece, next_piece = words[_VIEW], words[_VIEW + 1]
    return is_tall(columns, rules) and blocks_out(
        columns, piece, rotation, left, bottom, next_piece, rules, words[_GUIDELINE:]
    )


@kernel
def _describe_drops(columns, rules, layout, words, rows, mask):  # type: ignore[no-untyped-def]
    """Choices of straight drops where pieces spawn."""
    _describe_all(columns, rules, layout, words, rows, mask)
    if not is_tall(columns, rules):
        return
    piece = words[_VIEW]
    _write_drops(columns, rules, words, mask)
    for action in range(mask.shape[0]):
        if not mask[action]:
            rows[action] = ILLEGAL
        elif layout[GAME_OVER] >= 0 and rules.preview:
            rotation, left = action & (MAX_ORIENTATIONS - 1), action // MAX_ORIENTATIONS
            bottom = landing_row(columns, piece, rotation, left)
            if _blocks_next(columns, rotation, left, bottom, rules, words):
                rows[action, layout[GAME_OVER]] = 1


@kernel
def _write_all(_columns, rules, words, mask):  # type: ignore[no-untyped-def]
    write_mask(words[_VIEW], rules.width, mask)


@kernel
def _write_drops(columns, rules, words, mask):  # type: ignore[no-untyped-def]
    flags = words[_FLAGS : _FLAGS + mask.shape[0]]
    find_drops(columns, words[_VIEW], rules, words[_GUIDELINE:], flags)
    for action in range(mask.shape[0]):
        mask[action] = flags[action] != 0


@kernel
def _find_any(columns, choice, rules, words):  # type: ignore[no-untyped-def]
    piece = words[_VIEW]
    choice = nearest_action(piece, choice, rules.width)
    rotation, left = choice & (MAX_ORIENTATIONS - 1), choice // MAX_ORIENTATIONS
    return choice, rotation, left, landing_row(columns, piece, rotation, left), 0


@kernel
def _find_drop(columns, choice, rules, words):  # type: ignore[no-untyped-def]
    """Other rotations are tried clockwise from the one asked for; of two columns as near, the left one is played."""
    piece = words[_VIEW]
    choice = nearest_action(piece, choice, rules.width)
    flags = words[_FLAGS : _FLAGS + MAX_ORIENTATIONS * rules.width]
    find_drops(columns, piece, rules, words[_GUIDELINE:], flags)
    column = choice // MAX_ORIENTATIONS
    for turn in range(MAX_ORIENTATIONS):
        rotation = (choice + turn) & (MAX_ORIENTATIONS - 1)
        for away in range(rules.width):
            for left in (column - away, column + away):
                if 0 <= left < rules.width and flags[MAX_ORIENTATIONS * left + rotation]:
                    bottom = landing_row(columns, piece, rotation, left)
                    return MAX_ORIENTATIONS * left + rotation, rotation, left, bottom, 0
    return -1, 0, 0, 0, 0


@small_kernel
def _never_ends(_columns, _rotation, _left, _bottom, _rules, _words):  # type: ignore[no-untyped-def]
    return False


@small_kernel
def _never(_columns, _piece, _rules):  # type: ignore[no-untyped-def]
    return False


@kernel
def _describe_slots(columns, rules, layout, words, rows, mask):  # type: ignore[no-untyped-def]
    """Choices of lock positions."""
    n_slots = min(find_slots(columns, words[_VIEW], rules, words[_SLOTS:]), rules.n_choices)
    view = words[_VIEW : _VIEW + 1 + rules.preview]
    write_slots(columns, view, n_slots, rules, layout, words, words[_SLOTS:], rows)
    mask[:n_slots] = True
    mask[n_slots:] = False
    if rules.guideline and rules.preview and layout[GAME_OVER] >= 0 and is_tall(columns, rules):
        for slot in range(n_slots):
            rotation, left, bottom, _ = read_slot(words[_SLOTS:], slot)
            if _blocks_next(columns, rotation, left, bottom, rules, words):
                rows[slot, layout[GAME_OVER]] = 1


@kernel
def _write_slot_mask(columns, rules, words, mask):  # type: ignore[no-untyped-def]
    n_slots = min(find_slots(columns, words[_VIEW], rules, words[_SLOTS:]), rules.n_choices)
    mask[:n_slots] = True
    mask[n_slots:] = False


@kernel
def _find_slot(columns, choice, rules, words):  # type: ignore[no-untyped-def]
    n_slots = min(find_slots(columns, words[_VIEW], rules, words[_SLOTS:]), rules.n_choices)
    if n_slots == 0:
        return -1, 0, 0, 0, 0
    choice = min(choice, n_slots - 1)
    rotation, left, bottom, spin = read_slot(words[_SLOTS:], choice)
    return choice, rotation, left, bottom, spin


@kernel
def count_placements(games, index, hold, rules, words):  # type: ignore[no-untyped-def]
    """How many lock positions one piece has, with those for which there is no slot."""
    piece = take_in_view(games, index, hold, rules, words)
    return find_slots(games[index, COLUMNS:], piece, rules, words[_SLOTS:])


@small_kernel
def _blocks_under_guideline(columns, rotation, left, bottom, rules, words):  # type: ignore[no-untyped-def]
    return rules.guideline and _blocks_next(columns, rotation, left, bottom, rules, words)


@kernel
def _is_blocked_under_guideline(columns, piece, rules):  # type: ignore[no-untyped-def]
    return rules.guideline and is_blocked(columns, piece, rules)


# What the choices of the piece in view look like: with rows, and as a mask alone; and the one nearest to that asked
# for, as (choice, rotation, left column, row of the lowest cell, spin), the choice -1 where there is none.
_describe = by_rules({HoldRules: _describe_all, GuidelineRules: _describe_drops, ReachableRules: _describe_slots})
_write_legal = by_rules({HoldRules: _write_all, GuidelineRules: _write_drops, ReachableRules: _write_slot_mask})
_find = by_rules({HoldRules: _find_any, GuidelineRules: _find_drop, ReachableRules: _find_slot})
_ends = by_rules(  # a placement, by the piece after it
    {HoldRules: _never_ends, GuidelineRules: _blocks_next, ReachableRules: _blocks_under_guideline}
)
_loses = by_rules(  # by the piece that comes into play
    {HoldRules: _never, GuidelineRules: is_blocked, ReachableRules: _is_blocked_under_guideline}
)


@kernel
def observe_choices(games, index, rules, layout, words, rows, mask):  # type: ignore[no-untyped-def]
    """Writes a game's afterstates and which actions are legal; -1 and none once it has ended."""
    if games[index, OVER]:
        rows[:] = ILLEGAL
        mask[:] = False
        return
    for hold in range(1 + rules.hold):
        take_in_view(games, index, hold, rules, words)
        start, end = hold * rules.n_choices, (hold + 1) * rules.n_choices
        _describe(games[index, COLUMNS:], rules, layout, words, rows[start:end], mask[start:end])


@kernel
def write_choices(games, index, rules, words, mask):  # type: ignore[no-untyped-def]
    """Writes which actions of a game are legal; none once it has ended."""
    if games[index, OVER]:
        mask[:] = False
        return
    for hold in range(1 + rules.hold):
        take_in_view(games, index, hold, rules, words)
        start, end = hold * rules.n_choices, (hold + 1) * rules.n_choices
        _write_legal(games[index, COLUMNS:], rules, words, mask[start:end])


@kernel
def write_choice(games, index, action, rules, layout, words, row):  # type: ignore[no-untyped-def]
    """Writes the afterstate of one legal action, as ``observe_choices`` does, ``(row length,)``."""
    columns = games[index, COLUMNS:]
    take_in_view(games, index, action // rules.n_choices, rules, words)
    _, rotation, left, bottom, _ = _find(columns, action % rules.n_choices, rules, words)
    choice = MAX_ORIENTATIONS * left + rotation
    view = words[_VIEW : _VIEW + 1 + rules.preview]
    write_rest(columns, view, choice, bottom, rules, layout, words, row)
    if layout[GAME_OVER] >= 0 and rules.preview and _ends(columns, rotation, left, bottom, rules, words):
        row[layout[GAME_OVER]] = 1


@inlined_kernel
def find_choice(games, index, action, rules, words):  # type: ignore[no-untyped-def]
    """The legal action nearest to any action in range, and where it leads; the piece to be placed is in view then.

    Where one of the two pieces has no placement, because it is blocked, the other one is played.

    Returns:
        The action, rotation, left column, row of the lowest cell, spin.
    """
    hold, choice = action // rules.n_choices, action % rules.n_choices
    take_in_view(games, index, hold, rules, words)
    found, rotation, left, bottom, spin = _find(games[index, COLUMNS:], choice, rules, words)
    if found < 0 and rules.hold:
        hold = 1 - hold
        take_in_view(games, index, hold, rules, words)
        found, rotation, left, bottom, spin = _find(games[index, COLUMNS:], choice, rules, words)
    return hold * rules.n_choices + max(found, 0), rotation, left, bottom, spin


@inlined_kernel
def rest_piece(games, index, rotation, left, bottom, spin, script, rules, words):  # type: ignore[no-untyped-def]
    """Lets the piece in view rest, and brings the next one into play; returns (lines, new holes, added height)."""
    columns = games[index, COLUMNS:]
    piece = words[_VIEW]
    height_t = stack_height(columns, rules.width)
    n_holes_t = count_holes(columns, rules.width)
    for i in range(PIECE_WIDTHS[piece, rotation]):
        columns[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom
    games[index, N_PLACED] += 1
    n_lines = 0
    if bottom > highest_rest(piece, rotation, rules):
        games[index, OVER] = 1
    else:
        level = level_at(games[index, LINES])
        if full_rows(columns, rules.width) != 0:
            n_lines = remove_full_rows(columns, rules.width)
            games[index, LINES] += n_lines
        if rules.guideline:
            points, games[index, BACK_TO_BACK], games[index, COMBO] = lock_points(
                n_lines, spin, level, games[index, BACK_TO_BACK], games[index, COMBO], columns.sum() == 0
            )
            games[index, SCORE] += points
    n_drawn = 2 if words[at.HELD_AFTER] and not games[index, HELD] else 1
    games[index, HELD] = words[at.HELD_AFTER]
    for _ in range(n_drawn):
        for k in range(rules.preview):
            games[index, QUEUE + k] = games[index, QUEUE + k + 1]
        games[index, QUEUE + rules.preview] = draw_piece(games, index, script, rules)
    if not games[index, OVER] and _loses(columns, games[index, QUEUE], rules):
        games[index, OVER] = 1
    added_height = stack_height(columns, rules.width) - height_t
    return n_lines, count_holes(columns, rules.width) - n_holes_t, added_height
