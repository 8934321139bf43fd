"""What a person's keys come to, step by step: presses in their order, and what is held down repeats by itself.

A direction that is held moves the piece at once, again after ``das_ms`` (delayed auto shift), then every ``arr_ms``
(auto repeat rate). Of two that are held the later one counts; once it is let go the other goes on, as long as it has
been held. A soft drop that is held lets the piece fall ``soft_drop`` times as fast. Times are seconds of any one clock.
"""

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tetrarium.engine import KEYS
from tetrarium.errors import WorkerError, suggestion
from tetrarium.training.runs.control import require_within

__all__ = ["MAX_SOFT_DROP", "PRESSES", "ClockOfKeys", "Handling", "HeldKeys"]

PRESSES: Final = KEYS[1:]  # all but nothing
MAX_SOFT_DROP: Final = 1_000.0
_NOTHING: Final = KEYS[0]
_SHIFTS: Final = ("left", "right")
_SOFT_DROP: Final = "soft drop"
_MOST_WAITING: Final = 64  # presses that had no step yet; nobody is as quick
_MOST_BEHIND_S: Final = 0.05  # what repeats that came too late may catch up
_HAIR_S: Final = 1e-6  # sums of times are not exact
_MOST_LATE_S: Final = 0.25  # how old a press may be said to be


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """How keys that are held repeat.

    Raises:
        WorkerError: if a value is out of range.
    """

    das_ms: float = 167.0
    arr_ms: float = 33.0  # 0: to the wall at once
    soft_drop: float = 20.0  # times the level's speed

    def __post_init__(self) -> None:
        require_within("das_ms", self.das_ms, 0, 1_000)
        require_within("arr_ms", self.arr_ms, 0, 1_000)
        require_within("soft_drop", self.soft_drop, 1, MAX_SOFT_DROP)

    def changed(self, values: Mapping[str, Any]) -> "Handling":
        """The same but for these values.

        Raises:
            WorkerError: if there is another name, or a value is out of range.
        """
        names = [item.name for item in fields(self)]
        for name in values:
            if name not in names:
                raise WorkerError(
                    f"How keys are handled is told by {', '.join(names)}; got {name[:80]!r}."
                    f"{suggestion(name[:80], names)}"
                )
        return replace(self, **values)


class HeldKeys:
    """Which keys are down, and which presses had no step yet.

    >>> keys = HeldKeys(Handling(das_ms=100, arr_ms=50))
    >>> keys.press("left", at_s=0.0)
    >>> [keys.next_key(now_s, 1.0, where) for where, now_s in enumerate((0.0, 0.09, 0.1, 0.12, 0.15))]
    ['left', 'nothing', 'left', 'nothing', 'left']

    Args:
        handling: How they repeat.
    """

    def __init__(self, handling: Handling) -> None:
        self.handling = handling
        self.latest_number: int | None = None  # of the latest press that had its step
        self._waiting: deque[tuple[str, int | None]] = deque()
        self._shifts: dict[str, float] = {}  # directions that are held, the latest last, and since when
        self._next_shift_s = 0.0
        self._is_dropping = False
        self._last_drop_s = 0.0
        self._stuck: Hashable = None  # where a repeat last moved the piece from; it has not moved if it is there still

    def press(self, key: str, at_s: float, number: int | None = None) -> None:
        """Takes in that a key went down; one that is down already does nothing."""
        if key in self._shifts or (key == _SOFT_DROP and self._is_dropping):
            return
        if key in _SHIFTS:
            self._shifts[key] = at_s
            self._next_shift_s = at_s + self.handling.das_ms / 1_000
            self._stuck = None
        elif key == _SOFT_DROP:
            self._is_dropping = True
            self._last_drop_s = at_s  # it waits among the others
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append((key, number))

    def release(self, key: str, at_s: float) -> None:
        """Takes in that a key went up."""
        if key == _SOFT_DROP:
            self._is_dropping = False
        elif key in self._shifts:
            was_counting = key == next(reversed(self._shifts))
            del self._shifts[key]
            if was_counting and self._shifts:
                since_s = next(reversed(self._shifts.values()))
                self._next_shift_s = max(at_s, since_s + self.handling.das_ms / 1_000)
                self._stuck = None

    def let_go(self) -> None:
        """Forgets all that is held and waits."""
        self._waiting.clear()
        self._shifts.clear()
        self._is_dropping = False

    def next_key(self, now_s: float, rows_per_second: float, where: Hashable) -> str:
        """The key of the step that is due.

        Args:
            now_s: When it is.
            rows_per_second: How fast the piece falls by itself.
            where: Which piece there is, and where: a repeat that does not move it is not tried again.
        """
        if self._waiting:
            key, number = self._waiting.popleft()
            self.latest_number = self.latest_number if number is None else number
            return key
        if self._shifts and now_s + _HAIR_S >= self._next_shift_s and where != self._stuck:
            self._stuck = where
            self._next_shift_s = max(self._next_shift_s + self.handling.arr_ms / 1_000, now_s - _MOST_BEHIND_S)
            return next(reversed(self._shifts))
        if self._is_dropping:
            row_s = 1 / (rows_per_second * self.handling.soft_drop)
            if now_s + _HAIR_S >= self._last_drop_s + row_s:
                self._last_drop_s = max(self._last_drop_s + row_s, now_s - _MOST_BEHIND_S)
                return _SOFT_DROP
        return _NOTHING


class ClockOfKeys:
    """Turns the times at which keys say that they went down or up into those of the clock here.

    Nothing arrives before it is sent, so the least delay seen is what two clocks differ by; the rest is what came late.

    >>> clock = ClockOfKeys()
    >>> clock.here(100.0, now_s=5.0), round(clock.here(100.02, now_s=5.1), 3), clock.here(100.2, now_s=5.2)
    (5.0, 5.02, 5.2)
    """

    def __init__(self) -> None:
        self._differences: deque[float] = deque(maxlen=200)
        self._latest_s = -float("inf")

    def here(self, at_s: float | None, now_s: float) -> float:
        """When a key went down or up; now, where it does not say."""
        heard_s = now_s
        if at_s is not None:
            self._differences.append(now_s - at_s)
            heard_s = min(now_s, at_s + min(self._differences))
        self._latest_s = max(self._latest_s, heard_s, now_s - _MOST_LATE_S)
        return self._latest_s
