"""Flood fill of all positions that a piece can reach by keys, for all columns at once, and T-spins among them.

A board is ``Lanes`` of its free cells. For each rotation there are two more: the positions where the piece fits, and
those reached so far, one bit per anchor (``srs``). A key is then a few operations on whole boards (``rotations``). The
flood fill ends when no key reaches a new position.

While the stack is well below the row where pieces spawn, a piece can be brought over any column in any rotation and
dropped; so all positions that are open from above are reached from the start, and the flood fill only has to find those
below overhangs. On most boards no piece can rest there, and then the flood fill is skipped.

A T-spin is a T whose last key was a rotation and that has at least three of the four cells at the corners of its box
occupied; walls and floor count as occupied. It is full where both corners are occupied to which the T points, or where
the rotation used the fifth kick; otherwise it is a mini. Source: https://tetris.wiki/T-Spin, the three-corner rule.
"""

from typing import Any, Final

from tetrarium.engine.compiling import kernel, small_kernel
from tetrarium.engine.movegen import rotations
from tetrarium.engine.pieces import N_PIECES, PIECES
from tetrarium.engine.simd.board_vectors import any_lane, clear_lowest_bits, shift_cells
from tetrarium.engine.srs import CLOCKWISE, COUNTER_CLOCKWISE, FRONT_CORNERS, N_KICKS, N_ROTATIONS, shift_to_orientation


def _make_flood(piece: int) -> Any:
    """Returns the kernel that floods from the positions reached so far, for pieces with these kicks."""

    @kernel
    def flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3):
        while True:
            new_0 = rotations.expand_by_moves(at_0, fit_0)
            new_1 = rotations.expand_by_moves(at_1, fit_1)
            new_2 = rotations.expand_by_moves(at_2, fit_2)
            new_3 = rotations.expand_by_moves(at_3, fit_3)
            new_1 = new_1 | rotations.rotate_positions(new_0, fit_1, piece, 0, CLOCKWISE, 0, N_KICKS)
            new_3 = new_3 | rotations.rotate_positions(new_0, fit_3, piece, 0, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_0 = new_0 | rotations.rotate_positions(new_1, fit_0, piece, 1, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_2 = new_2 | rotations.rotate_positions(new_1, fit_2, piece, 1, CLOCKWISE, 0, N_KICKS)
            new_1 = new_1 | rotations.rotate_positions(new_2, fit_1, piece, 2, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_3 = new_3 | rotations.rotate_positions(new_2, fit_3, piece, 2, CLOCKWISE, 0, N_KICKS)
            new_2 = new_2 | rotations.rotate_positions(new_3, fit_2, piece, 3, COUNTER_CLOCKWISE, 0, N_KICKS)
            new_0 = new_0 | rotations.rotate_positions(new_3, fit_0, piece, 3, CLOCKWISE, 0, N_KICKS)
            if not any_lane((at_0 ^ new_0) | (at_1 ^ new_1) | (at_2 ^ new_2) | (at_3 ^ new_3)):
                return at_0, at_1, at_2, at_3
            at_0, at_1, at_2, at_3 = new_0, new_1, new_2, new_3

    return flood


@kernel
def _flood_o(fit_0, _fit_1, _fit_2, _fit_3, at_0, at_1, at_2, at_3):
    """Floods for a piece that does not rotate; same signature as the other floods."""
    while True:
        new_0 = rotations.expand_by_moves(at_0, fit_0)
        if not any_lane(at_0 ^ new_0):
            return at_0, at_1, at_2, at_3
        at_0 = new_0


def _make_settle(flood: Any, two_orientations: Any) -> Any:
    """Returns the kernel that finds lock positions from the positions where a piece fits.

    Args:
        flood: Kernel that floods.
        two_orientations: Letter of a piece of this kind with two orientations; its other two rotations are merged into
            these.
    """
    (x2, y2), (x3, y3) = (shift_to_orientation(PIECES.index(two_orientations), rotation) for rotation in (2, 3))

    @kernel
    def settle(fit_0, fit_1, fit_2, fit_3, are_four, spawn, from_spawn):
        none = fit_0 ^ fit_0
        rest_0, rest_1, rest_2, rest_3 = (
            rotations.resting_positions(fit_0),
            rotations.resting_positions(fit_1),
            rotations.resting_positions(fit_2),
            rotations.resting_positions(fit_3),
        )
        if from_spawn:
            at_0, at_1, at_2, at_3 = spawn & fit_0, none, none, none
        else:
            covered = (
                clear_lowest_bits(rest_0)
                | clear_lowest_bits(rest_1)
                | clear_lowest_bits(rest_2)
                | clear_lowest_bits(rest_3)
            )
            if not any_lane(covered):
                if are_four:
                    return True, rest_0, rest_1, rest_2, rest_3
                return True, rest_0, rest_1, none, none
            at_0, at_1, at_2, at_3 = (
                rotations.open_positions(fit_0),
                rotations.open_positions(fit_1),
                rotations.open_positions(fit_2),
                rotations.open_positions(fit_3),
            )
        at_0, at_1, at_2, at_3 = flood(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3)
        lock_0, lock_1, lock_2, lock_3 = at_0 & rest_0, at_1 & rest_1, at_2 & rest_2, at_3 & rest_3
        if are_four:
            return False, lock_0, lock_1, lock_2, lock_3
        return False, lock_0 | shift_cells(lock_2, x2, y2), lock_1 | shift_cells(lock_3, x3, y3), none, none

    return settle


_I, _O, _T, _L, _J, _S, _Z = range(N_PIECES)
_flood_t: Final = _make_flood(_T)
_settle_i: Final = _make_settle(_make_flood(_I), "I")
_settle_o: Final = _make_settle(_flood_o, "I")
_settle_3: Final = _make_settle(_flood_t, "S")


def _make_fit(piece: int) -> Any:
    """Returns the kernel that finds the positions where a piece fits, in each of its rotations."""

    @small_kernel
    def fit(free):
        fit_0, fit_1 = rotations.fit_positions(free, piece, 0), rotations.fit_positions(free, piece, 1)
        return fit_0, fit_1, rotations.fit_positions(free, piece, 2), rotations.fit_positions(free, piece, 3)

    return fit


_fit_i, _fit_t, _fit_l, _fit_j, _fit_s, _fit_z = (_make_fit(piece) for piece in (_I, _T, _L, _J, _S, _Z))


@kernel
def find_locks(piece, free, space, spawn, from_spawn):
    """Finds all lock positions of a piece on a board, as anchors of its orientations.

    Args:
        piece: Index into ``PIECES``.
        free: Lanes of the free cells; all cells above the ceiling are free, and none outside the walls and the floor.
        space: Lanes of the cells below the ceiling.
        spawn: Lanes with one cell: the anchor of the spawning piece, in rotation 0.
        from_spawn: Whether to flood from there; otherwise from all positions that are open from above, which gives the
            same result where the rows from ``open_rows`` on are empty.

    Returns:
        Whether all are open from above, so that there is one for each orientation and column; then four lanes. A set of
        cells is counted once: rotations that fill the same cells are one orientation, as in ``pieces``.
    """
    if from_spawn:
        free = free & space
    if piece == _I:
        fit_0, fit_1, fit_2, fit_3 = _fit_i(free)
        return _settle_i(fit_0, fit_1, fit_2, fit_3, False, spawn, from_spawn)
    if piece == _O:
        fit_0, none = rotations.fit_positions(free, _O, 0), free ^ free
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


_FIFTH: Final = N_KICKS - 1


def _make_spins(rotation: int) -> Any:
    """Returns the kernel for one rotation: lanes of lock positions without a spin, with a mini, with a full one."""
    before_clockwise, before_counter = (
        (rotation + COUNTER_CLOCKWISE) % N_ROTATIONS,
        (rotation + CLOCKWISE) % N_ROTATIONS,
    )
    (x0, y0), (x1, y1) = FRONT_CORNERS[rotation]
    back_x0, back_y0, back_x1, back_y1 = -x0, -y0, -x1, -y1

    @small_kernel
    def spins(free, fit, at, at_clockwise, at_counter, spawn):
        front_0, front_1 = rotations.blocked_positions(free, x0, y0), rotations.blocked_positions(free, x1, y1)
        back_0, back_1 = (
            rotations.blocked_positions(free, back_x0, back_y0),
            rotations.blocked_positions(free, back_x1, back_y1),
        )
        points = front_0 & front_1
        cornered = (points & (back_0 | back_1)) | (back_0 & back_1 & (front_0 | front_1))
        early = rotations.rotate_positions(at_clockwise, fit, _T, before_clockwise, CLOCKWISE, 0, _FIFTH)
        early = early | rotations.rotate_positions(at_counter, fit, _T, before_counter, COUNTER_CLOCKWISE, 0, _FIFTH)
        fifth = rotations.rotate_positions(at_clockwise, fit, _T, before_clockwise, CLOCKWISE, _FIFTH, N_KICKS)
        fifth = fifth | rotations.rotate_positions(
            at_counter, fit, _T, before_counter, COUNTER_CLOCKWISE, _FIFTH, N_KICKS
        )
        rest = rotations.resting_positions(fit)
        plain = rest & (spawn | rotations.move_positions(at, fit) | ((early | fifth) & ~cornered))
        spun = rest & cornered
        return plain, spun & early & ~points, spun & (fifth | (early & points))

    return spins


_spins_0, _spins_1, _spins_2, _spins_3 = (_make_spins(rotation) for rotation in range(N_ROTATIONS))


@kernel
def find_spins(free, space, spawn, from_spawn):
    """Finds all lock positions of a T by T-spin; arguments as in ``find_locks``.

    Returns:
        For each rotation three lanes of anchors: without a spin, with a mini, with a full one.
    """
    none = free ^ free
    fit_0, fit_1, fit_2, fit_3 = _fit_t(free & space if from_spawn else free)
    if from_spawn:
        spawn = spawn & fit_0
        at_0, at_1, at_2, at_3 = spawn, none, none, none
    else:
        spawn = none
        at_0, at_1, at_2, at_3 = (
            rotations.open_positions(fit_0),
            rotations.open_positions(fit_1),
            rotations.open_positions(fit_2),
            rotations.open_positions(fit_3),
        )
    at_0, at_1, at_2, at_3 = _flood_t(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3)
    return (
        _spins_0(free, fit_0, at_0, at_3, at_1, spawn),
        _spins_1(free, fit_1, at_1, at_0, at_2, none),
        _spins_2(free, fit_2, at_2, at_1, at_3, none),
        _spins_3(free, fit_3, at_3, at_2, at_0, none),
    )
