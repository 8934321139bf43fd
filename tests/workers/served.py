"""A worker that only listens, in the test's own process, and what waits for things to come about."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tetrarium.training.runs.control import Control
from tetrarium.training.runs.folder import take_lock
from tetrarium.workers.server import WorkerServer

LIMIT_S = 150.0
Value = TypeVar("Value")


@contextlib.contextmanager
def listening(folder: Path, kind: str = "training") -> Iterator[tuple[WorkerServer, Control]]:
    """Serves a folder, whose lock is held as a worker's is."""
    folder.mkdir(exist_ok=True)
    control = Control()
    lock = take_lock(folder)
    try:
        with WorkerServer(folder, kind, control, total_steps=100) as server:
            yield server, control
    finally:
        os.close(lock)


def wait_for(look: Callable[[], Value | None], limit_s: float = LIMIT_S) -> Value:
    """Looks until there is something that is true."""
    deadline_s = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline_s, "it did not come"
        time.sleep(0.005)


def board(**changes: Any) -> dict[str, Any]:
    """What a small board's message holds."""
    return {"width": 4, "height": 4, "cells": "." * 32, "queue": (0, 1), "lines_game": 0, "pieces_game": 0} | changes
