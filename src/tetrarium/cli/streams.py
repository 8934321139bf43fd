"""A stream that outlives its reader: a run does not end because nobody can read about it any more.

Once writing fails, because the pipe's reader has gone or the terminal was closed, everything further is dropped. What
the stream's encoding lacks is written in ASCII.
"""

from typing import Final, TextIO

__all__ = ["LastingStream", "is_unicode"]

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
