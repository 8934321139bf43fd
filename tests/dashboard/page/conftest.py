"""Fixtures of the page's tests. Without a browser the tests are skipped, but on CI they fail.

Every test that uses ``page`` also checks that its console stays empty, that it requests nothing from other hosts and
that its security policy is not violated. A test that loses the connection calls ``monitor.allow_connection_errors()``.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.dashboard.page.page_helpers import PageMonitor
from tests.dashboard.page.served_dashboard import Dashboard

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
PATIENCE_MS: Final = 60_000  # the machine may be busy, and the first start compiles
TIMEOUT_S: Final = 600
SHOTS: Final = os.environ.get("TETRARIUM_SCREENSHOTS")  # folder of the screenshots; none are taken without it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sets a timeout that suffices for several workers to start."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("oracle"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Browser that the tests of the page share; while it is open, no other event loop may run in this process."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        message = f"The page's tests need a browser: one of {', '.join(_NAMES)}."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=list(_FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Dashboard that the tests of a module share, with its own home."""
    served = Dashboard(tmp_path_factory.mktemp("home"))
    served.start()
    yield served
    served.close()


@pytest.fixture
def monitor(dashboard: Dashboard) -> PageMonitor:
    return PageMonitor(urlsplit(dashboard.url).netloc)


@pytest.fixture
def context(browser: Browser, dashboard: Dashboard, monitor: PageMonitor) -> Iterator[BrowserContext]:
    """Empty browser profile in desktop size and dark theme."""
    made = browser.new_context(viewport=DESKTOP, color_scheme="dark", base_url=dashboard.url)
    made.set_default_timeout(PATIENCE_MS)
    monitor.follow(made)
    yield made
    made.close()
    assert monitor.faults() == []


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    yield opened
    opened.unroute_all(behavior="ignoreErrors")  # of requests that the test holds


@pytest.fixture
def photograph() -> Callable[..., None]:
    """Function that takes screenshots in both themes and both sizes, if a folder for them is named."""

    def take(page: Page, name: str) -> None:
        if SHOTS is None:
            return
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            for theme in ("dark", "light"):
                page.emulate_media(color_scheme=theme)
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                page.screenshot(
                    path=Path(SHOTS, f"{name}-{size}-{theme}.png"), full_page=size == "phone", animations="disabled"
                )
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="dark")

    return take
