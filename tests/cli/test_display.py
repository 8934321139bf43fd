"""The live region of a run, at several widths, with and without colour, and what it leaves behind."""

import errno
import io
import os
import re
import subprocess
import sys
from typing import TextIO, cast

import pytest
from rich.console import Console

from tests.cli.reports import BOARD, STARTED, WARNING, progress, report
from tetrarium.cli.display import TerminalDisplay, make_console, make_display
from tetrarium.cli.plain import PlainDisplay
from tetrarium.cli.sparklines import sparkline
from tetrarium.cli.story import Course
from tetrarium.events import (
    CheckpointSaved,
    EvaluationFinished,
    EvaluationProgress,
    Event,
    KernelsCompiling,
    RunEnded,
)

SAVED = CheckpointSaved(path="runs/first/checkpoints/41200", step=41_200, seconds=0.1)
FINISHED = RunEnded(state="finished", step=100_000, seconds=72, checkpoint="runs/first/checkpoints/100000")
HALFWAY = EvaluationProgress(games_done=50, n_games=100, pieces_total=123_456)
WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])


def screen(width: int, height: int = 24, *, colour: bool = True) -> Console:
    return Console(
        file=io.StringIO(),
        record=True,
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        no_color=not colour,
        legacy_windows=False,
    )


def lines_of(console: Console, *events: Event) -> list[str]:
    """What is on the screen after these messages."""
    display = TerminalDisplay(console, clock=lambda: 7.0)
    for event in events:
        display.handle(event)
    console.print(display.frame())
    lines = [line.rstrip() for line in console.export_text(clear=False).splitlines()]
    assert all(len(line) <= console.width for line in lines)
    return lines


def left_behind(console: Console, *events: Event) -> list[str]:
    """What stays when the display is closed."""
    with TerminalDisplay(console, clock=lambda: 7.0) as display:
        for event in events:
            display.handle(event)
    written = cast("io.StringIO", console.file).getvalue()
    assert written.endswith("\x1b[?25h")  # the cursor is back
    last = written.rsplit("\x1b[2K", 1)[-1]
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in last.splitlines()][:-1]


@WIDTHS
def test_compiling(width: int) -> None:
    said = "Compiling the game for this machine, about 20 seconds, only once … 0 s"
    assert " ".join(lines_of(screen(width), KernelsCompiling())) == said


@WIDTHS
def test_start(width: int) -> None:
    assert lines_of(screen(width), STARTED) == ["first  training  seed 1, 16 games at once"]


@WIDTHS
def test_progress_without_a_board(width: int) -> None:
    lines = lines_of(screen(width), STARTED, progress(41_200), SAVED)
    bar = min(width, 110) - 9
    reached = 41_199 * bar // 100_000  # the chart is as wide as the bar, and has got as far
    chart = " " * reached + "█" + " " * (bar - reached)
    assert re.fullmatch(f"[━╸╺]{{{bar}}} 41 %", lines.pop(6))
    assert lines == [
        "first  training  seed 1, 16 games at once",
        "",
        "lines a game 1,204  mean of 100 games  best 3,998",
        f"{chart} 1,204",
        f"{chart} log",
        f"{chart} 0",
        "41,200 of 100,000 steps  5,310 steps/s",
        "59 s left  41 s so far",
        "games 812   exploration 0.05   loss 0.0123",
        "Saved step 41,200",
    ]


def test_board_stands_beside_the_numbers_from_80_characters_on() -> None:
    lines = lines_of(screen(80), STARTED, progress(41_200), SAVED, BOARD)
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
    assert lines[0][29:] == "first  training  seed 1, 16 games at once"
    assert lines[2][29:] == "lines a game 1,204  mean of 100 games  best 3,998"
    assert lines[10][29:] == "Saved step 41,200"


def test_board_stands_under_the_numbers_where_it_is_narrow() -> None:
    lines = lines_of(screen(60, 40), STARTED, progress(41_200), BOARD)
    assert lines[11] == "games 812   exploration 0.05   loss 0.0123"
    assert lines[12] == ""
    assert lines[-1] == "└──────────┘"
    assert len(lines) == 26


@pytest.mark.parametrize(("width", "height"), [(60, 24), (60, 20), (80, 13), (120, 10)])
def test_low_terminal_shows_no_board(width: int, height: int) -> None:
    lines = lines_of(screen(width, height), STARTED, progress(41_200), SAVED, BOARD)
    assert not any("└" in line for line in lines)
    assert len(lines) < height


def test_before_the_first_game_and_the_first_loss() -> None:
    first = progress(16, mean_lines_game=None, mean_n_games=0, loss=None, seconds_left=None)
    lines = lines_of(screen(80), STARTED, first)
    assert lines[2] == "lines a game none yet"
    assert lines[8:] == ["0 s so far", "games 812   exploration 0.05"]


@WIDTHS
def test_evaluation_is_a_second_bar(width: int) -> None:
    lines = lines_of(screen(width), STARTED, progress(100_000), FINISHED, HALFWAY)
    assert lines[0] == "first  evaluating  seed 1, 16 games at once"
    assert lines[-2] == "Evaluating  50 of 100 games  123,456 pieces"
    assert lines[-1].endswith("━ 50 %")
    alone = lines_of(screen(width), HALFWAY)
    assert alone == lines[-2:]


@WIDTHS
def test_what_goes_wrong_beside_training_is_seen_whole_below_the_numbers(width: int) -> None:
    lines = lines_of(screen(width), STARTED, progress(100_000), WARNING)
    assert " ".join(lines).endswith("The registry cannot grow: the disk is full. Free some space.")


@WIDTHS
def test_what_a_finished_run_leaves_behind(width: int) -> None:
    lines = left_behind(
        screen(width), STARTED, progress(100_000), BOARD, SAVED, FINISHED, HALFWAY, EvaluationFinished(report=report())
    )
    assert lines[0] == "first  finished  seed 1, 16 games at once"
    assert not any("└" in line or "Saved" in line or "Evaluating" in line or " left" in line for line in lines)
    sentence = "Finished at step 100,000 after 1 min 12 s; the checkpoint lies in runs/first/checkpoints/100000"
    assert sentence in " ".join(lines)
    assert "See it play: tetrarium watch first" in lines
    assert lines[-8].startswith("dt-10 on 10")
    assert lines[-6] == "lines a game     1,204 ± 60 at 95 %, n = 1,000"


def test_a_display_closed_by_an_error_keeps_the_last_numbers_and_gives_the_cursor_back() -> None:
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


def test_a_display_that_was_told_nothing_shows_nothing() -> None:
    console = screen(80)
    with TerminalDisplay(console):
        pass
    assert re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", cast("io.StringIO", console.file).getvalue()).strip() == ""


def test_colours_are_those_of_the_pieces_and_the_accent() -> None:
    console = screen(80)
    display = TerminalDisplay(console)
    for event in (STARTED, progress(41_200), BOARD):
        display.handle(event)
    styles = [segment.style for segment in console.render(display.frame()) if segment.style is not None]
    colours = {style.color.triplet for style in styles if style.color is not None}
    assert {(41, 182, 214), (235, 190, 45), (117, 107, 232)} <= colours  # I in cyan, O in yellow


def test_no_color_leaves_shapes_and_no_colours() -> None:
    console = screen(80, colour=False)
    lines = lines_of(console, STARTED, progress(41_200), BOARD)
    assert lines[11][:12] == "│█▄▄▄     █│"
    written = cast("io.StringIO", console.file).getvalue()
    assert re.search(r"[\[;]([34]8;|[349][0-7]m)", written) is None


def test_display_is_chosen_by_what_the_stream_can_do() -> None:
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


def test_a_terminal_that_was_closed_does_not_end_the_run() -> None:
    console = make_console(ClosedTerminal(), {})
    with TerminalDisplay(console) as display:
        display.handle(progress(1_000))
        console.print(display.frame())


def test_what_is_printed_to_a_pipe_stays_out_of_the_live_region() -> None:
    code = (
        "import sys\n"
        "from rich.console import Console\n"
        "from tetrarium.cli.display import TerminalDisplay\n"
        "from tetrarium.events import EvaluationProgress\n"
        "with TerminalDisplay(Console(file=sys.stderr, force_terminal=True, width=80)) as display:\n"
        "    display.handle(EvaluationProgress(games_done=1, n_games=2, pieces_total=3))\n"
        "    print('{}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"
    assert "1 of 2 games" in done.stderr


# The chart


def test_chart_rises_from_zero_to_its_largest_value() -> None:
    assert sparkline([0, 4, 8], 2) == ["  █", "▁██"]
    assert sparkline([None, 2, None]) == [" █ "]
    assert sparkline([0, 0]) == ["▁▁"]
    assert sparkline([]) == [""]


def test_chart_is_logarithmic_once_it_spans_orders_of_magnitude() -> None:
    assert sparkline([0, 9, 99]) == ["▁▁█"]
    assert sparkline([0, 9, 999_999]) == ["▁▁█"]
    assert sparkline([0, 999, 999_999]) == ["▁▄█"]


def test_course_keeps_the_shape_of_a_long_run_in_little_memory() -> None:
    course = Course()
    for step in range(1, 200_001):
        course.add(step, float(step))
    assert len(course._points) <= 1024
    sampled = course.sampled(4, 400_000)
    assert sampled[2:] == [None, None]
    assert sampled[0] == pytest.approx(100_000, rel=0.01)
    assert sampled[1] == 200_000


def test_course_holds_a_value_until_the_next() -> None:
    course = Course()
    course.add(10, 1.0)
    course.add(90, 2.0)
    assert course.sampled(5, 100) == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert Course().sampled(2, 100) == [None, None]
