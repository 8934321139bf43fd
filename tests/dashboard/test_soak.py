"""An hour of training, watching and switching: the server holds no more at its end than after its first minutes.

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


def held(server: Server) -> tuple[int, int, int]:
    """Bytes of memory, descriptors and threads of a server."""
    folder = Path(f"/proc/{server.process.pid}")
    status = (folder / "status").read_text()
    n_bytes, n_threads = (int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads"))
    return 1_024 * n_bytes, len(list((folder / "fd").iterdir())), n_threads


def look_on(server: Server, sources: list[tuple[str, str]], seed: int, until_s: float, seen: list[int]) -> None:
    """One viewer after the other, each for some seconds, each watching now this, now that."""
    chance = random.Random(seed)
    while time.monotonic() < until_s:
        with server.live() as socket:
            for _ in range(chance.randrange(1, 5)):
                kind, name = chance.choice(sources)
                wish = {"kind": kind, "name": name, "boards": chance.random() < 0.8, "thoughts": chance.random() < 0.3}
                socket.send(json.dumps({"watch": wish}))
                wish_until_s = min(until_s, time.monotonic() + chance.uniform(0.1, 10.0))
                while time.monotonic() < wish_until_s:
                    seen[seed] += '"board-shown"' in str(socket.recv(60))[:80]


@pytest.mark.oracle
def test_nothing_piles_up_in_the_server(tmp_path: Path) -> None:
    with dashboard(tmp_path) as server, server.client() as client:
        assert client.post("/api/runs", json={"name": "first", "settings": ENDLESS}).status_code == 201
        player = client.post("/api/players", json={"what": "du", "pieces_per_second": 200}).json()["id"]
        wait_until(lambda: client.get("/api/runs/first").json()["state"] == "running")
        until_s = time.monotonic() + SOAK_S
        seen = [0] * N_VIEWERS
        viewers = [
            threading.Thread(target=look_on, args=(server, [("run", "first"), ("player", player)], seed, until_s, seen))
            for seed in range(N_VIEWERS)
        ]
        for viewer in viewers:
            viewer.start()
        switches = itertools.cycle(("pause", "resume", "live", "every-move", "headless", "live"))
        early: tuple[int, int, int] | None = None
        while time.monotonic() < until_s:
            switch = next(switches)
            is_mode = switch not in {"pause", "resume"}
            order = {"command": "mode", "values": {"mode": switch}} if is_mode else {"command": switch}
            assert client.post("/api/runs/first/commands", json=order).status_code == 200
            for path in ("/api/runs", "/api/runs/first/progress", "/api/settings", "/"):
                assert client.get(path).status_code in {200, 404}
            if early is None and time.monotonic() > until_s - 0.9 * SOAK_S:
                early = held(server)
            threading.Event().wait(1.0)
        late = held(server)
        for viewer in viewers:
            viewer.join(60)
        assert not any(viewer.is_alive() for viewer in viewers)
        assert min(seen) > SOAK_S / 10
        assert early is not None
        grown = f"from {early} to {late}: bytes, descriptors, threads"
        assert late[0] - early[0] < N_BYTES_GROWN, grown
        assert late[1] - early[1] <= 4 * N_VIEWERS, grown
        assert late[2] - early[2] <= 4 * N_VIEWERS, grown
