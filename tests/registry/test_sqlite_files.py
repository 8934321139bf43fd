"""Databases where a disk is full, read-only, or lacks what SQLite needs; faults are injected into system calls."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.registry.faulty_disks import small_disk
from tests.registry.model_store_contract import numbered
from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.sqlite_files import has_locks
from tetrarium.tuning.trial_storage import Storage

WRITE = """
import sys
from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore, Database

database = Database(Home.locate(sys.argv[1]), wait_s=0.2)
try:
    database.check()
    with database.reading() as connection:
        print(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
except HomeError as error:
    print(error)
"""
ELSEWHERE = "or choose another home with --home or TETRARIUM_HOME."


@pytest.mark.parametrize(
    ("suffix", "call", "error", "outcome"),
    [
        ("-shm", "mmap", "ENODEV", "delete"),
        ("", "fcntl", "ENOLCK", f"is on a file system without file locks. Copy the home to a local disk, {ELSEWHERE}"),
        ("-wal", "pwrite64", "ENOSPC", "cannot grow: the disk is full. Free some space."),
        ("-wal", "pwrite64", "EIO", f"cannot be used: disk I/O error. Check the disk, {ELSEWHERE}"),
        ("", "openat", "EACCES", f"cannot be opened for writing. Make it and its folder writable for you, {ELSEWHERE}"),
    ],
)  # fmt: skip
def test_fault_of_a_file_system(suffix: str, call: str, error: str, outcome: str, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("faults are injected by strace, which is not installed")
    path = tmp_path / "registry.db"
    command = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-P", f"{path}{suffix}"]
    command += ["-P", str(tmp_path / ".registry.db-lock"), "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:error={error}", sys.executable, "-c", WRITE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (outcome if outcome == "delete" else f"The registry {str(path)!r} {outcome}")
    assert "INJECTED" in (tmp_path / "calls").read_text()


def test_the_probe_of_locks_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("content")
    (tmp_path / ".registry.db-lock").symlink_to("theirs")
    assert has_locks(tmp_path / "registry.db")
    assert (tmp_path / "theirs").read_text() == "content"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Returns a small disk."""
    with small_disk(tmp_path / "disk") as place:
        yield place


def mount_read_only(disk: Path) -> None:
    """Makes a disk read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def test_models_of_a_read_only_home_are_listed(disk: Path) -> None:
    home = Home.locate(disk)
    ModelStore(home).save("first", numbered(1))
    Storage(home).check()
    mount_read_only(disk)
    models = ModelStore(Home.locate(disk))
    assert [slot.name for slot in models.slots()] == ["first"]
    assert models.load("first").weights_sha256 == numbered(1).weights_sha256
    assert Storage(home).optuna.get_all_studies() == []
    with pytest.raises(HomeError) as caught:
        models.set_note("first", "good")
    assert str(caught.value) == (
        f"The registry {str(disk / 'registry.db')!r} cannot be opened for writing. "
        f"Make it and its folder writable for you, {ELSEWHERE}"
    )


def test_log_left_by_a_kill_is_read_in_a_read_only_home(disk: Path, tmp_path: Path) -> None:
    home = Home.locate(tmp_path / "home")
    ModelStore(home).save("first", numbered(1))
    with closing(sqlite3.connect(home.root / "registry.db")) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE versions SET note = 'in the log'")
        connection.commit()
        shutil.copytree(home.root, disk, ignore=shutil.ignore_patterns("*-shm"), dirs_exist_ok=True)
    mount_read_only(disk)
    models = ModelStore(Home.locate(disk))
    assert models.find("first").note == "in the log"
    with pytest.raises(HomeError, match="cannot be opened for writing"):
        models.promote("first")


def test_models_of_a_read_only_home_without_a_registry_are_not_known(disk: Path) -> None:
    ModelStore(Home.locate(disk)).save("first", numbered(1))
    for path in disk.glob("registry.db*"):
        path.unlink()
    mount_read_only(disk)
    assert ModelStore(Home.locate(disk)).slots() == []
