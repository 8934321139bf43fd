"""Evaluations during training: records and decisions do not depend on the speed of processes."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.training.runs import EVALUATED, FinishedRun, files, ignore, scalars, start, stop_after, table
from tests.workers.servers import wait_for
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import NetworkPolicy, RandomPolicy, compare_reports, evaluate
from tetrarium.evaluation.evaluation_process import EvaluationProcess, EvaluationRequest
from tetrarium.events import AgentEvaluated, CheckpointSaved, StateChanged
from tetrarium.registry.files.process_lock import is_stopped
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_tables import EVALUATIONS, read_table
from tetrarium.training import read_policy
from tetrarium.training.runs.run import TrainingRun

ENDLESS = EnvConfig(width=4, randomizer="I", preview=0)  # a horizontal I piece clears its row
REQUEST = EvaluationRequest(policy=RandomPolicy(), config=EnvConfig(), n_games=3, seed=5, max_pieces=100)
MANY = replace(REQUEST, n_games=20_000, max_pieces=1)

# Starts an evaluation that takes minutes, prints the id of the process that plays it, and waits.
BUSY_PARENT = """
import sys, time
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import LinearPolicy
from tetrarium.evaluation.evaluation_process import EvaluationProcess, EvaluationRequest
process = EvaluationProcess()
game = EnvConfig(width=4, randomizer="I", preview=0)
policy = LinearPolicy({"holes": -1.0, "landing_height": -1.0})
process.begin(EvaluationRequest(policy=policy, config=game, n_games=1, seed=0, max_pieces=10**10))
print(process._process.pid, flush=True)
time.sleep(600)
"""


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of a run's evaluations by column."""
    header, rows = read_table(folder, EVALUATIONS)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    return Home.locate(tetrarium_home)


class TestProcess:
    def test_the_process_reports_the_same_games_as_evaluate(self) -> None:
        with EvaluationProcess() as process:
            for seed in (5, 6):
                process.begin(replace(REQUEST, seed=seed), REQUEST)
                expected = evaluate(RandomPolicy(), EnvConfig(), 3, seed, max_pieces=100).games
                assert [report.games for report in process.finish()] == [expected, REQUEST.report().games]

    def test_a_killed_evaluation_process_is_replaced(self) -> None:
        with EvaluationProcess() as process:
            process.begin(REQUEST)
            assert process._process is not None
            process._process.kill()
            process._process.wait()
            assert [report.games for report in process.finish()] == [REQUEST.report().games]
            process.begin(REQUEST)
            assert [report.games for report in process.finish()] == [REQUEST.report().games]

    def test_a_stopped_evaluation_process_is_killed_and_replaced(self) -> None:
        wide = [(np.ones((20_000, 1), np.float32), np.zeros(20_000, np.float32)), (np.ones((1, 20_000)), np.zeros(1))]
        large = replace(REQUEST, policy=NetworkPolicy(("holes",), wide), n_games=1, max_pieces=1)
        with EvaluationProcess() as process:

            def stop() -> "subprocess.Popen[bytes]":
                stopped = process._process
                assert stopped is not None
                stopped.send_signal(signal.SIGSTOP)
                wait_for(lambda: is_stopped(stopped.pid))
                return stopped

            process.begin(REQUEST)
            stopped = stop()
            assert [report.games for report in process.finish()] == [REQUEST.report().games]
            assert stopped.returncode == -signal.SIGKILL

            process.begin(MANY)
            wait_for(lambda: process.is_done_within(1.0))
            stopped = stop()  # while it writes more than a pipe holds
            assert [report.games for report in process.finish()] == [MANY.report().games]
            assert stopped.returncode == -signal.SIGKILL

            process.begin(REQUEST)
            process.finish()
            stopped = stop()
            process.begin(large)  # more than a pipe holds
            assert stopped.returncode == -signal.SIGKILL
            assert [report.games for report in process.finish()] == [large.report().games]

    def test_the_evaluation_process_ends_with_its_parent(self) -> None:
        parent = subprocess.Popen([sys.executable, "-c", BUSY_PARENT], stdout=subprocess.PIPE)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        reverted = os.pidfd_open(child)
        parent.send_signal(signal.SIGKILL)
        parent.communicate()

        import select

        poller = select.poll()
        poller.register(reverted, select.POLLIN)
        assert poller.poll(30_000), "the process still plays"
        os.close(reverted)


def test_each_evaluation_is_recorded_when_the_next_one_starts(evaluated: FinishedRun) -> None:
    rows = read_rows(evaluated.folder)

    decided = [(2_000, 1_000), (3_000, 2_000), (4_000, 3_000), (4_000, 4_000)]
    assert [(row["decided_step"], row["step"]) for row in rows] == decided
    assert [(row["n_games"], row["max_pieces"], row["harder_games"], row["seed"]) for row in rows] == [
        (3, 60, 50, 1_000)
    ] * 4
    published = [asdict(event) for event in evaluated.events if isinstance(event, AgentEvaluated)]
    assert [{name: row[name] for name in event} for event, row in zip(published, rows, strict=True)] == published
    messages = [event.message for event in evaluated.events if isinstance(event, StateChanged)]
    assert messages[-3:] == ["Training.", "Evaluating the last weights.", "Finished at step 4,000."]
    recorded = scalars(evaluated.folder)
    for name in ("survival", "lines_until_limit", "harder_lines", "harder_low", "harder_high"):
        values = [(step, pytest.approx(row[name])) for (step, _), row in zip(decided, rows, strict=True)]
        assert recorded[f"evaluation/{name}"] == values
    assert "evaluation/lines_game" not in recorded


def test_an_evaluation_is_published_as_soon_as_its_result_is_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    is_done_within = EvaluationProcess.is_done_within
    monkeypatch.setattr(EvaluationProcess, "is_done_within", lambda process, _seconds: is_done_within(process, 170.0))
    run, events = start(home, config=EVALUATED.with_changes(total_timesteps=2_000, checkpoint_every=500))
    run.execute()

    seen = [(type(event), event.step) for event in events if isinstance(event, AgentEvaluated | CheckpointSaved)]
    assert seen[:4] == [
        (CheckpointSaved, 500),
        (CheckpointSaved, 1_000),
        (AgentEvaluated, 1_000),
        (CheckpointSaved, 1_500),
    ]


def test_an_evaluation_equals_evaluate_on_the_checkpoint(home: Home) -> None:
    run, _ = start(home, config=EVALUATED.with_changes(keep_checkpoints=10))
    run.execute()

    for row in read_rows(run.folder):
        policy, game = read_policy(run.folder / "checkpoints" / str(row["step"]))
        report = evaluate(policy, game, 3, 1_000, max_pieces=60)
        assert row["lines_until_limit"] == report.lines_total / 3
        assert (row["estimated_lines"], row["survival"]) == (report.mean_lines, report.n_truncated)
        harder = evaluate(policy, EnvConfig(height=8, randomizer="uniform"), 50, 1_000)
        assert row["harder_lines"] == harder.mean_lines
        assert (row["harder_low"], row["harder_high"]) == harder.interval_lines


def test_weights_become_the_best_only_if_significantly_better_on_the_harder_game(home: Home) -> None:
    often = EVALUATED.with_changes(evaluate_every=500, checkpoint_every=500, keep_checkpoints=10)
    run, _ = start(home, config=often)
    run.execute()
    reports = {}
    for row in read_rows(run.folder):
        policy, _ = read_policy(run.folder / "checkpoints" / str(row["step"]))
        reports[row["step"]] = evaluate(policy, EnvConfig(height=8, randomizer="uniform"), 50, 1_000)
    best, *others = reports
    expected = [best]
    for step in others:
        compared = compare_reports(reports[step], reports[best])
        if compared.is_significant and compared.difference > 0:
            best = step
            expected.append(step)

    assert [row["step"] for row in read_rows(run.folder) if row["is_best"]] == expected
    assert len(ModelStore(home).versions("one")) == len(expected) < len(reports)
    best = str(best)
    weights = safetensors.numpy.load((run.folder / "best" / "policy.safetensors").read_bytes())
    saved = safetensors.numpy.load((run.folder / "checkpoints" / best / "averaged.safetensors").read_bytes())

    assert weights.keys() == saved.keys()
    assert all(np.array_equal(weights[name], saved[name]) for name in weights)
    assert read_policy(run.folder / "best")[0].name == f"best at step {int(best):,}"


def test_a_pending_evaluation_is_repeated_when_the_run_resumes(home: Home, evaluated: FinishedRun) -> None:
    part, _ = start(home, "part", EVALUATED)
    stop_after(part, 3, CheckpointSaved)
    part.execute()
    TrainingRun.open(home, "part", ignore).execute()

    assert table(part.folder, "evaluations.csv") == table(evaluated.folder, "evaluations.csv")
    assert scalars(part.folder) == scalars(evaluated.folder)
    policy = "policy.safetensors"
    assert files(part.folder / "best")[policy] == files(evaluated.folder / "best")[policy]


def _stop_evaluating() -> None:
    """Stops the evaluation process, as if its games never ended."""
    process = os.getpid()
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        if b"evaluation.evaluation_process" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGSTOP)


def test_a_stop_does_not_wait_for_an_evaluation(home: Home, evaluated: FinishedRun) -> None:
    part, _ = start(home, "part", EVALUATED)
    part._publish = lambda event: _stop_evaluating() if isinstance(event, CheckpointSaved) else None

    def request_stop_while_waiting(_number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name == "is_done_within" and frame.f_locals["seconds"] > 0:
            part.request_stop()

    before = signal.signal(signal.SIGALRM, request_stop_while_waiting)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        _, ended = part.execute()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert (ended.state, ended.step) == ("stopped", 2_000)
    assert len(table(part.folder, "evaluations.csv")) == 1
    TrainingRun.open(home, "part", ignore).execute()
    assert table(part.folder, "evaluations.csv") == table(evaluated.folder, "evaluations.csv")
    assert table(part.folder, "episodes.csv") == table(evaluated.folder, "episodes.csv")
    assert scalars(part.folder) == scalars(evaluated.folder)
    averaged = "averaged.safetensors"
    last = Path("checkpoints", "4000")
    assert files(part.folder / last)[averaged] == files(evaluated.folder / last)[averaged]


def test_a_best_model_found_after_the_checkpoint_is_reverted(home: Home) -> None:
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


def test_evaluating_changes_nothing_about_training(finished: FinishedRun, evaluated: FinishedRun) -> None:
    networks = [one.agent.model.policy.parameters() for one in (finished, evaluated)]
    for ours, theirs in zip(*networks, strict=True):
        assert np.array_equal(ours.detach().numpy(), theirs.detach().numpy())
    assert not (finished.folder / "best").exists()
    assert len(table(finished.folder, "evaluations.csv")) == 1


def test_an_evaluation_goal_stops_at_the_step_of_its_result(home: Home) -> None:
    config = EVALUATED.with_changes(target_evaluation_lines=1, exploration_initial_eps=0.0)
    run, _ = start(home, config=config, game=ENDLESS)
    _, ended = run.execute()

    assert (ended.state, ended.step) == ("target reached", 2_000)
    assert [row[:2] for row in table(run.folder, "evaluations.csv")[1:]] == [["2000", "1000"], ["2000", "2000"]]
    _, again = TrainingRun.open(home, "one", ignore).execute()
    assert (again.state, again.step) == ("target reached", 2_000)
    _, longer = TrainingRun.open(home, "one", ignore, changes={"total_timesteps": 3_000}).execute()
    assert (longer.state, longer.step) == ("finished", 3_000)
