"""``observation="board"``: cells and pieces, in every interface of the environment and under Stable-Baselines3."""

import json
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env, data_equivalence

from tetrarium.engine import PIECES, parse_board
from tetrarium.environment import EnvConfig, TetrisVectorEnv, make_env, make_vec_env
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import ConfigError

BOARD = EnvConfig(observation="board")


def test_the_space_is_a_picture_of_one_channel_and_pieces_as_one_vector() -> None:
    space = make_env(EnvConfig(observation="board", width=6, height=8, hidden_rows=5, preview=2))().observation_space

    assert space == spaces.Dict(board=spaces.Box(0, 1, (1, 13, 6), np.uint8), pieces=spaces.Box(0, 1, (21,), np.uint8))


def test_a_board_is_seen_as_it_is_drawn() -> None:
    env = make_env(EnvConfig(observation="board", width=4, height=4, randomizer="OT", preview=1))()
    env.reset(seed=0)
    env.core.games.set_board(0, parse_board("#...\n#.##\n"))
    observation: Any = env.step(np.int64(4 * 1))[0]  # an O in the middle covers the gap

    rows = ["".join(".#"[cell] for cell in row) for row in observation["board"][0]]
    assert rows == ["....", "....", "....", "....", "....", ".##.", "###.", "#.##"]
    assert [PIECES[index % 7] for index in np.flatnonzero(observation["pieces"])] == ["T", "O"]
    assert np.flatnonzero(observation["pieces"]).tolist() == [2, 7 + 1]


def test_only_what_is_seen_differs_between_the_kinds() -> None:
    by_rows: Any = make_env(EnvConfig(max_pieces=30))()
    by_cells: Any = make_env(EnvConfig(max_pieces=30, observation="board"))()
    assert data_equivalence(by_rows.reset(seed=3)[1], by_cells.reset(seed=3)[1], exact=True)
    random = np.random.default_rng(0)
    for _ in range(30):
        action = np.int64(random.integers(40))
        outcome_rows, outcome_cells = by_rows.step(action), by_cells.step(action)
        assert data_equivalence(outcome_rows[1:], outcome_cells[1:], exact=True)
        cells = outcome_cells[0]["board"][0]
        heights = [len(cells) - int(column.argmax()) if column.any() else 0 for column in cells.T]
        assert heights == [int(column).bit_length() for column in by_rows.core.games.columns[0]]
        if outcome_rows[2]:
            assert not outcome_cells[0]["pieces"].any()
            break


def test_all_interfaces_return_the_same_observations() -> None:
    config = EnvConfig(observation="board", width=4, height=4, max_pieces=6)
    env: Any = make_env(config)()
    sb3: Any = make_vec_env(config, n_envs=3, seed=5)
    vector: Any = TetrisVectorEnv(config, num_envs=3, autoreset_mode="SameStep")
    alone, batch, ours = env.reset(seed=5)[0], sb3.reset(), vector.reset(seed=5)[0]
    random = np.random.default_rng(0)
    for _ in range(40):
        assert data_equivalence(batch, ours, exact=True)
        assert data_equivalence({name: part[0] for name, part in batch.items()}, alone, exact=True)
        actions = random.integers(0, 16, 3)
        alone, _, over, cut, _ = env.step(actions[0])
        batch, rewards, dones, infos = sb3.step(actions)
        ours, rewards_ours, _, _, infos_ours = vector.step(actions)
        assert rewards.tolist() == rewards_ours.tolist()
        for index in np.flatnonzero(dones):
            assert data_equivalence(infos[index]["terminal_observation"], infos_ours["final_obs"][index], exact=True)
        if over or cut:
            assert data_equivalence(infos[0]["terminal_observation"], alone, exact=True)
            alone = env.reset()[0]


def test_gymnasiums_checker_finds_nothing_to_warn_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("tetrarium/Tetris-v0", config=BOARD, render_mode="rgb_array").unwrapped)


def test_stable_baselines3s_checker_warns_only_that_the_board_is_no_photograph() -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_for_sb3(make_env(BOARD)())
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2
    assert "board is an image but the upper and lower bounds are not in [0, 255]" in said[0]
    assert "minimal resolution for an image is 36x36" in said[1]


@pytest.mark.parametrize("own_convolutions", [False, True])
def test_stable_baselines3_learns_from_it(own_convolutions: bool) -> None:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    class Convolutions(BaseFeaturesExtractor):
        def __init__(self, observation_space: spaces.Dict) -> None:
            self.shape = observation_space["board"].shape
            assert self.shape is not None
            super().__init__(observation_space, features_dim=4 * self.shape[1] * self.shape[2] + 14)
            self.cells = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten())

        def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
            assert observations["board"].shape[1:] == self.shape and observations["board"].max() <= 1
            return torch.cat([self.cells(observations["board"]), observations["pieces"]], dim=1)

    envs = make_vec_env(EnvConfig(observation="board", width=5, height=6), n_envs=4, seed=0)
    model = PPO(
        "MultiInputPolicy", envs, n_steps=32, batch_size=64, n_epochs=1, seed=0, device="cpu",
        policy_kwargs=dict(features_extractor_class=Convolutions) if own_convolutions else None,
    )  # fmt: skip
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(256)

    assert model.num_timesteps == 256
    assert model.ep_info_buffer is not None and model.ep_info_buffer[0]["l"] > 1
    changed = [not torch.equal(old, new) for old, new in zip(before, model.policy.parameters(), strict=True)]
    assert all(changed)


def test_an_agent_names_the_observation_that_it_reads() -> None:
    from tetrarium.training import TetrisAgent, TrainingConfig

    for env in (make_env(BOARD)(), make_vec_env(BOARD, n_envs=2)):
        with pytest.raises(ConfigError, match=r"row of features.*observation='board'\. Use observation='rows'"):
            TetrisAgent(env, TrainingConfig(n_envs=2))


def test_a_replay_stores_the_observation_only_if_it_is_not_the_default() -> None:
    by_rows, by_cells = (
        Replay(
            env_config=config, seed=0, game=0, actions=pack_actions(config, [0]), lines=0, pieces=1, terminated=False
        )
        for config in (EnvConfig(), BOARD)
    )

    assert "observation" not in json.loads(by_rows.to_json())["env_config"]
    assert Replay.from_bytes(by_rows.to_bytes()) == by_rows
    assert Replay.from_bytes(by_cells.to_bytes()) == by_cells != by_rows
    assert list(by_cells.play()) == list(by_rows.play())


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"observation is one of 'rows', 'board'; got 'boards'\. Did you mean 'board'\?"
    ):
        EnvConfig(observation="boards")
