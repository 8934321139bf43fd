"""A dashboard on an empty home, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.dashboard.servers import Server, dashboard


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dashboard(tmp_path_factory.mktemp("home")) as served:
        yield served
