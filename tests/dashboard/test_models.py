"""Saved models over REST: leaderboard, versions, trash, jobs and malicious imports."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.dashboard.saved_models import save_model, save_score
from tests.dashboard.servers import Server, dashboard, wait_until
from tests.registry.bad_bundles import CORPUS, RAN, sample
from tetrarium.evaluation import PROTOCOLS
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.home import Home
from tetrarium.workers.directories.jobs import list_jobs

CONTROLLERS = {"random", "dellacherie", "du", "dt-10"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dashboard(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as http_client:
        yield http_client


def error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    refusal = answer.json()["error"]
    assert refusal.isprintable() and "\n" not in refusal
    return str(refusal)


def finished(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        view = client.get(f"/api/jobs/{job['id']}").json()
        return None if view["is_alive"] else dict(view)

    return wait_until(ended)


def test_a_leaderboard_without_scores_lists_known_agents(client: httpx.Client) -> None:
    board = client.get("/api/leaderboard", params={"protocol": "literature-10x20"}).json()
    assert (board["protocol"]["height"], board["protocol"]["n_games"]) == (20, 20)
    rows = {row["agent"]: row for row in board["rows"]}
    assert {name for name, row in rows.items() if row["kind"] == "controller"} == CONTROLLERS
    assert all(row["score"] is None for row in board["rows"])
    assert client.get("/api/models").json() == []
    assert [found["name"] for found in client.get("/api/protocols").json()] == list(PROTOCOLS)
    refusal = error(client.get("/api/leaderboard?protocol=mine"), 422)
    assert refusal.startswith(f"A protocol is one of {', '.join(PROTOCOLS)}; got 'mine'.")


def test_versions_are_listed_updated_deleted_and_restored(server: Server, client: httpx.Client) -> None:
    for step in (10, 20):
        save_model(server.home, "first", step / 100, step=step, note="two\nlines")
    listed = client.get("/api/models").json()
    assert [(entry["name"], entry["n_versions"], entry["current"]["spec"]) for entry in listed] == [
        ("first", 2, "first@2")
    ]
    path = "/api/models/first/versions/1"
    changed = client.patch(path, json={"note": "old\nbut good", "tags": ["kept", "old"], "promoted": True}).json()
    assert (changed["note"], changed["tags"], changed["is_promoted"]) == ("old\nbut good", ["kept", "old"], True)
    assert client.patch(path, json={"tags": ["old"]}).json()["tags"] == ["old"]
    shown = client.get("/api/models/first").json()
    assert (shown["current"], shown["is_builtin"], [version["step"] for version in shown["versions"]]) == (
        1, False, [10, 20],
    )  # fmt: skip
    assert shown["versions"][0]["note"] == "old\nbut good"
    assert shown["versions"][0]["about"]["run"] == "first" and shown["runs"] == []
    folder = server.home / "runs" / "first"
    folder.mkdir(parents=True)
    assert client.get("/api/models/first").json()["runs"] == ["first"]
    folder.rmdir()

    save_score(server.home, "first@2", [30, 40])
    save_score(server.home, "random", [0, 1])
    rows = client.get("/api/leaderboard?protocol=literature-10x20").json()["rows"]
    assert [(row["agent"], row["note"]) for row in rows[:2]] == [("first@2", "two"), ("random", "")]
    best = rows[0]["score"]
    assert (best["mean_lines"], best["median_lines"], best["n_games"], best["n_truncated"]) == (35.0, 35.0, 2, 0)
    assert best["low"] <= 35 <= best["high"] and best["interval_kind"] == "bootstrap"
    assert {row["agent"] for row in rows if row["score"] is None} >= {"first@1", "dt-10"}
    assert [(found["number"], found["protocol"]) for found in client.get("/api/models/first").json()["scores"]] == [
        (2, "literature-10x20")
    ]

    assert [version["spec"] for version in client.delete("/api/models/first/versions/2").json()] == ["first@2"]
    assert [version["spec"] for version in client.get("/api/trash").json()] == ["first@2"]
    row = client.get("/api/leaderboard?protocol=literature-10x20").json()["rows"][0]
    assert (row["agent"], row["kind"], row["model"], row["score"]["mean_lines"]) == ("first@2", "gone", None, 35.0)
    assert client.post("/api/trash/restore", json={"spec": "first@2"}).json()[0]["trashed_s"] is None
    assert len(client.delete("/api/models/first").json()) == 2 and client.get("/api/models").json() == []
    assert "is in the trash" in error(client.get("/api/models/first"), 404)
    assert len(client.post("/api/trash/restore", json={"spec": "first"}).json()) == 2
    assert "no model 'first' in the trash" in error(client.post("/api/trash/restore", json={"spec": "first"}), 404)
    client.delete("/api/models/first/versions/2")
    assert [version["spec"] for version in client.delete("/api/trash").json()] == ["first@2"]
    assert client.get("/api/trash").json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "refusal"),
    [
        ("GET", "/models/nobody", None, 404, "There is no model 'nobody'"),
        ("DELETE", "/models/nobody", None, 404, "There is no model 'nobody'"),
        ("DELETE", "/models/nobody/versions/1", None, 404, "There is no model 'nobody'"),
        ("PATCH", "/models/nobody/versions/1", {"note": ""}, 404, "There is no model 'nobody'"),
        ("GET", "/models/nobody/versions/1/file", None, 404, "There is no model 'nobody'"),
        ("GET", "/models/..%2fkey", None, 404, "There is nothing at this address"),
        ("PATCH", "/models/x/versions/0", {}, 422, "number must be at least 1; got '0'."),
        ("PATCH", "/models/x/versions/1", {"promoted": False}, 422, "promoted must be True; got false."),
        ("PATCH", "/models/x/versions/1", {"tags": ["a b"]}, 422, "An entry of tags has 1 to 32 letters from A to Z"),
        ("POST", "/models", {"agent": "nobody", "name": "mine"}, 422, "Unknown agent 'nobody'"),
        ("POST", "/models", {"agent": "du", "name": "mine", "save_checkpoint": True}, 422, "`save_checkpoint` needs a"),
        ("POST", "/models", {"agent": "x", "name": "dt-10"}, 422, "'dt-10' is the name of a controller or"),
        ("POST", "/models", {"agent": "x", "name": "../x"}, 422, "name has 1 to 64 letters from A to Z, digits"),
        ("POST", "/trash/restore", {"spec": "nobody"}, 404, "There is no model 'nobody' in the trash."),
        ("POST", "/jobs", {"kind": "evaluate", "agent": "nobody"}, 422, "There is no model 'nobody'"),
        ("POST", "/jobs", {"kind": "evaluate", "agent": "du", "protocol": "x"}, 422, "A protocol is one of"),
        ("POST", "/jobs", {"kind": "compare", "agent": "du", "other_agent": "dv"}, 422, "Unknown agent 'dv'"),
        ("POST", "/jobs", {"kind": "record", "agent": "du", "max_pieces": 10_001}, 422, "max_pieces must be at most"),
        ("POST", "/jobs", {"kind": "import", "agent": "du"}, 422, "'compare', 'record'; got 'import'."),
        ("POST", "/jobs", {"kind": "evaluate"}, 422, "agent is required. /api/openapi.json describes it."),
        ("POST", "/jobs", {}, 422, "kind is required."),
        ("POST", "/jobs", [], 422, "The body must be an object in JSON, with Content-Type: application/json; got []."),
        ("POST", "/trash/restore", {"spec": None}, 422, "spec must be text; got null."),
        ("POST", "/trash/restore", None, 422, "The body is required."),
        ("GET", "/leaderboard?protocol=", None, 422, "A protocol is one of"),
        ("GET", "/jobs/nobody", None, 404, "There is no job 'nobody'"),
        ("DELETE", "/jobs/nobody", None, 404, "There is no job 'nobody'"),
    ],
)  # fmt: skip
def test_invalid_requests_are_rejected_with_one_line(
    client: httpx.Client, method: str, path: str, body: Any, status: int, refusal: str
) -> None:
    assert refusal in error(client.request(method, f"/api{path}", json=body), status)


def test_every_malicious_bundle_is_rejected_and_leaves_no_files(server: Server, client: httpx.Client) -> None:
    bad_bundles = [bad_bundle for kind in CORPUS.values() for bad_bundle in kind]
    assert len(bad_bundles) >= 200
    for bad_bundle in bad_bundles:
        refusal = error(client.post("/api/imports", content=bad_bundle.data), 422)
        assert bad_bundle.refusal in refusal and refusal.startswith("The file "), bad_bundle.name
    assert not RAN.exists()
    assert list_jobs(Home.locate(server.home)) == []


def test_a_file_above_the_size_limit_is_not_read(client: httpx.Client) -> None:
    host, port = str(client.base_url.netloc.decode()).split(":")
    claims = f"POST /api/imports HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {80 << 20}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(claims.encode())
        received = b""
        while b"A request body must have at most 71,303,168 bytes. Send less." not in received:
            part = line.recv(1 << 16)
            assert part, received
            received += part

    def chunks() -> Iterator[bytes]:
        yield from [bytes(1 << 20)] * 69

    refusal = error(client.post("/api/imports", content=chunks()), 413)
    assert refusal == "An uploaded file must have at most 71,303,168 bytes. Send a smaller file."
    big = {"agent": "du", "seats": ["du"] * 9, "note": "x" * (1 << 20)}
    assert (
        error(client.post("/api/demos", json=big), 413)
        == "A request body must have at most 1,048,576 bytes. Send less."
    )


def test_a_model_is_exported_and_imported(server: Server, client: httpx.Client) -> None:
    good = save_model(server.home, "mine")
    out = client.get("/api/models/mine/versions/1/file")
    assert out.headers["content-disposition"] == 'attachment; filename="mine.tetris"'
    assert Bundle.from_bytes(out.content).weights_sha256 == good.sha256
    started = client.post("/api/imports", content=out.content, params={"name": "again"})
    assert started.status_code == 202, started.text
    assert error(client.post("/api/imports", content=out.content, params={"name": "du"}), 422).startswith(
        "'du' is the name of a controller or built-in model."
    )
    unloadable = client.post("/api/imports", content=sample().to_bytes()).json()
    ended = finished(client, started.json())
    assert (ended["state"], ended["message"]) == ("finished", "Imported again@1: cma-es at step 1,000."), ended
    assert ended["result"]["spec"] == "again@1" and ended["result"]["sha256"] == good.sha256
    ended = finished(client, unloadable)
    assert ended["state"] == "failed" and "but its config requires" in ended["error"], "valid, but of another network"
    third = client.post("/api/imports", content=out.content, params={"name": "again", "promote": "true"}).json()
    assert finished(client, third)["message"] == "The same weights are already here as again@1."
    assert {"again", "mine"} <= {entry["name"] for entry in client.get("/api/models").json()}
    assert len(client.get("/api/models/again").json()["versions"]) == 1


def test_jobs_measure_compare_record_are_canceled_and_bounded(client: httpx.Client) -> None:
    body = {"kind": "compare", "agent": "dt-10", "other_agent": "random", "games": 20, "max_pieces": 50}
    comparison = client.post("/api/jobs", json=body).json()
    recording = client.post("/api/jobs", json={"kind": "record", "agent": "dt-10", "max_pieces": 5, "scale": 4}).json()
    third = client.post("/api/jobs", json={"kind": "evaluate", "agent": "random"})
    assert third.status_code == 202 and finished(client, third.json())["state"] == "finished"

    ended = finished(client, comparison)
    assert (ended["state"], ended["share_done"], ended["n_games"]) == ("finished", 1.0, 20), ended
    result = ended["result"]
    assert result["sentence"] == ended["message"] and result["is_significant"] and result["difference"] > 5
    assert (result["agent"], result["n_games"], result["max_pieces"], result["n_won"]) == ("dt-10", 20, 50, 20)
    ended = finished(client, recording)
    assert (ended["state"], ended["has_file"], ended["result"]["pieces"]) == ("finished", True, 5), ended
    gif = client.get(f"/api/jobs/{recording['id']}/file")
    assert gif.content[:6] == b"GIF89a" and gif.headers["content-type"] == "image/gif"
    assert "has no file" in error(client.get(f"/api/jobs/{comparison['id']}/file"), 404)

    evaluation = client.post("/api/jobs", json={"kind": "evaluate", "agent": "random", "protocol": "default"}).json()
    slow = client.post("/api/jobs", json={"kind": "evaluate", "agent": "dt-10", "protocol": "literature-10x20"}).json()
    assert client.delete(f"/api/jobs/{slow['id']}").status_code == 204
    ended = finished(client, slow)
    assert (ended["state"], ended["message"]) == ("canceled", "Canceled. Nothing was changed.")
    ended = finished(client, evaluation)
    assert ended["state"] == "finished" and ended["message"].startswith("random: 0"), ended
    rows = {row["agent"]: row["score"] for row in client.get("/api/leaderboard?protocol=default").json()["rows"]}
    assert rows["random"]["mean_lines"] == ended["result"]["report"]["mean_lines"]
    assert rows["random"]["n_games"] == 100
    for view in client.get("/api/jobs").json():
        assert client.delete(f"/api/jobs/{view['id']}").status_code == 204
    assert client.get("/api/jobs").json() == []
