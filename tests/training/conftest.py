"""A run that is trained already, for tests of what is done with one."""

import shutil
from pathlib import Path

import pytest

from tests.training.runs import start
from tetrarium.registry.home import Home


@pytest.fixture(scope="session")
def _trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home.locate(tmp_path_factory.mktemp("trained") / "home")
    start(home)[0].execute()
    return home.root


@pytest.fixture
def trained(_trained_once: Path, tetrarium_home: Path) -> Home:
    """A home of the test's own with the run "one", trained to its end."""
    shutil.copytree(_trained_once, tetrarium_home, dirs_exist_ok=True)
    return Home.locate(tetrarium_home)
