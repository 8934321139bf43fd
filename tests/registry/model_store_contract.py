"""Contract of ``ModelStore`` as tests, inherited by one class for each kind of home."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.registry.bad_bundles import sample
from tetrarium.errors import BundleError, HomeError, ModelError
from tetrarium.registry import model_store
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.database import Database
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore


def numbered(number: int) -> Bundle:
    """Returns a bundle whose weights hold its number."""
    weights = {**sample().weights, "q_net.2.bias": np.array([number], np.float32)}
    return replace(sample(), weights=weights, step=100 * number)


class Clock:
    """Clock that a test advances."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class StoreContract:
    """Inherited by one class for each kind of home."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, home: Home, clock: Clock) -> ModelStore:
        return ModelStore(home, clock=clock)

    def refused(self, store: ModelStore, call: str, *arguments: object) -> str:
        with pytest.raises((ModelError, HomeError, BundleError)) as caught:
            getattr(store, call)(*arguments)
        assert str(caught.value).isprintable()
        return str(caught.value)

    def test_a_saved_model_is_loaded_unchanged(self, store: ModelStore) -> None:
        saved = store.save("first", numbered(1))

        assert (saved.spec, saved.step, saved.algorithm, saved.seed) == ("first@1", 100, "dqn", 1)
        assert (saved.note, saved.tags, saved.features) == ("two\nlines", ("kept",), ("holes",))
        assert saved.saved_s == 1_000.0 and saved.about == {"run": "first"} and saved.has_file
        assert store.find("first") == store.find("first@1") == saved
        loaded = store.load("first@1")
        assert loaded.to_bytes() == replace(numbered(1), name="first").to_bytes()

    def test_versions_add_up_and_nothing_is_overwritten(self, store: ModelStore, clock: Clock) -> None:
        for number in (1, 2, 3):
            clock.now_s += 1
            assert store.save("first", numbered(number)).number == number

        assert [version.step for version in store.versions("first")] == [100, 200, 300]
        assert [store.load(f"first@{number}").weights["q_net.2.bias"][0] for number in (1, 2, 3)] == [1, 2, 3]
        assert store.find("first").number == 3
        assert [version.saved_s for version in store.versions("first")] == [1_001.0, 1_002.0, 1_003.0]

    def test_slots_are_sorted_by_name(self, store: ModelStore) -> None:
        for name in ("b", "a", "b"):
            store.save(name, numbered(1))

        found = {slot.name: (len(slot.versions), slot.current.number) for slot in store.slots()}
        assert found["a"] == (1, 1) and found["b"] == (2, 2)
        assert [slot.name for slot in store.slots()] == sorted(found)

    def test_equal_weights_are_saved_once_on_request(self, store: ModelStore) -> None:
        one = store.save("first", numbered(1), once=True)

        assert store.save("first", numbered(1), once=True) == one
        assert store.save("first", numbered(2), once=True).number == 2
        assert store.save("first", numbered(1)).number == 3
        store.delete("first@1")
        store.delete("first@3")
        assert store.save("first", numbered(1), once=True).number == 4  # what is in the trash does not count

    def test_a_promoted_version_is_the_default(self, store: ModelStore) -> None:
        for number in (1, 2, 3):
            store.save("first", numbered(number))

        assert store.promote("first@2").is_promoted
        assert store.find("first").number == 2 and store.save("first", numbered(4)).number == 4
        assert store.find("first").number == 2
        assert store.promote("first@1").number == store.find("first").number == 1
        assert [version.is_promoted for version in store.versions("first")] == [True, False, False, False]
        store.delete("first@1")
        assert store.find("first").number == 4
        store.restore("first@1")
        assert store.find("first").number == 1

    def test_notes_and_tags_are_changed_and_loaded(self, store: ModelStore) -> None:
        store.save("first", numbered(1))

        assert store.set_note("first", "the one that spins").note == "the one that spins"
        assert store.set_tags("first@1", add=["b", "a"], remove=["kept", "never"]).tags == ("a", "b")
        again = store.load("first")
        assert (again.note, again.tags) == ("the one that spins", ("a", "b"))
        assert "A note has up to 10,000 printable characters" in self.refused(store, "set_note", "first", "\x1b[2J")
        assert "A tag has 1 to 32 letters" in self.refused(store, "set_tags", "first", ["a b"])
        many = [f"t{number}" for number in range(40)]
        assert "has a wrong 'tags'" in self.refused(store, "set_tags", "first", many)
        assert store.find("first").tags == ("a", "b")

    def test_deleted_versions_can_be_restored(self, store: ModelStore, clock: Clock) -> None:
        for number in (1, 2):
            store.save("first", numbered(number))
        clock.now_s = 2_000.0

        assert [version.spec for version in store.delete("first@2")] == ["first@2"]
        assert [version.spec for version in store.trash() if version.name == "first"] == ["first@2"]
        assert store.trash()[0].trashed_s == 2_000.0
        assert store.find("first").number == 1
        assert self.refused(store, "find", "first@2") == (
            "The model 'first' has the versions 1; got 2. Choose one of these."
        )
        assert store.save("first", numbered(3)).number == 3
        assert [version.spec for version in store.restore("first@2")] == ["first@2"]
        assert store.load("first@2").step == 200
        assert [version.number for version in store.versions("first")] == [1, 2, 3]

    def test_a_slot_is_deleted_and_restored_as_a_whole(self, store: ModelStore) -> None:
        for number in (1, 2):
            store.save("first", numbered(number))

        assert [version.spec for version in store.delete("first")] == ["first@1", "first@2"]
        assert not store.has("first") and "first" not in {slot.name for slot in store.slots()}
        assert self.refused(store, "versions", "first") == (
            "The model 'first' is in the trash. Restore it by `tetrarium models restore first`."
        )
        assert len(store.restore("first")) == 2 and store.find("first").number == 2

    def test_numbers_of_removed_versions_are_not_reused(self, store: ModelStore, home: Home, clock: Clock) -> None:
        for number in (1, 2):
            store.save("first", numbered(number))
        store.delete("first@2")
        clock.now_s += 100.0

        with pytest.raises(ModelError, match=r"^Only models in the trash are removed; first@1 is not\. Delete"):
            store.remove([*store.trash(), store.find("first@1")])
        assert len(store.trash()) == 1
        assert store.empty_trash(older_than_s=200.0) == []
        assert [version.spec for version in store.empty_trash(older_than_s=100.0)] == ["first@2"]
        assert store.trash() == [] and not (home.models / "first" / "2.tetris").exists()
        assert store.save("first", numbered(3)).number == 3

    def test_missing_models_are_reported(self, store: ModelStore) -> None:
        store.save("champion", numbered(1))

        assert self.refused(store, "find", "champoin").endswith("Did you mean 'champion'?")
        assert self.refused(store, "find", "x@0") == (
            "A model is NAME or NAME@NUMBER; got 'x@0'. Write, for example, x@1."
        )
        for call in ("find", "load", "versions", "delete", "promote"):
            assert "There is no model 'nothing' in " in self.refused(store, call, "nothing")
        assert self.refused(store, "restore", "champion@1").startswith("There is no model 'champion@1' in the trash.")

    def test_no_name_leads_out_of_the_home(self, store: ModelStore, home: Home) -> None:
        for name in ("../x", "/tmp/x", "a/b", "", ".", "..", "-rf", "a" * 65, "a\n", "\x1b[2J"):
            assert self.refused(store, "save", name, numbered(1)).startswith("A name has 1 to 64 letters")
            self.refused(store, "find", name)
            self.refused(store, "delete", name)
        assert not (home.root.parent / "x").exists()

    def test_names_that_another_system_cannot_store_are_those_of_older_models_and_runs(
        self, store: ModelStore, home: Home
    ) -> None:
        for call in ("save", "save_file"):
            assert self.refused(store, call, "aux.1", numbered(1)).startswith("A new name can be stored on every")
        assert not (home.models / "aux.1").exists()
        (home.runs / "aux.1").mkdir(parents=True)
        store.save("aux.1", numbered(1))
        shutil.rmtree(home.runs / "aux.1")
        assert store.save("aux.1", numbered(2)).spec == "aux.1@2"
        assert store.load("aux.1").weights_sha256 == numbered(2).weights_sha256

    def test_an_invalid_bundle_is_not_saved(self, store: ModelStore, home: Home) -> None:
        self.refused(store, "save", "bad", replace(numbered(1), note="\x1b[2J"))

        assert not store.has("bad") and not (home.models / "bad").exists()

    def test_a_file_that_was_copied_in_is_adopted(self, store: ModelStore, home: Home) -> None:
        store.save("first", numbered(1))
        (home.models / "first" / "7.tetris").write_bytes(numbered(7).to_bytes())
        (home.models / "theirs").mkdir()
        (home.models / "theirs" / "2.tetris").write_bytes(numbered(2).to_bytes())

        assert [version.number for version in store.versions("first")] == [1, 7]
        assert store.find("theirs").spec == "theirs@2" and store.load("theirs").name == "theirs"
        assert store.find("theirs").tags == ("kept",)
        assert store.save("first", numbered(8)).number == 8

    def test_other_files_are_left_unchanged(self, store: ModelStore, home: Home) -> None:
        store.save("first", numbered(1))
        for path in ("first/2.tetris", "first/notes.txt", "other/1.tetris", "-x/1.tetris", "loose.tetris"):
            (home.models / path).parent.mkdir(exist_ok=True)
            (home.models / path).write_bytes(b"mine")

        assert [version.number for version in store.versions("first")] == [1]
        assert not store.has("other")
        assert store.save("first", numbered(3)).number == 3
        assert (home.models / "first" / "2.tetris").read_bytes() == b"mine"

    def test_other_files_are_read_once_and_without_waiting(
        self, store: ModelStore, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.save("first", numbered(1))
        stray = home.models / "first" / "2.tetris"
        stray.write_bytes(b"mine")
        with Database(home).writing(), monkeypatch.context() as patch:
            assert not ModelStore(home, wait_s=0.0).has("other")
            patch.setattr(model_store, "read_bundle", None)
            assert not ModelStore(home, wait_s=0.0).has("other")
        stray.write_bytes(numbered(2).to_bytes())
        assert [version.number for version in store.versions("first")] == [1, 2]

    def test_a_file_that_was_removed_is_noticed(self, store: ModelStore, home: Home) -> None:
        store.save("first", numbered(1))
        store.save("first", numbered(2))
        (home.models / "first" / "2.tetris").unlink()

        assert [version.has_file for version in store.versions("first")] == [True, False]
        assert self.refused(store, "load", "first@2").endswith(
            "or delete the version by `tetrarium models delete first@2`."
        )
        store.delete("first@2")
        assert store.trash() == []  # nothing is left that could be restored

    @pytest.mark.parametrize("damage", ["cut", "empty", "folder"])
    def test_a_damaged_file_is_refused_and_can_be_removed(self, store: ModelStore, home: Home, damage: str) -> None:
        store.save("first", numbered(1))
        store.save("second", numbered(2))
        path = home.models / "first" / "1.tetris"
        data = path.read_bytes()
        path.unlink()
        if damage == "folder":
            path.mkdir()
            (path / "inside").touch()
        else:
            path.write_bytes(data[:-1] if damage == "cut" else b"")

        refusal = "is missing" if damage == "folder" else "is not a complete zip file"
        assert refusal in self.refused(store, "load", "first")
        assert [version.has_file for version in store.versions("first")] == [damage != "folder"]
        assert store.set_note("first", "damaged").note == "damaged"
        store.delete("second")
        store.delete("first")
        assert [version.spec for version in store.empty_trash()] == ["first@1", "second@1"]
        assert not path.exists() and not store.has("first")
        assert store.save("first", numbered(3)).number == 2

    def test_another_process_sees_the_same(self, store: ModelStore, home: Home) -> None:
        store.save("first", numbered(1))
        other = ModelStore(home)
        other.save("first", numbered(2))
        other.promote("first@1")

        assert [version.spec for version in store.versions("first")] == ["first@1", "first@2"]
        assert store.find("first").number == 1
