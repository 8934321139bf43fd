"""Processes that write and ingest games, and read lists and curves, until they are killed."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.registry.run_store_contract import episode, known_rows, n_known, written_episodes
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_tables import EPISODES
from tetrarium.workers.directories.run_views import list_runs, read_episodes

CONFIG: Final = (
    '{"started": "2026-01-01", "training_config": {"algorithm": "dqn", "seed": 1, "total_timesteps": 9}, '
    '"env_config": {}}'
)
CUT: Final = -1


def write_for_ever(root: Path, name: str, log: Path, seed: int) -> None:
    """Writes a run's games, and into ``log`` the number of rows that were ingested.

    An existing run continues as a resumed one does: its rows are truncated first.
    """
    draw, home = random.Random(seed), Home(root)
    folder, store = home.runs / name, RunStore(home)
    path = folder / "episodes.csv"
    with log.open("a") as reports:

        def report(n_rows: int) -> None:
            reports.write(f"{n_rows}\n")
            reports.flush()

        report(CUT)
        n_rows = _begin(folder, draw)
        for turn in itertools.count():
            n_new = draw.randrange(1, 400)
            _add(path, "".join(episode(number, salt=seed) for number in range(n_rows, n_rows + n_new)).encode(), draw)
            n_rows += n_new
            store.ingest(name)
            report(n_rows)
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
    """Appends rows by two calls, so that a reader or a kill may fall between them."""
    middle = draw.randrange(len(rows))
    with path.open("ab", buffering=0) as file:
        file.write(rows[:middle])
        file.write(rows[middle:])


def certain(log: Path) -> int:
    """Returns the number of rows that a process reported as ingested."""
    reported = [int(line) for line in log.read_text().split("\n")[:-1]]
    return 0 if not reported or reported[-1] == CUT else reported[-1]


def require_up_to_date(home: Home, logs: Path) -> Iterator[int]:
    """Compares the registry with files and logs; yields the number of games of each run."""
    store = RunStore(home)
    for log in logs.iterdir():
        assert n_known(store, log.name) >= certain(log)
        store.ingest(log.name)
        if (home.runs / log.name).is_dir():
            written = written_episodes(home.runs / log.name)
            assert known_rows(home, log.name) == written
            for n_points in (7, 600, 10**6):
                assert sum(store.episode_curve(log.name, n_points)["n_games"]) == len(written)
            yield len(written)
