"""Evaluations beside training: what they record and decide does not depend on how fast anything is."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
import safetensors.numpy

from tests.training.runs import CONFIG, EVALUATED, files, ignore, scalars, start, stop_after, table
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import RandomPolicy, evaluate
from tetrarium.evaluation.process import EvaluationProcess, EvaluationRequest
from tetrarium.events import AgentEvaluated, CheckpointSaved
from tetrarium.registry.home import Home
from tetrarium.training import read_policy
from tetrarium.training.runs.run import TrainingRun

ENDLESS = EnvConfig(width=4, randomizer="I", preview=0)  # a lying I piece clears its row
REQUEST = EvaluationRequest(policy=RandomPolicy(), config=EnvConfig(), n_games=3, seed=5, max_pieces=100)

# Begins an evaluation that takes minutes, tells the number of the process that plays it, and waits.
BUSY_PARENT = """
import sys, time
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import LinearPolicy
from tetrarium.evaluation.process import EvaluationProcess, EvaluationRequest
process = EvaluationProcess()
game = EnvConfig(width=4, randomizer="I", preview=0)
policy = LinearPolicy({"holes": -1.0, "landing_height": -1.0})
process.begin(EvaluationRequest(policy=policy, config=game, n_games=1, seed=0, max_pieces=10**10))
print(process._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


class TestProcess:
    def test_it_finds_what_is_found_here(self) -> None:
        with EvaluationProcess() as process:
            for seed in (5, 6):
                process.begin(replace(REQUEST, seed=seed))
                assert process.finish().games == evaluate(RandomPolicy(), EnvConfig(), 3, seed, max_pieces=100).games

    def test_a_process_that_was_killed_is_done_without(self) -> None:
        with EvaluationProcess() as process:
            process.begin(REQUEST)
            assert process._process is not None
            process._process.kill()
            process._process.wait()
            assert process.finish().games == REQUEST.report().games
            process.begin(REQUEST)
            assert process.finish().games == REQUEST.report().games

    def test_it_ends_with_the_one_that_started_it(self) -> None:
        parent = subprocess.Popen([sys.executable, "-c", BUSY_PARENT], stdout=subprocess.PIPE)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        gone = os.pidfd_open(child)
        parent.send_signal(signal.SIGKILL)
        parent.communicate()

        import select

        poller = select.poll()
        poller.register(gone, select.POLLIN)
        assert poller.poll(30_000), "the process still plays"
        os.close(gone)


def test_each_evaluation_is_recorded_where_the_next_one_begins(home: Home) -> None:
    run, events = start(home, config=EVALUATED)
    run.execute()
    header, *rows = table(run.folder, "evaluations.csv")

    assert header == ["decided_step", "step", "lines", "n_games", "n_cut_off", "max_pieces", "seed", "is_best"]
    assert [row[:2] for row in rows] == [["2000", "1000"], ["3000", "2000"], ["4000", "3000"], ["4000", "4000"]]
    assert [row[3] + row[5] + row[6] for row in rows] == ["3601000"] * 4
    told = [event for event in events if isinstance(event, AgentEvaluated)]
    assert [(str(e.step), str(e.lines_evaluation), str(int(e.is_best))) for e in told] == [
        (row[1], row[2], row[7]) for row in rows
    ]
    assert [step for step, _ in scalars(run.folder)["evaluation/lines_game"]] == [2_000, 3_000, 4_000, 4_000]


def test_a_score_is_what_evaluate_says_of_the_checkpoint(home: Home) -> None:
    run, _ = start(home, config=EVALUATED.with_changes(keep_checkpoints=10))
    run.execute()

    for _, step, lines, *_ in table(run.folder, "evaluations.csv")[1:]:
        policy, game = read_policy(run.folder / "checkpoints" / step)
        report = evaluate(policy, game, 3, 1_000, max_pieces=60)
        assert float(lines) == report.lines_total / 3


def test_the_best_model_is_the_latest_of_those_that_did_best(home: Home) -> None:
    run, _ = start(home, config=EVALUATED.with_changes(keep_checkpoints=10))
    run.execute()
    rows = table(run.folder, "evaluations.csv")[1:]
    best = max(rows, key=lambda row: (float(row[2]), int(row[1])))[1]
    weights = safetensors.numpy.load((run.folder / "best" / "policy.safetensors").read_bytes())
    saved = safetensors.numpy.load((run.folder / "checkpoints" / best / "averaged.safetensors").read_bytes())

    assert weights.keys() == saved.keys()
    assert all(np.array_equal(weights[name], saved[name]) for name in weights)
    assert read_policy(run.folder / "best")[0].name == f"best at step {int(best):,}"


def test_a_pending_evaluation_is_played_again_when_the_run_goes_on(home: Home) -> None:
    whole, _ = start(home, "whole", EVALUATED)
    whole.execute()
    for n_checkpoints in (1, 3):
        part, _ = start(home, f"part-{n_checkpoints}", EVALUATED)
        stop_after(part, n_checkpoints, CheckpointSaved)
        part.execute()
        TrainingRun.open(home, part.config.name, ignore).execute()

        assert table(part.folder, "evaluations.csv") == table(whole.folder, "evaluations.csv")
        assert scalars(part.folder) == scalars(whole.folder)
        policy = "policy.safetensors"
        assert files(part.folder / "best")[policy] == files(whole.folder / "best")[policy]


def _stop_evaluating() -> None:
    """Holds the process that evaluates, as if what it plays took for ever."""
    process = os.getpid()
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        if b"evaluation.process" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGSTOP)


def test_whoever_asks_for_a_stop_does_not_wait_for_an_evaluation(home: Home) -> None:
    whole, _ = start(home, "whole", EVALUATED)
    whole.execute()
    part, _ = start(home, "part", EVALUATED)
    part._publish = lambda event: _stop_evaluating() if isinstance(event, CheckpointSaved) else None

    def ask_once_it_waits(_number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name == "is_done_within":
            part.ask_to_stop()

    before = signal.signal(signal.SIGALRM, ask_once_it_waits)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        _, ended = part.execute()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert (ended.state, ended.step) == ("stopped", 2_000)
    assert len(table(part.folder, "evaluations.csv")) == 1
    TrainingRun.open(home, "part", ignore).execute()
    assert table(part.folder, "evaluations.csv") == table(whole.folder, "evaluations.csv")
    assert table(part.folder, "episodes.csv") == table(whole.folder, "episodes.csv")
    assert scalars(part.folder) == scalars(whole.folder)
    averaged = "averaged.safetensors"
    last = Path("checkpoints", "4000")
    assert files(part.folder / last)[averaged] == files(whole.folder / last)[averaged]


def test_a_best_model_found_after_the_checkpoint_is_taken_back(home: Home) -> None:
    run, _ = start(home, config=EVALUATED.with_changes(checkpoint_every=1_500, keep_checkpoints=10))
    run.execute()
    for step in ("3000", "4000"):
        (run.folder / "checkpoints" / step).rename(run.folder / f"moved-{step}")
    again = TrainingRun.open(home, "one", ignore)
    found: list[bool] = []
    again._publish = lambda _event: found.append((run.folder / "best").exists())
    again.execute()

    assert found[-1]
    assert not all(found), "at step 1,500 no evaluation had been decided"


def test_evaluating_changes_nothing_about_training(home: Home) -> None:
    agent, _ = start(home, "evaluated", EVALUATED)[0].execute()
    plain, _ = start(home, "plain", CONFIG)[0].execute()

    for ours, theirs in zip(agent.model.policy.parameters(), plain.model.policy.parameters(), strict=True):
        assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())
    assert not (home.run_folder("plain") / "best").exists()
    assert len(table(home.run_folder("plain"), "evaluations.csv")) == 1


def test_a_goal_of_evaluation_is_reached_where_it_is_decided(home: Home) -> None:
    config = EVALUATED.with_changes(target_evaluation_lines=1, exploration_initial_eps=0.0)
    run, _ = start(home, config=config, game=ENDLESS)
    _, ended = run.execute()

    assert (ended.state, ended.step) == ("target reached", 2_000)
    assert [row[:2] for row in table(run.folder, "evaluations.csv")[1:]] == [["2000", "1000"], ["2000", "2000"]]
    _, again = TrainingRun.open(home, "one", ignore).execute()
    assert (again.state, again.step) == ("target reached", 2_000)
