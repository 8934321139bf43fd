"""Tests of copies and pickles: each plays on like its original, and neither moves the other."""

import copy
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from tetrarium.engine import KEYS, KeyGames, Rules
from tetrarium.engine.board_tracker import BoardTracker
from tetrarium.environment import EnvConfig, TetrisEnv, TetrisVectorEnv, make_env, make_vec_env
from tetrarium.environment.core import GameCore
from tetrarium.environment.human_games import HumanGame
from tetrarium.evaluation import LinearPolicy, RandomPolicy, evaluate
from tetrarium.evaluation.single_games import PolicyGame

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
}
KINDS = {
    "drop": EnvConfig(width=4, height=6),
    "board": EnvConfig(width=5, height=5, observation="board", height_penalty=0.5),
    "guideline": EnvConfig(width=6, height=6, game_over="guideline", hold=True, hole_penalty=0.25),
    "reachable": EnvConfig(width=5, height=5, actions="reachable", hold=True),
    "keys": EnvConfig(width=4, height=4, actions="keys", hold=True),
    "key board": EnvConfig(width=4, height=4, actions="keys", observation="board", game_over="guideline"),
}
N_STEPS = 40  # games of random play end several times

Step = Callable[[Any, int], Any]


def step_env(env: TetrisEnv, number: int) -> Any:
    legal = np.flatnonzero(env.action_masks())
    if not len(legal):
        return env.reset()
    return [*env.step(legal[number * 7 % len(legal)]), env.render() if number % 8 == 0 else ""]


def batch_actions(masks: Any, number: int) -> Any:
    return np.array([legal[number * 7 % len(legal)] if len(legal := np.flatnonzero(mask)) else 0 for mask in masks])


def step_vector_env(envs: TetrisVectorEnv, number: int) -> Any:
    return [*envs.step(batch_actions(envs.action_masks(), number)), envs.render() if number % 8 == 0 else ""]


def step_vec_env(envs: Any, number: int) -> Any:
    observations, rewards, dones, infos = envs.step(batch_actions(envs.action_masks(), number))
    return [observations, rewards, dones, [{**info, "episode": info.get("episode", {}).get("r")} for info in infos]]


def plain(value: Any) -> Any:
    """Returns results as lists, texts, numbers and the bytes of arrays, which compare as a whole."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def play(one: Any, step: Step) -> list[Any]:
    return [plain(step(one, number)) for number in range(N_STEPS)]


def started(one: Any, step: Step) -> Any:
    one.reset()
    step(one, 0)
    return one


def assert_plays_on(original: Any, step: Step) -> None:
    """Asserts that copies play on as the original, beside it, and after it has moved on."""
    copies = {name: make(original) for name, make in COPIES.items()}
    expected = play(copies.pop("copy"), step)
    for name, one in copies.items():
        assert play(one, step) == expected, name
    assert play(original, step) == expected
    later = COPIES["pickle"](original)
    assert play(later, step) == play(original, step)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_environments_play_on(kind: str) -> None:
    config = KINDS[kind]
    env = TetrisEnv(config, render_mode="ansi")
    env.reset(seed=3)
    assert_plays_on(started(env, step_env), step_env)
    for mode in AutoresetMode if kind == "drop" else [AutoresetMode.SAME_STEP]:
        if mode is not AutoresetMode.DISABLED:
            envs = TetrisVectorEnv(config, 3, seed=3, autoreset_mode=mode, render_mode="ansi", n_threads=2)
            assert_plays_on(started(envs, step_vector_env), step_vector_env)
    assert_plays_on(started(make_vec_env(config, 3, seed=3), step_vec_env), step_vec_env)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_batches_play_on(kind: str) -> None:
    def step(core: GameCore, number: int) -> Any:
        games = core.games
        outcome = core.step(batch_actions(core.masks, number), restart=True)
        views = [games.lines, games.pieces, games.terminated, games.queue, games.held, games.scores, games.columns]
        after = [games.state_after.columns, games.step_lines, games.executed_actions, games.new_holes, core.states_t]
        return [*outcome, *[part.copy() for part in views + after], core.rewards_game.copy()]

    core = GameCore(KINDS[kind], 4, seed=1)
    assert_plays_on(started(core, step), step)
    views = {name: value for name, value in vars(copy.deepcopy(core).games).items() if isinstance(value, np.ndarray)}
    owners = {id(views[name]) for name in ("rows", "step_record", "_no_resets", "_scratch") if name in views}
    assert {id(value) if value.base is None else id(value.base) for value in views.values()} == owners


def test_copies_share_nothing_with_their_original() -> None:
    env = TetrisEnv(KINDS["drop"])
    env.reset(seed=0)
    for make in COPIES.values():
        other = make(env)
        other.step(0)
        assert (other.core.games.pieces.tolist(), env.core.games.pieces.tolist()) == ([1], [0])


def test_copies_look_ahead() -> None:
    """The best of all copies by one placement is what the copied environment then returns."""
    env = TetrisEnv(EnvConfig(width=4, height=6, randomizer="O"))
    env.reset(seed=0)
    rewards = []
    for _ in range(12):
        tried = {}
        for action in np.flatnonzero(env.action_masks()).tolist():
            tried[action] = copy.deepcopy(env).step(action)[1]
        best = max(tried, key=lambda action: (tried[action], action))
        rewards.append(env.step(best)[1])
        assert rewards[-1] == tried[best]
    assert sum(rewards) > 0


def test_copies_of_games_policies_and_replays_play_on() -> None:
    config = EnvConfig(height=6)
    for policy in (LinearPolicy({"holes": -1.0, "landing_height": -1.0}), RandomPolicy()):
        game = PolicyGame(policy, config, seed=0, number=0)
        game.place()

        def place(game: PolicyGame, _: int) -> Any:
            if game.next_action is not None:
                game.place()
            return game.next_action, game._batch.games.lines

        assert_plays_on(game, place)
        reports = [evaluate(make(policy), config, n_games=5, seed=2) for make in COPIES.values()]
        assert [report.games for report in reports] == [evaluate(policy, config, n_games=5, seed=2).games] * 3

    human = HumanGame(KINDS["keys"], seed=0, number=0)

    def press(human: HumanGame, number: int) -> Any:
        if human.state.terminated:
            return human.replay().to_json()
        move, _ = human.press(KEYS[(1, 6, 2, 6)[number % 4]])
        return repr(move), human.cells.copy()

    press(human, 0)
    assert_plays_on(human, press)

    replay = human.replay()
    assert [repr(list(make(replay).play())) for make in COPIES.values()] == [repr(list(replay.play()))] * 3


def test_copies_of_a_tracker_show_their_own_board() -> None:
    tracker = BoardTracker(Rules(width=4, height=4, hidden_rows=4, randomizer="O", preview=1))
    tracker.follow([0])

    def follow(tracker: BoardTracker, number: int) -> Any:
        tracker.follow([8 * (number % 2)])
        return tracker.grid.copy(), tracker.lines, tracker.placed

    assert_plays_on(tracker, follow)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_key_games_continue_in_threads_and_in_a_forked_process() -> None:
    """Batches that threads step hold no thread, so that a forked process has threads of its own."""
    batch = KeyGames(KINDS["keys"].key_rules(), 0, range(6), n_threads=3)
    core = GameCore(KINDS["drop"], 6, seed=0, n_threads=3)

    def step(core: GameCore) -> bytes:
        for number in range(N_STEPS):
            core.step(batch_actions(core.masks, number), restart=True)
        return core.games.rows.tobytes()

    def press(batch: KeyGames) -> bytes:
        for number in range(N_STEPS):
            batch.advance(np.full(6, number % 7), max_pieces=1 << 40, restart=True)
        return batch.rows.tobytes()

    core.reset()
    expected = [step(copy.deepcopy(core)), press(copy.deepcopy(batch))]
    with ThreadPoolExecutor(4) as pool:
        stepped = list(pool.map(lambda _: [step(copy.deepcopy(core)), press(copy.deepcopy(batch))], range(8)))
    assert stepped == [expected] * 8

    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(target, b"same" if [step(core), press(batch)] == expected else b"other")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(source, 9) == b"same"
    os.close(source)
    os.close(target)


def test_functions_that_make_environments_can_be_pickled() -> None:
    env = COPIES["pickle"](make_env(EnvConfig(width=6), "ansi"))()
    assert (env.config.width, env.render_mode) == (6, "ansi")
