"""Evaluations of several commands: where they are played, their ledger, and their progress in a display."""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from tetrarium.cli.terminal.compile_notice import notify_compiling
from tetrarium.engine.batches import MAX_THREADS
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.events import EvaluationProgress, KernelsCompiling
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation import Report
    from tetrarium.evaluation.cluster import ClusterExecutor
    from tetrarium.evaluation.executors import ExecutorSource

OnOption = Annotated[
    str | None,
    Parameter(
        name="--on",
        help="Where to play: 'local' for processes of this machine; a Dask scheduler, as tls://HOST:PORT, "
        "tcp://HOST:PORT or the path of its scheduler.json; or a Ray cluster, as ray:auto or ray:HOST:PORT. "
        "[default: threads]",
    ),
]
WorkersOption = Annotated[int | None, Parameter(help="Number of processes, with --on local. [default: one per core]")]
InsecureOption = Annotated[
    bool, Parameter(negative="", help="Allow a tcp:// scheduler beyond this machine: whoever reaches it runs code.")
]
FreshOption = Annotated[
    bool, Parameter(negative="", help="Play all games again instead of continuing an earlier evaluation.")
]

_LOCAL: Final = "local"
_ESTIMATE_AFTER_S: Final = 10.0


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

        n_workers = workers or min(os.cpu_count() or 1, MAX_THREADS)
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
            f"{on!r}.{suggestion(on, (_LOCAL, f'{SCHEME}auto'))} Omit it for threads.",
            field="on",
        )
    scheduler_address(on, insecure=insecure)
    return partial(DaskExecutor, on, insecure=insecure, on_unused=_warn)  # reads the file of a new scheduler anew


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def evaluate_in(
    display: Any,
    policy: Any,
    config: EnvConfig,
    n_games: int,
    seed: int,
    *,
    max_pieces: int | None = None,
    home: Home | None = None,
    on: str | None = None,
    workers: int | None = None,
    insecure: bool = False,
    fresh: bool = False,
) -> "Report":
    """Evaluates a policy and shows the progress.

    Args:
        display: Receives events.
        policy: As for ``evaluate``; and the next ones.
        config: The game.
        n_games: Number of games.
        seed: Their seed.
        max_pieces: Piece limit of a game.
        home: Home with the ledgers; None for none. One that cannot be written gets none.
        on: Value of ``--on``.
        workers: Value of ``--workers``.
        insecure: Value of ``--insecure``.
        fresh: Whether to play all games again.
    """
    from tetrarium.evaluation import evaluate
    from tetrarium.evaluation.evaluator import piece_limit

    executor, n_workers = find_executor(on, workers, insecure=insecure)
    on_progress = _Progress(display.handle, n_games, piece_limit(config, max_pieces))
    with notify_compiling(lambda: display.handle(KernelsCompiling())):
        return evaluate(
            policy,
            config,
            n_games,
            seed,
            max_pieces=max_pieces,
            n_threads=n_workers,
            on_progress=on_progress,
            executor=executor,
            ledger=None if home is None else _writable(home.evaluations),
            fresh=fresh,
        )


class _Progress:
    """Progress function that handles events with the estimated time left, and reports a continued evaluation."""

    def __init__(self, handle: Callable[[EvaluationProgress], None], n_games: int, max_pieces: int) -> None:
        self._handle = handle
        self._n_games = n_games
        self._max_pieces = max_pieces
        self._started: tuple[float, float] | None = None  # time, and share that was done then

    def __call__(self, n_pieces: int, n_finished: int) -> None:
        from tetrarium.evaluation.evaluator import share_done

        now_s, done = time.monotonic(), share_done(n_pieces, n_finished, self._n_games, self._max_pieces)
        if self._started is None:
            self._started = now_s, done
            if n_pieces > 0:
                print(
                    f"Continuing an earlier evaluation: {n_finished:,} of {self._n_games:,} games and {n_pieces:,} "
                    "pieces were played. Pass --fresh to play them again.",
                    file=sys.stderr,
                )
        started_s, done_at_start = self._started
        left_s = None
        if now_s - started_s > _ESTIMATE_AFTER_S and done > done_at_start:
            left_s = (now_s - started_s) * (1 - done) / (done - done_at_start)
        self._handle(
            EvaluationProgress(games_done=n_finished, n_games=self._n_games, pieces_total=n_pieces, seconds_left=left_s)
        )


def _writable(folder: Path) -> Path | None:
    """Returns a folder if it can be written or created, else None."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return folder if os.access(existing, os.W_OK) else None
