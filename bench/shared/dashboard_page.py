"""Dashboard with an empty home and a browser page, for benchmarks of the page."""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tetrarium.registry.files.process_lock import is_locked

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextlib.contextmanager
def open_dashboard_page() -> Iterator[tuple[Page, str]]:
    """Yields a page and the dashboard's address; waits at the end until all workers have stopped."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        sys.exit(f"This needs a Chromium: one of {', '.join(NAMES)}.")
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "tetrarium", "serve", "--port", "0", "--home", home]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 fixed arguments
        assert server.stdout is not None
        try:
            url = server.stdout.readline().split()[-1]
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser, headless=True, args=FLAGS)
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                page.set_default_timeout(0)
                yield page, url
                chromium.close()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
            while any(is_locked(folder) for folder in Path(home).glob("*/*")):
                time.sleep(0.05)
