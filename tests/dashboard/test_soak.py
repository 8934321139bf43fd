"""The server does not leak memory in an hour of training, watching and switching modes.

``TETRARIUM_SOAK_S`` shortens the hour.
"""

import itertools
import json
import os
import random
import re
import threading
import time
from pathlib import Path

import pytest

from tests.dashboard.servers import Server, dashboard, wait_until
from tests.dashboard.test_runs import ENDLESS

SOAK_S = float(os.environ.get("TETRARIUM_SOAK_S", "3600"))
N_VIEWERS = 6
N_BYTES_GROWN = 12_000_000


def resource_usage(server: Server) -> tuple[int, int, int]:
    """Returns the bytes of memory, the file descriptors and the threads of a server."""
    folder = Path(f"/proc/{server.process.pid}")
    status = (folder / "status").read_text()
    n_bytes, n_threads = (int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads"))
    return 1_024 * n_bytes, len(list((folder / "fd").iterdir())), n_threads


def watch_repeatedly(
    server: Server, sources: list[tuple[str, str]], seed: int, deadline_s: float, counts: list[int]
) -> None:
    """Opens viewers one after the other, each with changing subscriptions for some seconds."""
    rng = random.Random(seed)
    while time.monotonic() < deadline_s:
        with server.live() as socket:
            for _ in range(rng.randrange(1, 5)):
                kind, name = rng.choice(sources)
                subscription = {
                    "kind": kind,
                    "name": name,
                    "boards": rng.random() < 0.8,
                    "action_values": rng.random() < 0.3,
                }
                socket.send(json.dumps({"watch": subscription}))
                next_change_s = min(deadline_s, time.monotonic() + rng.uniform(0.1, 10.0))
                while time.monotonic() < next_change_s:
                    counts[seed] += '"board-shown"' in str(socket.recv(60))[:80]


@pytest.mark.oracle
def test_the_server_does_not_leak_memory_descriptors_or_threads(tmp_path: Path) -> None:
    with dashboard(tmp_path) as server, server.client() as client:
        assert client.post("/api/runs", json={"name": "first", "settings": ENDLESS}).status_code == 201
        demo = client.post("/api/demos", json={"agent": "du", "pieces_per_second": 200}).json()["id"]
        wait_until(lambda: client.get("/api/runs/first").json()["state"] == "running")
        deadline_s = time.monotonic() + SOAK_S
        counts = [0] * N_VIEWERS
        viewers = [
            threading.Thread(
                target=watch_repeatedly, args=(server, [("run", "first"), ("demo", demo)], seed, deadline_s, counts)
            )
            for seed in range(N_VIEWERS)
        ]
        for viewer in viewers:
            viewer.start()
        switches = itertools.cycle(("pause", "resume", "live", "every-move", "no-display", "live"))
        early: tuple[int, int, int] | None = None
        while time.monotonic() < deadline_s:
            switch = next(switches)
            is_mode = switch not in {"pause", "resume"}
            body = {"command": "mode", "values": {"mode": switch}} if is_mode else {"command": switch}
            assert client.post("/api/runs/first/commands", json=body).status_code == 200
            for path in ("/api/runs", "/api/runs/first/progress", "/api/settings", "/"):
                assert client.get(path).status_code in {200, 404}
            if early is None and time.monotonic() > deadline_s - 0.9 * SOAK_S:
                early = resource_usage(server)
            threading.Event().wait(1.0)
        late = resource_usage(server)
        for viewer in viewers:
            viewer.join(60)
        assert not any(viewer.is_alive() for viewer in viewers)
        assert min(counts) > SOAK_S / 10
        assert early is not None
        growth = f"from {early} to {late}: bytes, descriptors, threads"
        assert late[0] - early[0] < N_BYTES_GROWN, growth
        assert late[1] - early[1] <= 4 * N_VIEWERS, growth
        assert late[2] - early[2] <= 4 * N_VIEWERS, growth
