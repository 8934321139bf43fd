"""Fixtures of all tests: an empty home per test, repeatable Hypothesis examples, and one torch thread per process.

Hypothesis draws the same examples in every run. ``--hypothesis-profile=explore`` looks for new ones instead.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

FOLDERS_OF_LONG_TESTS = ("page", "torture", "tuning", "workers", "training", "cli", "dashboard")

IS_JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT") == "1"

# No deadlines: the first example of a test may wait for a compiler, and a busy machine is not a failure.
settings.register_profile(
    "repeatable",
    max_examples=12 if IS_JIT_DISABLED else 50,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("repeatable")

for _number in (signal.SIGINT, signal.SIGHUP):  # ignored in the background of a script, which tests of signals are not
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs long tests first, so that parallel processes finish together; without the JIT, skips tests of kernels."""
    items.sort(key=lambda item: item.path.parent.name not in FOLDERS_OF_LONG_TESTS)

    if IS_JIT_DISABLED:
        for item in items:
            if item.get_closest_marker("compiled"):
                item.add_marker(pytest.mark.skip(reason="tests compiled kernels, and the JIT is disabled"))


@pytest.fixture(scope="session", autouse=True)
def _home_of_shared_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Provides a home for fixtures of modules and the session, which are set up before a test's own home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def tetrarium_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns an empty home for this test only, so that no test touches the user's home."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TETRARIUM_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Keeps parallel tests from competing for cores; does not import torch for tests that do not use it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
