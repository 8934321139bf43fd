"""Saved models over REST: the leaderboard, versions, trash, jobs, and what strangers send."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.dashboard.servers import Server, dashboard, wait_until
from tests.dashboard.shelf import keep, shelve
from tests.registry.hostile import CORPUS, RAN, sample
from tetrarium.evaluation import PROTOCOLS
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.home import Home
from tetrarium.workers.jobs import list_jobs

CONTROLLERS = {"random", "dellacherie", "du", "dt-10"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dashboard(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as asking:
        yield asking


def error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    said = answer.json()["error"]
    assert said.isprintable() and "\n" not in said
    return str(said)


def finished(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        view = client.get(f"/api/jobs/{job['id']}").json()
        return None if view["is_alive"] else dict(view)

    return wait_until(ended)


def test_a_leaderboard_without_models_has_who_is_known_and_no_number(client: httpx.Client) -> None:
    board = client.get("/api/leaderboard", params={"protocol": "literature-10x10"}).json()
    assert (board["protocol"]["height"], board["protocol"]["n_games"]) == (10, 1_000)
    rows = {row["player"]: row for row in board["rows"]}
    assert {name for name, row in rows.items() if row["kind"] == "controller"} == CONTROLLERS
    assert all(row["score"] is None for row in board["rows"])
    assert client.get("/api/models").json() == []
    assert [found["name"] for found in client.get("/api/protocols").json()] == list(PROTOCOLS)
    said = error(client.get("/api/leaderboard?protocol=mine"), 422)
    assert said.startswith("A protocol is one of default, uniform, literature-10x10, literature-10x20; got 'mine'.")


def test_versions_are_told_noted_tagged_promoted_deleted_and_restored(server: Server, client: httpx.Client) -> None:
    for step in (10, 20):
        shelve(server.home, "first", step / 100, step=step, note="two\nlines")
    listed = client.get("/api/models").json()
    assert [(entry["name"], entry["n_versions"], entry["current"]["spec"]) for entry in listed] == [
        ("first", 2, "first@2")
    ]
    path = "/api/models/first/versions/1"
    changed = client.put(path, json={"note": "old\nbut good", "tags": ["kept", "old"], "promoted": True}).json()
    assert (changed["note"], changed["tags"], changed["is_promoted"]) == ("old\nbut good", ["kept", "old"], True)
    assert client.put(path, json={"tags": ["old"]}).json()["tags"] == ["old"]
    shown = client.get("/api/models/first").json()
    assert (shown["current"], shown["is_in_box"], [version["step"] for version in shown["versions"]]) == (
        1, False, [10, 20],
    )  # fmt: skip
    assert shown["versions"][0]["note"] == "old\nbut good"

    keep(server.home, "first@2", [30, 40])
    keep(server.home, "random", [0, 1])
    rows = client.get("/api/leaderboard").json()["rows"]
    assert [(row["player"], row["note"]) for row in rows[:2]] == [("first@2", "two"), ("random", "")]
    best = rows[0]["score"]
    assert (best["mean_lines"], best["median_lines"], best["n_games"], best["n_cut_off"]) == (35.0, 35.0, 2, 0)
    assert best["low"] <= 35 <= best["high"] and best["interval_kind"] == "bootstrap"
    assert {row["player"] for row in rows if row["score"] is None} >= {"first@1", "dt-10"}
    assert [(found["number"], found["protocol"]) for found in client.get("/api/models/first").json()["scores"]] == [
        (2, "default")
    ]

    assert [version["spec"] for version in client.delete("/api/models/first/versions/2").json()] == ["first@2"]
    assert [version["spec"] for version in client.get("/api/trash").json()] == ["first@2"]
    gone = client.get("/api/leaderboard").json()["rows"][0]
    assert (gone["player"], gone["kind"], gone["model"], gone["score"]["mean_lines"]) == ("first@2", "gone", None, 35.0)
    assert client.post("/api/trash/restore", json={"spec": "first@2"}).json()[0]["trashed_s"] is None
    assert len(client.delete("/api/models/first").json()) == 2 and client.get("/api/models").json() == []
    assert "lies in the trash" in error(client.get("/api/models/first"), 404)
    assert len(client.post("/api/trash/restore", json={"spec": "first"}).json()) == 2
    assert "does not" in error(client.post("/api/trash/restore", json={"spec": "first"}), 404)
    client.delete("/api/models/first/versions/2")
    assert [version["spec"] for version in client.delete("/api/trash").json()] == ["first@2"]
    assert client.get("/api/trash").json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/models/nobody", None, 404, "There is no model 'nobody'"),
        ("DELETE", "/models/nobody", None, 404, "There is no model 'nobody'"),
        ("DELETE", "/models/nobody/versions/1", None, 404, "There is no model 'nobody'"),
        ("PUT", "/models/nobody/versions/1", {"note": ""}, 404, "There is no model 'nobody'"),
        ("GET", "/models/nobody/versions/1/file", None, 404, "There is no model 'nobody'"),
        ("GET", "/models/..%2fkey", None, 404, "There is nothing at this address"),
        ("PUT", "/models/x/versions/0", {}, 422, "number is at least 1; got '0'."),
        ("PUT", "/models/x/versions/1", {"promoted": False}, 422, "promoted is True; got false."),
        ("PUT", "/models/x/versions/1", {"tags": ["a b"]}, 422, "tags.0 has 1 to 32 letters from A to Z"),
        ("POST", "/models", {"what": "nobody", "name": "mine"}, 422, "there is no 'nobody'"),
        ("POST", "/models", {"what": "du", "name": "mine", "fresh": True}, 422, "A run that is under way saves afresh"),
        ("POST", "/models", {"what": "x", "name": "dt-10"}, 422, "A model has a name of its own; 'dt-10' is a known"),
        ("POST", "/models", {"what": "x", "name": "../x"}, 422, "name has 1 to 64 letters from A to Z, digits"),
        ("POST", "/trash/restore", {"spec": "nobody"}, 404, "What is restored lies in the trash, and 'nobody'"),
        ("POST", "/jobs", {"kind": "measure", "what": "nobody"}, 422, "There is no model 'nobody'"),
        ("POST", "/jobs", {"kind": "measure", "what": "du", "protocol": "x"}, 422, "A protocol is one of"),
        ("POST", "/jobs", {"kind": "compare", "one": "du", "other": "dv"}, 422, "there is no 'dv'"),
        ("POST", "/jobs", {"kind": "record", "what": "du", "max_pieces": 10_001}, 422, "is at most 1,000; got 10001."),
        ("POST", "/jobs", {"kind": "import", "what": "du"}, 422, "'compare', 'record'; got 'import'."),
        ("POST", "/jobs", {"kind": "measure"}, 422, "measure.what is needed, and is missing."),
        ("POST", "/jobs", {}, 422, "kind is needed, and is missing."),
        ("POST", "/jobs", [], 422, "The body is an object in JSON, with Content-Type: application/json; got []."),
        ("POST", "/trash/restore", {"spec": None}, 422, "spec is text; got null."),
        ("POST", "/trash/restore", None, 422, "The body is needed, and is missing."),
        ("GET", "/leaderboard?protocol=", None, 422, "A protocol is one of"),
        ("GET", "/jobs/nobody", None, 404, "There is no job 'nobody'"),
        ("DELETE", "/jobs/nobody", None, 404, "There is no job 'nobody'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(
    client: httpx.Client, method: str, path: str, body: Any, status: int, said: str
) -> None:
    assert said in error(client.request(method, f"/api{path}", json=body), status)


def test_every_hostile_bundle_is_refused_with_its_reason_and_leaves_nothing(
    server: Server, client: httpx.Client
) -> None:
    hostiles = [hostile for kind in CORPUS.values() for hostile in kind]
    assert len(hostiles) >= 200
    for hostile in hostiles:
        said = error(client.post("/api/imports", content=hostile.data), 422)
        assert hostile.refusal in said and said.startswith("The file "), hostile.name
    assert not RAN.exists()
    assert list_jobs(Home.locate(server.home)) == []


def test_a_file_larger_than_a_bundle_is_not_read(client: httpx.Client) -> None:
    host, port = str(client.base_url.netloc.decode()).split(":")
    claims = f"POST /api/imports HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {80 << 20}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(claims.encode())
        assert b"A body has at most 71,303,168 bytes. Send less." in line.recv(1 << 16) + line.recv(1 << 16)

    def pieces() -> Iterator[bytes]:
        yield from [bytes(1 << 20)] * 69

    said = error(client.post("/api/imports", content=pieces()), 413)
    assert said == "A file has at most 71,303,168 bytes here. Send a smaller one."
    big = {"what": "du", "seats": ["du"] * 9, "note": "x" * (1 << 20)}
    assert error(client.post("/api/players", json=big), 413) == "A body has at most 1,048,576 bytes. Send less."


def test_a_model_goes_out_and_comes_in_again(server: Server, client: httpx.Client) -> None:
    good = shelve(server.home, "mine")
    out = client.get("/api/models/mine/versions/1/file")
    assert out.headers["content-disposition"] == 'attachment; filename="mine.tetris"'
    assert Bundle.from_bytes(out.content).weights_sha256 == good.sha256
    begun = client.post("/api/imports", content=out.content, params={"name": "again"})
    assert begun.status_code == 202, begun.text
    assert error(client.post("/api/imports", content=out.content, params={"name": "du"}), 422).startswith(
        "A model has a name of its own; 'du' is a known one."
    )
    strange = client.post("/api/imports", content=sample().to_bytes()).json()
    ended = finished(client, begun.json())
    assert (ended["state"], ended["message"]) == ("finished", "Imported again@1: cma-es at step 1,000."), ended
    assert ended["result"]["spec"] == "again@1" and ended["result"]["sha256"] == good.sha256
    ended = finished(client, strange)
    assert ended["state"] == "failed" and "and its config asks for" in ended["error"], "whole, but no such network"
    assert [entry["name"] for entry in client.get("/api/models").json()] == ["again", "first", "mine"]


def test_jobs_measure_compare_record_are_cancelled_and_bounded(client: httpx.Client) -> None:
    order = {"kind": "compare", "one": "dt-10", "other": "random", "games": 20, "max_pieces": 50}
    compared = client.post("/api/jobs", json=order).json()
    drawn = client.post("/api/jobs", json={"kind": "record", "what": "dt-10", "max_pieces": 5, "scale": 4}).json()
    said = error(client.post("/api/jobs", json={"kind": "measure", "what": "random"}), 409)
    assert said.startswith("At most 2 evaluations, comparisons and recordings are made at once, and 2 are. Wait")

    ended = finished(client, compared)
    assert (ended["state"], ended["share_done"], ended["n_games"]) == ("finished", 1.0, 20), ended
    result = ended["result"]
    assert result["sentence"] == ended["message"] and result["is_real"] and result["difference"] > 5
    assert (result["one"], result["n_games"], result["max_pieces"], result["n_won"]) == ("dt-10", 20, 50, 20)
    ended = finished(client, drawn)
    assert (ended["state"], ended["has_file"], ended["result"]["pieces"]) == ("finished", True, 5), ended
    picture = client.get(f"/api/jobs/{drawn['id']}/file")
    assert picture.content[:6] == b"GIF89a" and picture.headers["content-type"] == "image/gif"
    assert "left no file" in error(client.get(f"/api/jobs/{compared['id']}/file"), 404)

    measured = client.post("/api/jobs", json={"kind": "measure", "what": "random", "protocol": "default"}).json()
    slow = client.post("/api/jobs", json={"kind": "measure", "what": "dt-10", "protocol": "literature-10x20"}).json()
    assert client.delete(f"/api/jobs/{slow['id']}").status_code == 204
    ended = finished(client, slow)
    assert (ended["state"], ended["message"]) == ("cancelled", "Cancelled. Nothing was changed.")
    ended = finished(client, measured)
    assert ended["state"] == "finished" and ended["message"].startswith("random: 0"), ended
    rows = {row["player"]: row["score"] for row in client.get("/api/leaderboard").json()["rows"]}
    assert rows["random"]["mean_lines"] == ended["result"]["report"]["mean_lines"]
    assert rows["random"]["n_games"] == 100
    for view in client.get("/api/jobs").json():
        assert client.delete(f"/api/jobs/{view['id']}").status_code == 204
    assert client.get("/api/jobs").json() == []
