"""The compiled board tracker against its naive twin, followed from the start or joined in the middle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.engine import Games, Rules
from tetrarium.engine.afterstates.feature_rows import nearest_action
from tetrarium.engine.board_tracker import (
    EMPTY,
    FILLED,
    ROWS_ABOVE,
    BoardTracker,
    decode_cells,
    encode_cells,
    filled_columns,
)
from tetrarium.engine.random_streams import make_stream
from tetrarium.engine.scoring import clear_score
from tetrarium.environment.board_snapshot import PieceGrid
from tetrarium.errors import GameError


@given(
    st.integers(4, 10), st.integers(4, 12), st.sampled_from(["7-bag", "uniform", "IO"]), st.integers(0, 2),
    st.integers(0, 99), st.lists(st.integers(0, 39), max_size=80), st.integers(0, 80),
)  # fmt: skip
def test_it_has_the_pieces_of_the_naive_grid(
    width: int, height: int, randomizer: str, preview: int, seed: int, chosen: list[int], parted: int
) -> None:
    rules = Rules(width=width, height=height, hidden_rows=4, randomizer=randomizer, preview=preview)
    games, naive = Games(rules, seed=seed, numbers=[0]), PieceGrid(width, height)
    actions, score, lines_placement, before = [], 0, 0, None
    for action in chosen:
        if games.terminated[0]:
            break
        legal = int(nearest_action(int(games.queue[0, 0]), action % (4 * width), width))
        before, piece, lines = naive.cells.copy(), int(games.queue[0, 0]), int(games.lines[0])
        lines_placement = games.place(0, legal)
        naive.place(piece, legal % 4, legal // 4)
        score += clear_score(lines_placement, lines)
        actions.append(legal)

    follower = BoardTracker(rules)
    follower.begin(make_stream(seed, 0))
    follower.follow(actions[:parted])
    follower.follow(actions[parted:])

    assert np.array_equal(follower.grid, naive.cells)
    assert np.array_equal(follower.columns, games.columns[0])
    assert (follower.queue, follower.lines, follower.pieces) == (
        tuple(games.queue[0].tolist()), games.lines[0], games.pieces[0],
    )  # fmt: skip
    assert (follower.score, follower.is_over) == (score, bool(games.terminated[0]))
    assert len(follower.cleared_rows) == lines_placement
    if before is not None:
        assert all(before[divmod(cell, width)] == EMPTY for cell in follower.placed)
        assert len(set(follower.placed)) == 4


@pytest.mark.parametrize(
    "rules",
    [
        Rules(width=4, height=12, hidden_rows=4, randomizer="7-bag", preview=2, hold=True),
        Rules(width=4, height=12, hidden_rows=20, randomizer="7-bag", preview=2, hold=True, game_over="guideline"),
        Rules(width=4, height=12, hidden_rows=4, randomizer="uniform", preview=1, actions="reachable"),
    ],
    ids=["hold", "guideline", "reachable"],
)
def test_games_of_every_kind_are_followed(rules: Rules) -> None:
    choice = np.random.default_rng(5)
    n_placed = 0
    for number in range(5):
        games, naive = Games(rules, seed=1, numbers=[number]), PieceGrid(rules.width, rules.height)
        follower = BoardTracker(rules)
        follower.begin(make_stream(1, number))
        masks = np.zeros((1, games.n_actions), dtype=np.bool_)
        while not games.terminated[0] and games.pieces[0] < 40:
            games.write_masks(games.rows, masks)
            legal = np.flatnonzero(masks[0])
            action = int(choice.choice(legal))
            expected = follower.resting_cells(legal)[legal.tolist().index(action)]
            move = games.move(0, action)
            naive.follow(move)
            follower.follow([action])

            assert np.array_equal(follower.grid, naive.cells[: rules.height + ROWS_ABOVE])
            assert follower.placed == expected
            assert follower.hold == move.state_tp1.held
            assert (follower.lines, follower.pieces) == (games.lines[0], games.pieces[0])
            n_placed += 1
    assert n_placed > 20


def test_a_game_joined_in_the_middle_has_unknown_pieces() -> None:
    rules = Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1)
    games = Games(rules, seed=3, numbers=[0])
    for action in (0, 8, 16):
        games.place(0, action)
    follower = BoardTracker(rules)
    follower.begin_at(games.rows[0])

    assert np.array_equal(filled_columns(follower.grid), games.columns[0])
    assert set(np.unique(follower.grid).tolist()) == {EMPTY, FILLED}
    assert (follower.placed, follower.pieces) == ((), 3)


def test_actions_after_the_end_are_ignored() -> None:
    rules = Rules(width=4, height=4, hidden_rows=4, randomizer="O", preview=0)
    follower = BoardTracker(rules)
    follower.follow([0, 0, 0])
    assert follower.is_over
    grid = follower.grid.copy()
    follower.follow([0, 4, 8])

    assert np.array_equal(follower.grid, grid)
    assert follower.pieces == 3


def test_encoded_cells_are_decoded() -> None:
    grid = np.array([[0, 1, 2, 3], [4, 5, 6, FILLED], [EMPTY] * 4], dtype=np.int8)
    assert encode_cells(grid) == "IOTLJSZx...."
    assert np.array_equal(decode_cells(encode_cells(grid), width=4), grid)
    with pytest.raises(GameError, match=r"A grid is rows of 4 of the signs IOTLJSZx\.; got '#'\."):
        decode_cells("#...", width=4)
    with pytest.raises(GameError, match="got 3 cells"):
        decode_cells("...", width=4)
