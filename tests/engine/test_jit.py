"""Kernels on disk."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

HALVES = """
from tetrarium.engine.jit import kernel

@kernel
def half(number):
    return number // 2

print(half(3), half(3.0))
"""

NUMBERS = """
from tetrarium.engine.jit import kernel

@kernel
def half(number):
    return number // 2

@kernel
def halves(number):
    return half(2) + half(4) + half(number)

print(halves(6), *half.signatures)
"""


@pytest.mark.compiled
def test_a_kernel_is_compiled_for_types_and_not_for_each_number_in_a_call(tmp_path: Path) -> None:
    script = tmp_path / "literals.py"
    script.write_text(NUMBERS)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "6 (int64,)"


@pytest.mark.compiled
def test_a_kernel_on_disk_that_another_process_wrote_for_other_types_is_not_run(tmp_path: Path) -> None:
    script = tmp_path / "halves.py"
    script.write_text(HALVES)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def say() -> str:
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert say() == "1 1.0"
    (index,) = (path for path in (tmp_path / "cache").rglob("*.nbi") if ".half-" in path.name)
    with index.open("rb") as file:
        version, (stamp, names) = pickle.load(file), pickle.loads(file.read())
    one, other = names
    swapped = {one: names[other], other: names[one]}
    with index.open("wb") as file:
        pickle.dump(version, file)
        file.write(pickle.dumps((stamp, swapped)))
    assert say() == "1 1.0"
