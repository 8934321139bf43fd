"""Training processes of the command line: started, observed, killed, and checked for leftovers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.command_processes import ForkedCommand
from tests.registry.faulty_disks import HIDDEN

SMALL: Final = {
    "n_envs": 4, "total_timesteps": 2_400, "learning_starts": 40, "batch_size": 16, "net_arch": 8, "buffer_size": 1_000,
    "checkpoint_every": 400, "keep_checkpoints": 2, "keep_every": 1_000, "evaluate_every": 700, "evaluation_games": 2,
    "evaluation_pieces": 50, "target_update_interval": 200,
}  # fmt: skip
LIMIT_S: Final = 170.0
_POLL_S: Final = 0.001

Process = ForkedCommand | subprocess.Popen[str]


def spawn(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Starts a command in a process, as a shell does."""
    command = [sys.executable, "-m", "tetrarium", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def training(home: Path, name: str, **settings: object) -> list[object]:
    """Returns the arguments that start a small run."""
    assigned = [f"--set={key}={value}" for key, value in (SMALL | settings).items()]
    return ["train", "--home", home, "--name", name, *assigned]


def train(home: Path, name: str, **settings: object) -> ForkedCommand:
    """Starts a small run."""
    return ForkedCommand(*training(home, name, **settings))


def resume(home: Path, name: str) -> ForkedCommand:
    """Resumes a run."""
    return ForkedCommand("resume", name, "--home", home)


def finish(process: Process, code: int = 0) -> tuple[str, str]:
    """Waits for a process to end with a code; returns its standard output and standard error."""
    output, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code, f"ended with {process.returncode}: {output[-400:]}{error}"
    return output, error


def wait_until(condition: Callable[[], Any], process: Process | None = None) -> bool:
    """Waits for a condition; returns False if the process ended before it held."""
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        if process is not None and process.poll() is not None:
            return bool(condition())
        assert time.monotonic() < deadline_s, "the condition was not met in time"
        time.sleep(_POLL_S)
    return True


def is_writing(folder: Path) -> bool:
    """Returns whether a file or folder is being written under a hidden name."""
    try:
        return any(HIDDEN.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 called in a tight loop
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """Returns the running child processes of a process."""
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]  # fmt: skip
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_running(pid: int) -> bool:
    """Returns whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(process: Process) -> None:
    """Kills a process and waits until its children have ended by themselves."""
    left = children(process.pid)
    process.kill()
    process.communicate(timeout=LIMIT_S)
    wait_until(lambda: not any(map(is_running, left)))


def leftovers(run: Path) -> Sequence[str]:
    """Returns the names in a run's folder that only an interrupted write leaves behind."""
    return sorted(
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if HIDDEN.fullmatch(path.name) or path.name.startswith(".") or path.suffix == ".partial"
    )
