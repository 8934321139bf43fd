"""Hosts of a ``WorkerServer``, for training and for processes that run until they are stopped."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import zmq

from tetrarium.errors import TetrariumError, error_to_dict
from tetrarium.events import Event
from tetrarium.registry.files.atomic import remove_directory
from tetrarium.registry.files.process_lock import run_lock, start_time
from tetrarium.signals import call_on_stop_signals
from tetrarium.training.runs.control import Control
from tetrarium.workers.protocol.commands import TRAINING, WorkerKind
from tetrarium.workers.protocol.server import WorkerServer
from tetrarium.workers.protocol.status_files import WorkerState

if TYPE_CHECKING:
    from tetrarium.training.runs.run import TrainingRun


_CHECK_STARTER_EVERY_S: Final = 0.5


@contextlib.contextmanager
def hosted(training: "TrainingRun") -> Iterator[Callable[[Event], None]]:
    """Serves a run while it trains; to be passed to ``TrainingRun.execute``.

    If no socket can be bound, or the disk is full, the run trains without a server.
    """
    total_steps = training.config.training_config.total_timesteps
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(WorkerServer(training.folder, TRAINING, training.control, total_steps))
        except (OSError, zmq.ZMQError):
            yield _ignore
        else:
            yield server.publish


def _ignore(_event: Event) -> None:
    """Drops an event, as there are no clients."""


def host_until_stopped(
    folder: Path,
    kind: WorkerKind,
    begin: Callable[[], tuple[Control, Callable[[WorkerServer], None]]],
    *,
    lock: int | None,
    starter: int | None,
) -> int:
    """Serves this process while it runs; returns its exit code.

    The folder is deleted once the process is stopped. If it fails, the folder stays, with the reason in its state.

    Args:
        folder: The process's folder.
        kind: The worker's kind.
        begin: Returns the control, which SIGINT, SIGTERM and SIGHUP stop too, and the function that does the work.
        lock: Descriptor of the folder's lock, if this process inherited it.
        starter: Process with which this one ends; None if it does not depend on another.
    """
    controls: list[Control] = []

    def stop() -> None:
        for control in controls:
            control.request_stop()

    call_on_stop_signals(stop)
    with run_lock(folder, lock, expires=True):
        try:
            control, run = begin()
            controls.append(control)
            if starter is not None:
                threading.Thread(target=_call_after, args=(starter, stop), name="starter", daemon=True).start()
            with WorkerServer(folder, kind, control) as server:
                run(server)
        except Exception as error:
            reason = error_to_dict(error)
            WorkerState(state="failed", message=f"Failed: {reason['error']}", **reason).write(folder)
            if not isinstance(error, TetrariumError):
                raise
            return 1
        with contextlib.suppress(OSError):
            remove_directory(folder)  # under another name first, where nothing restores the lock
    return 0


def _call_after(process: int, function: Callable[[], None]) -> None:
    """Calls a function once a process has ended."""
    started = start_time(process)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # another user's process has its number
        while start_time(process) == started:
            os.kill(process, 0)
            time.sleep(_CHECK_STARTER_EVERY_S)
    function()
