"""Places where commands evaluate and train besides this process: ``--on`` and its options."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from tetrarium.engine.batches import MAX_THREADS, usable_cores
from tetrarium.errors import ConfigError, suggestion
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation.cluster import ClusterExecutor
    from tetrarium.evaluation.executors import ExecutorSource
    from tetrarium.workers.processes.remote_runs import RemotePlace

_ON: Final = (
    "'local' for processes of this machine; a Dask scheduler, as tls://HOST:PORT, tcp://HOST:PORT or the path of its "
    "scheduler.json; or a Ray cluster, as ray:auto or ray:HOST:PORT."
)
OnOption = Annotated[str | None, Parameter(name="--on", help=f"Where to play: {_ON} [default: threads]")]
TrainOnOption = Annotated[
    str | None, Parameter(name="--on", help=f"Where to train, in pieces: {_ON} [default: this process]")
]
WorkersOption = Annotated[int | None, Parameter(help="Number of processes, with --on local. [default: one per core]")]
InsecureOption = Annotated[
    bool, Parameter(negative="", help="Allow a tcp:// scheduler beyond this machine: whoever reaches it runs code.")
]
PieceOption = Annotated[
    float | None,
    Parameter(
        name="--piece-s",
        help="With --on, seconds after which a worker returns a run at its next checkpoint. [default: 60]",
    ),
]

_LOCAL: Final = "local"


@contextlib.contextmanager
def open_place(
    home: Home, on: str | None, workers: int | None, *, insecure: bool = False, piece_s: float | None = None
) -> "Iterator[RemotePlace | None]":
    """Gives the place that ``--on`` and its options describe, until the block ends; None for this machine.

    Raises:
        ConfigError: if there is no such place, or an option does not belong to it.
        ExecutorError: if a cluster does not answer or has no worker.
    """
    executor, _ = find_executor(on, workers, insecure=insecure)
    if executor is None or on is None:
        if piece_s is not None:
            raise ConfigError(
                f"--piece-s is the length of pieces that workers train; got {piece_s} with no --on. Pass --on, or omit "
                "it.",
                field="piece_s",
            )
        yield None
        return
    from tetrarium.workers.processes.remote_runs import LEAST_S, RemotePlace
    from tetrarium.workers.processes.shared_executor import SharedExecutor

    name = "processes of this machine" if on == _LOCAL else on
    with contextlib.closing(
        RemotePlace(home, SharedExecutor(executor), name, least_s=LEAST_S if piece_s is None else piece_s)
    ) as place:
        yield place


def find_executor(
    on: str | None, workers: int | None, *, insecure: bool = False
) -> "tuple[ExecutorSource | None, int | None]":
    """Returns the executor and its number of workers that ``--on``, ``--workers`` and ``--insecure`` describe.

    Raises:
        ConfigError: if there is no such place, or ``--workers`` is out of range or not of this machine's processes.
        ExecutorError: if a scheduler does not answer or has no worker.
    """
    if workers is not None and on != _LOCAL:
        given = f"--on {on}" if on else "no --on"
        raise ConfigError(
            f"--workers is the number of processes of --on local; got --workers {workers} with {given}. Pass --on "
            "local, or omit --workers: a scheduler knows its workers.",
            field="workers",
        )
    if workers is not None and not 1 <= workers <= MAX_THREADS:
        raise ConfigError(
            f"--workers is from 1 to {MAX_THREADS}; got {workers}. Pass one in that range.", field="workers"
        )
    if on is None:
        return None, None
    if on == _LOCAL:
        from tetrarium.evaluation.executors import local_processes

        n_workers = workers or min(usable_cores(), MAX_THREADS)
        return local_processes(n_workers), n_workers
    connect = _find_cluster(on, insecure=insecure)
    first = connect()
    connected = [first]
    return lambda: connected.pop() if connected else connect(), min(first.n_workers, MAX_THREADS)


def _find_cluster(on: str, *, insecure: bool) -> "Callable[[], ClusterExecutor]":
    """Returns a function that connects to a cluster.

    Raises:
        ConfigError: if ``on`` is no address of one.
    """
    from tetrarium.evaluation.dask_executor import SCHEDULER_FILE, DaskExecutor, scheduler_address
    from tetrarium.evaluation.ray_executor import SCHEME, RayExecutor, cluster_address

    if on.startswith(SCHEME):
        cluster_address(on)
        return partial(RayExecutor, on, on_unused=_warn)
    if "://" not in on and not on.endswith(SCHEDULER_FILE):
        raise ConfigError(
            f"--on is 'local', tls://HOST:PORT, tcp://HOST:PORT, a scheduler.json, ray:auto or ray:HOST:PORT; got "
            f"{on!r}.{suggestion(on, (_LOCAL, f'{SCHEME}auto'))} Omit it for this process.",
            field="on",
        )
    scheduler_address(on, insecure=insecure)
    return partial(DaskExecutor, on, insecure=insecure, on_unused=_warn)  # reads the file of a new scheduler anew


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr)
