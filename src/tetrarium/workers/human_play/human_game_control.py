"""Commands of a human game besides those of all workers: keys, a new game, an opponent and advice.

Commands arrive in another thread than the one that plays. They are validated here, while the sender waits for the
answer, and are then queued in their order for the next step of the game.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, NamedTuple

from tetrarium.errors import CommandError, suggestion
from tetrarium.training.runs.control import Control, require_within
from tetrarium.workers.human_play.input import PRESSES, Handling
from tetrarium.workers.protocol.commands import PLAY_COMMANDS, WATCH, Command, WorkerKind


class GameMode(NamedTuple):
    lines: int | None  # at which the game ends
    meaning: str  # for people


SPRINT: Final = "sprint"
MODES: Final = {
    SPRINT: GameMode(40, "40 lines against the clock."),
    "marathon": GameMode(150, "150 lines; every ten lines pieces fall faster."),
    "free": GameMode(None, "As long as you last."),
}
MIN_PACE: Final = 0.1  # pieces per second of an opponent
MAX_PACE: Final = 20.0
MAX_LEVEL: Final = 20
MAX_SEED: Final = 2**32 - 1
_MAX_NUMBER: Final = 2**53
_MAX_KEYS: Final = 64  # in one command
_MAX_QUEUED: Final = 1_000  # requests that were not executed yet
_MAX_REFERENCE_LENGTH: Final = 128
MAX_GAME_REFERENCE: Final = 1 << 14  # a fumen may be long


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Options of a human game.

    Raises:
        CommandError: if a value breaks its rule.
    """

    mode: str = "marathon"  # a key of ``MODES``
    level: int = 1  # first level
    seed: int | None = None  # of the pieces; None for a random one in each game
    opponent: str | None = None  # agent reference
    pace: float | None = 1.0  # pieces per second of the opponent; None: one piece whenever the person places one
    advice: str | None = None  # agent reference of the advisor, whose placement is shown
    start: str | None = None  # game reference of the game, or fumen, from a position of which it starts
    start_pieces: int = 0  # number of pieces that are placed there, or of the fumen's page
    handling: Handling = field(default_factory=Handling)

    def __post_init__(self) -> None:
        if not (isinstance(self.mode, str) and self.mode in MODES):
            raise CommandError(
                f"mode is one of {', '.join(MODES)}; got {str(self.mode)[:80]!r}.{suggestion(str(self.mode), MODES)}",
                field="mode",
            )
        _require_integer("level", self.level, 1, MAX_LEVEL)
        if self.seed is not None:
            _require_integer("seed", self.seed, 0, MAX_SEED)
        _require_integer("start_pieces", self.start_pieces, 0, _MAX_NUMBER)
        if self.pace is not None:
            require_within("pace", self.pace, MIN_PACE, MAX_PACE)
        named = {
            "opponent": ("an agent", "a model, a run or a controller"),
            "start": ("a recorded game", "one of the list, or a fumen"),
        }
        for name, (what, choices) in {**named, "advice": named["opponent"]}.items():
            value = getattr(self, name)
            longest = MAX_GAME_REFERENCE if name == "start" else _MAX_REFERENCE_LENGTH
            if value is not None and not (isinstance(value, str) and 0 < len(value) <= longest):
                raise CommandError(
                    f"{name} is the name of {what}; got {str(value)[:80]!r}. Name {choices}.", field=name
                )

    def with_changes(self, values: Mapping[str, Any]) -> "SessionOptions":
        """Returns a copy with changed values.

        Raises:
            CommandError: if an option is unknown, or a value breaks its rule.
        """
        names = [item.name for item in fields(self)]
        for name in values:
            if name not in names:
                raise CommandError(
                    f"The options of a game are {', '.join(names)}; got {name[:80]!r}.{suggestion(name[:80], names)}",
                    field=name,
                )
        if "handling" not in values:
            return replace(self, **values)
        handling = values["handling"]
        if not isinstance(handling, Mapping):
            raise CommandError(
                f"handling is an object such as {asdict(Handling())}; got {str(handling)[:80]!r}.", field="handling"
            )
        return replace(self, **{**values, "handling": self.handling.with_changes(handling)})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """A key press or release."""

    key: str  # one of ``PRESSES``
    is_down: bool
    at_s: float | None  # by the sender's clock
    number: int | None  # chosen by the sender, echoed once the press had its step
    received_s: float  # by this process's clock


def _read_key(values: Any, received_s: float) -> KeyEvent:
    if not isinstance(values, dict) or not set(values) <= {"key", "down", "at", "number"}:
        raise CommandError(
            'A key is {"key": "left", "down": true, "at": 12.5}; got something else. Send a list of such objects.',
            field="keys",
        )
    key, is_down, at_s = values.get("key"), values.get("down"), values.get("at")
    if key not in PRESSES:
        raise CommandError(
            f"A key is one of {', '.join(PRESSES)}; got {str(key)[:80]!r}.{suggestion(str(key)[:80], PRESSES)}",
            field="key",
        )
    if not isinstance(is_down, bool):
        raise CommandError(f"down is true or false; got {str(is_down)[:80]!r}. Choose one of the two.", field="down")
    if at_s is not None:
        at_s = require_within("at", at_s, 0, 1e15)
    number = values.get("number")
    if number is not None:
        _require_integer("number", number, 0, _MAX_NUMBER)
    return KeyEvent(key=key, is_down=is_down, at_s=at_s, number=number, received_s=received_s)


class HumanGameControl(Control):
    """Control of a human game, which queues the requests of clients.

    >>> control = HumanGameControl(SessionOptions())
    >>> control.submit("new-game", {"mode": "sprint"})
    'The next game begins.'
    >>> [type(request).__name__ for request in control.take_requests()]
    ['SessionOptions']
    """

    def __init__(self, options: SessionOptions) -> None:
        super().__init__()
        self.options = options
        self._requests: deque[KeyEvent | SessionOptions | None] = deque()

    def submit(self, command: str, values: Mapping[str, Any]) -> str:
        """Queues a request; returns a message for people, or nothing.

        Raises:
            CommandError: if a value breaks its rule, or too many requests are queued.
        """
        if len(self._requests) >= _MAX_QUEUED:
            raise CommandError(f"At most {_MAX_QUEUED:,} requests can be queued. Send fewer at once.")
        if command == "keys":
            self._queue_keys(values.get("keys"))
            return ""
        self.options = self.options.with_changes(values)
        self._requests.append(self.options if command == "new-game" else None)
        self._changed.set()
        return "The next game begins." if command == "new-game" else "Changed."

    def _queue_keys(self, keys: object) -> None:
        if not isinstance(keys, list) or len(keys) > _MAX_KEYS:
            raise CommandError(
                f"keys is a list of at most {_MAX_KEYS} key presses and releases. Send such a list.", field="keys"
            )
        received_s = time.monotonic()
        self._requests.extend([_read_key(values, received_s) for values in keys])
        self._changed.set()

    def take_requests(self) -> list[KeyEvent | SessionOptions | None]:
        """Returns the requests since the last call: keys, options of a new game, or None for changed options."""
        return [self._requests.popleft() for _ in range(len(self._requests))]


def _require_integer(name: str, value: object, low: int, high: int) -> None:
    require_within(name, value, low, high)
    if not isinstance(value, int):
        raise CommandError(f"{name} is an integer; got {value!r}. Round it.", field=name)


def _submit(name: str) -> Callable[[HumanGameControl, Mapping[str, Any]], str]:
    return lambda control, values: control.submit(name, values)


HUMAN_GAME: Final = WorkerKind(
    name="human-game",
    commands={
        **PLAY_COMMANDS,
        "watch": WATCH,
        "keys": Command(fields=("keys",), handler=_submit("keys")),
        "new-game": Command(fields=tuple(item.name for item in fields(SessionOptions)), handler=_submit("new-game")),
        "change": Command(fields=("pace", "advice", "handling"), handler=_submit("change")),  # during a game
    },
)
