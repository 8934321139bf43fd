"""Measures how long a key takes from its press to the picture: a person's game in a real browser, server and worker.

A key is pressed every so often; the page tells when it came down, and when the board that contains it has been drawn.
With ``--opponent`` a second board is drawn beside, with ``--advice`` a placement for each piece. Needs a Chromium
(chromium, chromium-browser or google-chrome) and playwright, which `pip install -e '.[dev]'` brings.

    python bench/play.py [--keys 300] [--opponent dellacherie] [--advice dellacherie]
"""

import argparse

import httpx
import numpy as np
from playwright.sync_api import Page
from shared.browsing import page_of_a_dashboard

COLLECT = """() => {
    window.pressed = new Map(); // number of a press to its time, in seconds
    window.drawn = new Map();   // and to that of the first board that has it
    document.querySelector("#field").addEventListener("pressed", ({ detail }) => {
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
    parser.add_argument("--keys", type=int, default=300, help="presses to measure")
    parser.add_argument("--opponent", default="", help="who plays beside")
    parser.add_argument("--advice", default="", help="whose placement is shown")
    given = parser.parse_args()
    with page_of_a_dashboard() as (page, url):
        try:
            report(measure(page, url, given.keys, given.opponent, given.advice))
        finally:
            for hand in httpx.get(f"{url}api/hands", timeout=60).json():
                httpx.delete(f"{url}api/hands/{hand['id']}", timeout=60)


def measure(page: Page, url: str, n_keys: int, opponent: str, advice: str) -> np.ndarray:
    """Returns ``(n,)`` milliseconds from each press to the drawn board that contains it."""
    chance = np.random.default_rng(0)
    page.goto(f"{url}play")
    for part, what in (("opponent", opponent), ("advice", advice)):
        if what:
            page.wait_for_selector(f"#{part} option[value='{what}']", state="attached")
            page.select_option(f"#{part}", what)
    page.click("#go")
    begin(page)
    page.evaluate(COLLECT)
    n_before = 20  # what is drawn first is not measured
    for _ in range(n_keys + n_before):
        if page.locator("#message-title", has_text="Game over").is_visible():
            page.keyboard.press("KeyR")
            begin(page)
        page.keyboard.press(str(chance.choice(KEYS)), delay=40)
        page.wait_for_timeout(chance.uniform(40, 120))
    page.wait_for_timeout(500)
    delays = np.array(page.evaluate(DELAYS), dtype=float)
    measured = delays[n_before:]
    return measured[np.isfinite(measured)]  # a press at the very end of a game has none


def begin(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#message-title').textContent === 'Ready'")


def report(delays_ms: np.ndarray) -> None:
    p50, p95, worst = np.percentile(delays_ms, [50, 95, 100])
    print(f"{len(delays_ms):,} keys, from the press to the canvas having drawn it:")
    print(f"half within {p50:.0f} ms, 95 % within {p95:.0f} ms, the slowest {worst:.0f} ms")


if __name__ == "__main__":
    main()
