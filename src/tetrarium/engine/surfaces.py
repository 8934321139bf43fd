"""Features of a board's inside: transitions, wells, hole depth, rows with holes and pattern diversity.

Called by ``afterstates``, whose conventions hold here: a board is summed once, and a drop then changes what its window
of four columns and the two columns beside it give. Narrower pieces have a window of four columns too, of which the last
ones do not change. Columns outside the board are filled: they add nothing to any sum over bits.
"""

from typing import Final

import numpy as np

from tetrarium.engine import scratch as at
from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.features import (
    COLUMN_TRANSITIONS,
    FAST_WELLS,
    HOLE_DEPTH,
    PATTERN_DIVERSITY,
    ROW_LENGTH,
    ROW_TRANSITIONS,
    ROWS_WITH_HOLES,
    WELLS,
)
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.pieces import COLUMN_BITS, MAX_ORIENTATIONS, N_CELLS, PIECE_WIDTHS

__all__ = ["summarise_surface", "write_surface"]

_at: Final = np.uint64  # an index that cannot be negative: the JIT leaves out the wrap-around and vectorises


@small_kernel
def _pattern(difference):  # type: ignore[no-untyped-def]
    """Set of one height difference, of which ``at.PATTERN_MASK`` keeps those that count."""
    return 1 << ((difference + at.PATTERN_SPAN) & at.ROW_MASK)


@small_kernel
def _spread(words, section, n, step, numbers, place):  # type: ignore[no-untyped-def]
    """Writes one section into the rows of its placements."""
    for left in range(n):
        numbers[_at(place + step * left)] = words[_at(section + left)]


@small_kernel
def _column_transitions(column):  # type: ignore[no-untyped-def]
    return popcount(column ^ ((column << 1) | 1))


@small_kernel
def _over_a_hole(column):  # type: ignore[no-untyped-def]
    return popcount(column & (column + 1))  # adding 1 clears the run that stands on the floor


@kernel
def _count_wells(words, n, fast, space):  # type: ignore[no-untyped-def]
    """Writes the wells of n columns under ``COUNTS``: columns are under ``CENTRES``, well cells under ``OPEN``.

    Each round takes the topmost cells of every lane that count and lie in one run: with f the bottom of the empty run
    that they stand in, rows g to t count 1 + g - f, ..., 1 + t - f.
    """
    some = 0
    for x in range(n):
        words[at.COUNTS + x] = 0
        words[at.OPEN + x] &= space
        some |= words[at.OPEN + x]
    while some != 0:
        some = 0
        for x in range(n):
            wells = words[at.OPEN + x]
            top = bit_length(wells)
            under = (1 << top) - 1
            floor = bit_length(words[at.CENTRES + x] & under)
            first = floor if fast else bit_length(~wells & under)
            p = (top - floor) & at.ROW_MASK
            q = (first - floor) & at.ROW_MASK
            words[at.COUNTS + x] += (p * (p + 1) - q * (q + 1)) >> 1
            rest = wells & ((1 << first) - 1)
            words[at.OPEN + x] = rest
            some |= rest


@kernel
def summarise_surface(words, rules, layout):  # type: ignore[no-untyped-def]
    """Fills the sections that the other features take; returns (row transitions, column transitions, hole depth)."""
    n_lanes = words[at.N_LANES]
    width = rules.width
    visible = (1 << rules.height) - 1
    space = (1 << rules.n_rows) - 1
    row_transitions = 0
    column_transitions = 0
    depth = 0
    for x in range(n_lanes + 1):
        gap = popcount((words[at.COLUMNS - 1 + x] ^ words[at.COLUMNS + x]) & visible)
        words[at.GAPS + x] = gap
        row_transitions += gap
    for x in range(n_lanes):
        column = words[at.COLUMNS + x]
        transitions = _column_transitions(column)
        over_a_hole = _over_a_hole(column)
        words[at.TRANSITIONS + x] = transitions
        words[at.DEPTHS + x] = over_a_hole
        column_transitions += transitions
        depth += over_a_hole
    for fast in range(2):
        if layout[FAST_WELLS if fast else WELLS] >= 0:
            for x in range(n_lanes):
                words[at.CENTRES + x] = words[at.COLUMNS + x]
                words[at.OPEN + x] = ~words[at.COLUMNS + x] & words[at.COLUMNS - 1 + x] & words[at.COLUMNS + 1 + x]
            _count_wells(words, n_lanes, fast == 1, space)
            sums = at.FAST_WELLS_LEFT if fast else at.WELLS_LEFT
            total = 0
            for x in range(width):
                words[sums + x] = total
                total += words[at.COUNTS + x]
            for x in range(width, width + N_CELLS + 2):
                words[sums + x] = total
    holes = 0
    patterns = 0
    for x in range(width):
        words[at.HOLES_LEFT + x] = holes
        words[at.PATTERNS_LEFT + x] = patterns
        holes |= ~words[at.COLUMNS + x] & ((1 << words[at.HEIGHTS + x]) - 1)
        patterns |= _pattern(words[at.HEIGHTS + x] - words[at.HEIGHTS - 1 + x]) & words[at.IN_GAP + x]
    words[at.HOLES_LEFT + width] = holes
    words[at.PATTERNS_LEFT + width] = patterns
    holes = 0
    patterns = 0
    for x in range(width - 1, -1, -1):
        holes |= ~words[at.COLUMNS + x] & ((1 << words[at.HEIGHTS + x]) - 1)
        words[at.HOLES_RIGHT + x] = holes
        words[at.PATTERNS_RIGHT + x] = patterns  # the gaps right of x
        patterns |= _pattern(words[at.HEIGHTS + x] - words[at.HEIGHTS - 1 + x]) & words[at.IN_GAP + x]
    return row_transitions, column_transitions, depth


@kernel
def write_surface(piece, rotation, totals, rules, layout, words, lanes, numbers):  # type: ignore[no-untyped-def]
    """Transitions, wells, hole depth, rows with holes and pattern diversity of one rotation in every column."""
    n_lanes = words[at.N_LEFTS]
    row_transitions_t, column_transitions_t, depth_t = totals
    visible = (1 << rules.height) - 1
    space = (1 << rules.n_rows) - 1
    tops = at.PIECE_TOPS[piece, rotation]
    top_0, top_1, top_2, top_3 = tops[0], tops[1], tops[2], tops[3]
    bits = COLUMN_BITS[piece, rotation]
    bits_0, bits_1, bits_2, bits_3 = bits[0], bits[1], bits[2], bits[3]
    for x in range(n_lanes):
        bottom = int(lanes[_at(at.LANDING + x)]) & at.ROW_MASK
        words[at.LANDED + x] = bottom
        words[at.WINDOW + x] = words[at.COLUMNS + x] | (bits_0 << bottom)
        words[at.WINDOW + at.LANES + x] = words[at.COLUMNS + 1 + x] | (bits_1 << bottom)
        words[at.WINDOW + 2 * at.LANES + x] = words[at.COLUMNS + 2 + x] | (bits_2 << bottom)
        words[at.WINDOW + 3 * at.LANES + x] = words[at.COLUMNS + 3 + x] | (bits_3 << bottom)
    for x in range(n_lanes):
        before = words[at.COLUMNS - 1 + x]
        column_0 = words[at.WINDOW + x]
        column_1 = words[at.WINDOW + at.LANES + x]
        column_2 = words[at.WINDOW + 2 * at.LANES + x]
        column_3 = words[at.WINDOW + 3 * at.LANES + x]
        after = words[at.COLUMNS + 4 + x]
        changes = popcount((before ^ column_0) & visible) + popcount((column_0 ^ column_1) & visible)
        changes += popcount((column_1 ^ column_2) & visible) + popcount((column_2 ^ column_3) & visible)
        changes += popcount((column_3 ^ after) & visible)
        changes -= words[at.GAPS + x] + words[at.GAPS + 1 + x] + words[at.GAPS + 2 + x]
        words[at.NEW_ROW_TRANSITIONS + x] = (
            row_transitions_t + changes - words[at.GAPS + 3 + x] - words[at.GAPS + 4 + x]
        )
        changes = _column_transitions(column_0) + _column_transitions(column_1)
        changes += _column_transitions(column_2) + _column_transitions(column_3)
        changes -= words[at.TRANSITIONS + x] + words[at.TRANSITIONS + 1 + x]
        changes -= words[at.TRANSITIONS + 2 + x] + words[at.TRANSITIONS + 3 + x]
        words[at.NEW_COLUMN_TRANSITIONS + x] = column_transitions_t + changes
        depth = _over_a_hole(column_0) + _over_a_hole(column_1) + _over_a_hole(column_2) + _over_a_hole(column_3)
        depth -= words[at.DEPTHS + x] + words[at.DEPTHS + 1 + x] + words[at.DEPTHS + 2 + x] + words[at.DEPTHS + 3 + x]
        words[at.NEW_DEPTH + x] = depth_t + depth
    for x in range(n_lanes):
        bottom = words[at.LANDED + x]
        height_0 = max(words[at.HEIGHTS + x], bottom + top_0)
        height_1 = max(words[at.HEIGHTS + 1 + x], bottom + top_1)
        height_2 = max(words[at.HEIGHTS + 2 + x], bottom + top_2)
        height_3 = max(words[at.HEIGHTS + 3 + x], bottom + top_3)
        holes = words[at.HOLES_LEFT + x] | words[at.HOLES_RIGHT + 4 + x]
        holes |= ~words[at.WINDOW + x] & ((1 << height_0) - 1)
        holes |= ~words[at.WINDOW + at.LANES + x] & ((1 << height_1) - 1)
        holes |= ~words[at.WINDOW + 2 * at.LANES + x] & ((1 << height_2) - 1)
        holes |= ~words[at.WINDOW + 3 * at.LANES + x] & ((1 << height_3) - 1)
        words[at.NEW_HOLE_ROWS + x] = popcount(holes)
        patterns = words[at.PATTERNS_LEFT + x] | words[at.PATTERNS_RIGHT + 4 + x]
        patterns |= _pattern(height_0 - words[at.HEIGHTS - 1 + x]) & words[at.IN_GAP + x]
        patterns |= _pattern(height_1 - height_0) & words[at.IN_GAP + 1 + x]
        patterns |= _pattern(height_2 - height_1) & words[at.IN_GAP + 2 + x]
        patterns |= _pattern(height_3 - height_2) & words[at.IN_GAP + 3 + x]
        patterns |= _pattern(words[at.HEIGHTS + 4 + x] - height_3) & words[at.IN_GAP + 4 + x]
        words[at.NEW_PATTERNS + x] = popcount(patterns & at.PATTERN_MASK)
    piece_width = PIECE_WIDTHS[piece, rotation]
    n = rules.width - piece_width + 1
    step = MAX_ORIENTATIONS * layout[ROW_LENGTH]
    start = rotation * layout[ROW_LENGTH]
    if layout[ROW_TRANSITIONS] >= 0:
        _spread(words, at.NEW_ROW_TRANSITIONS, n, step, numbers, start + layout[ROW_TRANSITIONS])
    if layout[COLUMN_TRANSITIONS] >= 0:
        _spread(words, at.NEW_COLUMN_TRANSITIONS, n, step, numbers, start + layout[COLUMN_TRANSITIONS])
    if layout[HOLE_DEPTH] >= 0:
        _spread(words, at.NEW_DEPTH, n, step, numbers, start + layout[HOLE_DEPTH])
    if layout[ROWS_WITH_HOLES] >= 0:
        _spread(words, at.NEW_HOLE_ROWS, n, step, numbers, start + layout[ROWS_WITH_HOLES])
    if layout[PATTERN_DIVERSITY] >= 0:
        _spread(words, at.NEW_PATTERNS, n, step, numbers, start + layout[PATTERN_DIVERSITY])
    if layout[WELLS] >= 0:
        _write_wells(words, at.WELLS_LEFT, False, piece_width, rules.width, space)
        _spread(words, at.NEW_WELLS, n, step, numbers, start + layout[WELLS])
    if layout[FAST_WELLS] >= 0:
        _write_wells(words, at.FAST_WELLS_LEFT, True, piece_width, rules.width, space)
        _spread(words, at.NEW_WELLS, n, step, numbers, start + layout[FAST_WELLS])


@kernel
def _write_wells(words, sums, fast, piece_width, width, space):  # type: ignore[no-untyped-def]
    """Wells of the window's changed columns and their neighbours; all others as they were."""
    n_lanes = words[at.N_LANES]
    for x in range(n_lanes):
        column_0 = words[at.COLUMNS - 1 + x]
        column_1 = words[at.WINDOW + x]
        column_2 = words[at.WINDOW + at.LANES + x]
        column_3 = words[at.WINDOW + 2 * at.LANES + x]
        column_4 = words[at.WINDOW + 3 * at.LANES + x]
        column_5 = words[at.COLUMNS + 4 + x]
        words[at.CENTRES + x] = column_0
        words[at.CENTRES + 5 * at.LANES + x] = column_5
        words[at.OPEN + x] = ~column_0 & words[at.COLUMNS - 2 + x] & column_1
        words[at.OPEN + at.LANES + x] = ~column_1 & column_0 & column_2
        words[at.OPEN + 2 * at.LANES + x] = ~column_2 & column_1 & column_3
        words[at.OPEN + 3 * at.LANES + x] = ~column_3 & column_2 & column_4
        words[at.OPEN + 4 * at.LANES + x] = ~column_4 & column_3 & column_5
        words[at.OPEN + 5 * at.LANES + x] = ~column_5 & column_4 & words[at.COLUMNS + 5 + x]
    _count_wells(words, (piece_width + 2) * at.LANES, fast, space)
    for x in range((piece_width + 2) * at.LANES, 6 * at.LANES):
        words[at.COUNTS + x] = 0
    total = words[sums + width]
    for x in range(n_lanes):
        count = words[at.COUNTS + x] + words[at.COUNTS + at.LANES + x] + words[at.COUNTS + 2 * at.LANES + x]
        count += (
            words[at.COUNTS + 3 * at.LANES + x]
            + words[at.COUNTS + 4 * at.LANES + x]
            + words[at.COUNTS + 5 * at.LANES + x]
        )
        words[at.NEW_WELLS + x] = total + count + words[sums - 1 + x] - words[sums + piece_width + 1 + x]
