"""The pages: one frame around the body of each, put together once at the start.

A page is a folder of ``static/`` with a ``body.html``; without one it is neither served nor in the navigation. With a
``one.html`` too, ``/PAGE/NAME`` is served for whatever name: the page's script reads it from the address and asks the
API, which checks it, so nothing that came from outside is ever written into HTML. Beside ``body.html`` lie ``main.js``,
the page's script, and ``page.css`` where it has a style of its own; beside ``one.html``, ``one.js``. Whoever follows an
address at which there is nothing sees the frame around ``common/lost.html``.
"""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from tetrarium.dashboard.answers import NotThereError

__all__ = ["STATIC", "compose_lost_page", "compose_pages", "page_routes"]

STATIC: Final = Path(__file__).parent / "static"
_FRAME: Final = "frame.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A word of the navigation."""

    folder: str
    path: str
    title: str


_PAGES: Final = (
    _Page(folder="live", path="/", title="Live"),
    _Page(folder="runs", path="/runs", title="Runs"),
    _Page(folder="models", path="/models", title="Models"),
    _Page(folder="play", path="/play", title="Play"),
    _Page(folder="tuning", path="/tuning", title="Tuning"),
)


def compose_pages(static: Path) -> dict[str, str]:
    """Puts all pages together; returns their HTML by path, ``/runs/{name}`` where any name will do.

    Args:
        static: Where the frame and the pages' folders are.
    """
    return dict(_composed(static))


def compose_lost_page(static: Path) -> str:
    """Puts the page together that stands where there is nothing.

    Args:
        static: Where the frame and the pages' folders are.

    Returns:
        Its HTML; nothing without its parts.
    """
    frame, body = static / _FRAME, static / "common" / "lost.html"
    if not (frame.is_file() and body.is_file()):
        return ""
    return Template(frame.read_text(encoding="utf-8")).substitute(
        title="Nothing here · tetrarium",
        style="",
        script="/static/common/lost.js",
        navigation="".join(_link(page, None, None) for page in _pages_of(static)),
        body=body.read_text(encoding="utf-8"),
    )


def page_routes() -> APIRouter:
    """Makes the routes of all pages that are there."""
    routes = APIRouter(include_in_schema=False)
    pages = compose_pages(STATIC)
    for path, html in pages.items():
        routes.add_api_route(path, _telling(html), methods=["GET", "HEAD"], name=f"page {path}")
    if "/" not in pages:
        routes.add_api_route("/", _missing, methods=["GET", "HEAD"])
    return routes


def _telling(html: str) -> Callable[[], Coroutine[Any, Any, HTMLResponse]]:
    async def page() -> HTMLResponse:
        return HTMLResponse(html)

    return page


async def _missing() -> None:
    raise NotThereError("The page is missing from this installation. Install tetrarium again.")


def _composed(static: Path) -> Iterator[tuple[str, str]]:
    """Yields the path and the HTML of every page."""
    if not (static / _FRAME).is_file():
        return
    frame = Template((static / _FRAME).read_text(encoding="utf-8"))
    pages = _pages_of(static)
    for page in pages:
        folder = static / page.folder
        has_style = (folder / "page.css").is_file()
        for body, script, path in (("body", "main", page.path), ("one", "one", f"{page.path}/{{name}}")):
            if (folder / f"{body}.html").is_file():
                yield (
                    path,
                    frame.substitute(
                        title="tetrarium" if page.path == "/" else f"{page.title} · tetrarium",
                        style=f'<link rel="stylesheet" href="/static/{page.folder}/page.css">' if has_style else "",
                        script=f"/static/{page.folder}/{script}.js",
                        navigation="".join(_link(other, page if body == "body" else None, page) for other in pages),
                        body=(folder / f"{body}.html").read_text(encoding="utf-8"),
                    ),
                )


def _pages_of(static: Path) -> list[_Page]:
    """The pages that are there."""
    return [page for page in _PAGES if (static / page.folder / "body.html").is_file()]


def _link(page: _Page, current: _Page | None, section: _Page | None) -> str:
    mark = ' aria-current="page"' if page is current else ' aria-current="true"' if page is section else ""
    return f'<a href="{page.path}"{mark}>{page.title}</a>'
