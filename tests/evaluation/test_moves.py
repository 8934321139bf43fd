"""Games played piece by piece: each placement follows from the one before."""

from itertools import pairwise

import pytest

from tests.evaluation.players import SMALL, STACKER
from tetrarium.engine import Games
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation import RandomPolicy, play_moves


def test_a_move_leads_from_its_state_to_the_next() -> None:
    moves = list(play_moves(STACKER, SMALL, seed=2, game=7, max_pieces=40))
    games = Games(SMALL.rules(), seed=2, numbers=[7])
    for move in moves:
        assert move.state_t == games.state(0)
        assert move.lines_placement == games.place(0, move.action)
        assert move.state_tp1 == games.state(0)
    assert moves[-1].state_tp1.lines > 0


def test_a_game_is_the_same_every_time_and_another_number_is_another_game() -> None:
    games = [list(play_moves(RandomPolicy(), SMALL, seed=0, game=game)) for game in (3, 3, 4)]
    assert games[0] == games[1]
    assert games[0][-1].state_tp1.over
    assert games[0] != games[2]


def test_pieces_arrive_as_the_preview_says() -> None:
    moves = list(play_moves(RandomPolicy(), EnvConfig(preview=3), seed=0, max_pieces=6))
    for earlier, later in pairwise(moves):
        assert later.state_t.queue[:3] == earlier.state_t.queue[1:]


def test_the_arguments_are_checked_at_the_call() -> None:
    with pytest.raises(ConfigError, match=r"max_pieces is a whole number, 1 or more; got 0\."):
        play_moves(STACKER, SMALL, max_pieces=0)
    with pytest.raises(ConfigError, match=r"A seed and a game number are 0 or more; got seed 0, game -1\."):
        play_moves(STACKER, SMALL, game=-1)
