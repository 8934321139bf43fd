"""Results of uninterrupted runs."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.torture.processes import finish, train
from tests.torture.repeated_kills import CASES
from tests.torture.run_results import result_of

Uninterrupted = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    """Returns a function from the name of a case to the result of its run; each is trained once."""
    home = tmp_path_factory.mktemp("uninterrupted")
    results: dict[str, dict[str, Any]] = {}

    def result(case: str) -> dict[str, Any]:
        if case not in results:
            finish(train(home, case, **CASES[case]))
            results[case] = result_of(home, case)
        return results[case]

    return result
