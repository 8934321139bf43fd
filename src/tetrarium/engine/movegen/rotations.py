"""Positions where a piece fits, moves, rotations and falls, for all positions on a board at once.

Positions are ``Lanes``, one bit per anchor (``srs``), of a piece in one rotation. A move shifts them and keeps those
that fit. A rotation shifts them by its first kick and keeps those that fit, shifts the others by its second kick, and
so on.

A board is the lanes of its free cells. All cells above the ceiling are free, and none outside the walls and the floor.
"""

from functools import reduce
from typing import Any

import numpy as np
from numba import types

from tetrarium.engine.compiling import small_kernel
from tetrarium.engine.simd.board_vectors import LanesType, emit_shift_cells, lowering, shift_cells
from tetrarium.engine.srs import ANCHORED_CELLS, KICKS


def blocked_positions(free: Any, n_columns: int, n_rows: int) -> Any:
    """Returns the positions from which the cell at this offset is occupied; walls and floor are occupied."""
    signed = np.dtype(f"i{free.dtype.itemsize}")
    there = shift_cells(free, -n_columns, max(0, -n_rows))
    return ~(there.view(signed) >> max(0, n_rows)).view(free.dtype)


@lowering(blocked_positions, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_where_blocked(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, n_columns, n_rows = signature.args
    there = emit_shift_cells(builder, values[0], -n_columns.literal_value, -n_rows.literal_value, shift_down="ashr")
    return builder.not_(there)


def fit_positions(free: Any, piece: int, rotation: int) -> Any:
    """Returns the positions where all cells of a piece are free; rows above the word are like its topmost one."""
    fitting = free
    for x, y in ANCHORED_CELLS[piece][rotation]:
        fitting = fitting & ~blocked_positions(free, x, y)
    return fitting


@lowering(fit_positions, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_fitting(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, piece, rotation = signature.args
    fitting = values[0]
    for x, y in ANCHORED_CELLS[piece.literal_value][rotation.literal_value]:
        fitting = builder.and_(fitting, emit_shift_cells(builder, values[0], -x, -y, shift_down="ashr"))
    return fitting


def rotate_positions(positions: Any, fitting: Any, piece: int, rotation: int, turn: int, first: int, end: int) -> Any:
    """Returns the positions after a rotation, each shifted by the first kick after which the piece fits.

    Args:
        positions: Positions before the rotation.
        fitting: Positions where the piece fits after it.
        piece: Index into ``PIECES``; this and the following are literals.
        rotation: Rotation before it.
        turn: ``CLOCKWISE`` or ``COUNTER_CLOCKWISE``.
        first: First kick, from 0, whose outcome is returned.
        end: One after the last.
    """
    outcome = positions ^ positions
    for kick, (x, y) in enumerate(KICKS[piece][rotation, turn]):
        kicked = positions & shift_cells(fitting, -x, -y)
        positions = positions ^ kicked
        if first <= kick < end:
            outcome = outcome | shift_cells(kicked, x, y)
    return outcome


@lowering(rotate_positions, LanesType, LanesType, *5 * [types.IntegerLiteral])
def _emit_turned(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    piece, rotation, turn, first, end = (literal.literal_value for literal in signature.args[2:])
    positions, fitting = values[:2]
    # Shifts between columns cost most: one per distance, before the kicks and after.
    aside: dict[int, Any] = {}
    outcome: dict[int, Any] = {}
    for kick, (x, y) in enumerate(KICKS[piece][rotation, turn]):
        if x not in aside:
            aside[x] = emit_shift_cells(builder, fitting, -x, 0)
        kicked = builder.and_(positions, emit_shift_cells(builder, aside[x], 0, -y))
        positions = builder.xor(positions, kicked)
        if first <= kick < end:
            risen = emit_shift_cells(builder, kicked, 0, y)
            outcome[x] = builder.or_(outcome[x], risen) if x in outcome else risen
    return reduce(builder.or_, (emit_shift_cells(builder, lanes, x, 0) for x, lanes in outcome.items()))


@small_kernel
def move_positions(positions, fitting):
    """Returns the positions after one move to the right, to the left or down."""
    return (shift_cells(positions, 1, 0) | shift_cells(positions, -1, 0) | shift_cells(positions, 0, -1)) & fitting


@small_kernel
def expand_by_moves(positions, fitting):
    """Adds the positions after one move, and after one move and one row down."""
    positions = positions | move_positions(positions, fitting)
    return positions | (shift_cells(positions, 0, -1) & fitting)


@small_kernel
def resting_positions(fitting):
    """Returns the positions from which the piece cannot move down."""
    return fitting & ~shift_cells(fitting, 0, 1)


@small_kernel
def open_positions(fitting):
    """Returns the positions that a piece reaches from above by falling alone."""
    shade = ~fitting
    shade = shade | shift_cells(shade, 0, -1)
    shade = shade | shift_cells(shade, 0, -2)
    shade = shade | shift_cells(shade, 0, -4)
    shade = shade | shift_cells(shade, 0, -8)
    shade = shade | shift_cells(shade, 0, -16)
    shade = shade | shift_cells(shade, 0, -32)
    return ~shade
