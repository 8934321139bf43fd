"""Photographs of the page during a default run: run ``python tools/photographs.py FOLDER``.

``tetrarium run`` trains in a new home. The live page is photographed every ten seconds until a minute after the end of
the run, and the other pages before it and at the end, each dark and light and in three sizes. Per size and theme, one
sheet shows all photographs of the live page in order.
"""

import argparse
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright

_SIZES: Final = ((1440, 900), (1024, 768), (390, 844))
_THEMES: Final = ("dark", "light")
_INTERVAL_S: Final = 10.0
_SETTLE_MS: Final = 10_000
_AFTER_S: Final = 60.0
_LATEST_S: Final = 400.0  # of the end of the run
_EMPTY_PAGES: Final = ("runs", "models", "play", "games", "games/position", "tuning", "models/champion")
_PAGES: Final = (*_EMPTY_PAGES, "runs/first")
_FRAMES: Final = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SHEET_WIDTH: Final = 2_000  # pixels


def photograph(page: Page, folder: Path, name: str, *, full: bool = False) -> None:
    """Photographs a page in each size and theme."""
    for width, height in _SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for theme in _THEMES:
            page.emulate_media(color_scheme=theme)
            page.evaluate(_FRAMES)
            page.screenshot(path=folder / f"{width}-{theme}-{name}.png", full_page=full, animations="disabled")


def photograph_pages(page: Page, url: str, folder: Path, moment: str, paths: tuple[str, ...]) -> None:
    """Photographs all pages but the live page, as they are some seconds after they were opened."""
    for path in paths:
        page.goto(url + path)
        page.wait_for_timeout(_SETTLE_MS)
        photograph(page, folder, f"{moment}-{path.replace('/', '-')}", full=True)


def make_sheet(paths: list[Path], target: Path) -> None:
    """Writes one picture with all pictures in rows."""
    first = Image.open(paths[0])
    n_across = 4 if first.width > first.height else 8
    width = _SHEET_WIDTH // n_across
    height = width * first.height // first.width
    sheet = Image.new("RGB", (n_across * width, math.ceil(len(paths) / n_across) * height))
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            place = (number % n_across * width, number // n_across * height)
            sheet.paste(picture.convert("RGB").resize((width, height)), place)
    sheet.save(target)


def follow_run(page: Page, url: str, folder: Path) -> None:
    """Photographs the live page until a minute after the end of the run."""
    started_s = time.monotonic()
    last_s = started_s + _LATEST_S
    page.goto(url)
    number = 0
    while time.monotonic() < last_s:
        photograph(page, folder, f"live-{number:03}-{time.monotonic() - started_s:.0f}s")
        if last_s == started_s + _LATEST_S and page.locator("#notice-title").inner_text().endswith("finished."):
            last_s = time.monotonic() + _AFTER_S
        number += 1
        page.wait_for_timeout(max(0.0, started_s + number * _INTERVAL_S - time.monotonic()) * 1000)


def main() -> None:
    """Takes the photographs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the photographs")
    parser.add_argument("--steps", help="number of steps of the run (default: the default preset's)")
    arguments = parser.parse_args()
    folder = arguments.folder
    run = ["--name", "first", *(("--steps", arguments.steps) if arguments.steps else ())]
    folder.mkdir(parents=True, exist_ok=True)
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        command = [sys.executable, "-m", "tetrarium", "serve", "--home", home, "--port", "0"]
        page = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"]).new_page()
        for options in ([], run):
            command[3] = "run" if options else "serve"
            with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
                assert process.stdout is not None
                url = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout))).group()
                if options:
                    follow_run(page, url, folder)
                    photograph_pages(page, url, folder, "after", _PAGES)
                else:
                    photograph_pages(page, url, folder, "empty", _EMPTY_PAGES)
                process.terminate()
    for width, _ in _SIZES:
        for theme in _THEMES:
            make_sheet(sorted(folder.glob(f"{width}-{theme}-live-*.png")), folder / f"sheet-{width}-{theme}.png")


if __name__ == "__main__":
    main()
