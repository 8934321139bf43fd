"""The seven pieces as data, every table derived from one drawing of each piece.

A piece is an index into ``PIECES``. Rotation 0 lies flat as it spawns, each further rotation is one clockwise turn.
Turns that fill the same cells up to a shift are one orientation, so I, S and Z have two and O has one. Inside an
orientation, column 0 is the leftmost cell and row 0 the lowest, whatever the pivot.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "BOTTOMS",
    "BOTTOM_SUMS",
    "COLUMN_BITS",
    "MAX_ORIENTATIONS",
    "MIRRORED_PIECES",
    "MIRRORED_ROTATIONS",
    "N_CELLS",
    "N_ORIENTATIONS",
    "N_PIECES",
    "PIECES",
    "PIECE_HEIGHTS",
    "PIECE_WIDTHS",
    "TOPS",
    "TOP_BUMPS",
    "orientation_cells",
]

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

Cells = tuple[tuple[int, int], ...]


def _normalised(cells: Cells) -> Cells:
    left = min(x for x, _ in cells)
    bottom = min(y for _, y in cells)
    return tuple(sorted((x - left, y - bottom) for x, y in cells))


def _orientations(drawing: list[str]) -> list[Cells]:
    cells = _normalised(tuple((x, -y) for y, line in enumerate(drawing) for x, mark in enumerate(line) if mark == "#"))
    found: list[Cells] = []
    for _ in range(MAX_ORIENTATIONS):
        if cells not in found:
            found.append(cells)
        cells = _normalised(tuple((y, -x) for x, y in cells))
    return found


_ORIENTATIONS: Final = [_orientations(_DRAWINGS[name]) for name in PIECES]


def orientation_cells(piece: int, rotation: int) -> Cells:
    """Cells ``(column, row)`` of one orientation, sorted; ``rotation`` counts modulo the piece's orientations."""
    orientations = _ORIENTATIONS[piece]
    return orientations[rotation % len(orientations)]


def _table(measure: str) -> npt.NDArray[np.int64]:
    """Tabulates one measure of every orientation; rotations beyond a piece's orientations repeat them."""
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
BOTTOM_SUMS: Final = BOTTOMS.sum(axis=2)  # (7, 4)
TOP_BUMPS: Final = np.where(COLUMN_BITS[:, :, 1:] > 0, np.abs(np.diff(TOPS, axis=2)), 0).sum(axis=2)  # (7, 4)


def _mirrored(piece: int, rotation: int) -> tuple[int, int]:
    """Returns which piece in which orientation the mirrored cells are."""
    cells = _normalised(tuple((-x, y) for x, y in orientation_cells(piece, rotation)))
    return next((other, found.index(cells)) for other, found in enumerate(_ORIENTATIONS) if cells in found)


_MIRRORED: Final = np.array(
    [[_mirrored(piece, rotation) for rotation in range(MAX_ORIENTATIONS)] for piece in range(N_PIECES)], dtype=np.int64
)
MIRRORED_PIECES: Final = np.ascontiguousarray(_MIRRORED[:, 0, 0])  # (7,) left and right swapped: L for J, S for Z
MIRRORED_ROTATIONS: Final = np.ascontiguousarray(_MIRRORED[:, :, 1])  # (7, 4) rotation of the mirrored piece
