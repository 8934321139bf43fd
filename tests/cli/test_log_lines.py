"""Plain lines of a run: their text, their interval, and readers that block or disappear."""

import io
import os
import re
import threading

import pytest

from tests.cli.sample_events import BOARD, STARTED, WARNING, progress, report
from tetrarium.cli.terminal import safe_stream as streams
from tetrarium.cli.terminal.log_lines import PlainDisplay
from tetrarium.events import (
    CheckpointSaved,
    EvaluationFinished,
    EvaluationProgress,
    Event,
    KernelsCompiling,
    RunEnded,
    RunStarted,
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def printed_lines(*events: Event) -> list[str]:
    out = io.StringIO()
    with PlainDisplay(out, clock=Clock()) as display:
        for event in events:
            display.handle(event)
    return out.getvalue().splitlines()


def test_a_whole_run() -> None:
    out, clock = io.StringIO(), Clock()
    timed: list[tuple[float, Event]] = [
        (0, KernelsCompiling()),
        (20, STARTED),
        (1, progress(1_000, training_mean=None, loss=None, seconds_left=None)),
        (1, progress(2_000)),
        (0, BOARD),
        (3.9, progress(41_200)),
        (0.1, progress(41_300)),
        (1, progress(50_000)),
        (0, CheckpointSaved(path="runs/first/checkpoints/50000", step=50_000, seconds=0.2)),
        (1, progress(100_000, seconds_left=0)),
        (0, RunEnded(state="finished", step=100_000, seconds=72, checkpoint="runs/first/checkpoints/100000")),
        (5, EvaluationProgress(games_done=10, n_games=100, pieces_total=123_456)),
        (1, EvaluationProgress(games_done=100, n_games=100, pieces_total=999_999, n_workers=8, n_lost=2, n_repeated=1)),
        (0, EvaluationFinished(report=report())),
    ]
    with PlainDisplay(out, interval_s=5, clock=clock) as display:
        for waited, event in timed:
            clock.now += waited
            display.handle(event)
    numbers = "812 games, training mean 1,204 (84 ended, 16 running, best 3,998), exploration 0.05, loss 0.0123"
    assert out.getvalue().splitlines()[:15] == [
        "Compiling the game for this machine (once, about 10 seconds)",
        "Training first: 100,000 steps, 16 parallel games, seed 1, in runs/first",
        "1,000 of 100,000 steps (1 %), 5,310 steps/s, 812 games, exploration 0.05",
        f"41,300 of 100,000 steps (41 %), 5,310 steps/s, 59 s left, {numbers}",
        f"50,000 of 100,000 steps (50 %), 5,310 steps/s, 50 s left, {numbers}",
        "Saved step 50,000",
        f"100,000 of 100,000 steps (100 %), 5,310 steps/s, 0 s left, {numbers}",
        "Finished at step 100,000 after 1 min 12 s; checkpoint: runs/first/checkpoints/100000",
        "Run: runs/first",
        "Watch it play: tetrarium watch first",
        "Evaluate it: tetrarium evaluate first",
        "Plot its curve: tetrarium runs plot first",
        "Evaluating: 10 of 100 games done, 123,456 pieces placed",
        "Evaluating: 100 of 100 games done, 999,999 pieces placed, 8 workers, 2 slices lost, 1 slice repeated",
        "dt-10 on 10 × 20, 7-bag, seed 3",
    ]
    assert len(out.getvalue().splitlines()) == 22
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out.getvalue()) is None


def test_a_stopped_run_prints_how_to_resume() -> None:
    times = {"playing": 3.0, "learning": 5.0, "paused": 4.0, "processor": 12.0, "memory_bytes": 4e8}
    ended = RunEnded(state="stopped", step=41_200, seconds=8, checkpoint="runs/first/c/41200", times=times)
    assert printed_lines(STARTED, ended) == [
        "Training first: 100,000 steps, 16 parallel games, seed 1, in runs/first",
        "Stopped at step 41,200 after 8 s; checkpoint: runs/first/c/41200",
        "Time: learning 5 s (62 %), playing 3 s (38 %), paused 4 s; 1.5 cores, 400 MB",
        "Run: runs/first",
        "Resume it any time: tetrarium resume first",
        "Watch it play: tetrarium watch first",
        "Evaluate it: tetrarium evaluate first",
    ]


def test_warnings_are_printed() -> None:
    assert printed_lines(STARTED, WARNING)[1:] == ["The registry cannot grow: the disk is full. Free some space."]


def test_a_run_that_reached_its_target_or_saved_nothing() -> None:
    saved = "runs/first/checkpoints/9000"
    assert printed_lines(RunEnded(state="target reached", step=9_000, seconds=3_700, checkpoint=saved)) == [
        f"Reached the target at step 9,000 after 1 h 1 min; checkpoint: {saved}",
        "Run: runs/first",
        "Watch it play: tetrarium watch first",
        "Evaluate it: tetrarium evaluate first",
        "Plot its curve: tetrarium runs plot first",
    ], "its start was not seen"
    assert printed_lines(STARTED, RunEnded(state="stopped", step=0, seconds=1, checkpoint=""))[1:] == [
        "Stopped at step 0 after 1 s; no checkpoint was saved"
    ]


def test_a_resumed_run() -> None:
    resumed = RunStarted(name="first", folder="runs/first", step=41_200, total_steps=100_000, seed=0, n_envs=1)
    assert printed_lines(resumed) == ["Training first: from step 41,200 to 100,000, 1 game, seed 0, in runs/first"]


def test_pending_progress_is_printed_when_the_run_is_interrupted() -> None:
    out = io.StringIO()

    def run() -> None:
        with PlainDisplay(out, clock=Clock()) as display:
            display.handle(progress(1_000))
            display.handle(progress(2_000))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert [line.split(" of ")[0] for line in out.getvalue().splitlines()] == ["1,000", "2,000"]


def test_a_closed_pipe_does_not_stop_the_run() -> None:
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", encoding="utf-8")
    with PlainDisplay(stream, clock=Clock()) as display:
        display.handle(CheckpointSaved(path="", step=1, seconds=0))
        assert os.read(reader, 100) == b"Saved step 1\n"
        os.close(reader)
        for step in (2, 3):
            display.handle(CheckpointSaved(path="", step=step, seconds=0))
    with pytest.raises(BrokenPipeError):
        stream.close()


def saved(step: int) -> CheckpointSaved:
    return CheckpointSaved(path="", step=step, seconds=0)


def test_a_blocked_reader_does_not_delay_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FLUSH_TIMEOUT_S", 0.05)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream, PlainDisplay(stream, clock=Clock()) as display:
        for step in range(10_000):  # more than a pipe holds
            display.handle(saved(step))
    lines = os.read(reader, 1 << 20).decode().splitlines()
    os.close(reader)
    assert lines == [f"Saved step {step:,}" for step in range(len(lines))] and 1_000 < len(lines) < 10_000


def test_a_late_reader_receives_the_last_lines() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as late, os.fdopen(writer, "w", encoding="utf-8") as stream:
        with PlainDisplay(stream, clock=Clock()) as display:
            for step in range(10_000):
                display.handle(saved(step))
            taken: list[str] = []
            reading = threading.Thread(target=lambda: taken.extend(late))
            reading.start()
        stream.close()
        reading.join()
    assert [line.strip() for line in taken[-100:]] == [f"Saved step {step:,}" for step in range(9_900, 10_000)]


def test_an_ascii_stream_gets_ascii() -> None:
    raw = io.BytesIO()
    with PlainDisplay(io.TextIOWrapper(raw, encoding="ascii", write_through=True)) as display:
        display.handle(EvaluationFinished(report=report(policy="schön")))
    assert raw.getvalue().decode("ascii").splitlines()[:3] == [
        "sch?n on 10 x 20, 7-bag, seed 3",
        "  games                     1,000",
        "  estimated lines per game  1,204 +/- 60 at 95 %, n = 1,000",
    ]
