"""Every algorithm learns games with hold, spawn rules and lock positions; mirroring and keys are refused."""

from pathlib import Path

import numpy as np
import pytest

from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.interfaces.vec_env import make_vec_env
from tetrarium.errors import ConfigError, PolicyError
from tetrarium.evaluation import LinearPolicy, RandomPolicy, evaluate, play_moves
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.replay_buffer import CompactReplayBuffer

FEATURES = ("max_height", "holes", "bumpiness", "eroded_cells", "game_over")
HOLD = EnvConfig(hold=True, features=(*FEATURES, "next_pieces", "held_piece"))
GUIDELINE = EnvConfig.guideline().with_changes(features=HOLD.features)
REACHABLE = GUIDELINE.with_changes(actions="reachable")
SMALL = TrainingConfig(n_envs=3, total_timesteps=60, learning_starts=9, batch_size=8, net_arch=(8,), buffer_size=90)
SETTINGS = {
    "dqn": {},
    "qr-dqn": {"n_quantiles": 4},
    "ppo": {"ppo_n_steps": 4, "ppo_n_epochs": 1},
    "maskable-ppo": {"ppo_n_steps": 4, "ppo_n_epochs": 1},
    "cma-es": {"cma_population": 4, "cma_games": 2},
}
in_each = pytest.mark.parametrize("game", [HOLD, GUIDELINE, REACHABLE], ids=["hold", "guideline", "reachable"])


@in_each
@pytest.mark.parametrize("algorithm", SETTINGS)
def test_it_learns_and_plays_as_it_predicts(algorithm: str, game: EnvConfig) -> None:
    agent = TetrisAgent(make_env(game)(), SMALL.with_changes(algorithm=algorithm, **SETTINGS[algorithm])).train(30)
    env = make_env(game)()
    observation, _ = env.reset(seed=1)
    for move in play_moves(agent, game, seed=1, max_pieces=8):
        action, _ = agent.predict(observation)
        assert action == move.action
        observation, *_ = env.step(np.int64(action))
    assert evaluate(agent, game, n_games=2, seed=0, max_pieces=5).n_games == 2


@in_each
def test_a_checkpoint_resumes_exactly(game: EnvConfig, tmp_path: Path) -> None:
    whole = TetrisAgent(make_env(game)(), SMALL).train(48)
    half = TetrisAgent(make_env(game)(), SMALL).train(24)
    half.save_checkpoint(tmp_path / "half")
    rest = TetrisAgent.load_checkpoint(tmp_path / "half", make_env(game)()).train(24)
    for name, value in whole.learner.weights().items():
        assert np.array_equal(value, rest.learner.weights()[name]), name
    assert np.array_equal(whole.vec_env.state()["rows"], rest.vec_env.state()["rows"])


@pytest.mark.parametrize(
    "game",
    [
        HOLD,
        GUIDELINE,
        REACHABLE,
        EnvConfig(width=16, height=40, hidden_rows=20, hold=True, preview=6, actions="reachable"),
    ],
)
def test_a_transition_takes_at_most_140_bytes(game: EnvConfig) -> None:
    envs = make_vec_env(game, 1)
    buffer = CompactReplayBuffer(
        8, envs.observation_space, envs.action_space, "cpu", 1, env_config=game.to_dict(), seed=0
    )
    assert buffer.bytes_per_transition <= 140


def test_a_linear_policy_makes_use_of_hold_and_of_tucks() -> None:
    policy = LinearPolicy({"landing_height": -4.5, "eroded_cells": 3.4, "row_transitions": -3.2,
                           "column_transitions": -9.3, "holes": -7.9, "wells": -3.4}, name="six")  # fmt: skip
    game = EnvConfig.guideline().with_changes(width=6, height=8)
    modes = [game.with_changes(hold=False, features=FEATURES), game, game.with_changes(actions="reachable")]
    lines = [evaluate(policy, mode, n_games=20, seed=0, max_pieces=300).lines_total for mode in modes]
    assert lines[0] < lines[1]
    assert lines[0] < lines[2]
    assert evaluate(RandomPolicy(), game, n_games=20, seed=0, max_pieces=300).lines_total < lines[0]


def test_mirroring_is_refused_where_left_and_right_differ() -> None:
    config = SMALL.with_changes(mirroring=True)
    assert TetrisAgent(make_env(HOLD)(), config).train(24).timesteps_trained == 24
    for game, found in ((GUIDELINE, "game_over='guideline'"), (HOLD.with_changes(actions="reachable"), "'reachable'")):
        with pytest.raises(ConfigError, match=f"symmetric left to right; got .*{found}"):
            TetrisAgent(make_env(game)(), config)


def test_the_held_piece_feature_requires_hold() -> None:
    agent = TetrisAgent(make_env(HOLD)(), SMALL)
    with pytest.raises(PolicyError, match=r"plays hold=True only; got hold=False"):
        evaluate(agent, EnvConfig(), n_games=1)
