"""Kills during ingestion: no row is lost or duplicated, and no process meets a locked database."""

import contextlib
import random
import sqlite3
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.command_processes import FORK_SERVER
from tests.registry.run_writers import require_up_to_date, write_for_ever
from tetrarium.registry.home import Home


def keep_killing(root: Path, logs: Path, *, n_processes: int, n_kills: int, every_s: float) -> list[int]:
    """Kills one of several writing processes after another; returns the number of games of each run."""
    draw = random.Random(n_processes)

    def begin(place: int, seed: int) -> BaseProcess:
        process = FORK_SERVER.Process(target=write_for_ever, args=(root, f"run-{place}", logs / f"run-{place}", seed))
        process.start()
        return process

    running = [begin(place, 0) for place in range(n_processes)]
    for number in range(n_kills):
        victim = draw.randrange(n_processes)
        until_s = time.monotonic() + every_s * draw.uniform(0.5, 1.5)
        while time.monotonic() < until_s or not (logs / f"run-{victim}").exists():
            time.sleep(0.01)
            assert all(process.exitcode is None for process in running), "a process failed by itself"
        running[victim].kill()
        running[victim].join()
        running[victim] = begin(victim, number % 9 + 1)
    assert all(process.exitcode is None for process in running), "a process failed by itself"
    for process in running:
        process.kill()
        process.join()
    n_games = list(require_up_to_date(Home(root), logs))
    with contextlib.closing(sqlite3.connect(root / "registry.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return n_games


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def test_processes_that_are_killed_while_they_write_games_lose_none(tmp_path: Path, logs: Path) -> None:
    n_games = keep_killing(tmp_path / "home", logs, n_processes=4, n_kills=8, every_s=0.4)

    assert sum(n_games) > 100


@pytest.mark.oracle
def test_eight_processes_for_a_minute(tmp_path: Path, logs: Path) -> None:
    n_games = keep_killing(tmp_path / "home", logs, n_processes=8, n_kills=60, every_s=1.0)

    assert len(n_games) == 8 and sum(n_games) > 8_000
