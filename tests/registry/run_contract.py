"""What a store of runs promises, whatever database it finds, as tests that each of its situations inherits."""

import csv
import itertools
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tetrarium.registry.home import Home
from tetrarium.registry.record_files import EPISODES, EVALUATIONS, Record
from tetrarium.registry.runs import RunStore

STANDING = {
    "mark": "m", "state": "stopped", "step": 5, "total_steps": 9, "error": "", "message": "", "algorithm": "dqn",
    "preset": None, "seed": 1, "started": "2026-01-01T00:00:00+00:00", "seconds": 1.5, "mean_lines_game": None,
    "best_lines_game": 3, "games_ended": 2, "steps_per_second": None, "command": "tetrarium train",
    "checkpoints": [3, 5], "has_best": True, "is_alive": False,
}  # fmt: skip


def episode(number: int, salt: int = 0) -> str:
    """A row that tells its number; ``salt`` makes it another of the same length."""
    return f"{20 * number},{number % 4},{number / 4},{number % 7},{number},0,{number // 100}.{salt}\n"


def write_episodes(folder: Path, rows: Sequence[str], mode: str = "w") -> None:
    """Writes a run's games, or adds some."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "episodes.csv").open(mode) as file:
        file.write("".join([EPISODES.header.decode() if mode == "w" else "", *rows]))


def n_known(store: RunStore, name: str) -> int:
    """How many of a run's games the database knows."""
    return int(sum(store.curve(name, 1)["n_games"]))


def known_rows(home: Home, name: str, record: Record = EPISODES) -> list[tuple[float, ...]]:
    """The rows of one of a run's files in the database, as they stand there."""
    columns = ", ".join(record.columns)
    query = f"SELECT {columns} FROM {record.name} WHERE run_id = (SELECT id FROM runs WHERE name = ?) ORDER BY number"
    with closing(sqlite3.connect(home.root / "registry.db")) as connection:
        return connection.execute(query, (name,)).fetchall()


def written_episodes(folder: Path) -> list[tuple[float, ...]]:
    """The same as the file has them, without a row in whose middle its writer was killed."""
    lines = (folder / "episodes.csv").read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [tuple(float(value) for value in row) for row in itertools.islice(csv.reader(whole), 1, None)]


class RunStoreContract:
    """Inherited by one class for each way in which a home may have come to be."""

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

    def require_level(self, store: RunStore, folder: Path) -> None:
        """Holds every row and every sum in the database against the file."""
        written = written_episodes(folder)
        assert known_rows(store.home, folder.name) == written
        for n_points in (1, 7, 60, 10**6):
            curve = store.curve(folder.name, n_points)
            assert len(curve["step"]) == len(curve["n_games"]) <= max(n_points, 1)
            ends = list(itertools.accumulate(int(n) for n in curve["n_games"]))
            groups = [written[end - int(n) : end] for end, n in zip(ends, curve["n_games"], strict=True)]
            assert sum(len(group) for group in groups) == len(written)
            assert curve["step"] == [group[0][0] for group in groups]
            assert curve["max_lines_game"] == [max(row[3] for row in group) for group in groups]
            assert curve["min_pieces_game"] == [min(row[4] for row in group) for group in groups]
            means = [sum(row[2] for row in group) / len(group) for group in groups]
            assert curve["mean_reward_game"] == pytest.approx(means)

    def test_what_runs_write_is_taken_in(self, store: RunStore, folder: Path) -> None:
        assert store.take_in("one")

        self.require_level(store, folder)
        assert n_known(store, "one") == 3_000
        assert store.curve("one", 3)["n_games"] == [1_024, 1_024, 952]
        assert len(store.curve("one", 600)["step"]) == 600

    def test_what_is_new_is_taken_in_once(self, store: RunStore, folder: Path) -> None:
        store.take_in("one")
        for first, after in itertools.pairwise((3_000, 3_001, 3_031, 3_072, 5_120, 5_121)):
            write_episodes(folder, [episode(number) for number in range(first, after)], "a")
            assert store.take_in("one") and store.take_in("one")
            assert n_known(store, "one") == after
        self.require_level(store, folder)

    def test_a_row_counts_once_it_is_whole(self, store: RunStore, folder: Path) -> None:
        write_episodes(folder, [episode(3_000)[:-1]], "a")
        store.take_in("one")
        assert n_known(store, "one") == 3_000
        write_episodes(folder, ["\n"], "a")
        store.take_in("one")
        assert n_known(store, "one") == 3_001
        self.require_level(store, folder)

    def test_what_is_no_row_is_left_out(self, store: RunStore, folder: Path) -> None:
        bad = ["1,2\n", "\n", "x,0,0.0,0,0,0,0.0\n", "1,0,nan,0,0,0,0.0\n", f"{2**63},0,0.0,0,0,0,0.0\n", "\xff\n"]
        write_episodes(folder, [*bad, episode(3_000), *bad], "a")
        assert store.take_in("one")
        write_episodes(folder, [episode(3_001)], "a")
        assert store.take_in("one")
        assert known_rows(store.home, "one")[-2:] == [
            (60_000, 0, 750.0, 4, 3_000, 0, 30.0), (60_020, 1, 750.25, 5, 3_001, 0, 30.0),
        ]  # fmt: skip

    @pytest.mark.parametrize("kept", [0, 1, 1_000, 1_023, 1_024, 2_500])
    def test_rows_that_a_run_cut_off_go(self, store: RunStore, folder: Path, kept: int) -> None:
        store.take_in("one")
        rows = [episode(number) for number in range(kept)]
        again = folder.with_name("again")
        write_episodes(again, [*rows, *(episode(number, salt=1) for number in range(kept, kept + 1_000))])
        (again / "episodes.csv").rename(folder / "episodes.csv")  # as a resumed run replaces it
        again.rmdir()
        assert store.take_in("one")
        self.require_level(store, folder)

    def test_other_rows_of_the_same_length_are_noticed(self, store: RunStore, folder: Path) -> None:
        store.take_in("one")
        write_episodes(folder, [episode(number, salt=int(number > 1_500)) for number in range(3_000)])
        assert store.take_in("one")
        self.require_level(store, folder)

    def test_a_table_that_was_moved_away_is_noticed(self, store: RunStore, folder: Path) -> None:
        store.take_in("one")
        (folder / "episodes.csv").unlink()
        assert store.take_in("one")
        assert n_known(store, "one") == 0 and store.curve("one", 10)["step"] == []
        (folder / "episodes.csv").write_text("something,else\n1,2\n")
        assert store.take_in("one")
        assert n_known(store, "one") == 0

    def test_a_large_table_is_taken_in_piece_by_piece(self, store: RunStore, folder: Path) -> None:
        write_episodes(folder, [episode(number) for number in range(40_000)])
        assert not store.take_in("one", max_batches=1)
        part = n_known(store, "one")
        assert 20_000 < part < 40_000
        assert store.take_in("one")
        self.require_level(store, folder)

    def test_evaluations_are_taken_in(self, store: RunStore, folder: Path) -> None:
        rows = "300,150,2.5,2,0,60,1000,1\n400,300,2.25,2,1,60,1000,0\n"
        (folder / "evaluations.csv").write_text(EVALUATIONS.header.decode() + rows)
        store.take_in("one")
        assert known_rows(store.home, "one", EVALUATIONS) == [
            (300, 150, 2.5, 2, 0, 60, 1_000, 1), (400, 300, 2.25, 2, 1, 60, 1_000, 0),
        ]  # fmt: skip

    def test_a_deleted_run_is_forgotten(self, store: RunStore, home: Home, folder: Path) -> None:
        store.take_in("one")
        shutil.rmtree(folder)
        assert store.take_in("one")
        assert "one" not in store.standings() and known_rows(home, "one") == []
        assert n_known(store, "one") == 0
        write_episodes(folder, [episode(1)])
        store.take_in("one")
        store.keep({}, ["one"])  # what is there again is not forgotten
        self.require_level(store, folder)

    def test_how_runs_stand_is_kept(self, store: RunStore, folder: Path) -> None:
        store.take_in("one")
        store.keep({"one": STANDING | {"config": {"seed": 1}}, "two": STANDING | {"state": "dead", "config": {}}})
        told = store.standings()
        assert told["one"] == STANDING | {"name": "one"} and told["two"]["state"] == "dead"
        store.keep({"one": STANDING | {"state": "finished"}, "odd": STANDING | {"seed": 2**70, "command": ["x"]}})
        assert store.standings()["one"]["state"] == "finished" and "odd" not in store.standings()
        assert n_known(store, "one") == 3_000

    def test_another_process_sees_the_same(self, store: RunStore, home: Home, folder: Path) -> None:
        other = RunStore(home)
        other.take_in("one")
        write_episodes(folder, [episode(3_000)], "a")
        store.take_in("one")
        assert n_known(other, "one") == 3_001
        self.require_level(other, folder)
