"""The Super Rotation System as tables: spawn positions, cells and kicks.

A position is (rotation, column, row) of the piece's *anchor*, one of its own cells, which therefore never lies outside
the board. Rotation 0 is the one in which a piece spawns, each further one a clockwise turn: 0, R, 2, L. A turn tries
five shifts of the piece in order, and the first that fits applies; the O does not turn.

Source: https://tetris.wiki/Super_Rotation_System, whose tables are restated here with x to the right and y up. There
the cells turn inside a square box, of three columns for J, L, S, T and Z and of four for I, and the shifts are those of
the box. For the three-wide pieces the center of the box is always one of their cells and is the anchor. The I has no
such cell: its anchor is the second cell from the left, or from below, and the offset from one anchor to the next is
part of the shifts in ``KICKS``. The shifts of each turn are those of the opposite turn, negated. The tables of J and L,
of S and Z, and of T and O mirror exactly; those of I mirror only as sets, tried in another order.
"""

from typing import Final

from tetrarium.engine.pieces import N_ORIENTATIONS, PIECES, Cells, orientation_cells

N_ROTATIONS: Final = 4
N_KICKS: Final = 5
CLOCKWISE: Final = 1
COUNTER_CLOCKWISE: Final = 3  # both are added to a rotation, modulo four
SPAWN_ROW: Final = 20  # row of the lowest cells of a spawning piece, on a board with 20 visible rows

FRONT_CORNERS: Final = (  # for each rotation of the T, the corners of its box to which it points, from the anchor
    ((-1, 1), (1, 1)),
    ((1, 1), (1, -1)),
    ((1, -1), (-1, -1)),
    ((-1, -1), (-1, 1)),
)
SPINS: Final = ("none", "mini", "full")  # kinds of T-spins; see ``spins``
NO_SPIN, MINI_SPIN, FULL_SPIN = range(len(SPINS))

Shifts = tuple[tuple[int, int], ...]  # five shifts (columns, rows), in the order in which they are tried

# The tables of the wiki page, keyed by the rotation before and the one after.
_BOX_KICKS_3: Final[dict[str, Shifts]] = {
    "0R": ((0, 0), (-1, 0), (-1, 1), (0, -2), (-1, -2)),
    "R0": ((0, 0), (1, 0), (1, -1), (0, 2), (1, 2)),
    "R2": ((0, 0), (1, 0), (1, -1), (0, 2), (1, 2)),
    "2R": ((0, 0), (-1, 0), (-1, 1), (0, -2), (-1, -2)),
    "2L": ((0, 0), (1, 0), (1, 1), (0, -2), (1, -2)),
    "L2": ((0, 0), (-1, 0), (-1, -1), (0, 2), (-1, 2)),
    "L0": ((0, 0), (-1, 0), (-1, -1), (0, 2), (-1, 2)),
    "0L": ((0, 0), (1, 0), (1, 1), (0, -2), (1, -2)),
}
_BOX_KICKS_I: Final[dict[str, Shifts]] = {
    "0R": ((0, 0), (-2, 0), (1, 0), (-2, -1), (1, 2)),
    "R0": ((0, 0), (2, 0), (-1, 0), (2, 1), (-1, -2)),
    "R2": ((0, 0), (-1, 0), (2, 0), (-1, 2), (2, -1)),
    "2R": ((0, 0), (1, 0), (-2, 0), (1, -2), (-2, 1)),
    "2L": ((0, 0), (2, 0), (-1, 0), (2, 1), (-1, -2)),
    "L2": ((0, 0), (-2, 0), (1, 0), (-2, -1), (1, 2)),
    "L0": ((0, 0), (1, 0), (-2, 0), (1, -2), (-2, 1)),
    "0L": ((0, 0), (-1, 0), (2, 0), (-1, 2), (2, -1)),
}
_ROTATION_NAMES: Final = "0R2L"
_BOX_SIZES: Final = {"I": 4, "O": 2}
_ANCHORS_I: Final = ((1, 2), (2, 1), (1, 1), (1, 1))  # in the box, one for each rotation


def _box_cells(letter: str, rotation: int) -> Cells:
    """Returns the cells in the box: a piece spawns at the top of its box, the I one row lower."""
    size = _BOX_SIZES.get(letter, 3)
    flat = orientation_cells(PIECES.index(letter), 0)
    raised = 2 if letter == "I" else size - 1 - max(y for _, y in flat)
    cells = tuple((x, y + raised) for x, y in flat)
    for _ in range(rotation if letter != "O" else 0):
        cells = tuple((y, size - 1 - x) for x, y in cells)
    return tuple(sorted(cells))


def _anchor(letter: str, rotation: int) -> tuple[int, int]:
    return _ANCHORS_I[rotation] if letter == "I" else (0, 0) if letter == "O" else (1, 1)


def _anchored_cells(letter: str, rotation: int) -> Cells:
    anchor_x, anchor_y = _anchor(letter, rotation)
    return tuple((x - anchor_x, y - anchor_y) for x, y in _box_cells(letter, rotation))


def _kicks(letter: str, rotation: int, turn: int) -> Shifts:
    to = (rotation + turn) % N_ROTATIONS
    shifts = (_BOX_KICKS_I if letter == "I" else _BOX_KICKS_3)[_ROTATION_NAMES[rotation] + _ROTATION_NAMES[to]]
    (from_x, from_y), (to_x, to_y) = _anchor(letter, rotation), _anchor(letter, to)
    return tuple((x + to_x - from_x, y + to_y - from_y) for x, y in shifts)


# [piece][rotation]: cells relative to the anchor.
ANCHORED_CELLS: Final = tuple(
    tuple(_anchored_cells(letter, rotation) for rotation in range(N_ROTATIONS)) for letter in PIECES
)
# [piece][(rotation, turn)]: shifts of the anchor, none of them for the O.
KICKS: Final[tuple[dict[tuple[int, int], Shifts], ...]] = tuple(
    {
        (rotation, turn): _kicks(letter, rotation, turn)
        for rotation in range(N_ROTATIONS)
        for turn in (CLOCKWISE, COUNTER_CLOCKWISE)
        if letter != "O"
    }
    for letter in PIECES
)


def shift_to_orientation(piece: int, rotation: int) -> tuple[int, int]:
    """Returns the offset (columns, rows) from a rotation's anchor to that of its orientation, on the same cells."""
    cells = ANCHORED_CELLS[piece][rotation]
    same = ANCHORED_CELLS[piece][rotation % int(N_ORIENTATIONS[piece])]
    (left, bottom), (same_left, same_bottom) = _corner(cells), _corner(same)
    return left - same_left, bottom - same_bottom


def anchor_in_orientation(piece: int, rotation: int) -> tuple[int, int]:
    """Returns the (column, row) of the anchor, counted from the leftmost column and the lowest row of the piece."""
    left, bottom = _corner(ANCHORED_CELLS[piece][rotation])
    return -left, -bottom


def open_rows(spawn_row: int) -> int:
    """Returns the greatest stack height at which a piece reaches every position that is open from above.

    Four rows are enough to rotate any piece and to bring it over any column, also when it moves down one row after
    spawning, and to keep all positions from which a kick leads below an overhang.
    """
    return max(0, spawn_row - 4)


def spawn_column(piece: int, width: int) -> int:
    """Returns the anchor's column of a spawning piece, which is centered, or half a column left of the center."""
    piece_width = 1 + max(x for x, _ in orientation_cells(piece, 0))
    return (width - piece_width) // 2 + anchor_in_orientation(piece, 0)[0]


def _corner(cells: Cells) -> tuple[int, int]:
    return min(x for x, _ in cells), min(y for _, y in cells)
