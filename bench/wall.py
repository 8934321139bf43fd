"""Measures what nine games on the wall cost the page: frames a second, and the main thread's share of the time.

Nine players sit at one table in a worker of their own, each at 30 pieces a second. Chromium itself counts the seconds
that its main thread spends on tasks (``Performance.getMetrics``); the page tells each time that all boards are drawn.
Needs a Chromium (chromium, chromium-browser or google-chrome) and playwright, which `pip install -e '.[dev]'` brings.

    python bench/wall.py [--seconds 15]
"""

import argparse

import httpx
from playwright.sync_api import CDPSession, Page
from shared.browsing import page_of_a_dashboard

SEATS = ["dellacherie", "du", "dt-10"] * 3
PACE = 30  # pieces a second of each
COUNT = """() => {
    window.drawn = 0;
    document.querySelector("#wall").addEventListener("drawn", () => (window.drawn += 1));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="to measure")
    seconds = parser.parse_args().seconds
    with page_of_a_dashboard() as (page, url):
        try:
            measure(page, url, seconds)
        finally:
            for player in httpx.get(f"{url}api/players", timeout=60).json():
                httpx.delete(f"{url}api/players/{player['id']}", timeout=60)


def measure(page: Page, url: str, seconds: float) -> None:
    """Opens the wall, lets nine play, and prints what that costs."""
    page.goto(f"{url}models#wall")
    for name in SEATS:
        page.locator("#wall-add").fill(name)
        page.locator("#wall-add").press("Enter")
    page.locator("#wall-same").uncheck(force=True)
    page.locator("#wall-start").click()
    page.locator("#wall .seat-board").nth(8).wait_for()
    player = httpx.get(f"{url}api/players", timeout=60).json()[0]["id"]
    speed = {"command": "speed", "values": {"pieces_per_second": PACE}}
    httpx.post(f"{url}api/players/{player}/commands", json=speed, timeout=60).raise_for_status()
    page.evaluate(COUNT)
    counters = page.context.new_cdp_session(page)
    counters.send("Performance.enable")
    page.wait_for_timeout(2_000)  # what is drawn first is not measured
    before = read(page, counters)
    page.wait_for_timeout(1_000 * seconds)
    after = read(page, counters)
    spent = {name: after[name] - before[name] for name in after}
    by = spent["Timestamp"]
    print(f"{len(SEATS)} games at {PACE} pieces a second each, for {by:.1f} s:")
    print(f"{spent['drawn'] / by:.1f} frames a second")
    print(f"main thread busy {100 * spent['TaskDuration'] / by:.1f} % of the time, of which scripts "
          f"{100 * spent['ScriptDuration'] / by:.1f} %, layout and style "
          f"{100 * (spent['LayoutDuration'] + spent['RecalcStyleDuration']) / by:.1f} %")  # fmt: skip


def read(page: Page, counters: CDPSession) -> dict[str, float]:
    """Chromium's counters, in seconds, and the frames drawn so far."""
    told = {item["name"]: item["value"] for item in counters.send("Performance.getMetrics")["metrics"]}
    names = ("Timestamp", "TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return {**{name: told[name] for name in names}, "drawn": page.evaluate("window.drawn")}


if __name__ == "__main__":
    main()
