"""Commands of the command line, run in this process or in another."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tetrarium.cli.main import main

EVALUATED = [
    "--set", "n_envs=4", "--set", "learning_starts=40", "--set", "batch_size=16", "--set", "net_arch=8",
    "--set", "buffer_size=400", "--set", "train_freq=5",
]  # fmt: skip
SMALL = [*EVALUATED, "--set", "evaluate_every=0"]  # an evaluation starts a process


def run_command(*arguments: str) -> int:
    """Runs a command in this process; returns its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def spawn(*arguments: str) -> subprocess.Popen[str]:
    """Starts a command in a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tetrarium", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Waits until a file exists."""
    deadline_s = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s, f"{path} was not written in time"
        time.sleep(0.05)


def run_captured(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Runs a command in this process; returns its exit code, standard output and standard error."""
    capsys.readouterr()
    code = run_command(*arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err
