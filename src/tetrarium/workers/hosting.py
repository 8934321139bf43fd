"""Puts a ``WorkerServer`` beside a training run, in whichever process that trains."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tetrarium.events import Event
from tetrarium.workers.server import WorkerServer

if TYPE_CHECKING:
    from tetrarium.training.runs.run import TrainingRun

__all__ = ["hosted"]


@contextlib.contextmanager
def hosted(training: "TrainingRun") -> Iterator[Callable[[Event], None]]:
    """Lets others watch and control a run; to be passed to ``TrainingRun.execute``."""
    total_steps = training.config.training_config.total_timesteps
    with WorkerServer(training.folder, "training", training.control, total_steps) as server:
        yield server.publish
