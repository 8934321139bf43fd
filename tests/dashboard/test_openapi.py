"""The OpenAPI document: every operation and field is described."""

from typing import Any

from tests.dashboard.servers import Server


def read_openapi(server: Server) -> dict[str, Any]:
    with server.client() as client:
        answer = client.get("/api/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def test_every_operation_is_described(server: Server) -> None:
    operations = [operation for path in read_openapi(server)["paths"].values() for operation in path.values()]
    assert len(operations) >= 16
    assert [one["summary"] for one in operations if not one.get("description")] == []
    ids = [one["operationId"] for one in operations]
    assert sorted(ids) == sorted(set(ids))
    assert {"start_run", "command_run", "resume_run", "start_new_demo"} <= set(ids)


def test_every_field_is_described_and_has_an_example_where_it_is_free(server: Server) -> None:
    missing = []
    for name, model in read_openapi(server)["components"]["schemas"].items():
        missing += [name] if not model.get("description") else []
        for key, value in model.get("properties", {}).items():
            is_fixed = {"const", "enum", "default", "$ref"} & set(value) or value.get("type") in {"boolean", "array"}
            if not value.get("description") or not ("examples" in value or "examples" in model or is_fixed):
                missing.append(f"{name}.{key}")
    assert missing == []


def test_no_documentation_page_loads_foreign_scripts(server: Server) -> None:
    with server.client() as client:
        assert [client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]
