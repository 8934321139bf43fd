"""A stream that outlives its reader: a run does not end because nobody can read about it any more.

Once writing fails, because the pipe's reader has gone or the terminal was closed, everything further is dropped. What
the stream's encoding lacks is written in ASCII.

A reader may also be there and read nothing, a pager on its first page for instance: a pipe that is full would hold up
whoever writes, in the middle of a round. So lines wait for their reader, the latest of them, and work goes on.
"""

import select
import time
from collections import deque
from typing import Final, TextIO

__all__ = ["LastingStream", "WaitingLines", "is_unicode"]

_MOST_WAITING: Final = 100
_LAST_S: Final = 2.0

_PLAINER: Final = str.maketrans({"±": "+/-", "\N{MULTIPLICATION SIGN}": "x", "…": "...", "·": "-", "\N{EN DASH}": "-"})


def is_unicode(stream: TextIO) -> bool:
    """Whether block characters can be written to a stream."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


class LastingStream:
    """Stands in for a stream wherever only ``write``, ``flush``, ``isatty`` and ``fileno`` are used."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False
        self._unicode = is_unicode(stream)
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if not self._lost:
            if not self._unicode:
                text = text.translate(_PLAINER).encode(self.encoding, "replace").decode(self.encoding)
            try:
                self._stream.write(text)
            except OSError:
                self._lost = True
        return len(text)

    def flush(self) -> None:
        if not self._lost:
            try:
                self._stream.flush()
            except OSError:
                self._lost = True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def is_ready(self, timeout_s: float = 0.0) -> bool:
        """Whether a line can be written without waiting for a reader, within so many seconds."""
        if self._lost:
            return True
        try:
            poll = select.poll()
            poll.register(self._stream.fileno(), select.POLLOUT)
            return bool(poll.poll(1_000 * timeout_s))
        except (AttributeError, OSError, ValueError):  # it is no file of the system, or closed
            return True


class WaitingLines:
    """Prints lines as far as somebody reads; the latest that nobody has read wait.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: LastingStream) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)

    def print(self, line: str) -> None:
        """Prints a line now, or once its turn has come."""
        self._waiting.append(line)
        while self._waiting and self._stream.is_ready():
            self._print_next()

    def finish(self) -> None:
        """Prints what waits, to a reader that takes it within seconds."""
        until_s = time.monotonic() + _LAST_S
        while self._waiting and self._stream.is_ready(max(0.0, until_s - time.monotonic())):
            self._print_next()

    def _print_next(self) -> None:
        self._stream.write(f"{self._waiting.popleft()}\n")
        self._stream.flush()
