"""Errors of the API: message, code and field."""

from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from tests.dashboard.servers import Server
from tetrarium.dashboard.http.error_handlers import error_body
from tetrarium.dashboard.http.validation_messages import invalid_field, validation_message
from tetrarium.dashboard.routes.jobs import StartJobRequest
from tetrarium.dashboard.routes.models import UpdateVersionRequest
from tetrarium.dashboard.routes.studies import StartStudyRequest
from tetrarium.registry.home import TAG_RULE


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    body = answer.json()
    assert sorted(body) == ["code", "error", "field"]
    return answer.status_code, body["code"], body["field"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "field"),
    [
        ("GET", "/api/nothing", None, 404, "not-found", None),
        ("PUT", "/api/runs", None, 405, "method-not-allowed", None),
        ("GET", "/api/runs/none", None, 404, "entry-not-found", None),
        ("GET", "/api/models/none", None, 404, "model-not-found", None),
        ("GET", "/api/runs/a%20b", None, 422, "invalid-value", "name"),
        ("GET", "/api/history?limit=0", None, 422, "invalid-value", "limit"),
        ("POST", "/api/runs", {"settings": {"gamma": 2}}, 422, "invalid-value", "gamma"),
        ("POST", "/api/runs", {"settings": {"gama": 0.9}}, 422, "invalid-value", "gama"),
        ("POST", "/api/runs", {"name": "a b"}, 422, "invalid-value", "name"),
        ("POST", "/api/runs", {"name": "dt-10"}, 409, "name-taken", "name"),
        ("POST", "/api/runs", {"start_from": "none"}, 422, "unknown-agent", "start_from"),
        ("POST", "/api/demos", {}, 422, "invalid-value", "agent"),
        ("POST", "/api/demos", {"agent": "none"}, 422, "unknown-agent", "agent"),
        ("POST", "/api/demos", {"seats": ["du", "none"]}, 422, "unknown-agent", "seats"),
        ("POST", "/api/human-games", {"opponent": "none"}, 422, "unknown-agent", "opponent"),
        (
            "POST",
            "/api/jobs",
            {"kind": "compare", "agent": "du", "other_agent": "none"},
            422,
            "unknown-agent",
            "other_agent",
        ),
        ("POST", "/api/jobs", {"kind": "evaluate", "agent": "none"}, 422, "unknown-agent", "agent"),
        ("POST", "/api/models", {"agent": "du", "name": "dt-10"}, 422, "invalid-name", "name"),
    ],
)
def test_an_error_has_a_code_and_a_field(
    server: Server, method: str, path: str, body: Any, status: int, code: str, field: str | None
) -> None:
    with server.client() as client:
        assert error_of(client.request(method, path, json=body)) == (status, code, field)


def test_requests_without_access_have_codes(server: Server) -> None:
    with server.client() as client:
        assert error_of(client.get("/api/about", headers={"Host": "evil.example"})) == (403, "wrong-host", None)
        assert error_of(client.get("/api/about", headers={"Origin": "http://evil.example"})) == (
            403, "wrong-origin", None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "body", "field", "message"),
    [
        (StartJobRequest, {"kind": "compare", "agent": "a", "other_agent": "b", "games": 0}, "games",
         "games must be at least 1; got 0."),
        (StartJobRequest, {"kind": "compare", "agent": "a"}, "other_agent",
         "other_agent is required. /api/openapi.json describes it."),
        (StartStudyRequest, {"name": "a", "ranges": {"gamma": {"values": [{}]}}}, "ranges.gamma.values",
         "An entry of ranges.gamma.values must be true or false; got {}."),
        (UpdateVersionRequest, {"tags": ["fine", "a/b"]}, "tags", f"An entry of tags {TAG_RULE.text}; got 'a/b'."),
        (StartStudyRequest, {"name": "a", "ranges": {}, "more": 1}, "more",
         "Unknown field 'more'. /api/openapi.json lists all fields."),
    ],
)  # fmt: skip
def test_the_field_is_a_path_in_the_request(model: Any, body: Any, field: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(model).validate_python(body)
    problem: Any = caught.value.errors()[0]
    problem["loc"] = ("body", *problem["loc"])
    assert invalid_field(problem, body) == field
    assert validation_message(problem, body) == message


def test_a_message_is_one_short_line_of_ascii() -> None:
    body = error_body(f"über\n{'x' * 1_000}", "invalid-value")
    assert body.isascii() and b"\\n" not in body and len(body) < 700
