"""T-spins, for all columns at once: every way in which a T can come to rest.

A T-spin is a T whose last key was a turn and that has at least three of the four cells at the corners of its box taken;
the sides and the floor count as taken. It is full where both corners are taken to which the T points, or where the
turn took the fifth kick; otherwise it is a mini. Source: https://tetris.wiki/T-Spin, the three-corner rule.
"""

from typing import Any, Final

from tetrarium.engine.floods import fit_t, flood_t
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.pieces import PIECES
from tetrarium.engine.srs import CLOCKWISE, COUNTER_CLOCKWISE, FRONT_CORNERS, N_KICKS, N_ROTATIONS
from tetrarium.engine.turns import entered, open_to_sky, resting, turned, where_blocked

__all__ = ["find_spins"]

_T: Final = PIECES.index("T")
_FIFTH: Final = N_KICKS - 1


def _make_spins(rotation: int) -> Any:
    """The kernel that tells apart how a T comes to rest in one rotation: lanes of no spin, mini, full."""
    before_clockwise, before_counter = (
        (rotation + COUNTER_CLOCKWISE) % N_ROTATIONS,
        (rotation + CLOCKWISE) % N_ROTATIONS,
    )
    (x0, y0), (x1, y1) = FRONT_CORNERS[rotation]
    back_x0, back_y0, back_x1, back_y1 = -x0, -y0, -x1, -y1

    @small_kernel
    def spins(free, fit, at, at_clockwise, at_counter, spawn):  # type: ignore[no-untyped-def]
        front_0, front_1 = where_blocked(free, x0, y0), where_blocked(free, x1, y1)
        back_0, back_1 = where_blocked(free, back_x0, back_y0), where_blocked(free, back_x1, back_y1)
        points = front_0 & front_1
        cornered = (points & (back_0 | back_1)) | (back_0 & back_1 & (front_0 | front_1))
        early = turned(at_clockwise, fit, _T, before_clockwise, CLOCKWISE, 0, _FIFTH)
        early = early | turned(at_counter, fit, _T, before_counter, COUNTER_CLOCKWISE, 0, _FIFTH)
        fifth = turned(at_clockwise, fit, _T, before_clockwise, CLOCKWISE, _FIFTH, N_KICKS)
        fifth = fifth | turned(at_counter, fit, _T, before_counter, COUNTER_CLOCKWISE, _FIFTH, N_KICKS)
        rest = resting(fit)
        plain = rest & (spawn | entered(at, fit) | ((early | fifth) & ~cornered))
        spun = rest & cornered
        return plain, spun & early & ~points, spun & (fifth | (early & points))

    return spins


_spins_0, _spins_1, _spins_2, _spins_3 = (_make_spins(rotation) for rotation in range(N_ROTATIONS))


@kernel
def find_spins(free, space, spawn, from_spawn):  # type: ignore[no-untyped-def]
    """Finds every lock position of a T by how it comes to rest; arguments as those of ``floods.find_locks``.

    Returns:
        For each rotation, three lanes of anchors: without a spin, with a mini, with a full one.
    """
    none = free ^ free
    fit_0, fit_1, fit_2, fit_3 = fit_t(free & space if from_spawn else free)
    if from_spawn:
        spawn = spawn & fit_0
        at_0, at_1, at_2, at_3 = spawn, none, none, none
    else:
        spawn = none
        at_0, at_1, at_2, at_3 = open_to_sky(fit_0), open_to_sky(fit_1), open_to_sky(fit_2), open_to_sky(fit_3)
    at_0, at_1, at_2, at_3 = flood_t(fit_0, fit_1, fit_2, fit_3, at_0, at_1, at_2, at_3)
    return (
        _spins_0(free, fit_0, at_0, at_3, at_1, spawn),
        _spins_1(free, fit_1, at_1, at_0, at_2, none),
        _spins_2(free, fit_2, at_2, at_1, at_3, none),
        _spins_3(free, fit_3, at_3, at_2, at_0, none),
    )
