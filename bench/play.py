"""Measures how long a key takes from its press to the picture: a person's game in a real browser, server and worker.

A key is pressed every so often; the page tells when it came down, and when the board that contains it has been drawn.
With ``--opponent`` a second board is drawn beside, with ``--advice`` a placement for each piece. Needs a Chromium
(chromium, chromium-browser or google-chrome) and playwright, which `pip install -e '.[dev]'` brings.

    python bench/play.py [--keys 300] [--opponent dellacherie] [--advice dellacherie]
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=300, help="presses to measure")
    parser.add_argument("--opponent", default="", help="who plays beside")
    parser.add_argument("--advice", default="", help="whose placement is shown")
    given = parser.parse_args()
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
            report(measure(browser, url, given.keys, given.opponent, given.advice))
        finally:
            for hand in httpx.get(f"{url}api/hands", timeout=60).json():
                httpx.delete(f"{url}api/hands/{hand['id']}", timeout=60)
            server.send_signal(signal.SIGINT)
            server.wait()
            wait_for_end(Path(home) / "hands")
    return 0


def measure(browser: str, url: str, n_keys: int, opponent: str, advice: str) -> np.ndarray:
    """Returns ``(n,)`` milliseconds from each press to the drawn board that contains it."""
    chance = np.random.default_rng(0)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, headless=True, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(0)
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
        chromium.close()
    measured = delays[n_before:]
    return measured[np.isfinite(measured)]  # a press at the very end of a game has none


def begin(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#message-title').textContent === 'Ready'")


def report(delays_ms: np.ndarray) -> None:
    p50, p95, worst = np.percentile(delays_ms, [50, 95, 100])
    print(f"{len(delays_ms):,} keys, from the press to the canvas having drawn it:")
    print(f"half within {p50:.0f} ms, 95 % within {p95:.0f} ms, the slowest {worst:.0f} ms")


def wait_for_end(hands: Path) -> None:
    while any(hands.glob("*/worker.json")):
        signal.sigtimedwait([], 0.05)


if __name__ == "__main__":
    sys.exit(main())
