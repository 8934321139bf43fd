"""Contract of ``RunStore`` as tests, inherited by one class for each kind of home."""

import csv
import itertools
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tetrarium.registry.home import Home
from tetrarium.registry.run_store import RunStore
from tetrarium.registry.run_tables import EPISODES

SUMMARY = {
    "mark": "m", "state": "stopped", "step": 5, "total_steps": 9, "error": "", "message": "", "algorithm": "dqn",
    "preset": None, "seed": 1, "started": "2026-01-01T00:00:00+00:00", "seconds": 1.5,
    "evaluated_seconds": 0.5, "training_mean": None, "training_n_ended": 1, "training_n_running": 2,
    "best_lines_game": 3, "games_ended": 2, "games_lost": 2, "last_loss_step": None, "losses_per_10000_pieces": 4.0,
    "evaluation": {"step": 5}, "steps_per_second": None, "command": "tetrarium train",
    "group": "rates", "tags": ["good"], "note": "", "changed_settings": {"gamma": 0.8}, "times": {"playing": 1.5},
    "checkpoints": [3, 5], "has_best": True, "is_alive": False,
}  # fmt: skip


def episode(number: int, salt: int = 0) -> str:
    """Returns a row that contains its number; ``salt`` makes a different one of the same length."""
    return f"{20 * number},{number % 4},{number / 4},{number % 7},{number},0,{number // 100}.{salt}\n"


def write_episodes(folder: Path, rows: Sequence[str], mode: str = "w") -> None:
    """Writes or appends to a run's ``episodes.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "episodes.csv").open(mode) as file:
        file.write("".join([EPISODES.header.decode() if mode == "w" else "", *rows]))


def n_known(store: RunStore, name: str) -> int:
    """Returns the number of a run's games in the database."""
    return int(sum(store.episode_curve(name, 1)["n_games"]))


def known_rows(home: Home, name: str) -> list[tuple[float, ...]]:
    """Returns the rows of a run's games in the database."""
    columns = ", ".join(EPISODES.column_names)
    query = f"SELECT {columns} FROM {EPISODES.name} WHERE run_id = (SELECT id FROM runs WHERE name = ?) ORDER BY number"
    with closing(sqlite3.connect(home.root / "registry.db")) as connection:
        return connection.execute(query, (name,)).fetchall()


def written_episodes(folder: Path) -> list[tuple[float, ...]]:
    """Returns the complete rows of a run's ``episodes.csv``."""
    lines = (folder / "episodes.csv").read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [tuple(float(value) for value in row) for row in itertools.islice(csv.reader(whole), 1, None)]


class RunStoreContract:
    """Inherited by one class for each kind of home."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        raise NotImplementedError

    @pytest.fixture
    def store(self, home: Home) -> RunStore:
        return RunStore(home)

    @pytest.fixture
    def folder(self, home: Home) -> Path:
        folder = home.runs / "one"
        write_episodes(folder, [episode(number) for number in range(3_000)])
        (folder / "config.json").write_text('{"seed": 7}')
        return folder

    def require_up_to_date(self, store: RunStore, folder: Path) -> None:
        """Compares every row and every bucket in the database with the file."""
        written = written_episodes(folder)
        assert known_rows(store.home, folder.name) == written
        for n_points in (1, 7, 60, 10**6):
            curve = store.episode_curve(folder.name, n_points)
            assert len(curve["step"]) == len(curve["n_games"]) <= max(n_points, 1)
            ends = list(itertools.accumulate(int(n) for n in curve["n_games"]))
            groups = [written[end - int(n) : end] for end, n in zip(ends, curve["n_games"], strict=True)]
            assert sum(len(group) for group in groups) == len(written)
            assert curve["step"] == [group[0][0] for group in groups]
            assert curve["max_lines_game"] == [max(row[3] for row in group) for group in groups]
            assert curve["min_pieces_game"] == [min(row[4] for row in group) for group in groups]
            means = [sum(row[2] for row in group) / len(group) for group in groups]
            assert curve["mean_reward_game"] == pytest.approx(means)

    def test_rows_are_ingested(self, store: RunStore, folder: Path) -> None:
        assert store.ingest("one")

        self.require_up_to_date(store, folder)
        assert n_known(store, "one") == 3_000
        assert store.episode_curve("one", 3)["n_games"] == [1_024, 1_024, 952]
        assert len(store.episode_curve("one", 600)["step"]) == 600

    def test_new_rows_are_ingested_once(self, store: RunStore, folder: Path) -> None:
        store.ingest("one")
        for first, after in itertools.pairwise((3_000, 3_001, 3_031, 3_072, 5_120, 5_121)):
            write_episodes(folder, [episode(number) for number in range(first, after)], "a")
            assert store.ingest("one") and store.ingest("one")
            assert n_known(store, "one") == after
        self.require_up_to_date(store, folder)

    def test_a_row_counts_once_it_is_complete(self, store: RunStore, folder: Path) -> None:
        write_episodes(folder, [episode(3_000)[:-1]], "a")
        store.ingest("one")
        assert n_known(store, "one") == 3_000
        write_episodes(folder, ["\n"], "a")
        store.ingest("one")
        assert n_known(store, "one") == 3_001
        self.require_up_to_date(store, folder)

    def test_malformed_rows_are_skipped(self, store: RunStore, folder: Path) -> None:
        bad = ["1,2\n", "\n", "x,0,0.0,0,0,0,0.0\n", "1,0,nan,0,0,0,0.0\n", f"{2**63},0,0.0,0,0,0,0.0\n", "\xff\n"]
        write_episodes(folder, [*bad, episode(3_000), *bad], "a")
        assert store.ingest("one")
        write_episodes(folder, [episode(3_001)], "a")
        assert store.ingest("one")
        assert known_rows(store.home, "one")[-2:] == [
            (60_000, 0, 750.0, 4, 3_000, 0, 30.0), (60_020, 1, 750.25, 5, 3_001, 0, 30.0),
        ]  # fmt: skip

    @pytest.mark.parametrize("kept", [0, 1, 1_000, 1_023, 1_024, 2_500])
    def test_truncated_rows_are_deleted(self, store: RunStore, folder: Path, kept: int) -> None:
        store.ingest("one")
        rows = [episode(number) for number in range(kept)]
        again = folder.with_name("again")
        write_episodes(again, [*rows, *(episode(number, salt=1) for number in range(kept, kept + 1_000))])
        (again / "episodes.csv").rename(folder / "episodes.csv")  # as a resumed run replaces it
        again.rmdir()
        assert store.ingest("one")
        self.require_up_to_date(store, folder)

    def test_changed_rows_of_the_same_length_are_noticed(self, store: RunStore, folder: Path) -> None:
        store.ingest("one")
        write_episodes(folder, [episode(number, salt=int(number > 1_500)) for number in range(3_000)])
        assert store.ingest("one")
        self.require_up_to_date(store, folder)

    def test_a_missing_table_is_noticed(self, store: RunStore, folder: Path) -> None:
        store.ingest("one")
        (folder / "episodes.csv").unlink()
        assert store.ingest("one")
        assert n_known(store, "one") == 0 and store.episode_curve("one", 10)["step"] == []
        (folder / "episodes.csv").write_text("something,else\n1,2\n")
        assert store.ingest("one")
        assert n_known(store, "one") == 0

    def test_a_large_table_is_ingested_in_batches(self, store: RunStore, folder: Path) -> None:
        write_episodes(folder, [episode(number) for number in range(40_000)])
        assert not store.ingest("one", max_batches=1)
        part = n_known(store, "one")
        assert 20_000 < part < 40_000
        assert store.ingest("one")
        self.require_up_to_date(store, folder)

    def test_a_deleted_run_is_deleted_from_the_database(self, store: RunStore, home: Home, folder: Path) -> None:
        store.ingest("one")
        shutil.rmtree(folder)
        assert store.ingest("one")
        assert "one" not in store.summaries() and known_rows(home, "one") == []
        assert n_known(store, "one") == 0
        write_episodes(folder, [episode(1)])
        store.ingest("one")
        store.update({}, ["one"])  # an existing run is not deleted
        self.require_up_to_date(store, folder)

    def test_summaries_are_stored(self, store: RunStore, folder: Path) -> None:
        store.ingest("one")
        store.update({"one": SUMMARY | {"config": {"seed": 1}}, "two": SUMMARY | {"state": "crashed", "config": {}}})
        found = store.summaries()
        assert found["one"] == SUMMARY | {"name": "one"} and found["two"]["state"] == "crashed"
        store.update({"one": SUMMARY | {"state": "finished"}, "odd": SUMMARY | {"seed": 2**70, "command": ["x"]}})
        assert store.summaries()["one"]["state"] == "finished" and "odd" not in store.summaries()
        assert n_known(store, "one") == 3_000

    def test_another_process_sees_the_same(self, store: RunStore, home: Home, folder: Path) -> None:
        other = RunStore(home)
        other.ingest("one")
        write_episodes(folder, [episode(3_000)], "a")
        store.ingest("one")
        assert n_known(other, "one") == 3_001
        self.require_up_to_date(other, folder)
