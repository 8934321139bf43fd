"""Each system call that changes a home fails once: nothing saved is lost, and no command ends with a traceback."""

import shutil
import subprocess
import sys

import pytest


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        ("train", ["--alike", "1", "--part", "81/90"]),
        ("models", ["--alike", "1", "--part", "43/300"]),
        ("tune", ["--alike", "1", "--part", "40/300"]),
        *(pytest.param(name, [], marks=pytest.mark.oracle) for name in ("train", "resume", "models", "tune")),
    ],
)
def test_failing_calls_lose_nothing(scenario: str, options: list[str]) -> None:
    if shutil.which("cc") is None:
        pytest.skip("the library that makes calls fail is compiled by cc, which is not installed")
    command = [sys.executable, "-m", "tests.torture.failing_calls", scenario, "--verbose", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED with" in done.stdout
