"""Tests of planes of cells against the naive twin, and of ended games."""

import numpy as np
import numpy.typing as npt
from hypothesis import given

from tests.engine import naive
from tests.strategies import Position, positions
from tetrarium.engine import Games
from tetrarium.engine.placement.games import observe_planes, pieces_length
from tetrarium.engine.state_layout import TERMINATED


def observed(games: Games) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    n, rules = games.n_games, games.rules
    planes = np.full((n, 1, rules.height + rules.hidden_rows, rules.width), 9, dtype=np.uint8)
    pieces = np.full((n, pieces_length(rules.preview, rules.hold)), 9, dtype=np.uint8)
    masks = np.ones((n, games.n_actions), dtype=np.bool_)
    observe_planes(games.rows, rules, planes, pieces, masks)
    return planes, pieces, masks


@given(positions())
def test_planes_match_the_naive_board(position: Position) -> None:
    games = Games(position.rules, seed=0, numbers=[0, 1])
    games.set_board(1, position.array)
    games.queue[1] = position.queue
    planes, pieces, masks = observed(games)

    board, n_rows = naive.board_of(position.columns), position.rules.height + position.rules.hidden_rows
    for row in range(n_rows):
        for x in range(position.rules.width):
            assert planes[1, 0, n_rows - 1 - row, x] == ((x, row) in board)
    assert planes[0].sum() == 0
    assert pieces[1].tolist() == [int(piece == shown) for shown in position.queue for piece in range(7)]
    assert np.flatnonzero(masks[1]).tolist() == naive.legal_actions(position.queue[0], position.rules.width)


@given(positions())
def test_ended_game_has_a_board_but_no_pieces_and_no_actions(position: Position) -> None:
    games = Games(position.rules, seed=0, numbers=[0])
    games.set_board(0, position.array)
    games.rows[0, TERMINATED] = 1
    planes, pieces, masks = observed(games)

    assert planes.sum() == len(naive.board_of(position.columns))
    assert not pieces.any() and not masks.any()
