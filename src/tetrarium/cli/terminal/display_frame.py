"""Frames of the live region: a run's summary laid out for the size of the terminal.

From 80 columns on the board is beside the numbers, on narrower terminals below them; where there are too few lines it
is omitted. The last frame, which remains in the terminal, has no board.
"""

import io
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tetrarium.cli import formatting
from tetrarium.cli.tables.report_tables import report_table
from tetrarium.cli.terminal.board_text import draw_board, small_size
from tetrarium.cli.terminal.run_summary import COMPILING, RunSummary, ending_sentences, evaluated_text, workers_text
from tetrarium.events import BoardShown, EvaluationProgress, Progress

_UNUSED_CONSOLE: Final = Console(file=io.StringIO())  # wrapping needs one only to justify lines
ACCENT: Final = "rgb(117,107,232)"  # blue-violet, 4.5 : 1 on black and nearly that on white
_SIDE_BY_SIDE_WIDTH: Final = 80
_MAX_WIDTH: Final = 110  # longer lines are hard to read
_GUTTER: Final = 9  # characters right of charts and bars
_GAP: Final = 3
_LOW: Final = 16  # terminal lines below which the chart has one line
_HIGH: Final = 30  # terminal lines from which the chart is large
_LABELED: Final = 2  # chart lines with a label: the largest value and 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalInfo:
    """Size and color support of the terminal."""

    width: int
    height: int
    color: bool


def draw_frame(summary: RunSummary, terminal: TerminalInfo, now: float, *, last: bool = False) -> RenderableType:
    """Draws a run's summary.

    Args:
        summary: State of the run.
        terminal: Size and color support of the terminal.
        now: Time on the summary's clock.
        last: Whether this is the frame that remains: it has no board and may be higher than the terminal.
    """
    width = min(terminal.width, _MAX_WIDTH)
    below = _below(summary, width, now)
    if summary.started is None and summary.progress is None:
        return Group(*below)
    n_chart = _chart_lines(terminal.height)
    numbers = _numbers(summary, width, n_chart)
    if last or summary.board is None:
        return Group(*numbers, *below)
    shown = summary.board
    board_width, board_height = small_size(shown.width, shown.height)
    if terminal.width < _SIDE_BY_SIDE_WIDTH:
        if len(numbers) + 1 + board_height + len(below) >= terminal.height:
            return Group(*numbers, *below)
        return Group(*numbers, Text(), _board(shown, terminal.color), *below)
    if max(len(numbers), board_height) + len(below) >= terminal.height:
        return Group(*numbers, *below)
    column = width - board_width - _GAP
    side_by_side = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    side_by_side.add_column(width=board_width)
    side_by_side.add_column(width=column)
    side_by_side.add_row(_board(shown, terminal.color), Group(*_numbers(summary, column, n_chart)))
    return Group(side_by_side, *below)


def _board(shown: BoardShown, color: bool) -> Text:
    from tetrarium.environment.board_snapshot import event_snapshot

    return draw_board(event_snapshot(shown), color=color)


def _chart_lines(height: int) -> int:
    if height < _LOW:
        return 1
    return 3 if height < _HIGH else 5


def _numbers(summary: RunSummary, width: int, n_chart: int) -> list[RenderableType]:
    """Returns the lines about the training, without its board."""
    progress = summary.progress
    if progress is None:
        return [*_header(summary, width)]
    bar_width = max(10, width - _GUTTER)
    training = summary.ended is None
    rates = [("games", f"{progress.games_ended:,}")]
    if progress.exploration_rate is not None:
        rates.append(("exploration", formatting.small_text(progress.exploration_rate)))
    if progress.loss is not None:
        rates.append(("loss", formatting.small_text(progress.loss)))
    speed = f"{progress.steps_per_second:,.0f} steps/s" if training else ""
    lines: list[RenderableType] = [
        *_header(summary, width),
        Text(),
        *_score(progress, width),
        *_chart(summary, progress, bar_width, n_chart),
        _bar(progress.step, progress.total_steps, bar_width),
        *fit_lines(width, (f"{progress.step:,} of {progress.total_steps:,} steps", ""), (speed, "dim")),
    ]
    if training:
        elapsed = formatting.durations_text(progress.seconds, progress.evaluated_seconds)
        lines += fit_lines(width, (summary.remaining, ""), (f"{elapsed} so far", "dim"))
    lines += fit_lines(width, *(part for label, value in rates for part in ((label, "dim"), (f"{value} ", ""))))
    saved = f"Saved step {summary.saved.step:,}" if summary.saved is not None and training else ""
    scored = evaluated_text(summary.scored) if summary.scored is not None else ""
    if saved or scored:
        lines += [*fit_lines(width, (saved, "dim")), *fit_lines(width, (scored, "dim"))]
    return lines


def _header(summary: RunSummary, width: int) -> list[Text]:
    started = summary.started
    if started is None:
        return [one_line((summary.state, ACCENT))]
    games = "1 game" if started.n_envs == 1 else f"{started.n_envs:,} parallel games"
    return fit_lines(width, (started.name, "bold"), (summary.state, ACCENT), (f"seed {started.seed}, {games}", "dim"))


def _score(progress: Progress, width: int) -> list[Text]:
    if progress.training_mean is None:
        return [one_line(("training mean", "dim"), ("none yet", ""))]
    return fit_lines(
        width,
        ("training mean", "dim"),
        (formatting.lines_text(progress.training_mean), f"bold {ACCENT}"),
        (formatting.sample_text(progress.training_n_ended, progress.training_n_running), "dim"),
        (f"best {progress.best_lines_game:,}", ""),
        (formatting.losses_text(progress.losses_per_10000_pieces, progress.last_loss_step), ""),
    )


def _chart(summary: RunSummary, progress: Progress, width: int, n_lines: int) -> list[Text]:
    """Returns the chart of the training mean, as wide as the progress bar below it and on the same time axis."""
    values = summary.training_mean.sampled(width, progress.total_steps)
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return [Text() for _ in range(n_lines)]
    labels = [""] * n_lines
    labels[0] = formatting.lines_text(top)
    if n_lines > 1:
        labels[-1] = "0"
        labels[1] = "log" if top >= formatting.LOGARITHMIC_FROM and n_lines > _LABELED else ""
    rows = formatting.sparkline(values, n_lines)
    return [one_line((row, ACCENT), (label, "dim")) for row, label in zip(rows, labels, strict=True)]


def _bar(done: int, total: int, width: int) -> Table:
    bar = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    bar.add_column(width=width)
    bar.add_column(no_wrap=True)
    share = formatting.percent_text(min(1.0, done / max(1, total)))
    drawn = ProgressBar(
        total=max(1, total),
        completed=done,
        width=width,
        style="rgb(90,90,100)",
        complete_style=ACCENT,
        finished_style=ACCENT,
    )
    bar.add_row(drawn, share)
    return bar


def _below(summary: RunSummary, width: int, now: float) -> list[RenderableType]:
    """Returns the lines about compilation, warnings, the end and the evaluation, at full width."""
    lines: list[RenderableType] = []
    if summary.compiling_since is not None:
        lines += [Text(), Text(f"{COMPILING} … {formatting.duration_text(now - summary.compiling_since)}")]
    if summary.warning is not None:
        lines += [Text(), Text(summary.warning.message, overflow="fold")]
    if summary.ended is not None:
        lines += [Text(), *(Text(sentence, overflow="fold") for sentence in ending_sentences(summary.ended))]
    if summary.report is not None:
        lines += [Text(), report_table(summary.report)]
    elif summary.evaluation is not None:
        lines += [Text(), *_evaluation(summary.evaluation, width)]
    return lines if summary.started or summary.progress else lines[1:]


def _evaluation(event: EvaluationProgress, width: int) -> list[RenderableType]:
    return [
        one_line(
            ("Evaluating", ""),
            (f"{event.games_done:,} of {event.n_games:,} games", ""),
            (f"{event.pieces_total:,} pieces", "dim"),
            ("" if event.seconds_left is None else f"{formatting.duration_text(event.seconds_left)} left", "dim"),
            (workers_text(event), "dim"),
        ),
        _bar(event.games_done, event.n_games, max(10, width - _GUTTER)),
    ]


def one_line(*parts: tuple[str, str]) -> Text:
    """Joins styled texts to one line, with an ellipsis where they do not fit."""
    shown = [(text, style) for text, style in parts if text]
    line = Text(no_wrap=True, overflow="ellipsis")
    for index, (text, style) in enumerate(shown):
        line.append("  " if index and not shown[index - 1][1].startswith("dim") else " " if index else "")
        line.append(text, style)
    return line


def fit_lines(width: int, *parts: tuple[str, str]) -> list[Text]:
    """Joins styled texts as ``one_line`` does, to as many lines as they need; only a text longer than a line breaks."""
    lines: list[Text] = []
    begun: list[tuple[str, str]] = []
    for part in (*parts, None):
        if begun and (part is None or one_line(*begun, part).cell_len > width):
            lines += one_line(*begun).wrap(_UNUSED_CONSOLE, width, no_wrap=False, overflow="fold")
            begun = []
        if part is not None and part[0]:
            begun.append(part)
    return lines
