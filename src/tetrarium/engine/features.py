"""The names of the features, and where each lies in a row of numbers.

Definitions and names: Thiery and Scherrer, "Building Controllers for Tetris", ICGA Journal 32, 2009, and Scherrer et
al., JMLR 16, 2015, table 1. All describe the board after full rows are gone, but for the landing height and the eroded
cells; the board that a placement lost on is described as it lies. No feature is negative.

========================  ==========================================================================================
column_heights            rows up to the highest cell of each column (``width`` numbers)
max_height                the highest of them
holes                     empty cells with a filled cell anywhere above
bumpiness                 sum of the height differences of neighbouring columns
lines_cleared             rows that the placement removes
landing_height            row of the piece's lowest cell at rest, counted from 0, plus (piece height - 1) / 2
eroded_cells              rows removed, times cells of this piece that vanish with them
row_transitions           changes between filled and empty along the visible rows, side walls filled
column_transitions        the same along the columns, floor filled
wells                     for each empty cell between filled neighbours, the run of empty cells from it down; summed
fast_wells                as wells, but every empty cell under a well cell in its run counts as a well cell
hole_depth                for each empty cell right under a filled one, the run of filled cells above it; summed
rows_with_holes           rows that contain a hole
pattern_diversity         how many of the values -2 to 2 occur among neighbouring columns' height differences
game_over                 1 where the placement ends the game
next_pieces               one-hot, the pieces that follow the placed one (``7 * preview`` numbers)
held_piece                one-hot, the held piece after the move; the first number says that there is none (8 numbers)
========================  ==========================================================================================
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import N_PIECES
from tetrarium.errors import ConfigError, suggestion

__all__ = ["FEATURES", "Layout", "feature_width", "make_layout", "row_length"]

FEATURES: Final = (
    "column_heights",
    "max_height",
    "holes",
    "bumpiness",
    "lines_cleared",
    "landing_height",
    "eroded_cells",
    "row_transitions",
    "column_transitions",
    "wells",
    "fast_wells",
    "hole_depth",
    "rows_with_holes",
    "pattern_diversity",
    "game_over",
    "next_pieces",
    "held_piece",
)

# A layout is (17,) int64: for each feature the index of its first number in a row, or -1 where it is left out; then the
# length of a row.
Layout = npt.NDArray[np.int64]
(
    COLUMN_HEIGHTS,
    MAX_HEIGHT,
    HOLES,
    BUMPINESS,
    LINES_CLEARED,
    LANDING_HEIGHT,
    ERODED_CELLS,
    ROW_TRANSITIONS,
    COLUMN_TRANSITIONS,
    WELLS,
    FAST_WELLS,
    HOLE_DEPTH,
    ROWS_WITH_HOLES,
    PATTERN_DIVERSITY,
    GAME_OVER,
    NEXT_PIECES,
    HELD_PIECE,
    ROW_LENGTH,
) = range(len(FEATURES) + 1)


def feature_width(name: str, width: int, preview: int) -> int:
    """How many numbers a feature takes in a row.

    Raises:
        ConfigError: if there is no feature of that name.
    """
    if name not in FEATURES:
        raise ConfigError(f"A feature is one of {', '.join(FEATURES)}; got {name!r}.{suggestion(str(name), FEATURES)}")
    wide = {"column_heights": width, "next_pieces": N_PIECES * preview, "held_piece": N_PIECES + 1}
    return wide.get(name, 1)


def make_layout(features: Sequence[str], width: int, preview: int) -> Layout:
    """Lays features out in the order of ``FEATURES``, whatever the order they are named in.

    >>> layout = make_layout(["holes", "column_heights"], width=10, preview=0)
    >>> int(layout[COLUMN_HEIGHTS]), int(layout[HOLES]), row_length(layout)
    (0, 10, 11)

    Raises:
        ConfigError: if a name is unknown, or there is none.
    """
    widths = {name: feature_width(name, width, preview) for name in features}
    if sum(widths.values()) == 0:
        raise ConfigError("An observation has at least one number a row; got none. Name a feature, such as 'holes'.")
    layout = np.full(len(FEATURES) + 1, -1, dtype=np.int64)
    position = 0
    for index, name in enumerate(FEATURES):
        if name in widths:
            layout[index] = position
            position += widths[name]
    layout[ROW_LENGTH] = position
    return layout


def row_length(layout: Layout) -> int:
    """How many numbers a row has."""
    return int(layout[ROW_LENGTH])
