"""Locks of folders: removed files, other machines, restarts, copies and processes that ended."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tetrarium.errors import AlreadyRunningError
from tetrarium.registry.files import process_lock
from tetrarium.registry.files.process_lock import LOCK, OWNER, Owner, acquire_lock, is_locked, other_machine, run_lock


def record(folder: Path, **changes: Any) -> None:
    """Leaves the record of a process that held the lock and was killed, with changes."""
    (folder / OWNER).unlink(missing_ok=True)
    with run_lock(folder):
        values = json.loads((folder / OWNER).read_text())
    (folder / OWNER).write_text(json.dumps({**values, **changes}))


def is_free(folder: Path) -> bool:
    """Returns whether the lock can be acquired, and checks that ``is_locked`` agrees."""
    try:
        os.close(acquire_lock(folder))
    except AlreadyRunningError:
        assert is_locked(folder)
        return False
    assert not is_locked(folder)
    return True


def test_an_orderly_end_leaves_no_owner(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with run_lock(tmp_path):
        assert not is_free(tmp_path)
    assert is_free(tmp_path) and not (tmp_path / OWNER).exists()


def test_a_deleted_lock_stays_held_and_is_restored(tmp_path: Path) -> None:
    with run_lock(tmp_path) as require_lock:
        (tmp_path / LOCK).unlink()
        assert not is_free(tmp_path)  # by its owner
        require_lock()
        (tmp_path / OWNER).unlink()
        assert not is_free(tmp_path)  # by the restored lock
        require_lock()
        (tmp_path / LOCK).unlink()
        (tmp_path / OWNER).unlink()
        other = acquire_lock(tmp_path)
        with pytest.raises(AlreadyRunningError, match=r"Another process is using"):
            require_lock()
        os.close(other)
        require_lock()
        assert not is_free(tmp_path)
    assert is_free(tmp_path)


def test_a_process_on_another_machine_owns_the_folder_until_it_reports_its_end(tmp_path: Path) -> None:
    record(tmp_path, host="gpu-1 0123", boot="other", pid=77)
    os.utime(tmp_path / OWNER, (0, 0))

    assert not is_free(tmp_path) and other_machine(tmp_path) == "gpu-1"
    with pytest.raises(AlreadyRunningError) as caught:
        acquire_lock(tmp_path)
    assert re.sub("[0-9,]+ s ago", "N s ago", str(caught.value)) == (
        f"Another process is using {tmp_path.name!r}: process 77 on the machine 'gpu-1', with a last heartbeat "
        f"N s ago. Stop it there, or, if it is certain to have ended, delete {str(tmp_path / OWNER)!r}."
    )
    (tmp_path / OWNER).unlink()
    assert is_free(tmp_path)


def test_an_owner_that_expires_and_a_renamed_machine_count_while_there_are_heartbeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_lock, "this_host", lambda: "new-name 0123")
    cases: tuple[dict[str, Any], ...]
    cases = ({"host": "gpu-1 4567", "expires": True}, {"host": "gpu-1", "expires": True}, {"host": "old-name 0123"})
    for changes in cases:
        record(tmp_path, boot="other", **changes)
        assert not is_free(tmp_path) and other_machine(tmp_path) == changes["host"].split()[0]
        os.utime(tmp_path / OWNER, (0, 0))
        assert is_free(tmp_path) and other_machine(tmp_path) is None


def test_an_owner_that_is_deleted_while_it_is_read_counts_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Owner.read

    def read_and_delete(folder: Path) -> Owner | None:
        owner = read(folder)
        (folder / OWNER).unlink(missing_ok=True)
        return owner

    monkeypatch.setattr(Owner, "read", read_and_delete)
    for use in (is_locked, other_machine, lambda folder: os.close(acquire_lock(folder))):
        record(tmp_path, host="gpu-1", boot="other")
        assert not use(tmp_path)


def test_a_restarted_machine_a_copy_and_a_free_lock_are_proof_of_an_end(tmp_path: Path) -> None:
    original = tmp_path / "original"
    original.mkdir()
    record(original, boot="before")
    assert is_free(original)
    record(original)
    assert is_free(original)
    record(original, host="gpu-1", boot="other")
    shutil.copytree(original, tmp_path / "copy")
    assert is_free(tmp_path / "copy") and not is_free(original)
    (original / OWNER).write_text("damaged")
    assert is_free(original) and other_machine(original) is None


def test_after_a_deleted_lock_only_a_living_process_owns_the_folder(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for changes, expected in (({"pid": ended.pid}, True), ({}, False), ({"started": "1"}, True)):
        record(tmp_path, lock=0, **changes)
        assert is_free(tmp_path) is expected
    record(tmp_path, lock=0, pid=ended.pid, pid_namespace="pid:[1]")  # of another container: unknown
    assert not is_free(tmp_path)
