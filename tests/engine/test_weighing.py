"""The drop of a linear controller against cells counted one by one, and against rows times weights."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.engine import naive
from tests.engine.test_afterstates import kernel_table
from tests.strategies import Position, positions
from tetrarium.engine import FEATURES, Rules, make_layout, row_length
from tetrarium.engine.features import feature_width
from tetrarium.engine.weighing import best_drop, can_weigh, weighed_features

LITERATURE = Rules(width=10, height=20, hidden_rows=4, randomizer="uniform", preview=0)
WEIGHED = [name for name in FEATURES if name not in ("next_pieces", "held_piece")]
BRIM = (1 << 20) - 1
FILLS_AND_LOSES = Position(rules=LITERATURE, columns=(BRIM - (1 << 16), *(BRIM,) * 8, 1 << 16), queue=(0,))
EMPTY = Position(rules=LITERATURE, columns=(0,) * 10, queue=(2,))
FOUR_ROWS = Position(rules=LITERATURE, columns=(0xF,) * 9 + (0,), queue=(0,))
WIDEST = Position(
    rules=Rules(width=16, height=27, hidden_rows=4, randomizer="7-bag", preview=0),
    columns=(*range(0, 1 << 26, (1 << 26) // 15), (1 << 26) - 2),
    queue=(0,),
)

low_positions = positions().filter(lambda position: position.rules.height + position.rules.hidden_rows < 32)
feature_lists = st.lists(st.sampled_from(WEIGHED), min_size=1, unique=True)
# Whole weights make ties, others tell orders of summation apart.
whole = st.integers(-3, 3).map(float)
numbers = st.floats(-100, 100, allow_subnormal=False)


def drawn_weights(names: list[str], width: int, kind: st.SearchStrategy[float], data: st.DataObject) -> list[float]:
    n_weights = sum(feature_width(name, width, 0) for name in names)
    return data.draw(st.lists(kind, min_size=n_weights, max_size=n_weights))


def first_best(rows: list[list[float] | None], overs: list[bool], weights: list[float]) -> tuple[int, float]:
    """In the order that the literature compares placements in, each sum from left to right."""
    best = (0, -np.inf)
    for action in sorted(range(len(rows)), key=lambda action: (action % 4, action // 4)):
        row = rows[action]
        if row is None or overs[action]:
            continue
        value = 0.0
        for weight, number in zip(weights, row, strict=True):
            value += weight * number
        if value > best[1]:
            best = (action, value)
    return best


def kernel_best(position: Position, names: list[str], weights: list[float]) -> tuple[int, float]:
    rules = position.rules
    layout = make_layout(names, rules.width, 0)
    row_weights = np.array(weights)
    assert can_weigh(rules, row_weights)
    weighing = weighed_features(layout, row_weights, rules.width)
    action, value = best_drop(position.array, position.queue[0], rules.compiled, weighing, row_weights)
    return int(action), float(value)


@given(low_positions, feature_lists, st.sampled_from([whole, numbers]), st.data())
@settings(max_examples=100)
def test_the_best_drop_is_the_twins(
    position: Position, names: list[str], kind: st.SearchStrategy[float], data: st.DataObject
) -> None:
    rules = position.rules
    size = (rules.width, rules.height, rules.height + rules.hidden_rows)
    weights = drawn_weights(names, rules.width, kind, data)
    rows = naive.feature_table(position.columns, [position.queue[0]], names, size)
    overs = naive.feature_table(position.columns, [position.queue[0]], ["game_over"], size)
    expected = first_best(rows, [row == [1.0] for row in overs], weights)
    assert kernel_best(position, names, weights) == expected


@given(low_positions, st.integers(0, 2**32 - 1))
@settings(max_examples=100)
@example(EMPTY, 0)
@example(FOUR_ROWS, 1)
@example(FILLS_AND_LOSES, 2)
@example(WIDEST, 3)
def test_the_best_drop_is_that_of_the_rows_to_the_last_bit(position: Position, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table: npt.NDArray[np.float32] = kernel_table(position, WEIGHED)
    rows = [None if row[0] < 0 else row.tolist() for row in table]
    overs = (table[:, -1] > 0).tolist()
    for _ in range(10):  # each of which finds another placement best
        weights = (rng.standard_normal(table.shape[1]) * (rng.random(table.shape[1]) < rng.random())).tolist()
        assert kernel_best(position, WEIGHED, weights) == first_best(rows, overs, weights)


def test_where_every_drop_loses_the_first_action_is_returned() -> None:
    full = Position(rules=LITERATURE, columns=((1 << 19) - 1,) * 9 + (0,), queue=(1,))
    assert kernel_best(full, ["holes"], [1.0]) == (0, -np.inf)


@pytest.mark.parametrize(("hidden_rows", "fits"), [(11, True), (12, False)])
def test_columns_have_at_most_31_rows(hidden_rows: int, fits: bool) -> None:
    rules = Rules(width=10, height=20, hidden_rows=hidden_rows, randomizer="7-bag", preview=0)
    assert can_weigh(rules, np.ones(30)) is fits


def test_weights_whose_sums_may_not_be_finite_are_left_to_the_rows() -> None:
    assert not can_weigh(LITERATURE, np.array([0.0, -1e301]))


def test_what_weighs_nothing_is_left_out() -> None:
    layout = make_layout(["column_heights", "holes", "bumpiness", "game_over"], 4, 0)
    weighing = weighed_features(layout, np.array([0.0, 2.0, 0.0, 0.0, 0.0, -3.0, 0.0]), 4)
    assert {FEATURES[index]: weighing[index] for index in np.flatnonzero(weighing[:-1] >= 0).tolist()} == {
        "column_heights": 0,
        "bumpiness": 5,
    }
    assert row_length(weighing) == row_length(layout) == 7
