"""Kills during saves of models: saved models exist, and database and folders agree."""

import random
import time
from pathlib import Path

import pytest

from tests.command_processes import FORK_SERVER
from tests.registry.model_store_contract import numbered
from tests.registry.model_writers import INSTANTS, require_consistent, save_and_die, save_for_ever
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.locate(tmp_path / "home")


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_kill_in_the_middle_leaves_the_model_or_nothing(home: Home, instant: str) -> None:
    store = ModelStore(home)
    store.save("slot", numbered(1))
    process = FORK_SERVER.Process(target=save_and_die, args=(home.root, instant))
    process.start()
    process.join(60)

    assert process.exitcode == 9
    is_saved = instant in ("after the file", "after the row")
    assert require_consistent(home) == (["slot@1", "slot@2"] if is_saved else ["slot@1"])
    assert store.save("slot", numbered(3)).number == (3 if is_saved else 2)
    assert not [path for path in home.models.rglob(".*") if path.is_file()]  # swept by the next writer


def keep_killing(home: Home, done: Path, *, n_processes: int, n_kills: int, seed: int) -> int:
    """Kills one of several saving processes after another; returns the number of saved models."""
    draw = random.Random(seed)
    running = []
    for number in range(n_processes):
        running.append(FORK_SERVER.Process(target=save_for_ever, args=(home.root, done / str(number))))
        running[-1].start()
    for number in range(n_kills):
        victim = draw.randrange(n_processes)
        until_s = time.monotonic() + draw.uniform(0.05, 0.6)
        while time.monotonic() < until_s or not (done / str(number % n_processes)).exists():
            time.sleep(0.01)
            assert running[victim].exitcode is None, "a process failed by itself"
        running[victim].kill()
        running[victim].join()
        running[victim] = FORK_SERVER.Process(target=save_for_ever, args=(home.root, done / f"{n_processes + number}"))
        running[victim].start()
    assert all(process.exitcode is None for process in running), "a process failed by itself"
    for process in running:
        process.kill()
        process.join()
    specs = set(require_consistent(home))
    lines = [line.split()[0] for path in done.iterdir() for line in path.read_text().splitlines()]
    trashed = {version.spec for version in ModelStore(home).trash()}
    assert set(lines) <= specs | trashed and len(set(lines)) == len(lines)
    return len(lines)


def test_processes_that_are_killed_while_they_save_lose_nothing(home: Home, tmp_path: Path) -> None:
    done = tmp_path / "done"
    done.mkdir()

    assert keep_killing(home, done, n_processes=3, n_kills=6, seed=1) > 6


@pytest.mark.oracle
def test_eight_processes_for_a_minute(home: Home, tmp_path: Path) -> None:
    done = tmp_path / "done"
    done.mkdir()

    assert keep_killing(home, done, n_processes=8, n_kills=150, seed=2) > 150
