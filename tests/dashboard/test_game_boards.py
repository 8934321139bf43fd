"""Boards, queues and fumens of recorded games agree with the games' own player."""

from collections.abc import Callable

import numpy as np
import pytest

from tetrarium.dashboard.routes.replays import replay_boards
from tetrarium.engine import PIECES
from tetrarium.engine.board_tracker import decode_cells
from tetrarium.environment import EnvConfig
from tetrarium.environment.board_snapshot import PieceGrid
from tetrarium.environment.fumen import HEIGHT, decode_fumen, replay_fumen
from tetrarium.environment.human_games import HumanGame
from tetrarium.environment.placement_replays import reduce_to_placements
from tetrarium.environment.replays import Replay
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.single_games import record_game

KEYS = ("nothing", "left", "right", "clockwise", "soft drop", "hold", "hard drop")


def by_keys() -> Replay:
    game, random = HumanGame(EnvConfig.guideline().with_changes(actions="keys"), 4, 0), np.random.default_rng(4)
    for key in random.integers(len(KEYS), size=150).tolist():
        if not game.state.terminated:
            game.press(KEYS[key])
    return game.replay()


def by_placements() -> Replay:
    return record_game(named_policy("dt-10"), EnvConfig(hold=True), seed=2, game=1, max_pieces=60)


@pytest.mark.parametrize("made", [by_keys, by_placements])
def test_boards_and_fumens_are_those_of_the_player(made: Callable[[], Replay]) -> None:
    replay = made()
    config = replay.env_config
    grid = PieceGrid(config.width, config.height)
    expected = [grid.cells.copy()]
    for move in replay.play():
        if move.placement is not None:
            grid.follow(move)
            expected.append(grid.cells.copy())
    reduced = reduce_to_placements(replay).replay
    shown = replay_boards(reduced, 0, 500)
    cells = [decode_cells(text.ljust(grid.cells.size, "."), config.width) for text in shown.cells]
    assert len(cells) == len(expected) > 10
    assert all(np.array_equal(one, other) for one, other in zip(cells, expected, strict=True))
    n_pages = len(expected) - 1
    pages = decode_fumen(replay_fumen(reduced, 0, n_pages))
    for page, board, queue, held, ghost in zip(pages, expected, shown.queue, shown.held, shown.ghost, strict=False):
        assert np.array_equal(page.cells, board[:HEIGHT])
        letters = "".join(PIECES[piece] for piece in queue)
        assert (page.queue, page.held) == (letters, None if held is None else PIECES[held])
        assert sorted(row * config.width + column for column, row in page.placed) == sorted(ghost)
