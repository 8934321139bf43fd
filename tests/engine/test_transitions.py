"""Tests of transitions: left and right swapped."""

import numpy as np
from hypothesis import given

from tests.engine import naive
from tests.strategies import Position, positions
from tetrarium.engine import Rules
from tetrarium.engine.placement.transitions import make_games, mirror_games, place_in_games
from tetrarium.engine.state_layout import COLUMNS, QUEUE, TERMINATED


@given(positions())
def test_mirrored_placement_leaves_the_mirrored_board(position: Position) -> None:
    rules = position.rules
    legal = np.array(naive.legal_actions(position.queue[0], rules.width), dtype=np.int64)
    columns = np.tile(position.array, (len(legal), 1))
    queues = np.tile(np.array(position.queue, dtype=np.int64)[: 1 + rules.preview], (len(legal), 1))
    revealed = np.zeros((len(legal), 2), dtype=np.int64)
    games = make_games(columns, queues, np.zeros(len(legal), dtype=np.int64))
    after = place_in_games(games, revealed, legal, rules)

    actions = legal.copy()
    mirror_games(games, revealed, actions, np.ones(len(legal), dtype=np.bool_), rules)
    mirrored_after = place_in_games(games, revealed, actions, rules)

    mirrored_queue = games[0, QUEUE : QUEUE + queues.shape[1]].tolist()
    swapped = "".join(naive.LETTERS[piece] for piece in queues[0]).translate(str.maketrans("LJSZ", "JLZS"))
    assert "".join(naive.LETTERS[piece] for piece in mirrored_queue) == swapped
    assert sorted(actions.tolist()) == naive.legal_actions(mirrored_queue[0], rules.width)
    assert np.array_equal(games[0, COLUMNS:], position.array[::-1])
    assert np.array_equal(mirrored_after[:, COLUMNS:], after[:, COLUMNS:][:, ::-1])
    assert np.array_equal(mirrored_after[:, TERMINATED], after[:, TERMINATED])


def test_only_masked_games_are_mirrored_and_twice_restores_them() -> None:
    rules = Rules(width=4, height=4, hidden_rows=4, randomizer="7-bag", preview=1)
    queues = np.array([[3, 5], [3, 5]], dtype=np.int64)  # L, then S
    games = make_games(np.array([[1, 3, 0, 0], [1, 3, 0, 0]], dtype=np.int64), queues, np.zeros(2, dtype=np.int64))
    revealed = np.array([[3, 1], [3, 1]], dtype=np.int64)
    actions = np.array([4 * 1 + 1, 4 * 1 + 1], dtype=np.int64)  # two wide, above columns 1 and 2

    mirror_games(games, revealed, actions, np.array([False, True]), rules)
    assert games[:, COLUMNS:].tolist() == [[1, 3, 0, 0], [0, 0, 3, 1]]
    assert games[:, QUEUE : QUEUE + 2].tolist() == [[3, 5], [4, 6]]  # J, then Z
    assert revealed.tolist() == [[3, 1], [4, 1]]
    assert actions.tolist() == [4 * 1 + 1, 4 * 1 + 3]

    mirror_games(games, revealed, actions, np.array([False, True]), rules)
    assert games[:, COLUMNS:].tolist() == [[1, 3, 0, 0]] * 2
    assert games[:, QUEUE : QUEUE + 2].tolist() == [[3, 5]] * 2
    assert revealed.tolist() == [[3, 1]] * 2
    assert actions.tolist() == [4 * 1 + 1] * 2
