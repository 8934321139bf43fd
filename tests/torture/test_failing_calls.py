"""Each system call that changes a home fails once: nothing saved is lost, and no command ends with a traceback."""

import shutil
from pathlib import Path

import pytest

from tests.torture.failing_calls import run_preloaded


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("scenarios", "options"),
    [
        pytest.param(("train:81/90", "models:43/300", "tune:40/300"), ("--alike", "1"), id="one fault of each"),
        *(pytest.param((name,), (), marks=pytest.mark.oracle) for name in ("train", "resume", "models", "tune")),
    ],
)
def test_failing_calls_lose_nothing(scenarios: tuple[str, ...], options: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("the library that makes calls fail is compiled by cc, which is not installed")
    done = run_preloaded(tmp_path, ("--verbose", *options, *scenarios), capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("FAILED with") >= len(scenarios)
