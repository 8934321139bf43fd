"""Steps that several tests of the page share, and a monitor of errors."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route, expect

_NEXT_BOARD: Final = """() => new Promise((done) =>
    document.querySelector("#board").addEventListener("drawn", ({ detail }) => done(detail), { once: true }))"""
_FRAMES: Final = """(n) => new Promise((done) => {
    const next = () => (n-- > 0 ? requestAnimationFrame(next) : done());
    next();
})"""


def open_run(page: Page, name: str) -> None:
    page.goto(f"/#run/{name}")
    expect(page.locator("#run-name")).to_have_text(name)


def expect_state(page: Page, word: str) -> None:
    expect(page.locator("#status-word")).to_have_text(word)


def next_board(page: Page) -> dict[str, Any]:
    """Waits for the next frame of the board; returns its step and the times when it was sent and drawn."""
    board: dict[str, Any] = page.evaluate(_NEXT_BOARD)
    return board


def pass_frames(page: Page, n: int) -> None:
    page.evaluate(_FRAMES, n)


class Interception:
    """Requests of a page that a test handles until ``end``; later ones reach the server.

    Playwright's ``times`` and ``unroute`` switch Chromium's interception off, and a request that is sent at that moment
    may never be answered (microsoft/playwright issue 41802), so this one stays switched on.
    """

    def __init__(
        self, page: Page, url: str, handle: Callable[[Route], object] = Route.abort, *, times: int | None = None
    ) -> None:
        self._handle = handle
        self._n_left = times
        page.route(url, self._route)

    def end(self) -> None:
        self._n_left = 0

    def _route(self, route: Route) -> None:
        if self._n_left == 0:
            route.fallback()
            return
        if self._n_left is not None:
            self._n_left -= 1
        self._handle(route)


class PageMonitor:
    """Records console messages, uncaught errors and requests to other hosts."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._faults: list[str] = []
        self._allowed: tuple[str, ...] = ()

    def follow(self, context: BrowserContext) -> None:
        context.on("console", self._note)
        context.on("weberror", lambda error: self._faults.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: self._check(request.url))

    def allow_connection_errors(self) -> None:
        """Allows the console messages that the browser itself writes about a lost connection."""
        self._allowed += ("net::ERR_", "WebSocket connection to")

    def allow_error_responses(self) -> None:
        """Allows the console messages that the browser itself writes about error responses."""
        self._allowed += ("the server responded with a status of 4",)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._faults.append(f"{message.type}: {message.text} ({message.location})")

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"blob", "data"} and parts.netloc != self._host:
            self._faults.append(f"request to another host: {url}")

    def faults(self) -> list[str]:
        return [text for text in self._faults if not any(words in text for words in self._allowed)]


def choose_protocol(page: Page, name: str) -> None:
    """Chooses the protocol of the leaderboard in pages that are opened later, unless one was chosen before."""
    page.add_init_script(f"""
        if (location.host) localStorage["tetrarium-protocol"] ??= "{name}";
    """)
