"""Lets the registry follow a run: its records, from a thread of its own, and its best weights, which become a model.

A run needs none of this. What the registry may wait for, a disk or another process, is waited for beside training, and
where it cannot be written the run goes on: that is told once, tried again, and told when it works again. Its folder has
all of it, and who reads takes in what is missing.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from tetrarium.errors import RegistryBusyError, TetrariumError
from tetrarium.events import Event, WarningGiven
from tetrarium.registry.home import Home
from tetrarium.training.runs.callbacks import RoundCallback

if TYPE_CHECKING:
    from tetrarium.registry.runs import RunStore
    from tetrarium.training.agent import TetrisAgent

__all__ = ["RegistryFollower"]

_EVERY_S: Final = 1.0  # records are taken in
_AGAIN_S: Final = 10.0  # after which best weights that could not be kept are tried again
_BUSY_AGAIN_S: Final = 1.0  # the same where others have not written for long
_PATIENCE_S: Final = 2.0  # with others that write
_PATIENCE_IN_TRAINING_S: Final = 0.05  # which waits too; enough for the thread beside
_MOST_BUSY_S: Final = 30.0  # after which it is told that others write all the time
_RECORDS: Final = "records"
_BEST: Final = "best"
_GOES_ON: Final = {
    _RECORDS: "Training goes on; its records lie in its folder.",
    _BEST: "Training goes on; its best weights lie in its folder.",
}
_WORKS_AGAIN: Final = {
    _RECORDS: "The registry takes in what the run records again.",
    _BEST: "The run's best weights are among the models again.",
}


class RegistryFollower(RoundCallback):
    """Follows one run between ``with`` and its end.

    Args:
        home: Where the run is.
        name: Its name.
        agent: What is trained.
        publish: Is told what went wrong, between rounds.
    """

    def __init__(self, home: Home, name: str, agent: "TetrisAgent", publish: Callable[[Event], None]) -> None:
        super().__init__()
        self._home = home
        self._name = name
        self._agent = agent
        self._publish = publish
        self._failing: set[str] = set()
        self._busy_since_s: dict[str, float] = {}  # while others write
        self._untold: deque[str] = deque()
        self._land_s: float | None = None  # when best weights are to be kept, if any are
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="registry", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._land_s is not None:
            self._land(is_last=True)
        self._thread.join()
        self._tell()

    def keep_best(self) -> None:
        """Makes the run's best weights of now a version of the model of its name; soon, if not at once."""
        self._land()
        self._tell()

    def on_round_end(self) -> bool:
        """Tries again what is due, and tells what happened beside."""
        if self._land_s is not None and time.monotonic() >= self._land_s:
            self._land()
        self._tell()
        return True

    def _land(self, *, is_last: bool = False) -> None:
        from tetrarium.training.models import keep_best  # which loads the database's library

        try:
            keep_best(self._home, self._name, wait_s=_PATIENCE_S if is_last else _PATIENCE_IN_TRAINING_S)
        except (TetrariumError, OSError) as error:
            if isinstance(error, RegistryBusyError) and not is_last:
                self._note_busy(_BEST)
            else:
                self._note(_BEST, str(error))
            self._land_s = time.monotonic() + (_AGAIN_S if _BEST in self._failing else _BUSY_AGAIN_S)
        else:
            self._land_s = None
            self._note(_BEST, None)

    def _follow(self) -> None:
        """Takes in the run's records again and again, once more after the end."""
        from tetrarium.registry.runs import RunStore

        store = RunStore(self._home, wait_s=_PATIENCE_S)
        is_done = False
        while not is_done:
            is_done = self._done.is_set()
            self._take_in(store)
            self._done.wait(_EVERY_S)

    def _take_in(self, store: "RunStore") -> None:
        try:
            store.take_in(self._name)
        except RegistryBusyError:
            self._note_busy(_RECORDS)  # they are taken in next time
        except (TetrariumError, OSError) as error:
            self._note(_RECORDS, str(error))
        else:
            self._note(_RECORDS, None)

    def _note_busy(self, what: str) -> None:
        """Has it told that others write, once they have done so for long."""
        now_s = time.monotonic()
        busy_s = now_s - self._busy_since_s.setdefault(what, now_s)
        if busy_s >= _MOST_BUSY_S:
            self._note(what, f"Another program has kept the registry busy for {busy_s:.0f} s. Stop it.")

    def _note(self, what: str, trouble: str | None) -> None:
        """Has the beginning and the end of a trouble told."""
        if trouble is None:
            self._busy_since_s.pop(what, None)
        if trouble is not None and what not in self._failing:
            self._failing.add(what)
            self._untold.append(f"{trouble} {_GOES_ON[what]}")
        elif trouble is None and what in self._failing:
            self._failing.discard(what)
            self._untold.append(_WORKS_AGAIN[what])

    def _tell(self) -> None:
        while self._untold:
            self._publish(WarningGiven(step=self._agent.timesteps_trained, message=self._untold.popleft()))
