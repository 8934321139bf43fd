"""What the live region shows of a story, fitted into so many characters and lines.

From 80 characters on the board stands beside the numbers, below that it stands under them, and where there are too few
lines it is left out. The last frame, which stays in the terminal, shows no board.
"""

from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tetrarium.cli.boards import draw_board, shown_view, small_size
from tetrarium.cli.sparklines import LOGARITHMIC_FROM, sparkline
from tetrarium.cli.story import COMPILING, Story, ending_sentences, evaluated_text
from tetrarium.cli.tables import report_table
from tetrarium.cli.words import duration_text, lines_text, percent_text, small_text
from tetrarium.events import BoardShown, EvaluationProgress, Progress

__all__ = ["ACCENT", "Room", "draw_frame", "one_line"]

ACCENT: Final = "rgb(117,107,232)"  # blue-violet, 4.5 : 1 on black and nearly that on white
_WIDE: Final = 80
_WIDEST: Final = 110  # beyond this, lines become hard to read
_GUTTER: Final = 9  # characters right of charts and bars
_GAP: Final = 3
_LOW: Final = 16  # lines below which the chart is a single one
_HIGH: Final = 30  # lines from which it may be large
_LABELLED: Final = 2  # lines of a chart that hold its largest value and its 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much there is to draw on."""

    width: int
    height: int
    colour: bool


def draw_frame(story: Story, room: Room, now: float, *, last: bool = False) -> RenderableType:
    """Draws a story as it stands.

    Args:
        story: What has happened.
        room: Characters and lines that there are.
        now: On the clock of the story.
        last: Whether this frame stays: then it has no board and may be higher than the room.
    """
    width = min(room.width, _WIDEST)
    below = _below(story, width, now)
    if story.started is None and story.progress is None:
        return Group(*below)
    n_chart = _chart_lines(room.height)
    numbers = _numbers(story, width, n_chart)
    if last or story.board is None:
        return Group(*numbers, *below)
    shown = story.board
    board_width, board_height = small_size(shown.width, shown.height)
    if room.width < _WIDE:
        if len(numbers) + 1 + board_height + len(below) >= room.height:
            return Group(*numbers, *below)
        return Group(*numbers, Text(), _board(shown, room.colour), *below)
    if max(len(numbers), board_height) + len(below) >= room.height:
        return Group(*numbers, *below)
    column = width - board_width - _GAP
    side_by_side = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    side_by_side.add_column(width=board_width)
    side_by_side.add_column(width=column)
    side_by_side.add_row(_board(shown, room.colour), Group(*_numbers(story, column, n_chart)))
    return Group(side_by_side, *below)


def _board(shown: BoardShown, colour: bool) -> Text:
    return draw_board(shown_view(shown), colour=colour)


def _chart_lines(height: int) -> int:
    if height < _LOW:
        return 1
    return 3 if height < _HIGH else 5


def _numbers(story: Story, width: int, n_chart: int) -> list[RenderableType]:
    """All about the training but its board; each takes one line."""
    progress = story.progress
    if progress is None:
        return [_header(story)]
    bar_width = max(10, width - _GUTTER)
    training = story.ended is None
    rates = [("games", f"{progress.games_ended:,}")]
    if progress.exploration_rate is not None:
        rates.append(("exploration", small_text(progress.exploration_rate)))
    if progress.loss is not None:
        rates.append(("loss", small_text(progress.loss)))
    speed = f"{progress.steps_per_second:,.0f} steps/s" if training else ""
    lines: list[RenderableType] = [
        _header(story),
        Text(),
        _score(progress),
        *_chart(story, progress, bar_width, n_chart),
        _bar(progress.step, progress.total_steps, bar_width),
        one_line((f"{progress.step:,} of {progress.total_steps:,} steps", ""), (speed, "dim")),
    ]
    if training:
        left = "" if progress.seconds_left is None else f"{duration_text(progress.seconds_left)} left"
        lines.append(one_line((left, ""), (f"{duration_text(progress.seconds)} so far", "dim")))
    lines.append(one_line(*(part for label, value in rates for part in ((label, "dim"), (f"{value} ", "")))))
    saved = f"Saved step {story.saved.step:,}" if story.saved is not None and training else ""
    scored = evaluated_text(story.scored) if story.scored is not None else ""
    if saved or scored:
        lines.append(one_line((saved, "dim"), (scored, "dim")))
    return lines


def _header(story: Story) -> Text:
    started = story.started
    if started is None:
        return one_line((story.state, ACCENT))
    games = "1 game" if started.n_envs == 1 else f"{started.n_envs:,} games at once"
    return one_line((started.name, "bold"), (story.state, ACCENT), (f"seed {started.seed}, {games}", "dim"))


def _score(progress: Progress) -> Text:
    if progress.mean_lines_game is None:
        return one_line(("lines a game", "dim"), ("none yet", ""))
    sample = f"mean of {progress.mean_n_games:,} {'game' if progress.mean_n_games == 1 else 'games'}"
    return one_line(
        ("lines a game", "dim"),
        (lines_text(progress.mean_lines_game), f"bold {ACCENT}"),
        (sample, "dim"),
        (f" best {progress.best_lines_game:,}", ""),
    )


def _chart(story: Story, progress: Progress, width: int, n_lines: int) -> list[Text]:
    """The mean lines a game over the run, as wide as the bar below it, so that both say how far the run is."""
    values = story.course.sampled(width, progress.total_steps)
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return [Text() for _ in range(n_lines)]
    labels = [""] * n_lines
    labels[0] = lines_text(top)
    if n_lines > 1:
        labels[-1] = "0"
        labels[1] = "log" if top >= LOGARITHMIC_FROM and n_lines > _LABELLED else ""
    rows = sparkline(values, n_lines)
    return [one_line((row, ACCENT), (label, "dim")) for row, label in zip(rows, labels, strict=True)]


def _bar(done: int, total: int, width: int) -> Table:
    bar = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    bar.add_column(width=width)
    bar.add_column(no_wrap=True)
    share = percent_text(min(1.0, done / max(1, total)))
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


def _below(story: Story, width: int, now: float) -> list[RenderableType]:
    """What comes before and after training, each at the full width."""
    lines: list[RenderableType] = []
    if story.compiling_since is not None:
        lines += [Text(), Text(f"{COMPILING} … {duration_text(now - story.compiling_since)}")]
    if story.warning is not None:
        lines += [Text(), Text(story.warning.message, overflow="fold")]
    if story.ended is not None:
        name = story.started.name if story.started else None
        lines += [Text(), *(Text(sentence, overflow="fold") for sentence in ending_sentences(story.ended, name))]
    if story.report is not None:
        lines += [Text(), report_table(story.report)]
    elif story.evaluation is not None:
        lines += [Text(), *_evaluation(story.evaluation, width)]
    return lines if story.started or story.progress else lines[1:]


def _evaluation(event: EvaluationProgress, width: int) -> list[RenderableType]:
    return [
        one_line(
            ("Evaluating", ""),
            (f"{event.games_done:,} of {event.n_games:,} games", ""),
            (f"{event.pieces_total:,} pieces", "dim"),
        ),
        _bar(event.games_done, event.n_games, max(10, width - _GUTTER)),
    ]


def one_line(*parts: tuple[str, str]) -> Text:
    """Joins texts and their styles; what does not fit is cut off."""
    shown = [(text, style) for text, style in parts if text]
    line = Text(no_wrap=True, overflow="ellipsis")
    for index, (text, style) in enumerate(shown):
        line.append("  " if index and not shown[index - 1][1].startswith("dim") else " " if index else "")
        line.append(text, style)
    return line
