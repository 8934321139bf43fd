"""Evaluation on an ``Executor`` of the standard library: processes of this machine, or those of a cluster.

A slice that is lost because its process ended is played again, with the same result.
"""

import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from tetrarium.errors import ConfigError, ExecutorError, PolicyError
from tetrarium.evaluation.cluster import ClusterExecutor
from tetrarium.evaluation.work_queue import GameStates, PlayedSlice, Slice, SliceRunner, Task, WorkQueue
from tetrarium.registry.files.process_lock import is_stopped

ExecutorSource = Executor | Callable[[], Executor]  # an Executor, or a function that makes one and can replace it

SLICE_S: Final = 1.0  # sending a slice takes milliseconds
_SLICES_PER_S: Final = 50  # of all workers together; a scheduler takes some hundred
_AHEAD: Final = 2  # slices sent for each worker, so that none waits for the next one
_MAX_LOSSES: Final = 3  # executors that broke one after another, without a slice played
_CHECK_EVERY_S: Final = 0.1
_OVERDUE_S: Final = 30.0  # after which another worker plays a slice, too; from the third on twice as long each time
_OVERDUE_SLICES: Final = 10.0  # at least so many times the time that a slice shall take
_memory: Final = threading.local()  # of one thread of a worker: the latest task and its runner


@dataclass(slots=True, kw_only=True)
class ExecutorStatus:
    """Workers of an executor, and slices that they did not return in time."""

    n_workers: int
    n_lost: int = 0  # slices that ended with their worker
    n_repeated: int = 0  # slices that were sent to a second worker, because the first may hang


def play_on_executor(
    queue: WorkQueue, task: Task, source: ExecutorSource, status: ExecutorStatus, on_wait: Callable[[], None]
) -> None:
    """Plays slices until every game is finished.

    Args:
        queue: The games.
        task: The evaluation.
        source: Where slices are played.
        status: Number of its workers; updated.
        on_wait: Called several times per second; its exceptions end the evaluation.

    Raises:
        PolicyError: if the policy cannot be pickled.
        ExecutorError: if the executor broke and cannot be replaced.
    """
    pickled = _pickled(task)
    n_losses = 0
    while not queue.is_done:
        n_pieces = queue.n_pieces
        with contextlib.ExitStack() as stack:
            executor = source
            if not isinstance(executor, Executor):
                executor = executor()
                if not isinstance(executor, Executor):
                    raise ConfigError(
                        f"executor makes an Executor of concurrent.futures; got {executor!r:.80}. Return one.",
                        field="executor",
                    )
                stack.callback(executor.shutdown, wait=True, cancel_futures=True)
            try:
                _play(queue, pickled, executor, status, on_wait)
            except BrokenExecutor as error:
                n_losses = n_losses + 1 if queue.n_pieces == n_pieces else 1
                if executor is source or n_losses > _MAX_LOSSES:
                    raise ExecutorError(
                        "Slices are played by workers that stay alive; one ended, and the executor takes no more "
                        f"({type(error).__name__}). Make a new executor and evaluate again; with a ledger, the "
                        "evaluation continues."
                    ) from error


@dataclass(slots=True)
class _SentSlice:
    """Slice that a worker plays, and further ones if the workers before may be lost."""

    slice: Slice
    sent_s: float = 0.0
    n_sent: int = 0
    is_returned: bool = False

    def is_overdue(self, slice_s: float) -> bool:
        """Returns whether its worker may hang: one that compiles kernels takes a minute."""
        limit_s = max(_OVERDUE_S, _OVERDUE_SLICES * slice_s) * 2.0 ** max(0, self.n_sent - 2)
        return time.monotonic() - self.sent_s > limit_s


def _play(
    queue: WorkQueue, task: bytes, executor: Executor, status: ExecutorStatus, on_wait: Callable[[], None]
) -> None:
    sent: dict[Future[PlayedSlice], _SentSlice] = {}

    def give_back(returned: _SentSlice, played: PlayedSlice | None) -> None:
        if not returned.is_returned:
            returned.is_returned = True
            queue.give_back(returned.slice, played)

    def send(shared: _SentSlice) -> None:
        shared.sent_s = time.monotonic()
        shared.n_sent += 1
        try:
            future = executor.submit(_play_slice, task, shared.slice.states, shared.slice.n_pieces)
        except BaseException:
            give_back(shared, None)
            raise
        sent[future] = shared

    try:
        while not queue.is_done:
            if isinstance(executor, ClusterExecutor):
                executor.check()
                status.n_workers = executor.n_workers
            queue.suit(status.n_workers, max(1.0, status.n_workers / _SLICES_PER_S))
            awaited = list({id(each): each for each in sent.values() if not each.is_returned}.values())
            overdue = [each for each in awaited if each.is_overdue(queue.slice_s or 0.0)]
            if overdue and isinstance(executor, LocalProcesses):
                executor.kill_stopped()
            for _ in range(_AHEAD * status.n_workers - (len(awaited) - len(overdue))):
                if (taken := queue.take(wait=False)) is not None:
                    send(_SentSlice(taken))
                elif overdue:
                    send(overdue.pop())
                    status.n_repeated += 1
                else:
                    break
            done, _ = wait(sent, timeout=_CHECK_EVERY_S, return_when=FIRST_COMPLETED)
            for future in done:
                played = future.result()
                give_back(sent.pop(future), played)
            on_wait()
    finally:
        status.n_lost += len({id(lost) for lost in sent.values() if not lost.is_returned})
        for future, lost in sent.items():
            future.cancel()
            give_back(lost, None)


def _play_slice(task: bytes, states: GameStates, n_pieces: int) -> PlayedSlice:
    """Plays a slice in a worker, which keeps the runner of the latest task."""
    if getattr(_memory, "task", None) != task:
        _memory.runner = SliceRunner(_unpickled(task))
        _memory.task = task
    runner: SliceRunner = _memory.runner
    return runner.play(states, n_pieces)


def _pickled(task: Task) -> bytes:
    try:
        return pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise PolicyError(
            f"A policy that other processes play can be pickled; {task.policy.name!r} cannot ({error}). Define its "
            "class in a module, or evaluate without an executor."
        ) from error


def _unpickled(task: bytes) -> Task:
    try:
        unpickled: Task = pickle.loads(task)  # noqa: S301 from the process that evaluates
    except (ImportError, AttributeError) as error:
        raise PolicyError(
            f"Workers load the class of a policy; one could not ({error}). Install its module where workers run."
        ) from error
    return unpickled


def local_processes(n_workers: int) -> Callable[[], Executor]:
    """Returns a function that starts processes on this machine, which end with this one."""
    return functools.partial(LocalProcesses, n_workers)


class LocalProcesses(ProcessPoolExecutor):
    """Processes on this machine, which end with this one.

    One that a signal stops would keep its call forever, and may hold the queue of calls, for which others then wait.

    Args:
        n_workers: Their number.
    """

    def __init__(self, n_workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        inherited, self._alive = context.Pipe(duplex=False)
        super().__init__(n_workers, mp_context=context, initializer=_start_worker, initargs=(inherited,))

    def kill(self) -> None:
        """Ends the processes at once; ``shutdown`` lets them return what they work on."""
        self._alive.close()
        self.kill_stopped()

    def kill_stopped(self) -> None:
        """Kills those processes that a signal has stopped, which breaks the executor."""
        for process in tuple((self._processes or {}).values()):
            if process.pid is not None and is_stopped(process.pid):
                process.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes once they have returned what they work on."""
        self.kill_stopped()
        super().shutdown(wait, cancel_futures=cancel_futures)


def _start_worker(alive: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent ends the workers
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()


def _end_with_parent(alive: Connection) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel, alive])
    os._exit(1)
