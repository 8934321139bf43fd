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

from tetrarium.engine import scratch as at
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
from tetrarium.engine.jit import kernel
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
from tetrarium.engine.scratch import Scratch, make_scratch
from tetrarium.engine.surfaces import spread, summarise_surface, write_surface

__all__ = ["ILLEGAL", "Scratch", "landing_row", "make_scratch", "remove_full_rows", "write_mask", "write_rows"]

ILLEGAL: Final = -1.0  # every number in the row of an action that the piece does not have


@kernel
def _summarise(words, width):  # type: ignore[no-untyped-def]
    """Fills the sections that outlines take from the board; returns (highest column, holes, bumpiness)."""
    lanes = words[at.N_LANES]
    max_height = 0
    n_cells = 0
    sum_heights = 0
    bumpiness = 0
    for x in range(lanes):
        column = words[at.COLUMNS + x] & words[at.IN_BOARD + x]
        height = bit_length(column)
        words[at.HEIGHTS + x] = height
        n_cells += popcount(column)
        sum_heights += height
        max_height = max(max_height, height)
    for x in range(lanes):
        step = abs(words[at.HEIGHTS + x] - words[at.HEIGHTS - 1 + x]) & words[at.IN_GAP + x]
        words[at.STEPS + x] = step
        bumpiness += step
    filled = -1
    for x in range(width):
        words[at.FULL_LEFT + x] = filled
        filled &= words[at.COLUMNS + x]
    filled = -1
    for x in range(width + N_CELLS, width - 1, -1):
        words[at.FULL_RIGHT + x] = -1
    for x in range(width - 1, -1, -1):
        filled &= words[at.COLUMNS + x]
        words[at.FULL_RIGHT + x] = filled
    return max_height, sum_heights - n_cells, bumpiness


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
    for rotation in range(MAX_ORIENTATIONS):
        n = width - PIECE_WIDTHS[piece, rotation] + 1 if rotation < N_ORIENTATIONS[piece] else 0
        for left in range(width):
            mask[MAX_ORIENTATIONS * left + rotation] = left < n


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
        scratch[at.COLUMNS + x] = columns[x]
    outline = _summarise(scratch, rules.width)
    totals = (0, 0, 0)
    if surface:
        totals = summarise_surface(scratch, rules, layout)
    _write_unchanged(queue, rules.width, layout, scratch, blocks)
    n_cleared = 0
    for rotation in range(N_ORIENTATIONS[piece]):
        n_cleared = _write_outline(piece, rotation, outline, n_cleared, rules, layout, scratch, blocks)
        if surface:
            write_surface(piece, rotation, totals, rules, layout, scratch, blocks)
    for k in range(n_cleared):
        _write_cleared(columns, piece, k, surface, rules, layout, scratch, blocks)


@kernel
def _write_unchanged(queue, width, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Writes what no placement changes, zeros, and the rows of actions that the piece does not have."""
    length = layout[ROW_LENGTH]
    piece = queue[0]
    for k in range(length):
        words[at.TILE + k] = 0
    if layout[COLUMN_HEIGHTS] >= 0:
        for x in range(width):
            words[at.TILE + x] = words[at.HEIGHTS + x]
    if layout[NEXT_PIECES] >= 0:
        for k in range(1, queue.shape[0]):
            words[at.TILE + layout[NEXT_PIECES] + (k - 1) * N_PIECES + queue[k]] = 1
    if layout[HELD_PIECE] >= 0:
        words[at.TILE + layout[HELD_PIECE]] = 1
    for rotation in range(1, MAX_ORIENTATIONS):
        for k in range(length):
            words[at.TILE + rotation * length + k] = words[at.TILE + k] if rotation < N_ORIENTATIONS[piece] else -1
    for left in range(width):
        if left > width - N_CELLS:
            for rotation in range(N_ORIENTATIONS[piece]):
                if left + PIECE_WIDTHS[piece, rotation] == width + 1:
                    for k in range(length):
                        words[at.TILE + rotation * length + k] = -1
        for k in range(MAX_ORIENTATIONS * length):
            blocks[left, k] = words[at.TILE + k]


@kernel
def _write_outline(piece, rotation, outline, n_cleared, rules, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Lands one rotation in every column, and writes what heights alone tell.

    Placements that fill rows are noted under ``at.CLEARED``; returns how many are noted by now.
    """
    lanes = words[at.N_LEFTS]
    max_height_t, n_holes_t, bumpiness_t = outline
    piece_height = PIECE_HEIGHTS[piece, rotation]
    bottoms, tops, bits = (
        at.PIECE_BOTTOMS[piece, rotation],
        at.PIECE_TOPS[piece, rotation],
        COLUMN_BITS[piece, rotation],
    )
    bottom_0, bottom_1, bottom_2, bottom_3 = bottoms[0], bottoms[1], bottoms[2], bottoms[3]
    top_0, top_1, top_2, top_3 = tops[0], tops[1], tops[2], tops[3]
    bits_0, bits_1, bits_2, bits_3 = bits[0], bits[1], bits[2], bits[3]
    height = rules.height
    some_full = 0
    for x in range(lanes):
        height_0 = words[at.HEIGHTS + x]
        height_1 = words[at.HEIGHTS + 1 + x]
        height_2 = words[at.HEIGHTS + 2 + x]
        height_3 = words[at.HEIGHTS + 3 + x]
        bottom = max(0, height_0 - bottom_0, height_1 - bottom_1, height_2 - bottom_2, height_3 - bottom_3)
        words[at.LANDING + x] = bottom
        column_0 = words[at.COLUMNS + x] | (bits_0 << bottom)
        column_1 = words[at.COLUMNS + 1 + x] | (bits_1 << bottom)
        column_2 = words[at.COLUMNS + 2 + x] | (bits_2 << bottom)
        column_3 = words[at.COLUMNS + 3 + x] | (bits_3 << bottom)
        words[at.WINDOW + x] = column_0
        words[at.WINDOW + at.LANES + x] = column_1
        words[at.WINDOW + 2 * at.LANES + x] = column_2
        words[at.WINDOW + 3 * at.LANES + x] = column_3
        full = words[at.FULL_LEFT + x] & column_0 & column_1 & column_2 & column_3 & words[at.FULL_RIGHT + 4 + x]
        full = 0 if bottom + piece_height > height else full
        words[at.FULL + x] = full
        some_full |= full
        words[at.NEW_MAX + x] = max(max_height_t, bottom + piece_height)
        new_0 = max(height_0, bottom + top_0)
        new_1 = max(height_1, bottom + top_1)
        new_2 = max(height_2, bottom + top_2)
        new_3 = max(height_3, bottom + top_3)
        risen = (new_0 + new_1 + new_2 + new_3) - (height_0 + height_1 + height_2 + height_3)
        words[at.NEW_HOLES + x] = n_holes_t + risen - N_CELLS
        bumps = abs(new_0 - words[at.HEIGHTS - 1 + x]) & words[at.IN_GAP + x]
        bumps += abs(new_1 - new_0) & words[at.IN_GAP + 1 + x]
        bumps += abs(new_2 - new_1) & words[at.IN_GAP + 2 + x]
        bumps += abs(new_3 - new_2) & words[at.IN_GAP + 3 + x]
        bumps += abs(words[at.HEIGHTS + 4 + x] - new_3) & words[at.IN_GAP + 4 + x]
        bumps -= words[at.STEPS + x] + words[at.STEPS + 1 + x] + words[at.STEPS + 2 + x]
        words[at.NEW_BUMPS + x] = bumpiness_t + bumps - words[at.STEPS + 3 + x] - words[at.STEPS + 4 + x]
    piece_width = PIECE_WIDTHS[piece, rotation]
    n = rules.width - piece_width + 1
    length = layout[ROW_LENGTH]
    start = rotation * length
    if layout[COLUMN_HEIGHTS] >= 0:
        for i in range(piece_width):
            top = TOPS[piece, rotation, i]
            for left in range(n):
                blocks[left, start + i + left] = words[at.LANDING + left] + top
    if layout[MAX_HEIGHT] >= 0:
        spread(words, at.NEW_MAX, 0, n, blocks, start + layout[MAX_HEIGHT])
    if layout[HOLES] >= 0:
        spread(words, at.NEW_HOLES, 0, n, blocks, start + layout[HOLES])
    if layout[BUMPINESS] >= 0:
        spread(words, at.NEW_BUMPS, 0, n, blocks, start + layout[BUMPINESS])
    if layout[LANDING_HEIGHT] >= 0:
        for left in range(n):
            blocks[left, start + layout[LANDING_HEIGHT]] = words[at.LANDING + left] + 0.5 * (piece_height - 1)
    if layout[GAME_OVER] >= 0 and max_height_t + N_CELLS > height:
        for left in range(n):
            over = words[at.LANDING + left] + piece_height > height
            blocks[left, start + layout[GAME_OVER]] = 1.0 if over else 0.0
    if some_full != 0:
        for left in range(n):
            if words[at.FULL + left] != 0:
                words[at.CLEARED + 3 * n_cleared] = MAX_ORIENTATIONS * left + rotation
                words[at.CLEARED + 3 * n_cleared + 1] = words[at.LANDING + left]
                words[at.CLEARED + 3 * n_cleared + 2] = words[at.FULL + left]
                n_cleared += 1
    return n_cleared


@kernel
def _write_cleared(columns, piece, k, surface, rules, layout, words, blocks):  # type: ignore[no-untyped-def]
    """Everything about one board on which rows vanish, summed anew."""
    width = rules.width
    action = words[at.CLEARED + 3 * k]
    bottom = words[at.CLEARED + 3 * k + 1]
    full = words[at.CLEARED + 3 * k + 2]
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = action >> 2
    board = words[at.COLUMNS : at.COLUMNS + width]
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
            blocks[left, start + x] = words[at.HEIGHTS + x]
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
        row_transitions, column_transitions, depth = summarise_surface(words, rules, layout)
        if layout[ROW_TRANSITIONS] >= 0:
            blocks[left, start + layout[ROW_TRANSITIONS]] = row_transitions
        if layout[COLUMN_TRANSITIONS] >= 0:
            blocks[left, start + layout[COLUMN_TRANSITIONS]] = column_transitions
        if layout[WELLS] >= 0:
            blocks[left, start + layout[WELLS]] = words[at.WELLS_LEFT + width]
        if layout[FAST_WELLS] >= 0:
            blocks[left, start + layout[FAST_WELLS]] = words[at.FAST_WELLS_LEFT + width]
        if layout[HOLE_DEPTH] >= 0:
            blocks[left, start + layout[HOLE_DEPTH]] = depth
        if layout[ROWS_WITH_HOLES] >= 0:
            blocks[left, start + layout[ROWS_WITH_HOLES]] = popcount(words[at.HOLES_LEFT + width])
        if layout[PATTERN_DIVERSITY] >= 0:
            blocks[left, start + layout[PATTERN_DIVERSITY]] = popcount(
                words[at.PATTERNS_LEFT + width] & at.PATTERN_MASK
            )
