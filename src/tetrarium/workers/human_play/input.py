"""Input of a human game: turns presses and held keys into one key for each step.

Presses keep their order, and held keys repeat. A held direction moves the piece at once, again after ``das_ms``
(delayed auto shift), then every ``arr_ms`` (auto repeat rate). Of two held directions the later one counts; after its
release the other one resumes, charged by the time it has been held. A held soft drop multiplies gravity by
``soft_drop``. Times are seconds of any one clock.
"""

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tetrarium.engine import KEYS
from tetrarium.errors import CommandError, suggestion
from tetrarium.training.runs.control import require_within

PRESSES: Final = KEYS[1:]  # all keys but "nothing"
MAX_SOFT_DROP: Final = 1_000.0
_NOTHING: Final = KEYS[0]
_SHIFTS: Final = ("left", "right")
_SOFT_DROP: Final = "soft drop"
_MAX_QUEUED: Final = 64  # presses that had no step yet
_MAX_CATCH_UP_S: Final = 0.05  # delay that late repeats make up for
_TOLERANCE_S: Final = 1e-6  # for rounding errors in sums of times
_MAX_AGE_S: Final = 0.25  # limit on the reported age of a press


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """Timing of held keys.

    Raises:
        CommandError: if a value is out of range.
    """

    das_ms: float = 167.0
    arr_ms: float = 33.0  # 0: moves to the wall at once
    soft_drop: float = 20.0  # factor of the level's gravity

    def __post_init__(self) -> None:
        require_within("das_ms", self.das_ms, 0, 1_000)
        require_within("arr_ms", self.arr_ms, 0, 1_000)
        require_within("soft_drop", self.soft_drop, 1, MAX_SOFT_DROP)

    def with_changes(self, values: Mapping[str, Any]) -> "Handling":
        """Returns a copy with changed values.

        Raises:
            CommandError: if a setting is unknown, or a value is out of range.
        """
        names = [item.name for item in fields(self)]
        for name in values:
            if name not in names:
                raise CommandError(
                    f"The settings of handling are {', '.join(names)}; got {name[:80]!r}."
                    f"{suggestion(name[:80], names)}",
                    field=name,
                )
        return replace(self, **values)


class HeldKeys:
    """Keys that are down, and presses that had no step yet.

    >>> keys = HeldKeys(Handling(das_ms=100, arr_ms=50))
    >>> keys.press("left", at_s=0.0)
    >>> [keys.next_key(now_s, 1.0, where) for where, now_s in enumerate((0.0, 0.09, 0.1, 0.12, 0.15))]
    ['left', 'nothing', 'left', 'nothing', 'left']
    """

    def __init__(self, handling: Handling) -> None:
        self.handling = handling
        self.latest_number: int | None = None  # of the latest press that had its step
        self._queue: deque[tuple[str, int | None]] = deque()
        self._shifts: dict[str, float] = {}  # time of press by held direction, latest last
        self._next_shift_s = 0.0
        self._is_dropping = False
        self._last_drop_s = 0.0
        self._repeated_at: Hashable = None  # position at the last repeat; unchanged if the piece could not move

    def press(self, key: str, at_s: float, number: int | None = None) -> None:
        """Queues a press; has no effect if the key is down already."""
        if key in self._shifts or (key == _SOFT_DROP and self._is_dropping):
            return
        if key in _SHIFTS:
            self._shifts[key] = at_s
            self._next_shift_s = at_s + self.handling.das_ms / 1_000
            self._repeated_at = None
        elif key == _SOFT_DROP:
            self._is_dropping = True
            self._last_drop_s = at_s  # the press itself is queued
        if len(self._queue) < _MAX_QUEUED:
            self._queue.append((key, number))

    def release(self, key: str, at_s: float) -> None:
        if key == _SOFT_DROP:
            self._is_dropping = False
        elif key in self._shifts:
            was_active = key == next(reversed(self._shifts))
            del self._shifts[key]
            if was_active and self._shifts:
                since_s = next(reversed(self._shifts.values()))
                self._next_shift_s = max(at_s, since_s + self.handling.das_ms / 1_000)
                self._repeated_at = None

    def clear(self) -> None:
        """Releases all keys and drops queued presses."""
        self._queue.clear()
        self._shifts.clear()
        self._is_dropping = False

    def next_key(self, now_s: float, rows_per_second: float, where: Hashable) -> str:
        """Returns the key for the next step.

        Args:
            now_s: Time of the step.
            rows_per_second: Gravity of the level.
            where: The piece and its position; a repeat that did not change it is not tried again.
        """
        if self._queue:
            key, number = self._queue.popleft()
            self.latest_number = self.latest_number if number is None else number
            return key
        if self._shifts and now_s + _TOLERANCE_S >= self._next_shift_s and where != self._repeated_at:
            self._repeated_at = where
            self._next_shift_s = max(self._next_shift_s + self.handling.arr_ms / 1_000, now_s - _MAX_CATCH_UP_S)
            return next(reversed(self._shifts))
        if self._is_dropping:
            row_s = 1 / (rows_per_second * self.handling.soft_drop)
            if now_s + _TOLERANCE_S >= self._last_drop_s + row_s:
                self._last_drop_s = max(self._last_drop_s + row_s, now_s - _MAX_CATCH_UP_S)
                return _SOFT_DROP
        return _NOTHING


class KeyClock:
    """Converts times of key events from the sender's clock to this process's clock.

    The smallest delay seen counts as the difference between the clocks; anything above it counts as latency.

    >>> clock = KeyClock()
    >>> clock.to_local(100.0, now_s=5.0), round(clock.to_local(100.02, now_s=5.1), 3), clock.to_local(100.2, now_s=5.2)
    (5.0, 5.02, 5.2)
    """

    def __init__(self) -> None:
        self._differences: deque[float] = deque(maxlen=200)
        self._latest_s = -float("inf")

    def to_local(self, at_s: float | None, now_s: float) -> float:
        """Returns the local time of a key event; ``now_s`` if the event has no time."""
        local_s = now_s
        if at_s is not None:
            self._differences.append(now_s - at_s)
            local_s = min(now_s, at_s + min(self._differences))
        self._latest_s = max(self._latest_s, local_s, now_s - _MAX_AGE_S)
        return self._latest_s
