"""Describes every placement of a piece without playing it: the kernels behind the observation.

Conventions: columns are ``(width,) int64``, bit r = row r, row 0 at the bottom; sides and floor count as filled. An
action is ``4 * column + rotation``, column = the piece's leftmost cell. A row of ``rows`` describes the afterstate of
one action: the board after the piece has come to rest and full rows are gone.

A drop changes at most four neighbouring columns, its window. A feature of an afterstate is its sum over the board
before, less what the window gave, plus what it gives now. One rotation is worked out for all left columns at once: each
quantity is a section of the scratch, lane = left column, and every loop over lanes has the same length and constant
offsets, so that the compiler turns it into vector instructions. Narrower pieces have a window of four columns too, of
which the last ones do not change. Columns outside the board are filled: they add nothing to any sum over bits.

Boards on which rows vanish, a few in a hundred, are summed anew by ``_write_cleared``.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.borrowing import borrowed
from tetrarium.engine.features import (
    BUMPINESS,
    COLUMN_HEIGHTS,
    COLUMN_TRANSITIONS,
    ERODED_CELLS,
    FAST_WELLS,
    GAME_OVER,
    HELD_PIECE,
    HOLE_DEPTH,
    HOLES,
    LANDING_HEIGHT,
    LINES_CLEARED,
    MAX_HEIGHT,
    NEXT_PIECES,
    PATTERN_DIVERSITY,
    ROW_LENGTH,
    ROW_TRANSITIONS,
    ROWS_WITH_HOLES,
    WELLS,
)
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.pieces import (
    BOTTOMS,
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_CELLS,
    N_ORIENTATIONS,
    N_PIECES,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
    TOPS,
)

__all__ = ["ILLEGAL", "Scratch", "landing_row", "make_scratch", "remove_full_rows", "write_mask", "write_rows"]

Scratch = npt.NDArray[np.int64]  # (n,) sections, then the tile
ILLEGAL: Final = -1.0  # every number in the row of an action that the piece does not have

_N_LANES: Final = 0  # where the scratch holds how many lanes there are: a constant would be unrolled, not vectorised
_N_LEFTS: Final = 1  # the same for the longest loop, which takes fewer lanes at a time
_STEP: Final = 4
_LANES: Final = 16  # the widest board; narrower ones leave lanes idle
_MARGIN: Final = 2  # columns left of the board that a window's neighbours reach
_SECTION: Final = 24  # margin, lanes, and the columns right of the last lane that a window reaches
(
    _IN_BOARD,  # -1 for a column of the board, 0 outside
    _IN_GAP,  # -1 where this column and the one left of it are both in the board
    _COLUMNS,
    _HEIGHTS,
    _STEPS,  # |height - height of the column to the left|
    _FULL_LEFT,  # rows filled in every column to the left
    _FULL_RIGHT,  # rows filled in this column and every one to the right
    _GAPS,  # row transitions between this column and the one to the left
    _TRANSITIONS,  # column transitions
    _DEPTHS,  # filled cells over a hole
    _WELLS_LEFT,  # wells of every column to the left
    _FAST_WELLS_LEFT,
    _HOLES_LEFT,  # rows with a hole in a column to the left
    _HOLES_RIGHT,
    _PATTERNS_LEFT,  # height differences between columns to the left, as a set
    _PATTERNS_RIGHT,
    # From here on lane = left column of a placement.
    _LANDING,  # row of the piece's lowest cell
    _FULL,  # rows that it fills
    _NEW_MAX,
    _NEW_HOLES,
    _NEW_BUMPS,
    _NEW_OVER,
    _NEW_ROW_TRANSITIONS,
    _NEW_COLUMN_TRANSITIONS,
    _NEW_DEPTH,
    _NEW_HOLE_ROWS,
    _NEW_PATTERNS,
    _NEW_WELLS,
    _END,
) = range(_MARGIN, _MARGIN + 29 * _SECTION, _SECTION)
# Six blocks of lanes each, one for every column whose wells a drop can change: the window and its two neighbours.
_CENTRES: Final = _END
_WINDOW: Final = _CENTRES + _LANES
_OPEN: Final = _CENTRES + 6 * _LANES  # well cells not yet counted
_COUNTS: Final = _OPEN + 6 * _LANES
_CLEARED: Final = _COUNTS + 6 * _LANES  # triples of action, landing row, full rows
_MAX_CLEARED: Final = MAX_ORIENTATIONS * _LANES
_TILE: Final = _CLEARED + 3 * _MAX_CLEARED  # the rows of one left column before the placements are written in
_OUTSIDE: Final = 64  # bottom and depth below ground of a piece's column that it does not have
_PATTERN_SPAN: Final = 2  # pattern diversity counts height differences from -2 to 2
_PATTERN_MASK: Final = (1 << (2 * _PATTERN_SPAN + 1)) - 1  # heights end below 48, so that no other difference wraps here
_ROW_MASK: Final = 63  # tells the compiler that a count of rows is short
_MAX_ROW_LENGTH: Final = _LANES + 13 + 6 * N_PIECES + N_PIECES + 1

_PIECE_BOTTOMS: Final = np.where(COLUMN_BITS > 0, BOTTOMS, _OUTSIDE)  # (7, 4, 4): a column it lacks rests on nothing
_PIECE_TOPS: Final = np.where(COLUMN_BITS > 0, TOPS, -_OUTSIDE)  # and raises nothing


def make_scratch(width: int) -> Scratch:
    """Allocates the working memory that describing boards of this width takes."""
    scratch = np.zeros(_TILE + MAX_ORIENTATIONS * _MAX_ROW_LENGTH, dtype=np.int64)
    scratch[_N_LANES] = _LANES
    scratch[_N_LEFTS] = -(-width // _STEP) * _STEP
    scratch[_IN_BOARD : _IN_BOARD + width] = -1
    scratch[_IN_GAP + 1 : _IN_GAP + width] = -1
    scratch[_COLUMNS - _MARGIN : _COLUMNS - _MARGIN + _SECTION] = -1
    return scratch


@small_kernel
def _pattern(difference):  # type: ignore[no-untyped-def]
    """Set of one height difference, of which ``_PATTERN_MASK`` keeps those that count."""
    return 1 << ((difference + _PATTERN_SPAN) & _ROW_MASK)


@small_kernel
def _column_transitions(column):  # type: ignore[no-untyped-def]
    return popcount(column ^ ((column << 1) | 1))


@small_kernel
def _over_a_hole(column):  # type: ignore[no-untyped-def]
    return popcount(column & (column + 1))  # adding 1 clears the run that stands on the floor


@kernel
def _count_wells(words, n, fast, space):  # type: ignore[no-untyped-def]
    """Writes the wells of n columns under ``_COUNTS``: columns are under ``_CENTRES``, well cells under ``_OPEN``.

    Each round takes the topmost cells of every lane that count and lie in one run: with f the bottom of the empty run
    that they stand in, rows g to t count 1 + g - f, ..., 1 + t - f.
    """
    some = 0
    for x in range(n):
        words[_COUNTS + x] = 0
        words[_OPEN + x] &= space
        some |= words[_OPEN + x]
    while some != 0:
        some = 0
        for x in range(n):
            wells = words[_OPEN + x]
            top = bit_length(wells)
            under = (1 << top) - 1
            floor = bit_length(words[_CENTRES + x] & under)
            first = floor if fast else bit_length(~wells & under)
            p = (top - floor) & _ROW_MASK
            q = (first - floor) & _ROW_MASK
            words[_COUNTS + x] += (p * (p + 1) - q * (q + 1)) >> 1
            rest = wells & ((1 << first) - 1)
            words[_OPEN + x] = rest
            some |= rest


@kernel
def _summarise(words, width):  # type: ignore[no-untyped-def]
    """Fills the sections that outlines take from the board; returns (highest column, holes, bumpiness)."""
    lanes = words[_N_LANES]
    max_height = 0
    n_cells = 0
    sum_heights = 0
    bumpiness = 0
    for x in range(lanes):
        column = words[_COLUMNS + x] & words[_IN_BOARD + x]
        height = bit_length(column)
        words[_HEIGHTS + x] = height
        n_cells += popcount(column)
        sum_heights += height
        max_height = max(max_height, height)
    for x in range(lanes):
        step = abs(words[_HEIGHTS + x] - words[_HEIGHTS - 1 + x]) & words[_IN_GAP + x]
        words[_STEPS + x] = step
        bumpiness += step
    filled = -1
    for x in range(width):
        words[_FULL_LEFT + x] = filled
        filled &= words[_COLUMNS + x]
    filled = -1
    for x in range(width + N_CELLS, width - 1, -1):
        words[_FULL_RIGHT + x] = -1
    for x in range(width - 1, -1, -1):
        filled &= words[_COLUMNS + x]
        words[_FULL_RIGHT + x] = filled
    return max_height, sum_heights - n_cells, bumpiness


@kernel
def _summarise_surface(words, rules, layout):  # type: ignore[no-untyped-def]
    """Fills the sections that the other features take; returns (row transitions, column transitions, hole depth)."""
    lanes = words[_N_LANES]
    width = rules.width
    visible = (1 << rules.height) - 1
    space = (1 << rules.n_rows) - 1
    row_transitions = 0
    column_transitions = 0
    depth = 0
    for x in range(lanes + 1):
        gap = popcount((words[_COLUMNS - 1 + x] ^ words[_COLUMNS + x]) & visible)
        words[_GAPS + x] = gap
        row_transitions += gap
    for x in range(lanes):
        column = words[_COLUMNS + x]
        transitions = _column_transitions(column)
        over_a_hole = _over_a_hole(column)
        words[_TRANSITIONS + x] = transitions
        words[_DEPTHS + x] = over_a_hole
        column_transitions += transitions
        depth += over_a_hole
    for fast in range(2):
        if layout[FAST_WELLS if fast else WELLS] >= 0:
            for x in range(lanes):
                words[_CENTRES + x] = words[_COLUMNS + x]
                words[_OPEN + x] = ~words[_COLUMNS + x] & words[_COLUMNS - 1 + x] & words[_COLUMNS + 1 + x]
            _count_wells(words, lanes, fast == 1, space)
            sums = _FAST_WELLS_LEFT if fast else _WELLS_LEFT
            total = 0
            for x in range(width):
                words[sums + x] = total
                total += words[_COUNTS + x]
            for x in range(width, width + N_CELLS + 2):
                words[sums + x] = total
    holes = 0
    patterns = 0
    for x in range(width):
        words[_HOLES_LEFT + x] = holes
        words[_PATTERNS_LEFT + x] = patterns
        holes |= ~words[_COLUMNS + x] & ((1 << words[_HEIGHTS + x]) - 1)
        patterns |= _pattern(words[_HEIGHTS + x] - words[_HEIGHTS - 1 + x]) & words[_IN_GAP + x]
    words[_HOLES_LEFT + width] = holes
    words[_PATTERNS_LEFT + width] = patterns
    holes = 0
    patterns = 0
    for x in range(width - 1, -1, -1):
        holes |= ~words[_COLUMNS + x] & ((1 << words[_HEIGHTS + x]) - 1)
        words[_HOLES_RIGHT + x] = holes
        words[_PATTERNS_RIGHT + x] = patterns  # the gaps right of x
        patterns |= _pattern(words[_HEIGHTS + x] - words[_HEIGHTS - 1 + x]) & words[_IN_GAP + x]
    return row_transitions, column_transitions, depth


@kernel
def landing_row(columns, piece, rotation, left):  # type: ignore[no-untyped-def]
    """Row of the piece's lowest cell when it has fallen straight down with its leftmost cell in column ``left``."""
    bottom = 0
    for i in range(PIECE_WIDTHS[piece, rotation]):
        bottom = max(bottom, bit_length(columns[left + i]) - BOTTOMS[piece, rotation, i])
    return bottom


@kernel
def remove_full_rows(columns, width):  # type: ignore[no-untyped-def]
    """Takes full rows out of a board in place, lets what lies above fall, and returns how many there were."""
    full = columns[0]
    for x in range(1, width):
        full &= columns[x]
    n_lines = popcount(full)
    while full != 0:
        below = (1 << (bit_length(full) - 1)) - 1
        for x in range(width):
            columns[x] = (columns[x] & below) | ((columns[x] >> 1) & ~below)
        full &= below
    return n_lines


@kernel
def write_mask(piece, width, mask):  # type: ignore[no-untyped-def]
    """Writes which of the ``4 * width`` actions a piece has: on every board the same."""
    mask[:] = False
    for rotation in range(N_ORIENTATIONS[piece]):
        for left in range(width - PIECE_WIDTHS[piece, rotation] + 1):
            mask[MAX_ORIENTATIONS * left + rotation] = True


@kernel
def write_rows(columns, queue, rules, layout, scratch, rows):  # type: ignore[no-untyped-def]
    """Writes the afterstate of every action of the current piece, and ``ILLEGAL`` where it does not have an action.

    Args:
        columns: ``(width,) int64`` board.
        queue: ``(1 + preview,) int64`` current piece and those that follow.
        rules: ``CompiledRules``.
        layout: which features, and where.
        scratch: working memory of ``make_scratch`` for this width.
        rows: ``(4 * width, row length) float32``, C-contiguous, to be written.
    """
    columns, queue, layout, scratch = borrowed(columns), borrowed(queue), borrowed(layout), borrowed(scratch)
    piece = queue[0]
    blocks = borrowed(rows).reshape(rules.width, MAX_ORIENTATIONS * layout[ROW_LENGTH])
    surface = False
    for feature in range(ROW_TRANSITIONS, PATTERN_DIVERSITY + 1):
        surface = surface or layout[feature] >= 0
    for x in range(rules.width):
        scratch[_COLUMNS + x] = columns[x]
    outline = _summarise(scratch, rules.width)
    totals = (0, 0, 0)
    if surface:
        totals = _summarise_surface(scratch, rules, layout)
    _write_unchanged(queue, rules.width, layout, scratch, blocks)
    n_cleared = 0
    for rotation in range(N_ORIENTATIONS[piece]):
        n_cleared = _write_outline(piece, rotation, outline, n_cleared, rules, layout, scratch, blocks)
        if surface:
            _write_surface(piece, rotation, totals, rules, layout, scratch, blocks)
    for k in range(n_cleared):
        _write_cleared(columns, piece, k, surface, rules, layout, scratch, blocks)


@kernel
def _write_unchanged(queue, width, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Writes what no placement changes, zeros, and the rows of actions that the piece does not have."""
    length = layout[ROW_LENGTH]
    piece = queue[0]
    for k in range(length):
        words[_TILE + k] = 0
    if layout[COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            words[_TILE + x] = words[_HEIGHTS + x]
    if layout[NEXT_PIECES] >= 0:
        for k in range(1, queue.shape[0]):
            words[_TILE + layout[NEXT_PIECES] + (k - 1) * N_PIECES + queue[k]] = 1
    if layout[HELD_PIECE] >= 0:
        words[_TILE + layout[HELD_PIECE]] = 1
    for rotation in range(1, MAX_ORIENTATIONS):
        for k in range(length):
            words[_TILE + rotation * length + k] = words[_TILE + k] if rotation < N_ORIENTATIONS[piece] else -1
    for left in range(width):
        if left > width - N_CELLS:
            for rotation in range(N_ORIENTATIONS[piece]):
                if left + PIECE_WIDTHS[piece, rotation] == width + 1:
                    for k in range(length):
                        words[_TILE + rotation * length + k] = -1
        for k in range(MAX_ORIENTATIONS * length):
            blocks[left, k] = words[_TILE + k]


@kernel
def _spread(words, section, plus, n, blocks, place):  # type: ignore[no-untyped-def]
    """Writes one section into the rows of its placements."""
    for left in range(n):
        blocks[left, place] = words[section + left] + plus


@kernel
def _write_outline(piece, rotation, outline, n_cleared, rules, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Lands one rotation in every column, and writes what heights alone tell.

    Placements that fill rows are noted under ``_CLEARED``; returns how many are noted by now.
    """
    lanes = words[_N_LEFTS]
    max_height_t, n_holes_t, bumpiness_t = outline
    piece_height = PIECE_HEIGHTS[piece, rotation]
    bottom_0, top_0, bits_0 = _PIECE_BOTTOMS[piece, rotation, 0], _PIECE_TOPS[piece, rotation, 0], COLUMN_BITS[piece, rotation, 0]
    bottom_1, top_1, bits_1 = _PIECE_BOTTOMS[piece, rotation, 1], _PIECE_TOPS[piece, rotation, 1], COLUMN_BITS[piece, rotation, 1]
    bottom_2, top_2, bits_2 = _PIECE_BOTTOMS[piece, rotation, 2], _PIECE_TOPS[piece, rotation, 2], COLUMN_BITS[piece, rotation, 2]
    bottom_3, top_3, bits_3 = _PIECE_BOTTOMS[piece, rotation, 3], _PIECE_TOPS[piece, rotation, 3], COLUMN_BITS[piece, rotation, 3]
    height = rules.height
    some_full = 0
    for x in range(lanes):
        height_0 = words[_HEIGHTS + x]
        height_1 = words[_HEIGHTS + 1 + x]
        height_2 = words[_HEIGHTS + 2 + x]
        height_3 = words[_HEIGHTS + 3 + x]
        bottom = max(max(0, height_0 - bottom_0), height_1 - bottom_1, max(height_2 - bottom_2, height_3 - bottom_3))
        words[_LANDING + x] = bottom
        column_0 = words[_COLUMNS + x] | (bits_0 << bottom)
        column_1 = words[_COLUMNS + 1 + x] | (bits_1 << bottom)
        column_2 = words[_COLUMNS + 2 + x] | (bits_2 << bottom)
        column_3 = words[_COLUMNS + 3 + x] | (bits_3 << bottom)
        words[_WINDOW + x] = column_0
        words[_WINDOW + _LANES + x] = column_1
        words[_WINDOW + 2 * _LANES + x] = column_2
        words[_WINDOW + 3 * _LANES + x] = column_3
        full = words[_FULL_LEFT + x] & column_0 & column_1 & column_2 & column_3 & words[_FULL_RIGHT + 4 + x]
        full = 0 if bottom + piece_height > height else full
        words[_FULL + x] = full
        some_full |= full
        words[_NEW_MAX + x] = max(max_height_t, bottom + piece_height)
        new_0 = max(height_0, bottom + top_0)
        new_1 = max(height_1, bottom + top_1)
        new_2 = max(height_2, bottom + top_2)
        new_3 = max(height_3, bottom + top_3)
        risen = (new_0 + new_1 + new_2 + new_3) - (height_0 + height_1 + height_2 + height_3)
        words[_NEW_HOLES + x] = n_holes_t + risen - N_CELLS
        bumps = abs(new_0 - words[_HEIGHTS - 1 + x]) & words[_IN_GAP + x]
        bumps += abs(new_1 - new_0) & words[_IN_GAP + 1 + x]
        bumps += abs(new_2 - new_1) & words[_IN_GAP + 2 + x]
        bumps += abs(new_3 - new_2) & words[_IN_GAP + 3 + x]
        bumps += abs(words[_HEIGHTS + 4 + x] - new_3) & words[_IN_GAP + 4 + x]
        bumps -= words[_STEPS + x] + words[_STEPS + 1 + x] + words[_STEPS + 2 + x]
        words[_NEW_BUMPS + x] = bumpiness_t + bumps - words[_STEPS + 3 + x] - words[_STEPS + 4 + x]
    piece_width = PIECE_WIDTHS[piece, rotation]
    n = rules.width - piece_width + 1
    length = layout[ROW_LENGTH]
    start = rotation * length
    if layout[COLUMN_HEIGHTS] >= 0:
        for i in range(piece_width):
            top = TOPS[piece, rotation, i]
            for left in range(n):
                blocks[left, start + i + left] = words[_LANDING + left] + top
    if layout[MAX_HEIGHT] >= 0:
        _spread(words, _NEW_MAX, 0, n, blocks, start + layout[MAX_HEIGHT])
    if layout[HOLES] >= 0:
        _spread(words, _NEW_HOLES, 0, n, blocks, start + layout[HOLES])
    if layout[BUMPINESS] >= 0:
        _spread(words, _NEW_BUMPS, 0, n, blocks, start + layout[BUMPINESS])
    if layout[LANDING_HEIGHT] >= 0:
        for left in range(n):
            blocks[left, start + layout[LANDING_HEIGHT]] = words[_LANDING + left] + 0.5 * (piece_height - 1)
    if layout[GAME_OVER] >= 0 and max_height_t + N_CELLS > height:
        for left in range(n):
            over = words[_LANDING + left] + piece_height > height
            blocks[left, start + layout[GAME_OVER]] = 1.0 if over else 0.0
    if some_full != 0:
        for left in range(n):
            if words[_FULL + left] != 0:
                words[_CLEARED + 3 * n_cleared] = MAX_ORIENTATIONS * left + rotation
                words[_CLEARED + 3 * n_cleared + 1] = words[_LANDING + left]
                words[_CLEARED + 3 * n_cleared + 2] = words[_FULL + left]
                n_cleared += 1
    return n_cleared


@kernel
def _write_surface(piece, rotation, totals, rules, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Transitions, wells, hole depth, rows with holes and pattern diversity of one rotation in every column."""
    lanes = words[_N_LANES]
    row_transitions_t, column_transitions_t, depth_t = totals
    visible = (1 << rules.height) - 1
    space = (1 << rules.n_rows) - 1
    top_0, top_1 = _PIECE_TOPS[piece, rotation, 0], _PIECE_TOPS[piece, rotation, 1]
    top_2, top_3 = _PIECE_TOPS[piece, rotation, 2], _PIECE_TOPS[piece, rotation, 3]
    for x in range(lanes):
        before = words[_COLUMNS - 1 + x]
        column_0 = words[_WINDOW + x]
        column_1 = words[_WINDOW + _LANES + x]
        column_2 = words[_WINDOW + 2 * _LANES + x]
        column_3 = words[_WINDOW + 3 * _LANES + x]
        after = words[_COLUMNS + 4 + x]
        changes = popcount((before ^ column_0) & visible) + popcount((column_0 ^ column_1) & visible)
        changes += popcount((column_1 ^ column_2) & visible) + popcount((column_2 ^ column_3) & visible)
        changes += popcount((column_3 ^ after) & visible)
        changes -= words[_GAPS + x] + words[_GAPS + 1 + x] + words[_GAPS + 2 + x]
        words[_NEW_ROW_TRANSITIONS + x] = row_transitions_t + changes - words[_GAPS + 3 + x] - words[_GAPS + 4 + x]
        changes = _column_transitions(column_0) + _column_transitions(column_1)
        changes += _column_transitions(column_2) + _column_transitions(column_3)
        changes -= words[_TRANSITIONS + x] + words[_TRANSITIONS + 1 + x]
        changes -= words[_TRANSITIONS + 2 + x] + words[_TRANSITIONS + 3 + x]
        words[_NEW_COLUMN_TRANSITIONS + x] = column_transitions_t + changes
        depth = _over_a_hole(column_0) + _over_a_hole(column_1) + _over_a_hole(column_2) + _over_a_hole(column_3)
        depth -= words[_DEPTHS + x] + words[_DEPTHS + 1 + x] + words[_DEPTHS + 2 + x] + words[_DEPTHS + 3 + x]
        words[_NEW_DEPTH + x] = depth_t + depth
    for x in range(lanes):
        bottom = words[_LANDING + x]
        height_0 = max(words[_HEIGHTS + x], bottom + top_0)
        height_1 = max(words[_HEIGHTS + 1 + x], bottom + top_1)
        height_2 = max(words[_HEIGHTS + 2 + x], bottom + top_2)
        height_3 = max(words[_HEIGHTS + 3 + x], bottom + top_3)
        holes = words[_HOLES_LEFT + x] | words[_HOLES_RIGHT + 4 + x]
        holes |= ~words[_WINDOW + x] & ((1 << height_0) - 1)
        holes |= ~words[_WINDOW + _LANES + x] & ((1 << height_1) - 1)
        holes |= ~words[_WINDOW + 2 * _LANES + x] & ((1 << height_2) - 1)
        holes |= ~words[_WINDOW + 3 * _LANES + x] & ((1 << height_3) - 1)
        words[_NEW_HOLE_ROWS + x] = popcount(holes)
        patterns = words[_PATTERNS_LEFT + x] | words[_PATTERNS_RIGHT + 4 + x]
        patterns |= _pattern(height_0 - words[_HEIGHTS - 1 + x]) & words[_IN_GAP + x]
        patterns |= _pattern(height_1 - height_0) & words[_IN_GAP + 1 + x]
        patterns |= _pattern(height_2 - height_1) & words[_IN_GAP + 2 + x]
        patterns |= _pattern(height_3 - height_2) & words[_IN_GAP + 3 + x]
        patterns |= _pattern(words[_HEIGHTS + 4 + x] - height_3) & words[_IN_GAP + 4 + x]
        words[_NEW_PATTERNS + x] = popcount(patterns & _PATTERN_MASK)
    piece_width = PIECE_WIDTHS[piece, rotation]
    n = rules.width - piece_width + 1
    start = rotation * layout[ROW_LENGTH]
    if layout[ROW_TRANSITIONS] >= 0:
        _spread(words, _NEW_ROW_TRANSITIONS, 0, n, blocks, start + layout[ROW_TRANSITIONS])
    if layout[COLUMN_TRANSITIONS] >= 0:
        _spread(words, _NEW_COLUMN_TRANSITIONS, 0, n, blocks, start + layout[COLUMN_TRANSITIONS])
    if layout[HOLE_DEPTH] >= 0:
        _spread(words, _NEW_DEPTH, 0, n, blocks, start + layout[HOLE_DEPTH])
    if layout[ROWS_WITH_HOLES] >= 0:
        _spread(words, _NEW_HOLE_ROWS, 0, n, blocks, start + layout[ROWS_WITH_HOLES])
    if layout[PATTERN_DIVERSITY] >= 0:
        _spread(words, _NEW_PATTERNS, 0, n, blocks, start + layout[PATTERN_DIVERSITY])
    if layout[WELLS] >= 0:
        _write_wells(words, _WELLS_LEFT, False, piece_width, rules.width, space)
        _spread(words, _NEW_WELLS, 0, n, blocks, start + layout[WELLS])
    if layout[FAST_WELLS] >= 0:
        _write_wells(words, _FAST_WELLS_LEFT, True, piece_width, rules.width, space)
        _spread(words, _NEW_WELLS, 0, n, blocks, start + layout[FAST_WELLS])


@kernel
def _write_wells(words, sums, fast, piece_width, width, space):  # type: ignore[no-untyped-def]
    """Wells of the window's changed columns and their neighbours; all others as they were."""
    lanes = words[_N_LANES]
    for x in range(lanes):
        column_0 = words[_COLUMNS - 1 + x]
        column_1 = words[_WINDOW + x]
        column_2 = words[_WINDOW + _LANES + x]
        column_3 = words[_WINDOW + 2 * _LANES + x]
        column_4 = words[_WINDOW + 3 * _LANES + x]
        column_5 = words[_COLUMNS + 4 + x]
        words[_CENTRES + x] = column_0
        words[_CENTRES + 5 * _LANES + x] = column_5
        words[_OPEN + x] = ~column_0 & words[_COLUMNS - 2 + x] & column_1
        words[_OPEN + _LANES + x] = ~column_1 & column_0 & column_2
        words[_OPEN + 2 * _LANES + x] = ~column_2 & column_1 & column_3
        words[_OPEN + 3 * _LANES + x] = ~column_3 & column_2 & column_4
        words[_OPEN + 4 * _LANES + x] = ~column_4 & column_3 & column_5
        words[_OPEN + 5 * _LANES + x] = ~column_5 & column_4 & words[_COLUMNS + 5 + x]
    _count_wells(words, (piece_width + 2) * _LANES, fast, space)
    for x in range((piece_width + 2) * _LANES, 6 * _LANES):
        words[_COUNTS + x] = 0
    total = words[sums + width]
    for x in range(lanes):
        count = words[_COUNTS + x] + words[_COUNTS + _LANES + x] + words[_COUNTS + 2 * _LANES + x]
        count += words[_COUNTS + 3 * _LANES + x] + words[_COUNTS + 4 * _LANES + x] + words[_COUNTS + 5 * _LANES + x]
        words[_NEW_WELLS + x] = total + count + words[sums - 1 + x] - words[sums + piece_width + 1 + x]


@kernel
def _write_cleared(columns, piece, k, surface, rules, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Everything about one board on which rows vanish, summed anew."""
    width = rules.width
    action = words[_CLEARED + 3 * k]
    bottom = words[_CLEARED + 3 * k + 1]
    full = words[_CLEARED + 3 * k + 2]
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = action >> 2
    board = words[_COLUMNS : _COLUMNS + width]
    eroded = 0
    for x in range(width):
        board[x] = columns[x]
    for i in range(PIECE_WIDTHS[piece, rotation]):
        bits = COLUMN_BITS[piece, rotation, i] << bottom
        board[left + i] |= bits
        eroded += popcount(bits & full)
    n_lines = remove_full_rows(board, width)
    max_height, n_holes, bumpiness = _summarise(words, width)
    start = rotation * layout[ROW_LENGTH]
    if layout[COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            blocks[left, start + x] = words[_HEIGHTS + x]
    if layout[MAX_HEIGHT] >= 0:
        blocks[left, start + layout[MAX_HEIGHT]] = max_height
    if layout[HOLES] >= 0:
        blocks[left, start + layout[HOLES]] = n_holes
    if layout[BUMPINESS] >= 0:
        blocks[left, start + layout[BUMPINESS]] = bumpiness
    if layout[LINES_CLEARED] >= 0:
        blocks[left, start + layout[LINES_CLEARED]] = n_lines
    if layout[ERODED_CELLS] >= 0:
        blocks[left, start + layout[ERODED_CELLS]] = n_lines * eroded
    if surface:
        row_transitions, column_transitions, depth = _summarise_surface(words, rules, layout)
        if layout[ROW_TRANSITIONS] >= 0:
            blocks[left, start + layout[ROW_TRANSITIONS]] = row_transitions
        if layout[COLUMN_TRANSITIONS] >= 0:
            blocks[left, start + layout[COLUMN_TRANSITIONS]] = column_transitions
        if layout[WELLS] >= 0:
            blocks[left, start + layout[WELLS]] = words[_WELLS_LEFT + width]
        if layout[FAST_WELLS] >= 0:
            blocks[left, start + layout[FAST_WELLS]] = words[_FAST_WELLS_LEFT + width]
        if layout[HOLE_DEPTH] >= 0:
            blocks[left, start + layout[HOLE_DEPTH]] = depth
        if layout[ROWS_WITH_HOLES] >= 0:
            blocks[left, start + layout[ROWS_WITH_HOLES]] = popcount(words[_HOLES_LEFT + width])
        if layout[PATTERN_DIVERSITY] >= 0:
            blocks[left, start + layout[PATTERN_DIVERSITY]] = popcount(words[_PATTERNS_LEFT + width] & _PATTERN_MASK)
