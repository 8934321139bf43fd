"""What the README shows is true: its Python runs, its commands and its files exist, its settings are the code's."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tetrarium.cli.main import main
from tetrarium.training import TrainingConfig

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LEARNING = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "20000"
    assert "100 " in said[1]
    assert (tmp_path / "first" / "metadata.json").is_file()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`tetrarium ([a-z]+) ", README))))
def test_every_command_of_the_readme_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])

    assert caught.value.code == 0
    assert f"tetrarium {command}" in capsys.readouterr().out


def test_every_file_that_the_readme_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.search(r"<!-- settings -->(.*)<!-- end of settings -->", LEARNING, flags=re.DOTALL)
    assert rows is not None
    for item in fields(TrainingConfig):
        row = next((line for line in rows[1].splitlines() if f"`{item.name}`" in line), None)
        assert row is not None, f"{item.name} is not in docs/learning.md"
        if isinstance(item.default, int | float) and not isinstance(item.default, bool):
            assert re.search(rf"\b{re.escape(f'{item.default:,}')}\b", row), f"{item.name}: {row}"
