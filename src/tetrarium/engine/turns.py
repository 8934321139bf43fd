"""Where a piece fits on a board and where one key takes it, for all columns at once.

Positions are ``Lanes``, one bit for each anchor (``srs``), of a piece in one rotation. A move shifts them and keeps
those that fit. A turn shifts them by its first kick and keeps those that fit, shifts the others by its second kick, and
so on.

A board is the lanes of its free cells; above the ceiling all cells are free, and outside the board none.
"""

from functools import reduce
from typing import Any

import numpy as np
from numba import types

from tetrarium.engine.jit import small_kernel
from tetrarium.engine.lanes import LanesType, as_instructions, move_cells, moved_cells
from tetrarium.engine.srs import ANCHORED_CELLS, KICKS

__all__ = ["entered", "fit_positions", "moved_or_fallen", "open_to_sky", "resting", "turned", "where_blocked"]


def where_blocked(free: Any, n_columns: int, n_rows: int) -> Any:
    """Positions from which the cell so many columns and rows away is taken; the sides and the floor are."""
    signed = np.dtype(f"i{free.dtype.itemsize}")
    there = move_cells(free, -n_columns, max(0, -n_rows))
    return ~(there.view(signed) >> max(0, n_rows)).view(free.dtype)


@as_instructions(where_blocked, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_where_blocked(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, n_columns, n_rows = signature.args
    there = moved_cells(builder, values[0], -n_columns.literal_value, -n_rows.literal_value, shift_down="ashr")
    return builder.not_(there)


def fit_positions(free: Any, piece: int, rotation: int) -> Any:
    """Positions where all cells of a piece are free; rows above the word are like its topmost one."""
    fitting = free
    for x, y in ANCHORED_CELLS[piece][rotation]:
        fitting = fitting & ~where_blocked(free, x, y)
    return fitting


@as_instructions(fit_positions, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_fitting(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, piece, rotation = signature.args
    fitting = values[0]
    for x, y in ANCHORED_CELLS[piece.literal_value][rotation.literal_value]:
        fitting = builder.and_(fitting, moved_cells(builder, values[0], -x, -y, shift_down="ashr"))
    return fitting


def turned(positions: Any, fitting: Any, piece: int, rotation: int, turn: int, first: int, end: int) -> Any:
    """Where a turn takes positions, each by the first kick after which the piece fits.

    Args:
        positions: Positions to turn from.
        fitting: Positions where the piece fits in the rotation turned to.
        piece: Index into ``PIECES``, a literal like those that follow.
        rotation: The rotation turned from.
        turn: ``CLOCKWISE`` or ``COUNTER_CLOCKWISE``.
        first: The first kick, from 0, whose outcome counts.
        end: One after the last.
    """
    outcome = positions ^ positions
    for kick, (x, y) in enumerate(KICKS[piece][rotation, turn]):
        kicked = positions & move_cells(fitting, -x, -y)
        positions = positions ^ kicked
        if first <= kick < end:
            outcome = outcome | move_cells(kicked, x, y)
    return outcome


@as_instructions(turned, LanesType, LanesType, *5 * [types.IntegerLiteral])
def _emit_turned(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    piece, rotation, turn, first, end = (literal.literal_value for literal in signature.args[2:])
    positions, fitting = values[:2]
    # Moves between columns cost most: one for each distance, before the kicks are told apart and after.
    aside: dict[int, Any] = {}
    outcome: dict[int, Any] = {}
    for kick, (x, y) in enumerate(KICKS[piece][rotation, turn]):
        if x not in aside:
            aside[x] = moved_cells(builder, fitting, -x, 0)
        kicked = builder.and_(positions, moved_cells(builder, aside[x], 0, -y))
        positions = builder.xor(positions, kicked)
        if first <= kick < end:
            risen = moved_cells(builder, kicked, 0, y)
            outcome[x] = builder.or_(outcome[x], risen) if x in outcome else risen
    return reduce(builder.or_, (moved_cells(builder, lanes, x, 0) for x, lanes in outcome.items()))


@small_kernel
def entered(reached, fitting):  # type: ignore[no-untyped-def]
    """Where one move takes the positions reached."""
    return (move_cells(reached, 1, 0) | move_cells(reached, -1, 0) | move_cells(reached, 0, -1)) & fitting


@small_kernel
def moved_or_fallen(reached, fitting):  # type: ignore[no-untyped-def]
    reached = reached | entered(reached, fitting)
    return reached | (move_cells(reached, 0, -1) & fitting)


@small_kernel
def resting(fitting):  # type: ignore[no-untyped-def]
    return fitting & ~move_cells(fitting, 0, 1)


@small_kernel
def open_to_sky(fitting):  # type: ignore[no-untyped-def]
    """Positions with nothing in the way above them."""
    shade = ~fitting
    shade = shade | move_cells(shade, 0, -1)
    shade = shade | move_cells(shade, 0, -2)
    shade = shade | move_cells(shade, 0, -4)
    shade = shade | move_cells(shade, 0, -8)
    shade = shade | move_cells(shade, 0, -16)
    shade = shade | move_cells(shade, 0, -32)
    return ~shade
