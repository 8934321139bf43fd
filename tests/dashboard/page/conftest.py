"""Fixtures of the page's tests. Without a browser they are skipped, but not on CI, where that is a failure.

A page's console stays empty, it asks no other host for anything, and its policy is never violated: every test checks
that by using ``page``. A test during which the connection is lost calls ``watcher.forgive_losses()``.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.dashboard.page.stage import Dashboard
from tests.dashboard.page.watching import Watcher

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
PATIENCE_MS: Final = 60_000  # a machine may be busy, and a first start compiles
TIMEOUT_S: Final = 600
SHOTS: Final = Path(os.environ.get("TETRARIUM_SCREENSHOTS", "screenshots")).resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives these tests time for several workers to come up."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("oracle"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module: while it lives, nothing else may run an event loop in this process."""
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
    """The dashboard that the tests of a module share, with a home of its own."""
    served = Dashboard(tmp_path_factory.mktemp("home"))
    served.start()
    yield served
    served.close()


@pytest.fixture
def watcher(dashboard: Dashboard) -> Watcher:
    return Watcher(urlsplit(dashboard.url).netloc)


@pytest.fixture
def context(browser: Browser, dashboard: Dashboard, watcher: Watcher) -> Iterator[BrowserContext]:
    """An empty profile, desktop size, dark."""
    made = browser.new_context(viewport=DESKTOP, color_scheme="dark", base_url=dashboard.url)
    made.set_default_timeout(PATIENCE_MS)
    watcher.follow(made)
    yield made
    made.close()
    assert watcher.faults() == []


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    yield opened
    opened.unroute_all(behavior="ignoreErrors")  # of what a test holds up on its way


@pytest.fixture
def photograph() -> Callable[..., None]:
    """Takes pictures of a state: dark and light, desktop and phone."""

    def take(page: Page, name: str) -> None:
        SHOTS.mkdir(exist_ok=True, parents=True)
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            for theme in ("dark", "light"):
                page.emulate_media(color_scheme=theme)
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                page.screenshot(
                    path=SHOTS / f"{name}-{size}-{theme}.png", full_page=size == "phone", animations="disabled"
                )
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="dark")

    return take
