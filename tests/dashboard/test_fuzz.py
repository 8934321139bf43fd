"""Fuzz tests of the API from its OpenAPI document: no status above 499 and no undocumented response.

The home cannot contain runs, so that a valid random request does not start training.
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

N_EXAMPLES = int(os.environ.get("TETRARIUM_FUZZ_EXAMPLES", "6"))  # per operation and mode
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection, unsupported_method,
]  # fmt: skip


@pytest.fixture(scope="module")
def sealed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard on a home in which no folder can be created."""
    home = tmp_path_factory.mktemp("home")
    for name in ("runs", "demos", "human-games", "jobs", "models", "tuning"):
        (home / name).write_text("no folder")
    with dashboard(home) as served:
        yield served


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_request_gets_a_documented_response(sealed_server: Server, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"http://{sealed_server.address}/api/openapi.json")
    labels = []
    with requests.Session() as session:
        for result in schema.get_all_operations():
            operation = result.ok()
            labels.append(operation.label)

            @settings(max_examples=N_EXAMPLES, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                case.call_and_validate(checks=CHECKS, session=session)

            with contextlib.suppress(Unsatisfiable):  # an operation without input has no invalid requests
                check()
    assert {"POST /api/runs", "POST /api/runs/{name}/commands", "POST /api/imports", "POST /api/studies"} <= set(labels)


def test_the_server_still_responds(sealed_server: Server) -> None:
    with sealed_server.client() as client:
        assert client.get("/api/runs").json() == []
