"""Every lock position that a piece can be moved and turned to, for all columns at once.

A board is ``Lanes`` of its free cells. For each rotation there are two more: the positions where the piece fits, and
those that it has reached, one bit for each anchor (``srs``). A key is then a few operations on whole boards: a move to
the left shifts the reached positions one column and keeps those that fit; a turn shifts them by its first kick and
keeps those that fit, shifts the others by its second kick, and so on. The flood ends when no key reaches anything new.

While the stack lies well below the row where pieces spawn, a piece can be brought over any column in any rotation and
let down; so everything that lies open to the sky is reached from the beginning, and the flood has only to find its way
into what is covered. On most boards no piece can rest there, and then nothing is flooded at all.
"""

from functools import reduce
from typing import Any, Final

import numpy as np
from numba import types

from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.lanes import LanesType, any_lane, as_instructions, move_cells, moved_cells, without_lowest
from tetrarium.engine.pieces import N_PIECES, PIECES
from tetrarium.engine.srs import (
    ANCHORED_CELLS,
    CLOCKWISE,
    COUNTER_CLOCKWISE,
    KICKS,
    shift_to_orientation,
)

__all__ = ["find_locks"]


def _fitting(free: Any, piece: int, rotation: int) -> Any:
    """Positions where all cells of a piece are free; rows above the word are like its topmost one."""
    signed = np.dtype(f"i{free.dtype.itemsize}")
    fitting = free
    for x, y in ANCHORED_CELLS[piece][rotation]:
        there = move_cells(free, -x, max(0, -y))
        fitting = fitting & (there.view(signed) >> max(0, y)).view(free.dtype)
    return fitting


@as_instructions(_fitting, LanesType, types.IntegerLiteral, types.IntegerLiteral)
def _emit_fitting(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, piece, rotation = signature.args
    fitting = values[0]
    for x, y in ANCHORED_CELLS[piece.literal_value][rotation.literal_value]:
        fitting = builder.and_(fitting, moved_cells(builder, values[0], -x, -y, shift_down="ashr"))
    return fitting


def _turned(positions: Any, fitting: Any, piece: int, rotation: int, turn: int) -> Any:
    """Where a turn takes positions, each by the first kick after which the piece fits."""
    turned = positions ^ positions
    for x, y in KICKS[piece][rotation, turn]:
        kicked = positions & move_cells(fitting, -x, -y)
        positions = positions ^ kicked
        turned = turned | move_cells(kicked, x, y)
    return turned


@as_instructions(_turned, LanesType, LanesType, *3 * [types.IntegerLiteral])
def _emit_turned(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
    piece, rotation, turn = (literal.literal_value for literal in signature.args[2:])
    positions, fitting = values[:2]
    # Moves between columns cost most: one for each distance, before the kicks are told apart and after.
    aside: dict[int, Any] = {}
    turned: dict[int, Any] = {}
    for x, y in KICKS[piece][rotation, turn]:
        if x not in aside:
            aside[x] = moved_cells(builder, fitting, -x, 0)
        kicked = builder.and_(positions, moved_cells(builder, aside[x], 0, -y))
        positions = builder.xor(positions, kicked)
        risen = moved_cells(builder, kicked, 0, y)
        turned[x] = builder.or_(turned[x], risen) if x in turned else risen
    return reduce(builder.or_, (moved_cells(builder, lanes, x, 0) for x, lanes in turned.items()))


@small_kernel
def _moved(reached, fitting):  # type: ignore[no-untyped-def]
    reached = reached | ((move_cells(reached, 1, 0) | move_cells(reached, -1, 0) | move_cells(reached, 0, -1)) & fitting)
    return reached | (move_cells(reached, 0, -1) & fitting)


def _make_flood(piece: int) -> Any:
    """The kernel that floods from what is reached, for pieces with these kicks."""

    @kernel
    def flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3):  # type: ignore[no-untyped-def]
        while True:
            new_0 = _moved(at_0, fit_0)
            new_1 = _moved(at_1, fit_1)
            new_2 = _moved(at_2, fit_2)
            new_3 = _moved(at_3, fit_3)
            new_1 = new_1 | _turned(new_0, fit_1, piece, 0, CLOCKWISE)
            new_3 = new_3 | _turned(new_0, fit_3, piece, 0, COUNTER_CLOCKWISE)
            new_0 = new_0 | _turned(new_1, fit_0, piece, 1, COUNTER_CLOCKWISE)
            new_2 = new_2 | _turned(new_1, fit_2, piece, 1, CLOCKWISE)
            new_1 = new_1 | _turned(new_2, fit_1, piece, 2, COUNTER_CLOCKWISE)
            new_3 = new_3 | _turned(new_2, fit_3, piece, 2, CLOCKWISE)
            new_2 = new_2 | _turned(new_3, fit_2, piece, 3, COUNTER_CLOCKWISE)
            new_0 = new_0 | _turned(new_3, fit_0, piece, 3, CLOCKWISE)
            if not any_lane((at_0 ^ new_0) | (at_1 ^ new_1) | (at_2 ^ new_2) | (at_3 ^ new_3)):
                return at_0, at_1, at_2, at_3
            at_0, at_1, at_2, at_3 = new_0, new_1, new_2, new_3

    return flood


@small_kernel
def _resting(fitting):  # type: ignore[no-untyped-def]
    return fitting & ~move_cells(fitting, 0, 1)


@small_kernel
def _open(fitting):  # type: ignore[no-untyped-def]
    """Positions with nothing in the way above them."""
    shade = ~fitting
    shade = shade | move_cells(shade, 0, -1)
    shade = shade | move_cells(shade, 0, -2)
    shade = shade | move_cells(shade, 0, -4)
    shade = shade | move_cells(shade, 0, -8)
    shade = shade | move_cells(shade, 0, -16)
    shade = shade | move_cells(shade, 0, -32)
    return ~shade


@kernel
def _flood_o(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3):  # type: ignore[no-untyped-def]
    """The flood of a piece that does not turn; it has the form of the others."""
    while True:
        new_0 = _moved(at_0, fit_0)
        if not any_lane(at_0 ^ new_0):
            return at_0, at_1, at_2, at_3
        at_0 = new_0


def _make_settle(flood: Any, two_orientations: Any) -> Any:
    """The kernel that leads from where a piece fits to its lock positions.

    Args:
        flood: The kernel that floods.
        two_orientations: A piece of this kind with two orientations, whose other two rotations are merged into these.
    """
    (x2, y2), (x3, y3) = (shift_to_orientation(PIECES.index(two_orientations), rotation) for rotation in (2, 3))

    @kernel
    def settle(fit_0, fit_1, fit_2, fit_3, are_four, spawn, from_spawn):  # type: ignore[no-untyped-def]
        none = fit_0 ^ fit_0
        rest_0, rest_1, rest_2, rest_3 = _resting(fit_0), _resting(fit_1), _resting(fit_2), _resting(fit_3)
        if from_spawn:
            at_0, at_1, at_2, at_3 = spawn & fit_0, none, none, none
        else:
            covered = without_lowest(rest_0) | without_lowest(rest_1) | without_lowest(rest_2) | without_lowest(rest_3)
            if not any_lane(covered):
                if are_four:
                    return True, rest_0, rest_1, rest_2, rest_3
                return True, rest_0, rest_1, none, none
            at_0, at_1, at_2, at_3 = _open(fit_0), _open(fit_1), _open(fit_2), _open(fit_3)
        at_0, at_1, at_2, at_3 = flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3)
        lock_0, lock_1, lock_2, lock_3 = at_0 & rest_0, at_1 & rest_1, at_2 & rest_2, at_3 & rest_3
        if are_four:
            return False, lock_0, lock_1, lock_2, lock_3
        return False, lock_0 | move_cells(lock_2, x2, y2), lock_1 | move_cells(lock_3, x3, y3), none, none

    return settle


_I, _O, _T, _L, _J, _S, _Z = range(N_PIECES)
_settle_i: Final = _make_settle(_make_flood(_I), "I")
_settle_o: Final = _make_settle(_flood_o, "I")
_settle_3: Final = _make_settle(_make_flood(_T), "S")


def _make_fit(piece: int) -> Any:
    """The kernel that finds where a piece fits, in each of its rotations."""

    @small_kernel
    def fit(free):  # type: ignore[no-untyped-def]
        fit_0, fit_1 = _fitting(free, piece, 0), _fitting(free, piece, 1)
        return fit_0, fit_1, _fitting(free, piece, 2), _fitting(free, piece, 3)

    return fit


_fit_i, _fit_t, _fit_l, _fit_j, _fit_s, _fit_z = (_make_fit(piece) for piece in (_I, _T, _L, _J, _S, _Z))


@kernel
def find_locks(piece, free, space, spawn, from_spawn):  # type: ignore[no-untyped-def]
    """Finds every lock position of a piece on a board, as the anchors of its orientations.

    Args:
        piece: Index into ``PIECES``.
        free: Lanes of the free cells; above the ceiling all are free, and outside the board none.
        space: Lanes of the cells below the ceiling.
        spawn: Lanes with one cell: the anchor of the piece where it begins, in rotation 0.
        from_spawn: Whether to begin there. Otherwise with all that lies open to the sky, which is the same where the
            rows from ``open_rows`` on are empty.

    Returns:
        Whether all lie open to the sky, so that there is one for each orientation and column; then four lanes. A set
        of cells is counted once: rotations that fill the same cells are one orientation, as in ``pieces``.
    """
    if from_spawn:
        free = free & space
    if piece == _I:
        fit_0, fit_1, fit_2, fit_3 = _fit_i(free)
        return _settle_i(fit_0, fit_1, fit_2, fit_3, False, spawn, from_spawn)
    if piece == _O:
        fit_0, none = _fitting(free, _O, 0), free ^ free
        return _settle_o(fit_0, none, none, none, True, spawn, from_spawn)
    if piece == _T:
        fit_0, fit_1, fit_2, fit_3 = _fit_t(free)
    elif piece == _L:
        fit_0, fit_1, fit_2, fit_3 = _fit_l(free)
    elif piece == _J:
        fit_0, fit_1, fit_2, fit_3 = _fit_j(free)
    elif piece == _S:
        fit_0, fit_1, fit_2, fit_3 = _fit_s(free)
    else:
        fit_0, fit_1, fit_2, fit_3 = _fit_z(free)
    return _settle_3(fit_0, fit_1, fit_2, fit_3, piece < _S, spawn, from_spawn)
