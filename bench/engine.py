"""How fast the engine is: run ``python bench/engine.py``.

Every figure is of one core, in seconds of the processor, and the best of several short runs, because other programs
only ever take time away. What all cores do over one is measured by the clock, and says little where other programs run.
Actions are uniformly random among the legal ones and are drawn inside the timed part. Observations are written anew,
every number of them, at every step; one of each observation's rows is read back into a checksum, which is shown for the
first 200 steps and depends on the seed alone. What is not installed is skipped with a word.

DT-10 is the linear controller of Thiery and Scherrer, weights as in Scherrer et al., JMLR 16, 2015, table 1.
"""

import argparse
import os
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from tetrarium.engine import KEYS, Games, KeyGames, KeyRules, Rules, make_layout, row_length
from tetrarium.engine.key_views import row_words
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.matches import Match

RULES = Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1)
OBSERVATION = ("column_heights", "max_height", "holes", "bumpiness")
N_GAMES = 256  # enough that a call from Python costs little beside what it does
FLOOR = 1_900_000  # placements a second that this engine promises on a 2.6 GHz core
GOAL = 4_000_000  # placements a second
CONTROLLER_GOAL = 1_500_000  # pieces a second
PUFFERLIB = 5_560_000  # key steps a second of PufferLib 3.0's Tetris in C, 64 games, measured on one core of a server
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
    """Draws a uniformly random legal key in every game; all are legal but hold, the last, now and then."""
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
    """Units a second of the fastest run; ``run`` returns how many units it did. The first run is not counted."""
    run()
    rates = []
    for _ in range(repeats):
        start = clock()
        n_units = run()
        rates.append(n_units / (clock() - start))
    return max(rates)


class Controller:
    """DT-10 on a batch of games, as evaluations and the search of weights play it."""

    def __init__(self, rules: Rules) -> None:
        numbers = tuple(range(N_GAMES))
        self.games = Games(rules, seed=0, numbers=numbers)
        match = Match(games=self.games, seed=0, numbers=numbers, illegal_action="raise")
        self.seat = named_policy("dt-10").seat(match)
        self.listed = np.arange(N_GAMES)

    def play(self, n_pieces: int) -> int:
        return self.seat.play(self.listed, n_pieces, NEVER)


class Batch:
    """Games stepped with random legal placements and the 40 x 13 observation."""

    def __init__(self, games: Games, from_rows: np.ndarray | None = None) -> None:
        self.games, self.from_rows = games, from_rows
        self.layout = make_layout(OBSERVATION, games.rules.width, games.rules.preview)
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
        """Steps all games; with ``from_rows`` every placement is made on those boards."""
        for _ in range(n_steps):
            if self.from_rows is not None:
                self.games.rows[:] = self.from_rows
                self.masks[:] = self.first_masks
            draw_actions(self.masks, self.words, self.actions)
            self.games.step(
                self.actions, self.layout, self.rows, self.masks, max_pieces=NEVER, final_rows=self.final_rows
            )
            self.checksum += read_rows(self.rows, self.actions)
        return n_steps * self.games.n_games


def show(name: str, rate: float, unit: str, note: str = "") -> None:
    print(f"{name:<52}{rate:>14,.0f} {unit}/s  {note}".rstrip())


def bench_core(repeats: int) -> float:
    """The engine by itself; returns placements a second from random play."""
    random_play = Batch(Games(RULES, seed=0, numbers=range(N_GAMES)))
    random_play.steps(200)
    checksum = random_play.checksum
    random_rate = best_rate(lambda: random_play.steps(200), repeats)
    floor = f"{random_rate / GOAL:.2f} x the goal, {random_rate / FLOOR:.2f} x the floor, checksum {checksum:.0f}"
    show("40 x 13 observation, random play", random_rate, "placements", floor)

    controlled = Controller(RULES)
    controlled.play(200)
    mid_game = Batch(controlled.games, controlled.games.rows.copy())
    mid_game.steps(200)
    checksum = mid_game.checksum
    rate = best_rate(lambda: mid_game.steps(200), repeats)
    show("40 x 13 observation, boards of DT-10", rate, "placements", f"checksum {checksum:.0f}")

    for rules in (RULES, Rules(width=10, height=20, hidden_rows=4, randomizer="uniform", preview=0)):
        playing = Controller(rules)
        playing.play(200)
        n_lines = int(playing.games.lines.sum())
        rate = best_rate(lambda: playing.play(100), repeats)  # noqa: B023 - run at once
        note = f"{rate / CONTROLLER_GOAL:.2f} x the goal, {n_lines} lines in {200 * N_GAMES} pieces"
        show(f"DT-10 playing, {rules.randomizer} pieces", rate, "pieces", note)
    bench_keys(repeats)
    return random_rate


class KeyBatch:
    """Games by keys with uniformly random keys, restarted when they end, each step's observation written."""

    def __init__(self, rules: KeyRules, n_games: int) -> None:
        self.games = KeyGames(rules, seed=0, numbers=range(n_games))
        shape = (n_games, row_words(rules.width, rules.height, rules.preview))
        self.words, self.final_words = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        self.masks = np.zeros((n_games, len(KEYS)), dtype=np.bool_)
        self.actions = np.zeros(n_games, dtype=np.int64)
        self.drawn = np.array([1], dtype=np.int64)
        self.checksum = 0
        self.games.observe(self.words, self.masks)

    def steps(self, n_steps: int) -> int:
        for _ in range(n_steps):
            draw_keys(self.masks, self.drawn, self.actions)
            self.games.step(self.actions, self.words, self.masks, max_pieces=NEVER, final_words=self.final_words)
        self.checksum = zlib.crc32(self.words.tobytes(), self.checksum)
        return n_steps * self.games.n_games


def _all(pool: ThreadPoolExecutor, runs: list[Callable[[], int]]) -> int:
    return sum(pool.map(lambda run: run(), runs))


def bench_cores(repeats: int) -> None:
    """What as many threads as there are cores do over one, each with games of its own."""
    n_cores = os.cpu_count() or 1
    controllers = [Controller(RULES) for _ in range(n_cores)]
    batches = [Batch(Games(RULES, seed=0, numbers=range(N_GAMES))) for _ in range(n_cores)]
    controlled: list[Callable[[], int]] = [partial(one.play, 200) for one in controllers]
    stepped: list[Callable[[], int]] = [partial(one.steps, 200) for one in batches]
    with ThreadPoolExecutor(n_cores) as pool:
        for name, runs in (("DT-10 playing", controlled), ("40 x 13 observation, random play", stepped)):
            alone = best_rate(runs[0], repeats, time.perf_counter)
            together = best_rate(partial(_all, pool, runs), repeats, time.perf_counter)
            print(f"{name}, {n_cores} threads: {together / alone:.2f} x one")


def bench_keys(repeats: int) -> None:
    """The guideline's game by keys; 64 games, as the peer's figure has them."""
    guideline = {"width": 10, "height": 20, "hidden_rows": 20, "randomizer": "7-bag", "game_over": "guideline"}
    for gravity in ("level", "none"):
        for n_games in (64, 1024):
            rules = KeyRules(**guideline, preview=5, hold=True, gravity=gravity)  # type: ignore[arg-type]
            batch = KeyBatch(rules, n_games)
            n_steps = 25_600 // n_games
            batch.steps(n_steps)
            checksum = batch.checksum
            rate = best_rate(lambda: batch.steps(n_steps), 10 * repeats)  # noqa: B023 - run at once
            peer = f"{rate / PUFFERLIB:.2f} x PufferLib's, " if n_games == 64 else ""
            show(f"keys, gravity {gravity}, {n_games} games, observed", rate, "steps", f"{peer}checksum {checksum}")


def bench_environment(repeats: int) -> dict[str, float]:
    """The environment's faces, default configuration but for the features of the table."""
    try:
        from tetrarium.environment import EnvConfig, TetrisVectorEnv, make_env, make_vec_env
    except ImportError as error:
        print(f"tetrarium.environment: skipped, {error}")
        return {}
    config = EnvConfig(features=OBSERVATION)
    rng = np.random.default_rng(0)
    env = make_env(config)()
    _, info = env.reset(seed=0)
    last: list[Any] = [info["action_mask"]]

    def steps_alone() -> int:
        for _ in range(2_000):
            _, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(last[0]))))
            if terminated or truncated:
                _, info = env.reset()
            last[0] = info["action_mask"]
        return 2_000

    rates = {"TetrisEnv.step, one game": best_rate(steps_alone, repeats)}
    for n_envs in (1, 16, 256):
        rates[f"SB3 VecEnv, {n_envs} games"] = bench_vec_env(make_vec_env(config, n_envs, 0), n_envs, repeats)
        for kind in ("rows", "board"):
            seen = config.with_changes(observation=kind)
            vector_env = TetrisVectorEnv(seen, n_envs, seed=0, autoreset_mode="SameStep")
            rates[f"Gymnasium VectorEnv, {kind}, {n_envs} games"] = bench_vec_env(vector_env, n_envs, repeats)
    for name, rate in rates.items():
        show(name, rate, "steps")
    return rates


def bench_vec_env(vec_env: Any, n_envs: int, repeats: int) -> float:
    vec_env.reset()
    words = np.array([1], dtype=np.int64)
    actions = np.zeros(n_envs, dtype=np.int64)

    def steps_together() -> int:
        n_steps = max(20, 2_000 // n_envs)
        for _ in range(n_steps):
            draw_actions(np.asarray(vec_env.action_masks()), words, actions)
            vec_env.step(actions)
        return n_steps * n_envs

    return best_rate(steps_together, repeats)


def bench_tetris_gymnasium(repeats: int) -> float | None:
    """The published package's grouped actions, one feature vector an action (``pip install tetris-gymnasium``)."""
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
    last: list[Any] = [info["action_mask"]]

    def steps() -> int:
        for _ in range(40):
            _, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(last[0]))))
            if terminated or truncated:
                _, info = env.reset()
            last[0] = info["action_mask"]
        return 40

    rate = best_rate(steps, repeats)
    show("tetris-gymnasium, grouped actions, feature vector", rate, "placements")
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="short runs a figure is the best of (default: 20)")
    repeats = parser.parse_args().repeats
    engine_rate = bench_core(repeats)
    bench_cores(repeats)
    environment_rates = bench_environment(repeats)
    peer_rate = bench_tetris_gymnasium(min(repeats, 5))
    if peer_rate is not None:
        for name, rate in {"the engine": engine_rate, **environment_rates}.items():
            print(f"{name} is {rate / peer_rate:,.0f} times as fast as tetris-gymnasium")


if __name__ == "__main__":
    main()
