"""Measures the load of a wall of nine games on the page: frames per second and use of the main thread.

Nine agents play at one table, each at 30 pieces per second. Chromium counts the seconds that its main thread spends on
tasks (``Performance.getMetrics``); the page dispatches an event each time all boards are drawn.
Needs a Chromium (chromium, chromium-browser or google-chrome) and playwright, which `pip install -e '.[dev]'` installs.

    python bench/wall.py [--seconds 15]
"""

import argparse

import httpx
from playwright.sync_api import CDPSession, Page
from shared.dashboard_page import open_dashboard_page

SEATS = ["dellacherie", "du", "dt-10"] * 3
PACE = 30  # pieces per second of each seat
COUNT = """() => {
    window.drawn = 0;
    document.querySelector("#wall").addEventListener("drawn", () => (window.drawn += 1));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="duration of the measurement")
    seconds = parser.parse_args().seconds
    with open_dashboard_page() as (page, url):
        try:
            measure(page, url, seconds)
        finally:
            for demo in httpx.get(f"{url}api/demos", timeout=60).json():
                httpx.delete(f"{url}api/demos/{demo['id']}", timeout=60)


def measure(page: Page, url: str, seconds: float) -> None:
    """Opens the wall, starts nine games, and prints the load."""
    page.goto(f"{url}models#wall")
    for name in SEATS:
        page.locator("#wall-add").fill(name)
        page.locator("#wall-add").press("Enter")
    page.locator("#wall-same").uncheck(force=True)
    page.locator("#wall-start").click()
    page.locator("#wall .seat-board").nth(8).wait_for()
    demo_id = httpx.get(f"{url}api/demos", timeout=60).json()[0]["id"]
    speed = {"command": "speed", "values": {"pieces_per_second": PACE}}
    httpx.post(f"{url}api/demos/{demo_id}/commands", json=speed, timeout=60).raise_for_status()
    page.evaluate(COUNT)
    counters = page.context.new_cdp_session(page)
    counters.send("Performance.enable")
    page.wait_for_timeout(2_000)  # warm-up
    before = read(page, counters)
    page.wait_for_timeout(1_000 * seconds)
    after = read(page, counters)
    spent = {name: after[name] - before[name] for name in after}
    elapsed_s = spent["Timestamp"]
    print(f"{len(SEATS)} games at {PACE} pieces per second each, for {elapsed_s:.1f} s:")
    print(f"{spent['drawn'] / elapsed_s:.1f} frames per second")
    print(f"main thread busy {100 * spent['TaskDuration'] / elapsed_s:.1f} % of the time, of which scripts "
          f"{100 * spent['ScriptDuration'] / elapsed_s:.1f} %, layout and style "
          f"{100 * (spent['LayoutDuration'] + spent['RecalcStyleDuration']) / elapsed_s:.1f} %")  # fmt: skip


def read(page: Page, counters: CDPSession) -> dict[str, float]:
    """Returns Chromium's counters in seconds and the number of frames drawn so far."""
    metrics = {item["name"]: item["value"] for item in counters.send("Performance.getMetrics")["metrics"]}
    names = ("Timestamp", "TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return {**{name: metrics[name] for name in names}, "drawn": page.evaluate("window.drawn")}


if __name__ == "__main__":
    main()
