"""The pages: one frame around the body of each, composed once at startup.

A page is a folder of ``static/`` with a ``body.html``; without one it is neither served nor in the navigation. With a
``detail.html`` as well, ``/PAGE/NAME`` is served for every name: the page's script reads the name from the address and
asks the API, which validates it, so nothing from outside is ever written into HTML. ``body.html`` comes with
``main.js``, the page's script, and ``page.css`` if the page has styles of its own; ``detail.html`` with ``detail.js``.
An unknown address gets the frame around ``common/not-found.html``. ``scripts`` makes one file of each script.

Addresses in pages are relative, so they are right under any prefix that a reverse proxy removes; ``${root}`` in the
files is replaced by the relative path of the live page, and ``${common/NAME.html}`` by that file.
"""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from tetrarium.dashboard.http.scripts import bundle, script_address
from tetrarium.engine.pieces import PIECES
from tetrarium.errors import NotFoundError
from tetrarium.workers.human_play.human_game_control import SessionOptions

STATIC: Final = Path(__file__).parents[1] / "static"
_FRAME: Final = "frame.html"
_ROOT: Final = "${root}"
_FACTS: Final = escape(json.dumps({"pieces": PIECES, "human_game": asdict(SessionOptions())}))
_PART: Final = re.compile(r"\$\{(common/[a-z-]+\.html)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """An entry of the navigation."""

    folder: str
    path: str
    title: str


_PAGES: Final = (
    _Page(folder="live", path="/", title="Live"),
    _Page(folder="runs", path="/runs", title="Runs"),
    _Page(folder="models", path="/models", title="Models"),
    _Page(folder="play", path="/play", title="Play"),
    _Page(folder="games", path="/games", title="Games"),
    _Page(folder="tuning", path="/tuning", title="Tuning"),
)


def compose_pages(static: Path) -> dict[str, str]:
    """Returns the HTML of all pages by path; ``/runs/{name}`` serves every name.

    Args:
        static: Folder of the frame and the pages' folders.
    """
    return {path: with_root(html, path) for path, html in _compose(static)}


def with_root(html: str, path: str) -> str:
    """Returns a page with the relative addresses for its path, of which each slash after the first is a folder.

    >>> with_root('<a href="${root}runs">', "/runs/{name}")
    '<a href="../runs">'
    """
    return html.replace(_ROOT, "../" * (path.count("/") - 1) or "./")


def compose_not_found_page(static: Path) -> str:
    """Returns the HTML of the page for unknown addresses, or an empty string where its parts are missing.

    ``with_root`` completes it.

    Args:
        static: Folder of the frame and the pages' folders.
    """
    body = static / "common" / "not-found.html"
    if not ((static / _FRAME).is_file() and body.is_file()):
        return ""
    navigation = "".join(_link(page, None, None) for page in _pages_of(static))
    return _fill(static, body, "not-found", "Nothing here · tetrarium", navigation)


def _fill(static: Path, body: Path, script: str, title: str, navigation: str, style: str = "") -> str:
    """Returns the frame around a body."""
    frame = Template((static / _FRAME).read_text(encoding="utf-8"))
    content = _PART.sub(lambda part: (static / part[1]).read_text(encoding="utf-8"), body.read_text(encoding="utf-8"))
    address = f"{_ROOT}{script_address(body.with_name(f'{script}.js'))}"
    return frame.substitute(
        title=title, style=style, root=_ROOT, script=address, navigation=navigation, facts=_FACTS, body=content
    )


def page_routes() -> APIRouter:
    """Creates the routes of all pages."""
    routes = APIRouter(include_in_schema=False)
    pages = compose_pages(STATIC)
    for path, html in pages.items():
        routes.add_api_route(path, _endpoint_for(html), methods=["GET", "HEAD"], name=f"page {path}")
    routes.add_api_route("/scripts/{folder}/{name}.js", _serve_script, methods=["GET", "HEAD"])
    if "/" not in pages:
        routes.add_api_route("/", _report_missing_page, methods=["GET", "HEAD"])
    return routes


def _endpoint_for(html: str) -> Callable[[], Coroutine[Any, Any, HTMLResponse]]:
    async def page() -> HTMLResponse:
        return HTMLResponse(html)

    return page


def _serve_script(folder: str, name: str) -> Response:
    """Returns a page's script, which browsers keep, since its address changes with it."""
    path = STATIC / folder / f"{name}.js"
    if not path.is_file():
        raise NotFoundError
    headers = {"Cache-Control": "max-age=31536000, immutable"}
    return Response(bundle(path), media_type="text/javascript", headers=headers)


async def _report_missing_page() -> None:
    raise NotFoundError("The page is missing from this installation. Reinstall tetrarium.")


def _compose(static: Path) -> Iterator[tuple[str, str]]:
    """Yields the path and the HTML of every page."""
    if not (static / _FRAME).is_file():
        return
    pages = _pages_of(static)
    for page in pages:
        folder = static / page.folder
        title = "tetrarium" if page.path == "/" else f"{page.title} · tetrarium"
        style = ""
        if (folder / "page.css").is_file():
            style = f'<link rel="stylesheet" href="{_ROOT}static/{page.folder}/page.css">'
        for body, script, path in (("body", "main", page.path), ("detail", "detail", f"{page.path}/{{name}}")):
            if (folder / f"{body}.html").is_file():
                navigation = "".join(_link(other, page if body == "body" else None, page) for other in pages)
                yield path, _fill(static, folder / f"{body}.html", script, title, navigation, style)


def _pages_of(static: Path) -> list[_Page]:
    """Returns the pages whose files exist."""
    return [page for page in _PAGES if (static / page.folder / "body.html").is_file()]


def _link(page: _Page, current: _Page | None, section: _Page | None) -> str:
    mark = ' aria-current="page"' if page is current else ' aria-current="true"' if page is section else ""
    return f'<a href="{_ROOT}{page.path[1:]}"{mark}>{page.title}</a>'
