"""Security of the dashboard: real requests to a real server."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.dashboard.servers import Server, dashboard, first_event, send_until_closed

INVALID_MESSAGES = [
    "{", "[]", '"text"', "null", '{"watch": 3}', '{"watch": {"kind": "run"}}', '{"look": null}', "[" * 10_000,
    '{"watch": {"kind": "run", "name": "../../etc"}}', '{"watch": {"kind": "run", "name": "no", "boards": 1}}',
    '{"watch": {"kind": "run", "name": "no", "boards_per_second": 1e999}}', "9" * 5_000, "\x00",
    '{"watch": {"kind": "home", "name": "a"}}',
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def unfinished(server: Server) -> Iterator[socket.socket]:
    """Connection with a request that is never finished and blocks no other, from the first test on."""
    host, _, port = server.address.partition(":")
    head = f"POST /api/runs HTTP/1.1\r\nHost: {server.address}\r\nContent-Length: 100\r\n\r\n{{".encode()
    with socket.create_connection((host, int(port)), timeout=30) as slow:
        slow.sendall(head)
        started_s = time.monotonic()
        assert httpx.get(f"http://{server.address}/api/about").status_code == 200
        assert time.monotonic() - started_s < 5
        yield slow


def send_raw(server: Server, request: bytes) -> bytes:
    """Sends send_raw bytes; returns the beginning of the response."""
    host, _, port = server.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        return connection.recv(65_536)


def test_every_response_forbids_foreign_content(server: Server) -> None:
    with server.client() as client:
        for path in ("/", "/api/about", "/api/nothing", "/static/nothing", "/api/runs/none"):
            headers = client.get(path).headers
            policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
            assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
            assert "access-control-allow-origin" not in headers
            assert "server" not in headers


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_foreign_hosts_and_origins_are_rejected(server: Server, headers: dict[str, str]) -> None:
    with server.client() as client:
        requests = (("GET", "/"), ("GET", "/api/about"), ("POST", "/api/runs"), ("GET", "/static/live/app.js"))
        for method, path in requests:
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 403
            assert next(iter(headers.values())) in answer.json()["error"]


def test_foreign_hosts_and_origins_open_no_socket(server: Server) -> None:
    host, _, port = server.address.partition(":")
    with pytest.raises(InvalidStatus) as caught, server.live(origin="http://evil.example"):
        pass
    assert caught.value.response.status_code == 403
    assert b"got 'http://evil.example'" in (caught.value.response.body or b"")
    with (
        pytest.raises(InvalidStatus) as caught,
        connect("ws://evil.example/api/live", sock=socket.create_connection((host, int(port)))),
    ):
        pass
    assert caught.value.response.status_code == 403
    with server.live(origin=f"http://{server.address}") as viewer:
        assert first_event(viewer, "heartbeat") == {"kind": "heartbeat"}


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/%00",
     "/static/..\\app.py", "/static/" + "a" * 5_000, "/static/", "/static", "/../../etc/passwd", "/app.py"],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_files(server: Server, path: str) -> None:
    answer = send_raw(server, f"GET {path} HTTP/1.1\r\nHost: {server.address}\r\nConnection: close\r\n\r\n".encode())
    status = int(answer.split(b" ", 2)[1])
    assert 300 < status < 500
    assert b"def " not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc", ".hidden", "a%00b", "a%0a", "x" * 65, "%ff", "ü"])
def test_no_name_leads_out_of_the_home(server: Server, name: str) -> None:
    (server.home / "secret.json").write_text("{}")
    with server.client() as client:
        for path in (f"/api/runs/{name}", f"/api/runs/{name}/log", f"/api/runs/{name}/progress"):
            answer = client.get(path)
            assert answer.status_code in {404, 422}
            assert set(answer.json()) == {"error", "code", "field"}
        for body in ({"name": name}, {"start_from": name}, {"start_from": "../x"}):
            assert client.post("/api/runs", json=body).status_code == 422
        assert client.post("/api/demos", json={"agent": name}).status_code == 422
    assert not (server.home / "runs").exists()


@pytest.mark.parametrize("n_bytes", [2**20 + 1, 100_000_000])
def test_a_large_body_is_rejected_unread(server: Server, n_bytes: int) -> None:
    host, _, port = server.address.partition(":")
    head = f"POST /api/runs HTTP/1.1\r\nHost: {server.address}\r\nContent-Type: application/json\r\n"
    before = memory_bytes(server)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {n_bytes}\r\n\r\n".encode() + b" " * 1_000)
        assert b"413" in connection.recv(4_096).split(b"\r\n")[0], "rejected before the rest is sent"

    def chunks(size: int = 2**16) -> object:
        for _ in range(0, n_bytes, size):
            yield b" " * size

    with server.client() as client:
        for content in (chunks(), b" " * n_bytes):
            answer = client.post("/api/runs", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
            assert answer.json() == {
                "error": "A request body must have at most 1,048,576 bytes. Send less.",
                "code": "upload-too-large",
                "field": None,
            }
    assert memory_bytes(server) - before < 20_000_000


def memory_bytes(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        return 0  # not Linux
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
    assert found is not None
    return 1_024 * int(found[1])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"{", 422), (b"[]", 422), (b"null", 422), (b'"a"', 422), (b"\xff\xfe", 422), (b"[" * 100_000, 400),
        (b'{"seed": -1}', 422), (b'{"seed": 1e400}', 422), (b'{"seed": "1"}', 422), (b'{"seed": 1.5}', 422),
        (b'{"seed": true}', 422), (b'{"seed": ' + b"9" * 4_000 + b"}", 422), (b'{"seed": ' + b"9" * 9_000 + b"}", 400),
        (b'{"preset": null}', 422), (b'{"preset": "\\ud800"}', 422), (b'{"nothing": 1}', 422), (b'{"mode": "x"}', 422),
        (b'{"settings": {"gamma": NaN}}', 422), (b'{"settings": {"gamma": Infinity}}', 422),
        (b'{"settings": {"gamma": -1e308}}', 422), (b'{"settings": {"net_arch": [[1]]}}', 422),
        (b'{"settings": {"net_arch": [99999999999]}}', 422), (b'{"settings": {"\\ud800": 1}}', 422),
        (b'{"settings": {"features": ["\\ud800"]}}', 422), (b'{"settings": {"randomizer": "\\ud800"}}', 422),
        (b'{"settings": {"device": "toaster"}}', 422), (b'{"settings": {"width": 4.5}}', 422),
        (b'{"target_lines": 0}', 422), (b'{"start_from": "nobody"}', 422), (b'{"start_from": "nobody@best"}', 422),
    ],
)  # fmt: skip
def test_an_invalid_body_starts_no_run_and_is_reported_in_one_line(server: Server, body: bytes, status: int) -> None:
    with server.client() as client:
        answer = client.post("/api/runs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["error"]
    assert not (server.home / "runs").exists()


def test_an_invalid_setting_is_named(server: Server) -> None:
    with server.client() as client:
        answer = client.post("/api/runs", json={"settings": {"learning_rate": 11}})
    assert answer.json() == {
        "error": "learning_rate is a number from 1e-12 to 10.0; got 11. Choose one in that range.",
        "code": "invalid-value",
        "field": "learning_rate",
    }


def test_a_cross_site_form_starts_no_run(server: Server) -> None:
    with server.client() as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = client.post("/api/runs", content=b'{"preset": "quick"}', headers={"Content-Type": kind})
            assert answer.status_code == 422
    assert not (server.home / "runs").exists()


def test_invalid_messages_are_answered_with_an_error(server: Server) -> None:
    with server.live() as viewer:
        for message in INVALID_MESSAGES:
            viewer.send(message)
            while "error" not in (answer := json.loads(viewer.recv(30))):
                pass
            assert "\n" not in answer["error"], message
        viewer.send('{"watch": null}')
        assert first_event(viewer, "heartbeat") == {"kind": "heartbeat"}


def test_binary_messages_are_answered_with_an_error(server: Server) -> None:
    with server.live() as viewer:
        viewer.send(b"\x00\xff")
        while "error" not in (message := json.loads(viewer.recv(30))):
            pass
        assert message["error"].startswith('A message must be {"watch": …}')


def test_ten_thousand_messages_close_only_their_socket(server: Server) -> None:
    with server.live() as patient, server.live() as viewer:
        send_until_closed(viewer, ['{"watch": null}'] * 10_000)
        assert viewer.close_code == 1008
        assert viewer.close_reason == "At most 20 messages a second. Send fewer."
        assert first_event(patient, "heartbeat") == {"kind": "heartbeat"}
    with server.client() as client:
        assert client.get("/api/about").status_code == 200


def test_a_large_message_closes_its_socket(server: Server) -> None:
    with server.live() as viewer:
        send_until_closed(viewer, [" " * 100_000])
        assert viewer.close_code == 1009


def test_other_machines_need_the_token(tmp_path: Path) -> None:
    proxy = ("--allow-host", "hub.example", "--root-path", "/a%20b/8765/")
    with dashboard(tmp_path, "--host", "0.0.0.0", *proxy) as server:
        token = server.url.partition("?token=")[2]
        assert len(token) >= 32
        with server.client() as client:
            for path in ("/", "/api/about", "/static/live/app.js", "/api/openapi.json", "/?token=wrong"):
                answer = client.get(path)
                assert answer.status_code == 401
                assert "Open the whole address that it printed." in answer.json()["error"]
            with pytest.raises(InvalidStatus) as caught, server.live():
                pass
            assert caught.value.response.status_code == 401

            headers = {"Authorization": f"Bearer {token}"}
            assert client.get("/api/about", headers=headers).json()["token_needed"] is True
            with server.live(additional_headers=headers) as viewer:
                assert first_event(viewer, "heartbeat") == {"kind": "heartbeat"}

            answer = client.get(f"/?token={token}")
            assert answer.headers["refresh"] == "0; url=./"
            assert re.fullmatch(rf"tetrarium-\d+={token}; HttpOnly; SameSite=Strict", answer.headers["set-cookie"])
            assert client.get("/api/about").status_code == 200, "the cookie is accepted"
            assert client.get("/api/about", headers={"Origin": "http://evil.example"}).status_code == 403
            assert client.get("/api/about", headers={"Host": "evil.example"}).status_code == 403

            assert f"Through the proxy it is at https://hub.example/a%20b/8765/?token={token}\n" in server.printed
            hub = {"Host": "hub.example", "Origin": "https://hub.example"}
            for path in ("/api/about", "/a%20b/8765/api/about", "/a%20b/%38765/", "/a%20b/8765/runs/some"):
                assert client.get(path, headers=hub).status_code == 200, path
            assert 'src="../scripts/runs/detail.js?' in client.get("/a%20b/8765/runs/some").text
            missing = client.get("/a%20b/%38765/no/page", headers={"Accept": "text/html"})
            assert missing.status_code == 404 and 'href="../static/common/' in missing.text
            assert client.get("/a%20b/8766/").status_code == 404
            browser = {"Host": "evil.example", "Accept": "text/html"}
            refused = client.get("/runs?<script>", headers=browser)
            assert (refused.status_code, refused.headers["content-type"]) == (403, "text/html; charset=utf-8")
            assert "default-src &#x27;none&#x27;" not in refused.text and "<script" not in refused.text
            assert "start it with `--allow-host evil.example`" in refused.text
            assert "script-src 'self'" in refused.headers["content-security-policy"]
            assert client.get("/api/about", headers=browser).headers["content-type"] == "application/json"


def test_an_unfinished_request_is_refused_in_time(unfinished: socket.socket) -> None:
    assert b"408" in unfinished.recv(4_096).split(b"\r\n")[0]
