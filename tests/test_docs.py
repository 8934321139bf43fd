"""The documentation is true: its Python runs, its commands parse, its links and settings exist."""

import re
import runpy
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from tetrarium.cli.main import app
from tetrarium.training import TrainingConfig

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *DOCS.rglob("*.md")))
NOTEBOOKS = sorted(path.name for path in (DOCS / "notebooks").glob("*.py"))
RUN_ELSEWHERE = {"docs/reference/rest-api.md", "README.md"}  # by tests/dashboard/test_rest_api_docs.py, and below
LEARNING = (DOCS / "explanation" / "how-it-learns.md").read_text(encoding="utf-8")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", read(page), flags=re.DOTALL)


def commands(page: str) -> list[str]:
    """Every ``tetrarium …`` command of a page, from its blocks and from its prose."""
    lines = "\n".join(blocks(page, "sh") + blocks(page, "text")).replace("\\\n", " ").splitlines()
    prose = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    found = [line for line in lines if line.startswith("tetrarium ")] + re.findall(r"`(tetrarium [a-z][^`]*)`", prose)
    return [line.partition("  #")[0] for line in found if "…" not in line]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in RUN_ELSEWHERE and blocks(page, "python")])
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "home"))
    exec(compile("\n".join(blocks(page, "python")), page, "exec"), {"__name__": "docs"})


def test_readme_trains_and_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("README.md", "python")
    exec(compile(code, "README.md", "exec"), {})

    assert float(capsys.readouterr().out) > 10
    assert (tmp_path / "first" / "metadata.json").is_file()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(DOCS / "notebooks" / name))


@pytest.mark.parametrize("command", sorted({line for page in PAGES for line in commands(page)}))
def test_command_of_a_page_parses(command: str) -> None:
    """Parses the command without running it: every command, option and value type exists."""
    words = shlex.split(re.sub(r"\b(NAME|AGENT|FILE\.tetris|STEP)\b", "name", command))[1:]
    if len(words) == 1:
        words.append("--help")
    app.parse_args(words, print_error=False, exit_on_error=False)


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL))
    missing = [link for link in targets if "://" not in link and not ((ROOT / page).parent / link).is_file()]
    assert missing == []


def test_every_training_setting_has_its_reason_and_default() -> None:
    rows = re.search(r"<!-- settings -->(.*)<!-- end of settings -->", LEARNING, flags=re.DOTALL)
    assert rows is not None
    for item in fields(TrainingConfig):
        row = next((line for line in rows[1].splitlines() if f"`{item.name}`" in line), None)
        assert row is not None, f"{item.name} has no row"
        if isinstance(item.default, int | float) and not isinstance(item.default, bool):
            assert re.search(rf"\b{re.escape(f'{item.default:,}')}\b", row), f"{item.name}: {row}"
