"""Executor that several threads share, and that is replaced when it breaks."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from functools import partial
from typing import Any, Final, TypeVar

from tetrarium.errors import ExecutorError
from tetrarium.evaluation.cluster import ClusterExecutor
from tetrarium.evaluation.executors import ExecutorSource, LocalProcesses

ResultT = TypeVar("ResultT")

_MAX_LOSSES: Final = 3  # of one call
_CHECK_EVERY_S: Final = 0.1


class SharedExecutor:
    """Calls functions on an executor; a call that is lost with its worker is made again.

    Args:
        source: An executor, or a function that makes one and can replace it.
    """

    def __init__(self, source: ExecutorSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._executor: Executor | None = None
        self._n_calls = 0  # that are awaited
        self.lost: ExecutorError | None = None  # why it cannot be replaced

    def call(
        self,
        function: Callable[..., ResultT],
        /,
        *arguments: Any,
        on_wait: Callable[[], None] = lambda: None,
        overdue_s: float = float("inf"),
    ) -> ResultT:
        """Returns the result of a function that a worker calls.

        Args:
            function: A function that workers can import; it may be called more than once.
            *arguments: Its arguments, which can be pickled.
            on_wait: Called several times per second; its exceptions abandon the call.
            overdue_s: Seconds after which another worker makes the call, too, as the first may hang; each further one
                twice as long after. The first result counts, and others are dropped.

        Raises:
            ExecutorError: if workers end with each call, or the executor cannot be replaced.
        """
        with self._lock:
            self._n_calls += 1
        try:
            for _ in range(_MAX_LOSSES):
                executor = self._current()
                try:
                    submit = partial(executor.submit, function, *arguments)
                    return self._await(executor, submit, on_wait, overdue_s)
                except (BrokenExecutor, CancelledError):
                    self._discard(executor)
        finally:
            with self._lock:
                self._n_calls -= 1
        raise ExecutorError(
            f"A piece of work needs a worker that stays alive; {_MAX_LOSSES} ended with it (killed or out of memory). "
            "Give workers more memory, and resume what they worked on."
        )

    def _await(
        self, executor: Executor, submit: Callable[[], Future[ResultT]], on_wait: Callable[[], None], overdue_s: float
    ) -> ResultT:
        sent = [_submit(submit)]
        sent_s = time.monotonic()
        try:
            while not (done := wait(sent, timeout=_CHECK_EVERY_S, return_when=FIRST_COMPLETED).done):
                on_wait()
                if isinstance(executor, ClusterExecutor):
                    with self._lock:
                        executor.check()
                if not sent[-1].running():
                    sent_s = time.monotonic()
                elif time.monotonic() - sent_s > overdue_s * self._n_waiting(executor) * 2.0 ** (len(sent) - 1):
                    if isinstance(executor, LocalProcesses):
                        executor.kill_stopped()
                    sent.append(_submit(submit))
                    sent_s = time.monotonic()
            return done.pop().result()
        finally:
            for future in sent:
                future.cancel()

    def _n_waiting(self, executor: Executor) -> int:
        """Returns how many calls a worker makes one after the other; a cluster does not say which have begun."""
        return -(-self._n_calls // max(1, executor.n_workers)) if isinstance(executor, ClusterExecutor) else 1

    def _current(self) -> Executor:
        with self._lock:
            if self.lost is not None:
                raise self.lost
            if self._executor is None:
                try:
                    self._executor = self._source if isinstance(self._source, Executor) else self._source()
                except ExecutorError as error:
                    self.lost = error
                    raise
            return self._executor

    def _discard(self, executor: Executor) -> None:
        with self._lock:
            if self._executor is not executor:
                return
            if executor is self._source:
                self.lost = ExecutorError(
                    "An executor must take calls; this one is broken or shut down. Make a new one, and continue."
                )
                return
            self._executor = None
        executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Ends the executor at once, unless the caller made it; waiting calls raise an error."""
        with self._lock:
            self.lost = self.lost or ExecutorError("The executor was closed. Run the command again, which continues.")
            executor, self._executor = self._executor, None
        if executor is not None and executor is not self._source:
            executor.shutdown(wait=False, cancel_futures=True)
            if isinstance(executor, LocalProcesses):  # else this process could not end before the calls they work on
                executor.kill()


def _submit(submit: Callable[[], Future[ResultT]]) -> Future[ResultT]:
    """Sends a call.

    Raises:
        BrokenExecutor: if the executor is broken, or was shut down by another thread since.
    """
    try:
        return submit()
    except RuntimeError as error:
        raise BrokenExecutor(str(error)) from error
