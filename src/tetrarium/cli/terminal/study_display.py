"""Display of an active study: one live region on a terminal, plain lines elsewhere.

It polls the files of the study, so the tuner needs no connection to it.
"""

import math
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Self, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tetrarium.cli.formatting import duration_text, lines_text, percent_text
from tetrarium.cli.terminal.run_display import is_capable, make_console
from tetrarium.cli.terminal.safe_stream import LineQueue, SafeStream
from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home
from tetrarium.tuning import StudyConfig, StudyDetail, StudyView, TrialView, read_study, train_command

_POLL_S: Final = 1.0
_PROGRESS_EVERY_S: Final = 60.0
_ENDED: Final = frozenset({"done", "pruned", "failed"})
_MAX_SHOWN: Final = 8  # running trials
_BAR_WIDTH: Final = 24


@contextmanager
def display_study(home: Home, name: str, stream: TextIO) -> Iterator[None]:
    """Shows a study inside the context."""
    if is_capable(stream):
        console = make_console(stream)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            with _polling(home, name, lambda detail: live.update(draw_study(detail), refresh=True)):
                yield
            live.update(Text(""), refresh=True)  # the results are printed below
    else:
        with PlainStudy(stream) as plain, _polling(home, name, plain.update):
            yield


@contextmanager
def _polling(home: Home, name: str, show: Callable[[StudyDetail], None]) -> Iterator[None]:
    done = threading.Event()

    def poll() -> None:
        while True:
            is_last = done.is_set()
            with suppress(TetrariumError):  # the tuner reports errors
                show(read_study(home, name))
            if is_last:
                return
            done.wait(_POLL_S)

    thread = threading.Thread(target=poll, name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def draw_study(detail: StudyDetail) -> RenderableType:
    """Returns a frame: progress of the study, running trials, and the best so far."""
    view = detail.view
    n_ended = view.n_ended
    parts: list[RenderableType] = [
        Text.assemble((view.name, "bold"), "  ", progress_text(detail)),
        ProgressBar(total=view.n_trials, completed=n_ended, width=_BAR_WIDTH * 2),
    ]
    running = [trial for trial in detail.trials if trial.state not in _ENDED]
    if running:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for trial in running[:_MAX_SHOWN]:
            bar = ProgressBar(total=trial.total_steps, completed=min(trial.step, trial.total_steps), width=_BAR_WIDTH)
            table.add_row(Text(trial.run), bar, Text(_share(trial)), Text(trial.state), Text(params_text(trial.params)))
        parts.append(table)
    best = next((trial for trial in detail.trials if trial.number == view.best), None)
    if best is not None:
        parts.append(Text(f"best so far  {_trial_line(best, view.objective)}"))
    parts.append(Text("Ctrl-C stops the study and saves checkpoints; the same command resumes it.", style="dim"))
    return Group(*parts)


class PlainStudy:
    """Context manager that prints changes of a study as lines.

    ``clock``: monotonic clock in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._printed = LineQueue(SafeStream(stream))
        self._clock = clock
        self._ended: set[int] | None = None
        self._due_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._printed.finish()

    def update(self, detail: StudyDetail) -> None:
        """Prints what has changed since the previous call."""
        ended = {trial.number: trial for trial in detail.trials if trial.state in _ENDED}
        if self._ended is None:
            varied = ", ".join(detail.view.ranges)
            self._printed.print(f"Tuning {detail.view.name} over {varied}: {progress_text(detail)}")
        else:
            for number in sorted(set(ended) - self._ended):
                self._printed.print(_trial_line(ended[number], detail.view.objective))
        if self._ended is None or set(ended) - self._ended:
            self._due_s = self._clock() + _PROGRESS_EVERY_S
        elif self._clock() >= self._due_s:
            self._due_s = self._clock() + _PROGRESS_EVERY_S
            self._printed.print(progress_text(detail))
        self._ended = set(ended)


def _trial_line(trial: TrialView, objective: str) -> str:
    if trial.state != "done":
        return f"{trial.run} {trial.state}, with {params_text(trial.params)}. {trial.note}".strip()
    value = f"{value_text(trial, objective)} {values_column(objective)}"
    return f"{trial.run}: {value}, with {params_text(trial.params)}"


def _share(trial: TrialView) -> str:
    return percent_text(min(1.0, trial.step / max(1, trial.total_steps)))


def setting_text(value: Any) -> str:
    """Formats a setting's value as it is typed.

    >>> setting_text(0.000123), setting_text((64, 64)), setting_text(True)
    ('0.000123', '64,64', 'true')
    """
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def params_text(params: Mapping[str, Any]) -> str:
    """Formats the values of a trial, such as ``learning_rate 0.0012, n_steps 3``."""
    return ", ".join(f"{name} {setting_text(value)}" for name, value in params.items())


def values_column(objective: str) -> str:
    """Returns the name of the objective's unit."""
    return "placements to the goal" if objective == "placements-to-goal" else "lines until the limit"


def value_text(trial: TrialView, objective: str) -> str:
    """Formats the value of a trial; the value that only ranks trials which missed the goal is not shown."""
    if trial.value is None:
        return ""
    if objective != "placements-to-goal":
        return lines_text(trial.value)
    return f"{trial.value:,.0f}" if trial.is_reached else "not reached"


def progress_text(detail: StudyDetail) -> str:
    """Formats the progress of a study, such as ``7 of 20 trials, 1 running, 12 min left``."""
    view = detail.view
    parts = [f"{view.n_ended:,} of {view.n_trials:,} trials"]
    parts += [f"{count:,} {word}" for count, word in (
        (view.n_pruned, "pruned"), (view.n_failed, "failed"), (view.n_open, "running"),
    ) if count]  # fmt: skip
    if detail.seconds_left:
        parts.append(f"{duration_text(detail.seconds_left)} left")
    return ", ".join(parts)


def studies_table(views: list[StudyView]) -> Table:
    """Returns a table of studies."""
    table = Table(box=None, pad_edge=False)
    for column in ("study", "state", "trials", "search space", "best", "objective"):
        table.add_column(column, no_wrap=column != "search space")
    for view in views:
        n_ended = view.n_ended
        best = "" if view.best_value is None else lines_text(view.best_value)
        table.add_row(
            view.name, view.state, f"{n_ended:,} of {view.n_trials:,}", ", ".join(view.ranges), best, view.objective
        )
    return table


def trials_table(detail: StudyDetail, *, n_most: int | None = None) -> Table:
    """Returns a table of trials, best first, those without a value last."""
    view = detail.view
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("run", "state", values_column(view.objective), "truncated", *view.ranges):
        table.add_column(column, no_wrap=True, justify="left" if column in {"run", "state"} else "right")
    sign = 1 if view.objective == "placements-to-goal" else -1
    ranked = sorted(
        detail.trials, key=lambda trial: (math.inf if trial.value is None else sign * trial.value, trial.number)
    )
    for trial in ranked[:n_most]:
        style = "bold" if trial.number == view.best else ""
        truncated = "" if trial.n_games is None else f"{trial.n_truncated or 0:,} of {trial.n_games:,}"
        cells = [trial.run, trial.state, value_text(trial, view.objective), truncated]
        cells += [setting_text(trial.params.get(name, "")) for name in view.ranges]
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def ending_lines(detail: StudyDetail, study: StudyConfig) -> list[str]:
    """Returns the best settings, the command that trains them again, and the importances."""
    view = detail.view
    lines = []
    best = next((trial for trial in detail.trials if trial.number == view.best), None)
    if best is None:
        lines.append("No trial has finished yet.")
    else:
        unit = values_column(view.objective)
        lines += [
            f"Best: {best.run}, {value_text(best, view.objective)} {unit}, with {params_text(best.params)}",
            f"Train it again: {train_command(study.preset, *study.configs(best.params))}",
        ]
    shares = detail.importances.shares
    if shares:
        widest = max(map(len, shares))
        lines.append("Importance of settings:")
        lines += [f"  {name:<{widest}}  {_bar(share)} {percent_text(share)}" for name, share in shares.items()]
    lines.append(detail.importances.explanation)
    lines += [f"{trial.run} failed: {trial.note}" for trial in detail.trials if trial.state == "failed"]
    if view.state != "finished" and not view.is_alive:
        lines.append(f"Resume: {shlex.join(['tetrarium', 'tune', view.name])}")
    return lines


def _bar(share: float) -> str:
    n = round(20 * share)
    return "#" * n + "." * (20 - n)
