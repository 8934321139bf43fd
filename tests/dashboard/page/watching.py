"""What the tests of the page do again and again."""

from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

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
    """Waits for the next frame of the board; returns its step, when it was sent and when it was drawn."""
    board: dict[str, Any] = page.evaluate(_NEXT_BOARD)
    return board


def pass_frames(page: Page, n: int) -> None:
    page.evaluate(_FRAMES, n)


class Watcher:
    """Notes what a page must not do."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._faults: list[str] = []
        self._forgiven: tuple[str, ...] = ()

    def follow(self, context: BrowserContext) -> None:
        context.on("console", self._note)
        context.on("weberror", lambda error: self._faults.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: self._check(request.url))

    def forgive_losses(self) -> None:
        """A lost connection is written to the console by the browser itself, which no page can keep it from."""
        self._forgiven += ("net::ERR_", "WebSocket connection to")

    def forgive_refusals(self) -> None:
        """So is an answer that refuses something."""
        self._forgiven += ("the server responded with a status of 4",)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._faults.append(f"{message.type}: {message.text} ({message.location})")

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"blob", "data"} and parts.netloc != self._host:
            self._faults.append(f"a foreign request: {url}")

    def faults(self) -> list[str]:
        return [text for text in self._faults if not any(words in text for words in self._forgiven)]
