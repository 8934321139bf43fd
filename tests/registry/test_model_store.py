"""Store of models: its contract in a new home, a home of the first version, and one that lost its database."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.registry.model_store_contract import StoreContract, numbered
from tetrarium.errors import HomeError
from tetrarium.registry.database import APPLICATION_ID, METADATA, VERSION, Database
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore

FIRST = Path(__file__).parents[1] / "fixtures" / "registry-v1"


class TestNewHome(StoreContract):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        return Home.locate(tmp_path / "home")

    def test_reading_creates_nothing(self, store: ModelStore, home: Home) -> None:
        assert store.slots() == [] and store.trash() == [] and not store.has("x")
        assert "There is no model 'x'" in self.refused(store, "find", "x")
        assert not home.root.exists()


class TestHomeOfTheFirstVersion(StoreContract):
    """A home with models whose names differ from those of the contract."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        shutil.copytree(FIRST, tmp_path / "home")
        return Home.locate(tmp_path / "home")

    def test_its_models_are_there(self, store: ModelStore) -> None:
        found = [(version.spec, version.note, version.tags, version.is_promoted) for version in store.versions("old")]

        assert found == [("old@1", "two\nlines", ("kept",), True), ("old@2", "changed", ("a", "b"), False)]
        assert [version.spec for version in store.trash()] == ["thrown@1"]
        assert store.load("old@2").step == 200 and store.restore("thrown")[0].spec == "thrown@1"

    test_deleted_versions_can_be_restored = None  # type: ignore[assignment]  # its trash is not empty
    test_numbers_of_removed_versions_are_not_reused = None  # type: ignore[assignment]
    test_a_file_that_was_removed_is_noticed = None  # type: ignore[assignment]


class TestHomeThatLostItsDatabase(StoreContract):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        home = Home.locate(tmp_path / "home")
        ModelStore(home).save("kept", numbered(1))
        for path in home.root.glob("registry.db*"):
            path.unlink()
        return home

    def test_its_models_are_found_again(self, store: ModelStore) -> None:
        assert [slot.current.spec for slot in store.slots()] == ["kept@1"]
        assert store.load("kept").note == "two\nlines"


# The database


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.locate(tmp_path / "home")


def test_tables_are_those_of_the_schema(home: Home) -> None:
    with Database(home).reading() as connection:
        made = {
            name: {row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")}
            for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }

    assert made == {table.name: {column.name for column in table.columns} for table in METADATA.sorted_tables}


def described(home: Home) -> dict[str, Any]:
    """Columns, keys and constraints of every table."""
    with Database(home).reading() as connection:
        pragmas = ("table_info", "foreign_key_list", "index_list")
        return {
            name: [
                sorted(tuple(row[1:6]) for row in connection.exec_driver_sql(f"PRAGMA {p}({name})")) for p in pragmas
            ]
            for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }


def test_a_database_of_the_first_version_is_upgraded(home: Home, tmp_path: Path) -> None:
    shutil.copytree(FIRST, tmp_path / "first")
    upgraded, new = described(Home.locate(tmp_path / "first")), described(home)

    assert upgraded.keys() == new.keys() > {"models", "runs", "episodes"}
    assert {name: upgraded[name] for name in new if name not in ("models", "versions", "scores")} == {
        name: new[name] for name in new if name not in ("models", "versions", "scores")
    }
    for name in ("models", "versions", "scores"):  # whose "id" was not declared NOT NULL, which it is as a key anyway
        columns = [[column for column in tables[name][0] if column[0] != "id"] for tables in (upgraded, new)]
        assert columns[0] == columns[1] and upgraded[name][1:] == new[name][1:]
    assert [slot.name for slot in ModelStore(Home.locate(tmp_path / "first")).slots()][-1] == "old"


def test_the_database_is_in_wal_mode_and_commits_are_durable(home: Home) -> None:
    with Database(home).writing() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "user_version", "application_id")
        }

    assert found == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "user_version": VERSION,
        "application_id": APPLICATION_ID,
    }  # fmt: skip


def test_a_block_that_raises_writes_nothing(home: Home) -> None:
    database = Database(home)

    def fail() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO models (name, last_number) VALUES ('a', 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0


def test_a_reader_never_waits_and_sees_a_snapshot(home: Home) -> None:
    database = Database(home, wait_s=0.2)
    with database.writing() as writer:
        writer.exec_driver_sql("INSERT INTO models (name, last_number) VALUES ('a', 1)")
        with database.reading() as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0
            writer.commit()
            assert reader.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0
    with database.reading() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM models").scalar() == 1


def test_waiting_too_long_for_a_writer_is_an_error(home: Home) -> None:
    database = Database(home, wait_s=0.2)
    with database.writing(), pytest.raises(HomeError) as caught, database.writing():
        pass

    assert str(caught.value) == (
        f"The registry {str(home.root / 'registry.db')!r} has been locked by another program for 0 s. "
        "Stop that program, or try later."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no database, but long enough to be taken for one" * 100, "is damaged or not a database. Move it away"),
        (None, "belongs to another program. Move it away."),
    ],
)
def test_other_files_are_left_unchanged(home: Home, content: bytes | None, said: str) -> None:
    home.root.mkdir()
    path = home.root / "registry.db"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (a)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(HomeError) as caught:
        ModelStore(home).save("first", numbered(1))
    assert said in str(caught.value) and str(caught.value).isprintable()
    assert path.read_bytes() == before and not (home.models / "first").exists()


def test_an_incomplete_registry_is_not_called_damaged(home: Home) -> None:
    ModelStore(home).save("first", numbered(1))
    with sqlite3.connect(home.root / "registry.db") as connection:
        connection.execute("DROP TABLE tags")
    connection.close()

    with pytest.raises(HomeError, match=r"cannot be used: no such table: tags\. Check the disk"):
        ModelStore(home).slots()


def test_a_newer_registry_is_left_unchanged(home: Home) -> None:
    ModelStore(home).save("first", numbered(1))
    with sqlite3.connect(home.root / "registry.db") as connection:
        connection.execute("PRAGMA user_version = 1000")
    connection.close()

    with pytest.raises(
        HomeError, match=r"written by a newer tetrarium \(format 1000, this one reads up to \d+\)\. Update"
    ):
        ModelStore(home).slots()


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(HomeError, match=r"The registry '.*' cannot be created: .*\. Choose another home"):
        ModelStore(Home(tmp_path / "file" / "home")).save("first", numbered(1))
