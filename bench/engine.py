"""Speed of the engine: run ``python bench/engine.py``.

Every figure is for one core, in processor time, and the best of several short runs, because other load only slows a
run down. The speedup by all cores is measured in wall-clock time and requires an otherwise idle machine. Actions are
uniformly random among the legal ones and drawn inside the timed part. Every value of an observation is rewritten at
every step; one row of each observation is added to a checksum, which is shown for the first 200 steps and depends only
on the seed. Packages that are not installed are skipped with a message.

DT-10 is the linear controller of Thiery and Scherrer, weights as in Scherrer et al., JMLR 16, 2015, table 1.
"""

import argparse
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from tetrarium.engine import KEYS, Games, KeyGames, KeyRules, Rules, make_layout, row_length
from tetrarium.engine.batches import usable_cores
from tetrarium.engine.features import DEFAULT_FEATURES
from tetrarium.engine.keyplay.observations import n_row_words
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.policy_runner import GameBatch

RULES = Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1)
OBSERVATION = ("column_heights", "max_height", "holes", "bumpiness")
N_GAMES = 256  # enough to make the cost of a call from Python small
FLOOR = 1_900_000  # placements per second, guaranteed on a 2.6 GHz core
GOAL = 4_000_000  # placements per second
CONTROLLER_GOAL = 1_500_000  # pieces per second
PUFFERLIB = 5_560_000  # key steps per second of PufferLib 3.0's C Tetris with 64 games, on one server core
NEVER = 10**9


@njit(nogil=True)
def draw_actions(masks: Any, words: Any, actions: Any) -> None:
    """Draws a uniformly random legal action in every game, with Marsaglia's xorshift32 in ``words[0]``."""
    word = words[0]
    for index in range(masks.shape[0]):
        word ^= (word << 13) & 0xFFFFFFFF
        word ^= word >> 17
        word ^= (word << 5) & 0xFFFFFFFF
        n_legal = 0
        for action in range(masks.shape[1]):
            n_legal += masks[index, action]
        chosen = (word * n_legal) >> 32
        for action in range(masks.shape[1]):
            if masks[index, action]:
                if chosen == 0:
                    actions[index] = action
                    break
                chosen -= 1
    words[0] = word


@njit(nogil=True)
def draw_keys(masks: Any, words: Any, actions: Any) -> None:
    """Draws a uniformly random legal key in every game; all are always legal except hold, the last one."""
    word = words[0]
    for index in range(masks.shape[0]):
        word ^= (word << 13) & 0xFFFFFFFF
        word ^= word >> 17
        word ^= (word << 5) & 0xFFFFFFFF
        actions[index] = (word * (7 + masks[index, 7])) >> 32
    words[0] = word


@njit(nogil=True)
def read_rows(rows: Any, actions: Any) -> float:
    """Returns the sum of every game's row of one action."""
    total = 0.0
    for index in range(rows.shape[0]):
        for k in range(rows.shape[2]):
            total += rows[index, actions[index], k]
    return total


def best_rate(run: Callable[[], int], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    """Returns units per second of the fastest run, the first one not counted; ``run`` returns its number of units."""
    run()
    rates = []
    for _ in range(repeats):
        start = clock()
        n_units = run()
        rates.append(n_units / (clock() - start))
    return max(rates)


class Controller:
    """DT-10 on a batch of games, as evaluations and CMA-ES play it."""

    def __init__(self, rules: Rules) -> None:
        numbers = tuple(range(N_GAMES))
        self.games = Games(rules, seed=0, numbers=numbers)
        batch = GameBatch(games=self.games, seed=0, numbers=numbers, illegal_action="raise")
        self.runner = named_policy("dt-10").make_runner(batch)
        self.game_indices = np.arange(N_GAMES)

    def play(self, n_pieces: int) -> int:
        return self.runner.play(self.game_indices, n_pieces, NEVER)


class Batch:
    """Games stepped with random legal placements and the 40 x 13 observation."""

    def __init__(
        self, games: Games, from_rows: np.ndarray | None = None, features: tuple[str, ...] = OBSERVATION
    ) -> None:
        self.games, self.from_rows = games, from_rows
        self.layout = make_layout(features, games.rules.width, games.rules.preview)
        shape = (games.n_games, games.n_actions)
        self.rows = np.zeros((*shape, row_length(self.layout)), dtype=np.float32)
        self.final_rows = np.zeros_like(self.rows)
        self.masks = np.zeros(shape, dtype=np.bool_)
        self.actions = np.zeros(games.n_games, dtype=np.int64)
        self.words = np.array([1], dtype=np.int64)
        self.checksum = 0.0
        games.observe(self.layout, self.rows, self.masks)
        self.first_masks = self.masks.copy()

    def steps(self, n_steps: int) -> int:
        """Steps all games; with ``from_rows``, every placement starts from those boards."""
        for _ in range(n_steps):
            if self.from_rows is not None:
                self.games.rows[:] = self.from_rows
                self.masks[:] = self.first_masks
            draw_actions(self.masks, self.words, self.actions)
            self.games.step_unchecked(self.actions, self.layout, self.rows, self.masks, NEVER, self.final_rows, None)
            self.checksum += read_rows(self.rows, self.actions)
        return n_steps * self.games.n_games


def show(name: str, rate: float, unit: str, note: str = "") -> None:
    print(f"{name:<52}{rate:>14,.0f} {unit}/s  {note}".rstrip())


def bench_core(repeats: int) -> float:
    """Measures the engine alone; returns placements per second of random play."""
    random_play = Batch(Games(RULES, seed=0, numbers=range(N_GAMES)))
    random_play.steps(200)
    checksum = random_play.checksum
    random_rate = best_rate(lambda: random_play.steps(200), repeats)
    floor = f"{random_rate / GOAL:.2f} x the goal, {random_rate / FLOOR:.2f} x the floor, checksum {checksum:.0f}"
    show("40 x 13 observation, random play", random_rate, "placements", floor)

    controller = Controller(RULES)
    controller.play(200)
    mid_game = Batch(controller.games, controller.games.rows.copy())
    mid_game.steps(200)
    checksum = mid_game.checksum
    rate = best_rate(lambda: mid_game.steps(200), repeats)
    show("40 x 13 observation, boards of DT-10", rate, "placements", f"checksum {checksum:.0f}")

    for rules in (RULES, Rules(width=10, height=20, hidden_rows=4, randomizer="uniform", preview=0)):
        controller = Controller(rules)
        controller.play(200)
        n_lines = int(controller.games.lines.sum())
        rate = best_rate(lambda: controller.play(100), repeats)  # noqa: B023 called immediately
        note = f"{rate / CONTROLLER_GOAL:.2f} x the goal, {n_lines} lines in {200 * N_GAMES} pieces"
        show(f"DT-10 playing, {rules.randomizer} pieces", rate, "pieces", note)
    bench_keys(repeats)
    return random_rate


def bench_kinds(repeats: int) -> None:
    """Measures every kind of game with the default features, in random play."""
    guideline = {"hidden_rows": 20, "preview": 5, "hold": True, "game_over": "guideline"}
    kinds: dict[str, dict[str, Any]] = {
        "20 rows": {},
        "40 rows": {"height": 40},
        "hold": {"hold": True},
        "guideline with hold": guideline,
        "lock positions": {"actions": "reachable"},
        "lock positions, guideline with hold": guideline | {"actions": "reachable"},
    }
    for name, changes in kinds.items():
        batch = Batch(Games(replace(RULES, **changes), seed=0, numbers=range(32)), features=DEFAULT_FEATURES)
        batch.steps(50)
        checksum = batch.checksum
        rate = best_rate(lambda: batch.steps(50), repeats)  # noqa: B023 called immediately
        show(f"default features, {name}", rate, "placements", f"checksum {checksum:.0f}")


class KeyBatch:
    """Games by keys with uniformly random keys, restarted when they end, each step's observation written."""

    def __init__(self, rules: KeyRules, n_games: int) -> None:
        self.games = KeyGames(rules, seed=0, numbers=range(n_games))
        shape = (n_games, n_row_words(rules.width, rules.height, rules.preview))
        self.words, self.final_words = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        self.masks = np.zeros((n_games, len(KEYS)), dtype=np.bool_)
        self.actions = np.zeros(n_games, dtype=np.int64)
        self.random_words = np.array([1], dtype=np.int64)
        self.checksum = 0
        self.games.observe(self.words, self.masks)

    def steps(self, n_steps: int) -> int:
        for _ in range(n_steps):
            draw_keys(self.masks, self.random_words, self.actions)
            self.games.step_unchecked(self.actions, self.words, self.masks, NEVER, self.final_words, None)
        self.checksum = zlib.crc32(self.words.tobytes(), self.checksum)
        return n_steps * self.games.n_games


def run_all(pool: ThreadPoolExecutor, runs: list[Callable[[], int]]) -> int:
    return sum(pool.map(lambda run: run(), runs))


def bench_cores(repeats: int) -> None:
    """Measures the speedup by as many threads as there are cores, each with games of its own."""
    n_cores = usable_cores()
    controllers = [Controller(RULES) for _ in range(n_cores)]
    batches = [Batch(Games(RULES, seed=0, numbers=range(N_GAMES))) for _ in range(n_cores)]
    plays: list[Callable[[], int]] = [partial(controller.play, 200) for controller in controllers]
    steps: list[Callable[[], int]] = [partial(batch.steps, 200) for batch in batches]
    with ThreadPoolExecutor(n_cores) as pool:
        for name, runs in (("DT-10 playing", plays), ("40 x 13 observation, random play", steps)):
            single_rate = best_rate(runs[0], repeats, time.perf_counter)
            total_rate = best_rate(partial(run_all, pool, runs), repeats, time.perf_counter)
            print(f"{name}, {n_cores} threads: {total_rate / single_rate:.2f} x one thread")


def bench_keys(repeats: int) -> None:
    """Measures the guideline's game by keys; 64 games, as in PufferLib's figure."""
    guideline = {"width": 10, "height": 20, "hidden_rows": 20, "randomizer": "7-bag", "game_over": "guideline"}
    for gravity in ("level", "none"):
        for n_games in (64, 1024):
            rules = KeyRules(**guideline, preview=5, hold=True, gravity=gravity)  # type: ignore[arg-type]
            batch = KeyBatch(rules, n_games)
            n_steps = 25_600 // n_games
            batch.steps(n_steps)
            checksum = batch.checksum
            rate = best_rate(lambda: batch.steps(n_steps), 10 * repeats)  # noqa: B023 called immediately
            peer = f"{rate / PUFFERLIB:.2f} x PufferLib's, " if n_games == 64 else ""
            show(f"keys, gravity {gravity}, {n_games} games, observed", rate, "steps", f"{peer}checksum {checksum}")


def bench_environment(repeats: int) -> dict[str, float]:
    """Measures the environment's interfaces with the default configuration and the features of the benchmark."""
    try:
        from tetrarium.environment import EnvConfig, TetrisVectorEnv, make_env, make_vec_env
    except ImportError as error:
        print(f"tetrarium.environment: skipped, {error}")
        return {}
    config = EnvConfig(features=OBSERVATION)
    rng = np.random.default_rng(0)
    env = make_env(config)()
    _, info = env.reset(seed=0)
    action_mask: list[Any] = [info["action_mask"]]

    def step_one_game() -> int:
        for _ in range(2_000):
            _, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(action_mask[0]))))
            if terminated or truncated:
                _, info = env.reset()
            action_mask[0] = info["action_mask"]
        return 2_000

    rates = {"TetrisEnv.step, one game": best_rate(step_one_game, repeats)}
    for n_envs in (1, 16, 256):
        rates[f"SB3 VecEnv, {n_envs} games"] = bench_vec_env(make_vec_env(config, n_envs, 0), n_envs, repeats)
        for kind in ("rows", "board"):
            env_config = config.with_changes(observation=kind)
            vector_env = TetrisVectorEnv(env_config, n_envs, seed=0, autoreset_mode="SameStep")
            rates[f"Gymnasium VectorEnv, {kind}, {n_envs} games"] = bench_vec_env(vector_env, n_envs, repeats)
    for name, rate in rates.items():
        show(name, rate, "steps")
    return rates


def bench_vec_env(vec_env: Any, n_envs: int, repeats: int) -> float:
    vec_env.reset()
    words = np.array([1], dtype=np.int64)
    actions = np.zeros(n_envs, dtype=np.int64)

    def step_all_games() -> int:
        n_steps = max(20, 2_000 // n_envs)
        for _ in range(n_steps):
            draw_actions(np.asarray(vec_env.action_masks()), words, actions)
            vec_env.step(actions)
        return n_steps * n_envs

    return best_rate(step_all_games, repeats)


def bench_tetris_gymnasium(repeats: int) -> float | None:
    """Measures the published package, ``pip install tetris-gymnasium``, with one feature vector per grouped action."""
    try:
        import gymnasium
        from tetris_gymnasium.envs.tetris import Tetris
        from tetris_gymnasium.wrappers.grouped import GroupedActionsObservations
        from tetris_gymnasium.wrappers.observation import FeatureVectorObservation
    except ImportError as error:
        print(f"tetris-gymnasium: skipped, {error}")
        return None
    base: gymnasium.Env[Any, Any] = Tetris()
    env = GroupedActionsObservations(base, observation_wrappers=[FeatureVectorObservation(base)])
    rng = np.random.default_rng(0)
    _, info = env.reset(seed=0)
    action_mask: list[Any] = [info["action_mask"]]

    def steps() -> int:
        for _ in range(40):
            _, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(action_mask[0]))))
            if terminated or truncated:
                _, info = env.reset()
            action_mask[0] = info["action_mask"]
        return 40

    rate = best_rate(steps, repeats)
    show("tetris-gymnasium, grouped actions, feature vector", rate, "placements")
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--repeats", type=int, default=20, help="number of short runs, of which each figure is the best (default: 20)"
    )
    parser.add_argument("--kinds", action="store_true", help="also measure every kind of game; compiles for minutes")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    engine_rate = bench_core(repeats)
    if arguments.kinds:
        bench_kinds(repeats)
    bench_cores(repeats)
    environment_rates = bench_environment(repeats)
    peer_rate = bench_tetris_gymnasium(min(repeats, 5))
    if peer_rate is not None:
        for name, rate in {"the engine": engine_rate, **environment_rates}.items():
            print(f"{name} is {rate / peer_rate:,.0f} times as fast as tetris-gymnasium")


if __name__ == "__main__":
    main()
