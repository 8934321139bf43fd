"""Commands of a user who may not write the package and has no folder, and commands in a home that is read-only."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commands import EVALUATED, SMALL, run_captured, run_command
from tests.dashboard.servers import dashboard, end_workers
from tetrarium.registry.versions import CHAMPIONS

USER = 65_533  # without an entry in the list of users
TINY = [*SMALL, "--set", "total_timesteps=40", "--set", "checkpoint_every=40"]
STUDY = [
    *EVALUATED, "--vary", "n_steps=1,2", "--sampler", "grid", "--trials", "1", "--steps", "40", "--set",
    "evaluate_every=40", "--set", "evaluation_games=2", "--set", "evaluation_pieces=20", "--set", "harder_games=0",
]  # fmt: skip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user and mount")


@contextmanager
def bound(source: Path, place: Path, *options: str) -> Iterator[None]:
    """Mounts a folder at another place, or skips the test if that is not permitted."""
    mounted = subprocess.run(["mount", "--bind", source, place], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"it cannot be mounted here: {mounted.stderr.strip()}")
    try:
        for option in options:
            subprocess.run(["mount", "-o", f"remount,bind,{option}", place], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Returns a folder of that user, which others can enter, unlike those of pytest and of root's Python."""
    path = Path(tempfile.mkdtemp())
    (path / "python").mkdir()
    for place in (path, path / "python"):
        os.chown(place, USER, USER)
    try:
        with bound(Path(sys.base_prefix), path / "python"):
            yield path
            end_workers(path / "home")
    finally:
        shutil.rmtree(path)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Starts a command as that user."""
    ours = ("TETRARIUM", "XDG", "NUMBA", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if not path.startswith(sys.base_prefix))
    environment["LD_LIBRARY_PATH"] = str(folder / "python" / "lib")
    python = folder / "python" / "bin" / f"python3.{sys.version_info.minor}"
    return subprocess.Popen(
        [python, "-B", "-m", "tetrarium", *arguments, "--home", folder / "home"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
        user=USER,
        group=USER,
        extra_groups=(),
    )


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs a command as that user; returns its exit code, output and error."""
    process = start(folder, *arguments)
    output, error = process.communicate()
    return process.returncode, output, error


def test_user_without_a_folder_trains_tunes_and_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert run(folder, "train", "--name", "one", *TINY)[0] == 0
    monkeypatch.setenv("HOME", "/")
    code, output, error = run(folder, "tune", "many", *STUDY, "--json")
    assert code == 0, error
    assert json.loads(output)["view"]["n_done"] == 1
    with start(folder, "serve", "--port", "0") as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            with urllib.request.urlopen(f"{found[0]}api/runs") as response:
                assert {entry["name"] for entry in json.load(response)} == {"one", "many-0001"}
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait() == 143
    assert {path.name for path in folder.iterdir()} == {"home", "python"}


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Returns a home with a run on a read-only mount."""
    home = tmp_path / "home"
    assert run_command("train", "--name", "one", *TINY, "--home", str(home)) == 0
    with bound(home, home, "ro"):
        yield home


WORKING = (
    "runs list", "runs show one", "models list", "tune list", "evaluate one --games 2 --max-pieces 20",
    "runs prune one --keep 1", "models leaderboard",
)  # fmt: skip
REFUSED = (
    "train", "train --seeds 2", "resume one --steps 80", "resume one --at 40", f"tune many {' '.join(STUDY)}",
    "models save one --name mine", f"models import {CHAMPIONS / 'champion.tetris'} --name mine", "runs delete one",
)  # fmt: skip


def test_commands_in_a_read_only_home_work_or_end_in_one_line(
    read_only: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in WORKING:
        assert run_captured(capsys, *command.split(), "--home", str(read_only))[0] == 0, command
    for command in REFUSED:
        code, _, error = run_captured(capsys, *command.split(), "--home", str(read_only))
        assert (code, error.count("\n")) == (1, 1), (command, error)
        assert error.startswith("tetrarium: ") and str(read_only) in error, (command, error)
    with dashboard(read_only) as server, server.client() as client:
        assert [run["name"] for run in client.get("/api/runs").json()] == ["one"]
        refused = client.post("/api/runs", json={"preset": "quick"})
        assert refused.status_code == 409 and "Read-only file system" in refused.json()["error"]
        assert server.stop() == 130
