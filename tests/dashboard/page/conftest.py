"""Fixtures of the page's tests. Without a browser they are skipped, but not on CI, where that is a failure.

A page's console stays empty, it asks no other host for anything, and its policy is never violated: every test checks
that by using ``page``. A test during which the connection is lost calls ``watcher.forgive_losses()``.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.dashboard.page.stage import Dashboard

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Browser, BrowserContext, Page = sync_api.Browser, sync_api.BrowserContext, sync_api.Page

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
PATIENCE_MS: Final = 60_000
SHOTS: Final = Path(os.environ.get("TETRARIUM_SCREENSHOTS", "screenshots")).resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for the tests of a module: while it lives, nothing else may run an event loop in this process."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        message = f"The page's tests need a browser: one of {', '.join(_NAMES)}."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_api.sync_playwright() as playwright:
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


class Watcher:
    """Notes what a page must not do."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._faults: list[str] = []
        self._losses_forgiven = False

    def follow(self, context: Any) -> None:
        context.on("console", lambda message: self._note(message))
        context.on("weberror", lambda error: self._faults.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: self._check(request.url))

    def forgive_losses(self) -> None:
        """A lost connection is written to the console by the browser itself, which no page can keep it from."""
        self._losses_forgiven = True

    def _note(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self._faults.append(f"{message.type}: {message.text} ({message.location})")

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"blob", "data"} and parts.netloc != self._host:
            self._faults.append(f"a foreign request: {url}")

    def faults(self) -> list[str]:
        lost = ("net::ERR_", "WebSocket connection to")
        return [text for text in self._faults if not (self._losses_forgiven and any(word in text for word in lost))]


@pytest.fixture
def watcher(dashboard: Dashboard) -> Watcher:
    return Watcher(urlsplit(dashboard.url).netloc)


@pytest.fixture
def context(browser: Any, dashboard: Dashboard, watcher: Watcher) -> Iterator[Any]:
    """An empty profile, desktop size, dark."""
    made = browser.new_context(viewport=DESKTOP, color_scheme="dark", base_url=dashboard.url)
    made.set_default_timeout(PATIENCE_MS)
    watcher.follow(made)
    yield made
    made.close()
    assert watcher.faults() == []


@pytest.fixture
def page(context: Any) -> Any:
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    return context.new_page()


@pytest.fixture
def photograph() -> Callable[..., None]:
    """Takes pictures of a state: dark and light, desktop and phone."""

    def take(page: Any, name: str) -> None:
        SHOTS.mkdir(exist_ok=True, parents=True)
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            for theme in ("dark", "light"):
                page.emulate_media(color_scheme=theme)
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                page.screenshot(path=SHOTS / f"{name}-{size}-{theme}.png", full_page=size == "phone")
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="dark")

    return take
