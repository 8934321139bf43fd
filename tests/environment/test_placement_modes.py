"""Games with hold, spawning pieces and lock positions in every interface: checkers, twins, pictures and replays."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from tests.environment.test_gym_vec_env import SHORT
from tetrarium.engine import KEYS
from tetrarium.environment import EnvConfig, TetrisEnv, make_env
from tetrarium.environment.core import GameCore
from tetrarium.environment.pictures.animation import animation_frames
from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, GameError, IllegalActionError

SMALL = SHORT.with_changes(preview=2, features=("max_height", "holes", "game_over", "next_pieces"))
CONFIGS = {
    "hold": SMALL.with_changes(hold=True, features=(*SMALL.features, "held_piece")),
    "guideline": SMALL.with_changes(game_over="guideline"),
    "reachable": SMALL.with_changes(actions="reachable", hold=True, game_over="guideline"),
}
in_each = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


@in_each
def test_the_checkers_find_nothing_to_warn_of(config: EnvConfig) -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for observation in ("rows", "board"):
            seen = config.with_changes(observation=observation)
            check_env(gymnasium.make("tetrarium/Tetris-v0", config=seen, render_mode="rgb_array").unwrapped)
        check_for_sb3(gymnasium.wrappers.FlattenObservation(make_env(config)()))


def test_a_step_returns_the_placement_and_its_keys() -> None:
    env = TetrisEnv(EnvConfig.guideline().with_changes(actions="reachable", randomizer="TO"))
    _, info = env.reset(seed=0, options={"keys": True})
    assert info["n_dropped"] == 0
    assert (info["action_mask"][:256].sum(), info["action_mask"][256:].sum()) == (34, 9)
    _, _, _, _, info = env.step(np.int64(256))
    assert (info["placement"].tolist(), info["action"]) == ([0, 0, 0, 0], 256)
    assert info["keys"] == ("hold", *4 * ["left"], "hard drop")
    assert set(env.keys_to(3)) <= set(KEYS)
    env.reset()
    _, _, _, _, info = env.step(np.int64(0))
    assert "keys" not in info


def test_keys_to_needs_placement_actions() -> None:
    env = TetrisEnv(EnvConfig.guideline().with_changes(actions="keys"))
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=r"^Key sequences exist for placements; got actions='keys'\."):
        env.keys_to(0)


def test_an_illegal_action_is_distinguished() -> None:
    drops = TetrisEnv(CONFIGS["hold"].with_changes(illegal_action="raise", randomizer="O"))
    drops.reset(seed=0)
    with pytest.raises(IllegalActionError, match=r"^Action 17 \(hold, rotation 1, column 0\) is not legal for this"):
        drops.step(np.int64(17))
    slots = TetrisEnv(CONFIGS["reachable"].with_changes(illegal_action="raise", randomizer="O"))
    slots.reset(seed=0)
    with pytest.raises(IllegalActionError, match=r"^Action 200 is not legal for this piece\."):
        slots.step(np.int64(200))
    with pytest.raises(GameError, match=r"^An action is from 0 to 511; got 512\."):
        slots.step(np.int64(512))


@in_each
def test_a_restored_state_has_the_same_future(config: EnvConfig) -> None:
    env = make_env(config)()
    env.reset(seed=4)
    env.step(np.int64(env.action_space.n - 1))
    state = env.state()
    first = env.step(np.int64(3))
    assert not data_equivalence(first[0], env.set_state(state), exact=True)
    assert data_equivalence(env.step(np.int64(3)), first, exact=True)


@in_each
def test_recorded_games_play_again_to_the_last_cell(config: EnvConfig) -> None:
    core = GameCore(config.with_changes(max_pieces=12), 4, seed=2)
    core.reset(2)
    recorder = GameRecorder(core, seed=2)
    random = np.random.default_rng(0)
    replays: list[Replay] = []
    while len(replays) < 12:
        core.step(random.integers(0, core.games.n_actions, 4), restart=True)
        replays += recorder.note()
    for replay in replays:
        again = Replay.from_json(Replay.from_bytes(replay.to_bytes()).to_json())
        moves = list(again.play())
        assert moves[-1].state_tp1.terminated == replay.terminated
        frames = list(
            animation_frames(moves, width=config.width, height=config.height, can_hold=config.hold, cell_px=4, speed=10)
        )
        assert len({frame.picture.shape for frame in frames}) == 1
    held = {move.state_tp1.held for replay in replays for move in replay.play()}
    assert (len(held) > 2) == config.hold


def test_text_shows_the_held_piece() -> None:
    env = TetrisEnv(CONFIGS["hold"].with_changes(randomizer="TOI"), render_mode="ansi")
    env.reset(seed=0)
    assert any(line.endswith("hold") for line in env.render().splitlines())
    env.step(np.int64(16))
    assert env.core.games.state(0).held == 2
