"""Measures how long a board takes from the worker's step to the canvas of a browser: real run, server and page.

A run trains and shows up to 60 boards a second; each says when it was sent, and the page says when it has drawn it.
Needs a Chromium (chromium, chromium-browser or google-chrome) and playwright, which `pip install -e '.[dev]'` brings.

    python bench/page.py [--frames 600]
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
COLLECT = """(n) => new Promise((done) => {
    const frames = [];
    document.querySelector("#board").addEventListener("drawn", ({ detail }) => {
        frames.push([detail.sent_s, detail.drawn_s]);
        if (frames.length === n) done(frames);
    });
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=600, help="boards to measure")
    n_frames = parser.parse_args().frames
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("This needs a Chromium: chromium, chromium-browser or google-chrome.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "tetrarium", "serve", "--port", "0", "--home", home]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 our own
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        try:
            name = ask(url, "runs", {"settings": {"total_timesteps": 10**9}})["name"]
            report(measure(browser, f"{url}#run/{name}", n_frames))
        finally:
            ask(url, f"runs/{name}/commands", {"command": "stop"})
            server.send_signal(signal.SIGINT)
            server.wait()
            wait_for_end(Path(home) / "runs" / name)
    return 0


def ask(url: str, path: str, body: Any) -> Any:
    return httpx.post(f"{url}api/{path}", json=body, timeout=60).raise_for_status().json()


def measure(browser: str, url: str, n_frames: int) -> np.ndarray:
    """Returns ``(n_frames, 2)``: when each board was sent, and when it was drawn, in seconds."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, headless=True, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(0)
        page.goto(url)
        page.evaluate(COLLECT, n_frames // 4)  # what is drawn first is not measured
        frames = np.array(page.evaluate(COLLECT, n_frames))
        chromium.close()
    return frames


def report(frames: np.ndarray) -> None:
    delays_ms = 1000 * (frames[:, 1] - frames[:, 0])
    p50, p95, worst = np.percentile(delays_ms, [50, 95, 100])
    rate = (len(frames) - 1) / (frames[-1, 1] - frames[0, 1])
    print(f"{len(frames):,} boards at {rate:.0f} a second, from the worker to the canvas:")
    print(f"half within {p50:.0f} ms, 95 % within {p95:.0f} ms, the slowest {worst:.0f} ms")


def wait_for_end(folder: Path) -> None:
    from tetrarium.training.runs.folder import is_locked

    while is_locked(folder):
        signal.sigtimedwait([], 0.05)


if __name__ == "__main__":
    sys.exit(main())
