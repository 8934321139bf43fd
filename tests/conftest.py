"""What holds for every test: a home of its own, repeatable examples, and no more threads than there are cores.

Hypothesis draws the same examples in every run. ``--hypothesis-profile=explore`` looks for new ones instead.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

FOLDERS_OF_LONG_TESTS = ("page", "torture", "tuning", "workers", "training", "cli", "dashboard")

# The first example of a test may have to wait for a compiler, and a busy machine is no failure: no deadlines.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with long tests, so that processes that share them end together; skips what tells of compiled kernels."""
    from numba import config

    items.sort(key=lambda item: item.path.parent.name not in FOLDERS_OF_LONG_TESTS)

    if config.DISABLE_JIT:
        for item in items:
            if item.get_closest_marker("compiled"):
                item.add_marker(pytest.mark.skip(reason="tells of compiled kernels, and the JIT is off"))


@pytest.fixture(scope="session", autouse=True)
def _home_of_shared_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures that live longer than a test run before its own home is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def tetrarium_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns an empty home that is this test's alone, so that none touches its user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TETRARIUM_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Keeps tests that run side by side from competing for cores; a test that uses no torch does not load it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
