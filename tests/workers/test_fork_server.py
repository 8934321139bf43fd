"""The process that others are forks of: they are as if started anew, and nothing of it can hold a start up."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.servers import wait_until
from tetrarium.training.runs.folder import is_locked, take_lock
from tetrarium.workers import fork_server
from tetrarium.workers.files import LOG
from tetrarium.workers.launching import start_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is started anew")
NEEDS, MODULE = "tests.workers.forked", "tests.workers.telling"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = fork_server._ForkServer()
    monkeypatch.setattr(fork_server, "_SERVER", server)
    yield
    server.close()


def started(folder: Path) -> dict[str, Any]:
    """Starts a process; returns what it says of itself."""
    folder.mkdir(exist_ok=True)
    there = folder / "told"
    there.unlink(missing_ok=True)
    start_process(folder, take_lock(folder), [str(there), "0"], needs=NEEDS, module=MODULE)
    wait_until(there.exists)
    told: dict[str, Any] = json.loads(there.read_text())
    assert told["lock"] == (folder / "run.lock").stat().st_ino
    return told


def has_ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody reaped would be there still."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_is_forked_with_a_session_a_lock_and_a_log_of_its_own(tmp_path: Path) -> None:
    told, other = started(tmp_path), started(tmp_path / "other")
    assert told["session"] == told["pid"] != other["pid"]
    assert told["parent"] == other["parent"] == told["loaded"][0] and told["parent"] != os.getpid()
    assert other["loaded"] == [told["parent"]] * 2, "what it needs was loaded before it was there"
    files = [path for path in told["descriptors"] if path.startswith(str(tmp_path))]
    assert files == [str(tmp_path / "run.lock"), *[str(tmp_path / LOG)] * 2]
    assert not any("socket" in path for path in told["descriptors"])
    assert told["name"] == f"{tmp_path}/told"[:15]
    wait_until(lambda: not is_locked(tmp_path) and has_ended(told["pid"]))
    assert (tmp_path / LOG).read_text() == "It works.\n"


def test_what_cannot_be_loaded_is_left_to_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
    (tmp_path / "prepare-fails").touch()
    assert started(tmp_path / "first")["parent"] == started(tmp_path / "second")["parent"]


@pytest.mark.parametrize("killed", [True, False])
def test_without_a_server_a_process_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    if killed:
        first = started(tmp_path)["parent"]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: has_ended(first))
        again, later = started(tmp_path), started(tmp_path)
        assert later["parent"] not in {first, os.getpid()}, "the next server is there"
    else:
        monkeypatch.setattr(fork_server, "_IS_ABLE", False)
        again = started(tmp_path)
    assert again["parent"] == os.getpid() and again["session"] == again["pid"]
    wait_until(lambda: has_ended(again["pid"]))


def test_a_server_that_is_not_used_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "_IDLE_S", 0.05)
    first = started(tmp_path)["parent"]
    wait_until(lambda: has_ended(first))
    assert started(tmp_path)["parent"] != first


def test_it_ends_with_the_process_that_it_belongs_to_and_its_forks_do_not(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tests.dashboard.servers import wait_until\n"
        "from tetrarium.training.runs.folder import take_lock\n"
        "from tetrarium.workers.launching import start_process\n"
        "folder, needs, module = Path(sys.argv[1]), *sys.argv[2:]\n"
        "start_process(folder, take_lock(folder), [str(folder / 'told'), '60'], needs=needs, module=module)\n"
        "wait_until((folder / 'told').exists)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path), NEEDS, MODULE], check=False)
    assert killed.returncode == -signal.SIGKILL
    told = json.loads((tmp_path / "told").read_text())
    wait_until(lambda: has_ended(told["parent"]))
    assert is_locked(tmp_path)
    os.kill(told["pid"], signal.SIGTERM)
    wait_until(lambda: not is_locked(tmp_path))
