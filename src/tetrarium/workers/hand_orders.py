"""What others ask of a game in a person's hands: keys, a new game, an opponent, advice; beside what any worker obeys.

Orders come from another thread than the one that plays. They are checked here, while whoever sent them waits for the
answer, and wait in the order in which they came for the next step.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from tetrarium.errors import WorkerError, suggestion
from tetrarium.training.runs.control import Control, require_within
from tetrarium.workers.held_keys import PRESSES, Handling

__all__ = ["MAX_PACE", "MIN_PACE", "MODES", "SPRINT_LINES", "HandControl", "KeyEvent", "Wishes"]

SPRINT_LINES: Final = 40
MODES: Final[dict[str, int | None]] = {"sprint": SPRINT_LINES, "marathon": 150, "free": None}  # and where they end
MIN_PACE: Final = 0.1  # pieces a second of an opponent
MAX_PACE: Final = 20.0
_MAX_LEVEL: Final = 20
_MAX_SEED: Final = 2**32 - 1
_MAX_NUMBER: Final = 2**53
_MOST_KEYS: Final = 64  # of one message
_MOST_WAITING: Final = 1_000  # orders that were not looked at yet
_LONGEST_NAME: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person wants to play.

    Raises:
        WorkerError: if a value breaks its rule.
    """

    mode: str = "marathon"  # a name of ``MODES``
    level: int = 1  # at which games begin
    seed: int | None = None  # which pieces; None for others in each game
    opponent: str | None = None  # as ``tetrarium watch`` takes it
    pace: float | None = 1.0  # pieces a second of the opponent; None for one piece whenever the person places one
    advice: str | None = None  # whose placement is shown
    handling: Handling = field(default_factory=Handling)

    def __post_init__(self) -> None:
        if not (isinstance(self.mode, str) and self.mode in MODES):
            raise WorkerError(
                f"mode is one of {', '.join(MODES)}; got {str(self.mode)[:80]!r}.{suggestion(str(self.mode), MODES)}"
            )
        _require_whole("level", self.level, 1, _MAX_LEVEL)
        if self.seed is not None:
            _require_whole("seed", self.seed, 0, _MAX_SEED)
        if self.pace is not None:
            require_within("pace", self.pace, MIN_PACE, MAX_PACE)
        for name in ("opponent", "advice"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME):
                raise WorkerError(f"{name} is the name of something that plays; got {str(value)[:80]!r}. Name one.")

    def changed(self, values: Mapping[str, Any]) -> "Wishes":
        """The same but for these values.

        Raises:
            WorkerError: if there is another name, or a value breaks its rule.
        """
        names = [item.name for item in fields(self)]
        for name in values:
            if name not in names:
                raise WorkerError(
                    f"A game is told by {', '.join(names)}; got {name[:80]!r}.{suggestion(name[:80], names)}"
                )
        if "handling" not in values:
            return replace(self, **values)
        handling = values["handling"]
        if not isinstance(handling, Mapping):
            raise WorkerError(f"handling is an object such as {asdict(Handling())}; got {str(handling)[:80]!r}.")
        return replace(self, **{**values, "handling": self.handling.changed(handling)})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """A key that went down or up."""

    key: str  # one of ``PRESSES``
    is_down: bool
    at_s: float | None  # by the clock of whoever pressed it
    number: int | None  # by which whoever pressed it knows it again
    heard_s: float  # by the clock here


def _read_key(values: Any, heard_s: float) -> KeyEvent:
    if not isinstance(values, dict) or not set(values) <= {"key", "down", "at", "number"}:
        raise WorkerError('A key is {"key": "left", "down": true, "at": 12.5}; got something else. Send such ones.')
    key, is_down, at_s = values.get("key"), values.get("down"), values.get("at")
    if key not in PRESSES:
        raise WorkerError(
            f"A key is one of {', '.join(PRESSES)}; got {str(key)[:80]!r}.{suggestion(str(key)[:80], PRESSES)}"
        )
    if not isinstance(is_down, bool):
        raise WorkerError(f"down is true or false; got {str(is_down)[:80]!r}. Choose one of the two.")
    if at_s is not None:
        at_s = require_within("at", at_s, 0, 1e15)
    number = values.get("number")
    if number is not None:
        _require_whole("number", number, 0, _MAX_NUMBER)
    return KeyEvent(key=key, is_down=is_down, at_s=at_s, number=number, heard_s=heard_s)


class HandControl(Control):
    """Requests to a worker in which a person plays.

    >>> control = HandControl(Wishes())
    >>> control.take("begin", {"mode": "sprint"})
    'The next game begins.'
    >>> [type(order).__name__ for order in control.orders()]
    ['Wishes']

    Args:
        wishes: What was wanted at its start.
    """

    def __init__(self, wishes: Wishes) -> None:
        super().__init__()
        self.wishes = wishes
        self._orders: deque[KeyEvent | Wishes | None] = deque()

    def take(self, command: str, values: Mapping[str, Any]) -> str:
        """Takes an order in; returns what is to be said to a person, or nothing.

        Raises:
            WorkerError: if a value breaks its rule, or too many wait.
        """
        if len(self._orders) >= _MOST_WAITING:
            raise WorkerError(f"At most {_MOST_WAITING:,} orders wait for their step. Send fewer.")
        if command == "keys":
            self._press(values.get("keys"))
            return ""
        self.wishes = self.wishes.changed(values)
        self._orders.append(self.wishes if command == "begin" else None)
        self._changed.set()
        return "The next game begins." if command == "begin" else "Changed."

    def _press(self, keys: object) -> None:
        if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
            raise WorkerError(f"keys is a list of at most {_MOST_KEYS} keys that went down or up. Send one.")
        heard_s = time.monotonic()
        self._orders.extend([_read_key(values, heard_s) for values in keys])
        self._changed.set()

    def orders(self) -> list[KeyEvent | Wishes | None]:
        """What was asked for since the last call: keys, the wishes for a new game, None for changed wishes."""
        return [self._orders.popleft() for _ in range(len(self._orders))]


def _require_whole(name: str, value: object, low: int, high: int) -> None:
    require_within(name, value, low, high)
    if not isinstance(value, int):
        raise WorkerError(f"{name} is a whole number; got {value!r}. Round it.")
