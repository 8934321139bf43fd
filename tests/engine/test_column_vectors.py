"""Arithmetic on lanes: compiled operations compared with Python, and both with single lanes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.engine.compiling import kernel
from tetrarium.engine.simd.board_vectors import N_LANES, load_lanes, store_lanes
from tetrarium.engine.simd.column_vectors import (
    add_weighted,
    bit_lengths,
    broadcast_value,
    count_bits,
    get_lane,
    greater_than,
    lane_indices,
    load_columns,
    load_words,
    max_lane,
    max_value,
    maximum,
    nonzero_lanes,
    replace_value,
    reverse_bits,
    rows_in_any_lane,
    select,
    select_values,
    shift_lanes,
    shift_left,
    shift_right,
    sum_lanes,
    values_greater_than,
    word_bits,
)

N_RESULTS = 16
WORDS = (np.uint32, np.uint64)


@kernel
def every_operation(words: Any, columns: Any, wide: Any, word: Any, lane: int, weight: float, out: Any) -> Any:
    lanes, other = load_lanes(words, 0), load_lanes(words, N_LANES)
    store_lanes(out, 0, load_columns(columns, columns.shape[0], word))
    store_lanes(out, 16, lane_indices(lanes))
    store_lanes(out, 32, shift_lanes(lanes, 3))
    store_lanes(out, 48, shift_lanes(lanes, -2))
    store_lanes(out, 64, shift_left(lanes, other))
    store_lanes(out, 80, shift_right(lanes, other))
    store_lanes(out, 96, reverse_bits(lanes))
    store_lanes(out, 112, count_bits(lanes))
    store_lanes(out, 128, bit_lengths(lanes))
    store_lanes(out, 144, maximum(lanes, other))
    store_lanes(out, 160, greater_than(lanes, other))
    store_lanes(out, 176, select(lanes, other, lane_indices(lanes)))
    store_lanes(out, 192, lanes + other)
    store_lanes(out, 208, lanes - other)
    values = add_weighted(broadcast_value(0.25, lanes), weight, lanes, 0.5)
    changed = select_values(other, replace_value(values, lane, 1.5), broadcast_value(-2.0, lanes))
    store_lanes(out, 224, values_greater_than(changed, values, lanes))
    store_lanes(out, 240, load_words(wide, 1, lanes))
    numbers = (
        sum_lanes(lanes),
        max_lane(lanes),
        rows_in_any_lane(lanes),
        nonzero_lanes(lanes),
        get_lane(lanes, lane),
        word_bits(lanes),
    )
    return numbers, max_value(values, other), max_value(changed, lane_indices(lanes))


def drawn(data: st.DataObject, word: Any) -> tuple[Any, ...]:
    """The arguments of ``every_operation`` but for ``out``."""
    top = int(np.iinfo(word).max)
    words = st.integers(0, top) | st.integers(0, 80) | st.sampled_from([0, top])
    # one that is converted to a float is small, as any number of a board is
    numbers = (
        st.integers(0, top) if word == np.uint32 else st.integers(-(1 << 31), (1 << 31) - 1).map(lambda n: n & top)
    )
    lanes = data.draw(st.lists(numbers, min_size=N_LANES, max_size=N_LANES))
    other = data.draw(st.lists(words, min_size=N_LANES, max_size=N_LANES))
    columns = data.draw(st.lists(st.integers(0, (1 << 31) - 1), min_size=4, max_size=N_LANES))
    wide = data.draw(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1 + N_LANES, max_size=1 + N_LANES))
    lane, weight = data.draw(st.integers(0, N_LANES - 1)), data.draw(st.floats(-1e6, 1e6))
    signed_word = np.dtype(f"i{np.dtype(word).itemsize}").type(0)
    arrays = np.array(lanes + other, dtype=word), np.array(columns, dtype=np.int64), np.array(wide, dtype=np.int64)
    return *arrays, signed_word, lane, weight


def unsigned(results: Any, n_bits: int) -> Any:
    """Words of compiled code are signed where they fill 64 bits."""
    (*words, size), best, best_changed = results
    top = (1 << n_bits) - 1
    return [word & top for word in words], size, (best[0], best[1] & top), (best_changed[0], best_changed[1] & top)


@pytest.mark.compiled
@pytest.mark.parametrize("word", WORDS)
@given(st.data())
def test_compiled_operations_match_python(word: Any, data: st.DataObject) -> None:
    arguments = drawn(data, word)
    compiled, plain = np.zeros((2, N_RESULTS * N_LANES), word)
    n_bits = 8 * np.dtype(word).itemsize
    results = every_operation(*arguments, compiled), every_operation.py_func(*arguments, plain)
    assert unsigned(results[0], n_bits) == unsigned(results[1], n_bits)
    assert compiled.tolist() == plain.tolist()


@pytest.mark.parametrize("word", WORDS)
@given(st.data())
def test_operations_match_single_lanes(word: Any, data: st.DataObject) -> None:
    words, columns, wide, zero, lane, weight = drawn(data, word)
    n_bits = 8 * np.dtype(word).itemsize
    filled = (1 << n_bits) - 1
    out: npt.NDArray[Any] = np.zeros(N_RESULTS * N_LANES, word)
    results = every_operation(words, columns, wide, zero, lane, weight, out)
    (total, top, rows, lanes_set, number), size, best, best_changed = unsigned(results, n_bits)

    def signed(bits: int) -> int:
        return bits - (1 << n_bits) if bits >> (n_bits - 1) else bits

    parts = out.reshape(N_RESULTS, N_LANES).tolist()
    one, two = words[:N_LANES].tolist(), words[N_LANES:].tolist()
    both = list(zip(one, two, strict=True))
    padded = [filled] * 2 + one + [filled] * 3
    assert parts[0] == columns.tolist() + [filled] * (N_LANES - len(columns))
    assert parts[1] == list(range(N_LANES))
    assert parts[2] == padded[5:]
    assert parts[3] == padded[:N_LANES]
    assert parts[4] == [a << b & filled if b < n_bits else 0 for a, b in both]
    assert parts[5] == [a >> b if b < n_bits else 0 for a, b in both]
    assert parts[6] == [sum((a >> row & 1) << (n_bits - 1 - row) for row in range(n_bits)) for a in one]
    assert parts[7] == [bin(a).count("1") for a in one]
    assert parts[8] == [len(f"{a:b}") if a else 0 for a in one]
    assert parts[9] == [a if signed(a) > signed(b) else b for a, b in both]
    assert parts[10] == [filled if signed(a) > signed(b) else 0 for a, b in both]
    assert parts[11] == [b if a else x for x, (a, b) in enumerate(both)]
    assert parts[12] == [(a + b) & filled for a, b in both]
    assert parts[13] == [(a - b) & filled for a, b in both]
    values = [0.25 + weight * (signed(a) + 0.5) for a in one]
    changed = [-2.0 if b == 0 else 1.5 if x == lane else values[x] for x, b in enumerate(two)]
    assert parts[14] == [filled if a > b else 0 for a, b in zip(changed, values, strict=True)]
    assert parts[15] == [number & filled for number in wide[1:].tolist()]
    assert (total, top, number, size) == (sum(one) & filled, max(one), one[lane], n_bits)
    assert (rows, lanes_set) == (int(np.bitwise_or.reduce(words[:N_LANES])), sum(1 << x for x in range(16) if one[x]))
    assert best == (max(values), min(b for b, value in zip(two, values, strict=True) if value == max(values)))
    assert best_changed == (max(changed), changed.index(max(changed)))
