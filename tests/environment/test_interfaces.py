"""One core under every interface: the Gymnasium environment and the Stable-Baselines3 VecEnv."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.utils.env_checker import check_env

from tetrarium.engine import parse_board
from tetrarium.environment import EnvConfig, TetrisEnv, make_env
from tetrarium.errors import ConfigError, GameError, IllegalActionError


def play(env: TetrisEnv, n_pieces: int, seed: int) -> list[tuple[bytes, float]]:
    """Plays random legal actions; returns what was seen and earned."""
    random = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    seen = [(observation.tobytes(), 0.0)]
    for _ in range(n_pieces):
        action = random.choice(np.flatnonzero(info["action_mask"]))
        observation, reward, over, _, info = env.step(action)
        seen.append((observation.tobytes(), reward))
        if over:
            observation, info = env.reset()
    return seen


class TestTetrisEnv:
    def test_gymnasiums_checker_finds_nothing_to_warn_of(self) -> None:
        for config in (EnvConfig(), EnvConfig.literature(10), EnvConfig(width=5, height=8, preview=3)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                env = gymnasium.make("tetrarium/Tetris-v0", config=config, render_mode="rgb_array")
                check_env(env.unwrapped)

    def test_it_is_registered(self) -> None:
        env = gymnasium.make("tetrarium/Tetris-v0", config=EnvConfig(width=8))

        observation, _ = env.reset(seed=0)

        assert observation.shape == (32, 21)
        assert isinstance(env.unwrapped, TetrisEnv)

    def test_it_is_registered_for_vectors(self) -> None:
        envs = gymnasium.make_vec("tetrarium/Tetris-v0", num_envs=3)

        observations, _ = envs.reset(seed=0)

        assert observations.shape == (3, 40, 23)
        envs.close()

    def test_illegal_rows_are_minus_one_and_no_feature_of_a_legal_one_is_negative(self) -> None:
        env = make_env(EnvConfig())()
        observation, info = env.reset(seed=3)
        for _ in range(200):
            mask = info["action_mask"]
            assert np.all(observation[~mask] == -1)
            assert np.all(observation[mask] >= 0)
            assert env.observation_space.contains(observation)
            observation, _, over, _, info = env.step(np.flatnonzero(mask)[0])
            if over:
                assert np.all(observation == -1)
                assert not info["action_mask"].any()
                observation, info = env.reset()

    def test_the_row_of_the_action_played_describes_the_board_that_follows(self) -> None:
        env = make_env(EnvConfig(features=("column_heights", "lines_cleared")))()
        observation, info = env.reset(seed=1)
        for step in range(300):
            action = int(np.flatnonzero(info["action_mask"])[step % info["action_mask"].sum()])
            predicted = observation[action]
            observation, _, over, _, info = env.step(action)
            heights = [int(column).bit_length() for column in env.core.games.columns[0]]
            assert predicted[:10].tolist() == heights
            assert predicted[10] == info["lines_placement"]
            if over:
                observation, info = env.reset()

    def test_the_pieces_that_follow_are_in_every_legal_row(self) -> None:
        config = EnvConfig(randomizer="TIOS", preview=3, features=("holes", "next_pieces"))
        observation, info = make_env(config)().reset(seed=0)

        legal: Any = observation[info["action_mask"]]  # type: ignore[index]
        assert legal.shape == (34, 1 + 3 * 7)
        for row in legal[:, 1:].reshape(-1, 3, 7):
            assert ["".join("IOTLJSZ"[k] for k in np.flatnonzero(one_hot)) for one_hot in row] == ["I", "O", "S"]

    def test_lines_are_counted_by_placement_and_by_game(self) -> None:
        env = make_env(EnvConfig(randomizer="I", width=4, preview=0))()
        _, info = env.reset(seed=0)
        assert (info["lines_game"], info["pieces_game"]) == (0, 0)
        counts = []
        for _ in range(3):  # lying I pieces fill one row of a board four wide each
            _, reward, _, _, info = env.step(np.int64(0))
            counts.append((info["lines_placement"], info["lines_game"], info["pieces_game"], reward))

        assert counts == [(1, 1, 1, 1.0), (1, 2, 2, 1.0), (1, 3, 3, 1.0)]

    def test_four_upright_pieces_clear_four_rows_at_once(self) -> None:
        env = make_env(EnvConfig(randomizer="I", width=4, preview=0, line_reward=2.0))()
        env.reset(seed=0)
        lines, rewards = [], []
        for column in range(4):
            _, reward, _, _, info = env.step(np.int64(4 * column + 1))
            lines.append(info["lines_placement"])
            rewards.append(reward)

        assert lines == [0, 0, 0, 4]
        assert rewards == [0.0, 0.0, 0.0, 8.0]
        assert info["score"] == 800

    def test_the_score_counts_levels_from_the_lines_before(self) -> None:
        env = make_env(EnvConfig(randomizer="I", width=4, preview=0))()
        env.reset(seed=0)
        scores = [env.step(np.int64(0))[4]["score"] for _ in range(12)]

        assert scores[8:] == [900, 1000, 1200, 1400]
        assert env.reset()[1]["score"] == 0

    def test_pictures_show_cells_in_the_color_of_their_piece(self) -> None:
        from tetrarium.environment.pictures.colors import PIECE_COLORS

        env = TetrisEnv(EnvConfig(randomizer="O", preview=0), render_mode="rgb_array")
        env.reset(seed=0)
        env.step(np.int64(0))
        before = (env.render().reshape(-1, 3) == PIECE_COLORS[1]).all(axis=1).sum()
        env.step(np.int64(4 * 2))

        assert (env.render().reshape(-1, 3) == PIECE_COLORS[1]).all(axis=1).sum() > before

    def test_penalties_are_per_new_hole_per_row_of_added_height_and_once_for_the_end(self) -> None:
        config = EnvConfig(
            randomizer="SO", width=4, height=4, preview=0, line_reward=0, hole_penalty=1, height_penalty=10,
            game_over_penalty=100,
        )  # fmt: skip
        env = make_env(config)()
        env.reset(seed=0)
        rewards = []
        _, reward, over, _, _ = env.step(np.int64(0))  # S lying at the left: height 0 to 2, a hole under its right end
        rewards.append(reward)
        _, reward, over, _, _ = env.step(np.int64(4))  # O on top of it: height 2 to 4, no hole
        rewards.append(reward)
        assert not over
        _, reward, over, _, _ = env.step(np.int64(4))  # S on top of that overflows
        rewards.append(reward)

        assert over
        assert rewards[:2] == [-21.0, -20.0]
        assert rewards[2] < -100

    def test_an_overflowing_piece_ends_the_game_and_clears_nothing(self) -> None:
        env = make_env(EnvConfig(width=4, height=4, randomizer="O", preview=0))()
        env.reset(seed=0)
        env.core.games.set_board(0, parse_board("##..\n##..\n##..\n"))

        _, reward, over, cut, info = env.step(np.int64(4 * 0))

        assert (over, cut, reward, info["lines_placement"]) == (True, False, 0.0, 0)
        with pytest.raises(GameError, match=r"The game has ended\. Reset it before the next action\."):
            env.step(np.int64(0))

    def test_an_illegal_action_is_played_as_the_nearest_legal_one(self) -> None:
        env = make_env(EnvConfig(randomizer="O", preview=0))()
        env.reset(seed=0)

        _, _, _, _, info = env.step(np.int64(4 * 9 + 3))  # O has one orientation, and is two wide

        assert info["action"] == 4 * 8

    def test_an_illegal_action_raises_when_asked_to(self) -> None:
        env = make_env(EnvConfig(randomizer="O", preview=0, illegal_action="raise"))()
        env.reset(seed=0)

        with pytest.raises(IllegalActionError, match=r"Action 39 \(rotation 3, column 9\) is not legal"):
            env.step(np.int64(39))
        assert env.core.games.pieces[0] == 0

    @pytest.mark.parametrize("action", [-1, 40, 10**9])
    def test_an_action_out_of_range_is_refused_and_nothing_is_played(self, action: int) -> None:
        env = make_env(EnvConfig())()
        env.reset(seed=0)
        before, mask = env.state()["rows"].tobytes(), env.action_masks()

        with pytest.raises(GameError, match=f"An action is from 0 to 39; got {action}."):
            env.step(np.int64(action))
        assert env.state()["rows"].tobytes() == before
        assert np.array_equal(env.action_masks(), mask)

    @pytest.mark.parametrize("action", [1.5, None, [3], np.array([3])])
    def test_an_action_that_is_no_whole_number_is_refused(self, action: object) -> None:
        env = make_env(EnvConfig())()
        env.reset(seed=0)

        with pytest.raises(GameError, match=r"An action is an integer from 0 to 39; got .* Choose one that"):
            env.step(action)  # type: ignore[arg-type]
        assert env.core.games.pieces[0] == 0

    def test_max_pieces_truncates_and_does_not_terminate(self) -> None:
        env = make_env(EnvConfig(max_pieces=2))()
        env.reset(seed=0)
        first = env.step(np.int64(0))
        second = env.step(np.int64(8))

        assert (first[2], first[3]) == (False, False)
        assert (second[2], second[3]) == (False, True)

    @pytest.mark.parametrize("seed", [0, 7])
    def test_same_seed_same_game(self, seed: int) -> None:
        assert play(make_env()(), 100, seed) == play(make_env()(), 100, seed)

    def test_other_seed_other_game(self) -> None:
        assert play(make_env()(), 30, 0) != play(make_env()(), 30, 1)

    def test_a_restored_state_has_the_same_future(self) -> None:
        env = make_env()()
        env.reset(seed=5)
        env.step(np.int64(0))
        state = env.state()
        future = [env.step(np.int64(4 * k))[0].tobytes() for k in range(6)]

        other = make_env()()
        other.set_state(state)

        assert [other.step(np.int64(4 * k))[0].tobytes() for k in range(6)] == future

    def test_render_modes(self) -> None:
        text = TetrisEnv(render_mode="ansi")
        text.reset(seed=0)
        picture = TetrisEnv(render_mode="rgb_array")
        picture.reset(seed=0)

        assert isinstance(text.render(), str)
        assert picture.render().dtype == np.uint8
        assert picture.render().ndim == 3

    def test_an_unknown_render_mode_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"got 'rgb_aray'. Did you mean 'rgb_array'\?"):
            TetrisEnv(render_mode="rgb_aray")


class TestTetrisVecEnv:
    def make(self, config: EnvConfig | None = None, n_envs: int = 4, seed: int = 0) -> Any:
        from tetrarium.environment import make_vec_env

        return make_vec_env(config, n_envs, seed)

    def actions(self, envs: Any, step: int) -> npt.NDArray[np.int64]:
        return np.array([np.flatnonzero(mask)[(step * 7) % mask.sum()] for mask in envs.action_masks()])

    def test_game_k_is_the_same_alone_and_in_a_batch(self) -> None:
        many, few = self.make(n_envs=5), self.make(n_envs=2)
        seen_many, seen_few = [many.reset()], [few.reset()]
        for step in range(60):
            seen_many.append(many.step(self.actions(many, step))[0])
            seen_few.append(few.step(self.actions(few, step))[0])

        assert np.array_equal(np.stack(seen_many)[:, :2], np.stack(seen_few))

    def test_the_first_game_is_the_gymnasium_environments(self) -> None:
        envs = self.make(n_envs=3, seed=9)
        env = make_env()()
        observation, _ = env.reset(seed=9)

        assert np.array_equal(envs.reset()[0], observation)

    def test_a_game_that_ends_restarts_in_the_same_step(self) -> None:
        envs = self.make(EnvConfig(width=4, height=4, randomizer="O", preview=0), n_envs=1)
        envs.reset()
        steps = [envs.step(np.array([0])) for _ in range(3)]

        assert [bool(dones[0]) for _, _, dones, _ in steps] == [False, False, True]
        info = steps[2][3][0]
        assert np.all(info["terminal_observation"] == -1)
        assert info["TimeLimit.truncated"] is False
        assert (info["lines_game"], info["pieces_game"], info["episode"]["l"]) == (0, 3, 3)
        assert steps[2][0][0].max() > -1
        assert info["action_mask"].sum() == 3

    def test_a_truncated_game_says_so_and_returns_its_last_observation(self) -> None:
        envs = self.make(EnvConfig(max_pieces=2, randomizer="I", preview=0), n_envs=1)
        envs.reset()
        envs.step(np.array([0]))
        observation, _, dones, infos = envs.step(np.array([0]))

        assert dones[0]
        assert infos[0]["TimeLimit.truncated"] is True
        assert infos[0]["terminal_observation"][0, :4].tolist() == [3, 3, 3, 3]
        assert observation[0, 0, :4].tolist() == [1, 1, 1, 1]

    def test_the_reward_of_a_game_is_summed_in_its_episode(self) -> None:
        envs = self.make(EnvConfig(width=4, height=4, max_pieces=3, randomizer="I", preview=0), n_envs=1)
        envs.reset()
        for _ in range(3):
            _, _, _, infos = envs.step(np.array([0]))

        assert infos[0]["episode"]["r"] == 3.0

    def test_observations_are_not_overwritten_by_later_steps(self) -> None:
        envs = self.make()
        first = envs.reset()
        copy = first.copy()
        for step in range(3):
            envs.step(self.actions(envs, step))

        assert np.array_equal(first, copy)

    def test_env_method_gives_masks_to_sb3_contrib(self) -> None:
        from sb3_contrib.common.maskable.utils import get_action_masks

        envs = self.make(n_envs=3)
        envs.reset()

        assert np.array_equal(get_action_masks(envs), envs.action_masks())

    def test_a_restored_state_has_the_same_future(self) -> None:
        envs = self.make()
        envs.reset()
        state = envs.state()
        future = [envs.step(self.actions(envs, step))[0] for step in range(20)]
        other = self.make(seed=99)
        other.set_state(state)

        assert np.array_equal(np.stack([other.step(self.actions(other, s))[0] for s in range(20)]), np.stack(future))

    def test_a_state_of_other_games_is_refused(self) -> None:
        with pytest.raises(
            GameError, match=r"A state fits its games, of shape \(2, 29\) in rows; got a state of shape \(4, 29\)"
        ):
            self.make(n_envs=2).set_state(self.make(n_envs=4).state())

    def test_actions_that_are_no_whole_numbers_are_refused(self) -> None:
        with pytest.raises(GameError, match=r"^Actions are integers; got float64\. Pass one integer for each game\.$"):
            self.make(n_envs=2).step(np.array([0.5, 1.0]))

    def test_n_envs_is_at_least_one(self) -> None:
        with pytest.raises(ConfigError, match="n_envs is 1 or more; got 0"):
            self.make(n_envs=0)


def test_stable_baselines3s_checker_warns_of_the_two_dimensional_observation_only() -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_for_sb3(make_env()())
    assert len(caught) == 1
    assert "unconventional shape" in str(caught[0].message)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_for_sb3(gymnasium.wrappers.FlattenObservation(make_env()()))
    assert [str(warning.message) for warning in caught] == []
