"""The seven pieces as tables, all derived from one drawing of each piece.

A piece is an index into ``PIECES``. Rotation 0 is the flat one in which a piece spawns, each further rotation is one
clockwise turn. Rotations that fill the same cells up to a shift are one orientation, so I, S and Z have two and O has
one. Inside an orientation, column 0 is that of the leftmost cell and row 0 that of the lowest, whatever the pivot.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.errors import ConfigError

PIECES: Final = "IOTLJSZ"
N_PIECES: Final = len(PIECES)
N_CELLS: Final = 4
MAX_ORIENTATIONS: Final = 4

_DRAWINGS: Final = {
    "I": ["####"],
    "O": ["##", "##"],
    "T": [".#.", "###"],
    "L": ["..#", "###"],
    "J": ["#..", "###"],
    "S": [".##", "##."],
    "Z": ["##.", ".##"],
}

Cells = tuple[tuple[int, int], ...]  # (column, row)


def _normalize(cells: Cells) -> Cells:
    left = min(x for x, _ in cells)
    bottom = min(y for _, y in cells)
    return tuple(sorted((x - left, y - bottom) for x, y in cells))


def _orientations(drawing: list[str]) -> list[Cells]:
    cells = _normalize(tuple((x, -y) for y, line in enumerate(drawing) for x, mark in enumerate(line) if mark == "#"))
    found: list[Cells] = []
    for _ in range(MAX_ORIENTATIONS):
        if cells not in found:
            found.append(cells)
        cells = _normalize(tuple((y, -x) for x, y in cells))
    return found


_ORIENTATIONS: Final = [_orientations(_DRAWINGS[name]) for name in PIECES]


def orientation_cells(piece: int, rotation: int) -> Cells:
    """Cells ``(column, row)`` of one orientation, sorted; ``rotation`` counts modulo the piece's orientations.

    Raises:
        ConfigError: if there is no such piece, or a rotation is no integer.
    """
    if (
        not isinstance(piece, int | np.integer)
        or not isinstance(rotation, int | np.integer)
        or not 0 <= piece < N_PIECES
    ):
        raise ConfigError(
            f"A piece is an integer from 0 to {N_PIECES - 1}, its rotation an integer; got {piece!r:.80} and "
            f"{rotation!r:.80}. Correct them."
        )
    orientations = _ORIENTATIONS[piece]
    return orientations[rotation % len(orientations)]


def _table(measure: str) -> npt.NDArray[np.int64]:
    """Returns a ``(7, 4, 4) int64`` table [piece, rotation, column]; rotations beyond the orientations repeat them."""
    per_column = np.zeros((N_PIECES, MAX_ORIENTATIONS, N_CELLS), dtype=np.int64)
    for piece in range(N_PIECES):
        for rotation in range(MAX_ORIENTATIONS):
            for x in range(N_CELLS):
                rows = [cell_y for cell_x, cell_y in orientation_cells(piece, rotation) if cell_x == x]
                if rows:
                    bits = sum(1 << y for y in rows)
                    per_column[piece, rotation, x] = {"bits": bits, "bottom": min(rows), "top": max(rows) + 1}[measure]
    return per_column


N_ORIENTATIONS: Final = np.array([len(orientations) for orientations in _ORIENTATIONS], dtype=np.int64)  # (7,)
COLUMN_BITS: Final = _table("bits")  # (7, 4, 4) [piece, rotation, column], bit r = row r of the piece
BOTTOMS: Final = _table("bottom")  # (7, 4, 4) lowest row of each column
TOPS: Final = _table("top")  # (7, 4, 4) one above the highest row of each column, 0 where there is no column
PIECE_WIDTHS: Final = (COLUMN_BITS > 0).sum(axis=2)  # (7, 4)
PIECE_HEIGHTS: Final = TOPS.max(axis=2)  # (7, 4)


def _mirrored(piece: int, rotation: int) -> tuple[int, int]:
    """Returns the piece and the orientation that fill the mirrored cells."""
    cells = _normalize(tuple((-x, y) for x, y in orientation_cells(piece, rotation)))
    return next((other, found.index(cells)) for other, found in enumerate(_ORIENTATIONS) if cells in found)


_MIRRORED: Final = np.array(
    [[_mirrored(piece, rotation) for rotation in range(MAX_ORIENTATIONS)] for piece in range(N_PIECES)], dtype=np.int64
)
MIRRORED_PIECES: Final = np.ascontiguousarray(_MIRRORED[:, 0, 0])  # (7,) left and right swapped: L for J, S for Z
MIRRORED_ROTATIONS: Final = np.ascontiguousarray(_MIRRORED[:, :, 1])  # (7, 4) rotation of the mirrored piece
