"""What the messages of a run add up to, for whoever draws it.

A *story* keeps the latest message of each kind and the course of the mean lines a game. It knows no terminal; times are
the caller's clock.
"""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tetrarium.cli.words import duration_text, lines_text
from tetrarium.events import (
    AgentEvaluated,
    BoardShown,
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
from tetrarium.registry.home import Home

__all__ = ["COMPILING", "Course", "Story", "ending_sentences", "evaluated_text"]

COMPILING: Final = "Compiling the game for this machine, about 20 seconds, only once"
_MAX_POINTS: Final = 1024


class Course:
    """A number over the steps of a run, in bounded memory: when full, every second point is let go."""

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []  # (step, value), steps increasing
        self._spacing = 1  # steps between two points that are kept

    def add(self, step: int, value: float) -> None:
        """Adds a point; one that lies too near to the last takes its place."""
        if len(self._points) > 1 and step - self._points[-2][0] < self._spacing:
            self._points.pop()
        self._points.append((step, value))
        if len(self._points) >= _MAX_POINTS:
            self._points = self._points[::2]
            self._spacing = 2 * max(self._spacing, (self._points[-1][0] - self._points[0][0]) // _MAX_POINTS)

    def sampled(self, n: int, total_steps: int) -> list[float | None]:
        """The latest value in each of ``n`` equal parts of the run; none where the run has not been yet.

        A part in which nothing was told has the value of the part before.
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
class Story:
    """The latest messages of a run and its evaluation."""

    started: RunStarted | None = None
    progress: Progress | None = None
    board: BoardShown | None = None
    saved: CheckpointSaved | None = None
    scored: AgentEvaluated | None = None
    ended: RunEnded | None = None
    told: StateChanged | None = None
    warning: WarningGiven | None = None
    evaluation: EvaluationProgress | None = None
    report: dict[str, Any] | None = None
    compiling_since: float | None = None
    course: Course = field(default_factory=Course)  # of the mean lines a game

    def take(self, event: Event, now: float) -> None:
        """Takes in one message; kinds that it does not know are let pass."""
        match event:
            case KernelsCompiling():
                self.compiling_since = now
            case RunStarted():
                self.started, self.ended, self.progress = event, None, None
                self.course = Course()
            case Progress():
                self.progress, self.compiling_since = event, None
                if event.mean_lines_game is not None:
                    self.course.add(event.step, event.mean_lines_game)
            case BoardShown():
                self.board, self.compiling_since = event, None
            case CheckpointSaved():
                self.saved = event
            case AgentEvaluated():
                self.scored = event
            case StateChanged():
                self.told = event
            case WarningGiven():
                self.warning = event
            case RunEnded():
                self.ended, self.compiling_since = event, None
            case EvaluationProgress():
                self.evaluation, self.compiling_since = event, None
            case EvaluationFinished():
                self.report, self.compiling_since = event.report, None
            case _:
                pass

    @property
    def state(self) -> str:
        """One or two words: what is going on."""
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
    def is_paused(self) -> bool:
        """Whether the run waits for somebody to let it go on."""
        return self.told is not None and self.told.state == "paused"


def evaluated_text(event: AgentEvaluated) -> str:
    """What an evaluation in the middle of training found, in one line."""
    best = ", the best so far" if event.is_best else ""
    cut = f", cut at {event.max_pieces:,} pieces" if event.n_cut_off else ""
    return (
        f"Evaluated step {event.step:,}: {lines_text(event.lines_evaluation)} lines a game "
        f"({event.n_games:,} games{cut}){best}"
    )


def ending_sentences(ended: RunEnded, name: str | None) -> tuple[str, str]:
    """What became of a run, and what to type next."""
    happened = {
        "finished": f"Finished at step {ended.step:,}",
        "target reached": f"Reached the target at step {ended.step:,}",
        "stopped": f"Stopped at step {ended.step:,}",
    }.get(ended.state, f"Ended ({ended.state}) at step {ended.step:,}")
    if ended.state == "failed":
        kept = f"the checkpoint of step {ended.step:,} is kept" if ended.checkpoint else "no checkpoint was saved"
        return f"Failed after {duration_text(ended.seconds)}; {kept}", ""
    lies = f"the checkpoint lies in {ended.checkpoint}" if ended.checkpoint else "no checkpoint was saved"
    sentence = f"{happened} after {duration_text(ended.seconds)}; {lies}"
    if name is None or not ended.checkpoint:
        return sentence, ""
    found = _findable(name, Path(ended.checkpoint))
    if ended.state == "stopped":
        return sentence, f"Nothing is lost. Go on: tetrarium resume {found}. See it play: tetrarium watch {found}"
    return sentence, f"See it play: tetrarium watch {found}"


def _findable(name: str, checkpoint: Path) -> str:
    """A run's name, and its home where commands would look in another."""
    folder = checkpoint.parent.parent
    home = folder.parent.parent
    is_run = checkpoint.is_absolute() and folder.parts[-2:] == ("runs", name)
    return f"{name} --home {shlex.quote(str(home))}" if is_run and home != Home.locate().root else name
