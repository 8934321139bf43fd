"""Numbers of whole boards: what is compiled against what is plain Python, and both against single columns."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.engine.jit import kernel
from tetrarium.engine.lane_numbers import (
    beside,
    cells_in_any,
    cells_of_each,
    first_largest,
    flipped,
    heights_of,
    lane_numbers,
    lanes_with_cells,
    larger,
    largest,
    load_columns,
    lowered,
    number_in,
    picked,
    raised,
    same_values,
    summed,
    values_where,
    weighed,
    where_above,
    where_greater,
    with_value,
)
from tetrarium.engine.lanes import N_LANES, load_lanes, store_lanes

N_RESULTS = 15
ALL = (1 << 32) - 1


@kernel
def every_operation(words: Any, columns: Any, lane: int, weight: float, out: Any) -> Any:
    lanes, other = load_lanes(words, 0), load_lanes(words, N_LANES)
    store_lanes(out, 0, load_columns(columns, columns.shape[0]))
    store_lanes(out, 16, lane_numbers(lanes))
    store_lanes(out, 32, beside(lanes, 3))
    store_lanes(out, 48, beside(lanes, -2))
    store_lanes(out, 64, raised(lanes, other))
    store_lanes(out, 80, lowered(lanes, other))
    store_lanes(out, 96, flipped(lanes))
    store_lanes(out, 112, cells_of_each(lanes))
    store_lanes(out, 128, heights_of(lanes))
    store_lanes(out, 144, larger(lanes, other))
    store_lanes(out, 160, where_above(lanes, other))
    store_lanes(out, 176, picked(lanes, other, lane_numbers(lanes)))
    store_lanes(out, 192, lanes + other)
    store_lanes(out, 208, lanes - other)
    values = weighed(same_values(0.25, lanes), weight, lanes, 0.5)
    changed = values_where(other, with_value(values, lane, 1.5), same_values(-2.0, lanes))
    store_lanes(out, 224, where_greater(changed, values))
    numbers = summed(lanes), largest(lanes), cells_in_any(lanes), lanes_with_cells(lanes), number_in(lanes, lane)
    return numbers, first_largest(values, other), first_largest(changed, lane_numbers(lanes))


def drawn(data: st.DataObject) -> tuple[Any, ...]:
    words = st.integers(0, ALL) | st.integers(0, 40) | st.sampled_from([0, ALL])
    lanes = data.draw(st.lists(words, min_size=2 * N_LANES, max_size=2 * N_LANES))
    columns = data.draw(st.lists(st.integers(0, (1 << 31) - 1), min_size=4, max_size=N_LANES))
    lane, weight = data.draw(st.integers(0, N_LANES - 1)), data.draw(st.floats(-1e6, 1e6))
    return np.array(lanes, dtype=np.uint32), np.array(columns, dtype=np.int64), lane, weight


@pytest.mark.compiled
@given(st.data())
def test_compiled_numbers_are_the_plain_ones(data: st.DataObject) -> None:
    given_words = drawn(data)
    compiled, plain = np.zeros((2, N_RESULTS * N_LANES), np.uint32)
    assert every_operation(*given_words, compiled) == every_operation.py_func(*given_words, plain)
    assert compiled.tolist() == plain.tolist()


def signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


@given(st.data())
def test_numbers_are_those_of_single_columns(data: st.DataObject) -> None:
    words, columns, lane, weight = drawn(data)
    out: npt.NDArray[np.uint32] = np.zeros(N_RESULTS * N_LANES, np.uint32)
    (total, top, rows, lanes_set, number), best, best_changed = every_operation(words, columns, lane, weight, out)
    parts = out.reshape(N_RESULTS, N_LANES).tolist()
    one, two = words[:N_LANES].tolist(), words[N_LANES:].tolist()
    both = list(zip(one, two, strict=True))
    padded = [ALL] * 2 + one + [ALL] * 3
    assert parts[0] == columns.tolist() + [ALL] * (N_LANES - len(columns))
    assert parts[1] == list(range(N_LANES))
    assert parts[2] == padded[5:]
    assert parts[3] == padded[:N_LANES]
    assert parts[4] == [a << b & ALL if b < 32 else 0 for a, b in both]
    assert parts[5] == [a >> b if b < 32 else 0 for a, b in both]
    assert parts[6] == [sum((a >> row & 1) << (31 - row) for row in range(32)) for a in one]
    assert parts[7] == [bin(a).count("1") for a in one]
    assert parts[8] == [len(f"{a:b}") if a else 0 for a in one]
    assert parts[9] == [a if signed(a) > signed(b) else b for a, b in both]
    assert parts[10] == [ALL if signed(a) > signed(b) else 0 for a, b in both]
    assert parts[11] == [b if a else x for x, (a, b) in enumerate(both)]
    assert parts[12] == [(a + b) & ALL for a, b in both]
    assert parts[13] == [(a - b) & ALL for a, b in both]
    values = [0.25 + weight * (signed(a) + 0.5) for a in one]
    changed = [-2.0 if b == 0 else 1.5 if x == lane else values[x] for x, b in enumerate(two)]
    assert parts[14] == [ALL if a > b else 0 for a, b in zip(changed, values, strict=True)]
    assert (total, top, number) == (sum(one) & ALL, max(one), one[lane])
    assert (rows, lanes_set) == (int(np.bitwise_or.reduce(words[:N_LANES])), sum(1 << x for x in range(16) if one[x]))
    assert best == (max(values), min(b for b, value in zip(two, values, strict=True) if value == max(values)))
    assert best_changed == (max(changed), changed.index(max(changed)))
