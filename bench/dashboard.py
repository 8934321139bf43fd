"""Measures the delay of boards and the load of many viewers on the server: run ``python bench/dashboard.py``.

A demo plays in a worker and a real server relays its boards. The delay of a board is the time from the worker's step,
which the board carries, until a WebSocket client has read it; drawing is not included. The server's load is its CPU
time of all threads divided by wall-clock time. All processes share the machine's cores: with fewer than three free
cores, delays depend more on the machine than on the server.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from websockets.asyncio.client import connect

TICKS: Final = os.sysconf("SC_CLK_TCK")
WARM_UP_S: Final = 2.0


@dataclass
class Received:
    """Boards that all viewers together received."""

    boards: int = 0
    times_ms: list[float] = field(default_factory=list)
    n_bytes: int = 0
    is_counting: bool = False


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[int, str]]:
    """Starts a server; yields its process id and its address."""
    process = subprocess.Popen(  # noqa: S603 fixed arguments
        [sys.executable, "-m", "tetrarium", "serve", "--port", "0", "--home", str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip().rpartition("http://")[2].rstrip("/")
        yield process.pid, address
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def view(address: str, demo: str, rate: int, received: Received) -> None:
    """Receives boards until canceled."""
    async with connect(f"ws://{address}/api/live", compression=None, proxy=None) as socket:
        subscription = {"kind": "demo", "name": demo, "boards": True, "boards_per_second": rate}
        await socket.send(json.dumps({"watch": subscription}))
        async for text in socket:
            if received.is_counting and isinstance(text, str) and '"board-shown"' in text[:80]:
                sent_s = json.loads(text)["event"]["sent_s"]
                received.times_ms.append((time.time() - sent_s) * 1_000)
                received.boards += 1
                received.n_bytes += len(text)


async def measure(address: str, pid: int, demo: str, n_viewers: int, rate: int, seconds: float) -> str:
    """Measures a number of viewers for some seconds; returns a row of the table."""
    received = Received()
    viewers = [asyncio.create_task(view(address, demo, rate, received)) for _ in range(n_viewers)]
    await asyncio.sleep(WARM_UP_S)
    received.is_counting = True
    started_s, used_s = time.monotonic(), cpu_seconds(pid)
    await asyncio.sleep(seconds)
    elapsed_s, used_s = time.monotonic() - started_s, cpu_seconds(pid) - used_s
    received.is_counting = False
    for viewer in viewers:
        viewer.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)
    p50, p95 = (statistics.quantiles(received.times_ms, n=100)[at - 1] for at in (50, 95))
    per_viewer_s, n_bytes = received.boards / elapsed_s / n_viewers, received.n_bytes / received.boards
    return (
        f"{n_viewers:>7} {rate:>8} {per_viewer_s:>8.1f} {n_bytes:>8,.0f} "
        f"{p50:>8.1f} {p95:>8.1f} {100 * used_s / elapsed_s:>8.1f} %"
    )


def main() -> None:
    """Measures one viewer, then many, then an idle server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of each measurement")
    parser.add_argument("--viewers", type=int, default=50, help="number of simultaneous viewers")
    arguments = parser.parse_args()
    seconds, n_viewers = arguments.seconds, arguments.viewers
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (pid, address):
        with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
            request = {"agent": "du", "pieces_per_second": 60}
            demo = client.post("/api/demos", json=request).json()["id"]
            while client.get("/api/demos").json()[0]["state"] != "running":
                time.sleep(0.1)
            try:
                print("viewers   rate/s   recv/s    bytes   p50 ms   p95 ms   server")
                for viewers, rate in ((1, 60), (n_viewers, 30)):
                    print(asyncio.run(measure(address, pid, demo, viewers, rate, seconds)), flush=True)
            finally:
                client.delete(f"/api/demos/{demo}")
        used_s = cpu_seconds(pid)
        time.sleep(seconds)
        print(f"{'none':>7} {'':>44} {100 * (cpu_seconds(pid) - used_s) / seconds:>8.1f} %")


if __name__ == "__main__":
    main()
