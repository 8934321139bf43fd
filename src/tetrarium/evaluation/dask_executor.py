"""Executor on the workers of a Dask scheduler, which may run on many machines.

This module alone uses ``distributed``, once an executor is made. Dask sends tasks and repeats those of workers that
ended. Workers must run the sources of this process, so that every game has the same result on each of them; others are
not used.
"""

import contextlib
import ipaddress
import json
import logging
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from tetrarium.errors import ConfigError, ExecutorError
from tetrarium.evaluation.cluster import ClusterExecutor, source_identity

if TYPE_CHECKING:
    from distributed import Client

SCHEMES: Final = ("tls", "tcp")
SCHEDULER_FILE: Final = ".json"

_CONNECT_S: Final = 10.0
_CLOSE_S: Final = 2.0
ValueT = TypeVar("ValueT")


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
        address = scheduler_address(address, insecure=insecure)
        super().__init__(address, f"dask worker {address}", on_unused)
        self._client = _connect(address)
        try:
            self._await_workers()
        except BaseException:
            self.shutdown()
            raise

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Sends a call to a worker.

        The future raises ``BrokenExecutor`` if the scheduler is lost, or if too many workers ended with the call.
        """
        from distributed.scheduler import KilledWorker

        workers = list(self._slots)
        inner = self._client.get_executor(pure=False, workers=workers).submit(function, *arguments, **named)
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()

        def finish(done: Future[Any]) -> None:
            self._sent.pop(outer, None)
            try:
                outer.set_result(done.result())
            except CancelledError:
                outer.set_exception(BrokenExecutor(f"the connection to {self.name} ended"))
            except KilledWorker as error:
                outer.set_exception(BrokenExecutor(str(error)))
            except BaseException as error:  # noqa: BLE001 of the call
                outer.set_exception(error)

        self._sent[outer] = frozenset(workers)
        inner.add_done_callback(finish)
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leaves the scheduler, which drops the calls of this executor."""
        with contextlib.suppress(OSError, TimeoutError):
            self._client.close(timeout=_CLOSE_S)

    def _alive(self) -> dict[str, int]:
        scheduler = self._client.scheduler
        try:
            if scheduler is None:
                raise ConnectionError(self.name)
            n_threads: dict[str, int] = self._client.sync(scheduler.ncores, callback_timeout=_CONNECT_S)
        except (OSError, TimeoutError) as error:
            raise BrokenExecutor(f"{self.name} does not answer") from error
        return n_threads

    def _ask(self, worker: str) -> Future[object]:
        def run() -> object:  # beside the worker's calls, which may take minutes
            try:
                return self._client.run(source_identity, workers=[worker], on_error="return")[worker]
            except Exception as error:  # noqa: BLE001 any says that the worker is not used
                return error

        return _in_daemon(f"ask {worker}", run)


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
            f"A scheduler without encryption runs the code of everyone who reaches it; got {found}, which is beyond "
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
            "A Dask scheduler needs its library, which is not installed. Run: pip install 'tetrarium[cluster]'"
        ) from error
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported by exceptions
    warnings.filterwarnings("ignore", "Sending large graph", UserWarning)  # the state of a run is large
    if address.startswith("tls:") and Security().get_connection_args("client").get("ssl_context") is None:
        raise ExecutorError(
            f"{address} needs a certificate; Dask's configuration names none. Set distributed.comm.tls.ca-file, "
            "client.cert and client.key there, or by DASK_DISTRIBUTED__COMM__TLS__CA_FILE and its like."
        )
    connecting = _in_daemon(  # Dask waits without limit for a scheduler that accepts the connection and hangs
        f"connect to {address}", lambda: Client(address, timeout=_CONNECT_S, set_as_default=False)
    )
    try:
        return connecting.result(1.5 * _CONNECT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise ExecutorError(
            f"A scheduler answers within {_CONNECT_S:.0f} seconds; {address} did not "
            f"({str(error) or 'it accepts connections and hangs'}). Start it with `dask scheduler`, or correct the "
            "address."
        ) from error


def _in_daemon(name: str, function: Callable[[], ValueT]) -> Future[ValueT]:
    """Calls a function in a thread that does not outlive the process, whether or not it returns."""
    future: Future[ValueT] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 of the function
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
