"""Boards taken out of their games: left and right swapped."""

import numpy as np
from hypothesis import given

from tests.engine import naive
from tests.strategies import Position, positions
from tetrarium.engine.transitions import mirror_boards, place_on_boards


@given(positions())
def test_a_mirrored_placement_leaves_the_mirrored_board(position: Position) -> None:
    rules = position.rules
    legal = np.array(naive.legal_actions(position.queue[0], rules.width), dtype=np.int64)
    columns = np.tile(position.array, (len(legal), 1))
    pieces = np.tile(np.array(position.queue, dtype=np.int64), (len(legal), 1))
    after, over = place_on_boards(columns, pieces[:, 0], legal, rules)

    actions = legal.copy()
    mirror_boards(columns, pieces, actions, np.ones(len(legal), dtype=np.bool_))
    mirrored_after, mirrored_over = place_on_boards(columns, pieces[:, 0], actions, rules)

    swapped = "".join(naive.LETTERS[piece] for piece in position.queue).translate(str.maketrans("LJSZ", "JLZS"))
    assert "".join(naive.LETTERS[piece] for piece in pieces[0]) == swapped
    assert sorted(actions.tolist()) == naive.legal_actions(int(pieces[0, 0]), rules.width)
    assert np.array_equal(columns[0], position.array[::-1])
    assert np.array_equal(mirrored_after, after[:, ::-1])
    assert np.array_equal(mirrored_over, over)


def test_only_those_asked_for_are_mirrored_and_twice_is_not_at_all() -> None:
    columns = np.array([[1, 3, 0, 0], [1, 3, 0, 0]], dtype=np.int64)
    pieces = np.array([[3, 5], [3, 5]], dtype=np.int64)  # L, then S
    actions = np.array([4 * 1 + 1, 4 * 1 + 1], dtype=np.int64)  # two wide, above columns 1 and 2

    mirror_boards(columns, pieces, actions, np.array([False, True]))
    assert columns.tolist() == [[1, 3, 0, 0], [0, 0, 3, 1]]
    assert pieces.tolist() == [[3, 5], [4, 6]]  # J, then Z
    assert actions.tolist() == [4 * 1 + 1, 4 * 1 + 3]

    mirror_boards(columns, pieces, actions, np.array([False, True]))
    assert columns.tolist() == [[1, 3, 0, 0]] * 2
    assert pieces.tolist() == [[3, 5]] * 2
    assert actions.tolist() == [4 * 1 + 1] * 2
