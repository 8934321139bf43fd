"""Live display of a run at several widths, with and without color, and its last frame."""

import errno
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TextIO, cast

import pytest
from rich.console import Console

from tests.cli.sample_events import BOARD, EVALUATED, STARTED, WARNING, progress, report
from tetrarium.cli.formatting import sparkline
from tetrarium.cli.terminal.log_lines import PlainDisplay
from tetrarium.cli.terminal.run_display import TerminalDisplay, make_banner, make_console, make_display
from tetrarium.cli.terminal.run_summary import MetricHistory, RunSummary
from tetrarium.events import (
    CheckpointSaved,
    EvaluationFinished,
    EvaluationProgress,
    Event,
    KernelsCompiling,
    RunEnded,
    StateChanged,
)
from tetrarium.registry.run_tables import PROGRESS

SAVED = CheckpointSaved(path="runs/first/checkpoints/41200", step=41_200, seconds=0.1)
FINISHED = RunEnded(state="finished", step=100_000, seconds=72, checkpoint="runs/first/checkpoints/100000")
HALFWAY = EvaluationProgress(games_done=50, n_games=100, pieces_total=123_456)
WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])


def screen(width: int, height: int = 24, *, color: bool = True) -> Console:
    return Console(
        file=io.StringIO(),
        record=True,
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        no_color=not color,
        legacy_windows=False,
    )


def screen_lines(console: Console, *events: Event) -> list[str]:
    """Returns the lines on the screen after these events."""
    display = TerminalDisplay(console, clock=lambda: 7.0)
    for event in events:
        display.handle(event)
    console.print(display.frame())
    lines = [line.rstrip() for line in console.export_text(clear=False).splitlines()]
    assert all(len(line) <= console.width for line in lines)
    return lines


def remaining_lines(console: Console, *events: Event) -> list[str]:
    """Returns the lines that remain when the display is closed."""
    with TerminalDisplay(console, clock=lambda: 7.0) as display:
        for event in events:
            display.handle(event)
    written = cast("io.StringIO", console.file).getvalue()
    assert written.endswith("\x1b[?25h")  # the cursor is back
    last = written.rsplit("\x1b[2K", 1)[-1]
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in last.splitlines()][:-1]


@WIDTHS
def test_compiling(width: int) -> None:
    expected = "Compiling the game for this machine (once, about 10 seconds) … 0 s"
    assert " ".join(screen_lines(screen(width), KernelsCompiling())) == expected


@WIDTHS
def test_start(width: int) -> None:
    assert screen_lines(screen(width), STARTED) == ["first  training  seed 1, 16 parallel games"]


@WIDTHS
def test_progress_without_a_board(width: int) -> None:
    lines = screen_lines(screen(width), STARTED, progress(41_200), SAVED)
    bar = min(width, 110) - 9
    reached = 41_199 * bar // 100_000  # the chart is as wide as the bar, and has got as far
    chart = " " * reached + "█" + " " * (bar - reached)
    assert re.fullmatch(f"[━╸╺]{{{bar}}} 41 %", lines.pop(6))
    assert lines == [
        "first  training  seed 1, 16 parallel games",
        "",
        "training mean 1,204  84 ended, 16 running best 3,998",
        f"{chart} 1,204",
        f"{chart} log",
        f"{chart} 0",
        "41,200 of 100,000 steps  5,310 steps/s",
        "59 s left  41 s so far",
        "games 812   exploration 0.05   loss 0.0123",
        "Saved step 41,200",
    ]


def test_board_is_beside_the_numbers_from_80_columns() -> None:
    lines = screen_lines(screen(80), STARTED, progress(41_200), SAVED, BOARD)
    assert len(lines) == 13
    assert [line[:28].rstrip() for line in lines] == [
        "",
        "    ▄▄▄▄",
        "│          │  next",
        "│          │  ▀▀",
        *(["│          │"] * 6),
        "│          │  lines  1,204",
        "│▀▄▄▄     ▀│  pieces 3,012",
        "└──────────┘",
    ]
    assert lines[0][29:] == "first  training  seed 1, 16 parallel games"
    assert [line[29:] for line in lines[2:4]] == ["training mean 1,204  84 ended, 16 running", "best 3,998"]
    assert lines[11][29:] == "Saved step 41,200"


def test_board_is_below_the_numbers_on_a_narrow_terminal() -> None:
    lines = screen_lines(screen(60, 40), STARTED, progress(41_200), BOARD)
    assert lines[11] == "games 812   exploration 0.05   loss 0.0123"
    assert lines[12] == ""
    assert lines[-1] == "└──────────┘"
    assert len(lines) == 26


@pytest.mark.parametrize(("width", "height"), [(60, 24), (60, 20), (80, 13), (120, 10)])
def test_low_terminal_shows_no_board(width: int, height: int) -> None:
    lines = screen_lines(screen(width, height), STARTED, progress(41_200), SAVED, BOARD)
    assert not any("└" in line for line in lines)
    assert len(lines) < height


def test_before_the_first_game_and_the_first_loss() -> None:
    first = progress(16, training_mean=None, loss=None, seconds_left=None)
    lines = screen_lines(screen(80), STARTED, first)
    assert lines[2] == "training mean none yet"
    assert lines[8:] == ["0 s so far", "games 812   exploration 0.05"]


def test_the_last_evaluation_takes_the_place_of_the_time_left() -> None:
    state = StateChanged(state="running", step=100_000, message="Evaluating the last weights.")
    ended = progress(100_000, seconds_left=None)
    assert "Evaluating the last weights.  1 min 40 s so far" in " ".join(
        screen_lines(screen(80), STARTED, ended, state)
    )
    assert "Evaluating" not in " ".join(screen_lines(screen(80), STARTED, progress(16, seconds_left=None), state))
    banner = TerminalDisplay(screen(120), draw=make_banner("first", "http://127.0.0.1:8765"), clock=lambda: 7.0)
    for event in (STARTED, ended, state):
        banner.handle(event)
    console = screen(120)
    console.print(banner.frame())
    assert "Evaluating the last weights." in console.export_text()


def test_no_line_is_cut_on_a_narrow_terminal() -> None:
    safe = progress(41_200, losses_per_10000_pieces=0.0, last_loss_step=30_150, evaluated_seconds=2.0)
    lines = screen_lines(screen(44), STARTED, safe, EVALUATED)
    assert not any("…" in line for line in lines)
    text = " ".join(lines)
    assert "training mean 1,204  84 ended, 16 running best 3,998  no game lost since step 30,150" in text
    assert "59 s left 43 s (trained 41 s, evaluated 2 s) so far" in text
    assert text.endswith(
        "Evaluated step 40,000: survival 20 of 20 games, 399 lines until the limit of 1,000 pieces, no game lost, "
        "harder game 135 (108 to 170), the best so far"
    )
    losing = screen_lines(screen(80), STARTED, progress(41_200, losses_per_10000_pieces=3.26))
    assert "3.26 losses per 10,000 pieces" in " ".join(losing)


def test_the_curve_of_a_resumed_run_begins_with_its_records(tmp_path: Path) -> None:
    row = dict.fromkeys(PROGRESS.column_names, 0) | {"step": 20_000, "training_mean": 7.5}
    (tmp_path / "progress.csv").write_bytes(PROGRESS.header + ",".join(map(str, row.values())).encode() + b"\n")
    summary = RunSummary()
    summary.update(replace(STARTED, folder=str(tmp_path), step=40_000), 0.0)
    summary.update(progress(60_000), 0.0)
    assert summary.training_mean.sampled(5, 100_000) == [7.5, 7.5, 1_204.33, None, None]


@WIDTHS
def test_evaluation_is_a_second_bar(width: int) -> None:
    lines = screen_lines(screen(width), STARTED, progress(100_000), FINISHED, HALFWAY)
    assert lines[0] == "first  evaluating  seed 1, 16 parallel games"
    assert lines[-2] == "Evaluating  50 of 100 games  123,456 pieces"
    assert lines[-1].endswith("━ 50 %")
    alone = screen_lines(screen(width), HALFWAY)
    assert alone == lines[-2:]


@WIDTHS
def test_warning_is_shown_completely_below_the_numbers(width: int) -> None:
    lines = screen_lines(screen(width), STARTED, progress(100_000), WARNING)
    assert " ".join(lines).endswith("The registry cannot grow: the disk is full. Free some space.")


@WIDTHS
def test_last_frame_of_a_finished_run(width: int) -> None:
    lines = remaining_lines(
        screen(width), STARTED, progress(100_000), BOARD, SAVED, FINISHED, HALFWAY, EvaluationFinished(report=report())
    )
    assert lines[0] == "first  finished  seed 1, 16 parallel games"
    assert not any("└" in line or "Saved" in line or "Evaluating" in line or " left" in line for line in lines)
    sentence = "Finished at step 100,000 after 1 min 12 s; checkpoint: runs/first/checkpoints/100000"
    assert sentence in " ".join(lines)
    assert "Watch it play: tetrarium watch first" in lines
    assert lines[-8].startswith("dt-10 on 10")
    assert lines[-6] == "estimated lines per game  1,204 ± 60 at 95 %, n = 1,000"


def test_an_error_keeps_the_last_frame_and_restores_the_cursor() -> None:
    console = screen(80)

    def run() -> None:
        with TerminalDisplay(console) as display:
            display.handle(STARTED)
            display.handle(progress(41_200))
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        run()
    written = cast("io.StringIO", console.file).getvalue()
    assert "41,200 of 100,000 steps" in written
    assert written.endswith("\x1b[?25h")


def test_display_without_events_shows_nothing() -> None:
    console = screen(80)
    with TerminalDisplay(console):
        pass
    assert re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", cast("io.StringIO", console.file).getvalue()).strip() == ""


def test_pieces_and_accent_have_their_colors() -> None:
    console = screen(80)
    display = TerminalDisplay(console)
    for event in (STARTED, progress(41_200), BOARD):
        display.handle(event)
    styles = [segment.style for segment in console.render(display.frame()) if segment.style is not None]
    colors = {style.color.triplet for style in styles if style.color is not None}
    assert {(41, 182, 214), (235, 190, 45), (117, 107, 232)} <= colors  # I in cyan, O in yellow


def test_no_color_disables_colors() -> None:
    console = screen(80, color=False)
    lines = screen_lines(console, STARTED, progress(41_200), BOARD)
    assert lines[11][:12] == "│█▄▄▄     █│"
    written = cast("io.StringIO", console.file).getvalue()
    assert re.search(r"[\[;]([34]8;|[349][0-7]m)", written) is None


def test_display_matches_the_capabilities_of_the_stream() -> None:
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w", encoding="utf-8") as terminal:
        assert isinstance(make_display(terminal, environ={"TERM": "xterm"}), TerminalDisplay)
        assert isinstance(make_display(terminal, environ={"TERM": "dumb"}), PlainDisplay)
        assert isinstance(make_display(terminal, environ={}), PlainDisplay)
        assert make_console(terminal, {"NO_COLOR": "1"}).no_color
        assert not make_console(terminal, {"NO_COLOR": ""}).no_color
        latin = cast("TextIO", io.TextIOWrapper(terminal.buffer, encoding="latin-1"))
        assert isinstance(make_display(latin, environ={"TERM": "xterm"}), PlainDisplay)
        latin.detach()
    assert isinstance(make_display(io.StringIO(), environ={"TERM": "xterm"}), PlainDisplay)
    assert (TerminalDisplay.shows_board, PlainDisplay.shows_board) == (True, False)


class ClosedTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_closed_terminal_does_not_stop_the_run() -> None:
    console = make_console(ClosedTerminal(), {})
    with TerminalDisplay(console) as display:
        display.handle(progress(1_000))
        console.print(display.frame())


def test_output_to_a_pipe_bypasses_the_live_region() -> None:
    code = (
        "import sys\n"
        "from rich.console import Console\n"
        "from tetrarium.cli.terminal.run_display import TerminalDisplay\n"
        "from tetrarium.events import EvaluationProgress\n"
        "with TerminalDisplay(Console(file=sys.stderr, force_terminal=True, width=80)) as display:\n"
        "    display.handle(EvaluationProgress(games_done=1, n_games=2, pieces_total=3))\n"
        "    print('{}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"
    assert "1 of 2 games" in done.stderr


# Sparklines


def test_sparkline_ranges_from_zero_to_the_maximum() -> None:
    assert sparkline([0, 4, 8], 2) == ["  █", "▁██"]
    assert sparkline([None, 2, None]) == [" █ "]
    assert sparkline([0, 0]) == ["▁▁"]
    assert sparkline([]) == [""]


def test_sparkline_of_large_values_is_logarithmic() -> None:
    assert sparkline([0, 9, 99]) == ["▁▁█"]
    assert sparkline([0, 9, 999_999]) == ["▁▁█"]
    assert sparkline([0, 999, 999_999]) == ["▁▄█"]


def test_metric_history_keeps_the_shape_of_a_long_run_in_bounded_memory() -> None:
    history = MetricHistory()
    for step in range(1, 200_001):
        history.add(step, float(step))
    assert len(history._points) <= 1024
    sampled = history.sampled(4, 400_000)
    assert sampled[2:] == [None, None]
    assert sampled[0] == pytest.approx(100_000, rel=0.01)
    assert sampled[1] == 200_000


def test_metric_history_holds_a_value_until_the_next() -> None:
    history = MetricHistory()
    history.add(10, 1.0)
    history.add(90, 2.0)
    assert history.sampled(5, 100) == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert MetricHistory().sampled(2, 100) == [None, None]
