"""Terminals for tests: pseudo-terminals with a process, and a simulated one with scripted keys."""

import fcntl
import io
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tetrarium.cli.terminal.key_input import NoKeys

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
DEADLINE_S = 150.0
_ROOT = Path(__file__).parents[2]


class FakeTerminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class ScriptedKeys(NoKeys):
    """Key presses at given times of a clock that advances only while keys are awaited."""

    def __init__(self, presses: Iterable[tuple[float, str]]) -> None:
        self._presses = sorted(presses)
        self.now = 0.0
        self.waits: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def clock(self) -> float:
        return self.now

    def read(self, timeout_s: float) -> str:
        self.waits.append(timeout_s)
        until = self.now + max(timeout_s, 0.0)
        if self._presses and self._presses[0][0] <= until:
            at, key = self._presses.pop(0)
            self.now = max(self.now, at)
            return key
        self.now = until
        return ""


class Session:
    """A process on its own pseudo-terminal."""

    def __init__(self, leader: int, follower: int, process: subprocess.Popen[bytes]) -> None:
        self.leader = leader
        self.follower = follower
        self.process = process
        self.raw = ""

    @property
    def seen(self) -> str:
        """All text that has been on the screen, without escape sequences."""
        return ESCAPES.sub("", self.raw)

    @property
    def pieces(self) -> int:
        """The number of pieces in the latest frame."""
        return int(re.findall(r"pieces +(\d+)", self.seen)[-1])

    def resize(self, *, lines: int, columns: int) -> None:
        fcntl.ioctl(self.follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.leader, keys.encode())

    def wait_for(self, pattern: str, after: int = 0) -> None:
        """Waits until the pattern is on the screen, in the text after a position."""
        deadline = time.monotonic() + DEADLINE_S
        while re.search(pattern, self.seen[after:]) is None:
            self._read(deadline, pattern)

    def leave(self) -> int:
        """Reads until the process has ended; returns its exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            self._read(deadline, "the end")
        while select.select([self.leader], [], [], 0)[0]:
            self._read(deadline, "the rest")
        return self.process.returncode

    def _read(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            pytest.fail(f"{what!r} was not shown; the screen showed {self.seen[-2_000:]!r}")
        if select.select([self.leader], [], [], 0.1)[0]:
            self.raw += os.read(self.leader, 65_536).decode("utf-8", "replace")


@contextmanager
def on_terminal(
    module: str, *arguments: str, columns: int = 80, lines: int = 24, **variables: str
) -> Iterator[Session]:
    """Runs a module on a terminal of the given size."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environ = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=_ROOT,
        env=environ | {"TERM": "xterm-256color"} | variables,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    try:
        yield Session(leader, follower, process)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
        os.close(follower)
