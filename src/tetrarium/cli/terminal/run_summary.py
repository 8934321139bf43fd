"""Summary of a run's events for displays: the latest event of each kind and the history of the training mean.

It is independent of the terminal; times are those of the caller's clock.
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tetrarium import events
from tetrarium.cli.formatting import counted, duration_text, durations_text, estimated_text, lines_text, times_text
from tetrarium.cli.options import suggested
from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import PROGRESS, read_table

COMPILING: Final = "Compiling the game for this machine (once, about 10 seconds)"
_MAX_POINTS: Final = 1024
_N_NEXT_COMMANDS: Final = 3


class MetricHistory:
    """Values of a metric over the steps of a run, in bounded memory: when full, every second point is dropped."""

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []  # (step, value), steps increasing
        self._spacing = 1  # minimum steps between two points

    def add(self, step: int, value: float) -> None:
        """Adds a point; it replaces the last one if that is too near."""
        if len(self._points) > 1 and step - self._points[-2][0] < self._spacing:
            self._points.pop()
        self._points.append((step, value))
        if len(self._points) >= _MAX_POINTS:
            self._points = self._points[::2]
            self._spacing = 2 * max(self._spacing, (self._points[-1][0] - self._points[0][0]) // _MAX_POINTS)

    def sampled(self, n: int, total_steps: int) -> list[float | None]:
        """Returns the latest value in each of ``n`` equal parts of the run, None for parts not reached yet.

        A part without a point has the value of the part before.
        """
        parts: list[float | None] = [None] * n
        if not self._points:
            return parts
        for step, value in self._points:
            parts[min(n - 1, max(0, (step - 1) * n // max(1, total_steps)))] = value
        first = next(index for index, value in enumerate(parts) if value is not None)
        last = max(index for index, value in enumerate(parts) if value is not None)
        for index in range(first, last + 1):
            if parts[index] is None:
                parts[index] = parts[index - 1]
        return parts


@dataclass(slots=True)
class RunSummary:
    """Latest events of a run and its evaluation."""

    started: events.RunStarted | None = None
    progress: events.Progress | None = None
    board: events.BoardShown | None = None
    saved: events.CheckpointSaved | None = None
    scored: events.AgentEvaluated | None = None
    ended: events.RunEnded | None = None
    state_changed: events.StateChanged | None = None
    warning: events.WarningGiven | None = None
    evaluation: events.EvaluationProgress | None = None
    report: dict[str, Any] | None = None
    compiling_since: float | None = None
    training_mean: MetricHistory = field(default_factory=MetricHistory)

    @property
    def is_waiting(self) -> bool:
        """True where nothing but the time changes: before the first event, and while kernels are compiled."""
        is_empty = not (self.started or self.progress or self.evaluation or self.report or self.ended)
        return is_empty or self.compiling_since is not None

    def update(self, event: events.Event, now: float) -> None:
        """Adds one event; unknown kinds are ignored."""
        match event:
            case events.KernelsCompiling():
                self.compiling_since = now
            case events.RunStarted():
                self.started, self.ended, self.progress = event, None, None
                self.training_mean = _recorded_mean(event)
            case events.Progress():
                self.progress, self.compiling_since = event, None
                if event.training_mean is not None:
                    self.training_mean.add(event.step, event.training_mean)
            case events.BoardShown():
                self.board, self.compiling_since = event, None
            case events.CheckpointSaved():
                self.saved = event
            case events.AgentEvaluated():
                self.scored = event
            case events.StateChanged():
                self.state_changed = event
            case events.WarningGiven():
                self.warning = event
            case events.RunEnded():
                self.ended, self.compiling_since = event, None
            case events.EvaluationProgress():
                self.evaluation, self.compiling_since = event, None
            case events.EvaluationFinished():
                self.report, self.compiling_since = event.report, None
            case _:
                pass

    @property
    def state(self) -> str:
        """State in one or two words."""
        if self.compiling_since is not None:
            return "compiling"
        if self.report is not None and self.started is None:
            return "evaluated"
        if self.evaluation is not None and self.report is None:
            return "evaluating"
        if self.ended is not None:
            return self.ended.state
        return "paused" if self.is_paused else "training"

    @property
    def remaining(self) -> str:
        """Estimated time left; after the last step, what the run does."""
        if self.progress is None:
            return ""
        if self.progress.seconds_left is not None:
            return f"{duration_text(self.progress.seconds_left)} left"
        is_trained = self.progress.step >= self.progress.total_steps
        return self.state_changed.message if is_trained and self.state_changed is not None else ""

    @property
    def is_paused(self) -> bool:
        """True while the run is paused."""
        return self.state_changed is not None and self.state_changed.state == "paused"


def _recorded_mean(started: events.RunStarted) -> MetricHistory:
    """Returns the training mean that earlier sessions of a run recorded."""
    history = MetricHistory()
    columns, rows = read_table(Path(started.folder), PROGRESS) if started.step else ([], [])
    if "training_mean" in columns:
        for row in rows:
            step, mean = row[columns.index("step")], row[columns.index("training_mean")]
            if step is not None and mean is not None and step <= started.step:
                history.add(int(step), mean)
    return history


def evaluated_text(event: events.AgentEvaluated) -> str:
    """Returns the result of an evaluation during training in one line."""
    estimated = estimated_text(event.estimated_lines, event.estimated_low, event.estimated_high)
    parts = [
        f"Evaluated step {event.step:,}: survival {event.survival:,} of {event.n_games:,} games",
        f"{lines_text(event.lines_until_limit)} lines until the limit of {event.max_pieces:,} pieces",
        estimated if event.estimated_lines is None else f"estimated lines per game {estimated}",
    ]
    if event.harder_games is not None:
        harder = estimated_text(event.harder_lines, event.harder_low, event.harder_high)
        parts.append(f"harder game {harder}")
    if event.is_best:
        parts.append("the best so far")
    return ", ".join(parts)


def workers_text(event: events.EvaluationProgress) -> str:
    """Returns the number of workers of an evaluation, and of slices that they lost or that were sent again.

    >>> progress = events.EvaluationProgress(games_done=1, n_games=9, pieces_total=7, n_workers=40, n_lost=2)
    >>> workers_text(progress)
    '40 workers, 2 slices lost'
    """
    if event.n_workers is None:
        return ""
    parts = [
        counted(event.n_workers, "worker"),
        f"{counted(event.n_lost, 'slice')} lost" if event.n_lost else "",
        f"{counted(event.n_repeated, 'slice')} repeated" if event.n_repeated else "",
    ]
    return ", ".join(part for part in parts if part)


def ending_sentences(ended: events.RunEnded, *, shows_commands: bool = True) -> list[str]:
    """Returns how a run ended, where its time went, its folder, and the next commands to type."""
    happened = {
        "finished": f"Finished at step {ended.step:,}",
        "target reached": f"Reached the target at step {ended.step:,}",
        "stopped": f"Stopped at step {ended.step:,}",
    }.get(ended.state, f"Ended ({ended.state}) at step {ended.step:,}")
    if ended.state == "failed":
        kept = f"the checkpoint of step {ended.step:,} is kept" if ended.checkpoint else "no checkpoint was saved"
        return [f"Failed after {_duration(ended)}; {kept}"]
    saved = f"checkpoint: {ended.checkpoint}" if ended.checkpoint else "no checkpoint was saved"
    sentence = f"{happened} after {_duration(ended)}; {saved}"
    times = times_text(ended.times)
    sentences = [sentence, *([f"Time: {times}"] if times else [])]
    if not shows_commands or not ended.checkpoint:
        return sentences
    folder = Path(ended.checkpoint).parent.parent
    run = run_arguments(folder.name, Path(ended.checkpoint))
    resume = [f"Resume it any time: tetrarium resume {run}"] if ended.state == "stopped" else []
    next_commands = [*resume, f"Watch it play: tetrarium watch {run}", f"Evaluate it: tetrarium evaluate {run}",
                     f"Plot its curve: tetrarium runs plot {run}"]  # fmt: skip
    return [*sentences, f"Run: {folder}", *next_commands[:_N_NEXT_COMMANDS]]


def _duration(ended: events.RunEnded) -> str:
    return durations_text(ended.seconds, ended.evaluated_seconds)


def run_arguments(name: str, checkpoint: Path) -> str:
    """Returns the run's name, with ``--home`` where commands would look in another home."""
    folder = checkpoint.parent.parent
    home = folder.parent.parent
    is_run = checkpoint.is_absolute() and folder.parts[-2:] == ("runs", name)
    return suggested(name, home) if is_run and home != _default_home() else name


def _default_home() -> Path | None:
    with contextlib.suppress(HomeError):
        return Home.locate().root
    return None
