"""What runs come to that nobody disturbs."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.torture.ends import end_of
from tests.torture.fire import CASES
from tests.torture.processes import finish, train

Undisturbed = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The ends of runs by the names of their cases; each is trained once."""
    home = tmp_path_factory.mktemp("undisturbed")
    known: dict[str, dict[str, Any]] = {}

    def ends(case: str) -> dict[str, Any]:
        if case not in known:
            finish(train(home, case, **CASES[case]))
            known[case] = end_of(home, case)
        return known[case]

    return ends
