"""Placements that a piece can reach: straight drops under the spawn rules, and lock positions as actions.

A game is lost by *lock out*, when all cells of a piece lock above the visible rows, and by *block out*, when the spawn
cells of the next piece are occupied. A piece cannot move or rotate to cells above the hidden rows.
Source: https://tetris.wiki/Top_out.

A straight drop is one hard drop after moves and rotations in the rows where the piece spawns, without a soft drop.
While the stack is low, all of them are possible; near the top they are found by a search over ``keys``.

Where actions are lock positions, action k is the k-th of them, in the order of ``lock_positions``. One that is open
from above leaves the board of a straight drop, and the feature rows of all straight drops are computed together; those
of the others, tucks and spins, one by one.

Arguments are named as in ``game_kernels``; ``columns`` is a board, ``(width,) int64``, and ``words`` working memory,
``(N_SPAWN_WORDS,) int64`` for drops and ``(N_PLACEMENT_WORDS,) int64`` for lock positions.
"""

from typing import Final

import numpy as np

from tetrarium.engine.afterstates import feature_rows
from tetrarium.engine.boards import add_piece, landing_row, remove_full_rows, stack_height
from tetrarium.engine.compiling import inlined_kernel, kernel, small_kernel
from tetrarium.engine.features import ROW_LENGTH
from tetrarium.engine.movegen import lock_positions
from tetrarium.engine.movegen.keys import BLOCKED, LEFT, ROTATE_COUNTER_CLOCKWISE, press_key, spawn_position
from tetrarium.engine.movegen.lock_positions import list_placements, write_locks
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, N_PIECES
from tetrarium.engine.rules import N_PLACEMENT_ACTIONS
from tetrarium.engine.simd.board_vectors import N_LANES
from tetrarium.engine.srs import ANCHORED_CELLS, N_ROTATIONS, open_rows

_SEEN: Final = 0  # for each rotation and column, bit set of the rows that the search has reached
_QUEUE: Final = _SEEN + N_ROTATIONS * N_LANES  # positions in the order in which the search reached them
_BOARD: Final = _QUEUE + N_ROTATIONS * N_LANES * 64
N_SPAWN_WORDS: Final = _BOARD + N_LANES  # length of ``words``, the working memory of these kernels

# (7, 4) offsets from a rotation's anchor to its leftmost column and to its lowest row.
_LEFTS: Final = np.array([[min(x for x, _ in cells) for cells in ANCHORED_CELLS[p]] for p in range(N_PIECES)])
_LOWS: Final = np.array([[min(y for _, y in cells) for cells in ANCHORED_CELLS[p]] for p in range(N_PIECES)])
OPEN_ROWS: Final = np.array([open_rows(spawn_row) for spawn_row in range(41)])  # by number of visible rows


@kernel
def is_blocked(columns, piece, rules):
    """Returns whether a spawn cell of a piece is occupied."""
    is_free, _, _ = spawn_position(columns, rules.n_rows, piece, rules.height)
    return not is_free


@kernel
def is_tall(columns, rules):
    """Returns whether the stack is so high that some straight drop may be impossible or a placement may lose."""
    return stack_height(columns, rules.width) > OPEN_ROWS[rules.height]


@kernel
def blocks_out(columns, piece, rotation, left, bottom, next_piece, rules, words):
    """Returns whether the next piece, if visible, is blocked after a placement that does not lose by itself."""
    if next_piece < 0 or bottom > feature_rows.highest_rest(piece, rotation, rules):
        return False
    board = words[_BOARD : _BOARD + rules.width]
    for x in range(rules.width):
        board[x] = columns[x]
    add_piece(board, piece, rotation, left, bottom)
    remove_full_rows(board, rules.width)
    return is_blocked(board, next_piece, rules)


@kernel
def find_drops(columns, piece, rules, words, flags):
    """Writes to ``flags (4 * width,) int64`` 1 for each possible straight drop of a piece, else 0."""
    if not is_tall(columns, rules):
        feature_rows.write_mask(piece, rules.width, flags)
        return
    flags[:] = 0
    is_free, x, y = spawn_position(columns, rules.n_rows, piece, rules.height)
    if not is_free:
        return
    for i in range(N_ROTATIONS * N_LANES):
        words[_SEEN + i] = 0
    words[_SEEN + x] = 1 << y
    words[_QUEUE] = x * 64 + y
    n_seen = 1
    n_expanded = 0
    while n_expanded < n_seen:
        position = words[_QUEUE + n_expanded]
        n_expanded += 1
        rotation, x, y = position // (64 * N_LANES), position // 64 % N_LANES, position % 64
        orientation = rotation % N_ORIENTATIONS[piece]
        left = x + _LEFTS[piece, rotation]
        if y + _LOWS[piece, rotation] >= landing_row(columns, piece, orientation, left):
            flags[MAX_ORIENTATIONS * left + orientation] = 1
        for key in range(LEFT, ROTATE_COUNTER_CLOCKWISE + 1):
            to_rotation, to_x, to_y, outcome = press_key(columns, rules.n_rows, piece, rotation, x, y, key)
            seen = words[_SEEN + to_rotation * N_LANES + to_x]
            if outcome != BLOCKED and not seen >> to_y & 1:
                words[_SEEN + to_rotation * N_LANES + to_x] = seen | 1 << to_y
                words[_QUEUE + n_seen] = (to_rotation * N_LANES + to_x) * 64 + to_y
                n_seen += 1


_LOCK_WORDS: Final = 0
# Per action four words: rotation, left column, row of the lowest cell, spin.
_PLACEMENTS: Final = _LOCK_WORDS + lock_positions.N_WORDS
_DROPS: Final = _PLACEMENTS + 4 * N_PLACEMENT_ACTIONS  # feature rows of straight drops, as float32
N_PLACEMENT_WORDS: Final = _DROPS + MAX_ORIENTATIONS * N_LANES * feature_rows.MAX_ROW_LENGTH // 2


@kernel
def list_placement_actions(columns, piece, rules, words):
    """Lists the lock positions of a piece in ``words``, up to ``N_PLACEMENT_ACTIONS``, and returns their number."""
    write_locks(columns, piece, rules.n_rows, rules.height, OPEN_ROWS[rules.height], words)
    placements = words[_PLACEMENTS:_DROPS].reshape((N_PLACEMENT_ACTIONS, 4))
    return list_placements(piece, rules.width, words, placements)


@small_kernel
def read_placement_action(words, action):
    """Returns the placement of one action: rotation, left column, row of the lowest cell, spin."""
    start = _PLACEMENTS + 4 * action
    return words[start], words[start + 1], words[start + 2], words[start + 3]


@inlined_kernel
def write_placement_rows(columns, queue, n_actions, rules, layout, scratch, words, rows):
    """Writes the feature rows of the listed placement actions, and -1 in the rows after them.

    Args:
        columns: ``(width,) int64``.
        queue: ``(1 + preview,) int64``, the piece to be placed and those that follow, as for ``write_rows``.
        n_actions: Number of legal actions.
        rules: ``CompiledRules``.
        layout: Features and their places in a row.
        scratch: Working memory of ``write_rows``.
        words: Output of ``list_placement_actions``.
        rows: ``(N_PLACEMENT_ACTIONS, row length) float32``, written.
    """
    length = layout[ROW_LENGTH]
    piece = queue[0]
    drops = words[_DROPS:N_PLACEMENT_WORDS].view(np.float32)
    feature_rows.write_rows(columns, queue, rules, layout, scratch, drops)
    for action in range(n_actions):
        rotation, left, bottom, spin = read_placement_action(words, action)
        drop = MAX_ORIENTATIONS * left + rotation
        if bottom == landing_row(columns, piece, rotation, left):
            for k in range(length):
                rows[action, k] = drops[drop * length + k]
        elif spin > 0 and action > 0 and read_placement_action(words, action - 1)[:3] == (rotation, left, bottom):
            for k in range(length):
                rows[action, k] = rows[action - 1, k]
        else:
            feature_rows.write_rest(columns, queue, drop, bottom, rules, layout, scratch, rows[action])
    rows[n_actions:] = feature_rows.ILLEGAL
