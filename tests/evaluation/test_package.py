"""The public surface of evaluation, and what importing it loads."""

import subprocess
import sys

import tetrarium.evaluation


def test_all_public_names_exist_once() -> None:
    names = tetrarium.evaluation.__all__
    assert all(hasattr(tetrarium.evaluation, name) for name in names)
    assert len(set(names)) == len(names)
    assert {"LinearPolicy", "NetworkPolicy", "RandomPolicy", "Report", "evaluate", "play_moves"} <= set(names)


def test_importing_it_loads_no_learning_library() -> None:
    script = "import sys, tetrarium.evaluation; print(sorted({'torch', 'stable_baselines3'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
