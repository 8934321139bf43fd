"""What others ask of a run while it trains: to pause, go on, stop, save, and how to show itself.

Requests may come from any thread, stops from a signal handler too. They are answered between rounds, where nothing is
under way, so none of them changes what is learnt. In ``"every-move"`` each placement of a watched run waits for its
turn; with nobody watching no run is slowed.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tetrarium.errors import WorkerError, suggestion

__all__ = ["MAX_SPEED", "MIN_SPEED", "MODES", "Control", "Watching"]

MODES: Final = ("headless", "live", "every-move")
MIN_SPEED: Final = 1.0  # pieces a second
MAX_SPEED: Final = 1_000.0
_LOOK_EVERY_S: Final = 0.05  # whether a signal asked for a stop, while a run waits
_MOST_BEHIND_S: Final = 0.1  # what a placement that came too late may catch up


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What watchers want to see."""

    boards_per_second: float = 0.0  # 0 without a watcher
    thoughts: bool = False


class Control:
    """Requests to one worker.

    >>> control = Control()
    >>> control.set_mode("every-move")
    >>> control.mode, control.is_paused, control.is_stop_asked
    ('every-move', False, False)
    """

    def __init__(self, mode: str = "live", pieces_per_second: float = 10.0) -> None:
        self.mode = mode
        self.pieces_per_second = pieces_per_second
        self.watching = Watching()
        self.is_paused = False
        self.is_stop_asked = False
        self._is_checkpoint_asked = False
        self.is_new_game_asked = False
        self._changed = threading.Event()
        self._turn_s = 0.0  # when the latest placement had its turn

    def pause(self) -> None:
        """Lets nothing happen after the round under way."""
        self.is_paused = True
        self._changed.set()

    def resume(self) -> None:
        """Goes on."""
        self.is_paused = False
        self._changed.set()

    def ask_to_stop(self) -> None:
        """Ends all after the round under way; takes no lock, because a signal handler may call it."""
        self.is_stop_asked = True

    def ask_for_checkpoint(self) -> None:
        """Saves after the round under way."""
        self._is_checkpoint_asked = True
        self._changed.set()

    def take_checkpoint_request(self) -> bool:
        """Whether somebody asked for a checkpoint since the last call."""
        asked, self._is_checkpoint_asked = self._is_checkpoint_asked, False
        return asked

    def ask_for_new_game(self) -> None:
        """Gives the game up that is played, for the next one."""
        self.is_new_game_asked = True
        self._changed.set()

    def begin_new_game(self) -> None:
        """Notes that the new game has begun that was asked for."""
        self.is_new_game_asked = False

    def set_mode(self, mode: object) -> None:
        """Shows nothing, samples, or each move.

        Raises:
            WorkerError: if there is no such mode.
        """
        if mode not in MODES:
            raise WorkerError(f"A mode is one of {', '.join(MODES)}; got {mode!r}.{suggestion(str(mode), MODES)}")
        self.mode = str(mode)
        self._changed.set()

    def set_speed(self, pieces_per_second: object) -> None:
        """Sets the pace of ``"every-move"``, and of players.

        Raises:
            WorkerError: if it is not from 1 to 1,000.
        """
        self.pieces_per_second = require_within("pieces_per_second", pieces_per_second, MIN_SPEED, MAX_SPEED)
        self._changed.set()

    def watch(self, watching: Watching) -> None:
        """Sets what all watchers together want to see."""
        self.watching = watching
        self._changed.set()

    @property
    def is_watched(self) -> bool:
        """Whether boards are wanted."""
        return self.watching.boards_per_second > 0 and self.mode != "headless"

    @property
    def is_paced(self) -> bool:
        """Whether placements wait for their turn."""
        return self.mode == "every-move" and self.watching.boards_per_second > 0

    def wait(self, seconds: float) -> None:
        """Waits until something is asked for, at most so long."""
        self._changed.wait(min(seconds, _LOOK_EVERY_S))
        self._changed.clear()

    def wait_for_turn(self, is_wanted: Callable[[], bool], pieces_per_second: float | None = None) -> None:
        """Waits until the next placement has its turn, as long as that is wanted and nobody pauses or stops it.

        Args:
            is_wanted: Whether to wait on.
            pieces_per_second: The pace; what was set, if left out.
        """
        while is_wanted() and not self.is_paused and not self.is_stop_asked:
            turn_s = self._turn_s + 1 / (pieces_per_second or self.pieces_per_second)
            left_s = turn_s - time.monotonic()
            if left_s <= 0:
                self._turn_s = turn_s if left_s > -_MOST_BEHIND_S else time.monotonic()
                return
            self.wait(left_s)


def require_within(name: str, value: object, low: float, high: float) -> float:
    """Returns a number in a range.

    Raises:
        WorkerError: if it is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # not a number is never in a range
        raise WorkerError(
            f"{name} is a number from {low:,.0f} to {high:,.0f}; got {value!r}. Choose one in that range."
        )
    return float(value)  # type: ignore[arg-type]
