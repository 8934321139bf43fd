"""Single games, played one placement after the other: the same as in an evaluation."""

from itertools import pairwise

import numpy as np
import pytest

from tests.evaluation.sample_policies import SMALL, STACKER
from tetrarium.engine import Games
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import ConfigError
from tetrarium.evaluation import NetworkPolicy, RandomPolicy, named_policy, play_moves
from tetrarium.evaluation.single_games import PolicyGame, games_of_policy, games_of_replay


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
    assert games[0][-1].state_tp1.terminated
    assert games[0] != games[2]


def test_pieces_arrive_as_the_preview_says() -> None:
    moves = list(play_moves(RandomPolicy(), EnvConfig(preview=3), seed=0, max_pieces=6))
    for earlier, later in pairwise(moves):
        assert later.state_t.queue[:3] == earlier.state_t.queue[1:]


def test_the_arguments_are_checked_at_the_call() -> None:
    with pytest.raises(ConfigError, match=r"max_pieces is a whole number, 1 to 1,000,000,000,000; got 0\."):
        play_moves(STACKER, SMALL, max_pieces=0)
    with pytest.raises(ConfigError, match=r"A seed and a game number are 0 or more; got seed 0, game -1\."):
        play_moves(STACKER, SMALL, game=-1)


GAMES = {
    "drop": EnvConfig(),
    "hold": EnvConfig(hold=True, preview=1),
    "reachable": EnvConfig(actions="reachable", height=10),
}


def network() -> NetworkPolicy:
    random = np.random.default_rng(5)
    shapes = [(8, 3), (1, 8)]
    layers = [
        (random.normal(size=shape).astype(np.float32), random.normal(size=shape[0]).astype(np.float32))
        for shape in shapes
    ]
    return NetworkPolicy(("holes", "landing_height", "eroded_cells"), layers)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("policy", [named_policy("dt-10"), network()], ids=["linear", "network"])
def test_each_placement_is_the_one_that_is_valued_most(game: str, policy: NetworkPolicy) -> None:
    config = GAMES[game]
    moves = list(play_moves(policy, config, seed=4, max_pieces=12))
    played = PolicyGame(policy, config, seed=4, number=0)
    for move in moves:
        assert played.next_action == move.action
        values = played.values()
        assert values is not None and values.shape == (config.rules().n_actions,)
        assert values[played.next_action] == pytest.approx(values.max(), abs=1e-4)
        assert np.isfinite(values).sum() > 8
        played.place()


def test_a_policy_without_values_returns_none() -> None:
    games = games_of_policy(RandomPolicy(), EnvConfig(), seed=0)
    assert next(games).values() is None


def test_a_replay_is_played_again_and_again() -> None:
    moves = list(play_moves(named_policy("dt-10"), EnvConfig(), seed=2, game=1, max_pieces=5))
    actions = [move.action for move in moves]
    replay = Replay(
        env_config=EnvConfig(), seed=2, game=1, actions=pack_actions(EnvConfig(), actions),
        lines=moves[-1].state_tp1.lines, pieces=5, terminated=False,
    )  # fmt: skip
    games = games_of_replay(replay)
    for _ in range(2):
        played, seen = next(games), []
        while played.next_action is not None:
            seen.append(played.next_action)
            played.place()
        assert seen == actions
