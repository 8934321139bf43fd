"""A worker server in the test's own process, and a helper that waits for a condition."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.training.runs.control import Control
from tetrarium.workers.protocol.commands import TRAINING, WorkerKind
from tetrarium.workers.protocol.server import WorkerServer

LIMIT_S = 150.0
Value = TypeVar("Value")


@contextlib.contextmanager
def listening(folder: Path, kind: WorkerKind = TRAINING) -> Iterator[tuple[WorkerServer, Control]]:
    """Runs a server in a folder, and holds the folder's lock as a worker does."""
    folder.mkdir(exist_ok=True)
    control = Control()
    lock = acquire_lock(folder)
    try:
        with WorkerServer(folder, kind, control, total_steps=100) as server:
            yield server, control
    finally:
        os.close(lock)


def wait_for(look: Callable[[], Value | None], limit_s: float = LIMIT_S) -> Value:
    """Calls a function until its result is true; returns the result."""
    deadline_s = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline_s, "timed out"
        time.sleep(0.005)


def board(**changes: Any) -> dict[str, Any]:
    """Returns the fields of a ``BoardShown`` event of a small board."""
    return {"width": 4, "height": 4, "cells": "." * 32, "queue": (0, 1), "lines_game": 0, "pieces_game": 0} | changes
