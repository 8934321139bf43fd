"""Training that is killed without warning, again and again, ends where training that was left alone ends."""

import os
import random
from pathlib import Path
from typing import Final

import pytest

from tests.torture.conftest import Undisturbed
from tests.torture.ends import assert_same, end_of
from tests.torture.fire import CASES, train_under_fire
from tests.torture.processes import leftovers

N_KILLS: Final = int(os.environ.get("TORTURE_KILLS", "1000"))
N_KILLS_RUN: Final = 12  # of one run, at most


@pytest.mark.compiled
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(
    tetrarium_home: Path, undisturbed: Undisturbed
) -> None:
    n_killed = train_under_fire(tetrarium_home, "four-games", random.Random(3), 7)

    assert n_killed == 7
    assert_same(end_of(tetrarium_home, "four-games"), undisturbed("four-games"))
    assert leftovers(tetrarium_home) == []


@pytest.mark.oracle
@pytest.mark.parametrize("case", ["qr-dqn", "maskable-ppo", "cma-es"])
def test_whatever_learns_is_the_same_after_kills(tetrarium_home: Path, undisturbed: Undisturbed, case: str) -> None:
    n_killed = train_under_fire(tetrarium_home, case, random.Random(case), 4)

    assert n_killed > 0
    assert_same(end_of(tetrarium_home, case), undisturbed(case))
    assert leftovers(tetrarium_home) == []


@pytest.mark.oracle
def test_a_thousand_kills_change_nothing(tmp_path: Path, undisturbed: Undisturbed) -> None:
    n_killed = number = 0
    while n_killed < N_KILLS:
        number += 1
        case = list(CASES)[number % len(CASES)]
        home = tmp_path / str(number)
        n_killed += train_under_fire(home, case, random.Random(number), min(N_KILLS_RUN, N_KILLS - n_killed))
        assert_same(end_of(home, case), undisturbed(case))
        assert leftovers(home) == []
