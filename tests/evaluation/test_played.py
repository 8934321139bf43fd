"""Games that are played one placement after the other: the same as in an evaluation, with what they were chosen by."""

import numpy as np
import pytest

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.evaluation import NetworkPolicy, RandomPolicy, named_policy, play_moves
from tetrarium.evaluation.played import PolicyGame, games_of_policy, games_of_replay

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
        assert played.coming == move.action
        values = played.values()
        assert values is not None and values.shape == (config.rules().n_actions,)
        assert values[played.coming] == pytest.approx(values.max(), abs=1e-4)
        assert np.isfinite(values).sum() > 8
        played.place()


def test_who_values_nothing_says_nothing() -> None:
    games = games_of_policy(RandomPolicy(), EnvConfig(), seed=0)
    assert next(games).values() is None


def test_a_replay_is_played_again_and_again() -> None:
    moves = list(play_moves(named_policy("dt-10"), EnvConfig(), seed=2, game=1, max_pieces=5))
    actions = [move.action for move in moves]
    replay = Replay(
        env_config=EnvConfig(), seed=2, game=1, actions=pack_actions(EnvConfig(), actions),
        lines=moves[-1].state_tp1.lines, pieces=5, over=False,
    )  # fmt: skip
    games = games_of_replay(replay)
    for _ in range(2):
        played, seen = next(games), []
        while played.coming is not None:
            seen.append(played.coming)
            played.place()
        assert seen == actions
