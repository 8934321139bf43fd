"""Puts a ``WorkerServer`` beside what a process does: training, or a game that lasts until it is stopped."""

import contextlib
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from tetrarium.errors import TetrariumError
from tetrarium.events import Event
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.folder import only_trainer
from tetrarium.workers.files import WorkerState
from tetrarium.workers.server import WorkerServer

if TYPE_CHECKING:
    from tetrarium.training.runs.run import TrainingRun

__all__ = ["host_until_stopped", "hosted"]


@contextlib.contextmanager
def hosted(training: "TrainingRun") -> Iterator[Callable[[Event], None]]:
    """Lets others watch and control a run; to be passed to ``TrainingRun.execute``.

    Where the system lets nobody listen, or has no room for a file, the run trains by itself.
    """
    total_steps = training.config.training_config.total_timesteps
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(WorkerServer(training.folder, "training", training.control, total_steps))
        except (OSError, zmq.ZMQError):
            yield _ignore
        else:
            yield server.publish


def _ignore(_event: Event) -> None:
    """Nobody can hear it."""


def host_until_stopped(
    folder: Path, kind: str, begin: Callable[[], tuple[Control, Callable[[WorkerServer], None]]], *, lock: int | None
) -> int:
    """Lets others watch and control what this process does; returns its exit code.

    Stopped, the folder is gone; of what failed it stays, with the reason.

    Args:
        folder: The process's.
        kind: As ``Address.kind``.
        begin: Gives what is controlled, which signals stop too, and what does it.
        lock: The folder's, if this process was started with it.
    """
    controls: list[Control] = []

    def stop(*_: object) -> None:
        for control in controls:
            control.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with only_trainer(folder, lock):
        try:
            control, run = begin()
            controls.append(control)
            with WorkerServer(folder, kind, control) as server:
                run(server)
        except Exception as error:
            text = str(error) or type(error).__name__
            WorkerState(state="failed", message=f"Failed: {text}", error=text).write(folder)
            if not isinstance(error, TetrariumError):
                raise
            return 1
        shutil.rmtree(folder, ignore_errors=True)
    return 0
