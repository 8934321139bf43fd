"""Trash of runs: deletion and restoring are one rename each, and names, links and interruptions are handled."""

import itertools
from pathlib import Path

import pytest

from tests.registry.faulty_disks import names
from tetrarium.errors import AlreadyRunningError, EntryNotFoundError, NameTakenError, RunInTrashError
from tetrarium.registry.files.atomic import Disk
from tetrarium.registry.files.process_lock import is_locked, run_lock
from tetrarium.registry.home import Home
from tetrarium.registry.run_trash import (
    find_trashed,
    refuse_trashed,
    remove_trashed,
    restore_run,
    trash_run,
    trashed_runs,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the runs "one" and "run-2", whose folders contain a file each."""
    home = Home.locate(tmp_path / "home")
    for name in ("one", "run-2"):
        make_run(home, name)
    return home


def make_run(home: Home, name: str) -> Path:
    return home.create_run_folder(name, lambda run, folder: (folder / "config.json").write_text(run))


def test_deleted_runs_are_hidden_and_restored_by_name_or_id(home: Home) -> None:
    first = trash_run(home, "one", clock_s=lambda: 1.5)
    make_run(home, "one")
    second, third = (trash_run(home, name, clock_s=lambda: 2.0) for name in ("one", "run-2"))

    assert (first.id, second.id) == ("one~1500", "one~2000") and home.run_names() == []
    assert [run.id for run in trashed_runs(home)] == ["one~2000", "run-2~2000", "one~1500"]
    assert trashed_runs(home, "one") == [second, first]
    assert find_trashed(home, "one") == second and not is_locked(first.folder)
    with pytest.raises(RunInTrashError, match=r"The run 'one' is in the trash\. Restore it by `tetrarium runs restore"):
        refuse_trashed(home, "one")
    assert restore_run(home, "one~1500") == first
    assert (home.run_folder("one") / "config.json").read_text() == "one" and home.run_names() == ["one"]
    with pytest.raises(NameTakenError, match=r"The name 'one' is taken by another run\..* restore one~2000`\."):
        restore_run(home, "one")
    with pytest.raises(EntryNotFoundError, match=r"no run 'run-3' in the trash\. Did you mean 'run-2'\?"):
        restore_run(home, "run-3")
    with pytest.raises(EntryNotFoundError, match=r"`tetrarium runs list --trash` lists its contents"):
        restore_run(Home.locate(home.root / "new"), "one")
    assert home.create_numbered_run_folder() == "run-3"  # the number of a run in the trash is not reused
    remove_trashed([second, third])
    assert trashed_runs(home) == [] and names(home.runs) == ["one", "run-3"]


def test_runs_deleted_in_one_millisecond_and_running_runs(home: Home) -> None:
    for _ in range(2):
        trash_run(home, "one", clock_s=lambda: 3.0)
        make_run(home, "one")
    assert [run.id for run in trashed_runs(home)] == ["one~3001", "one~3000"]
    with run_lock(home.run_folder("one")), pytest.raises(AlreadyRunningError, match="Another process is using 'one'"):
        trash_run(home, "one")
    assert home.run_names() == ["one", "run-2"]


def test_links_keep_their_targets_and_both_ends_are_deleted(home: Home, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (disk / "checkpoints").mkdir(parents=True)
    folder = home.run_folder("one").rename(disk / "one")
    (folder / "checkpoints").symlink_to("../checkpoints")
    home.run_folder("one").symlink_to("../../disk/one")  # a relative link

    trashed = trash_run(home, "one")
    assert trashed.folder.is_symlink() and (trashed.folder / "config.json").read_text() == "one"
    restore_run(home, "one")
    assert (home.run_folder("one") / "config.json").read_text() == "one"
    trashed = trash_run(home, "one")
    remove_trashed([trashed])
    assert names(disk) == [] and names(home.runs) == ["run-2"]

    home.run_folder("gone").symlink_to("../../disk/gone")
    home.run_folder("gone").rename(home.runs / ".gone~5")  # of a disk that is not there
    remove_trashed(trashed_runs(home))
    assert names(home.runs) == ["run-2"]


class Power(Disk):
    """Fails from the n-th system call on, before or after it is carried out."""

    def __init__(self, n_calls: int) -> None:
        self.left = n_calls

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def rename(self, source: Path, target: Path) -> None:
        self._spend()
        super().rename(source, target)
        self._spend()

    def flush(self, path: Path) -> None:
        self._spend()
        super().flush(path)


def test_an_interrupted_move_leaves_the_run_at_one_of_both_places(home: Home) -> None:
    places = set()
    for n_calls in itertools.count():
        try:
            trash_run(home, "one", disk=Power(n_calls))
            restore_run(home, "one", disk=Power(n_calls))
        except KeyboardInterrupt:
            trashed = trashed_runs(home, "one")
            assert ("one" in home.run_names()) is not bool(trashed)
            places.add(bool(trashed))
            if trashed:
                restore_run(home, "one")
            assert (home.run_folder("one") / "config.json").read_text() == "one"
        else:
            break
    assert places == {True, False}
