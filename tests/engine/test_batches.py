"""Tests of steps that are divided among threads: same result on any number, rejected as a whole."""

import os
from typing import Any

import numpy as np
import pytest

from tetrarium.engine.batches import Batch, usable_cores
from tetrarium.engine.state_layout import COLUMNS, SCORE
from tetrarium.environment import EnvConfig, make_vec_env
from tetrarium.environment.core import GameCore
from tetrarium.environment.interfaces.gym_vec_env import TetrisVectorEnv
from tetrarium.errors import ConfigError, GameError

N_GAMES = 10
KINDS = {
    "drop": EnvConfig(height=5, max_pieces=8),
    "hold": EnvConfig(height=6, hold=True, max_pieces=8),
    "keys": EnvConfig(height=4, actions="keys", max_pieces=6),
}


def playthrough(config: EnvConfig, n_threads: int) -> list[Any]:
    """Returns the results of 40 steps of ten games, most of which end on the way."""
    core = GameCore(config, N_GAMES, seed=5, n_threads=n_threads)
    rng = np.random.default_rng(1)
    results: list[Any] = [core.reset()]
    for step in range(40):
        reset_mask = rng.random(N_GAMES) < 0.1
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in core.masks])
        outcome = core.step(actions, restart=True, reset_mask=reset_mask if step % 2 else None)
        ended = np.flatnonzero(outcome.terminated | outcome.truncated)
        results += [*outcome, core.games.rows.copy(), core.games.state_after.rows.copy()]
        results.append(core.final_observations(ended) if len(ended) else len(ended))
    return results


@pytest.mark.compiled
@pytest.mark.parametrize("kind", KINDS)
def test_games_are_the_same_on_any_number_of_threads(kind: str) -> None:
    alone = playthrough(KINDS[kind], 1)
    assert any(np.any(one) for one in alone[4::8])  # games end

    for n_threads in (2, 3, 7, 64):
        for one, other in zip(alone, playthrough(KINDS[kind], n_threads), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_one_rejected_action_stops_the_whole_step(kind: str, n_threads: int) -> None:
    core = GameCore(KINDS[kind], N_GAMES, seed=5, n_threads=n_threads)
    core.reset()
    before = core.games.rows.copy()
    n_actions = core.games.n_actions
    with pytest.raises(GameError, match=rf"An action is from 0 to {n_actions - 1}; got {n_actions}\. Choose one"):
        core.step(np.array([0] * (N_GAMES - 1) + [n_actions]), restart=True)
    np.testing.assert_array_equal(core.games.rows, before)

    core.games.terminated[7] = 1
    with pytest.raises(GameError, match=r"The game has ended\. Reset it before the next action\."):
        core.step(np.zeros(N_GAMES, dtype=np.int64), restart=True)
    before[7] = core.games.rows[7]
    np.testing.assert_array_equal(core.games.rows, before)


@pytest.mark.parametrize("n_threads", [0, -1, 10_000, 2.0, True])
def test_number_of_threads_out_of_range_raises(n_threads: Any) -> None:
    message = rf"n_threads is a whole number from 1 to 256; got {n_threads!r}\. Omit it for one per core\."
    with pytest.raises(ConfigError, match=message):
        make_vec_env(EnvConfig(), n_envs=4, n_threads=n_threads)
    with pytest.raises(ConfigError, match=message):
        TetrisVectorEnv(num_envs=4, n_threads=n_threads)


def test_default_is_one_thread_per_512_games_and_at_most_one_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0, 2, 5})  # of eight, say

    def n_threads(n_games: int, wanted: int | None = None) -> int:
        rows = np.zeros((n_games, COLUMNS + 10), dtype=np.int64)
        made = Batch(rows, preview=0, score=SCORE, columns=COLUMNS, n_step_fields=6, n_actions=16, n_threads=wanted)
        return made.n_threads

    assert [n_threads(n_games) for n_games in (1, 512, 1_023, 1_024, 1_536, 10_000)] == [1, 1, 1, 2, 3, 3]
    assert n_threads(2, wanted=8) == 2


def test_without_affinity_all_cores_are_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert usable_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS and Windows
    assert usable_cores() == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
