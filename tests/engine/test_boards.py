"""Tests of boards as text, piece tables, rules and layouts, and of their errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import naive
from tests.strategies import board_columns, rules
from tetrarium import engine
from tetrarium.engine import FEATURES, Rules, board_cells, draw_board, make_layout, orientation_cells, parse_board
from tetrarium.engine import row_length as length_of
from tetrarium.engine.compiling import bit_length, popcount
from tetrarium.engine.features import COLUMN_HEIGHTS, HELD_PIECE, HOLES, NEXT_PIECES, feature_width
from tetrarium.engine.pieces import COLUMN_BITS, N_ORIENTATIONS, PIECE_HEIGHTS, PIECE_WIDTHS, PIECES
from tetrarium.errors import ConfigError, GameError


@given(st.data())
def test_a_drawn_board_parses_back(data: st.DataObject) -> None:
    columns = data.draw(board_columns(data.draw(st.integers(4, 16)), 24))
    drawn = draw_board(np.array(columns, dtype=np.int64), 24)
    assert parse_board(drawn).tolist() == list(columns)
    assert draw_board(parse_board(drawn), 24) == drawn


@given(st.data())
def test_cells_match_the_naive_board(data: st.DataObject) -> None:
    columns = data.draw(board_columns(8, 20))
    cells = board_cells(np.array(columns, dtype=np.int64), 22)
    assert cells.shape == (22, 8)
    assert {(int(x), int(y)) for y, x in np.argwhere(cells)} == naive.board_of(columns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#.x.", "A board is drawn with '#' and '.'; got 'x'. Replace it."),
        ("#.\n#", "A board's lines are equally long; got lengths [1, 2]. Pad the shorter ones."),
        ("", "A board has at least one line; got none. Draw an empty row as dots."),
        ("#.\n" * 61, "A board has at most 60 rows; got 61. Remove rows at the top."),
    ],
)
def test_invalid_text_raises(text: str, expected: str) -> None:
    with pytest.raises(GameError) as error:
        parse_board(text)
    assert str(error.value) == expected


def test_piece_tables_match_the_naive_drawings() -> None:
    assert PIECES == naive.LETTERS
    for piece, letter in enumerate(PIECES):
        drawings = naive.ORIENTATIONS[letter]
        assert N_ORIENTATIONS[piece] == len(drawings)
        for rotation in range(4):
            cells = sorted(naive.piece_cells(piece, rotation % len(drawings)))
            assert list(orientation_cells(piece, rotation)) == cells
            assert PIECE_WIDTHS[piece, rotation] == 1 + max(x for x, _ in cells)
            assert PIECE_HEIGHTS[piece, rotation] == 1 + max(y for _, y in cells)
            bits = [sum(1 << y for x, y in cells if x == column) for column in range(4)]
            assert COLUMN_BITS[piece, rotation].tolist() == bits


@given(st.integers(0, 2**60))
def test_bit_counts_match_plain_python(word: int) -> None:
    assert popcount(word) == bin(word).count("1")
    assert bit_length(word) == len(bin(word)) - 2 if word else bit_length(word) == 0


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [
        ("width", 3, 4, 16),
        ("width", 17, 4, 16),
        ("width", 10.0, 4, 16),
        ("width", True, 4, 16),
        ("height", 3, 4, 40),
        ("height", 41, 4, 40),
        ("hidden_rows", 3, 4, 40),
        ("hidden_rows", 41, 4, 40),
        ("preview", -1, 0, 6),
        ("preview", 7, 0, 6),
    ],
)
def test_rules_out_of_range_raise(name: str, value: object, low: int, high: int) -> None:
    settings: dict[str, object] = dict(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1)
    with pytest.raises(ConfigError) as error:
        Rules(**(settings | {name: value}))  # type: ignore[arg-type]
    assert str(error.value) == (
        f"{name} is a whole number from {low} to {high}; got {value!r}. Choose one in that range."
    )


@pytest.mark.parametrize(
    ("randomizer", "hint"),
    [
        ("7bag", " Did you mean '7-bag'?"),
        ("", ""),
        ("IXO", ""),
        ("iojl", ""),
        ("uniform:", " Did you mean 'uniform'?"),
        ("uniform:sz", " Did you mean 'uniform'?"),
    ],
)
def test_unknown_randomizer_raises_with_a_suggestion(randomizer: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        Rules(width=10, height=20, hidden_rows=4, randomizer=randomizer, preview=1)
    assert str(error.value) == (
        "randomizer is '7-bag', 'uniform', 'uniform:' and piece letters such as 'uniform:SZ', or piece letters such as "
        f"'IOTLJSZ' that repeat; got {randomizer!r}.{hint}"
    )


def test_pieces_to_draw_from_are_named_once() -> None:
    with pytest.raises(ConfigError) as error:
        Rules(width=10, height=20, hidden_rows=4, randomizer="uniform:SZS", preview=1)
    assert str(error.value) == ("'uniform:' is followed by different piece letters; got 'uniform:SZS'. Name each once.")


@given(rules(st.sampled_from(["7-bag", "uniform", "SZ", "uniform:SZ"])))
def test_compiled_rules_have_the_same_values(drawn: Rules) -> None:
    compiled = drawn.compiled
    assert (compiled.width, compiled.height, compiled.preview) == (drawn.width, drawn.height, drawn.preview)
    assert compiled.n_rows == drawn.height + drawn.hidden_rows
    assert compiled.randomizer == {"uniform": 0, "7-bag": 1, "SZ": 2, "uniform:SZ": 3}[drawn.randomizer]
    assert drawn.script.tolist() == ([5, 6] if "SZ" in drawn.randomizer else [0])


@given(st.lists(st.sampled_from(FEATURES), min_size=1), st.integers(4, 16), st.integers(1, 6))
def test_layout_packs_features_in_the_given_order(names: list[str], width: int, preview: int) -> None:
    layout = make_layout(names, width, preview)
    position = 0
    for index, name in enumerate(FEATURES):
        if name in names:
            assert layout[index] == position
            position += feature_width(name, width, preview)
        else:
            assert layout[index] == -1
    assert length_of(layout) == position


def test_widths_of_wide_features() -> None:
    layout = make_layout(["held_piece", "next_pieces", "column_heights", "holes"], 12, 3)
    assert [int(layout[k]) for k in (COLUMN_HEIGHTS, HOLES, NEXT_PIECES, HELD_PIECE)] == [0, 12, 13, 13 + 21]
    assert length_of(layout) == 12 + 1 + 21 + 8


def test_unknown_and_missing_features_raise() -> None:
    with pytest.raises(ConfigError) as error:
        make_layout(["hole"], 10, 0)
    assert str(error.value) == f"A feature is one of {', '.join(FEATURES)}; got 'hole'. Did you mean 'holes'?"
    for nothing in ([], ["next_pieces"]):
        with pytest.raises(ConfigError) as error:
            make_layout(nothing, 10, 0)
        assert str(error.value) == (
            "An observation has at least one number a row; got none. Name a feature, such as 'holes'."
        )


def test_public_names_are_those_in_all() -> None:
    assert sorted(engine.__all__) == sorted(set(engine.__all__))
    for name in engine.__all__:
        assert name in vars(engine)
