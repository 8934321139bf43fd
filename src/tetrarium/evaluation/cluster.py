"""Base of executors on clusters: workers that come and go, and the check that they run this process's sources."""

import abc
import functools
import hashlib
import platform
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.errors import ExecutorError

_WORKERS_S: Final = 60.0  # workers of a batch system start late
_ANSWER_S: Final = 1.0  # after which those that have not answered join later
_CHECK_EVERY_S: Final = 2.0


class ClusterExecutor(Executor, abc.ABC):
    """Executor whose workers may come and go; only those that run the sources of this process are used.

    Args:
        name: Name of the cluster in messages.
        start: Command that starts a worker.
        on_unused: Called once for each worker that is not used, with a sentence that says why.
    """

    def __init__(self, name: str, start: str, on_unused: Callable[[str], None]) -> None:
        self.name = name
        self._start = start
        self._on_unused = on_unused
        self._slots: dict[str, int] = {}  # of each worker that is used: calls at a time
        self._unused: set[str] = set()
        self._asked: dict[str, Future[object]] = {}  # new workers, and what they answer
        self._sent: dict[Future[Any], frozenset[str]] = {}  # futures, and the workers that may run them
        self._checked_s = 0.0

    @property
    def n_workers(self) -> int:
        """Number of calls that run at a time."""
        return sum(self._slots.values())

    @abc.abstractmethod
    def _alive(self) -> dict[str, int]:
        """Returns all workers, and how many calls each runs at a time."""

    @abc.abstractmethod
    def _ask(self, worker: str) -> Future[object]:
        """Calls ``source_identity`` on a worker; the future's result is that of the call, or its exception."""

    def check(self) -> None:
        """Finds new workers.

        Raises:
            BrokenExecutor: if all workers have left, or those that calls wait for.
        """
        if time.monotonic() - self._checked_s < _CHECK_EVERY_S:
            return
        self._find_workers()
        if not self._slots or any(not workers & self._slots.keys() for workers in tuple(self._sent.values())):
            raise BrokenExecutor(f"workers of {self.name} left")

    def _await_workers(self) -> None:
        """Waits for the first worker.

        Raises:
            ExecutorError: if there is none in time, or the cluster is lost meanwhile.
        """
        started_s = time.monotonic()
        while True:
            try:
                self._find_workers()
            except BrokenExecutor as error:
                raise ExecutorError(f"A cluster answers while it is used; {error}. Start it again.") from error
            waited_s = time.monotonic() - started_s
            if self._slots and (not self._asked or waited_s > _ANSWER_S):
                return
            if waited_s > _WORKERS_S:
                reason = f" {len(self._unused)} of other sources are not used." if self._unused else ""
                reason += f" {len(self._asked)} did not answer." if self._asked else ""
                raise ExecutorError(
                    f"A cluster has workers; within {_WORKERS_S:.0f} seconds, {self.name} had none.{reason} Start "
                    f"one in an environment with this tetrarium: {self._start}"
                )
            time.sleep(0.1)

    def _find_workers(self) -> None:
        self._checked_s = time.monotonic()
        alive, own = self._alive(), source_identity()
        used = set(self._slots)
        for worker in alive.keys() - used - self._unused - self._asked.keys():
            self._asked[worker] = self._ask(worker)
        for worker, answer in tuple(self._asked.items()):
            if worker in alive and not answer.done():  # it may hang
                continue
            del self._asked[worker]
            if worker not in alive:
                continue
            if (identity := answer.result()) == own:
                used.add(worker)
            else:
                self._unused.add(worker)
                self._on_unused(f"Worker {worker} is not used: {_difference(identity, own)}.")
        self._slots = {worker: n_calls for worker, n_calls in alive.items() if worker in used}


@functools.cache
def source_identity() -> dict[str, str]:
    """Returns what must be equal on all workers: versions, and a digest of this package's sources."""
    package = Path(tetrarium.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    return {
        "Python": platform.python_version(),
        "tetrarium": tetrarium.__version__,
        "source digest": digest.hexdigest()[:12],
    }


def _difference(identity: object, own: dict[str, str]) -> str:
    if not isinstance(identity, dict):
        return f"it does not load this tetrarium ({type(identity).__name__}: {identity})"
    return " and ".join(
        f"its {name} is {identity.get(name)}, here {value}"
        for name, value in own.items()
        if identity.get(name) != value
    )
