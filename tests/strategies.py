"""Hypothesis strategies for boards, pieces, rules and feature lists."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from tetrarium.engine import FEATURES, N_PIECES, PIECES, Rules

__all__ = ["Position", "board_columns", "feature_lists", "pieces", "positions", "rules", "scripts"]

pieces = st.integers(0, N_PIECES - 1)
scripts = st.text(PIECES, min_size=1, max_size=9)
feature_lists = st.lists(st.sampled_from(FEATURES), min_size=1, unique=True)


@dataclass(frozen=True)
class Position:
    """The board and the queue of a game in play."""

    rules: Rules
    columns: tuple[int, ...]
    queue: tuple[int, ...]

    @property
    def array(self) -> npt.NDArray[np.int64]:
        return np.array(self.columns, dtype=np.int64)


@st.composite
def rules(draw: st.DrawFn, randomizers: st.SearchStrategy[str] | None = None) -> Rules:
    height = draw(st.integers(4, 40))
    return Rules(
        width=draw(st.integers(4, 16)),
        height=height,
        hidden_rows=draw(st.integers(4, min(20, 60 - height))),
        randomizer=draw(st.sampled_from(["7-bag", "uniform"]) if randomizers is None else randomizers),
        preview=draw(st.integers(0, 6)),
    )


@st.composite
def board_columns(draw: st.DrawFn, width: int, height: int) -> tuple[int, ...]:
    """Columns without a full row and without a cell at or above ``height``.

    Stacks are drawn and holes are cut into them; then the lowest rows are filled except for a few cells, so that
    pieces complete rows often.
    """
    stack_height = draw(st.integers(0, height))
    columns = []
    for _ in range(width):
        top = draw(st.integers(max(0, stack_height - 6), stack_height))
        holes = draw(st.integers(0, (1 << height) - 1)) & draw(st.integers(0, (1 << height) - 1))
        columns.append(((1 << top) - 1) & ~holes)
    n_nearly_full = draw(st.integers(0, min(6, height)))
    gap = draw(st.integers(0, width - 1))
    gap_width = draw(st.integers(1, 4))
    for x in range(width):
        if not gap <= x < gap + gap_width:
            columns[x] |= (1 << n_nearly_full) - 1
    full = (1 << height) - 1
    for column in columns:
        full &= column
    columns[gap] &= ~full
    return tuple(columns)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    game_rules = draw(rules())
    return Position(
        rules=game_rules,
        columns=draw(board_columns(game_rules.width, game_rules.height)),
        queue=tuple(draw(st.lists(pieces, min_size=1 + game_rules.preview, max_size=1 + game_rules.preview))),
    )
