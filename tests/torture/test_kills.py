"""Training that is killed repeatedly has the same result as uninterrupted training."""

import os
import random
from pathlib import Path
from typing import Final

import pytest

from tests.torture.conftest import Uninterrupted
from tests.torture.processes import leftovers
from tests.torture.repeated_kills import CASES, train_with_kills
from tests.torture.run_results import assert_same, result_of

N_KILLS: Final = int(os.environ.get("TORTURE_KILLS", "1000"))
N_KILLS_RUN: Final = 12  # of one run, at most


@pytest.mark.compiled
def test_a_repeatedly_killed_run_equals_an_uninterrupted_one(
    tetrarium_home: Path, uninterrupted: Uninterrupted
) -> None:
    n_killed = train_with_kills(tetrarium_home, "four-games", random.Random(3), 4)

    assert n_killed == 4
    assert_same(result_of(tetrarium_home, "four-games"), uninterrupted("four-games"))
    assert leftovers(tetrarium_home) == []


@pytest.mark.oracle
@pytest.mark.parametrize("case", ["qr-dqn", "ppo", "maskable-ppo", "cma-es"])
def test_every_algorithm_has_the_same_result_after_kills(
    tetrarium_home: Path, uninterrupted: Uninterrupted, case: str
) -> None:
    n_killed = train_with_kills(tetrarium_home, case, random.Random(case), 4)

    assert n_killed > 0
    assert_same(result_of(tetrarium_home, case), uninterrupted(case))
    assert leftovers(tetrarium_home) == []


@pytest.mark.oracle
def test_a_thousand_kills_change_nothing(tmp_path: Path, uninterrupted: Uninterrupted) -> None:
    n_killed = number = 0
    while n_killed < N_KILLS:
        number += 1
        case = list(CASES)[number % len(CASES)]
        home = tmp_path / str(number)
        n_killed += train_with_kills(home, case, random.Random(number), min(N_KILLS_RUN, N_KILLS - n_killed))
        assert_same(result_of(home, case), uninterrupted(case))
        assert leftovers(home) == []
