"""Whatever is sent to the API, as its own OpenAPI document describes it or not: no answer above 499, none undescribed.

The home cannot hold runs, so that what is valid by chance does not begin a training.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.dashboard.servers import Server, dashboard

N_EXAMPLES = int(os.environ.get("TETRARIUM_FUZZ_EXAMPLES", "15"))  # of each operation, in each mode
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection, unsupported_method,
]  # fmt: skip


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard on a home in which there is no room for runs."""
    home = tmp_path_factory.mktemp("home")
    for name in ("runs", "players", "hands", "jobs", "models", "tuning"):
        (home / name).write_text("no folder")
    with dashboard(home) as served:
        yield served


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_api_answers_whatever_comes(full: Server, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"http://{full.address}/api/openapi.json")
    labels = []
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            labels.append(operation.label)

            @settings(max_examples=N_EXAMPLES, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                case.call_and_validate(checks=CHECKS, session=session)

            with contextlib.suppress(Unsatisfiable):  # what takes no input cannot be given a wrong one
                check()
    assert {"POST /api/runs", "POST /api/runs/{name}/commands", "POST /api/imports", "POST /api/studies"} <= set(labels)


def test_it_still_stands(full: Server) -> None:
    with full.client() as client:
        assert client.get("/api/runs").json() == []
