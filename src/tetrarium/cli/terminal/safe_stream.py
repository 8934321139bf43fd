"""Output streams that never stop or block a run.

Once a write fails, because the reader of the pipe has gone or the terminal was closed, all further output is dropped.
Characters outside the stream's encoding are written in ASCII.

A reader may also exist and not read, such as a pager on its first page: a full pipe would block a write in the middle
of a round. So the latest lines are queued until the reader reads, and the run continues.
"""

import select
import time
from collections import deque
from typing import Final, TextIO

_MAX_WAITING: Final = 100
_FLUSH_TIMEOUT_S: Final = 2.0

_ASCII_REPLACEMENTS: Final = str.maketrans(
    {"±": "+/-", "\N{MULTIPLICATION SIGN}": "x", "…": "...", "·": "-", "\N{EN DASH}": "-"}
)


def is_unicode(stream: TextIO) -> bool:
    """Returns whether block characters can be written to a stream."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


class SafeStream:
    """Wrapper with ``write``, ``flush``, ``isatty`` and ``fileno`` that ignores errors of the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_broken = False
        self._unicode = is_unicode(stream)
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if not self._is_broken:
            if not self._unicode:
                text = text.translate(_ASCII_REPLACEMENTS).encode(self.encoding, "replace").decode(self.encoding)
            try:
                self._stream.write(text)
            except OSError:
                self._is_broken = True
        return len(text)

    def flush(self) -> None:
        if not self._is_broken:
            try:
                self._stream.flush()
            except OSError:
                self._is_broken = True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def is_ready(self, timeout_s: float = 0.0) -> bool:
        """Returns whether a line can be written without blocking, after waiting at most this long."""
        if self._is_broken:
            return True
        try:
            poll = select.poll()
            poll.register(self._stream.fileno(), select.POLLOUT)
            return bool(poll.poll(1_000 * timeout_s))
        except (AttributeError, OSError, ValueError):  # not a system file, or closed
            return True


class LineQueue:
    """Queue that prints lines as fast as they are read and keeps the latest unread ones."""

    def __init__(self, stream: SafeStream) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque(maxlen=_MAX_WAITING)

    def print(self, line: str) -> None:
        """Prints a line now, or after those before it."""
        self._waiting.append(line)
        while self._waiting and self._stream.is_ready():
            self._print_next()

    def finish(self) -> None:
        """Prints the queued lines if they are read within seconds."""
        until_s = time.monotonic() + _FLUSH_TIMEOUT_S
        while self._waiting and self._stream.is_ready(max(0.0, until_s - time.monotonic())):
            self._print_next()

    def _print_next(self) -> None:
        self._stream.write(f"{self._waiting.popleft()}\n")
        self._stream.flush()
