"""How quickly boards reach viewers, and what many viewers cost the server: run ``python bench/dashboard.py``.

A player plays in a worker of its own and a real server passes its boards on. The time of a board is from the worker's
step, which the board carries, to a WebSocket client that has read it; canvas and screen come on top. The server's share
of a core is its processor seconds, all threads, by the clock. All processes share the machine's cores: with fewer than
three of them free, times say more about the machine than about the server.
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
WARM_S: Final = 2.0  # before anything is counted


@dataclass
class Seen:
    """What all viewers together saw."""

    boards: int = 0
    times_ms: list[float] = field(default_factory=list)
    n_bytes: int = 0
    counts: bool = False


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[int, str]]:
    """Starts a server; yields its process and its address."""
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


def processor_s(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def view(address: str, player: str, rate: int, seen: Seen) -> None:
    """Watches until cancelled."""
    async with connect(f"ws://{address}/api/live", compression=None, proxy=None) as socket:
        watched = {"kind": "player", "name": player, "boards": True, "boards_per_second": rate}
        await socket.send(json.dumps({"watch": watched}))
        async for text in socket:
            if seen.counts and isinstance(text, str) and '"board-shown"' in text[:80]:
                sent_s = json.loads(text)["event"]["sent_s"]
                seen.times_ms.append((time.time() - sent_s) * 1_000)
                seen.boards += 1
                seen.n_bytes += len(text)


async def measure(address: str, pid: int, player: str, n_viewers: int, rate: int, seconds: float) -> str:
    """Lets so many watch for so long; returns a row."""
    seen = Seen()
    viewers = [asyncio.create_task(view(address, player, rate, seen)) for _ in range(n_viewers)]
    await asyncio.sleep(WARM_S)
    seen.counts = True
    begun_s, used_s = time.monotonic(), processor_s(pid)
    await asyncio.sleep(seconds)
    spent_s, used_s = time.monotonic() - begun_s, processor_s(pid) - used_s
    seen.counts = False
    for viewer in viewers:
        viewer.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)
    p50, p95 = (statistics.quantiles(seen.times_ms, n=100)[at - 1] for at in (50, 95))
    return (
        f"{n_viewers:>7} {rate:>8} {seen.boards / spent_s / n_viewers:>8.1f} {seen.n_bytes / seen.boards:>8,.0f} "
        f"{p50:>8.1f} {p95:>8.1f} {100 * used_s / spent_s:>8.1f} %"
    )


def main() -> None:
    """Measures one viewer, then many, then a server that nobody asks for anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--viewers", type=int, default=50, help="that watch at once")
    seconds, n_viewers = (given := parser.parse_args()).seconds, given.viewers
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (pid, address):
        with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
            order = {"what": "du", "pieces_per_second": 60}
            player = client.post("/api/players", json=order).json()["id"]
            while client.get("/api/players").json()[0]["state"] != "running":
                time.sleep(0.1)
            try:
                print("viewers  asked/s   seen/s    bytes   p50 ms   p95 ms   server")
                for viewers, rate in ((1, 60), (n_viewers, 30)):
                    print(asyncio.run(measure(address, pid, player, viewers, rate, seconds)), flush=True)
            finally:
                client.delete(f"/api/players/{player}")
        used_s = processor_s(pid)
        time.sleep(seconds)
        print(f"{'none':>7} {'':>44} {100 * (processor_s(pid) - used_s) / seconds:>8.1f} %")


if __name__ == "__main__":
    main()
