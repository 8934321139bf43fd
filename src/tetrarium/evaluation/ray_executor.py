"""Executor on the nodes of a Ray cluster. This module alone uses ``ray``, once an executor is made.

Ray repeats the calls of processes that ended. A node counts as a worker, and runs the sources of this process or is not
used: calls are sent to a node by name, to the one with the fewest for its processors.
"""

import logging
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future
from typing import Any, Final

from tetrarium.errors import ConfigError, ExecutorError
from tetrarium.evaluation.cluster import ClusterExecutor, source_identity

SCHEME: Final = "ray:"

_MAX_RETRIES: Final = 3  # of a call whose process ended
_CONNECT_S: Final = 10.0


class RayExecutor(ClusterExecutor):
    """Executor on those nodes of a Ray cluster that run the sources of this process.

    Args:
        address: ``ray:auto`` for the cluster of this machine, or ``ray:HOST:PORT``.
        on_unused: Called once for each node that is not used, with a sentence that says why.

    Raises:
        ConfigError: if the address is neither.
        ExecutorError: if ``ray`` is missing, no cluster answers, or no node has these sources in time.
    """

    def __init__(self, address: str, *, on_unused: Callable[[str], None] = lambda _sentence: None) -> None:
        super().__init__(address, "ray start --address=HOST:PORT", on_unused)
        self._ray = _connect(address)
        self._remote = self._ray.remote(num_cpus=1, max_retries=_MAX_RETRIES)(_call)
        try:
            self._await_workers()
        except BaseException:
            self.shutdown()
            raise

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Sends a call to a node; the future raises ``BrokenExecutor`` if it was lost too often."""
        sent = [next(iter(nodes)) for nodes in tuple(self._sent.values())]
        node = min(self._slots, key=lambda each: sent.count(each) / self._slots[each])
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()
        self._sent[outer] = frozenset((node,))

        def finish(done: Future[Any]) -> None:
            self._sent.pop(outer, None)
            error = done.exception()
            if error is None:
                outer.set_result(done.result())
            elif isinstance(error, self._ray.exceptions.RayTaskError):
                outer.set_exception(error.cause)
            else:
                outer.set_exception(BrokenExecutor(f"{node} of {self.name} was lost"))

        self._send(node, function, *arguments, **named).add_done_callback(finish)
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leaves the cluster, which drops the calls of this executor."""
        self._ray.shutdown()

    def _send(self, node: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        future: Future[Any] = (
            self._remote.options(scheduling_strategy=strategy).remote(function, arguments, named).future()
        )
        return future

    def _alive(self) -> dict[str, int]:
        nodes = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]}
        return {name: n_cpus for name, n_cpus in nodes.items() if n_cpus > 0}

    def _ask(self, worker: str) -> Future[object]:
        answer: Future[object] = Future()

        def finish(done: Future[Any]) -> None:
            error = done.exception()
            answer.set_result(done.result() if error is None else getattr(error, "cause", error))

        self._send(worker, source_identity).add_done_callback(finish)
        return answer


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    return function(*arguments, **named)


def cluster_address(address: str) -> str:
    """Returns the address that Ray takes.

    Raises:
        ConfigError: if it is not ``ray:auto`` or ``ray:HOST:PORT``.
    """
    found = address.removeprefix(SCHEME)
    host, _, port = found.rpartition(":")
    if found != "auto" and not (host and port.isdecimal()):
        raise ConfigError(
            f"A Ray cluster is ray:auto or ray:HOST:PORT; got {address!r}. Pass one of these.", field="on"
        )
    return found


def _connect(address: str) -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ExecutorError(
            "A Ray cluster needs its library, which is not installed. Run: pip install 'tetrarium[ray]'"
        ) from error
    found = cluster_address(address)
    try:
        if found != "auto":
            host, _, port = found.rpartition(":")
            socket.create_connection((host, int(port)), _CONNECT_S).close()  # Ray would try for minutes
        ray.init(
            found,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            configure_logging=False,
            ignore_reinit_error=True,
        )
    except (ConnectionError, OSError, OverflowError, RuntimeError, ValueError) as error:
        raise ExecutorError(
            f"A Ray cluster answers within {_CONNECT_S:.0f} seconds; {address} did not ({str(error).splitlines()[0]}). "
            "Start it with `ray start --head`, or correct the address."
        ) from error
    return ray
