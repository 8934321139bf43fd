"""One key step of a game: the key, the piece's fall, its lock, and the points.

A game is a row as in ``games``, with more fields between the queue and the board: ``KEY_FIELDS`` from ``HELD`` on. The
current piece, first in the queue, is where its anchor is; see ``srs``. A step goes so: the key does what it does; if
the piece is still there, it falls as far as its level says; if it then has rested for long enough, it locks. A piece
that locks or is held gives way to the next, which spawns in the same step and falls from the next one on.
"""

from typing import Final

import numpy as np

from tetrarium.engine.afterstates import remove_full_rows
from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.game_rows import BAG, LINES, MAX_PREVIEW, N_PLACED, OVER, QUEUE, draw_piece
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.key_rules import GRAVITY, N_LEVELS, ROW, ROW_BITS, KeyParameters
from tetrarium.engine.keys import (
    BLOCKED,
    HARD_DROP,
    HOLD,
    MOVED,
    NOTHING,
    SOFT_DROP,
    fall_distance,
    press_key,
    spawn_position,
    spin_of,
)
from tetrarium.engine.pieces import COLUMN_BITS, N_ORIENTATIONS, N_PIECES, PIECE_HEIGHTS, PIECE_WIDTHS
from tetrarium.engine.scoring import HARD_DROP_POINTS, SOFT_DROP_POINTS, level_at, lock_points
from tetrarium.engine.srs import N_ROTATIONS, NO_SPIN, anchor_in_orientation

# Where each field of a game starts in its row, after those that ``games`` names.
(
    HELD,  # one more than the held piece, 0 without one
    HELD_ONCE,  # 1 if the current piece came by hold
    ROTATION,
    ANCHOR_X,
    ANCHOR_Y,
    OUTCOME,  # what the last key that did something did to the piece: MOVED, or the number of the kick
    FALLEN,  # how far it has fallen towards the next row, in parts of one
    RESTED,  # steps that it has rested without a move or a turn
    MOVES,  # moves and turns since it first came to rest where it is lowest; NOT_RESTED before
    LOWEST,  # the lowest row that it has filled
    SCORE,
    BACK_TO_BACK,  # 1 if the last placement that cleared was a Tetris or a T-spin
    COMBO,  # placements that cleared one after the other, up to the last one
    COLUMNS,  # the board, one word a column
) = range(QUEUE + 1 + MAX_PREVIEW, QUEUE + 1 + MAX_PREVIEW + 14)
NOT_RESTED: Final = -1

# What one step did to a game, before it was started anew.
(
    PLAYED,  # the key that counted
    STEP_LINES,
    NEW_HOLES,
    ADDED_HEIGHT,
    STEP_OVER,
    STEP_CUT,
    LOCKED,  # one more than the piece that locked, 0 if none did
    LOCK_ROTATION,  # orientation, as in ``pieces``
    LOCK_COLUMN,  # of its leftmost cell
    LOCK_ROW,  # of its lowest cell
    LOCK_SPIN,  # index into ``srs.SPINS``
    LOCK_POINTS,  # for the lock alone, without drops
    N_STEP_FIELDS,
) = range(13)

_CORNERS: Final = np.array(  # (7, 4, 2) from the leftmost column and the lowest row to the anchor
    [[anchor_in_orientation(piece, rotation) for rotation in range(N_ROTATIONS)] for piece in range(N_PIECES)],
    dtype=np.int64,
)


@small_kernel
def read_parameters(numbers):  # type: ignore[no-untyped-def]
    """The rules, out of the array in which a kernel gets them."""
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
def spawn(games, index, rules):  # type: ignore[no-untyped-def]
    """Puts the current piece where it begins; a cell that is taken there ends the game."""
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    is_free, x, y = spawn_position(columns, rules.n_rows, games[index, QUEUE], rules.height)
    games[index, ROTATION] = 0
    games[index, ANCHOR_X] = x
    games[index, ANCHOR_Y] = y
    games[index, OUTCOME] = MOVED
    games[index, FALLEN] = 0
    games[index, RESTED] = 0
    games[index, MOVES] = NOT_RESTED
    games[index, LOWEST] = y - _CORNERS[games[index, QUEUE], 0, 1]
    if not is_free:
        games[index, OVER] = 1


@small_kernel
def _next_piece(games, index, script, rules):  # type: ignore[no-untyped-def]
    for k in range(rules.preview):
        games[index, QUEUE + k] = games[index, QUEUE + k + 1]
    games[index, QUEUE + rules.preview] = draw_piece(games, index, script, rules)


@kernel
def start_key_game(games, index, script, rules):  # type: ignore[no-untyped-def]
    """Empties the board, draws a new queue and lets the first piece spawn; the stream goes on where it is."""
    games[index, BAG:] = 0
    for k in range(1 + rules.preview):
        games[index, QUEUE + k] = draw_piece(games, index, script, rules)
    spawn(games, index, rules)


@small_kernel
def _shape(columns):  # type: ignore[no-untyped-def]
    """Holes and height of a board, and the rows that are full."""
    n_holes, filled, full = 0, 0, -1
    for x in range(columns.shape[0]):
        n_holes += bit_length(columns[x]) - popcount(columns[x])
        filled |= columns[x]
        full &= columns[x]
    return n_holes, bit_length(filled), full


@kernel
def _lock(games, index, script, rules, done):  # type: ignore[no-untyped-def]
    """Locks the current piece where it is, clears rows, scores, and lets the next piece spawn."""
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    piece, rotation = games[index, QUEUE], games[index, ROTATION]
    x, y = games[index, ANCHOR_X], games[index, ANCHOR_Y]
    left, bottom = x - _CORNERS[piece, rotation, 0], y - _CORNERS[piece, rotation, 1]
    top = bottom + PIECE_HEIGHTS[piece, rotation]
    spin = spin_of(columns, piece, rotation, x, y, games[index, OUTCOME])
    holes_t, height_t, _ = _shape(columns)
    for i in range(PIECE_WIDTHS[piece, rotation]):
        columns[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom
    holes_tp1, height_tp1, full = _shape(columns)
    games[index, N_PLACED] += 1
    n_lines, points = 0, 0
    if (bottom if rules.guideline else top - 1) >= rules.height:
        games[index, OVER] = 1
        spin = NO_SPIN
    else:
        level = rules.first_level - 1 + level_at(games[index, LINES])
        if full != 0:
            n_lines = remove_full_rows(columns, rules.width)
            holes_tp1, height_tp1, _ = _shape(columns)
            games[index, LINES] += n_lines
        points, games[index, BACK_TO_BACK], games[index, COMBO] = lock_points(
            n_lines, spin, level, games[index, BACK_TO_BACK], games[index, COMBO], height_tp1 == 0
        )
        games[index, SCORE] += points
        _next_piece(games, index, script, rules)
        games[index, HELD_ONCE] = 0
        spawn(games, index, rules)
    done[index, STEP_LINES] = n_lines
    done[index, NEW_HOLES] = holes_tp1 - holes_t
    done[index, ADDED_HEIGHT] = height_tp1 - height_t
    done[index, LOCKED] = piece + 1
    done[index, LOCK_ROTATION] = rotation % N_ORIENTATIONS[piece]
    done[index, LOCK_COLUMN] = left
    done[index, LOCK_ROW] = bottom
    done[index, LOCK_SPIN] = spin
    done[index, LOCK_POINTS] = points


@small_kernel
def _hold(games, index, script, rules):  # type: ignore[no-untyped-def]
    held, piece = games[index, HELD], games[index, QUEUE]
    games[index, HELD] = piece + 1
    games[index, HELD_ONCE] = 1
    if held == 0:
        _next_piece(games, index, script, rules)
    else:
        games[index, QUEUE] = held - 1
    spawn(games, index, rules)


@small_kernel
def _fall(games, index, rotation, x, y, is_shifted, parameters, rules):  # type: ignore[no-untyped-def]
    """Lets a piece fall, after a move or a turn if a key has shifted it; returns its row and whether it locks."""
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    piece = games[index, QUEUE]
    room = fall_distance(columns, piece, rotation, x, y)
    level = rules.first_level - 1 + level_at(games[index, LINES])
    fallen = games[index, FALLEN] + parameters[GRAVITY + min(level, N_LEVELS) - 1]
    rows = min(fallen >> ROW_BITS, room)
    if rows > 0:
        y -= rows
        games[index, OUTCOME] = MOVED
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
def press(games, index, key, script, parameters, rules, done):  # type: ignore[no-untyped-def]
    """Plays one key step; a hold that is not allowed is no key. ``done`` is written but for the end of the game."""
    for k in range(N_STEP_FIELDS):
        done[index, k] = 0
    if key == HOLD and (games[index, HELD_ONCE] or not rules.hold):
        key = NOTHING
    done[index, PLAYED] = key
    if key == HOLD:
        _hold(games, index, script, rules)
        return
    columns = games[index, COLUMNS : COLUMNS + rules.width]
    piece = games[index, QUEUE]
    rotation, x, y = games[index, ROTATION], games[index, ANCHOR_X], games[index, ANCHOR_Y]
    locks = key == HARD_DROP
    if locks:
        distance = fall_distance(columns, piece, rotation, x, y)
        y -= distance
        games[index, SCORE] += HARD_DROP_POINTS * distance
        if distance > 0:
            games[index, OUTCOME] = MOVED
    else:
        rotation, x, y, outcome = press_key(columns, rules.n_rows, piece, rotation, x, y, key)
        if outcome != BLOCKED:
            games[index, OUTCOME] = outcome
        if key == SOFT_DROP and outcome != BLOCKED:
            games[index, SCORE] += SOFT_DROP_POINTS
            games[index, FALLEN] = 0
        if rules.falls:
            is_shifted = outcome != BLOCKED and key != SOFT_DROP
            y, locks = _fall(games, index, rotation, x, y, is_shifted, parameters, rules)
    games[index, ROTATION] = rotation
    games[index, ANCHOR_X] = x
    games[index, ANCHOR_Y] = y
    if locks:
        _lock(games, index, script, rules, done)
