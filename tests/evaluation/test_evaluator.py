"""Evaluating: the same games whoever plays and however the work is cut, limits, progress, and what is refused."""

import os
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.sample_policies import NETWORK_FEATURES, SMALL, STACKER, Predictor, compiled_only, network
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, PolicyError
from tetrarium.evaluation import (
    LinearPolicy,
    NetworkPolicy,
    RandomPolicy,
    Report,
    evaluate,
    named_policy,
    play_moves,
    work_queue,
)
from tetrarium.evaluation.evaluator import piece_limit

POLICIES = [RandomPolicy(), STACKER, network(), Predictor()]
NAMES = ["random", "stacker", "small net", "predictor"]


def play(policy: Any, **changes: Any) -> Report:
    return evaluate(policy, **({"config": SMALL, "n_games": 12, "seed": 4, "max_pieces": 30} | changes))


@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
def test_threads_and_slices_change_nothing(policy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = play(policy, n_threads=1).games
    assert play(policy, n_threads=3).games == expected
    monkeypatch.setattr(work_queue, "_COMPILED", (2, 5))
    monkeypatch.setattr(work_queue, "_PREDICTED", (5, 7))
    assert play(policy, n_threads=2).games == expected
    assert [game.game for game in expected] == list(range(12))


ON_OTHER_CPU = """
from tests.evaluation.test_evaluator import POLICIES, play
print([play(policy).games for policy in POLICIES])
"""


@pytest.mark.oracle
@compiled_only
def test_kernels_compiled_for_an_older_processor_play_the_same_games(tmp_path: Path) -> None:
    """Compiles all kernels of these games again, which takes 20 seconds."""
    if platform.machine() != "x86_64":
        pytest.skip("has other processors")
    changes = {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ON_OTHER_CPU], env={**os.environ, **changes}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{[play(policy).games for policy in POLICIES]}\n"


@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
def test_a_game_is_the_same_among_any_number_of_games(policy: Any) -> None:
    assert play(policy, n_games=3).games == play(policy).games[:3]


def test_the_network_compiled_and_behind_predict_plays_the_same_games() -> None:
    assert play(network()).games == play(Predictor()).games


def test_seed_0_is_a_seed_and_another_seed_gives_other_games() -> None:
    assert play(STACKER, seed=0).games == play(STACKER, seed=0).games
    assert play(STACKER, seed=0).games != play(STACKER, seed=1).games


@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
def test_a_report_counts_what_was_played(policy: Any) -> None:
    report = play(policy, max_pieces=12)
    for game in report.games:
        moves = list(play_moves(policy, SMALL, seed=4, game=game.game, max_pieces=12))
        assert game.pieces == len(moves)
        assert game.lines == sum(move.lines_placement for move in moves)
        assert game.truncated == (not moves[-1].state_tp1.terminated)
    assert report.n_games == 12
    assert report.pieces_total == sum(game.pieces for game in report.games)
    assert report.lines_total == sum(game.lines for game in report.games)
    assert report.n_truncated == sum(game.pieces == 12 and game.truncated for game in report.games)
    assert (report.seed, report.max_pieces, report.config) == (4, 12, SMALL.to_dict())


def test_a_game_that_ends_on_its_last_piece_is_not_truncated() -> None:
    length = play(RandomPolicy(), n_games=1).games[0].pieces
    assert not play(RandomPolicy(), n_games=1, max_pieces=length).games[0].truncated
    shorter = play(RandomPolicy(), n_games=1, max_pieces=length - 1).games[0]
    assert (shorter.truncated, shorter.pieces) == (True, length - 1)


@pytest.mark.parametrize(
    ("config", "given", "limit"),
    [
        (EnvConfig(), None, 10_000),
        (EnvConfig.literature(), None, 1_000_000),
        (EnvConfig(randomizer="SZ"), None, 10_000),
        (EnvConfig(max_pieces=77), None, 77),
        (EnvConfig(max_pieces=77), 99, 99),
    ],
)
def test_the_piece_limit(config: EnvConfig, given: int | None, limit: int) -> None:
    assert piece_limit(config, given) == limit


def test_features_and_rewards_of_the_config_are_ignored() -> None:
    changed = SMALL.with_changes(features=("holes",), line_reward=7.0)
    assert play(network(), config=changed).games == play(network()).games


def test_progress_rises_to_the_totals_on_the_calling_thread() -> None:
    progress: list[tuple[int, int]] = []
    threads: set[int] = set()

    def on_progress(n_pieces: int, n_games: int) -> None:
        progress.append((n_pieces, n_games))
        threads.add(threading.get_ident())

    report = play(STACKER, on_progress=on_progress)
    assert progress == sorted(progress)
    assert progress[-1] == (report.pieces_total, 12)
    assert threads == {threading.get_ident()}


@compiled_only
def test_progress_is_reported_during_games_and_an_interrupt_ends_them() -> None:
    """A game of a thousand million pieces: without the interrupt this test would not end."""
    progress: list[tuple[int, int]] = []

    def interrupt_once_it_rose(n_pieces: int, n_games: int) -> None:
        progress.append((n_pieces, n_games))
        if n_pieces > progress[0][0]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(named_policy("dt-10"), EnvConfig(), 3, max_pieces=10**9, on_progress=interrupt_once_it_rose)
    assert progress[-1][0] > progress[0][0]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("evaluate")]


def test_an_error_while_playing_is_raised_and_ends_every_thread() -> None:
    class PolicyRunner:
        def choose(self, index: int) -> int:
            return index

        def play(self, listed: Any, n_pieces: int, max_pieces: int) -> int:
            if len(listed):
                raise MemoryError("no room")
            return 0

    class Failing(RandomPolicy):
        def make_runner(self, batch: Any) -> Any:
            return PolicyRunner()

    with pytest.raises(MemoryError, match="no room"):
        play(Failing(), n_threads=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_games": 0}, "n_games is a whole number, 1 to 10,000,000; got 0. Pass one in that range."),
        ({"n_games": 2.0}, "n_games is a whole number, 1 to 10,000,000; got 2.0. Pass one in that range."),
        ({"seed": -1}, "seed is a whole number, 0 or more; got -1. Pass one in that range."),
        ({"max_pieces": 0}, "max_pieces is a whole number, 1 to 1,000,000,000,000; got 0. Pass one in that range."),
        ({"n_threads": 0}, "n_threads is a whole number, 1 to 256; got 0. Pass one in that range."),
        ({"n_threads": 10_000}, "n_threads is a whole number, 1 to 256; got 10000. Pass one in that range."),
    ],
)
def test_numbers_out_of_range(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        play(RandomPolicy(), **changes)
    assert str(refused.value) == message


WIDE = LinearPolicy({"column_heights": [-1] * 10}, name="wide")
HOLDING = NetworkPolicy(("held_piece",), [(np.zeros((1, 8)), np.zeros(1))], name="holding")
AHEAD = NetworkPolicy((*NETWORK_FEATURES, "next_pieces"), [(np.zeros((1, 18)), np.zeros(1))], preview=2, name="ahead")


@pytest.mark.parametrize(
    ("policy", "config", "message"),
    [
        (WIDE, EnvConfig(width=8), "The policy 'wide' plays width=10 only; got width=8. Evaluate it with width=10,"),
        (AHEAD, EnvConfig(preview=1), "The policy 'ahead' plays preview=2 only; got preview=1. Evaluate it with"),
        (
            HOLDING,
            EnvConfig(),
            "The policy 'holding' plays hold=True only; got hold=False. Evaluate it with hold=True,",
        ),
        (
            RandomPolicy(),
            EnvConfig(actions="keys"),
            "The policy 'random' chooses placements; got actions='keys'. Evaluate it with actions='drop' or",
        ),
    ],
)
def test_a_policy_for_another_game_is_rejected_by_name(policy: Any, config: EnvConfig, message: str) -> None:
    for refusing in (lambda: play(policy, config=config), lambda: play_moves(policy, config)):
        with pytest.raises(PolicyError) as refused:
            refusing()
        assert str(refused.value).startswith(message)
        assert "\n" not in str(refused.value)


def test_an_object_that_is_no_policy_is_rejected() -> None:
    with pytest.raises(PolicyError) as refused:
        play("dt-10")
    assert str(refused.value) == (
        "A policy has 'features' and 'predict'; got 'dt-10'. Pass an agent, a policy of tetrarium.evaluation, or "
        "named_policy('dt-10')."
    )
