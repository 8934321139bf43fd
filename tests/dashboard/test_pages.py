"""Composition of pages from one frame."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.dashboard.servers import Server
from tetrarium.dashboard.http.pages import STATIC, compose_pages
from tetrarium.dashboard.http.scripts import bundle, script_address

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
        ("live", "main.js", 'import { a, b as c } from "../common/x.js";\nexport class App {}\n'),
        ("runs", "main.js", ""),
        ("runs", "detail.js", ""),
        ("common", "x.js", 'import { b } from "./y.js";\nexport const a = b;\nexport async function b() {}\n'),
        ("common", "y.js", "export const b = 1;\n"),
        ("common", "body.html", ""),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(body)
    return tmp_path


def test_a_page_is_its_body_in_the_frame(static: Path) -> None:
    pages = {path: re.sub(r"[?][0-9a-f]{12}'", "'", html) for path, html in compose_pages(static).items()}
    links = '<a href="./" aria-current="page">Live</a><a href="./runs">Runs</a>'
    script = "<script src='./scripts/live/main.js'></script>"
    assert pages["/"] == f"<title>tetrarium</title>{script}<nav>{links}</nav><p>$body {{title}}</p>"
    style = '<link rel="stylesheet" href="../static/runs/page.css">'
    links = '<a href="../">Live</a><a href="../runs" aria-current="true">Runs</a>'
    script = "<script src='../scripts/runs/detail.js'></script>"
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
            files = [urljoin(page, path) for path in loaded if "static/" in path or "scripts/" in path]
            assert [path for path in files if client.get(path).status_code != 200] == []


def test_a_script_calls_each_module_once_after_those_that_it_imports(static: Path) -> None:
    assert bundle(static / "live" / "main.js") == (
        "const common_y = (() => {\nconst b = 1;\n\nreturn { b };\n})();\n"
        "const common_x = (() => {\nconst { b } = common_y;\nconst a = b;\nasync function b() {}\n\n"
        "return { a, b };\n})();\n"
        "const live_main = (() => {\nconst { a, b: c } = common_x;\nclass App {}\n\nreturn { App };\n})();\n"
    )


def test_scripts_leave_no_import_and_no_export(server: Server) -> None:
    for page in STATIC.glob("*/*.html"):
        entry = page.with_name({"body.html": "main.js"}.get(page.name, f"{page.stem}.js"))
        if entry.is_file():
            assert re.findall(r"^(?:import|export)\b.*", bundle(entry), re.MULTILINE) == [], entry
    with server.client() as client:
        script = client.get(f"/{script_address(STATIC / 'live' / 'main.js')}")
        missing = [client.get(f"/scripts/{path}").status_code for path in ("live/nothing.js", "%2e%2e/pages.js")]
    assert script.headers["cache-control"] == "max-age=31536000, immutable" and missing == [404, 404]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


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
