"""Latency of a human game from a key press to the drawn board, in a real browser, server and worker.

Keys are pressed at random intervals; the page reports the time of each press and of the first drawn board that
contains it. With ``--opponent`` a second board is drawn, with ``--advice`` a placement for each piece. Needs a Chromium
(chromium, chromium-browser or google-chrome) and playwright, which `pip install -e '.[dev]'` installs.

    python bench/play.py [--keys 300] [--opponent dellacherie] [--advice dellacherie]
"""

import argparse

import httpx
import numpy as np
from playwright.sync_api import Page
from shared.dashboard_page import open_dashboard_page

COLLECT = """() => {
    window.pressed = new Map(); // from the number of a press to its time, in seconds
    window.drawn = new Map();   // and to the time of the first board that contains it
    document.querySelector("#playfield").addEventListener("pressed", ({ detail }) => {
        window.pressed.set(detail.number, detail.at);
    });
    document.querySelector("#board").addEventListener("drawn", ({ detail }) => {
        if (!window.drawn.has(detail.key)) window.drawn.set(detail.key, detail.drawn_s);
    });
}"""
DELAYS = "() => [...window.pressed].map(([number, at]) => 1000 * ((window.drawn.get(number) ?? NaN) - at))"
KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "KeyZ", "Space")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=300, help="number of presses")
    parser.add_argument("--opponent", default="", help="agent that plays as the opponent")
    parser.add_argument("--advice", default="", help="agent whose placements are shown")
    arguments = parser.parse_args()
    with open_dashboard_page() as (page, url):
        try:
            report(measure(page, url, arguments.keys, arguments.opponent, arguments.advice))
        finally:
            for game in httpx.get(f"{url}api/human-games", timeout=60).json():
                httpx.delete(f"{url}api/human-games/{game['id']}", timeout=60)


def measure(page: Page, url: str, n_keys: int, opponent: str, advice: str) -> np.ndarray:
    """Returns ``(n,)`` milliseconds from each press to the drawn board that contains it."""
    rng = np.random.default_rng(0)
    page.goto(f"{url}play")
    for select, agent in (("opponent", opponent), ("advice", advice)):
        if agent:
            page.wait_for_selector(f"#{select} option[value='{agent}']", state="attached")
            page.select_option(f"#{select}", agent)
    page.click("#message-action")
    wait_for_ready(page)
    page.evaluate(COLLECT)
    n_before = 20  # the first presses are not measured
    for _ in range(n_keys + n_before):
        if page.locator("#message-title", has_text="Game over").is_visible():
            page.keyboard.press("KeyR")
            wait_for_ready(page)
        page.keyboard.press(str(rng.choice(KEYS)), delay=40)
        page.wait_for_timeout(rng.uniform(40, 120))
    page.wait_for_timeout(500)
    delays = np.array(page.evaluate(DELAYS), dtype=float)[n_before:]
    measured: np.ndarray = delays[np.isfinite(delays)]  # no board may follow the last press of a game
    return measured


def wait_for_ready(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#message-title').textContent === 'Ready'")


def report(delays_ms: np.ndarray) -> None:
    p50, p95, worst = np.percentile(delays_ms, [50, 95, 100])
    print(f"{len(delays_ms):,} keys, from the press to the canvas:")
    print(f"median {p50:.0f} ms, 95 % within {p95:.0f} ms, maximum {worst:.0f} ms")


if __name__ == "__main__":
    main()
