"""Executor on the workers of a Dask scheduler, which may run on many machines.

This module alone uses ``distributed``, once an executor is made. Dask sends tasks and repeats those of workers that
ended. Workers must run the sources of this process, so that every game has the same result on each of them; others are
not used.
"""

import contextlib
import functools
import hashlib
import ipaddress
import json
import logging
import platform
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

import tetrarium
from tetrarium.errors import ConfigError, ExecutorError
from tetrarium.evaluation.executors import ClusterExecutor

if TYPE_CHECKING:
    from distributed import Client

SCHEMES: Final = ("tls", "tcp")
SCHEDULER_FILE: Final = ".json"

_CONNECT_S: Final = 10.0
_WORKERS_S: Final = 60.0  # workers of a batch system start late
_CHECK_EVERY_S: Final = 2.0
_CLOSE_S: Final = 2.0


class DaskExecutor(ClusterExecutor):
    """Executor on those workers of a scheduler that run the sources of this process.

    Args:
        address: ``tls://HOST:PORT``, ``tcp://HOST:PORT``, or the path of a ``scheduler.json``. Certificates of ``tls``
            are those of Dask's configuration.
        insecure: Whether an unencrypted address may be beyond this machine.
        on_unused: Called once for each worker that is not used, with a sentence that says why.

    Raises:
        ConfigError: if the address is none, or unencrypted and beyond this machine without ``insecure``.
        ExecutorError: if ``distributed`` is missing, nobody answers, or no worker of these sources is there in time.
    """

    def __init__(
        self, address: str, *, insecure: bool = False, on_unused: Callable[[str], None] = lambda _sentence: None
    ) -> None:
        self._address = scheduler_address(address, insecure=insecure)
        self._on_unused = on_unused
        self._client = _connect(self._address)
        self._n_threads: dict[str, int] = {}  # of each worker that is used
        self._unused: set[str] = set()
        self._sent: dict[Future[Any], frozenset[str]] = {}  # futures, and the workers that may play them
        self._checked_s = 0.0
        try:
            self._await_workers()
        except BaseException:
            self.shutdown()
            raise

    @property
    def n_workers(self) -> int:
        """Number of tasks that the workers run at a time."""
        return sum(self._n_threads.values())

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Sends a call to a worker.

        The future raises ``BrokenExecutor`` if the scheduler is lost, or if too many workers ended with the call.
        """
        from distributed.scheduler import KilledWorker

        workers = list(self._n_threads)
        inner = self._client.get_executor(pure=False, workers=workers).submit(function, *arguments, **named)
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()

        def finish(done: Future[Any]) -> None:
            self._sent.pop(outer, None)
            try:
                outer.set_result(done.result())
            except CancelledError:
                outer.set_exception(BrokenExecutor(f"the connection to {self._address} ended"))
            except KilledWorker as error:
                outer.set_exception(BrokenExecutor(str(error)))
            except BaseException as error:  # noqa: BLE001 of the call
                outer.set_exception(error)

        self._sent[outer] = frozenset(workers)
        inner.add_done_callback(finish)
        return outer

    def check(self) -> None:
        """Raises ``BrokenExecutor`` if calls wait for workers that have left; finds new workers."""
        if time.monotonic() - self._checked_s < _CHECK_EVERY_S:
            return
        self._find_workers()
        if any(not workers & self._n_threads.keys() for workers in tuple(self._sent.values())):
            raise BrokenExecutor(f"all workers of {self._address} left")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leaves the scheduler, which drops the calls of this executor."""
        with contextlib.suppress(OSError, TimeoutError):
            self._client.close(timeout=_CLOSE_S)

    def _await_workers(self) -> None:
        deadline_s = time.monotonic() + _WORKERS_S
        while True:
            self._find_workers()
            if self._n_threads:
                return
            if time.monotonic() > deadline_s:
                reason = f" {len(self._unused)} of other sources are not used." if self._unused else ""
                raise ExecutorError(
                    f"Slices need a worker; within {_WORKERS_S:.0f} seconds, {self._address} had none.{reason} Start "
                    f"workers in an environment with this tetrarium: dask worker {self._address}"
                )
            time.sleep(0.2)

    def _find_workers(self) -> None:
        self._checked_s = time.monotonic()
        try:
            alive = {name: int(fields["nthreads"]) for name, fields in self._client.scheduler_info()["workers"].items()}
            new = [name for name in alive if name not in self._n_threads and name not in self._unused]
            found = self._client.run(source_identity, workers=new, on_error="return") if new else {}
        except (OSError, TimeoutError) as error:
            raise BrokenExecutor(f"{self._address} does not answer") from error
        own = source_identity()
        for name, identity in found.items():
            if identity == own:
                continue
            self._unused.add(name)
            self._on_unused(f"Worker {name} is not used: {_difference(identity, own)}.")
        self._n_threads = {name: alive[name] for name in alive if name not in self._unused}


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


def scheduler_address(address: str, *, insecure: bool = False) -> str:
    """Returns the address of a scheduler, read from a ``scheduler.json`` if a path is given.

    Raises:
        ConfigError: if it is none, or unencrypted and beyond this machine without ``insecure``.
    """
    found = _address_in(Path(address)) if address.endswith(SCHEDULER_FILE) else address
    try:
        parts = urlsplit(found)
        is_complete = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port is not None
    except ValueError:
        is_complete = False
    if not is_complete:
        raise ConfigError(
            f"A Dask scheduler is tls://HOST:PORT, tcp://HOST:PORT or the path of its scheduler.json; got {found!r}. "
            "Pass one of these.",
            field="on",
        )
    if parts.scheme == "tcp" and not insecure and not _is_loopback(parts):
        raise ConfigError(
            f"Whoever reaches a scheduler without encryption runs code on its machines; got {found}, which is beyond "
            "this machine. Use tls://, or pass --insecure on a network that only your team reaches.",
            field="on",
        )
    return found


def _address_in(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise ConfigError(
            f"The scheduler's file {path} cannot be read: {reason}. Pass the one that `dask scheduler "
            "--scheduler-file` wrote.",
            field="on",
        ) from error
    return str(content.get("address", "")) if isinstance(content, dict) else ""


def _is_loopback(parts: SplitResult) -> bool:
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _connect(address: str) -> "Client":
    try:
        from distributed import Client, Security
    except ModuleNotFoundError as error:
        raise ExecutorError(
            "Evaluating on Dask needs its library, which is not installed. Run: pip install 'tetrarium[cluster]'"
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # errors are reported by exceptions
    if address.startswith("tls:") and Security().get_connection_args("client").get("ssl_context") is None:
        raise ExecutorError(
            f"{address} needs a certificate; Dask's configuration names none. Set distributed.comm.tls.ca-file, "
            "client.cert and client.key there, or by DASK_DISTRIBUTED__COMM__TLS__CA_FILE and its like."
        )
    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ExecutorError(
            f"A scheduler answers within {_CONNECT_S:.0f} seconds; {address} did not ({error}). Start it with "
            "`dask scheduler`, or correct the address."
        ) from error


def _difference(identity: object, own: dict[str, str]) -> str:
    if not isinstance(identity, dict):
        return f"it does not load this tetrarium ({type(identity).__name__}: {identity})"
    return " and ".join(
        f"its {name} is {identity.get(name)}, here {value}"
        for name, value in own.items()
        if identity.get(name) != value
    )
