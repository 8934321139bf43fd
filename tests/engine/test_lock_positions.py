"""Tests of lock positions, their spins and key paths against the naive twin."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.naive import LETTERS, board_of, piece_cells
from tests.engine.naive_srs import FULL, MINI, NO_SPIN, Cell, Space, dropped, endings, spin_of, start_of
from tests.strategies import board_columns, pieces
from tetrarium.engine import Rules, parse_board
from tetrarium.engine.movegen.key_paths import find_key_paths
from tetrarium.engine.movegen.keys import KEYS
from tetrarium.engine.movegen.lock_positions import N_WORDS, Placement, find_placements, list_placements, write_locks
from tetrarium.engine.pieces import N_ORIENTATIONS, PIECE_WIDTHS, PIECES
from tetrarium.errors import GameError

I, O, T, L, J, S, Z = range(7)
MIRRORED = {T: T, O: O, J: L, L: J, S: Z, Z: S}
KEY_OF_TWIN = {"soft drop": "down"}


@st.composite
def situations(draw: st.DrawFn) -> tuple[Rules, tuple[int, ...], int]:
    """Rules, a board, which may reach far above the row where pieces spawn, and a piece."""
    width, height = draw(st.integers(4, 16)), draw(st.integers(4, 20))
    rules = Rules(width=width, height=height, hidden_rows=draw(st.integers(4, 8)), randomizer="7-bag", preview=0)
    top = draw(st.integers(0, height) | st.just(max(0, height - 4)) | st.just(height + rules.hidden_rows - 1))
    return rules, draw(board_columns(width, top)), draw(pieces)


@st.composite
def riddled(draw: st.DrawFn) -> tuple[Rules, tuple[int, ...], int]:
    """Rules, a low board full of holes, and nearly always a T: many corners are occupied."""
    width = draw(st.integers(4, 8))
    rules = Rules(width=width, height=8, hidden_rows=4, randomizer="7-bag", preview=0)
    cells = draw(st.lists(st.tuples(st.integers(0, 31), st.integers(0, 31)), min_size=width, max_size=width))
    return (
        rules,
        tuple(a | b if draw(st.booleans()) else a & b for a, b in cells),
        draw(st.sampled_from([T, T, T, S, I])),
    )


def space_of(rules: Rules, columns: Sequence[int], piece: int) -> Space:
    return Space(board_of(columns), piece, rules.width, rules.height + rules.hidden_rows)


def cells_of(piece: int, placement: Placement) -> frozenset[Cell]:
    return frozenset((x + placement.column, y + placement.row) for x, y in piece_cells(piece, placement.rotation))


@given(situations() | riddled())
def test_placements_match_the_naive_search(situation: tuple[Rules, tuple[int, ...], int]) -> None:
    rules, columns, piece = situation
    expected = endings(space_of(rules, columns, piece), rules.height)
    found = find_placements(columns, piece, rules)
    assert {(cells_of(piece, placement), placement.spin) for placement in found} == set(expected)
    assert len(found) == len(expected)
    assert found == sorted(found)


@given(situations() | riddled())
def test_key_paths_are_shortest_and_reach_their_placement(situation: tuple[Rules, tuple[int, ...], int]) -> None:
    rules, columns, piece = situation
    space = space_of(rules, columns, piece)
    expected = endings(space, rules.height)
    paths = find_key_paths(columns, piece, rules)
    assert list(paths) == find_placements(columns, piece, rules)
    for placement, keys in paths.items():
        ending = played(space, keys, rules.height)
        assert ending == (cells_of(piece, placement), placement.spin)
        assert len(keys) == expected[ending]


def played(space: Space, keys: tuple[str, ...], spawn_row: int) -> tuple[frozenset[Cell], int]:
    """Returns the cells and the T-spin after a key path, each key of which must have an effect."""
    assert set(keys) <= set(KEYS) and keys[-1] == "hard drop" and "hard drop" not in keys[:-1]
    state, kick = start_of(space, spawn_row), 0
    assert state is not None
    for key in keys[:-1]:
        outcome = space.press(state, KEY_OF_TWIN.get(key, key))
        assert outcome is not None
        state, kick = outcome
    rest = dropped(space, state)
    return space.cells(rest), spin_of(space, rest, kick if rest == state else 0)


@given(situations())
def test_mirrored_boards_have_mirrored_placements(situation: tuple[Rules, tuple[int, ...], int]) -> None:
    """Only where the spawn position is mirrored too: three-wide pieces spawn left of the center of an even board."""
    rules, columns, piece = situation
    if piece == I or (rules.width - PIECE_WIDTHS[piece, 0]) % 2:
        return
    found = find_placements(columns, piece, rules)
    mirrored = find_placements(columns[::-1], MIRRORED[piece], rules)
    expected = {
        (frozenset((rules.width - 1 - x, y) for x, y in cells_of(piece, placement)), placement.spin)
        for placement in found
    }
    assert {(cells_of(MIRRORED[piece], placement), placement.spin) for placement in mirrored} == expected


GUIDELINE = Rules(width=10, height=20, hidden_rows=20, randomizer="7-bag", preview=0)


def spins_of(text: str, spin: int) -> set[tuple[int, int, int]]:
    placements = find_placements(parse_board(text), T, GUIDELINE)
    return {(p.rotation, p.column, p.row) for p in placements if p.spin == spin}


def test_a_t_spin_under_an_overhang_is_full() -> None:
    board = """
        ...#......
        #...######
        ##.#######
    """
    assert (2, 1, 0) in spins_of(board, FULL)
    assert (0, 1, 1) in spins_of(board, MINI)  # upright, one of the two front corners is free


def test_t_has_one_placement_with_and_one_without_a_spin() -> None:
    board = """
        #.........
        ...#######
        #.########
    """
    placements = find_placements(parse_board(board), T, GUIDELINE)
    assert [p.spin for p in placements if (p.rotation, p.column, p.row) == (1, 1, 0)] == [NO_SPIN, MINI]


def test_the_fifth_kick_makes_a_mini_full() -> None:
    """The T-spin triple: the T is kicked two rows down and one column aside, with one front corner occupied."""
    board = """
        ..##......
        ...#......
        ##.#######
        #..#######
        ##.#######
    """
    assert (3, 1, 0) in spins_of(board, FULL)


@pytest.mark.parametrize("piece", range(7))
def test_empty_board_has_one_placement_per_orientation_and_column(piece: int) -> None:
    found = find_placements([0] * 10, piece, GUIDELINE)
    expected = [
        (rotation, column, 0, 0)
        for rotation in range(N_ORIENTATIONS[piece])
        for column in range(11 - PIECE_WIDTHS[piece, rotation])
    ]
    assert [(p.rotation, p.column, p.row, p.spin) for p in found] == expected


@pytest.mark.parametrize("height", [18, 19, 20, 21])
@pytest.mark.parametrize("piece", range(7))
def test_all_drops_are_reachable_below_the_open_height(piece: int, height: int) -> None:
    columns = [(1 << height) - 1] * 9 + [0]
    expected = endings(space_of(GUIDELINE, columns, piece), 20)
    assert {(cells_of(piece, p), p.spin) for p in find_placements(columns, piece, GUIDELINE)} == set(expected)
    assert (expected == {}) == (height == 21)


def test_blocked_piece_has_no_placement() -> None:
    columns = [0] * 10
    columns[4] = 1 << 20
    for piece in range(7):
        assert find_placements(columns, piece, GUIDELINE) == []
        assert find_key_paths(columns, piece, GUIDELINE) == {}


def test_placements_beyond_the_capacity_are_counted() -> None:
    words, few = np.zeros(N_WORDS, dtype=np.int64), np.full((5, 4), 9, dtype=np.int64)
    write_locks(np.zeros(10, dtype=np.int64), L, 40, 20, 16, words)
    assert list_placements(L, 10, words, few[:3]) == 34
    assert few.tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 2, 0, 0], [9] * 4, [9] * 4]


@pytest.mark.parametrize(
    ("columns", "piece", "message"),
    [
        ([0] * 9, 0, "The board must have 10 columns; got shape (9,). Use the rules of its game."),
        ([1 << 40] + [0] * 9, 0, "The board must fit in rows 0 to 39; got a cell outside. Use the rules of its game."),
        ([-1] + [0] * 9, 0, "The board must fit in rows 0 to 39; got a cell outside. Use the rules of its game."),
        ([0] * 10, 7, "A piece is an index from 0 to 6; got 7. Use its index in 'IOTLJSZ'."),
        ([0] * 10, -1, "A piece is an index from 0 to 6; got -1. Use its index in 'IOTLJSZ'."),
    ],
)
def test_impossible_board_or_piece_raises(columns: list[int], piece: int, message: str) -> None:
    for find in (find_placements, find_key_paths):
        with pytest.raises(GameError) as error:
            find(columns, piece, GUIDELINE)
        assert str(error.value) == message


def test_piece_letters_match_the_naive_ones() -> None:
    assert PIECES == LETTERS
