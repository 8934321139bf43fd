"""A run in the terminal: one live region that is drawn over and over, and stays when the run has ended.

Whoever runs hands in messages and waits for nothing: they are kept, and a thread of the display draws what they add up
to a few times a second. Nothing is asked of the run.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Protocol, Self, TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live

from tetrarium.cli.frames import Room, draw_frame
from tetrarium.cli.plain import INTERVAL_S, PlainDisplay
from tetrarium.cli.story import Story
from tetrarium.cli.streams import LastingStream, is_unicode
from tetrarium.events import Event

__all__ = ["TerminalDisplay", "is_capable", "make_console", "make_display"]

_FRAME_S: Final = 1 / 6  # between two frames; one costs some milliseconds of the run
_INCAPABLE: Final = frozenset({"", "dumb", "unknown"})


class Draw(Protocol):
    """Draws a story as it stands; see ``draw_frame``."""

    def __call__(self, story: Story, room: Room, now: float, *, last: bool) -> RenderableType: ...


class TerminalDisplay:
    """Shows a run's messages in a terminal, between ``with`` and its end.

    Args:
        console: What is drawn on.
        clock: Seconds, from any start.
        draw: Makes a frame of a story; of all that there is to tell if left out.
    """

    shows_board = True  # whether messages that show a board are of use

    def __init__(
        self, console: Console, *, clock: Callable[[], float] = time.monotonic, draw: Draw = draw_frame
    ) -> None:
        self._console = console
        self._clock = clock
        self._draw = draw
        self._story = Story()
        self._lock = threading.Lock()
        self._fresh = False  # whether something was handed in since the latest frame
        self._last = False
        self._done = threading.Event()
        self._drawer = threading.Thread(target=self._draw_until_done, name="display", daemon=True)
        self._live = Live(
            console=console,
            get_renderable=self.frame,
            auto_refresh=False,
            vertical_overflow="crop",
            redirect_stdout=sys.stdout.isatty(),  # what goes to a file or a pipe stays out of the live region
            redirect_stderr=sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._live.start()
        self._drawer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._last = True
        try:
            self._drawer.join()
        finally:
            self._live.stop()  # draws the last frame and gives the cursor back

    def handle(self, event: Event) -> None:
        """Takes in one message; it is seen with the next frame."""
        with self._lock:
            self._story.take(event, self._clock())
            self._fresh = True

    def _draw_until_done(self) -> None:
        size = self._console.size
        while not self._done.wait(_FRAME_S):
            if self._fresh or self._story.compiling_since is not None or self._console.size != size:
                size = self._console.size
                self._live.refresh()

    def frame(self) -> RenderableType:
        """What there is to be seen now."""
        size = self._console.size
        room = Room(width=size.width, height=size.height, colour=not self._console.no_color)
        with self._lock:
            self._fresh = False
            return self._draw(self._story, room, self._clock(), last=self._last)


def is_capable(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream is a terminal on which a cursor can be moved and blocks be drawn."""
    return stream.isatty() and environ.get("TERM", "") not in _INCAPABLE and is_unicode(stream)


def make_console(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Console:
    """A console that leaves colours out where ``NO_COLOR`` is set, and lives on when its terminal is closed."""
    lasting = cast("TextIO", LastingStream(stream))
    return Console(file=lasting, highlight=False, markup=False, emoji=False, no_color=bool(environ.get("NO_COLOR")))


def make_display(
    stream: TextIO, *, interval_s: float = INTERVAL_S, environ: Mapping[str, str] = os.environ
) -> TerminalDisplay | PlainDisplay:
    """Chooses how to show a run on a stream: live on a terminal, in plain lines elsewhere.

    Args:
        stream: Where to.
        interval_s: Seconds between two plain lines of progress, at least.
        environ: ``TERM=dumb`` asks for plain lines, ``NO_COLOR`` for no colours.
    """
    if is_capable(stream, environ):
        return TerminalDisplay(make_console(stream, environ))
    return PlainDisplay(stream, interval_s=interval_s)
