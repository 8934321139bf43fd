"""Base of executors on clusters: workers that come and go, and the check that they run this process's sources."""

import abc
import functools
import hashlib
import platform
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.errors import ExecutorError

_WORKERS_S: Final = 60.0  # workers of a batch system start late
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
    def _identities(self, workers: list[str]) -> Mapping[str, object]:
        """Calls ``source_identity`` on workers; returns the results, or the exceptions."""

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
        deadline_s = time.monotonic() + _WORKERS_S
        while True:
            try:
                self._find_workers()
            except BrokenExecutor as error:
                raise ExecutorError(f"A cluster answers while it is used; {error}. Start it again.") from error
            if self._slots:
                return
            if time.monotonic() > deadline_s:
                reason = f" {len(self._unused)} of other sources are not used." if self._unused else ""
                raise ExecutorError(
                    f"A cluster has workers; within {_WORKERS_S:.0f} seconds, {self.name} had none.{reason} Start "
                    f"one in an environment with this tetrarium: {self._start}"
                )
            time.sleep(0.2)

    def _find_workers(self) -> None:
        self._checked_s = time.monotonic()
        alive, own = self._alive(), source_identity()
        new = [worker for worker in alive if worker not in self._slots and worker not in self._unused]
        for worker, identity in (self._identities(new) if new else {}).items():
            if identity != own:
                self._unused.add(worker)
                self._on_unused(f"Worker {worker} is not used: {_difference(identity, own)}.")
        self._slots = {worker: alive[worker] for worker in alive if worker not in self._unused}


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
