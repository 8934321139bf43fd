"""Composition of pages from one frame."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.dashboard.servers import Server
from tetrarium.dashboard.http.pages import STATIC, compose_pages

FRAME = "<title>$title</title>$style<script src='$script'></script><nav>$navigation</nav>$body"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "frame.html").write_text(FRAME)
    for folder, name, body in (
        ("live", "body.html", "<p>$body {title}</p>"),
        ("runs", "body.html", "<p>all</p>"),
        ("runs", "detail.html", "${common/charts.html}<p>one</p>"),
        ("common", "charts.html", "<p>charts</p>"),
        ("runs", "page.css", ""),
        ("models", "main.js", ""),
        ("common", "body.html", ""),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(body)
    return tmp_path


def test_a_page_is_its_body_in_the_frame(static: Path) -> None:
    pages = compose_pages(static)
    links = '<a href="./" aria-current="page">Live</a><a href="./runs">Runs</a>'
    script = "<script src='./static/live/main.js'></script>"
    assert pages["/"] == f"<title>tetrarium</title>{script}<nav>{links}</nav><p>$body {{title}}</p>"
    style = '<link rel="stylesheet" href="../static/runs/page.css">'
    links = '<a href="../">Live</a><a href="../runs" aria-current="true">Runs</a>'
    script = "<script src='../static/runs/detail.js'></script>"
    assert (
        pages["/runs/{name}"]
        == f"<title>Runs · tetrarium</title>{style}{script}<nav>{links}</nav><p>charts</p><p>one</p>"
    )


def test_a_folder_without_a_body_is_no_page(static: Path, tmp_path: Path) -> None:
    assert list(compose_pages(static)) == ["/", "/runs", "/runs/{name}"]
    assert compose_pages(tmp_path / "nothing") == {}


def test_all_pages_and_their_files_are_served(server: Server) -> None:
    with server.client() as client:
        pages = [f"/{path.parent.name}".replace("/live", "/") for path in STATIC.glob("*/body.html")]
        pages += [f"/{path.parent.name}/name" for path in STATIC.glob("*/detail.html")]
        assert "/" in pages
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert "$" not in answer.text and " style=" not in answer.text
            loaded = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
            assert len(loaded) >= 12
            assert [path for path in loaded if path.startswith("/")] == [], "all addresses are relative"
            files = [urljoin(page, path) for path in loaded if "static/" in path]
            assert [path for path in files if client.get(path).status_code != 200] == []


def test_scripts_import_existing_files() -> None:
    missing = []
    for script in STATIC.glob("*/*.js"):
        for target in re.findall(r'from "([^"]+)"', script.read_text(encoding="utf-8")):
            missing += [] if (script.parent / target).is_file() else [f"{script.name}: {target}"]
    assert missing == []


def test_unknown_addresses_are_not_found(server: Server) -> None:
    with server.client() as client:
        answers = [client.get(path) for path in ("/common", "/live", "/runs/", "/runs/a/b", "/index.html")]
    assert [answer.status_code for answer in answers] == [404] * 5
    message = "There is nothing at this address. /api/openapi.json lists all operations."
    assert {answer.json()["error"] for answer in answers} == {message}


def test_a_browser_gets_a_page_for_an_unknown_address(server: Server) -> None:
    with server.client() as client:
        browser = {"Accept": "text/html,*/*;q=0.8"}
        page, api = (client.get(path, headers=browser) for path in ("/runs/", "/api/nothing"))
        loaded = [urljoin("/runs/", path) for path in re.findall(r'(?:href|src)="(\.[^"]+)"', page.text)]
        assert len(loaded) >= 7 and [path for path in loaded if client.get(path).status_code != 200] == []
    assert page.status_code == 404 and "There is nothing at this address." in page.text
    assert '<a href="../models">Models</a>' in page.text and "aria-current" not in page.text
    assert api.status_code == 404 and api.json()["error"].startswith("There is nothing at this address.")
