"""Fixtures: finished runs that is are trained once per session, and copies of one."""

import shutil
from pathlib import Path

import pytest

from tests.training.runs import CONFIG, EVALUATED, FinishedRun, start
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig


def _finish(root: Path, config: TrainingConfig) -> FinishedRun:
    home = Home.locate(root)
    run, events = start(home, config=config)
    agent, ended = run.execute()
    return FinishedRun(home, run.folder, agent, ended, events)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Returns the finished run "one" with ``CONFIG``, which no test changes."""
    return _finish(tmp_path_factory.mktemp("finished") / "home", CONFIG)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Returns the finished run "one" with ``EVALUATED``, which no test changes."""
    return _finish(tmp_path_factory.mktemp("evaluated") / "home", EVALUATED)


@pytest.fixture
def trained(finished: FinishedRun, tetrarium_home: Path) -> Home:
    """Returns a home for this test only, with the finished run "one"."""
    shutil.copytree(finished.home.root, tetrarium_home, dirs_exist_ok=True)
    return Home.locate(tetrarium_home)
