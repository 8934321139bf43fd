"""Durations and speed of a run, the one source of those that files, events and displays show.

A run trains, and it waits for evaluations; together these are its total time. Starting up and pauses count for neither.
Training is playing, learning, saving checkpoints, and the rest: recording and publishing.
"""

import contextlib
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

_WINDOW_S: Final = 3.0  # of training, over which the speed is measured: it follows a change of the mode

PHASES: Final = ("playing", "learning", "saving", "paused")
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1_024  # of ``ru_maxrss``, in bytes


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
    >>> clock.times()["evaluating"], clock.times()["playing"]
    (3.0, 0.0)

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.trained_s = 0.0
        self.evaluated_s = 0.0
        self.phases_s = dict.fromkeys(PHASES, 0.0)
        self._phase_s = time.monotonic()  # reading up to which time is counted in a phase
        self._processor_s = -_processor_s()  # of earlier sessions, minus that of this process before
        self._read_s: float | None = None  # reading up to which the time is counted; None before the start
        self._marks: deque[tuple[float, int]] = deque()  # (trained_s, step) after rounds, from the window on

    def start(self) -> None:
        """Starts the clock of a session."""
        self._read_s = self._clock()
        self._phase_s = time.monotonic()

    def count(self, phase: str | None = None) -> None:
        """Counts the time since the previous call in one of ``PHASES``, or in none."""
        now_s = time.monotonic()
        if phase is not None:
            self.phases_s[phase] += now_s - self._phase_s
        self._phase_s = now_s

    def times(self) -> dict[str, float]:
        """Returns the seconds of each phase and of the processor in all sessions, and the memory used at most.

        The processor's time is that of this process and of its child processes that have ended.
        """
        others = self.trained_s - sum(self.phases_s[name] for name in ("playing", "learning", "saving"))
        return {
            **self.phases_s,
            "evaluating": self.evaluated_s,
            "other": max(0.0, others),
            "processor": self._processor_s + _processor_s(),
            "memory_bytes": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT),
        }

    def set_times(self, times: Mapping[str, float]) -> None:
        """Restores what ``times`` returned in an earlier session."""
        self.phases_s.update({name: float(times.get(name, 0.0)) for name in PHASES})
        self._processor_s += float(times.get("processor", 0.0))

    def add(self, step: int) -> None:
        """Counts the time up to now as training, at a step."""
        self.trained_s += self._elapsed_s()
        self._marks.append((self.trained_s, step))
        while len(self._marks) > 2 and self._marks[1][0] <= self.trained_s - _WINDOW_S:
            self._marks.popleft()

    def skip(self) -> None:
        """Counts the time up to now as a pause."""
        self._elapsed_s()
        self.count("paused")

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Counts the time of the block as waiting for an evaluation."""
        self.trained_s += self._elapsed_s()
        self.count()
        try:
            yield
        finally:
            self.evaluated_s += self._elapsed_s()
            self.count()

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


def _processor_s() -> float:
    """Returns the processor's time of this process, and of its child processes that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
