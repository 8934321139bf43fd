"""Display of a run as plain lines, for pipes, log files and simple terminals.

No color, no control characters; progress at most once per interval, everything else at once. Training never waits for a
reader.
"""

import time
from collections.abc import Callable
from typing import Final, Self, TextIO

from tetrarium import events
from tetrarium.cli.formatting import duration_text, lines_text, losses_text, percent_text, sample_text, small_text
from tetrarium.cli.tables.report_tables import report_lines
from tetrarium.cli.terminal.run_summary import COMPILING, RunSummary, ending_sentences, evaluated_text, workers_text
from tetrarium.cli.terminal.safe_stream import LineQueue, SafeStream

INTERVAL_S: Final = 5.0


class PlainDisplay:
    """Context manager that prints the events of a run as lines.

    >>> import sys
    >>> with PlainDisplay(sys.stdout) as display:
    ...     display.handle(events.CheckpointSaved(path="runs/first/checkpoints/41200", step=41_200, seconds=0.1))
    Saved step 41,200

    Args:
        stream: Output stream.
        interval_s: Minimum seconds between two lines of progress.
        clock: Monotonic clock in seconds.
        prefix: Begins each line, where several runs are shown at once.
    """

    shows_board = False  # board events are not printed

    def __init__(
        self,
        stream: TextIO,
        *,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
        prefix: str = "",
    ) -> None:
        self._prefix = prefix
        self._printed = LineQueue(SafeStream(stream))
        self._interval_s = interval_s
        self._clock = clock
        self._due = -float("inf")
        self._pending: str | None = None
        self._summary = RunSummary()
        self._was_paused = False  # before the latest event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._print_pending()
        self._printed.finish()

    def handle(self, event: events.Event) -> None:
        """Prints the lines of one event."""
        self._was_paused = self._summary.is_paused
        self._summary.update(event, self._clock())
        match event:
            case events.Progress() if self._summary.is_paused:
                pass
            case events.Progress():
                self._print_at_interval(progress_line(event))
            case events.EvaluationProgress():
                left = "" if event.seconds_left is None else f", {duration_text(event.seconds_left)} left"
                workers = "" if event.n_workers is None else f", {workers_text(event)}"
                self._print_at_interval(
                    f"Evaluating: {event.games_done:,} of {event.n_games:,} games done, "
                    f"{event.pieces_total:,} pieces placed{left}{workers}"
                )
            case _:
                for line in self._lines(event):
                    self._print_pending()
                    self._printed.print(f"{self._prefix}{line}")

    def _lines(self, event: events.Event) -> list[str]:
        match event:
            case events.KernelsCompiling():
                return [COMPILING]
            case events.RunStarted():
                return [_starting_line(event)]
            case events.CheckpointSaved():
                return [f"Saved step {event.step:,}"]
            case events.StateChanged(state="paused" | "running") if self._summary.is_paused or self._was_paused:
                return [event.message]
            case events.StateChanged(state="stopping"):
                return [event.message]
            case events.AgentEvaluated():
                return [evaluated_text(event)]
            case events.WarningGiven():
                return [event.message]
            case events.RunEnded():
                return ending_sentences(event)
            case events.EvaluationFinished():
                return report_lines(event.report)
            case _:
                return []

    def _print_at_interval(self, line: str) -> None:
        self._pending = line
        if self._clock() >= self._due:
            self._print_pending()

    def _print_pending(self) -> None:
        if self._pending is not None:
            self._printed.print(f"{self._prefix}{self._pending}")
            self._pending = None
            self._due = self._clock() + self._interval_s


def progress_line(event: events.Progress) -> str:
    """Returns one line of progress."""
    share = min(1.0, event.step / max(1, event.total_steps))  # a round may exceed the total
    parts = [
        f"{event.step:,} of {event.total_steps:,} steps ({percent_text(share)})",
        f"{event.steps_per_second:,.0f} steps/s",
    ]
    if event.seconds_left is not None:
        parts.append(f"{duration_text(event.seconds_left)} left")
    parts.append(f"{event.games_ended:,} games")
    if event.training_mean is not None:
        sample = sample_text(event.training_n_ended, event.training_n_running)
        parts.append(f"training mean {lines_text(event.training_mean)} ({sample}, best {event.best_lines_game:,})")
    if losses := losses_text(event.losses_per_10000_pieces, event.last_loss_step):
        parts.append(losses)
    if event.exploration_rate is not None:
        parts.append(f"exploration {small_text(event.exploration_rate)}")
    if event.loss is not None:
        parts.append(f"loss {small_text(event.loss)}")
    return ", ".join(parts)


def _starting_line(event: events.RunStarted) -> str:
    games = "1 game" if event.n_envs == 1 else f"{event.n_envs:,} parallel games"
    begun = f"from step {event.step:,} to {event.total_steps:,}" if event.step else f"{event.total_steps:,} steps"
    return f"Training {event.name}: {begun}, {games}, seed {event.seed}, in {event.folder}"
