"""Measures the delay of boards from the worker's step to the canvas of a browser, with a real run, server and page.

A run trains and publishes up to 60 boards per second. Each carries the time of sending; the page reports the time of
drawing. Needs a Chromium (chromium, chromium-browser or google-chrome) and playwright, which
`pip install -e '.[dev]'` installs.

    python bench/page.py [--frames 600]
"""

import argparse
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Page
from shared.dashboard_page import open_dashboard_page

COLLECT = """(n) => new Promise((done) => {
    const frames = [];
    document.querySelector("#board").addEventListener("drawn", ({ detail }) => {
        frames.push([detail.sent_s, detail.drawn_s]);
        if (frames.length === n) done(frames);
    });
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=600, help="number of boards to measure")
    n_frames = parser.parse_args().frames
    with open_dashboard_page() as (page, url):
        name = ask(url, "runs", {"settings": {"total_timesteps": 10**9}})["name"]
        try:
            report(measure(page, f"{url}#run/{name}", n_frames))
        finally:
            ask(url, f"runs/{name}/commands", {"command": "stop"})


def ask(url: str, path: str, body: Any) -> Any:
    return httpx.post(f"{url}api/{path}", json=body, timeout=60).raise_for_status().json()


def measure(page: Page, url: str, n_frames: int) -> np.ndarray:
    """Returns the times of sending and drawing of each board in seconds, shape ``(n_frames, 2)``."""
    page.goto(url)
    page.evaluate(COLLECT, n_frames // 4)  # warm-up
    return np.array(page.evaluate(COLLECT, n_frames))


def report(frames: np.ndarray) -> None:
    delays_ms = 1000 * (frames[:, 1] - frames[:, 0])
    p50, p95, worst = np.percentile(delays_ms, [50, 95, 100])
    rate = (len(frames) - 1) / (frames[-1, 1] - frames[0, 1])
    print(f"{len(frames):,} boards at {rate:.0f} per second, from the worker to the canvas:")
    print(f"median {p50:.0f} ms, 95 % within {p95:.0f} ms, maximum {worst:.0f} ms")


if __name__ == "__main__":
    main()
