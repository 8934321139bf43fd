"""Synchronization of the registry with a running training: its records, and its best weights as a model.

Training does not depend on it. A background thread ingests the records, so that training never waits for a disk or
another process for long. If the registry cannot be written to, training continues: a warning is published once, the
write is retried, and its success is published, too. The run's folder contains everything, and readers of the registry
ingest what is missing; at the end, weights that could not be saved are left as a file that the registry lists later.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from tetrarium.errors import RegistryBusyError, TetrariumError
from tetrarium.events import Event, WarningGiven
from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.saved_models import save_best_model, save_best_model_file

_INGEST_EVERY_S: Final = 1.0
_RETRY_S: Final = 10.0  # before the best weights are saved again after an error
_BUSY_RETRY_S: Final = 1.0  # before they are saved again while another process writes
_WAIT_S: Final = 2.0  # for other writers, in the background thread and at the end
_TRAINING_WAIT_S: Final = 0.05  # for other writers, between rounds; enough for the background thread
_MAX_BUSY_S: Final = 30.0  # of other writers, before a warning
_RECORDS: Final = "records"
_BEST: Final = "best"
_REASSURANCE: Final = {
    _RECORDS: "Training continues; its records are in the run's folder.",
    _BEST: "Training continues; its best weights are in the run's folder.",
}
_RECOVERED: Final = {
    _RECORDS: "The registry ingests the run's records again.",
    _BEST: "The run's best weights are saved as a model again.",
}


class RegistrySync(RoundCallback):
    """Context manager that keeps the registry in sync with a run; publishes warnings between rounds."""

    def __init__(self, home: Home, name: str, agent: TetrisAgent, publish: Callable[[Event], None]) -> None:
        super().__init__()
        self._home = home
        self._name = name
        self._agent = agent
        self._publish = publish
        self._failing: set[str] = set()
        self._busy_since_s: dict[str, float] = {}  # while other processes write
        self._warnings: deque[str] = deque()  # not published yet
        self._retry_s: float | None = None  # time of the next attempt to save the best weights, if one is pending
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ingest_repeatedly, name="registry", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._retry_s is not None:
            self._flush(is_last=True)
        self._thread.join()
        self._publish_warnings()

    def save_best_model(self) -> None:
        """Saves the run's current best weights as a version of the model named after it, now or at a retry."""
        self._flush()
        self._publish_warnings()

    def on_round_end(self) -> bool:
        """Retries a pending save if it is due, and publishes warnings."""
        if self._retry_s is not None and time.monotonic() >= self._retry_s:
            self._flush()
        self._publish_warnings()
        return True

    def _flush(self, *, is_last: bool = False) -> None:
        try:
            save_best_model(self._home, self._name, wait_s=_WAIT_S if is_last else _TRAINING_WAIT_S)
        except (TetrariumError, OSError) as error:
            if isinstance(error, RegistryBusyError) and not is_last:
                self._note_busy(_BEST)
            else:
                self._note(_BEST, str(error))
            if is_last:
                with contextlib.suppress(TetrariumError, OSError):
                    save_best_model_file(self._home, self._name)
            self._retry_s = time.monotonic() + (_RETRY_S if _BEST in self._failing else _BUSY_RETRY_S)
        else:
            self._retry_s = None
            self._note(_BEST, None)

    def _ingest_repeatedly(self) -> None:
        """Ingests the run's records periodically, and once more after the end."""
        store = RunStore(self._home, wait_s=_WAIT_S)
        is_done = False
        while not is_done:
            is_done = self._done.is_set()
            self._ingest(store)
            self._done.wait(_INGEST_EVERY_S)

    def _ingest(self, store: RunStore) -> None:
        try:
            store.ingest(self._name)
        except RegistryBusyError:
            self._note_busy(_RECORDS)  # they are ingested next time
        except (TetrariumError, OSError) as error:
            self._note(_RECORDS, str(error))
        else:
            self._note(_RECORDS, None)

    def _note_busy(self, what: str) -> None:
        """Adds a warning once other processes have kept the registry busy for long."""
        now_s = time.monotonic()
        busy_s = now_s - self._busy_since_s.setdefault(what, now_s)
        if busy_s >= _MAX_BUSY_S:
            self._note(what, f"Another program has kept the registry busy for {busy_s:.0f} s. Stop it.")

    def _note(self, what: str, trouble: str | None) -> None:
        """Adds a warning at the first of several errors, and a message when they are over.

        Args:
            what: ``_RECORDS`` or ``_BEST``.
            trouble: The error's message; None after a success.
        """
        if trouble is None:
            self._busy_since_s.pop(what, None)
        if trouble is not None and what not in self._failing:
            self._failing.add(what)
            self._warnings.append(f"{trouble} {_REASSURANCE[what]}")
        elif trouble is None and what in self._failing:
            self._failing.discard(what)
            self._warnings.append(_RECOVERED[what])

    def _publish_warnings(self) -> None:
        while self._warnings:
            self._publish(WarningGiven(step=self._agent.timesteps_trained, message=self._warnings.popleft()))
