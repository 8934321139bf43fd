"""Store of runs: its contract in a new, an old and a copied home, and in one that lost its database."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.registry.run_store_contract import SUMMARY, RunStoreContract, episode, n_known, write_episodes
from tetrarium.errors import HomeError, RegistryBusyError
from tetrarium.registry.database import Database
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_store import RunStore

FIRST = Path(__file__).parents[1] / "fixtures" / "registry-v1"


class TestNewHome(RunStoreContract):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        return Home.locate(tmp_path / "home")

    def test_reading_creates_nothing(self, store: RunStore, home: Home) -> None:
        assert store.summaries() == {} and store.episode_curve("x", 9)["step"] == []
        assert store.ingest("x") and n_known(store, "x") == 0
        assert not home.root.exists()


class TestHomeOfTheFirstVersion(RunStoreContract):
    """A home whose database holds models only."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        shutil.copytree(FIRST, tmp_path / "home")
        return Home.locate(tmp_path / "home")

    def test_its_models_stay(self, store: RunStore, home: Home, folder: Path) -> None:
        store.ingest("one")
        assert [version.spec for version in ModelStore(home).versions("old")] == ["old@1", "old@2"]


def test_tables_of_runs_of_the_second_version_are_read_again(tmp_path: Path) -> None:
    home = Home.locate(tmp_path / "home")
    write_episodes(home.runs / "one", [episode(number) for number in range(50)])
    RunStore(home).ingest("one")
    with contextlib.closing(sqlite3.connect(home.root / "registry.db")) as connection:
        connection.execute("ALTER TABLE runs DROP COLUMN training_mean")
        connection.execute("CREATE TABLE evaluations (run_id INTEGER, lines REAL)")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()
    store = RunStore(home)
    assert store.summaries() == {}
    store.ingest("one")
    store.update({"one": SUMMARY | {"config": {}}})
    assert store.summaries()["one"] == SUMMARY | {"name": "one"}
    assert n_known(store, "one") == 50


class TestHomeThatLostItsDatabase(RunStoreContract):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        home = Home.locate(tmp_path / "home")
        write_episodes(home.runs / "kept", [episode(number) for number in range(50)])
        RunStore(home).ingest("kept")
        for path in home.root.glob("registry.db*"):
            path.unlink()
        return home

    def test_its_runs_are_found_again(self, store: RunStore, home: Home) -> None:
        store.ingest("kept")
        self.require_up_to_date(store, home.runs / "kept")


class TestHomeThatWasCopied(RunStoreContract):
    """A home with copies of the files that were ingested."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        home = Home.locate(tmp_path / "old")
        write_episodes(home.runs / "kept", [episode(number) for number in range(5_000)])
        RunStore(home).ingest("kept")
        shutil.copytree(home.root, tmp_path / "home")
        return Home.locate(tmp_path / "home")

    def test_its_runs_are_known(self, store: RunStore, home: Home) -> None:
        assert n_known(store, "kept") == 5_000
        write_episodes(home.runs / "kept", [episode(5_000)], "a")
        store.ingest("kept")
        self.require_up_to_date(store, home.runs / "kept")


def test_a_busy_registry_has_its_own_error(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    write_episodes(home.runs / "one", [episode(1)])
    store = RunStore(home, wait_s=0.0)
    with Database(home).writing(), pytest.raises(RegistryBusyError, match="has been locked by another program for 0 s"):
        store.ingest("one")
    assert n_known(store, "one") == 0
    assert store.ingest("one") and n_known(store, "one") == 1


def test_a_name_that_leads_out_of_the_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="A name has 1 to 64 letters"):
        RunStore(Home.locate(tmp_path)).ingest("../one")
