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
from tetrarium.engine.lanes import any_lane, move_cells, move_free, without_lowest
from tetrarium.engine.pieces import N_ORIENTATIONS, N_PIECES, PIECES
from tetrarium.engine.srs import (
    ANCHORED_CELLS,
    CLOCKWISE,
    COUNTER_CLOCKWISE,
    KICKS,
    N_ROTATIONS,
    Shifts,
    shift_to_orientation,
)

__all__ = ["find_locks"]


def _make_turn(shifts: Shifts) -> Any:
    """The kernel of one turn: where the first kick that fits takes each of the positions."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3), (x4, y4) = shifts
    nx0, nx1, nx2, nx3, nx4 = -x0, -x1, -x2, -x3, -x4
    ny0, ny1, ny2, ny3, ny4 = -y0, -y1, -y2, -y3, -y4

    @small_kernel
    def turn(positions, fitting):  # type: ignore[no-untyped-def]
        kicked = positions & move_cells(fitting, nx0, ny0)
        turned = move_cells(kicked, x0, y0)
        positions = positions ^ kicked
        kicked = positions & move_cells(fitting, nx1, ny1)
        turned = turned | move_cells(kicked, x1, y1)
        positions = positions ^ kicked
        kicked = positions & move_cells(fitting, nx2, ny2)
        turned = turned | move_cells(kicked, x2, y2)
        positions = positions ^ kicked
        kicked = positions & move_cells(fitting, nx3, ny3)
        turned = turned | move_cells(kicked, x3, y3)
        positions = positions ^ kicked
        kicked = positions & move_cells(fitting, nx4, ny4)
        return turned | move_cells(kicked, x4, y4)

    return turn


@small_kernel
def _moved(reached, fitting):  # type: ignore[no-untyped-def]
    reached = reached | ((move_cells(reached, 1, 0) | move_cells(reached, -1, 0) | move_cells(reached, 0, -1)) & fitting)
    return reached | (move_cells(reached, 0, -1) & fitting)


def _make_flood(piece: int) -> Any:
    """The kernel that floods from what is reached, for pieces with these kicks."""
    right_0, right_1, right_2, right_3 = (_make_turn(KICKS[piece][rotation, CLOCKWISE]) for rotation in range(N_ROTATIONS))
    left_0, left_1, left_2, left_3 = (_make_turn(KICKS[piece][rotation, COUNTER_CLOCKWISE]) for rotation in range(N_ROTATIONS))

    @kernel
    def flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3):  # type: ignore[no-untyped-def]
        while True:
            new_0 = _moved(at_0, fit_0)
            new_1 = _moved(at_1, fit_1)
            new_2 = _moved(at_2, fit_2)
            new_3 = _moved(at_3, fit_3)
            new_1 = new_1 | right_0(new_0, fit_1)
            new_3 = new_3 | left_0(new_0, fit_3)
            new_0 = new_0 | left_1(new_1, fit_0)
            new_2 = new_2 | right_1(new_1, fit_2)
            new_1 = new_1 | left_2(new_2, fit_1)
            new_3 = new_3 | right_2(new_2, fit_3)
            new_2 = new_2 | left_3(new_3, fit_2)
            new_0 = new_0 | right_3(new_3, fit_0)
            if not any_lane((at_0 ^ new_0) | (at_1 ^ new_1) | (at_2 ^ new_2) | (at_3 ^ new_3)):
                return at_0, at_1, at_2, at_3
            at_0, at_1, at_2, at_3 = new_0, new_1, new_2, new_3

    return flood


def _make_fitting(piece: int, rotation: int) -> Any:
    """The kernel that finds where a piece fits."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = ((-x, -y) for x, y in ANCHORED_CELLS[piece][rotation])

    @small_kernel
    def fitting(free):  # type: ignore[no-untyped-def]
        return move_free(free, x0, y0) & move_free(free, x1, y1) & move_free(free, x2, y2) & move_free(free, x3, y3)

    return fitting


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


_flood_i: Final = _make_flood(PIECES.index("I"))
_flood_3: Final = _make_flood(PIECES.index("T"))


def _make_locks(piece: int) -> Any:
    """The kernel that finds one piece's lock positions, with the results of ``find_locks``."""
    flood = {"I": _flood_i, "O": _flood_o}.get(PIECES[piece], _flood_3)
    n_orientations = int(N_ORIENTATIONS[piece])
    fitting_0, fitting_1, fitting_2, fitting_3 = (_make_fitting(piece, rotation) for rotation in range(N_ROTATIONS))
    (x2, y2), (x3, y3) = (shift_to_orientation(piece, rotation) for rotation in (2, 3))

    @kernel
    def locks(free, space, spawn, from_spawn):  # type: ignore[no-untyped-def]
        if from_spawn:
            free = free & space
        fit_0, fit_1, fit_2, fit_3 = fitting_0(free), fitting_1(free), fitting_2(free), fitting_3(free)
        none = free ^ free
        if n_orientations == 1:
            fit_1, fit_2, fit_3 = none, none, none
        rest_0, rest_1, rest_2, rest_3 = _resting(fit_0), _resting(fit_1), _resting(fit_2), _resting(fit_3)
        if from_spawn:
            at_0, at_1, at_2, at_3 = spawn & fit_0, none, none, none
        else:
            covered = without_lowest(rest_0) | without_lowest(rest_1)
            if n_orientations == 4:
                covered = covered | without_lowest(rest_2) | without_lowest(rest_3)
            if not any_lane(covered):
                if n_orientations == 4:
                    return True, rest_0, rest_1, rest_2, rest_3
                return True, rest_0, rest_1, none, none
            at_0, at_1, at_2, at_3 = _open(fit_0), _open(fit_1), _open(fit_2), _open(fit_3)
        at_0, at_1, at_2, at_3 = flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3)
        lock_0, lock_1, lock_2, lock_3 = at_0 & rest_0, at_1 & rest_1, at_2 & rest_2, at_3 & rest_3
        if n_orientations == 4:
            return False, lock_0, lock_1, lock_2, lock_3
        return False, lock_0 | move_cells(lock_2, x2, y2), lock_1 | move_cells(lock_3, x3, y3), none, none

    return locks


_locks_i, _locks_o, _locks_t, _locks_l, _locks_j, _locks_s, _locks_z = (_make_locks(piece) for piece in range(N_PIECES))


@kernel
def find_locks(piece, free, space, spawn, from_spawn):  # type: ignore[no-untyped-def]
    """Finds every lock position of a piece on a board, as the anchors of its orientations.

    Args:
        piece: Index into ``PIECES``.
        free: Lanes of the free cells below the ceiling; without any outside the board.
        spawn: Lanes with one cell: the anchor of the piece where it begins, in rotation 0.
        from_spawn: Whether to begin there. Otherwise with all that lies open to the sky, which is the same where the
            rows from ``open_rows`` on are empty.

    Returns:
        Whether all lie open to the sky, so that there is one for each orientation and column; then four lanes. A set
        of cells is counted once: rotations that fill the same cells are one orientation, as in ``pieces``.
    """
    if piece == 0:
        return _locks_i(free, space, spawn, from_spawn)
    if piece == 1:
        return _locks_o(free, space, spawn, from_spawn)
    if piece == 2:
        return _locks_t(free, space, spawn, from_spawn)
    if piece == 3:
        return _locks_l(free, space, spawn, from_spawn)
    if piece == 4:
        return _locks_j(free, space, spawn, from_spawn)
    if piece == 5:
        return _locks_s(free, space, spawn, from_spawn)
    return _locks_z(free, space, spawn, from_spawn)
