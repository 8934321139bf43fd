"""Durations and speed of a run, the one source of those that files, events and displays show.

A run trains, and it waits for evaluations; together these are its total time. Starting up and pauses count for neither.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

_WINDOW_S: Final = 3.0  # of training, over which the speed is measured: it follows a change of the mode


class RunClock:
    """Clock of a run over all its sessions.

    >>> now_s = iter([0.0, 1.0, 3.0, 3.0, 6.0])
    >>> clock = RunClock(lambda: next(now_s))
    >>> clock.start()
    >>> for step in (100, 400):
    ...     clock.add(step)
    >>> with clock.evaluating():
    ...     pass
    >>> clock.trained_s, clock.evaluated_s, clock.steps_per_second
    (3.0, 3.0, 150.0)

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.trained_s = 0.0
        self.evaluated_s = 0.0
        self._read_s: float | None = None  # reading up to which the time is counted; None before the start
        self._marks: deque[tuple[float, int]] = deque()  # (trained_s, step) after rounds, from the window on

    def start(self) -> None:
        """Starts the clock of a session."""
        self._read_s = self._clock()

    def add(self, step: int) -> None:
        """Counts the time up to now as training, at a step."""
        self.trained_s += self._elapsed_s()
        self._marks.append((self.trained_s, step))
        while len(self._marks) > 2 and self._marks[1][0] <= self.trained_s - _WINDOW_S:
            self._marks.popleft()

    def skip(self) -> None:
        """Counts the time up to now as a pause."""
        self._elapsed_s()

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Counts the time of the block as waiting for an evaluation."""
        self.trained_s += self._elapsed_s()
        try:
            yield
        finally:
            self.evaluated_s += self._elapsed_s()

    @property
    def steps_per_second(self) -> float:
        """Speed over the latest seconds of training; 0 until it is known."""
        if not self._marks:
            return 0.0
        (first_s, first), (last_s, last) = self._marks[0], self._marks[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    def _elapsed_s(self) -> float:
        before_s, self._read_s = self._read_s, self._clock()
        return 0.0 if before_s is None else self._read_s - before_s
