"""Training processes of the command line: started, watched, killed at an instant, and looked for afterwards."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Union

from tests.registry.disks import HIDDEN

SMALL: Final = {
    "n_envs": 4, "total_timesteps": 2_400, "learning_starts": 40, "batch_size": 16, "net_arch": 8, "buffer_size": 1_000,
    "checkpoint_every": 400, "keep_checkpoints": 2, "keep_every": 1_000, "evaluate_every": 700, "evaluation_games": 2,
    "evaluation_pieces": 50, "target_update_interval": 200,
}  # fmt: skip
LIMIT_S: Final = 170.0
_POLL_S: Final = 0.001
_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.torture.warm"])

Process = Union["Forked", subprocess.Popen[str]]


def _run(*arguments: Any) -> None:
    from tests.torture.warm import run_command

    run_command(*arguments)


class Forked:
    """A command in a process of its own, forked from a server that has imported everything; used as a ``Popen`` is."""

    def __init__(self, arguments: Sequence[object]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._files = [Path(self._folder.name) / name for name in ("printed", "complained")]
        self._process = _SERVER.Process(target=_run, args=(list(map(str, arguments)), *self._files))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Waits for the end; returns what was printed, and what was complained of."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise subprocess.TimeoutExpired(str(self._process), timeout)
        with self._folder:
            printed, complained = (file.read_text() if file.exists() else "" for file in self._files)
        return printed, complained


def spawn(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Starts a command as a process of its own, as a shell does."""
    command = [sys.executable, "-m", "tetrarium", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def training(home: Path, name: str, **settings: object) -> list[object]:
    """The command that starts a small run."""
    assigned = [f"--set={key}={value}" for key, value in (SMALL | settings).items()]
    return ["train", "--home", home, "--name", name, *assigned]


def train(home: Path, name: str, **settings: object) -> Forked:
    """Starts a small run."""
    return Forked(training(home, name, **settings))


def resume(home: Path, name: str) -> Forked:
    """Goes on with a run."""
    return Forked(["resume", name, "--home", home])


def finish(process: Process, code: int = 0) -> tuple[str, str]:
    """Waits for a process to end with a code; returns what it printed, and what it complained of."""
    output, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code, f"ended with {process.returncode}: {output[-400:]}{error}"
    return output, error


def wait_until(condition: Callable[[], Any], process: Process | None = None) -> bool:
    """Waits for a condition; returns False if the process ended before it held."""
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        if process is not None and process.poll() is not None:
            return bool(condition())
        assert time.monotonic() < deadline_s, "it did not come"
        time.sleep(_POLL_S)
    return True


def is_writing(folder: Path) -> bool:
    """Whether something is being made in a folder under a hidden name."""
    try:
        return any(HIDDEN.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 called in a tight loop
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """Processes that a process has started and that still run."""
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]  # fmt: skip
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than an entry that nobody has asked about yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(process: Process) -> None:
    """Kills a process without warning, and waits until those that it had started have ended by themselves."""
    left = children(process.pid)
    process.kill()
    process.communicate(timeout=LIMIT_S)
    wait_until(lambda: not any(map(is_running, left)))


def leftovers(run: Path) -> Sequence[str]:
    """Names in a run's folder that only a process in the middle of writing may leave there."""
    return sorted(
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if HIDDEN.fullmatch(path.name) or path.name.startswith(".") or path.suffix == ".partial"
    )
