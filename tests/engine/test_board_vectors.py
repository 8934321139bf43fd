"""Boards as lanes: compiled operations compared with Python, and both with sets of cells."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.engine.compiling import kernel
from tetrarium.engine.movegen.rotations import blocked_positions, fit_positions, rotate_positions
from tetrarium.engine.simd.board_vectors import (
    N_LANES,
    any_lane,
    broadcast,
    clear_lowest_bits,
    count_cells,
    load_lanes,
    rows_in_all_lanes,
    shift_cells,
    shift_up,
    store_lanes,
)

T, CLOCKWISE = 2, 1
WORDS = (np.uint16, np.uint32, np.uint64)


@kernel
def every_operation(words: Any, row: int, out: Any) -> tuple[bool, int, int]:
    lanes = load_lanes(words, 0)
    other = load_lanes(words, N_LANES)
    store_lanes(out, 0, shift_cells(lanes, 2, 1))
    store_lanes(out, 16, shift_cells(lanes, -3, -4))
    store_lanes(out, 32, shift_cells(lanes, 0, 40))
    store_lanes(out, 48, shift_up(lanes, row))
    store_lanes(out, 64, broadcast(row, lanes))
    store_lanes(out, 80, clear_lowest_bits(lanes))
    store_lanes(out, 96, (lanes & ~other) | (lanes ^ other))
    store_lanes(out, 112, blocked_positions(lanes, 1, 2))
    store_lanes(out, 128, blocked_positions(lanes, -1, -1))
    store_lanes(out, 144, fit_positions(lanes, T, 3))
    store_lanes(out, 160, rotate_positions(lanes, other, T, 1, CLOCKWISE, 0, 5))
    store_lanes(out, 176, rotate_positions(lanes, other, 0, 2, CLOCKWISE, 4, 5))
    return any_lane(lanes & other), count_cells(lanes), rows_in_all_lanes(lanes | other)


def drawn_words(data: st.DataObject, word: Any) -> npt.NDArray[Any]:
    top = int(np.iinfo(word).max)
    values = st.integers(0, top) | st.sampled_from([0, top])
    return np.array(data.draw(st.lists(values, min_size=2 * N_LANES, max_size=2 * N_LANES)), dtype=word)


@pytest.mark.compiled
@pytest.mark.parametrize("word", WORDS)
@given(st.data())
def test_compiled_operations_match_python(word: Any, data: st.DataObject) -> None:
    words, row = drawn_words(data, word), data.draw(st.integers(0, 15))
    compiled, plain = np.zeros(12 * N_LANES, word), np.zeros(12 * N_LANES, word)
    assert every_operation(words, row, compiled) == every_operation.py_func(words, row, plain)
    assert compiled.tolist() == plain.tolist()


def cells_of(words: npt.NDArray[Any], n_rows: int) -> set[tuple[int, int]]:
    return {(x, y) for x in range(N_LANES) for y in range(n_rows) if int(words[x]) >> y & 1}


@pytest.mark.parametrize("word", WORDS)
@given(st.data())
def test_operations_match_cells(word: Any, data: st.DataObject) -> None:
    words, row = drawn_words(data, word), data.draw(st.integers(0, 15))
    n_rows = 8 * np.dtype(word).itemsize
    out = np.zeros(12 * N_LANES, word)
    found_any, n_cells, rows = every_operation(words, row, out)
    lanes, other = cells_of(words[:N_LANES], n_rows), cells_of(words[N_LANES:], n_rows)
    inside = {(x, y) for x in range(N_LANES) for y in range(n_rows)}
    parts = [cells_of(out[start : start + N_LANES], n_rows) for start in range(0, 12 * N_LANES, N_LANES)]

    def free(x: int, y: int) -> bool:
        return (x, min(y, n_rows - 1)) in lanes

    assert parts[0] == {(x + 2, y + 1) for x, y in lanes} & inside
    assert parts[1] == {(x - 3, y - 4) for x, y in lanes} & inside
    assert parts[2] == {(x, y + 40) for x, y in lanes} & inside
    assert parts[3] == {(x, y + row) for x, y in lanes} & inside
    assert parts[4] == {(x, y) for x, y in inside if row >> y & 1}
    assert parts[5] == {(x, y) for x, y in lanes if any((x, below) in lanes for below in range(y))}
    assert parts[6] == (lanes - other) | (lanes ^ other)
    assert parts[7] == {(x, y) for x, y in inside if not free(x + 1, y + 2)}
    assert parts[8] == {(x, y) for x, y in inside if not free(x - 1, y - 1)}
    assert parts[9] == {(x, y) for x, y in lanes if free(x - 1, y) and free(x, y - 1) and free(x, y + 1)}
    assert (found_any, n_cells) == (bool(lanes & other), len(lanes))
    assert rows == sum(1 << y for y in range(n_rows - 1) if all((x, y) in lanes | other for x in range(N_LANES)))
