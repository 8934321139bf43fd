"""Single key presses from a terminal, without waiting for Enter; none elsewhere.

Ctrl-C still interrupts. Ctrl-Z is off while keys are read: a stopped process would leave the terminal as it needs it.
"""

import os
import re
import select
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Protocol, Self, TextIO

__all__ = ["END", "Keys", "NoKeys", "TerminalKeys", "open_keys"]

END: Final = "end"  # the terminal is gone
_ARROWS: Final = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left"}
_ARROWS_PRESSED: Final = {f"\x1bO{code[-1]}": name for code, name in _ARROWS.items()}  # in the terminal's other mode
_SIGNS: Final = {"up": "+", "right": "+", "down": "-", "left": "-"}
_UNFINISHED: Final = re.compile(r"\x1b(\[[0-9;]*|O)?$")
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
        arrows: Names of the arrow keys ``up``, ``down``, ``left`` and ``right``; without them ``+`` and ``-``.
    """

    def __init__(self, fd: int, arrows: Mapping[str, str] = _SIGNS) -> None:
        self._fd = fd
        self._names = {code: arrows[name] for code, name in {**_ARROWS, **_ARROWS_PRESSED}.items()}
        self._rest = ""  # the beginning of a key whose end has not come yet
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
        """The next key; other keys of several bytes than arrows are let pass."""
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
        text = self._rest + given.decode("ascii", "ignore")
        unfinished = _UNFINISHED.search(text)
        self._rest = "" if unfinished is None else unfinished.group()
        presses = _PRESS.findall(text.removesuffix(self._rest))
        self._pressed = [self._names.get(press, press) for press in presses if press in self._names or len(press) == 1]
        return self._pressed.pop(0) if self._pressed else ""


def open_keys(stream: TextIO, arrows: Mapping[str, str] = _SIGNS) -> Keys:
    """Keys of a stream, if it is a terminal of a kind that can be read key by key."""
    try:
        import termios  # noqa: F401  (there is none on Windows)
    except ImportError:
        return NoKeys()
    return TerminalKeys(stream.fileno(), arrows) if stream.isatty() else NoKeys()
