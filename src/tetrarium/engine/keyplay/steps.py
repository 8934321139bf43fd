"""Kernels of one key step of a game: the key, the fall of the piece, its lock, and the points.

A game is a row of integers that begins as in ``state_layout``, with more fields from ``HELD`` on. The position of the
current piece, the first of the queue, is that of its anchor; see ``srs``. In a step the key is applied; the piece, if
it has not locked or been held, falls as far as its level demands; and it locks if it has then rested for long enough.
The next piece spawns in the same step and falls from the next step on.

In all kernels ``games`` is ``(n, COLUMNS + width) int64``, ``index`` the row of one game, ``rules`` its
``KeyParameters``, ``parameters`` the array ``KeyRules.parameters``, ``script`` the array ``Rules.script``, and
``step_record`` ``(n, N_STEP_FIELDS) int64``.
"""

from typing import Final

import numpy as np

from tetrarium.engine.batches import ADDED_HEIGHT, EXECUTED_ACTION, NEW_HOLES, STEP_LINES, STEP_TRUNCATED
from tetrarium.engine.boards import add_piece, holes_and_height, remove_full_rows
from tetrarium.engine.compiling import kernel, small_kernel
from tetrarium.engine.keyplay.rules import GRAVITY, N_LEVELS, ROW, ROW_BITS, KeyParameters
from tetrarium.engine.movegen import keys
from tetrarium.engine.pieces import N_ORIENTATIONS, N_PIECES, PIECE_HEIGHTS
from tetrarium.engine.scoring import HARD_DROP_POINTS, SOFT_DROP_POINTS, level_at, lock_points
from tetrarium.engine.srs import N_ROTATIONS, NO_SPIN, anchor_in_orientation
from tetrarium.engine.state_layout import LINES, MAX_PREVIEW, N_PLACED, QUEUE, TERMINATED, advance_queue, start_game

# Index of each field in the row of a game, after those in ``state_layout`` up to the queue.
(
    HELD,  # one more than the held piece, 0 without one
    HOLD_USED,  # 1 if the current piece came into play by hold
    ROTATION,
    ANCHOR_X,
    ANCHOR_Y,
    OUTCOME,  # of the last key that had an effect: MOVED, or the number of the kick
    FALLEN,  # part of the next row that the piece has fallen, in units of 1 / ROW
    RESTED,  # steps that it has rested without a move or a rotation
    MOVES,  # moves and rotations since it first rested on its lowest row; NOT_RESTED before
    LOWEST,  # lowest row that it has filled
    SCORE,
    BACK_TO_BACK,  # 1 if the latest line clear was a Tetris or a T-spin
    COMBO,  # number of consecutive placements that cleared lines, up to the latest one
    COLUMNS,  # the board, one word per column
) = range(QUEUE + 1 + MAX_PREVIEW, QUEUE + 1 + MAX_PREVIEW + 14)
NOT_RESTED: Final = -1

# Fields of the step record after those that all games have.
(
    LOCKED,  # one more than the piece that locked, 0 without one
    LOCK_ROTATION,  # orientation, as in ``pieces``
    LOCK_COLUMN,  # of its leftmost cell
    LOCK_ROW,  # of its lowest cell
    LOCK_SPIN,  # index into ``srs.SPINS``
    LOCK_POINTS,  # points of the lock, without those of drops
    N_STEP_FIELDS,
) = range(STEP_TRUNCATED + 1, STEP_TRUNCATED + 8)

_CORNERS: Final = np.array(  # (7, 4, 2) offset from the leftmost column and the lowest row to the anchor
    [[anchor_in_orientation(piece, rotation) for rotation in range(N_ROTATIONS)] for piece in range(N_PIECES)],
    dtype=np.int64,
)


@small_kernel
def read_parameters(numbers):
    """Returns the rules as a tuple, from the array in which a kernel receives them."""
    return KeyParameters(
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6],
        numbers[7],
        numbers[8],
        numbers[9],
        numbers[10],
    )


@kernel
def spawn(games, index, rules):
    """Moves the current piece to its spawn position; an occupied cell there ends the game."""
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    is_free, x, y = keys.spawn_position(columns, rules.n_rows, games[index, QUEUE], rules.height)
    games[index, ROTATION] = 0
    games[index, ANCHOR_X] = x
    games[index, ANCHOR_Y] = y
    games[index, OUTCOME] = keys.MOVED
    games[index, FALLEN] = 0
    games[index, RESTED] = 0
    games[index, MOVES] = NOT_RESTED
    games[index, LOWEST] = y - _CORNERS[games[index, QUEUE], 0, 1]
    if not is_free:
        games[index, TERMINATED] = 1


@kernel
def start_key_game(games, index, script, rules):
    """Empties the board, draws a new queue and spawns the first piece; the stream continues."""
    start_game(games, index, script, rules)
    spawn(games, index, rules)


@kernel
def _lock(games, index, script, rules, step_record):
    """Locks the current piece, clears lines, scores, and spawns the next piece."""
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    piece, rotation = games[index, QUEUE], games[index, ROTATION]
    x, y = games[index, ANCHOR_X], games[index, ANCHOR_Y]
    left, bottom = x - _CORNERS[piece, rotation, 0], y - _CORNERS[piece, rotation, 1]
    top = bottom + PIECE_HEIGHTS[piece, rotation]
    spin = keys.classify_spin(columns, piece, rotation, x, y, games[index, OUTCOME])
    n_holes_t, height_t = holes_and_height(columns, rules.width)
    add_piece(columns, piece, rotation, left, bottom)
    games[index, N_PLACED] += 1
    has_ended = (bottom if rules.guideline else top - 1) >= rules.height
    n_lines = 0 if has_ended else remove_full_rows(columns, rules.width)
    n_holes_tp1, height_tp1 = holes_and_height(columns, rules.width)
    points = 0
    if has_ended:
        games[index, TERMINATED] = 1
        spin = NO_SPIN
    else:
        level = rules.first_level - 1 + level_at(games[index, LINES])
        games[index, LINES] += n_lines
        points, games[index, BACK_TO_BACK], games[index, COMBO] = lock_points(
            n_lines, spin, level, games[index, BACK_TO_BACK], games[index, COMBO], height_tp1 == 0
        )
        games[index, SCORE] += points
        advance_queue(games, index, script, rules)
        games[index, HOLD_USED] = 0
        spawn(games, index, rules)
    step_record[index, STEP_LINES] = n_lines
    step_record[index, NEW_HOLES] = n_holes_tp1 - n_holes_t
    step_record[index, ADDED_HEIGHT] = height_tp1 - height_t
    step_record[index, LOCKED] = piece + 1
    step_record[index, LOCK_ROTATION] = rotation % N_ORIENTATIONS[piece]
    step_record[index, LOCK_COLUMN] = left
    step_record[index, LOCK_ROW] = bottom
    step_record[index, LOCK_SPIN] = spin
    step_record[index, LOCK_POINTS] = points


@small_kernel
def _hold(games, index, script, rules):
    held, piece = games[index, HELD], games[index, QUEUE]
    games[index, HELD] = piece + 1
    games[index, HOLD_USED] = 1
    if held == 0:
        advance_queue(games, index, script, rules)
    else:
        games[index, QUEUE] = held - 1
    spawn(games, index, rules)


@small_kernel
def _fall(games, index, rotation, x, y, is_shifted, parameters, rules):
    """Applies gravity to a piece, which a key has shifted or not; returns its row and whether it locks."""
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    piece = games[index, QUEUE]
    room = keys.fall_distance(columns, piece, rotation, x, y)
    level = rules.first_level - 1 + level_at(games[index, LINES])
    fallen = games[index, FALLEN] + parameters[GRAVITY + min(level, N_LEVELS) - 1]
    rows = min(fallen >> ROW_BITS, room)
    if rows > 0:
        y -= rows
        games[index, OUTCOME] = keys.MOVED
    rests = rows == room
    games[index, FALLEN] = 0 if rests else fallen & (ROW - 1)
    bottom = y - _CORNERS[piece, rotation, 1]
    moves, rested = games[index, MOVES], games[index, RESTED]
    if bottom < games[index, LOWEST]:
        games[index, LOWEST] = bottom
        moves, rested = NOT_RESTED, 0
    elif is_shifted and moves != NOT_RESTED:
        moves += 1
        rested = 0
    else:
        rested += rests and moves != NOT_RESTED
    if rests and moves == NOT_RESTED:
        moves = 0
    games[index, MOVES] = moves
    games[index, RESTED] = rested
    return y, rests and (rested >= rules.lock_steps or moves >= rules.lock_moves)


@small_kernel
def press(games, index, key, script, parameters, rules, step_record):
    """Plays one key step; a hold that is not allowed counts as no key. Writes all of ``step_record`` but its flags."""
    for k in range(N_STEP_FIELDS):
        step_record[index, k] = 0
    if key == keys.HOLD and (games[index, HOLD_USED] or not rules.hold):
        key = keys.NOTHING
    step_record[index, EXECUTED_ACTION] = key
    if key == keys.HOLD:
        _hold(games, index, script, rules)
        return
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    piece = games[index, QUEUE]
    rotation, x, y = games[index, ROTATION], games[index, ANCHOR_X], games[index, ANCHOR_Y]
    locks = key == keys.HARD_DROP
    if locks:
        distance = keys.fall_distance(columns, piece, rotation, x, y)
        y -= distance
        games[index, SCORE] += HARD_DROP_POINTS * distance
        if distance > 0:
            games[index, OUTCOME] = keys.MOVED
    else:
        rotation, x, y, outcome = keys.press_key(columns, rules.n_rows, piece, rotation, x, y, key)
        if outcome != keys.BLOCKED:
            games[index, OUTCOME] = outcome
        if key == keys.SOFT_DROP and outcome != keys.BLOCKED:
            games[index, SCORE] += SOFT_DROP_POINTS
            games[index, FALLEN] = 0
        if rules.falls:
            is_shifted = outcome != keys.BLOCKED and key != keys.SOFT_DROP
            y, locks = _fall(games, index, rotation, x, y, is_shifted, parameters, rules)
    games[index, ROTATION] = rotation
    games[index, ANCHOR_X] = x
    games[index, ANCHOR_Y] = y
    if locks:
        _lock(games, index, script, rules, step_record)
