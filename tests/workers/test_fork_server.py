"""Fork server: forked processes equal started ones, and no failure of the server prevents a start."""

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tetrarium.engine
from tests.dashboard.servers import wait_until
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.files.process_lock import acquire_lock, is_locked
from tetrarium.workers.processes import fork_server
from tetrarium.workers.processes.launcher import MODULES, start_process
from tetrarium.workers.protocol.status_files import LOG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is started anew")
PREPARED_BY, MODULE = "tests.workers.preloaded", "tests.workers.describe_process"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))  # processes look nowhere else
    server = fork_server._ForkServer()
    monkeypatch.setattr(fork_server, "_SERVER", server)
    yield
    server.close()


def started(folder: Path) -> dict[str, Any]:
    """Starts a process; returns its description."""
    folder.mkdir(exist_ok=True)
    there = folder / "description.json"
    there.unlink(missing_ok=True)
    start_process(folder, acquire_lock(folder), [str(there), "0"], prepared_by=PREPARED_BY, module=MODULE)
    wait_until(there.exists)
    description: dict[str, Any] = json.loads(there.read_text())
    assert description["lock"] == (folder / "run.lock").stat().st_ino
    return description


def has_ended(pid: int) -> bool:
    """Returns whether a process is gone; a zombie counts as running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_forked_process_has_its_own_session_lock_and_log(tmp_path: Path) -> None:
    description, other = started(tmp_path), started(tmp_path / "other")
    assert description["session"] == description["pid"] != other["pid"]
    assert description["parent"] == other["parent"] == description["loaded"][0] and description["parent"] != os.getpid()
    assert other["loaded"] == [description["parent"]] * 2, "the server imported the module before the fork"
    files = [path for path in description["descriptors"] if path.startswith(str(tmp_path))]
    assert files == [str(tmp_path / "run.lock"), *[str(tmp_path / LOG)] * 2]
    assert not any("socket" in path for path in description["descriptors"])
    assert description["name"] == f"{tmp_path}/description.json"[:15]
    wait_until(lambda: not is_locked(tmp_path) and has_ended(description["pid"]))
    assert (tmp_path / LOG).read_text() == "It works.\n"


def test_kernels_are_compiled_without_the_descriptors_of_workers_and_then_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = tmp_path / "loaded"
    descriptors = tmp_path / "descriptors"

    def describe(_rules: Any, _layout: Any) -> None:
        opened = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.exists()]
        write_file(descriptors, "\n".join(opened).encode())
        os._exit(0)

    monkeypatch.setattr(tetrarium.engine, "link_kernels", describe)
    monkeypatch.setattr(fork_server, "_place_one_piece", functools.cache(loaded.touch))
    fork_server._compile_in_forks.cache_clear()
    lock = acquire_lock(tmp_path)
    for is_cached in (False, True):
        monkeypatch.setattr(tetrarium.engine, "are_kernels_cached", lambda _rules, is_cached=is_cached: is_cached)
        assert not loaded.exists()
        fork_server.load_kernels()
    wait_until(descriptors.exists)
    assert "run.lock" not in descriptors.read_text() and loaded.exists()
    fork_server.wait_for_kernels(lambda: False)
    assert not fork_server.are_kernels_awaited()
    fork_server._compile_in_forks.cache_clear()
    os.close(lock)


def test_a_worker_waits_for_kernels_that_are_being_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, open_end = os.pipe()
    compiling = functools.cache(lambda: ended)
    monkeypatch.setattr(fork_server, "_compile_in_forks", compiling)
    fork_server.wait_for_kernels(lambda: False)
    assert not fork_server.are_kernels_awaited(), "they were there"
    compiling()
    assert fork_server.are_kernels_awaited()
    stops = iter([False, False, True])
    fork_server.wait_for_kernels(lambda: next(stops))
    assert next(stops, None) is None, "it waited for the stop"
    os.close(open_end)
    fork_server.wait_for_kernels(lambda: False)
    assert not fork_server.are_kernels_awaited()
    os.close(ended)


@pytest.mark.parametrize("module", MODULES.values())
def test_modules_that_a_worker_prepares_exist(module: str) -> None:
    importlib.import_module(module).prepare()


def test_a_failed_preparation_is_left_to_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prepare-fails").touch()
    assert started(tmp_path / "first")["parent"] == started(tmp_path / "second")["parent"]


@pytest.mark.parametrize("is_forked", [True, False])
def test_a_process_runs_no_module_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_forked: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fork_server, "_IS_SUPPORTED", is_forked)
    for name in ("json", "numpy", "tetrarium", "zmq"):
        (tmp_path / f"{name}.py").write_text("open('loaded', 'w')")
    assert (started(tmp_path / "first")["parent"] == os.getpid()) == (not is_forked)
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize("killed", [True, False])
def test_without_a_server_a_process_is_started_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    if killed:
        first = started(tmp_path)["parent"]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: has_ended(first))
        again, later = started(tmp_path), started(tmp_path)
        assert later["parent"] not in {first, os.getpid()}, "there is a new server"
    else:
        monkeypatch.setattr(fork_server, "_IS_SUPPORTED", False)
        again = started(tmp_path)
    assert again["parent"] == os.getpid() and again["session"] == again["pid"]
    wait_until(lambda: has_ended(again["pid"]))


def test_an_idle_server_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "_IDLE_S", 0.05)
    (first,) = started(tmp_path)["loaded"]  # the server; it may end before its fork asks for its parent
    wait_until(lambda: has_ended(first))
    assert started(tmp_path)["loaded"] != [first]


def test_the_server_ends_with_its_starter_and_its_forks_do_not(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tests.dashboard.servers import wait_until\n"
        "from tetrarium.registry.files.process_lock import acquire_lock\n"
        "from tetrarium.workers.processes.launcher import MODULES, start_process\n"
        "folder, needs, module = Path(sys.argv[1]), *sys.argv[2:]\n"
        "arguments = [str(folder / 'description.json'), '60']\n"
        "start_process(folder, acquire_lock(folder), arguments, prepared_by=needs, module=module)\n"
        "wait_until((folder / 'description.json').exists)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path), PREPARED_BY, MODULE], check=False)
    assert killed.returncode == -signal.SIGKILL
    description = json.loads((tmp_path / "description.json").read_text())
    wait_until(lambda: has_ended(description["parent"]))
    assert is_locked(tmp_path)
    os.kill(description["pid"], signal.SIGTERM)
    wait_until(lambda: not is_locked(tmp_path))
