"""The API describes itself: every operation and field in words, every name once."""

from typing import Any

from tests.dashboard.servers import Server


def described(server: Server) -> dict[str, Any]:
    with server.client() as client:
        answer = client.get("/api/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def test_every_operation_is_described(server: Server) -> None:
    operations = [operation for path in described(server)["paths"].values() for operation in path.values()]
    assert len(operations) >= 16
    assert [one["summary"] for one in operations if not one.get("description")] == []
    ids = [one["operationId"] for one in operations]
    assert sorted(ids) == sorted(set(ids))
    assert {"start_run", "command_run", "resume_run", "begin_player"} <= set(ids)


def test_every_field_is_described_and_has_an_example_where_it_is_free(server: Server) -> None:
    missing = []
    for name, model in described(server)["components"]["schemas"].items():
        missing += [name] if not model.get("description") else []
        for key, value in model.get("properties", {}).items():
            is_fixed = {"const", "enum", "default", "$ref"} & set(value) or value.get("type") in {"boolean", "array"}
            if not value.get("description") or not ("examples" in value or "examples" in model or is_fixed):
                missing.append(f"{name}.{key}")
    assert missing == []


def test_nothing_is_loaded_from_elsewhere_to_read_it(server: Server) -> None:
    with server.client() as client:
        assert [client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]
