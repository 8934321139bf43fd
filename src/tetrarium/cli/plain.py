"""A run as plain lines, for pipes, log files and terminals that can do no more.

No colour, no control characters; progress is told at most once in an interval, everything else as it happens. Training
never waits for somebody to read.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from tetrarium.cli.story import COMPILING, Story, ending_sentences, evaluated_text
from tetrarium.cli.streams import LastingStream, WaitingLines
from tetrarium.cli.tables import report_lines
from tetrarium.cli.words import duration_text, lines_text, percent_text, small_text
from tetrarium.events import (
    AgentEvaluated,
    CheckpointSaved,
    EvaluationFinished,
    EvaluationProgress,
    Event,
    KernelsCompiling,
    Progress,
    RunEnded,
    RunStarted,
    StateChanged,
    WarningGiven,
)

__all__ = ["INTERVAL_S", "PlainDisplay"]

INTERVAL_S: Final = 5.0


class PlainDisplay:
    """Prints a run's messages as lines.

    >>> import sys
    >>> with PlainDisplay(sys.stdout) as display:
    ...     display.handle(CheckpointSaved(path="runs/first/checkpoints/41200", step=41_200, seconds=0.1))
    Saved step 41,200

    Args:
        stream: Where to.
        interval_s: Seconds between two lines of progress, at least.
        clock: Seconds, from any start.
    """

    shows_board = False  # whether messages that show a board are of use

    def __init__(
        self, stream: TextIO, *, interval_s: float = INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._printed = WaitingLines(LastingStream(stream))
        self._interval_s = interval_s
        self._clock = clock
        self._due = -float("inf")
        self._untold: str | None = None
        self._story = Story()
        self._was_paused = False  # before the latest message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tell_untold()
        self._printed.finish()

    def handle(self, event: Event) -> None:
        """Takes in one message and prints what there is to say."""
        self._was_paused = self._story.is_paused
        self._story.take(event, self._clock())
        match event:
            case Progress() if self._story.is_paused:
                pass
            case Progress():
                self._tell_now_and_then(progress_line(event))
            case EvaluationProgress():
                self._tell_now_and_then(
                    f"Evaluating: {event.games_done:,} of {event.n_games:,} games done, "
                    f"{event.pieces_total:,} pieces placed"
                )
            case _:
                for line in self._lines(event):
                    self._tell_untold()
                    self._printed.print(line)

    def _lines(self, event: Event) -> list[str]:
        match event:
            case KernelsCompiling():
                return [COMPILING]
            case RunStarted():
                return [_starting_line(event)]
            case CheckpointSaved():
                return [f"Saved step {event.step:,}"]
            case StateChanged(state="paused" | "running") if self._story.is_paused or self._was_paused:
                return [event.message]
            case AgentEvaluated():
                return [evaluated_text(event)]
            case WarningGiven():
                return [event.message]
            case RunEnded():
                name = self._story.started.name if self._story.started else None
                return [sentence for sentence in ending_sentences(event, name) if sentence]
            case EvaluationFinished():
                return report_lines(event.report)
            case _:
                return []

    def _tell_now_and_then(self, line: str) -> None:
        self._untold = line
        if self._clock() >= self._due:
            self._tell_untold()

    def _tell_untold(self) -> None:
        if self._untold is not None:
            self._printed.print(self._untold)
            self._untold = None
            self._due = self._clock() + self._interval_s


def progress_line(event: Progress) -> str:
    """One line of progress."""
    share = min(1.0, event.step / max(1, event.total_steps))  # a round may go beyond
    parts = [
        f"{event.step:,} of {event.total_steps:,} steps ({percent_text(share)})",
        f"{event.steps_per_second:,.0f} steps/s",
    ]
    if event.seconds_left is not None:
        parts.append(f"{duration_text(event.seconds_left)} left")
    parts.append(f"{event.games_ended:,} games")
    if event.mean_lines_game is not None:
        mean = f"{lines_text(event.mean_lines_game)} lines a game (mean of {event.mean_n_games:,}"
        parts.append(f"{mean}, best {event.best_lines_game:,})")
    if event.exploration_rate is not None:
        parts.append(f"exploration {small_text(event.exploration_rate)}")
    if event.loss is not None:
        parts.append(f"loss {small_text(event.loss)}")
    return ", ".join(parts)


def _starting_line(event: RunStarted) -> str:
    games = "1 game" if event.n_envs == 1 else f"{event.n_envs:,} games at once"
    begun = f"from step {event.step:,} to {event.total_steps:,}" if event.step else f"{event.total_steps:,} steps"
    return f"Training {event.name}: {begun}, {games}, seed {event.seed}, in {event.folder}"
