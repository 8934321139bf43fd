"""The table of features, ``FEATURE_SPECS``, and the index of each feature in a row of numbers.

A feature's row of the table holds all facts about it; observations, configurations, networks and linear controllers
read them there. Its kernel is in ``afterstates.feature_kernels``.

Definitions and names: Thiery and Scherrer, "Building Controllers for Tetris", ICGA Journal 32, 2009, and Scherrer et
al., JMLR 16, 2015, table 1. Features describe the board after full rows are gone, except the landing height and the
eroded cells; the board that a placement lost on is described as it lies. No feature is negative.
"""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import MIRRORED_PIECES, N_PIECES
from tetrarium.engine.rules import MAX_ROWS, require_instance, require_integer
from tetrarium.errors import ConfigError, suggestion


class BoardSize(NamedTuple):
    """Measures of a board that the bounds of features depend on."""

    width: int
    height: int  # visible rows
    n_rows: int  # visible and hidden rows


LARGEST_CLASS: Final = 3  # of the feature ``difference_classes``
N_CLASSES: Final = 2 * LARGEST_CLASS + 1

# (board width, preview) -> numbers of a feature, by what each of its numbers describes
_COUNTS: Final[dict[str, Callable[[int, int], int]]] = {
    "board": lambda _width, _preview: 1,
    "column": lambda width, _preview: width,
    "gap": lambda width, _preview: width - 1,
    "gap class": lambda width, _preview: N_CLASSES * (width - 1),
    "queue": lambda _width, preview: N_PIECES * preview,
    "hold": lambda _width, _preview: N_PIECES + 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """One feature of an afterstate.

    Attributes:
        name: Name in configurations.
        meaning: Definition, in one sentence.
        bound: Largest value that each of its numbers can take on a board of a size.
        scale: Factor before it enters a network, so that inputs are of the order of 1. It is fixed: unlike a running
            mean it needs no state, and a loaded network receives exactly what it was trained on. It is near one over
            the values on the boards of a learner that has begun to survive.
        per: What each of its numbers describes: the ``"board"``, a ``"column"``, a ``"gap"`` between neighboring
            columns, a ``"gap class"`` (``N_CLASSES`` for each gap), a place of the ``"queue"``, or the ``"hold"``.
        is_default: Whether observations have it unless features are named; a new feature is not, so that existing
            checkpoints keep their observation.
        is_weighable: Whether linear controllers may weigh it; placements do not differ in the others.
        sign: 1 for a feature that good play increases, -1 for one that it decreases, 0 where that is not clear.
    """

    name: str
    meaning: str
    bound: Callable[[BoardSize], int]
    scale: float
    per: str = "board"
    is_default: bool = False
    is_weighable: bool = True
    sign: int = -1

    @property
    def size_setting(self) -> str | None:
        """The setting of a game on which its number of numbers depends: ``"width"``, ``"preview"`` or None."""
        return {"column": "width", "gap": "width", "gap class": "width", "queue": "preview"}.get(self.per)

    def board_width(self, n_numbers: int) -> int | None:
        """Returns the width of the boards on which it has so many numbers; None if it does not depend on the width."""
        return {"column": n_numbers, "gap": n_numbers + 1, "gap class": n_numbers // N_CLASSES + 1}.get(self.per)


FEATURE_SPECS: Final = (
    FeatureSpec(
        name="column_heights",
        meaning="rows up to the highest cell of each column",
        bound=lambda size: size.n_rows,
        scale=0.1,
        per="column",
        is_default=True,
    ),
    FeatureSpec(
        name="max_height",
        meaning="the highest column height",
        bound=lambda size: size.n_rows,
        scale=0.1,
        is_default=True,
    ),
    FeatureSpec(
        name="holes",
        meaning="empty cells with a filled cell anywhere above",
        bound=lambda size: size.width * size.n_rows,
        scale=0.1,
        is_default=True,
    ),
    FeatureSpec(
        name="bumpiness",
        meaning="sum of the height differences of neighboring columns",
        bound=lambda size: (size.width - 1) * size.n_rows,
        scale=0.05,
        is_default=True,
    ),
    FeatureSpec(  # Bertsekas and Ioffe, MIT LIDS-P-2349, 1996, with column_heights, max_height and holes
        name="height_differences",
        meaning="height difference of each pair of neighboring columns, without its sign",
        bound=lambda size: size.n_rows,
        scale=0.3,
        per="gap",
    ),
    FeatureSpec(
        name="difference_classes",
        meaning="one-hot for each pair of neighboring columns, the right one's height less the left one's, "
        "-3 or less to 3 or more",
        bound=lambda _size: 1,
        scale=0.3,
        per="gap class",
        sign=0,
    ),
    FeatureSpec(
        name="lines_cleared",
        meaning="rows that the placement removes",
        bound=lambda _size: 4,
        scale=0.5,
        sign=1,
        is_default=True,
    ),
    FeatureSpec(
        name="landing_height",
        meaning="row of the piece's lowest cell at rest, counted from 0, plus (piece height - 1) / 2",
        bound=lambda size: size.n_rows,
        scale=0.1,
        is_default=True,
    ),
    FeatureSpec(
        name="eroded_cells",
        meaning="rows removed, times cells of this piece that vanish with them",
        bound=lambda _size: 16,
        scale=0.1,
        sign=1,
        is_default=True,
    ),
    FeatureSpec(
        name="row_transitions",
        meaning="changes between filled and empty along the visible rows, side walls filled",
        bound=lambda size: size.height * (size.width + 1),
        scale=0.02,
        is_default=True,
    ),
    FeatureSpec(
        name="column_transitions",
        meaning="changes between filled and empty along the columns, floor filled",
        bound=lambda size: size.width * (size.n_rows + 1),
        scale=0.05,
        is_default=True,
    ),
    FeatureSpec(
        name="wells",
        meaning="for each empty cell between filled neighbors, the run of empty cells from it down; summed",
        bound=lambda size: size.width * size.n_rows * (size.n_rows + 1) // 2,
        scale=0.05,
        is_default=True,
    ),
    FeatureSpec(
        name="fast_wells",
        meaning="as wells, but every empty cell under a well cell in its run counts as a well cell",
        bound=lambda size: size.width * size.n_rows * (size.n_rows + 1) // 2,
        scale=0.02,
    ),
    FeatureSpec(
        name="hole_depth",
        meaning="for each empty cell right under a filled one, the run of filled cells above it; summed",
        bound=lambda size: size.width * size.n_rows,
        scale=0.05,
        is_default=True,
    ),
    FeatureSpec(
        name="rows_with_holes",
        meaning="rows that contain a hole",
        bound=lambda size: size.n_rows,
        scale=0.1,
        is_default=True,
    ),
    FeatureSpec(
        name="pattern_diversity",
        meaning="how many of the values -2 to 2 occur among neighboring columns' height differences",
        bound=lambda _size: 5,
        scale=0.3,
        sign=0,
        is_default=True,
    ),
    FeatureSpec(
        name="game_over",
        meaning="1 where the placement ends the game",
        bound=lambda _size: 1,
        scale=1.0,
        is_default=True,
    ),
    FeatureSpec(
        name="next_pieces",
        meaning="one-hot, the pieces that follow the placed one",
        bound=lambda _size: 1,
        scale=1.0,
        per="queue",
        is_weighable=False,
    ),
    FeatureSpec(
        name="held_piece",
        meaning="one-hot, the held piece after the move; the first number is for none",
        bound=lambda _size: 1,
        scale=1.0,
        per="hold",
        is_weighable=False,
    ),
)
FEATURES: Final = tuple(spec.name for spec in FEATURE_SPECS)
DEFAULT_FEATURES: Final = tuple(spec.name for spec in FEATURE_SPECS if spec.is_default)

# A layout is (n_features + 1,) int64: the position of each feature's first number in a row, or -1 where the row does
# not have it; then the length of a row.
Layout = npt.NDArray[np.int64]
(  # indices into a layout, in the order of the table
    COLUMN_HEIGHTS,
    MAX_HEIGHT,
    HOLES,
    BUMPINESS,
    HEIGHT_DIFFERENCES,
    DIFFERENCE_CLASSES,
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


def feature_spec(name: str) -> FeatureSpec:
    """Returns the row of the table for a feature.

    Raises:
        ConfigError: if there is no feature of that name.
    """
    if not isinstance(name, str) or name not in FEATURES:
        raise ConfigError(
            f"A feature is one of {', '.join(FEATURES)}; got {name!r}.{suggestion(str(name), FEATURES)}",
            field="features",
        )
    return FEATURE_SPECS[FEATURES.index(name)]


def feature_width(name: str, width: int, preview: int) -> int:
    """Returns how many numbers a row has of a feature.

    Raises:
        ConfigError: if there is no feature of that name.
    """
    require_integer("width", width, 0, MAX_ROWS)
    require_integer("preview", preview, 0, MAX_ROWS)
    return _COUNTS[feature_spec(name).per](width, preview)


def in_table_order(features: Sequence[str]) -> tuple[str, ...]:
    """Returns features in the order of the table, each once."""
    return tuple(name for name in FEATURES if name in features)


def feature_bounds(features: Sequence[str], size: BoardSize, preview: int) -> npt.NDArray[np.float32]:
    """Returns ``(row length,) float32``: the largest value that each number of a row can take."""
    names = in_table_order(features)
    wide = [np.full(feature_width(name, size.width, preview), feature_spec(name).bound(size)) for name in names]
    return np.concatenate(wide).astype(np.float32)


def feature_scales(features: Sequence[str], width: int, preview: int) -> list[float]:
    """Returns the factor of each number of a row before it enters a network."""
    names = in_table_order(features)
    return [feature_spec(name).scale for name in names for _ in range(feature_width(name, width, preview))]


def mirrored_numbers(features: Sequence[str], width: int, preview: int) -> npt.NDArray[np.int64]:
    """Returns ``(row length,) int64``: for each number of a row the one that the mirrored board has in its place.

    >>> mirrored_numbers(("column_heights", "holes"), width=3, preview=0)
    array([2, 1, 0, 3])
    """
    parts: list[npt.NDArray[np.int64]] = []
    for name in in_table_order(features):
        numbers = np.arange(feature_width(name, width, preview))
        per = feature_spec(name).per
        if per in ("column", "gap", "gap class"):  # of a class its opposite, too
            numbers = numbers[::-1]
        elif per in ("queue", "hold"):  # one-hot; the first number of a hold is for none
            n_first = len(numbers) % N_PIECES
            pieces = numbers[n_first:].reshape(-1, N_PIECES)[:, MIRRORED_PIECES]
            numbers = np.concatenate([numbers[:n_first], pieces.ravel()])
        parts.append(numbers + sum(map(len, parts)))
    return np.concatenate(parts)


def make_layout(features: Sequence[str], width: int, preview: int) -> Layout:
    """Lays features out in the order of the table, whatever the order they are named in.

    >>> layout = make_layout(["holes", "column_heights"], width=10, preview=0)
    >>> int(layout[COLUMN_HEIGHTS]), int(layout[HOLES]), row_length(layout)
    (0, 10, 11)

    Raises:
        ConfigError: if a name is unknown, or there is none.
    """
    require_instance("features", features, Collection)
    widths = {name: feature_width(name, width, preview) for name in features}
    if sum(widths.values()) == 0:
        raise ConfigError(
            "An observation has at least one number a row; got none. Name a feature, such as 'holes'.", field="features"
        )
    layout = np.full(len(FEATURES) + 1, -1, dtype=np.int64)
    position = 0
    for index, name in enumerate(FEATURES):
        if name in widths:
            layout[index] = position
            position += widths[name]
    layout[ROW_LENGTH] = position
    return layout


def require_layout(layout: Layout, width: int, preview: int) -> None:
    """Checks that ``make_layout`` made a layout for a width and a preview.

    Raises:
        ConfigError: if not.
    """
    if not isinstance(layout, np.ndarray) or not _is_layout(layout.tobytes(), width, preview):
        raise ConfigError(
            f"A layout is of make_layout for {width} columns and a preview of {preview}; got {layout!r:.80}. Make one.",
            field="layout",
        )


@functools.lru_cache(maxsize=64)
def _is_layout(content: bytes, width: int, preview: int) -> bool:
    if len(content) != (len(FEATURES) + 1) * 8:
        return False
    positions = np.frombuffer(content, np.int64)[:-1].tolist()
    names = [name for name, position in zip(FEATURES, positions, strict=True) if position >= 0]
    return bool(names) and content == make_layout(names, width, preview).tobytes()


def row_length(layout: Layout) -> int:
    """Returns the length of a row.

    Raises:
        ConfigError: if ``layout`` is not one.
    """
    if not isinstance(layout, np.ndarray) or layout.shape != (len(FEATURES) + 1,) or layout.dtype != np.int64:
        raise ConfigError(f"A layout is of make_layout; got {layout!r:.80}. Make one.", field="layout")
    return int(layout[ROW_LENGTH])
