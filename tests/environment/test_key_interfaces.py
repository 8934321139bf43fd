"""Games by keys in every interface of the environment, in pictures, as replays and on film."""

import json
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from tetrarium.engine import KEYS, KeyMove, parse_board
from tetrarium.environment import EnvConfig, TetrisEnv, make_env, make_vec_env
from tetrarium.environment.core import GameCore
from tetrarium.environment.pictures.animation import animation_frames
from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import ConfigError, GameError, IllegalActionError, ReplayError

GUIDELINE = EnvConfig.guideline().with_changes(actions="keys")
# Games that end and are cut within a few pieces, with every part of the reward.
SHORT = GUIDELINE.with_changes(
    width=6, height=6, max_pieces=5, hole_penalty=0.5, height_penalty=0.25, game_over_penalty=3.0, line_reward=2.0
)
SEEDS = [3, 4, 5, 6]
HARD, HOLD = KEYS.index("hard drop"), KEYS.index("hold")


@pytest.mark.parametrize("observation", ["rows", "board"])
@pytest.mark.parametrize("config", [GUIDELINE, SHORT, EnvConfig(actions="keys", gravity="none")])
def test_gymnasiums_checker_finds_nothing_to_warn_of(config: EnvConfig, observation: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = config.with_changes(observation=observation)
        check_env(gymnasium.make("tetrarium/Tetris-v0", config=seen, render_mode="rgb_array").unwrapped)


def test_stable_baselines3s_checker_finds_nothing_to_warn_of() -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_for_sb3(make_env(GUIDELINE)())


def test_stable_baselines3_learns_from_it() -> None:
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", make_vec_env(SHORT, n_envs=2, seed=0), n_steps=16, batch_size=16, n_epochs=1)
    model.learn(64)
    assert model.num_timesteps == 64


def test_observation_spaces() -> None:
    env = make_env(GUIDELINE)()
    assert env.observation_space.shape == (304,)
    assert env.observation_space.dtype == np.uint8
    assert env.action_space == gymnasium.spaces.Discrete(8)
    planes: Any = make_env(GUIDELINE.with_changes(observation="board"))().observation_space
    assert (planes["board"].shape, planes["pieces"].shape) == ((2, 40, 10), (58,))


def test_planes_show_what_rows_show() -> None:
    rows, planes = make_env(GUIDELINE)(), make_env(GUIDELINE.with_changes(observation="board"))()
    seen, _ = rows.reset(seed=1)
    picture: Any = planes.reset(seed=1)[0]
    random = np.random.default_rng(0)
    for _ in range(150):
        row: Any = seen
        cells = row[:240].reshape(10, 24).T[::-1]
        assert np.array_equal(picture["board"][0, 16:], cells == 1)
        assert np.array_equal(picture["board"][1, 16:], cells == 2)
        assert np.array_equal(picture["pieces"], row[240:298])
        key = random.integers(0, 8)
        seen, _, over, _, _ = rows.step(key)
        picture = planes.step(key)[0]
        if over:
            assert not np.asarray(seen).any() and not picture["board"].any() and not picture["pieces"].any()
            break


def test_info_counts_keys_pieces_and_points() -> None:
    env = make_env(GUIDELINE.with_changes(randomizer="O"))()
    _, info = env.reset(seed=0)
    assert (info["score"], info["pieces_game"]) == (0, 0)
    assert info["action_mask"].tolist() == [True] * 8
    _, reward, over, cut, info = env.step(np.int64(HARD))
    assert (reward, over, cut) == (0.0, False, False)
    assert {name: info[name] for name in ("action", "lines_placement", "lines_game", "pieces_game", "score")} == {
        "action": HARD,
        "lines_placement": 0,
        "lines_game": 0,
        "pieces_game": 1,
        "score": 38,
    }


def test_rewards_come_with_the_lock() -> None:
    env = make_env(SHORT.with_changes(randomizer="O", max_pieces=None))()
    env.reset(seed=0)
    env.core.games.set_board(0, parse_board("##..##\n##..##"))
    rewards = [float(env.step(np.int64(0))[1]) for _ in range(3)]
    _, reward, _, _, info = env.step(np.int64(HARD))
    assert rewards == [0.0] * 3
    assert (reward, info["lines_placement"]) == (4.0, 2)


def test_an_illegal_hold_plays_nothing_or_raises() -> None:
    env = make_env(GUIDELINE)()
    env.reset(seed=0)
    assert env.step(np.int64(HOLD))[4]["action_mask"].tolist() == [True] * 7 + [False]
    assert env.step(np.int64(HOLD))[4]["action"] == 0

    strict = make_env(GUIDELINE.with_changes(illegal_action="raise"))()
    strict.reset(seed=0)
    strict.step(np.int64(HOLD))
    with pytest.raises(
        IllegalActionError, match=r"^Key 7 \(hold\) is not legal now\. Choose one that action_mask allows\.$"
    ):
        strict.step(np.int64(HOLD))


@pytest.mark.parametrize("action", [-1, 8])
def test_an_action_out_of_range_is_refused(action: int) -> None:
    env = make_env(GUIDELINE)()
    env.reset(seed=0)
    with pytest.raises(GameError, match=f"An action is from 0 to 7; got {action}."):
        env.step(np.int64(action))


def test_a_restored_state_has_the_same_future() -> None:
    def future(env: TetrisEnv) -> list[bytes]:
        random = np.random.default_rng(3)
        return [np.asarray(env.step(random.integers(0, 8))[0]).tobytes() for _ in range(30)]

    env, other = make_env(GUIDELINE)(), make_env(GUIDELINE)()
    env.reset(seed=5)
    future(env)
    state = env.state()
    expected = future(env)
    other.set_state(state)
    assert future(other) == expected
    assert other.state()["score"] == env.state()["score"]


# --- pictures ---


def test_a_picture_shows_the_piece_where_it_is_and_its_ghost() -> None:
    env = TetrisEnv(GUIDELINE.with_changes(randomizer="OI", preview=1, gravity="none"), render_mode="ansi")
    env.reset(seed=0)
    drawn = str(env.render()).split("\n")
    yellow = "\x1b[38;2;235;190;45m\x1b[48;2;235;190;45m▀▀"
    assert yellow in drawn[1] + drawn[2] or "▄▄" in drawn[1] + drawn[2]
    assert "\x1b[38;2;106;86;20m" in drawn[11]  # the ghost on the floor
    env.step(np.int64(HOLD))
    assert any(line.endswith("hold") for line in str(env.render()).split("\n"))


def test_pictures_are_of_one_size_with_and_without_a_held_piece() -> None:
    env = TetrisEnv(GUIDELINE, render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render().shape
    env.step(np.int64(HOLD))
    assert env.render().shape == before


# --- replays ---


def recorded(n_steps: int = 400, config: EnvConfig = SHORT, seed: int = 2) -> list[Replay]:
    core = GameCore(config, n_games=3, seed=seed)
    recorder = GameRecorder(core, seed=seed)
    random = np.random.default_rng(0)
    replays = []
    for _ in range(n_steps):
        core.step(random.integers(0, 8, 3), restart=True)
        replays += recorder.note()
    return replays


def test_recorded_games_replay_exactly() -> None:
    replays = recorded()
    assert len(replays) > 10
    for replay in replays:
        assert Replay.from_bytes(replay.to_bytes()) == replay
        assert Replay.from_json(replay.to_json()) == replay
        *_, last = replay.play()
        assert isinstance(last, KeyMove)
        assert (last.state_tp1.lines, last.state_tp1.pieces) == (replay.lines, replay.pieces)
        assert last.state_tp1.terminated == replay.terminated


def test_a_replay_stores_newer_settings_only_if_they_are_not_the_defaults() -> None:
    replay = recorded()[0]
    header = json.loads(replay.to_bytes().split(b"\n")[0])
    assert header["version"] == 1
    assert header["action_bytes"] == 1
    assert header["env_config"]["actions"] == "keys"
    assert not {"gravity", "key_rate", "first_level"} & header["env_config"].keys()
    fast = recorded(config=SHORT.with_changes(key_rate=60, first_level=3))[0]
    settings = json.loads(fast.to_bytes().split(b"\n")[0])["env_config"]
    assert (settings["key_rate"], settings["first_level"]) == (60, 3)


def test_a_minute_without_key_presses_takes_few_bytes() -> None:
    config = GUIDELINE.with_changes(key_rate=60)
    keys = [0] * 3_000 + [1, 0, 0, 6] + [0] * 600
    replay = Replay(
        env_config=config, seed=0, game=0, actions=pack_actions(config, keys), lines=0, pieces=0, terminated=False
    )
    assert len(replay.to_bytes()) < 1_000


def test_a_hold_that_was_not_allowed_is_refused() -> None:
    replay = Replay(
        env_config=GUIDELINE,
        seed=0,
        game=0,
        actions=pack_actions(GUIDELINE, [HOLD, HOLD]),
        lines=0,
        pieces=0,
        terminated=False,
    )
    with pytest.raises(ReplayError, match=r"Every action of a replay is legal; action 7 at key 2, [A-Z], is not\."):
        list(replay.play())


def test_an_animation_shows_every_step_and_full_rows_flash() -> None:
    config = EnvConfig(actions="keys", width=4, randomizer="I")
    replay = Replay(
        env_config=config,
        seed=0,
        game=0,
        actions=pack_actions(config, [0, HARD, 0]),
        lines=1,
        pieces=1,
        terminated=False,
    )
    frames = list(animation_frames(replay.play(), width=4, height=20, speed=10.0, cell_px=4))
    assert [round(frame.seconds, 2) for frame in frames] == [0.1, 0.1, 0.12, 0.1, 2.0]
    assert len({frame.picture.shape for frame in frames}) == 1


# --- what cannot be ---


def test_a_game_by_keys_has_no_placement_policies() -> None:
    with pytest.raises(
        ConfigError, match=r"^Placements are chosen under actions='drop' or 'reachable'; got actions='keys'\."
    ):
        GUIDELINE.rules()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gravity": "moon"}, "gravity is one of 'level', 'none'; got 'moon'."),
        ({"key_rate": 241}, "key_rate is a whole number from 1 to 240; got 241."),
        ({"first_level": 0}, "first_level is a whole number from 1 to 20; got 0."),
    ],
)
def test_settings_that_break_a_rule(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EnvConfig.from_dict(values)
    assert message in str(caught.value)
