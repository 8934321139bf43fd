"""Plain Stable-Baselines3 on tetrarium's environments: PPO and A2C with their default networks."""

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import make_vec_env

# Squares on four columns: two side by side clear two rows. Random play loses soon; alternating sides never loses.
SQUARES = EnvConfig(width=4, height=6, randomizer="O", preview=0, features=("column_heights", "holes"), max_pieces=100)
ARGUMENTS = {PPO: {"n_steps": 32, "batch_size": 128}, A2C: {"n_steps": 8, "learning_rate": 0.002}}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("algorithm", [PPO, A2C])
def test_it_trains_on_a_batch_of_games_and_gets_better_than_chance(algorithm: type[PPO | A2C]) -> None:
    model = algorithm(
        "MlpPolicy", make_vec_env(SQUARES, n_envs=16, seed=1), seed=1, device="cpu", **ARGUMENTS[algorithm]
    )
    games = make_vec_env(SQUARES, n_envs=4, seed=9)
    rewards_before, _ = evaluate_policy(model, games, n_eval_episodes=20, deterministic=False, warn=False)
    model.learn(20_000)
    rewards_after, _ = evaluate_policy(model, games, n_eval_episodes=20, deterministic=False, warn=False)

    assert np.mean(rewards_before) < 20.0
    assert np.mean(rewards_after) > 60.0  # at most 100: one row for each of 100 pieces


@pytest.mark.parametrize("algorithm", [PPO, A2C])
def test_it_trains_on_one_game_made_by_gymnasium(algorithm: type[PPO | A2C]) -> None:
    env = Monitor(gymnasium.make("tetrarium/Tetris-v0"))
    model = algorithm(
        "MlpPolicy", env, n_steps=32, seed=1, device="cpu", **({"batch_size": 32} if algorithm is PPO else {})
    )
    before = [value.clone() for value in model.policy.parameters()]
    model.learn(256)

    assert model.num_timesteps == 256
    assert all(torch.isfinite(value).all() for value in model.policy.parameters())
    assert not all(torch.equal(one, other) for one, other in zip(before, model.policy.parameters(), strict=True))
