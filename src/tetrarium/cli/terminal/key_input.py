"""Single key presses from a terminal, without Enter, and the key bindings of ``tetrarium play``.

Ctrl-C still interrupts. Ctrl-Z is disabled while keys are read, because a suspended process would leave the terminal in
raw mode.
"""

import os
import re
import select
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, Self, TextIO

END: Final = "end"  # the terminal was closed
_ARROWS: Final = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left"}
_ARROWS_PRESSED: Final = {f"\x1bO{code[-1]}": name for code, name in _ARROWS.items()}  # in application cursor mode
_SIGNS: Final = {"up": "+", "right": "+", "down": "-", "left": "-"}
_UNFINISHED: Final = re.compile(r"\x1b(\[[0-9;]*|O)?$")
_PRESS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\s\S]")
_LOCAL_MODES: Final = 3  # indices in the list of tcgetattr
_CHARACTERS: Final = 6


STEPS_PER_SECOND: Final = 60
# For each preset, the game key (a name of ``KEYS``) of each terminal key.
BINDINGS: Final[dict[str, dict[str, str]]] = {
    "arrows": {
        "left": "left",
        "right": "right",
        "down": "soft drop",
        " ": "hard drop",
        "up": "clockwise",
        "x": "clockwise",
        "z": "counter-clockwise",
        "c": "hold",
    },
    "wasd": {
        "a": "left",
        "d": "right",
        "s": "soft drop",
        "w": "hard drop",
        " ": "hard drop",
        "k": "clockwise",
        "j": "counter-clockwise",
        "l": "hold",
    },
    "vi": {
        "h": "left",
        "l": "right",
        "j": "soft drop",
        " ": "hard drop",
        "k": "clockwise",
        "d": "counter-clockwise",
        "f": "hold",
    },
}


class Keys(Protocol):
    """Source of key presses."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def read(self, timeout_s: float) -> str:
        """Returns the next key, ``END``, or an empty string if none was pressed in that time."""
        ...


class NoKeys:
    """Source without any key press."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, timeout_s: float) -> str:
        """Waits and returns an empty string."""
        time.sleep(timeout_s)
        return ""


class TerminalKeys:
    """Key presses of a POSIX terminal; the context manager restores its modes.

    Args:
        fd: File descriptor of the terminal.
        arrows: Results for the arrow keys ``up``, ``down``, ``left`` and ``right``; by default ``+`` and ``-``.
    """

    def __init__(self, fd: int, arrows: Mapping[str, str] = _SIGNS) -> None:
        self._fd = fd
        self._names = {code: arrows[name] for code, name in {**_ARROWS, **_ARROWS_PRESSED}.items()}
        self._rest = ""  # beginning of an incomplete escape sequence
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

    def __exit__(self, *_: object) -> None:
        import termios

        with suppress(termios.error):  # a closed terminal needs no restoring
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)

    def read(self, timeout_s: float) -> str:
        """Returns the next key; escape sequences other than arrows are ignored."""
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
    """Returns the keys of a stream; none if it is not a terminal that can be read key by key."""
    try:
        import termios  # noqa: F401  (there is none on Windows)
    except ImportError:
        return NoKeys()
    return TerminalKeys(stream.fileno(), arrows) if stream.isatty() else NoKeys()
