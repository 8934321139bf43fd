"""Puts a ``WorkerServer`` beside a training run, in whichever process that trains."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import zmq

from tetrarium.events import Event
from tetrarium.workers.server import WorkerServer

if TYPE_CHECKING:
    from tetrarium.training.runs.run import TrainingRun

__all__ = ["hosted"]


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
