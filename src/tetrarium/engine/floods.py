"""Every lock position that a piece can be moved and turned to, for all columns at once.

A board is ``Lanes`` of its free cells. For each rotation there are two more: the positions where the piece fits, and
those that it has reached, one bit for each anchor (``srs``). A key is then a few operations on whole boards: a move to
the left shifts the reached positions one column and keeps those that fit; a turn shifts them by its first kick and
keeps those that fit, shifts the others by its second kick, and so on. The flood ends when no key reaches anything new.

While the stack lies well below the row where pieces spawn, a piece can be brought over any column in any rotation and
let down; so everything that lies open to the sky is reached from the beginning, and the flood has only to find its way
into what is covered. On most boards no piece can rest there, and then nothing is flooded at all.
"""

from typing import Any, Final

from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.lanes import any_lane, move_cells, without_lowest
from tetrarium.engine.pieces import N_PIECES, PIECES
from tetrarium.engine.srs import CLOCKWISE, COUNTER_CLOCKWISE, N_KICKS, shift_to_orientation
from tetrarium.engine.turns import fit_positions, moved_or_fallen, open_to_sky, resting, turned

__all__ = ["find_locks", "fit_t", "flood_t"]


def _make_flood(piece: int) -> Any:
    """The kernel that floods from what is reached, for pieces with these kicks."""

    @kernel
    def flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3):  # type: ignore[no-untyped-def]
        while True:
            new_0 = moved_or_fallen(at_0, fit_0)
            new_1 = moved_or_fallen(at_1, fit_1)
            new_2 = moved_or_fallen(at_2, fit_2)
            new_3 = moved_or_fallen(at_3, fit_3)
            new_1 = new_1 | turned(new_0, fit_1, piece, 0, CLOCKWISE, 0, N_KICKS)
            new_3 = new_3 | turned(new_0, fit_3, piece, 0, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_0 = new_0 | turned(new_1, fit_0, piece, 1, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_2 = new_2 | turned(new_1, fit_2, piece, 1, CLOCKWISE, 0, N_KICKS)
            new_1 = new_1 | turned(new_2, fit_1, piece, 2, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_3 = new_3 | turned(new_2, fit_3, piece, 2, CLOCKWISE, 0, N_KICKS)
            new_2 = new_2 | turned(new_3, fit_2, piece, 3, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_0 = new_0 | turned(new_3, fit_0, piece, 3, CLOCKWISE, 0, N_KICKS)
            if not any_lane((at_0 ^ new_0) | (at_1 ^ new_1) | (at_2 ^ new_2) | (at_3 ^ new_3)):
                return at_0, at_1, at_2, at_3
            at_0, at_1, at_2, at_3 = new_0, new_1, new_2, new_3

    return flood


@kernel
def _flood_o(fit_0, _fit_1, _fit_2, _fit_3, at_0, at_1, at_2, at_3):  # type: ignore[no-untyped-def]
    """The flood of a piece that does not turn; it has the form of the others."""
    while True:
        new_0 = moved_or_fallen(at_0, fit_0)
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
        rest_0, rest_1, rest_2, rest_3 = resting(fit_0), resting(fit_1), resting(fit_2), resting(fit_3)
        if from_spawn:
            at_0, at_1, at_2, at_3 = spawn & fit_0, none, none, none
        else:
            covered = without_lowest(rest_0) | without_lowest(rest_1) | without_lowest(rest_2) | without_lowest(rest_3)
            if not any_lane(covered):
                if are_four:
                    return True, rest_0, rest_1, rest_2, rest_3
                return True, rest_0, rest_1, none, none
            at_0, at_1, at_2, at_3 = open_to_sky(fit_0), open_to_sky(fit_1), open_to_sky(fit_2), open_to_sky(fit_3)
        at_0, at_1, at_2, at_3 = flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3)
        lock_0, lock_1, lock_2, lock_3 = at_0 & rest_0, at_1 & rest_1, at_2 & rest_2, at_3 & rest_3
        if are_four:
            return False, lock_0, lock_1, lock_2, lock_3
        return False, lock_0 | move_cells(lock_2, x2, y2), lock_1 | move_cells(lock_3, x3, y3), none, none

    return settle


_I, _O, _T, _L, _J, _S, _Z = range(N_PIECES)
flood_t: Final = _make_flood(_T)
_settle_i: Final = _make_settle(_make_flood(_I), "I")
_settle_o: Final = _make_settle(_flood_o, "I")
_settle_3: Final = _make_settle(flood_t, "S")


def _make_fit(piece: int) -> Any:
    """The kernel that finds where a piece fits, in each of its rotations."""

    @small_kernel
    def fit(free):  # type: ignore[no-untyped-def]
        fit_0, fit_1 = fit_positions(free, piece, 0), fit_positions(free, piece, 1)
        return fit_0, fit_1, fit_positions(free, piece, 2), fit_positions(free, piece, 3)

    return fit


_fit_i, fit_t, _fit_l, _fit_j, _fit_s, _fit_z = (_make_fit(piece) for piece in (_I, _T, _L, _J, _S, _Z))


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
        fit_0, none = fit_positions(free, _O, 0), free ^ free
        return _settle_o(fit_0, none, none, none, True, spawn, from_spawn)
    if piece == _T:
        fit_0, fit_1, fit_2, fit_3 = fit_t(free)
    elif piece == _L:
        fit_0, fit_1, fit_2, fit_3 = _fit_l(free)
    elif piece == _J:
        fit_0, fit_1, fit_2, fit_3 = _fit_j(free)
    elif piece == _S:
        fit_0, fit_1, fit_2, fit_3 = _fit_s(free)
    else:
        fit_0, fit_1, fit_2, fit_3 = _fit_z(free)
    return _settle_3(fit_0, fit_1, fit_2, fit_3, piece < _S, spawn, from_spawn)
