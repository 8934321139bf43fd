"""The drop that a linear controller plays, compared with a naive twin and with rows times weights."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.engine import naive
from tests.engine.test_feature_rows import kernel_table
from tests.strategies import Position, positions
from tetrarium.engine import FEATURES, Rules, make_layout, row_length
from tetrarium.engine.afterstates.linear_values import best_drop, nonzero_features, supports_linear_values
from tetrarium.engine.features import FEATURE_SPECS, feature_width

LITERATURE = Rules(width=10, height=20, hidden_rows=4, randomizer="uniform", preview=0)
WEIGHABLE = [spec.name for spec in FEATURE_SPECS if spec.is_weighable]
BRIM = (1 << 20) - 1
FILLS_AND_LOSES = Position(rules=LITERATURE, columns=(BRIM - (1 << 16), *(BRIM,) * 8, 1 << 16), queue=(0,))
EMPTY = Position(rules=LITERATURE, columns=(0,) * 10, queue=(2,))
FOUR_ROWS = Position(rules=LITERATURE, columns=(0xF,) * 9 + (0,), queue=(0,))
WIDEST = Position(
    rules=Rules(width=16, height=27, hidden_rows=4, randomizer="7-bag", preview=0),
    columns=(*range(0, 1 << 26, (1 << 26) // 15), (1 << 26) - 2),
    queue=(0,),
)

feature_lists = st.lists(st.sampled_from(WEIGHABLE), min_size=1, unique=True)
# Whole weights make ties, others distinguish orders of summation.
whole = st.integers(-3, 3).map(float)
numbers = st.floats(-100, 100, allow_subnormal=False)


def drawn_weights(names: list[str], width: int, kind: st.SearchStrategy[float], data: st.DataObject) -> list[float]:
    n_weights = sum(feature_width(name, width, 0) for name in names)
    return data.draw(st.lists(kind, min_size=n_weights, max_size=n_weights))


def first_best(rows: list[list[float] | None], ends_game: list[bool], weights: list[float]) -> tuple[int, float]:
    """The first best placement in the literature's order, orientation-major, each sum from left to right."""
    best = (0, -np.inf)
    for action in sorted(range(len(rows)), key=lambda action: (action % 4, action // 4)):
        row = rows[action]
        if row is None or ends_game[action]:
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
    assert supports_linear_values(rules, row_weights)
    nonzero = nonzero_features(layout, row_weights, rules)
    action, value = best_drop(position.array, position.queue[0], rules.compiled, nonzero, row_weights)
    return int(action), float(value)


@given(positions(), feature_lists, st.sampled_from([whole, numbers]), st.data())
def test_the_best_drop_matches_the_naive_twin(
    position: Position, names: list[str], kind: st.SearchStrategy[float], data: st.DataObject
) -> None:
    rules = position.rules
    size = (rules.width, rules.height, rules.height + rules.hidden_rows)
    weights = drawn_weights(names, rules.width, kind, data)
    rows = naive.feature_table(position.columns, [position.queue[0]], names, size)
    overs = naive.feature_table(position.columns, [position.queue[0]], ["game_over"], size)
    expected = first_best(rows, [row == [1.0] for row in overs], weights)
    assert kernel_best(position, names, weights) == expected


@given(positions(), st.integers(0, 2**32 - 1))
@example(EMPTY, 0)
@example(FOUR_ROWS, 1)
@example(FILLS_AND_LOSES, 2)
@example(WIDEST, 3)
def test_the_best_drop_equals_rows_times_weights_to_the_last_bit(position: Position, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table: npt.NDArray[np.float32] = kernel_table(position, WEIGHABLE)
    rows = [None if row[0] < 0 else row.tolist() for row in table]
    overs = (table[:, -1] > 0).tolist()
    for _ in range(10):  # each of which finds another placement best
        weights = (rng.standard_normal(table.shape[1]) * (rng.random(table.shape[1]) < rng.random())).tolist()
        assert kernel_best(position, WEIGHABLE, weights) == first_best(rows, overs, weights)


def test_where_every_drop_loses_the_first_action_is_returned() -> None:
    full = Position(rules=LITERATURE, columns=((1 << 19) - 1,) * 9 + (0,), queue=(1,))
    assert kernel_best(full, ["holes"], [1.0]) == (0, -np.inf)


@pytest.mark.parametrize(
    ("changes", "is_supported"),
    [
        ({}, True),
        ({"height": 40, "hidden_rows": 20}, True),
        ({"hold": True}, False),
        ({"game_over": "guideline"}, False),
        ({"actions": "reachable"}, False),
    ],
)
def test_straight_drops_without_hold_under_the_overflow_rule_are_supported(
    changes: dict[str, Any], is_supported: bool
) -> None:
    rules = Rules(**({"width": 10, "height": 20, "hidden_rows": 4, "randomizer": "7-bag", "preview": 1} | changes))
    assert supports_linear_values(rules, np.ones(30)) is is_supported


def test_weights_whose_sums_may_be_infinite_are_not_supported() -> None:
    assert not supports_linear_values(LITERATURE, np.array([0.0, -1e301]))


def test_features_of_weight_zero_are_removed() -> None:
    rules = Rules(width=4, height=20, hidden_rows=4, randomizer="7-bag", preview=0)
    layout = make_layout(["column_heights", "holes", "bumpiness", "game_over"], 4, 0)
    nonzero = nonzero_features(layout, np.array([0.0, 2.0, 0.0, 0.0, 0.0, -3.0, 0.0]), rules)
    assert {FEATURES[index]: nonzero[index] for index in np.flatnonzero(nonzero[:-1] >= 0).tolist()} == {
        "column_heights": 0,
        "bumpiness": 5,
    }
    assert row_length(nonzero) == row_length(layout) == 7
