"""Processes that write games as runs do, have them taken in, and read lists and curves, until they are killed."""

import itertools
import multiprocessing
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.registry.run_contract import episode, known_rows, n_known, written_episodes
from tetrarium.registry.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.registry.record_files import EPISODES
from tetrarium.registry.runs import RunStore
from tetrarium.workers.directory import list_runs, read_episodes

SERVER: Final = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.registry.run_writers"])
CONFIG: Final = (
    '{"started": "2026-01-01", "training_config": {"algorithm": "dqn", "seed": 1, "total_timesteps": 9}, '
    '"env_config": {}}'
)
CUT: Final = -1


def write_for_ever(root: Path, name: str, log: Path, seed: int) -> None:
    """Writes a run's games, and a line into ``log`` with how many of them the registry has for certain.

    A run that is there goes on as one that is resumed: what is later than some row is cut off first.
    """
    draw, home = random.Random(seed), Home(root)
    folder, store = home.runs / name, RunStore(home)
    path = folder / "episodes.csv"
    with log.open("a") as told:

        def tell(n_rows: int) -> None:
            told.write(f"{n_rows}\n")
            told.flush()

        tell(CUT)
        n_rows = _begin(folder, draw)
        for turn in itertools.count():
            n_new = draw.randrange(1, 400)
            _add(path, "".join(episode(number, salt=seed) for number in range(n_rows, n_rows + n_new)).encode(), draw)
            n_rows += n_new
            store.take_in(name)
            tell(n_rows)
            names = sorted(view.name for view in list_runs(home))
            assert name in names
            if turn % 3 == 0:
                curve = read_episodes(home, draw.choice(names), draw.choice((10, 600)))
                assert curve["step"] == sorted(curve["step"])


def _begin(folder: Path, draw: random.Random) -> int:
    path = folder / "episodes.csv"
    if not folder.exists():
        hidden = folder.with_name(f".{folder.name}")
        hidden.mkdir(parents=True, exist_ok=True)
        (hidden / "config.json").write_text(CONFIG)
        (hidden / "episodes.csv").write_bytes(EPISODES.header)
        hidden.rename(folder)
        return 0
    whole = [line for line in path.read_bytes().splitlines(keepends=True)[1:] if line.endswith(b"\n")]
    n_kept = draw.randrange(len(whole) + 1)
    write_file(path, EPISODES.header + b"".join(whole[:n_kept]))
    return n_kept


def _add(path: Path, rows: bytes, draw: random.Random) -> None:
    """Adds rows by two calls, so that a reader or a kill may come in the middle of one."""
    middle = draw.randrange(len(rows))
    with path.open("ab", buffering=0) as file:
        file.write(rows[:middle])
        file.write(rows[middle:])


def certain(log: Path) -> int:
    """How many rows the registry has for certain, by what a process told."""
    told = [int(line) for line in log.read_text().split("\n")[:-1]]
    return 0 if not told or told[-1] == CUT else told[-1]


def require_level(home: Home, logs: Path) -> Iterator[int]:
    """Holds the registry against files and logs after whatever happened; yields how many games each run has."""
    store = RunStore(home)
    for log in logs.iterdir():
        assert n_known(store, log.name) >= certain(log)
        store.take_in(log.name)
        if (home.runs / log.name).is_dir():
            written = written_episodes(home.runs / log.name)
            assert known_rows(home, log.name) == written
            for n_points in (7, 600, 10**6):
                assert sum(store.curve(log.name, n_points)["n_games"]) == len(written)
            yield len(written)
