"""Display of a run in the terminal: one live region, redrawn in place, which remains after the run.

The run passes events in and never waits: a thread of the display draws their summary a few times per second.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, Self, TextIO, cast
from urllib.parse import quote, urlsplit

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tetrarium.cli.formatting import duration_text, lines_text, percent_text
from tetrarium.cli.terminal.display_frame import ACCENT, TerminalInfo, draw_frame, one_line
from tetrarium.cli.terminal.log_lines import INTERVAL_S, PlainDisplay
from tetrarium.cli.terminal.run_summary import COMPILING, RunSummary, ending_sentences, evaluated_text, run_arguments
from tetrarium.cli.terminal.safe_stream import SafeStream, is_unicode
from tetrarium.events import Event

_FRAME_S: Final = 1 / 6  # between two frames; one costs some milliseconds of the run
_INCAPABLE: Final = frozenset({"", "dumb", "unknown"})
_FINISHED: Final = frozenset({"finished", "target reached"})  # states of runs that have trained to their end


class Draw(Protocol):
    """Function that draws a summary; see ``draw_frame``."""

    def __call__(self, summary: RunSummary, terminal: TerminalInfo, now: float, *, last: bool) -> RenderableType: ...


class TerminalDisplay:
    """Context manager that shows the events of a run in a terminal.

    Args:
        console: Console to draw on.
        clock: Monotonic clock in seconds.
        draw: Function that draws a frame of a summary; by default the whole summary.
    """

    shows_board = True  # board events are drawn

    def __init__(
        self, console: Console, *, clock: Callable[[], float] = time.monotonic, draw: Draw = draw_frame
    ) -> None:
        self._console = console
        self._clock = clock
        self._draw = draw
        self._summary = RunSummary()
        self._lock = threading.Lock()
        self._is_outdated = False  # an event came in after the latest frame
        self._last = False
        self._done = threading.Event()
        self._drawer = threading.Thread(target=self._draw_until_done, name="display", daemon=True)
        self._live = Live(
            console=console,
            get_renderable=self.frame,
            auto_refresh=False,
            vertical_overflow="crop",
            redirect_stdout=sys.stdout.isatty(),  # output to a file or pipe bypasses the live region
            redirect_stderr=sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._live.start()
        self._drawer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._last = True
        try:
            self._drawer.join()
        finally:
            self._live.stop()  # draws the last frame and restores the cursor

    def handle(self, event: Event) -> None:
        """Adds one event; the next frame shows it."""
        with self._lock:
            self._summary.update(event, self._clock())
            self._is_outdated = True

    def _draw_until_done(self) -> None:
        size = self._console.size
        while not self._done.wait(_FRAME_S):
            if self._is_outdated or self._summary.is_waiting or self._console.size != size:
                size = self._console.size
                self._live.refresh()

    def frame(self) -> RenderableType:
        """Returns the current frame."""
        size = self._console.size
        terminal = TerminalInfo(width=size.width, height=size.height, color=not self._console.no_color)
        with self._lock:
            self._is_outdated = False
            return self._draw(self._summary, terminal, self._clock(), last=self._last)


def is_capable(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Returns whether a stream is a terminal with a movable cursor and block characters."""
    return stream.isatty() and environ.get("TERM", "") not in _INCAPABLE and is_unicode(stream)


def make_console(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Console:
    """Returns a console that honors ``NO_COLOR`` and ignores errors of a closed terminal."""
    safe_stream = cast("TextIO", SafeStream(stream))
    return Console(file=safe_stream, highlight=False, markup=False, emoji=False, no_color=bool(environ.get("NO_COLOR")))


def make_display(
    stream: TextIO, *, interval_s: float = INTERVAL_S, environ: Mapping[str, str] = os.environ
) -> TerminalDisplay | PlainDisplay:
    """Returns the display for a stream: live on a terminal, plain lines elsewhere.

    Args:
        stream: Output stream.
        interval_s: Minimum seconds between two plain lines of progress.
        environ: Environment variables; ``TERM=dumb`` selects plain lines, ``NO_COLOR`` disables colors.
    """
    if is_capable(stream, environ):
        return TerminalDisplay(make_console(stream, environ))
    return PlainDisplay(stream, interval_s=interval_s)


def make_banner(name: str, url: str) -> Draw:
    """Returns a function that draws the state of a run, the address of its page, and what Ctrl-C does."""
    began: float | None = None

    def draw(summary: RunSummary, terminal: TerminalInfo, now: float, *, last: bool) -> RenderableType:
        nonlocal began
        del terminal
        began = now if began is None else began
        lines = _state_lines(name, summary, now, began)
        if last:  # the server ends, too
            return Group(*lines)
        finished = summary.ended if summary.ended and summary.ended.state in _FINISHED else None
        address = one_line(("It plays at" if finished else "Watch it at", "dim"), (url, f"bold {ACCENT}"))
        ending = one_line(("Ctrl-C ends the dashboard." if summary.ended else "Ctrl-C stops and saves.", "dim"))
        if finished:
            run = run_arguments(name, Path(finished.checkpoint))
            parts = urlsplit(url)
            play_url = parts._replace(path=f"{parts.path}play", query="", fragment=f"against/{quote(name)}").geturl()
            for offer in (
                f"Train longer: tetrarium resume {run} --steps {2 * finished.step}",
                f"Play against it: {play_url}",
                f"Share a GIF: tetrarium record {run} {name}.gif",
            ):
                lines.append(Text(offer, overflow="fold"))
        return Group(*lines, address, ending)

    return draw


def _state_lines(name: str, summary: RunSummary, now: float, began: float) -> list[Text]:
    if summary.ended is not None:
        result = "" if summary.scored is None else evaluated_text(summary.scored)
        has_finished = summary.ended.state in _FINISHED  # the banner then offers commands of its own
        sentences = [*ending_sentences(summary.ended, shows_commands=not has_finished), result]
        return [Text(sentence, overflow="fold") for sentence in sentences if sentence]
    if summary.compiling_since is not None:
        return [Text(f"{COMPILING} … {duration_text(now - summary.compiling_since)}", overflow="fold")]
    progress = summary.progress
    if progress is None:
        state = f"starting … {duration_text(now - began)}" if summary.started is None else _state_word(summary)
        return [one_line((name, "bold"), (state, ACCENT))]
    mean = progress.training_mean
    return [
        one_line(
            (name, "bold"),
            (_state_word(summary), ACCENT),
            (percent_text(min(1.0, progress.step / max(1, progress.total_steps))), ""),
            (f"{progress.steps_per_second:,.0f} steps/s", "dim"),
            ("" if mean is None else f"training mean {lines_text(mean)}", "bold"),
            (summary.remaining, "dim"),
        )
    ]


def _state_word(summary: RunSummary) -> str:
    """Returns the state in one word, which changes when the run is paused or stopped from the page."""
    latest = summary.state_changed
    return latest.state if latest is not None and latest.state in {"paused", "stopping"} else "training"
