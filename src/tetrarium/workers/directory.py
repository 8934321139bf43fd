"""What runs there are, and what each has come to, read from their folders alone."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import BEST, checkpoint_steps, is_locked
from tetrarium.workers.files import UNDER_WAY, WorkerState, read_state

__all__ = ["RunView", "list_runs", "read_config", "read_evaluations", "read_progress", "read_run"]

DEAD: Final = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run, as it stands."""

    name: str
    state: str  # as ``StateChanged``, or "dead": its process ended without a word
    step: int
    total_steps: int
    error: str
    message: str
    algorithm: str
    preset: str | None
    seed: int
    started: str | None  # ISO 8601
    seconds: float  # of training
    mean_lines_game: float | None
    best_lines_game: int | None
    games_ended: int | None
    steps_per_second: float | None
    command: str
    checkpoints: tuple[int, ...]
    has_best: bool
    is_alive: bool


def list_runs(home: Home) -> list[RunView]:
    """Returns all runs of a home, those that were started last first; folders that hold none are left out."""
    raise NotImplementedError


def read_run(home: Home, name: str) -> RunView:
    """Returns one run.

    Raises:
        HomeError: if there is none of that name.
    """
    raise NotImplementedError


def read_config(home: Home, name: str) -> dict[str, Any]:
    """Returns what a run was started with, as its ``config.json`` has it.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    raise NotImplementedError


def read_progress(home: Home, name: str, max_points: int = 600) -> dict[str, list[float | None]]:
    """Returns the columns of a run's ``progress.csv``, thinned out evenly to so many rows, the last one among them.

    Raises:
        HomeError: if there is no such run.
    """
    raise NotImplementedError


def read_evaluations(home: Home, name: str) -> list[dict[str, float]]:
    """Returns the rows of a run's ``evaluations.csv``.

    Raises:
        HomeError: if there is no such run.
    """
    raise NotImplementedError
