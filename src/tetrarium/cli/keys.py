"""Single key presses from a terminal, without waiting for Enter; none elsewhere.

Ctrl-C still interrupts. Ctrl-Z is off while keys are read: a stopped process would leave the terminal as it needs it.
"""

import os
import re
import select
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Protocol, Self, TextIO

__all__ = ["END", "Keys", "NoKeys", "TerminalKeys", "open_keys"]

END: Final = "end"  # the terminal is gone
_ARROWS: Final = {"\x1b[A": "+", "\x1b[C": "+", "\x1b[B": "-", "\x1b[D": "-"}  # up, right, down, left
_PRESS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\s\S]")
_LOCAL_MODES: Final = 3  # places in what tcgetattr returns
_CHARACTERS: Final = 6


class Keys(Protocol):
    """Where key presses come from."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def read(self, timeout_s: float) -> str:
        """The next key, ``END``, or an empty string when none was pressed in that time."""
        ...


class NoKeys:
    """Nobody presses anything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def read(self, timeout_s: float) -> str:
        """Waits."""
        time.sleep(timeout_s)
        return ""


class TerminalKeys:
    """Key presses of a POSIX terminal, which is put back as it was at the end of ``with``.

    Args:
        fd: File descriptor of the terminal.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] = []
        self._pressed: list[str] = []

    def __enter__(self) -> Self:
        import termios

        self._before = termios.tcgetattr(self._fd)
        modes = termios.tcgetattr(self._fd)
        modes[_LOCAL_MODES] &= ~(termios.ECHO | termios.ICANON)
        characters = modes[_CHARACTERS]
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        characters[termios.VSUSP] = bytes([os.fpathconf(self._fd, "PC_VDISABLE") & 0xFF])
        termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        import termios

        with suppress(termios.error):  # a terminal that is gone needs nothing
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)

    def read(self, timeout_s: float) -> str:
        """The next key; arrows are ``+`` and ``-``, other keys of several bytes are let pass."""
        if self._pressed:
            return self._pressed.pop(0)
        if not select.select([self._fd], [], [], max(0.0, timeout_s))[0]:
            return ""
        try:
            given = os.read(self._fd, 64)
        except OSError:
            return END
        if not given:
            return END
        pressed = [_ARROWS.get(press, press) for press in _PRESS.findall(given.decode("ascii", "ignore"))]
        self._pressed = [press for press in pressed if len(press) == 1]
        return self._pressed.pop(0) if self._pressed else ""


def open_keys(stream: TextIO) -> Keys:
    """Keys of a stream, if it is a terminal of a kind that can be read key by key."""
    try:
        import termios  # noqa: F401  (there is none on Windows)
    except ImportError:
        return NoKeys()
    return TerminalKeys(stream.fileno()) if stream.isatty() else NoKeys()
