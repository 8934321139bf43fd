"""Requests to a running training: pause, resume, stop, save a checkpoint, and the display mode.

Requests may come from any thread, stops also from a signal handler. They are handled between rounds, so that none of
them affects the result of training. In the mode ``"every-move"`` each placement waits for its time while there are
viewers; without viewers no run is slowed down.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tetrarium.errors import CommandError, suggestion

MODES: Final = ("no-display", "live", "every-move")
MIN_SPEED: Final = 1.0  # pieces per second
MAX_SPEED: Final = 1_000.0
_CHECK_EVERY_S: Final = 0.05  # for a stop that a signal handler requested
_MAX_LAG_S: Final = 0.1  # delay that later placements may make up for


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The data that a viewer, or all viewers together, asked for."""

    boards_per_second: float = 0.0  # 0 without a viewer
    action_values: bool = False


class Control:
    """Requests to one worker.

    >>> control = Control()
    >>> control.set_mode("every-move")
    >>> control.mode, control.is_paused, control.is_stop_requested
    ('every-move', False, False)
    """

    def __init__(self, mode: str = "live", pieces_per_second: float = 10.0) -> None:
        self.mode = mode
        self.pieces_per_second = pieces_per_second
        self.subscription = Subscription()
        self.is_paused = False
        self.is_stop_requested = False
        self._is_checkpoint_requested = False
        self.is_new_game_requested = False
        self._changed = threading.Event()
        self._turn_s = 0.0  # time of the latest placement

    def pause(self) -> None:
        """Pauses the worker after the current round."""
        self.is_paused = True
        self._changed.set()

    def resume(self) -> None:
        """Resumes a paused worker."""
        self.is_paused = False
        self._changed.set()

    def request_stop(self) -> None:
        """Stops the worker after the current round; takes no lock, because a signal handler may call it."""
        self.is_stop_requested = True

    def request_checkpoint(self) -> None:
        """Requests a checkpoint after the current round."""
        self._is_checkpoint_requested = True
        self._changed.set()

    def take_checkpoint_request(self) -> bool:
        """Returns whether a checkpoint was requested since the last call."""
        is_requested, self._is_checkpoint_requested = self._is_checkpoint_requested, False
        return is_requested

    def request_new_game(self) -> None:
        """Ends the current game and starts the next one."""
        self.is_new_game_requested = True
        self._changed.set()

    def begin_new_game(self) -> None:
        """Clears the request for a new game once it has started."""
        self.is_new_game_requested = False

    def set_mode(self, mode: object) -> None:
        """Sets the display mode: no boards, sampled boards, or every move.

        Raises:
            CommandError: if there is no such mode.
        """
        if mode not in MODES:
            raise CommandError(
                f"A mode is one of {', '.join(MODES)}; got {mode!r}.{suggestion(str(mode), MODES)}", field="mode"
            )
        self.mode = str(mode)
        self._changed.set()

    def set_speed(self, pieces_per_second: object) -> None:
        """Sets the speed of ``"every-move"`` and of demos.

        Raises:
            CommandError: if it is not from 1 to 1,000.
        """
        self.pieces_per_second = require_within("pieces_per_second", pieces_per_second, MIN_SPEED, MAX_SPEED)
        self._changed.set()

    def subscribe(self, subscription: Subscription) -> None:
        """Sets the combined subscription of all viewers."""
        self.subscription = subscription
        self._changed.set()

    @property
    def is_watched(self) -> bool:
        """True while viewers receive boards."""
        return self.subscription.boards_per_second > 0 and self.mode != "no-display"

    @property
    def is_paced(self) -> bool:
        """True while placements are slowed down to the requested speed."""
        return self.mode == "every-move" and self.subscription.boards_per_second > 0

    def wait(self, seconds: float) -> None:
        """Waits for the next request, but no longer than ``seconds``."""
        self._changed.wait(min(seconds, _CHECK_EVERY_S))
        self._changed.clear()

    def wait_for_turn(self, should_wait: Callable[[], bool], pieces_per_second: float | None = None) -> None:
        """Waits until the next placement is due, or a pause or stop is requested.

        Args:
            should_wait: Waiting ends early once this returns False.
            pieces_per_second: The speed; by default the one that was set.
        """
        while should_wait() and not self.is_paused and not self.is_stop_requested:
            turn_s = self._turn_s + 1 / (pieces_per_second or self.pieces_per_second)
            remaining_s = turn_s - time.monotonic()
            if remaining_s <= 0:
                self._turn_s = turn_s if remaining_s > -_MAX_LAG_S else time.monotonic()
                return
            self.wait(remaining_s)


def require_within(name: str, value: object, low: float, high: float) -> float:
    """Returns the value as a number if it is in a range.

    Raises:
        CommandError: if it is not.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # only numbers are compared
        raise CommandError(
            f"{name} is a number from {low:,.0f} to {high:,.0f}; got {value!r}. Choose one in that range.", field=name
        )
    return float(value)  # type: ignore[arg-type]
