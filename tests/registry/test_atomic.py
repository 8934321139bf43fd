"""Atomic replacement of folders and files, with failing calls and killed processes."""

import contextlib
import errno
import fcntl
import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.faulty_disks import DiskWithoutExchange, FailingDisk, RecordingDisk, names, running, small_disk
from tetrarium.registry.files.atomic import (
    DISK,
    create_directory,
    folder_lock,
    is_unowned,
    recover,
    remove_directory,
    sweep,
    write_directory,
    write_file,
)
from tetrarium.registry.files.process_lock import this_boot, this_host

ABILITIES = [(True, True), (False, True), (False, False)]  # of a disk: to exchange folders, to make links
OLD = {"a": "old", "gone": "old", "sub/b": "old"}
NEW = {"a": "new", "sub/b": "new", "sub/c": "new"}

# Dies without warning just before one system call, counted from 0.
KILLED_WRITER = """
import errno, os, signal, sys
from pathlib import Path
from tetrarium.registry.files import atomic
from tetrarium.registry.files.atomic import Disk

path, fatal_call, has_exchange, has_links = Path(sys.argv[1]), int(sys.argv[2]), *(a == "True" for a in sys.argv[3:])

class FatalDisk(Disk):
    n_calls = 0

    def call(self, what, *paths):
        if self.n_calls == fatal_call:
            os.kill(os.getpid(), signal.SIGKILL)
        self.n_calls += 1
        what(*paths)

    def flush(self, path):
        self.call(super().flush, path)

    def rename(self, source, target):
        self.call(super().rename, source, target)

    def exchange(self, one, other):
        if not has_exchange:
            raise OSError(errno.ENOSYS, "no exchange")
        self.call(super().exchange, one, other)

    def symlink(self, link, target):
        if not has_links:
            raise OSError(errno.EPERM, "no links")
        super().symlink(link, target)

def fill(folder):
    (folder / "sub").mkdir()
    for name in ("a", "sub/b", "sub/c"):
        (folder / name).write_text("new")

atomic.write_directory(path, fill, disk=FatalDisk())
"""

BUSY_WRITER = """
import sys
from pathlib import Path
from tetrarium.registry.files.atomic import write_directory

def fill(folder):
    for name in "abc":
        (folder / name).write_text(sys.argv[2])

for _ in range(15):
    write_directory(Path(sys.argv[1]), fill)
"""


def filler(content: dict[str, str]) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name, text in content.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)

    return fill


def content_of(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


def version_of(place: Path) -> list[str]:
    """Returns the name of the hidden folder behind a link, or nothing for a folder."""
    return [str(place.readlink())] if place.is_symlink() else []


def test_a_new_folder_appears_with_its_parents_and_nothing_beside_it(tmp_path: Path) -> None:
    write_directory(tmp_path / "x" / "y" / "first", filler(NEW))
    assert content_of(tmp_path / "x" / "y" / "first") == NEW
    assert names(tmp_path / "x" / "y") == ["first"]
    assert not (tmp_path / "x" / "y" / "first").is_symlink()


def test_an_existing_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_directory(tmp_path / "first", filler(OLD))
    write_directory(tmp_path / "first", filler(NEW))
    assert content_of(tmp_path / "first") == NEW
    assert names(tmp_path) == ["first"]


def test_exchange_swaps_and_names_a_missing_folder(tmp_path: Path) -> None:
    write_directory(tmp_path / "one", filler({"a": "1"}))
    write_directory(tmp_path / "other", filler({"b": "2"}))
    DISK.exchange(tmp_path / "one", tmp_path / "other")
    assert (content_of(tmp_path / "one"), content_of(tmp_path / "other")) == ({"b": "2"}, {"a": "1"})
    with pytest.raises(FileNotFoundError) as caught:
        DISK.exchange(tmp_path / "one", tmp_path / "missing")
    assert caught.value.filename2 == str(tmp_path / "missing")


FLUSHED_INSIDE = {("flush", "*/a"), ("flush", "*/sub/b"), ("flush", "*/sub/c"), ("flush", "*/sub"), ("flush", "*")}


def assert_flushed_inside_out(calls: list[tuple[str, ...]]) -> None:
    assert set(calls) == FLUSHED_INSIDE
    assert len(calls) == len(FLUSHED_INSIDE)
    assert calls[-1] == ("flush", "*")
    assert calls.index(("flush", "*/sub")) > max(calls.index(("flush", f"*/sub/{name}")) for name in "bc")


def test_files_are_flushed_before_a_new_folder_gets_its_name_and_parents_after(tmp_path: Path) -> None:
    disk = RecordingDisk(tmp_path)
    write_directory(tmp_path / "x" / "y" / "first", filler(NEW), disk=disk)
    assert disk.calls[:2] == [("flush", "x"), ("flush", ".")]
    assert_flushed_inside_out([(call, *(path[4:] for path in paths)) for call, *paths in disk.calls[2:7]])
    assert disk.calls[7:] == [("exchange", "x/y/*", "x/y/*"), ("rename", "x/y/*", "x/y/first"), ("flush", "x/y")]


def test_files_are_flushed_before_the_exchange_and_the_parent_after(tmp_path: Path) -> None:
    write_directory(tmp_path / "first", filler(OLD))
    disk = RecordingDisk(tmp_path)
    write_directory(tmp_path / "first", filler(NEW), disk=disk)
    assert_flushed_inside_out(disk.calls[:5])
    assert disk.calls[5:] == [("exchange", "*", "*"), ("exchange", "*", "first"), ("flush", ".")]


def test_the_old_folder_exists_until_the_new_one_is_flushed(tmp_path: Path) -> None:
    class WatchingDisk(RecordingDisk):
        seen_at_last_flush: dict[str, str]

        def flush(self, path: Path) -> None:
            if path == self.root:
                (hidden,) = (name for name in names(path) if name.startswith(".tetrarium-"))
                self.seen_at_last_flush = content_of(path / hidden)
            super().flush(path)

    write_directory(tmp_path / "first", filler(OLD))
    disk = WatchingDisk(tmp_path)
    write_directory(tmp_path / "first", filler(NEW), disk=disk)
    assert disk.seen_at_last_flush == OLD


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EPERM])
def test_without_exchange_the_place_is_a_link_that_is_replaced(tmp_path: Path, number: int) -> None:
    disk = DiskWithoutExchange(tmp_path, number)
    write_directory(tmp_path / "first", filler(OLD), disk=disk)
    assert content_of(tmp_path / "first") == OLD
    disk.calls.clear()
    write_directory(tmp_path / "first", filler(NEW), disk=disk)
    assert_flushed_inside_out(disk.calls[:5])
    assert disk.calls[5:] == [("rename", "*", "first"), ("flush", ".")]
    assert content_of(tmp_path / "first") == NEW
    assert names(tmp_path) == sorted([*version_of(tmp_path / "first"), "first"])


def test_a_link_of_ours_stays_one_where_exchange_works_too(tmp_path: Path) -> None:
    write_directory(tmp_path / "first", filler(OLD), disk=DiskWithoutExchange(tmp_path))
    write_directory(tmp_path / "first", filler(NEW))
    write_directory(tmp_path / "second", filler(NEW))
    assert content_of(tmp_path / "first") == NEW
    assert names(tmp_path) == sorted([*version_of(tmp_path / "first"), "first", "second"])


def test_a_folder_that_was_copied_to_a_disk_without_exchange_becomes_a_link(tmp_path: Path) -> None:
    write_directory(tmp_path / "first", filler(OLD))
    write_directory(tmp_path / "first", filler(NEW), disk=DiskWithoutExchange(tmp_path))
    assert content_of(tmp_path / "first") == NEW
    assert names(tmp_path) == sorted([*version_of(tmp_path / "first"), "first"])


@pytest.mark.parametrize(("has_exchange", "has_links"), ABILITIES)
@pytest.mark.parametrize("is_there", [True, False])
def test_whichever_call_fails_the_folder_is_old_or_new_and_nothing_lies_beside_it(
    tmp_path: Path, has_exchange: bool, has_links: bool, is_there: bool
) -> None:
    outcomes = []
    for fatal_call in range(20):
        folder = tmp_path / str(fatal_call)
        folder.mkdir()
        if is_there:
            write_directory(folder / "first", filler(OLD))
        disk = FailingDisk(fatal_call, has_exchange=has_exchange, has_links=has_links)
        with contextlib.suppress(OSError):
            write_directory(folder / "first", filler(NEW), disk=disk)
        found = content_of(folder / "first")
        assert found in ([OLD, NEW] if is_there else [{}, NEW])
        assert names(folder) == sorted([*version_of(folder / "first"), *(["first"] if found else [])])
        outcomes.append("new" if found == NEW else "old")
        if disk.n_calls <= fatal_call:
            break
    # The flush of the parent, last, fails when the new folder is in place; the round after it does not fail.
    n_calls = 5 + has_exchange + 2 + (is_there and not has_exchange)
    assert outcomes == ["old"] * (n_calls - 1) + ["new"] * 2


@pytest.mark.parametrize(("has_exchange", "has_links"), ABILITIES)
def test_wherever_it_is_killed_the_folder_is_old_or_new_and_the_next_writer_cleans_up(
    tmp_path: Path, has_exchange: bool, has_links: bool
) -> None:
    outcomes = []
    for fatal_call in range(20):
        folder = tmp_path / str(fatal_call)
        write_directory(folder / "first", filler(OLD))
        with running(KILLED_WRITER, folder / "first", fatal_call, has_exchange, has_links) as process:
            _, complaint = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), complaint
        recover(folder / "first")
        assert content_of(folder / "first") in (OLD, NEW)
        outcomes.append("new" if content_of(folder / "first") == NEW else "old")
        write_directory(folder / "second", filler(NEW))
        leavings = set(names(folder)) - {"first", "second", *version_of(folder / "first")}
        assert leavings <= {".tetrarium-old-first"}
        write_directory(folder / "first", filler(NEW))
        assert len(names(folder)) == 2 + (folder / "first").is_symlink()
        if process.returncode == 0:
            break
    n_calls = 8
    assert outcomes == ["old"] * (n_calls - 1) + ["new"] * 2


def test_a_folder_lock_is_for_one_and_ends(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with folder_lock(tmp_path) as is_locked:
        assert is_locked
        assert not is_unowned(tmp_path)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert is_unowned(tmp_path)
    os.close(descriptor)


def test_what_a_living_writer_is_filling_is_not_removed(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "a").write_text("slow")
        write_directory(tmp_path / "second", filler(NEW))
        write_file(tmp_path / "third", b"3")

    write_directory(tmp_path / "first", fill)
    assert content_of(tmp_path / "first") == {"a": "slow"}
    assert names(tmp_path) == ["first", "second", "third"]


def test_what_raises_while_filling_passes_through_and_the_old_folder_stays(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        filler(NEW)(folder)
        raise KeyboardInterrupt

    write_directory(tmp_path / "first", filler(OLD))
    with pytest.raises(KeyboardInterrupt):
        write_directory(tmp_path / "first", fill)
    assert content_of(tmp_path / "first") == OLD
    assert names(tmp_path) == ["first"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("a letter")
    for disk in (DISK, DiskWithoutExchange(tmp_path)):
        with pytest.raises(NotADirectoryError):
            write_directory(tmp_path / "first", filler(NEW), disk=disk)
    with pytest.raises(NotADirectoryError):
        remove_directory(tmp_path / "first")
    assert (tmp_path / "first").read_text() == "a letter"
    assert names(tmp_path) == ["first"]


def test_links_of_the_user_are_followed_up_to_one_of_ours(tmp_path: Path) -> None:
    disk = DiskWithoutExchange(tmp_path)
    write_directory(tmp_path / "big" / "first", filler(OLD), disk=disk)
    (tmp_path / "best").symlink_to("big/first")
    write_directory(tmp_path / "best", filler(NEW), disk=disk)
    write_directory(tmp_path / "big" / "second", filler(OLD), disk=disk)
    assert content_of(tmp_path / "best") == content_of(tmp_path / "big" / "first") == NEW
    assert (tmp_path / "best").readlink() == Path("big/first")
    assert len(names(tmp_path / "big")) == 4


def test_a_renamed_link_of_ours_keeps_its_folder(tmp_path: Path) -> None:
    disk = DiskWithoutExchange(tmp_path)
    write_directory(tmp_path / "first", filler(OLD), disk=disk)
    (tmp_path / "first").rename(tmp_path / "best")
    write_directory(tmp_path / "first", filler(NEW), disk=disk)
    assert content_of(tmp_path / "best") == OLD
    assert content_of(tmp_path / "first") == NEW


def test_two_processes_that_write_one_folder_both_finish_and_it_is_never_missing(tmp_path: Path) -> None:
    write_directory(tmp_path / "first", filler(dict.fromkeys("abc", "0")))
    with running(BUSY_WRITER, tmp_path / "first", 1) as one, running(BUSY_WRITER, tmp_path / "first", 2) as other:
        while one.poll() is None or other.poll() is None:
            assert (tmp_path / "first").is_dir()
        assert one.communicate() == other.communicate() == ("", "")
    assert one.returncode == other.returncode == 0
    assert content_of(tmp_path / "first") in [dict.fromkeys("abc", "1"), dict.fromkeys("abc", "2")]
    assert names(tmp_path) == ["first"]


def test_on_a_full_disk_the_old_folder_and_file_stay(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        write_directory(disk / "first", filler(OLD))
        write_file(disk / "letter", b"old")
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_directory(disk / "first", filler({"a": "x" * 2_000_000}))
        assert caught.value.errno == errno.ENOSPC
        with pytest.raises(OSError, match="No space left on device"):
            write_file(disk / "letter", b"x" * 2_000_000)
        assert content_of(disk / "first") == OLD
        assert (disk / "letter").read_bytes() == b"old"
        assert names(disk) == ["first", "letter"]


def test_a_file_is_flushed_before_it_gets_its_name_and_its_folder_after(tmp_path: Path) -> None:
    disk = RecordingDisk(tmp_path)
    write_file(tmp_path / "letter", b"old", disk=disk)
    write_file(tmp_path / "letter", b"new", disk=disk)
    assert disk.calls == [("flush", "*"), ("rename", "*", "letter"), ("flush", ".")] * 2
    assert (tmp_path / "letter").read_bytes() == b"new"
    assert names(tmp_path) == ["letter"]


@pytest.mark.parametrize(("fatal_call", "content"), [(0, b"old"), (1, b"old"), (2, b"new")])
def test_whichever_call_fails_a_file_is_old_or_new(tmp_path: Path, fatal_call: int, content: bytes) -> None:
    write_file(tmp_path / "letter", b"old")
    with pytest.raises(OSError, match="Input/output error"):
        write_file(tmp_path / "letter", b"new", disk=FailingDisk(fatal_call, has_exchange=True))
    assert (tmp_path / "letter").read_bytes() == content
    assert names(tmp_path) == ["letter"]


def test_a_folder_is_removed_as_a_whole(tmp_path: Path) -> None:
    write_directory(tmp_path / "first", filler(OLD))
    write_directory(tmp_path / "second", filler(OLD), disk=DiskWithoutExchange(tmp_path))
    with pytest.raises(OSError, match="Input/output error"):
        remove_directory(tmp_path / "first", disk=FailingDisk(0, has_exchange=True))
    assert content_of(tmp_path / "first") == OLD
    disk = RecordingDisk(tmp_path)
    remove_directory(tmp_path / "first", disk=disk)
    remove_directory(tmp_path / "second", disk=disk)
    assert disk.calls == [("rename", "first", "*"), ("flush", "."), ("rename", "second", "*"), ("flush", ".")]
    assert names(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        remove_directory(tmp_path / "first")


def test_a_folder_is_created_with_all_its_content_once(tmp_path: Path) -> None:
    disk = RecordingDisk(tmp_path)
    create_directory(tmp_path / "first", filler(NEW), disk=disk)
    assert_flushed_inside_out(disk.calls[:5])
    assert disk.calls[5:] == [("rename", "*", "first"), ("flush", ".")]
    with pytest.raises(FileExistsError) as caught:
        create_directory(tmp_path / "first", filler(OLD))
    assert caught.value.filename == str(tmp_path / "first")
    (tmp_path / "empty").mkdir()
    create_directory(tmp_path / "empty", filler(OLD))
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(FileExistsError):
        create_directory(tmp_path / "letter", filler(OLD))

    assert content_of(tmp_path / "first") == NEW
    assert content_of(tmp_path / "empty") == OLD
    assert names(tmp_path) == ["empty", "first", "letter"]


@pytest.mark.parametrize(("fatal_call", "content"), [(0, {}), (5, {}), (6, NEW)])
def test_whichever_call_fails_a_folder_is_created_whole_or_not_at_all(
    tmp_path: Path, fatal_call: int, content: dict[str, str]
) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        create_directory(tmp_path / "first", filler(NEW), disk=FailingDisk(fatal_call, has_exchange=True))
    assert content_of(tmp_path / "first") == content
    assert names(tmp_path) == (["first"] if content else [])


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    host, boot = (hashlib.sha256(part.encode()).hexdigest()[:5] for part in (this_host(), this_boot()))
    own, elsewhere = (f".tetrarium-{tag}{'0' * 6}" for tag in (f"{host}00000", "0" * 10))
    for name in (own, elsewhere, f".tetrarium-00000{boot}{'1' * 6}", ".tetrarium-notes"):
        (tmp_path / name).mkdir()

    def fill(folder: Path) -> None:
        sweep(tmp_path)
        assert folder.is_dir()

    write_directory(tmp_path / "first", fill)
    sweep(tmp_path / "missing")
    assert names(tmp_path) == [elsewhere, ".tetrarium-notes", "first"]  # its lock may be held on another machine
    os.utime(tmp_path / elsewhere, (0, time.time() - 86_500))
    sweep(tmp_path)
    assert names(tmp_path) == [".tetrarium-notes", "first"]
