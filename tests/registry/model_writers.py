"""Processes that save, delete and list models until they are killed, and what a home must look like afterwards."""

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest import mock

from tests.registry.model_store_contract import numbered
from tetrarium.registry import model_store
from tetrarium.registry.files import atomic
from tetrarium.registry.files.atomic import Disk
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore

INSTANTS: Final = ("before the file", "in the file", "before the rename", "after the file", "after the row")


def save_for_ever(root: Path, done: Path) -> None:
    """Saves, tags, deletes, restores and lists, and writes a line when something was saved."""
    store = ModelStore(Home(root))
    with done.open("a") as file:
        for number in itertools.count(1):
            saved = store.save(f"slot-{number % 3}", numbered(number))
            file.write(f"{saved.spec} {number}\n")
            file.flush()
            store.set_tags(saved.spec, add=[f"t{number % 5}"])
            if number % 4 == 0:
                store.delete(saved.spec)
                store.restore(saved.spec)
            store.slots()


def save_and_die(root: Path, instant: str) -> None:
    """Saves one model and ends in the middle of it, as by a kill."""
    with contextlib.ExitStack() as patched:
        for patch in _deaths(instant):
            patched.enter_context(patch)
        ModelStore(Home(root)).save("slot", numbered(9))
    os._exit(0)


def _deaths(instant: str) -> Iterator["mock._patch[object]"]:
    def die(*_arguments: object, **_named: object) -> None:
        os._exit(9)

    write, add = atomic.write_file, model_store.add_version

    def write_and_die(*arguments: object, **named: object) -> None:
        write(*arguments, **named)  # type: ignore[arg-type]
        os._exit(9)

    def add_and_die(*arguments: object, **named: object) -> None:
        add(*arguments, **named)  # type: ignore[arg-type]
        os._exit(9)

    if instant == "before the file":
        yield mock.patch.object(model_store, "write_file", die)
    elif instant == "in the file":
        yield mock.patch.object(Disk, "flush", die)
    elif instant == "before the rename":
        yield mock.patch.object(Disk, "rename", die)
    elif instant == "after the file":
        yield mock.patch.object(model_store, "write_file", write_and_die)
    else:
        yield mock.patch.object(model_store, "add_version", add_and_die)


def require_consistent(home: Home) -> list[str]:
    """Compares database and folders; returns all versions."""
    store = ModelStore(home)
    specs = [version.spec for slot in store.slots() for version in slot.versions]
    on_disk = {
        f"{path.parent.name}@{path.stem}" for path in home.models.glob("*/*.tetris") if not path.name.startswith(".")
    }
    assert sorted(specs) == sorted(on_disk - {version.spec for version in store.trash()})
    for spec in specs:
        assert store.load(spec).step == 100 * store.load(spec).weights["q_net.2.bias"][0]
    with contextlib.closing(sqlite3.connect(home.root / "registry.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return specs
