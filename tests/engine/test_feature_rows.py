"""Observation kernels compared with their naive twin, laws of the features, and published examples."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.engine import naive
from tests.strategies import Position, feature_lists, positions
from tetrarium.engine import FEATURES, Rules, make_layout, parse_board, row_length
from tetrarium.engine.afterstates.feature_rows import make_scratch, write_mask, write_row, write_rows
from tetrarium.engine.boards import remove_full_rows
from tetrarium.engine.features import FEATURE_SPECS, feature_width, mirrored_numbers

LITERATURE = Rules(width=10, height=20, hidden_rows=4, randomizer="uniform", preview=0)
MIRRORED_PIECES = naive.LETTERS.translate(str.maketrans("LJSZ", "JLZS"))

BRIM = (1 << 20) - 1
# an I on end in the rightmost column fills rows 17 to 19 and sticks out above them: the game is over, nothing vanishes
FILLS_AND_LOSES = Position(rules=LITERATURE, columns=(BRIM - (1 << 16), *(BRIM,) * 8, 1 << 16), queue=(0,))


def kernel_table(position: Position, names: list[str]) -> npt.NDArray[np.float32]:
    rules = position.rules
    layout = make_layout(names, rules.width, rules.preview)
    rows = np.full((4 * rules.width, row_length(layout)), np.nan, dtype=np.float32)
    queue = np.array(position.queue, dtype=np.int64)
    write_rows(position.array, queue, rules.compiled, layout, make_scratch(), rows)
    return rows


def twin_table(position: Position, names: list[str]) -> npt.NDArray[np.float32]:
    rules = position.rules
    size = (rules.width, rules.height, rules.height + rules.hidden_rows)
    table = naive.feature_table(position.columns, list(position.queue), names, size)
    length = sum(feature_width(name, rules.width, rules.preview) for name in names)
    return np.array([[-1.0] * length if row is None else row for row in table], dtype=np.float32)


def on_literature(board: str, piece: str) -> Position:
    return Position(rules=LITERATURE, columns=drawn_columns(board), queue=(naive.LETTERS.index(piece),))


def drawn_columns(board: str) -> tuple[int, ...]:
    return tuple(parse_board(board).tolist()) if board else (0,) * 10


def one_row(position: Position, action: int) -> dict[str, float]:
    names = [spec.name for spec in FEATURE_SPECS if spec.per == "board"]
    return dict(zip(names, kernel_table(position, names)[action].tolist(), strict=True))


@given(positions())
@example(Position(rules=LITERATURE, columns=(0,) * 10, queue=(0,)))
@example(Position(rules=LITERATURE, columns=(0xF,) * 9 + (0,), queue=(0,)))  # an I clears four rows
@example(Position(rules=LITERATURE, columns=((1 << 20) - 1,) * 9 + (0,), queue=(0,)))  # full to the brim
@example(FILLS_AND_LOSES)
def test_all_features_match_the_naive_twin(position: Position) -> None:
    np.testing.assert_array_equal(kernel_table(position, list(FEATURES)), twin_table(position, list(FEATURES)))


@given(positions(), feature_lists)
def test_feature_subsets_match_the_naive_twin(position: Position, names: list[str]) -> None:
    assume(position.rules.preview > 0 or names != ["next_pieces"])
    np.testing.assert_array_equal(kernel_table(position, names), twin_table(position, names))


@given(positions(), feature_lists)
@example(Position(rules=LITERATURE, columns=(0xF,) * 9 + (0,), queue=(0,)), list(FEATURES))  # an I clears four rows
@example(FILLS_AND_LOSES, list(FEATURES))
def test_a_single_row_equals_that_of_the_table(position: Position, names: list[str]) -> None:
    assume(position.rules.preview > 0 or names != ["next_pieces"])
    rules, table = position.rules, kernel_table(position, names)
    layout, scratch = make_layout(names, rules.width, rules.preview), make_scratch()
    queue = np.array(position.queue, dtype=np.int64)
    row = np.empty(row_length(layout), dtype=np.float32)
    for action in naive.legal_actions(position.queue[0], rules.width):
        write_row(position.array, queue, action, rules.compiled, layout, scratch, row)
        np.testing.assert_array_equal(row, table[action])


@given(positions())
def test_the_mask_matches_the_naive_twin(position: Position) -> None:
    width, piece = position.rules.width, position.queue[0]
    mask = np.ones(4 * width, dtype=np.bool_)
    write_mask(piece, width, mask)
    assert np.flatnonzero(mask).tolist() == naive.legal_actions(piece, width)


@given(positions())
def test_rows_are_negative_exactly_where_the_mask_is_false(position: Position) -> None:
    rows = kernel_table(position, list(FEATURES))
    legal = np.zeros(4 * position.rules.width, dtype=np.bool_)
    write_mask(position.queue[0], position.rules.width, legal)
    assert (rows[legal] >= 0).all()
    assert (rows[~legal] == -1).all()


@pytest.mark.compiled
def test_scratch_carries_nothing_from_board_to_board() -> None:
    layout = make_layout(FEATURES, 10, 0)
    scratch = make_scratch()
    rng = np.random.default_rng(0)
    for trial in range(200):
        columns = rng.integers(0, 1 << int(rng.integers(1, 20)), 10)
        columns[trial % 10] &= ~np.bitwise_and.reduce(columns)
        used, fresh = np.zeros((2, 40, row_length(layout)), dtype=np.float32)
        queue = np.array([trial % 7], dtype=np.int64)
        write_rows(columns, queue, LITERATURE.compiled, layout, scratch, used)
        write_rows(columns, queue, LITERATURE.compiled, layout, make_scratch(), fresh)
        np.testing.assert_array_equal(used, fresh)


@given(positions())
def test_a_mirrored_board_has_the_mirrored_placements(position: Position) -> None:
    names = [name for name in FEATURES if name != "held_piece"]
    mirrored = Position(
        rules=position.rules,
        columns=position.columns[::-1],
        queue=tuple(naive.LETTERS.index(MIRRORED_PIECES[piece]) for piece in position.queue),
    )
    width, piece = position.rules.width, position.queue[0]
    table, mirrored_table = kernel_table(position, names), kernel_table(mirrored, names)
    numbers = mirrored_numbers(names, width, position.rules.preview)
    for action in naive.legal_actions(piece, width):
        left, rotation = divmod(action, 4)
        turns = len(naive.ORIENTATIONS[naive.LETTERS[piece]])
        twin_rotation = -rotation % turns if turns == 4 else rotation
        twin_left = width - left - naive.piece_width(piece, rotation)
        np.testing.assert_array_equal(table[action][numbers], mirrored_table[4 * twin_left + twin_rotation])


@given(positions())
def test_removing_full_rows_matches_the_naive_twin(position: Position) -> None:
    width, height = position.rules.width, position.rules.height
    columns = position.array | (sum(1 << row for row in range(0, height, 3)))
    board = naive.board_of(columns)
    full = [row for row in range(64) if all((x, row) in board for x in range(width))]
    assert remove_full_rows(columns, width) == len(full)
    assert naive.board_of(columns) == naive.without_rows(board, full)


@pytest.mark.parametrize(
    ("piece", "count"), [("I", 17), ("O", 9), ("S", 17), ("Z", 17), ("L", 34), ("J", 34), ("T", 34)]
)
def test_published_action_counts(piece: str, count: int) -> None:
    rows = kernel_table(on_literature("", piece), ["holes"])
    assert int((rows >= 0).sum()) == count


# Scherrer et al., JMLR 16, 2015: an empty row up to the board's height adds 2 row transitions, an empty column has 1
# column transition. An empty 10 x 20 board has 40 and 10; a flat I on its floor takes nothing from either, because each
# end of it is one change more and the row's two walls stay 2 where the I does not touch them.
def test_transitions_of_a_flat_piece_on_an_empty_board() -> None:
    row = one_row(on_literature("", "I"), 4 * 3)
    assert row["row_transitions"] == 40 + 2
    assert row["column_transitions"] == 10
    touching = one_row(on_literature("", "I"), 0)
    assert touching["row_transitions"] == 40


def test_an_emptied_board_has_40_row_and_10_column_transitions() -> None:
    row = one_row(on_literature("######....", "I"), 4 * 6)
    assert (row["lines_cleared"], row["eroded_cells"], row["max_height"]) == (1, 4, 0)
    assert (row["row_transitions"], row["column_transitions"]) == (40, 10)


def test_wells_count_runs_down_and_fast_wells_the_cells_below_them() -> None:
    board = """
        ...##.#...
        ...##.#...
        ....#.#...
        ....#..#..
    """  # the well in column 5 is three cells deep, with one cell open to the right below them
    row = one_row(on_literature(board, "O"), 0)
    assert row["wells"] == 4 + 3 + 2
    assert row["fast_wells"] == 4 + 3 + 2 + 1


def test_hole_depth_rows_with_holes_and_pattern_diversity() -> None:
    board = """
        #.........
        #.........
        .#........
        .#........
        .......##.
        ##........
    """
    row = one_row(on_literature(board, "O"), 4 * 3)
    assert row["holes"] == 3 + 1 + 2
    assert row["hole_depth"] == 2 + 2 + 1 + 1
    assert row["rows_with_holes"] == 4
    assert row["pattern_diversity"] == 3  # steps -2, -4, 2, 0, -2, 0, 2, 0, -2


# Bertsekas and Ioffe 1996 describe a board by its column heights, their absolute differences, the largest height and
# the number of holes; here an O in columns 3 and 4.
def test_height_differences_are_one_number_per_pair_of_neighboring_columns() -> None:
    board = """
        #.........
        #......#..
        ##.....##.
    """
    position = on_literature(board, "O")
    row = kernel_table(position, ["column_heights", "bumpiness", "height_differences"])[4 * 3].tolist()
    assert row == [*(3, 1, 0, 2, 2, 0, 0, 2, 1, 0), 11, *(2, 1, 2, 0, 2, 0, 2, 1, 1)]
    rightmost = kernel_table(position, ["height_differences"])[4 * 8].tolist()
    assert rightmost == [2, 1, 0, 0, 0, 0, 2, 1, 0]


def test_an_overflowing_placement_describes_the_board_as_it_lies() -> None:
    columns = ((1 << 20) - 1,) * 8 + ((1 << 19) - 1, 0)
    position = Position(rules=LITERATURE, columns=columns, queue=(naive.LETTERS.index("I"),))
    into_the_gap = one_row(position, 4 * 9 + 1)
    assert (into_the_gap["game_over"], into_the_gap["lines_cleared"]) == (0, 4)
    over = one_row(position, 4 * 8 + 1)
    assert (over["game_over"], over["lines_cleared"], over["max_height"]) == (1, 0, 23)
    assert over["landing_height"] == 19 + 1.5


def test_a_line_does_not_rescue_an_overflowing_piece() -> None:
    columns = ((1 << 19) - 1 - 7,) * 9 + ((1 << 18) - 1 - 7,)
    position = Position(rules=LITERATURE, columns=columns, queue=(naive.LETTERS.index("I"),))
    row = one_row(position, 4 * 9 + 1)
    assert (row["game_over"], row["lines_cleared"], row["eroded_cells"], row["max_height"]) == (1, 0, 0, 22)


@given(st.sampled_from(FEATURES))
def test_no_feature_of_an_empty_board_is_negative(name: str) -> None:
    assume(name != "next_pieces")
    position = on_literature("", "T")
    legal = naive.legal_actions(position.queue[0], 10)
    assert (kernel_table(position, [name])[legal] >= 0).all()
