"""A study under way, in the terminal: one region that is drawn over and over, or plain lines elsewhere.

It reads the home now and then, as everybody else who looks at the study does, and asks nothing of who carries it out.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tetrarium.cli.display import is_capable, make_console
from tetrarium.cli.streams import LastingStream, WaitingLines
from tetrarium.cli.study_tables import params_text, progress_text, value_text, values_column
from tetrarium.cli.words import percent_text
from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home
from tetrarium.tuning import StudyDetail, TrialView, read_study

__all__ = ["PlainStudy", "draw_study", "showing_study"]

_LOOK_EVERY_S: Final = 1.0
_TELL_EVERY_S: Final = 60.0
_ENDED: Final = frozenset({"done", "pruned", "failed"})
_MOST_SHOWN: Final = 8  # trials under way
_BAR_WIDTH: Final = 24


@contextmanager
def showing_study(home: Home, name: str, stream: TextIO) -> Iterator[None]:
    """Shows a study for as long as the block lasts."""
    if is_capable(stream):
        console = make_console(stream)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            with _looking(home, name, lambda detail: live.update(draw_study(detail), refresh=True)):
                yield
            live.update(Text(""), refresh=True)  # what it came to is printed below
    else:
        with PlainStudy(stream) as plain, _looking(home, name, plain.tell):
            yield


@contextmanager
def _looking(home: Home, name: str, show: Callable[[StudyDetail], None]) -> Iterator[None]:
    done = threading.Event()

    def look() -> None:
        while True:
            is_last = done.is_set()
            with suppress(TetrariumError):  # what is wrong is said by who carries it out
                show(read_study(home, name))
            if is_last:
                return
            done.wait(_LOOK_EVERY_S)

    thread = threading.Thread(target=look, name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def draw_study(detail: StudyDetail) -> RenderableType:
    """A frame: how far the study is, what is under way, and the best so far."""
    view = detail.view
    n_ended = view.n_done + view.n_pruned + view.n_failed
    parts: list[RenderableType] = [
        Text.assemble((view.name, "bold"), "  ", progress_text(detail)),
        ProgressBar(total=view.n_trials, completed=n_ended, width=_BAR_WIDTH * 2),
    ]
    under_way = [trial for trial in detail.trials if trial.state not in _ENDED]
    if under_way:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for trial in under_way[:_MOST_SHOWN]:
            bar = ProgressBar(total=trial.total_steps, completed=min(trial.step, trial.total_steps), width=_BAR_WIDTH)
            table.add_row(Text(trial.run), bar, Text(_share(trial)), Text(trial.state), Text(params_text(trial.params)))
        parts.append(table)
    best = next((trial for trial in detail.trials if trial.number == view.best), None)
    if best is not None:
        parts.append(Text(f"best so far  {_told(best, view.objective)}"))
    parts.append(Text("Ctrl-C stops, with checkpoints; the same command goes on.", style="dim"))
    return Group(*parts)


class PlainStudy:
    """Tells as lines what has changed since the last look.

    Args:
        stream: Where to.
        clock: Seconds, from any start.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._printed = WaitingLines(LastingStream(stream))
        self._clock = clock
        self._ended: set[int] | None = None
        self._due_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._printed.finish()

    def tell(self, detail: StudyDetail) -> None:
        """Prints what there is to say."""
        ended = {trial.number: trial for trial in detail.trials if trial.state in _ENDED}
        if self._ended is None:
            varied = ", ".join(detail.view.ranges)
            self._printed.print(f"Tuning {detail.view.name} over {varied}: {progress_text(detail)}")
        else:
            for number in sorted(set(ended) - self._ended):
                self._printed.print(_told(ended[number], detail.view.objective))
        if self._ended is None or set(ended) - self._ended:
            self._due_s = self._clock() + _TELL_EVERY_S
        elif self._clock() >= self._due_s:
            self._due_s = self._clock() + _TELL_EVERY_S
            self._printed.print(progress_text(detail))
        self._ended = set(ended)


def _told(trial: TrialView, objective: str) -> str:
    if trial.state != "done":
        return f"{trial.run} {trial.state}, with {params_text(trial.params)}. {trial.note}".strip()
    value = f"{value_text(trial, objective)} {values_column(objective)}"
    return f"{trial.run}: {value}, with {params_text(trial.params)}"


def _share(trial: TrialView) -> str:
    return percent_text(min(1.0, trial.step / max(1, trial.total_steps)))
