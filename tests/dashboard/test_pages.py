"""Pages are put together from one frame; what has no folder is neither served nor linked to."""

import re
from pathlib import Path

import pytest

from tests.dashboard.servers import Server
from tetrarium.dashboard.pages import STATIC, compose_pages

FRAME = "<title>$title</title>$style<script src='$script'></script><nav>$navigation</nav>$body"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "frame.html").write_text(FRAME)
    for folder, name, body in (
        ("live", "body.html", "<p>$body {title}</p>"),
        ("runs", "body.html", "<p>all</p>"),
        ("runs", "one.html", "<p>one</p>"),
        ("runs", "page.css", ""),
        ("models", "main.js", ""),
        ("common", "body.html", ""),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(body)
    return tmp_path


def test_a_page_is_its_body_in_the_frame(static: Path) -> None:
    pages = compose_pages(static)
    links = '<a href="/" aria-current="page">Live</a><a href="/runs">Runs</a>'
    script = "<script src='/static/live/main.js'></script>"
    assert pages["/"] == f"<title>tetrarium</title>{script}<nav>{links}</nav><p>$body {{title}}</p>"
    style = '<link rel="stylesheet" href="/static/runs/page.css">'
    links = '<a href="/">Live</a><a href="/runs" aria-current="true">Runs</a>'
    script = "<script src='/static/runs/one.js'></script>"
    assert pages["/runs/{name}"] == f"<title>Runs · tetrarium</title>{style}{script}<nav>{links}</nav><p>one</p>"


def test_what_has_no_body_is_no_page(static: Path, tmp_path: Path) -> None:
    assert list(compose_pages(static)) == ["/", "/runs", "/runs/{name}"]
    assert compose_pages(tmp_path / "nothing") == {}


def test_all_pages_and_all_that_they_load_are_served(server: Server) -> None:
    with server.client() as asked:
        pages = [f"/{path.parent.name}".replace("/live", "/") for path in STATIC.glob("*/body.html")]
        pages += [f"/{path.parent.name}/name" for path in STATIC.glob("*/one.html")]
        assert "/" in pages
        for page in pages:
            answer = asked.get(page)
            assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert "$" not in answer.text and " style=" not in answer.text
            loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text)
            assert len(loaded) >= 7
            assert [path for path in loaded if asked.get(path).status_code != 200] == []


def test_scripts_import_what_is_there() -> None:
    missing = []
    for script in STATIC.glob("*/*.js"):
        for target in re.findall(r'from "([^"]+)"', script.read_text(encoding="utf-8")):
            missing += [] if (script.parent / target).is_file() else [f"{script.name}: {target}"]
    assert missing == []


def test_other_addresses_lead_nowhere(server: Server) -> None:
    with server.client() as asked:
        answers = [asked.get(path) for path in ("/common", "/live", "/runs/", "/runs/a/b", "/index.html")]
    assert [answer.status_code for answer in answers] == [404] * 5
    message = "There is nothing at this address. /api/openapi.json lists what there is."
    assert {answer.json()["error"] for answer in answers} == {message}


def test_who_follows_an_address_of_nothing_is_shown_a_page(server: Server) -> None:
    with server.client() as asked:
        browser = {"Accept": "text/html,*/*;q=0.8"}
        page, api = (asked.get(path, headers=browser) for path in ("/runs/", "/api/nothing"))
        loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert [path for path in loaded if asked.get(path).status_code != 200] == []
    assert page.status_code == 404 and "There is nothing at this address." in page.text
    assert '<a href="/models">Models</a>' in page.text and "aria-current" not in page.text
    assert api.status_code == 404 and api.json()["error"].startswith("There is nothing at this address.")
