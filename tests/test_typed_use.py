"""Typical user code, which `make check` types as strictly as the package."""

from pathlib import Path

import numpy as np

from tetrarium.environment import EnvConfig, TetrisEnv, TetrisVectorEnv, make_env, make_vec_env
from tetrarium.evaluation import LinearPolicy, evaluate
from tetrarium.training import TetrisAgent, TrainingConfig, load_model, read_policy


def test_a_game_of_random_placements_is_well_typed() -> None:
    env: TetrisEnv = make_env(EnvConfig(height=6))()
    observation, info = env.reset(seed=0)
    assert observation.shape[0] == env.action_space.n
    terminated = truncated = False
    while not terminated and not truncated:
        action = env.action_space.sample(mask=info["action_mask"].astype(np.int8))
        observation, reward, terminated, truncated, info = env.step(action)
        assert reward >= 0.0
    env.reset()
    assert env.step(0)[4]["pieces_game"] == 1


def test_many_games_are_well_typed() -> None:
    envs = TetrisVectorEnv(EnvConfig(), num_envs=2, autoreset_mode="SameStep")
    observations, _ = envs.reset(seed=0)
    assert observations.shape == (2, 40, 23)
    assert envs.step(envs.action_space.sample())[0].shape == (2, 40, 23)
    batch = make_vec_env(EnvConfig(), n_envs=2)
    assert batch.reset().shape == (2, 40, 23)


def test_an_agent_is_well_typed(tmp_path: Path) -> None:
    env = make_env(EnvConfig())()
    agent = TetrisAgent(env, TrainingConfig(n_envs=2))
    observation, _ = env.reset(seed=0)
    action, _ = agent.predict(observation)
    env.step(action)
    actions, _ = agent.predict(make_vec_env(EnvConfig(), n_envs=3).reset())
    assert actions.shape == (3,)
    agent.save_checkpoint(tmp_path / "first")
    policy, config = read_policy(str(tmp_path / "first"))
    assert policy.name == "first at step 0"
    assert config == EnvConfig()


def test_reports_are_well_typed_and_print_as_their_summary() -> None:
    policy, config = load_model("champion")
    report = evaluate(policy, config, n_games=2, max_pieces=20)
    assert str(report) == f"{policy.name}: {report.summary()}"
    holes = evaluate(LinearPolicy({"holes": -1.0}), config, n_games=2, max_pieces=20)
    assert holes.n_games == 2
