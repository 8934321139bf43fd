"""Runs in the registry: in a new home, in one of the first version, in one that lost its database, in a copied one."""

import shutil
from pathlib import Path

import pytest

from tests.registry.run_contract import RunStoreContract, episode, n_known, write_episodes
from tetrarium.errors import HomeError, RegistryBusyError
from tetrarium.registry.database import Database
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.runs import RunStore

FIRST = Path(__file__).parents[1] / "fixtures" / "registry-v1"


class TestNewHome(RunStoreContract):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        return Home.locate(tmp_path / "home")

    def test_nothing_is_made_by_looking(self, store: RunStore, home: Home) -> None:
        assert store.standings() == {} and store.curve("x", 9)["step"] == []
        assert store.take_in("x") and n_known(store, "x") == 0
        assert not home.root.exists()


class TestHomeOfTheFirstVersion(RunStoreContract):
    """Whose database knows models alone."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        shutil.copytree(FIRST, tmp_path / "home")
        return Home.locate(tmp_path / "home")

    def test_its_models_stay(self, store: RunStore, home: Home, folder: Path) -> None:
        store.take_in("one")
        assert [version.spec for version in ModelStore(home).versions("old")] == ["old@1", "old@2"]


class TestHomeThatLostItsDatabase(RunStoreContract):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        home = Home.locate(tmp_path / "home")
        write_episodes(home.runs / "kept", [episode(number) for number in range(50)])
        RunStore(home).take_in("kept")
        for path in home.root.glob("registry.db*"):
            path.unlink()
        return home

    def test_its_runs_are_found_again(self, store: RunStore, home: Home) -> None:
        store.take_in("kept")
        self.require_level(store, home.runs / "kept")


class TestHomeThatWasCopied(RunStoreContract):
    """With a run whose files are others than those that were taken in, with the same content."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        home = Home.locate(tmp_path / "old")
        write_episodes(home.runs / "kept", [episode(number) for number in range(5_000)])
        RunStore(home).take_in("kept")
        shutil.copytree(home.root, tmp_path / "home")
        return Home.locate(tmp_path / "home")

    def test_its_runs_are_known(self, store: RunStore, home: Home) -> None:
        assert n_known(store, "kept") == 5_000
        write_episodes(home.runs / "kept", [episode(5_000)], "a")
        store.take_in("kept")
        self.require_level(store, home.runs / "kept")


def test_who_may_not_wait_is_told_apart(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    write_episodes(home.runs / "one", [episode(1)])
    store = RunStore(home, wait_s=0.0)
    with Database(home).writing(), pytest.raises(RegistryBusyError, match="has been in use by another program for 0 s"):
        store.take_in("one")
    assert n_known(store, "one") == 0
    assert store.take_in("one") and n_known(store, "one") == 1


def test_a_name_that_leads_out_of_the_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="A name has 1 to 64 letters"):
        RunStore(Home.locate(tmp_path)).take_in("../one")
