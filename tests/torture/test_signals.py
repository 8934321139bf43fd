"""Training that is stopped by a signal repeats no step, and two processes never train one run."""

import os
import random
import re
import signal
from pathlib import Path

import pytest

from tests.torture.conftest import Uninterrupted
from tests.torture.processes import children, finish, is_running, leftovers, resume, spawn, train, training, wait_until
from tests.torture.repeated_kills import CASES, pause, train_with_kills
from tests.torture.run_results import assert_same, require_whole, result_of, rows

pytestmark = pytest.mark.compiled


@pytest.mark.oracle
def test_repeated_kills_of_a_run_with_one_game(tetrarium_home: Path, uninterrupted: Uninterrupted) -> None:
    n_killed = train_with_kills(tetrarium_home, "one-game", random.Random(4), 5)

    assert n_killed == 5
    assert_same(result_of(tetrarium_home, "one-game"), uninterrupted("one-game"))
    assert leftovers(tetrarium_home) == []


@pytest.mark.parametrize(
    ("case", "number", "code"),
    [
        ("four-games", signal.SIGTERM, 143),
        pytest.param("two-threads", signal.SIGTERM, 143, marks=pytest.mark.oracle),
        pytest.param("one-game", signal.SIGINT, 130, marks=pytest.mark.oracle),
    ],
)
def test_a_signal_at_any_instant_repeats_no_step(
    case: str, number: signal.Signals, code: int, tetrarium_home: Path, uninterrupted: Uninterrupted
) -> None:
    run = tetrarium_home / "runs" / case
    process = train(tetrarium_home, case, **CASES[case])
    wait_until(lambda: list(run.glob("events.*")), process)
    pause(random.Random(case).uniform(0.0, 0.6), process)
    process.send_signal(number)
    output, error = finish(process, code)
    stopped = re.search(r"Stopped at step ([0-9,]+)", output)
    recorded = rows(run / "episodes.csv")
    assert error == "" and stopped is not None, output
    step = int(stopped[1].replace(",", ""))
    assert require_whole(run)[-1] == step
    output, _ = finish(resume(tetrarium_home, case))

    assert f"from step {step:,} to" in output
    assert rows(run / "episodes.csv")[: len(recorded)] == recorded  # wall time too: none was written again
    expected = {part: content for part, content in uninterrupted(case).items() if part != "steps"}
    assert_same(result_of(tetrarium_home, case), expected)  # stopping adds a checkpoint
    assert leftovers(tetrarium_home) == []


def test_ctrl_c_reaches_both_processes_and_one_handles_it(tetrarium_home: Path) -> None:
    command = training(tetrarium_home, "one", evaluate_every=100, total_timesteps=10**6)
    process = spawn(*command, start_new_session=True)
    run = tetrarium_home / "runs" / "one"  # before training, other children start and end
    wait_until(lambda: list(run.glob("events.*")) and children(process.pid), process)
    (evaluating,) = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    output, error = finish(process, 130)

    assert error == ""
    assert "Stopped at step" in output
    assert not is_running(evaluating)


def test_only_one_of_two_processes_creates_a_run(tetrarium_home: Path) -> None:
    both = [train(tetrarium_home, "one", total_timesteps=400) for _ in range(2)]
    ends = [(*process.communicate(timeout=150), process.returncode) for process in both]

    (_, error, code), (_, no_error, done) = sorted(ends, key=lambda end: -end[2])
    assert (code, done, no_error) == (1, 0, "")
    assert error == (
        "tetrarium: The name 'one' is taken. Resume that run by `tetrarium resume one --home "
        f"{tetrarium_home}`, or choose another name.\n"
    )


def test_resuming_a_running_run_is_refused(tetrarium_home: Path) -> None:
    run = tetrarium_home / "runs" / "one"
    process = train(tetrarium_home, "one", total_timesteps=10**6)
    wait_until((run / "checkpoints").is_dir, process)
    _, error = finish(resume(tetrarium_home, "one"), 1)
    process.send_signal(signal.SIGTERM)
    finish(process, 143)

    assert error == ("tetrarium: Another process is using 'one'. Stop it first, or choose another name.\n")
    assert leftovers(tetrarium_home) == []
