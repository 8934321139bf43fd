"""Vector environments of Gymnasium and Stable-Baselines3, made of ``TetrisEnv``, are the twins of the native ones.

``SyncVectorEnv`` and ``DummyVecEnv`` play each game by itself; with every kind of game, restart and wrapper they return
the same as the native environments, which play all games in one call.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers as single
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector

from tetrarium.engine.random_streams import N_STREAM_WORDS, make_stream
from tetrarium.engine.state_layout import STREAM
from tetrarium.environment import EnvConfig, TetrisEnv, TetrisVectorEnv, make_env

# Games that end, are cut and clear rows within a few pieces, with every part of the reward.
SHORT = EnvConfig(
    width=4, height=6, max_pieces=5, hole_penalty=0.5, height_penalty=0.25, game_over_penalty=3.0, line_reward=2.0
)
SMALL = SHORT.with_changes(preview=2, features=("max_height", "holes", "game_over", "next_pieces"))
KEYS = SHORT.with_changes(width=6, height=8, max_pieces=4, hold=True, game_over="guideline", actions="keys", preview=3)
GAMES = {
    "drop": SHORT,
    "strict": SHORT.with_changes(illegal_action="raise"),
    "hold": SMALL.with_changes(hold=True, features=(*SMALL.features, "held_piece")),
    "guideline": SMALL.with_changes(game_over="guideline"),
    "reachable": SMALL.with_changes(actions="reachable", hold=True, game_over="guideline"),
    "keys": KEYS,
    "keys without gravity": KEYS.with_changes(gravity="none", hold=False),
    "unlimited": SHORT.with_changes(max_pieces=None, randomizer="uniform"),
    "all end at once": SHORT.with_changes(max_pieces=1),
}
OBSERVED = {
    f"{name}, {observation}": config.with_changes(observation=observation)
    for name, config in GAMES.items()
    for observation in ("rows", "board")
}
N_GAMES = 4
in_each_game = pytest.mark.parametrize("config", GAMES.values(), ids=GAMES.keys())
in_each_observation = pytest.mark.parametrize("config", OBSERVED.values(), ids=OBSERVED.keys())
in_each_mode = pytest.mark.parametrize("mode", AutoresetMode)


def draw_actions(config: EnvConfig, masks: Any, random: np.random.Generator) -> Any:
    """Returns an action for each game: a legal one in two of three steps, or always where others raise."""
    n_games, n_actions = masks.shape
    if config.illegal_action == "play" and random.random() < 1 / 3:
        return random.integers(0, n_actions, n_games)
    if config.actions == "keys":  # hard drops, so that games end
        masks = masks & (np.arange(n_actions) % 3 == 0)
    return np.array([random.choice(np.flatnonzero(mask) if mask.any() else [0]) for mask in masks])


def assert_same(got: Any, wanted: Any, *place: object, exact: bool = True) -> None:
    assert data_equivalence(got, wanted, exact=exact), (*place, got, wanted)


def compare(ours: Any, theirs: Any, config: EnvConfig, n_steps: int, seed: int = 0) -> list[bool]:
    """Plays both with the same actions, restarts and seeds; returns whether games terminated and were truncated."""
    random, n_ended = np.random.default_rng(seed), np.zeros(2, np.int64)
    native: TetrisVectorEnv = ours.unwrapped
    n_games, has_restart = native.num_envs, native.autoreset_mode is AutoresetMode.DISABLED

    def reset(**arguments: Any) -> None:
        assert_same(ours.reset(**arguments), theirs.reset(**arguments), "reset", arguments)

    reset(seed=[seed + game for game in range(n_games)])
    for step in range(n_steps):
        if step % 50 == 49:
            reset(seed=None if step % 100 == 49 else [step, *[None] * (n_games - 1)])
        actions = draw_actions(config, native.action_masks(), random)
        got, wanted = ours.step(actions), theirs.step(actions)
        for name, ours_part, theirs_part in zip(
            ("observations", "rewards", "terminations", "truncations", "infos"), got, wanted, strict=True
        ):
            assert_same(ours_part, theirs_part, step, name)
        if step % 10 == 0 and native.render_mode is not None:
            assert_same(ours.render(), theirs.render(), step, "pictures")
        n_ended += got[2].sum(), got[3].sum()
        done = got[2] | got[3]
        if has_restart and done.any():
            mask = done | (random.random(n_games) < 0.2)  # others may restart as well
            reset(seed=[step, *[None] * (n_games - 1)] if step % 2 else None, options={"reset_mask": mask})
    return [bool(n) for n in n_ended]


class KeptOptionsEnv(SyncVectorEnv):
    """Gymnasium's vector environment, but ``reset`` leaves the options to the wrappers, which read the mask, too."""

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        return super().reset(seed=seed, options=None if options is None else dict(options))


def pair(config: EnvConfig, mode: AutoresetMode, n_games: int = N_GAMES, render_mode: str | None = None) -> Any:
    """Returns the native vector environment and its twin."""
    ours: Any = TetrisVectorEnv(config, n_games, autoreset_mode=mode, render_mode=render_mode)
    return ours, KeptOptionsEnv([make_env(config, render_mode)] * n_games, autoreset_mode=mode)


@in_each_mode
@in_each_observation
def test_gymnasiums_own_vector_environment_returns_the_same(config: EnvConfig, mode: AutoresetMode) -> None:
    ours, theirs = pair(config, mode, render_mode="ansi" if config.observation == "rows" else None)
    for name in ("metadata", "observation_space", "action_space", "single_observation_space", "single_action_space"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert compare(ours, theirs, config, 110) == [config.max_pieces != 1, config.max_pieces is not None]


@in_each_mode
def test_pictures_are_the_same(mode: AutoresetMode) -> None:
    compare(*pair(SHORT, mode, render_mode="rgb_array"), SHORT, 110)


@pytest.mark.oracle
@in_each_mode
@in_each_observation
def test_long_games_of_many_sizes_are_the_same(config: EnvConfig, mode: AutoresetMode) -> None:
    roomy = config.with_changes(height=10, max_pieces=config.max_pieces and 40)
    for n_games, seed in ((1, 10), (3, 20), (9, 30)):
        assert any(compare(*pair(config, mode, n_games), config, 1_500, seed))
        assert any(compare(*pair(roomy, mode, n_games, "ansi"), roomy, 3_000, seed))


VECTOR_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "FlattenObservation": vector.FlattenObservation,
    "NormalizeObservation": vector.NormalizeObservation,
    "NormalizeReward": vector.NormalizeReward,
    "RecordEpisodeStatistics": vector.RecordEpisodeStatistics,
    "TransformReward": lambda envs: vector.TransformReward(envs, lambda rewards: 2 * rewards),
    "all": lambda envs: vector.NormalizeReward(vector.ClipReward(vector.RecordEpisodeStatistics(envs), -1.0, 1.0)),
}


def without_times(infos: dict[str, Any]) -> dict[str, Any]:
    """Returns infos without the seconds that ``RecordEpisodeStatistics`` measured."""
    for found in (infos, infos.get("final_info", {})):
        found.get("episode", {}).pop("t", None)
    return infos


def compare_wrapped(config: EnvConfig, mode: AutoresetMode, wrap: Callable[[Any], Any], n_steps: int) -> None:
    ours, theirs = map(wrap, pair(config, mode))
    assert (ours.observation_space, ours.metadata) == (theirs.observation_space, theirs.metadata)
    random, n_ended = np.random.default_rng(0), 0
    assert_same(ours.reset(seed=[1, 2, 3, 4]), theirs.reset(seed=[1, 2, 3, 4]))
    for step in range(n_steps):
        actions = draw_actions(config, ours.unwrapped.action_masks(), random)
        *got, got_infos = ours.step(actions)
        *wanted, wanted_infos = theirs.step(actions)
        assert_same(got, wanted, step)
        assert_same(without_times(got_infos), without_times(wanted_infos), step)
        done = got[2] | got[3]
        n_ended += int(done.sum())
        if mode is AutoresetMode.DISABLED and done.any():
            got_reset, wanted_reset = (envs.reset(options={"reset_mask": done}) for envs in (ours, theirs))
            assert_same(got_reset, wanted_reset, step)
    assert n_ended > 3
    if isinstance(ours, vector.RecordEpisodeStatistics):
        assert ours.episode_count == theirs.episode_count == n_ended
        assert list(ours.return_queue) == list(theirs.return_queue)
        assert list(ours.length_queue) == list(theirs.length_queue)


@pytest.mark.parametrize("wrap", VECTOR_WRAPPERS.values(), ids=VECTOR_WRAPPERS.keys())
def test_wrappers_of_vector_environments_return_the_same(wrap: Callable[[Any], Any]) -> None:
    compare_wrapped(SHORT, AutoresetMode.NEXT_STEP, wrap, 60)
    if wrap not in (vector.FlattenObservation, vector.NormalizeObservation):
        compare_wrapped(SHORT, AutoresetMode.SAME_STEP, wrap, 60)


@pytest.mark.oracle
@in_each_mode
@in_each_observation
@pytest.mark.parametrize("name", VECTOR_WRAPPERS)
def test_wrappers_return_the_same_for_long(config: EnvConfig, mode: AutoresetMode, name: str) -> None:
    if (mode is AutoresetMode.SAME_STEP and name == "FlattenObservation") or (
        mode is not AutoresetMode.NEXT_STEP and name == "NormalizeObservation"
    ):
        pytest.skip("does not support this mode")
    if config.observation == "board" and name == "NormalizeObservation":
        pytest.skip("supports arrays only")
    compare_wrapped(config, mode, VECTOR_WRAPPERS[name], 600)


def test_lists_of_infos_are_the_same() -> None:
    ours, theirs = map(vector.DictInfoToList, pair(SHORT, AutoresetMode.NEXT_STEP))
    ours.reset(seed=[0, 1, 2, 3]), theirs.reset(seed=[0, 1, 2, 3])
    for _ in range(12):
        actions = np.zeros(4, np.int64)
        assert_same(ours.step(actions)[4], theirs.step(actions)[4])


# Those that keep statistics across episodes are not deterministic in the checker's sense.
SINGLE_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "Autoreset": single.Autoreset,
    "DelayObservation": lambda env: single.DelayObservation(env, 1),
    "FlattenObservation": single.FlattenObservation,
    "FrameStackObservation": lambda env: single.FrameStackObservation(env, 2),
    "OrderEnforcing": single.OrderEnforcing,
    "PassiveEnvChecker": single.PassiveEnvChecker,
    "RecordEpisodeStatistics": single.RecordEpisodeStatistics,
    "TimeAwareObservation": lambda env: single.TimeAwareObservation(single.TimeLimit(env, 3)),
    "TimeLimit": lambda env: single.TimeLimit(env, 3),
}
if hasattr(single, "RepeatAction"):  # later than the oldest Gymnasium that is allowed
    SINGLE_WRAPPERS["RepeatAction"] = lambda env: single.RepeatAction(env, 2)


@pytest.mark.parametrize("wrap", SINGLE_WRAPPERS.values(), ids=SINGLE_WRAPPERS.keys())
def test_wrapped_environments_pass_gymnasiums_checker(wrap: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        check_env(wrap(TetrisEnv(SHORT)), skip_render_check=True)


def test_a_time_limit_truncates_as_max_pieces_does() -> None:
    ours: Any = TetrisEnv(SHORT.with_changes(max_pieces=3))
    theirs: Any = single.TimeLimit(TetrisEnv(SHORT.with_changes(max_pieces=None)), 3)
    for seed in range(20):
        assert_same(ours.reset(seed=seed), theirs.reset(seed=seed), seed)
        ends = False
        while not ends:
            *got, ours_cut, ours_info = ours.step(seed % 16)
            *wanted, theirs_cut, theirs_info = theirs.step(seed % 16)
            assert_same((got, ours_info), (wanted, theirs_info), seed)
            assert ours_cut == (theirs_cut and not got[2]), "a game that ends by itself is not truncated"
            ends = got[2] or ours_cut


def test_an_automatic_restart_is_that_of_a_vector_of_one_game() -> None:
    alone: Any = single.Autoreset(TetrisEnv(SHORT))
    batch: Any = TetrisVectorEnv(SHORT, 1)
    assert_same(batch.reset(seed=3)[0][0], alone.reset(seed=3)[0])
    for step in range(60):
        got, wanted = batch.step(np.array([step % 16])), alone.step(step % 16)
        assert_same(got[0][0], wanted[0], step)
        assert tuple(part[0] for part in got[1:4]) == wanted[1:4]


def test_a_worker_process_finds_the_environment_by_its_full_id() -> None:
    """A spawned process has imported nothing of tetrarium."""
    make = partial(gymnasium.make, "tetrarium.environment:tetrarium/Tetris-v0", config={"height": 10})
    envs = AsyncVectorEnv([make], context="spawn")
    try:
        theirs = SyncVectorEnv([make_env(EnvConfig(height=10))])
        assert_same(envs.reset(seed=[3]), theirs.reset(seed=[3]))
        assert_same(envs.step(np.array([8])), theirs.step(np.array([8])))
    finally:
        envs.close()


# --- Stable-Baselines3 ---


def sb3_pair(config: EnvConfig, n_games: int, seed: int) -> Any:
    """Returns the native ``VecEnv`` and its twin, whose games begin with the same random streams."""
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    from tetrarium.environment import make_vec_env

    theirs: Any = DummyVecEnv([lambda: Monitor(TetrisEnv(config, "rgb_array"))] * n_games)
    for number, env in enumerate(theirs.envs):
        env.unwrapped.core.games.rows[0, STREAM : STREAM + N_STREAM_WORDS] = make_stream(seed, number)
    return make_vec_env(config, n_games, seed), theirs


def plain(observations: Any) -> Any:
    return dict(observations) if isinstance(observations, dict) else observations


def without_score(info: dict[str, Any]) -> dict[str, Any]:
    """Returns an info without the score, which a ``VecEnv`` does not count."""
    return {name: value for name, value in info.items() if name != "score"}


def assert_same_sb3_infos(got: list[dict[str, Any]], wanted: list[dict[str, Any]], step: int) -> None:
    """Compares the infos of a step; at the end of a game, the native mask is already that of the next one."""
    for ours, theirs in zip(got, map(without_score, wanted), strict=True):
        masks = (ours.pop("action_mask"), theirs.pop("action_mask"))
        if "terminal_observation" not in theirs:
            assert_same(*masks, step)
        for info in (ours, theirs):
            info.get("episode", {}).pop("t", None)
            info.pop("n_dropped", None)  # of the observation returned, as the mask is
        assert {name: type(value) for name, value in ours.items()} == {
            name: type(value) for name, value in theirs.items()
        }, step
        assert_same(ours, theirs, step, exact=False)


def compare_sb3(ours: Any, theirs: Any, config: EnvConfig, n_steps: int) -> None:
    """Plays both with the same actions; games must have ended."""
    random, n_ended = np.random.default_rng(0), 0
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)
    assert_same(plain(ours.reset()), plain(theirs.reset()), "reset")
    for step in range(n_steps):
        masks = np.array(ours.env_method("action_masks"))
        assert_same(masks, np.array(theirs.env_method("action_masks")), step)
        actions = draw_actions(config, masks, random)
        *got, got_infos = ours.step(actions)
        *wanted, wanted_infos = theirs.step(actions)
        assert_same([plain(part) for part in got], [plain(part) for part in wanted], step)
        assert_same(ours.reset_infos, [without_score(info) for info in theirs.reset_infos], step)
        assert_same_sb3_infos(got_infos, wanted_infos, step)
        n_ended += int(got[2].sum())
    assert n_ended > 3
    assert_same(plain(ours.reset()), plain(theirs.reset()), "streams continue")


@in_each_observation
def test_stable_baselines3s_own_vector_environment_returns_the_same(config: EnvConfig) -> None:
    compare_sb3(*sb3_pair(config, 3, seed=5), config, 60)


@pytest.mark.oracle
@in_each_observation
def test_long_games_of_a_vec_env_are_the_same(config: EnvConfig) -> None:
    for n_games in (1, 8):
        compare_sb3(*sb3_pair(config, n_games, seed=n_games), config, 2_000)


def test_wrappers_of_stable_baselines3_return_the_same() -> None:
    from stable_baselines3.common import vec_env

    for wrap in (vec_env.VecNormalize, lambda envs: vec_env.VecFrameStack(vec_env.VecCheckNan(envs), 3)):
        ours, theirs = map(wrap, sb3_pair(SHORT, 3, seed=8))  # type: ignore[arg-type]
        compare_sb3(ours, theirs, SHORT, 40)
    board = SHORT.with_changes(observation="board")
    ours, theirs = (vec_env.VecExtractDictObs(envs, "board") for envs in sb3_pair(board, 3, seed=8))
    compare_sb3(ours, theirs, board, 40)
