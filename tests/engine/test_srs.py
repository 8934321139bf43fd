"""Tests of the Super Rotation System's tables against drawings that are typed in again, and of their laws."""

import pytest

from tests.engine.naive import LETTERS, board_of
from tests.engine.naive_srs import TABLES, Space
from tetrarium.engine.pieces import N_PIECES, PIECES, orientation_cells
from tetrarium.engine.srs import (
    ANCHORED_CELLS,
    CLOCKWISE,
    COUNTER_CLOCKWISE,
    KICKS,
    N_ROTATIONS,
    anchor_in_orientation,
    open_rows,
    shift_to_orientation,
    spawn_column,
)

MIRRORED = {"J": "L", "L": "J", "S": "Z", "Z": "S", "T": "T", "O": "O", "I": "I"}
MIRRORED_ROTATION = (0, 3, 2, 1)


def box_anchor(piece: int, rotation: int) -> tuple[int, int]:
    """Returns the anchor's cell in the box of the naive twin."""
    cells = Space(board_of([]), piece, 10, 40).cells((0, 0, rotation))
    anchored = ANCHORED_CELLS[piece][rotation]
    found = {(x, y) for x, y in cells if {(x + dx, y + dy) for dx, dy in anchored} == cells}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("piece", range(N_PIECES))
def test_cells_and_kicks_match_the_box_drawings(piece: int) -> None:
    table = TABLES["I" if LETTERS[piece] == "I" else "3"]
    for rotation in range(N_ROTATIONS):
        x, y = box_anchor(piece, rotation)
        for turn in (CLOCKWISE, COUNTER_CLOCKWISE):
            to = (rotation + turn) % N_ROTATIONS
            to_x, to_y = box_anchor(piece, to)
            expected = [] if LETTERS[piece] == "O" else table[rotation, to]
            shifts = KICKS[piece].get((rotation, turn), ())
            assert [(dx - to_x + x, dy - to_y + y) for dx, dy in shifts] == expected


@pytest.mark.parametrize("piece", range(N_PIECES))
def test_opposite_turns_are_inverse(piece: int) -> None:
    for (rotation, turn), shifts in KICKS[piece].items():
        back = KICKS[piece][(rotation + turn) % N_ROTATIONS, -turn % N_ROTATIONS]
        assert [(-x, -y) for x, y in shifts] == list(back)


def mirrored_anchor(piece: int, rotation: int) -> int:
    """Returns the mirrored anchor's offset in the mirrored piece: 0 but for I, whose anchor is left of the center."""
    mirrored_cells = {(-x, y) for x, y in ANCHORED_CELLS[piece][rotation]}
    other = PIECES.index(MIRRORED[PIECES[piece]])
    cells = ANCHORED_CELLS[other][MIRRORED_ROTATION[rotation]]
    return min(x for x, _ in mirrored_cells) - min(x for x, _ in cells)


@pytest.mark.parametrize("piece", range(N_PIECES))
def test_turns_mirror(piece: int) -> None:
    """Exactly for all but I, whose tests mirror only as sets."""
    letter = PIECES[piece]
    other = PIECES.index(MIRRORED[letter])
    n_exact = 0
    for (rotation, turn), shifts in KICKS[piece].items():
        to = (rotation + turn) % N_ROTATIONS
        aside = mirrored_anchor(piece, to) - mirrored_anchor(piece, rotation)
        expected = [(-x + aside, y) for x, y in shifts]
        found = list(KICKS[other][MIRRORED_ROTATION[rotation], -turn % N_ROTATIONS])
        assert sorted(found) == sorted(expected)
        n_exact += found == expected
    assert n_exact == {"I": 0, "O": 0}.get(letter, 8)


@pytest.mark.parametrize("piece", range(N_PIECES))
def test_every_anchor_is_a_cell_of_its_piece(piece: int) -> None:
    for rotation in range(N_ROTATIONS):
        assert (0, 0) in ANCHORED_CELLS[piece][rotation]
        x, y = anchor_in_orientation(piece, rotation)
        cells = sorted((dx + x, dy + y) for dx, dy in ANCHORED_CELLS[piece][rotation])
        assert cells == list(orientation_cells(piece, rotation))


@pytest.mark.parametrize("piece", range(N_PIECES))
def test_shift_to_orientation_maps_rotations_with_the_same_cells(piece: int) -> None:
    n_orientations = {"I": 2, "S": 2, "Z": 2, "O": 1}.get(PIECES[piece], 4)
    for rotation in range(N_ROTATIONS):
        x, y = shift_to_orientation(piece, rotation)
        same = ANCHORED_CELLS[piece][rotation % n_orientations]
        assert sorted((dx + x, dy + y) for dx, dy in same) == sorted(ANCHORED_CELLS[piece][rotation])


@pytest.mark.parametrize(
    ("width", "lefts"), [(10, {"I": 3, "O": 4, "T": 3}), (4, {"I": 0, "O": 1, "T": 0}), (7, {"I": 1, "O": 2, "T": 2})]
)
def test_pieces_spawn_centered(width: int, lefts: dict[str, int]) -> None:
    for piece, letter in enumerate(PIECES):
        left = spawn_column(piece, width) - anchor_in_orientation(piece, 0)[0]
        assert left == lefts.get(letter, lefts["T"])


def test_open_rows_end_four_rows_below_the_spawn() -> None:
    assert [open_rows(spawn_row) for spawn_row in (2, 4, 5, 20)] == [0, 0, 1, 16]
