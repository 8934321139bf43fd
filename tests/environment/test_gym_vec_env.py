"""The Gymnasium VectorEnv: Gymnasium's checks, and its own SyncVectorEnv as the twin, step by step."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils import env_checker
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tetrarium.environment import EnvConfig, TetrisEnv, TetrisVectorEnv
from tetrarium.errors import ConfigError, GameError, IllegalActionError

# Games that end, are cut and clear rows within a few pieces, with every part of the reward.
SHORT = EnvConfig(
    width=4, height=6, max_pieces=5, hole_penalty=0.5, height_penalty=0.25, game_over_penalty=3.0, line_reward=2.0
)
TWO_PIECES = EnvConfig(width=4, height=4, randomizer="O", preview=0)  # the third O at the left ends the game
SEEDS = [3, 4, 5, 6]


def make(config: EnvConfig = SHORT, num_envs: int = 4, **settings: Any) -> Any:
    return TetrisVectorEnv(config, num_envs, **settings)


def ended(outcome: tuple[Any, ...]) -> Any:
    return outcome[2] | outcome[3]


class TestGymnasiumsChecks:
    """Gymnasium has no checker for vector environments; these of its checks fit one."""

    @pytest.mark.parametrize("observation", ["rows", "board"])
    @pytest.mark.parametrize("mode", AutoresetMode)
    def test_nothing_to_warn_of(self, mode: AutoresetMode, observation: str) -> None:
        config = SHORT.with_changes(observation=observation)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            envs: Any = gymnasium.make_vec("tetrarium/Tetris-v0", num_envs=3, config=config, autoreset_mode=mode)
            env_checker.check_reset_seed_determinism(envs)
            env_checker.check_reset_options(envs)
            if hasattr(env_checker, "check_returned_data_not_reused"):  # later than Gymnasium 1.2
                env_checker.check_returned_data_not_reused(make(config, num_envs=1, autoreset_mode=mode))
            env_checker.check_reset_return_info_deprecation(envs)
            env_checker.check_seed_deprecation(envs)
            env_checker.check_reset_return_type(envs)
            env_checker.check_space_limit(envs.observation_space, "observation")

    def test_steps_return_members_of_the_spaces(self) -> None:
        for observation in ("rows", "board"):
            envs = make(SHORT.with_changes(observation=observation))
            envs.reset(seed=0)
            envs.action_space.seed(0)
            for _ in range(60):
                observations, rewards, terminations, truncations, _ = envs.step(envs.action_space.sample())
                assert observations in envs.observation_space
                assert (rewards.dtype, rewards.shape) == (np.float64, (4,))
                assert terminations.dtype == truncations.dtype == np.bool_


class TestMakeVec:
    def test_make_vec_returns_the_native_environment_by_default(self) -> None:
        native = gymnasium.make_vec("tetrarium/Tetris-v0", num_envs=3, config=SHORT, autoreset_mode="SameStep")
        named = gymnasium.make_vec("tetrarium/Tetris-v0", 2, vectorization_mode="vector_entry_point")
        sync = gymnasium.make_vec("tetrarium/Tetris-v0", num_envs=3, vectorization_mode="sync", config=SHORT)

        assert type(native) is type(named) is TetrisVectorEnv
        assert native.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        assert type(sync) is SyncVectorEnv
        assert (native.num_envs, named.num_envs, sync.num_envs) == (3, 2, 3)
        assert repr(native) == "TetrisVectorEnv(tetrarium/Tetris-v0, num_envs=3)"

    def test_its_spec_recreates_it(self) -> None:
        first = gymnasium.make_vec("tetrarium/Tetris-v0", num_envs=3, config=SHORT, autoreset_mode="SameStep")
        assert first.spec is not None
        second: Any = gymnasium.make_vec(first.spec)

        assert (second.num_envs, second.config, second.autoreset_mode) == (3, SHORT, AutoresetMode.SAME_STEP)

    def test_it_is_marked_closed(self) -> None:
        envs = make()
        envs.close()
        envs.close()
        assert envs.closed


class TestSeeds:
    def first(self, envs: Any, seed: Any) -> Any:
        return envs.reset(seed=seed)[0]

    def test_a_seed_spreads_as_in_make_vec_env_and_in_a_batch_of_any_size(self) -> None:
        from tetrarium.environment import make_vec_env

        many, few, sb3 = make(num_envs=5), make(num_envs=2), make_vec_env(SHORT, n_envs=5, seed=7)
        alone: Any = TetrisEnv(SHORT)

        assert data_equivalence(self.first(many, 7), sb3.reset(), exact=True)
        assert np.array_equal(self.first(many, 7)[:2], self.first(few, np.int64(7)))
        assert np.array_equal(make(num_envs=5, seed=7).core.observe(), self.first(many, 7))
        assert np.array_equal(self.first(many, 7)[0], alone.reset(seed=7)[0])

    def test_the_constructors_seed_is_used_by_the_first_reset_only(self) -> None:
        envs = make(EnvConfig(randomizer="uniform", preview=6, features=("next_pieces",)), seed=7)
        first = self.first(envs, None)

        assert np.array_equal(first, make(envs.config).reset(seed=7)[0])
        assert not np.array_equal(self.first(envs, None), first)

    def test_a_list_of_seeds_starts_the_games_of_single_environments(self) -> None:
        env: Any = TetrisEnv(SHORT)
        alone = np.stack([env.reset(seed=seed)[0] for seed in SEEDS])

        assert np.array_equal(self.first(make(), SEEDS), alone)
        assert np.array_equal(self.first(make(), np.array(SEEDS)), alone)

    def test_same_seed_same_games_and_other_seed_other_games(self) -> None:
        config = EnvConfig(randomizer="uniform", preview=6, features=("next_pieces",))
        for seed in (0, 1):
            assert np.array_equal(self.first(make(config), seed), self.first(make(config), seed))
        assert not np.array_equal(self.first(make(config), 0), self.first(make(config), 1))
        assert not np.array_equal(self.first(make(config), None), self.first(make(config), None))

    @pytest.mark.parametrize(
        ("seed", "message"),
        [
            ([1, 2], r"seed has one entry for each of 4 games; got 2\. Pass as many\."),
            (-1, r"A seed is 0 or more; got -1\."),
            ([0, 1, -2, 3], r"A seed is 0 or more; got -2\."),
        ],
    )
    def test_invalid_seeds_are_rejected_and_nothing_restarts(self, seed: Any, message: str) -> None:
        envs = make(seed=0)
        before = envs.state()["rows"].tobytes()
        with pytest.raises(ConfigError, match=message):
            envs.reset(seed=seed)
        assert envs.state()["rows"].tobytes() == before


class TestSteps:
    def test_the_step_after_the_end_restarts_and_plays_nothing(self) -> None:
        envs = make(TWO_PIECES, num_envs=1)
        envs.reset(seed=0)
        steps = [envs.step(np.array([0])) for _ in range(4)]

        assert [bool(step[2][0]) for step in steps] == [False, False, True, False]
        assert steps[2][0].max() == -1
        assert steps[3][1].tolist() == [0.0]
        assert steps[3][4]["pieces_game"].tolist() == [0]
        assert "action" not in steps[3][4]

    @pytest.mark.parametrize("mode", AutoresetMode)
    def test_the_rewards_of_a_game_are_summed_until_it_restarts(self, mode: AutoresetMode) -> None:
        envs = make(EnvConfig(width=4, randomizer="I", preview=0, max_pieces=3), num_envs=1, autoreset_mode=mode)
        envs.reset(seed=0)
        summed = []
        for _ in range(5):
            if mode is AutoresetMode.DISABLED and len(summed) == 3:
                envs.reset(options={"reset_mask": np.array([True])})
            envs.step(np.array([0]))  # an I that lies fills a row of its own
            summed.append(envs.state()["rewards_game"][0])

        assert (
            summed
            == {"NextStep": [1, 2, 3, 0, 1], "SameStep": [1, 2, 0, 1, 2], "Disabled": [1, 2, 3, 1, 2]}[mode.value]
        )

    def test_any_action_is_accepted_for_a_game_that_restarts(self) -> None:
        envs = make(TWO_PIECES.with_changes(illegal_action="raise"), num_envs=1)
        envs.reset(seed=0)
        for _ in range(3):
            envs.step(np.array([0]))

        assert envs.step(np.array([-5]))[4]["pieces_game"].tolist() == [0]

    def test_the_same_step_restarts_and_returns_the_final_info(self) -> None:
        envs = make(TWO_PIECES, num_envs=2, autoreset_mode="SameStep")
        envs.reset(seed=0)
        for actions in ([0, 0], [0, 8]):
            envs.step(np.array(actions))
        observations, _, terminations, _, infos = envs.step(np.array([0, 8]))

        assert terminations.tolist() == [True, False]
        assert infos["final_obs"][0].max() == -1 and infos["final_obs"][1] is None
        assert infos["final_info"]["pieces_game"].tolist() == [3, 0]
        assert infos["_final_info"].tolist() == [True, False]
        assert infos["pieces_game"].tolist() == [0, 3]
        assert infos["action"].tolist() == [0, 8] and infos["_action"].tolist() == [False, True]
        assert observations[0].max() > -1

    @pytest.mark.parametrize("config", [TWO_PIECES, EnvConfig(max_pieces=3)], ids=["ended", "cut"])
    def test_without_autoreset_an_ended_game_takes_no_action(self, config: EnvConfig) -> None:
        envs = make(config, num_envs=2, autoreset_mode=AutoresetMode.DISABLED)
        envs.reset(seed=0)
        envs.step(np.array([0, 0]))
        envs.reset(options={"reset_mask": np.array([True, False])})
        for _ in range(2):
            envs.step(np.array([0, 0]))
        before = envs.state()["rows"].tobytes()

        with pytest.raises(GameError, match=r"The episode of game 1 is over and takes no action\."):
            envs.step(np.array([0, 0]))
        assert envs.state()["rows"].tobytes() == before

    @pytest.mark.parametrize(
        ("actions", "message"),
        [
            ([0, 0, 16, 0], "An action is from 0 to 15; got 16"),
            ([0, 0], r"Each of 4 games takes one action; got shape \(2,\)"),
            ([0.0, 0.5, 1.0, 2.0], r"Actions are integers; got float64\. Pass one integer for each game\."),
        ],
    )
    def test_invalid_actions_are_rejected_and_nothing_is_played(self, actions: list[Any], message: str) -> None:
        for observation in ("rows", "board"):
            envs = make(SHORT.with_changes(observation=observation), seed=0)
            before = envs.state()["rows"].tobytes()
            with pytest.raises(GameError, match=message):
                envs.step(np.array(actions))
            assert envs.state()["rows"].tobytes() == before

    def test_an_illegal_action_raises_when_asked_to(self) -> None:
        envs = make(TWO_PIECES.with_changes(illegal_action="raise"), num_envs=2)
        envs.reset(seed=0)
        with pytest.raises(IllegalActionError, match=r"Action 15 \(rotation 3, column 3\) is not legal"):
            envs.step(np.array([0, 15]))

    def test_returned_arrays_are_not_overwritten_by_later_steps(self) -> None:
        envs = make(autoreset_mode="SameStep")
        envs.reset(seed=0)
        outcomes = [envs.step(np.array([4, 0, 4, 8])) for _ in range(12)]
        envs.reset(seed=0)
        again = [envs.step(np.array([4, 0, 4, 8])) for _ in range(12)]

        assert data_equivalence(outcomes, again, exact=True)

    def test_a_restored_state_has_the_same_future(self) -> None:
        envs = make(render_mode="ansi")
        envs.reset(seed=0)
        for step in range(40):
            envs.step(np.array([0, 4, 8, step % 16]))
            if envs.state()["ended"].any():
                break
        state = envs.state()
        future = [envs.step(np.array([0, 4, 8, 12])) for _ in range(20)]
        other = make(seed=99)
        other.set_state(state)

        assert state["ended"].any()
        assert data_equivalence([other.step(np.array([0, 4, 8, 12])) for _ in range(20)], future, exact=True)


class TestRefusals:
    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            ([True] * 4, r"reset_mask is an array of 4 bool; got list\."),
            (np.ones(3, dtype=np.bool_), r"got bool of shape \(3,\)\. Pass one entry for each game\."),
            (np.ones(4, dtype=np.int64), r"got int64 of shape \(4,\)\."),
            (np.zeros(4, dtype=np.bool_), r"reset_mask has at least one true entry; got none\."),
        ],
    )
    def test_masks(self, mask: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            make().reset(options={"reset_mask": mask})

    def test_settings(self) -> None:
        with pytest.raises(ConfigError, match=r"one of NextStep, .*; got 'SameSteps'\. Did you mean 'SameStep'\?"):
            make(autoreset_mode="SameSteps")
        with pytest.raises(ConfigError, match=r"got 'human'"):
            make(render_mode="human")
        with pytest.raises(ConfigError, match="n_envs is 1 or more; got 0"):
            make(num_envs=0)
