"""``runs plot`` in a terminal, in a pipe, and to files; and what a shell completes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image

from tests.cli.test_runs import called
from tests.workers.test_curves import made
from tetrarium.cli.main import app, main
from tetrarium.cli.text_plots import draw_text_plot
from tetrarium.environment.plots import Plot, PlotLine
from tetrarium.registry.home import Home

RISING = PlotLine(label="first", run="first", steps=(0, 100), values=(0, 8), low=(0, 4), high=(0, 12))
FALLING = PlotLine(label="second", run="second", steps=(0, 50), values=(8, 0))
PLOT = Plot(title="Lines a game", caption=("Over steps.",), lines=(RISING, FALLING), is_log=False)


EXPECTED = [
    "Lines a game",
    "                              ░",
    "                           ░░░░",
    "10                     ░░░░░░░░",
    "   ∘∘              ░░░░░░░░•••• first 8",
    "     ∘∘∘        ░░░░░░•••••░░░░",
    "        ∘∘  ░░░░░•••••░░░░░░░░░",
    "         ░∘∘∘••••░░░░░░░░░░░░░",
    "     ░•••••░░∘∘∘░░░",
    " 0 •••░░░       ∘∘              second 0",
    "   ────────────────────────────",
    "   0            50           100",
    "Over steps.",
]


@pytest.fixture
def home(tetrarium_home: Path) -> Home:
    home = Home.locate(tetrarium_home)
    made(home, "fast-1", seed=1, factor=0.5)
    made(home, "fast-2", seed=2)
    return home


def drawn(plot: Plot, width: int = 40, height: int = 13, **how: bool) -> list[str]:
    return [line.plain.rstrip() for line in draw_text_plot(plot, width, height, **how)]


def test_curves_are_told_apart_without_colour_and_labelled_at_their_ends() -> None:
    assert drawn(PLOT) == EXPECTED


def test_a_plot_fits_into_the_room_that_there_is() -> None:
    for width in (40, 60, 100, 200):
        for height in (8, 13, 24):
            lines = drawn(PLOT, width, height)
            assert max(map(len, lines)) <= width and len(lines) == height
    assert all(line.isascii() for line in drawn(PLOT, is_unicode=False))


def test_colours_only_add() -> None:
    styles = {str(span.style) for line in draw_text_plot(PLOT, 40, 13) for span in line.spans}
    assert any(style.startswith("rgb(") for style in styles)


@pytest.mark.usefixtures("home")
def test_a_plot_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = called(capsys, "plot", "fast-1", "fast-2")

    lines = out.splitlines()
    assert code == 0 and lines[0] == "Lines a game" and max(map(len, lines)) <= 80
    assert any(line.endswith("fast-… (2 seeds) 3,000") for line in lines)
    assert lines[-2:] == [
        "Over steps, logarithmic scale.", "Line and band of 2 seeds: their median, and its 50 % interval by rank.",
    ]  # fmt: skip
    assert "\x1b" not in out


@pytest.mark.usefixtures("home")
def test_a_plot_is_written_as_picture_or_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    assert called(capsys, "plot", "fast-1", "--out", str(png))[:2] == (0, f"Wrote {png}\n")
    assert called(capsys, "plot", "fast-1", "fast-2", "--apart", "--out", str(svg))[:2] == (0, f"Wrote {svg}\n")
    with Image.open(png) as picture:
        assert picture.size == (1_920, 1_080)
    assert "fast-1  2,000</text>" in svg.read_text() and "fast-2  4,000</text>" in svg.read_text()
    _, out, _ = called(capsys, "plot", "fast-1", "--json")
    curve = json.loads(out)["curves"][0]
    assert (curve["runs"], curve["steps"], curve["values"]) == (["fast-1"], [1_000, 2_000, 3_000, 4_000], [
        500, 1_000, 1_500, 2_000,
    ])  # fmt: skip


@pytest.mark.usefixtures("home")
def test_a_plot_harms_no_file_and_says_what_it_needs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "there.png").write_text("mine")
    for arguments, said in (
        (("fast-1", "--out", str(tmp_path / "there.png")), "A file that is there stays as it is"),
        (("fast-1", "--out", "x.gif"), "A plot's file ends in .png or .svg; got 'x.gif'. Name it so."),
        (("fast-1", "--out", "no/x.png"), "A plot is a file in a folder that is there; got 'no/x.png'."),
        (("fast-1", "--column", "loss"), "A plot is made of values, and fast-1 has none of loss yet."),
    ):
        code, _, err = called(capsys, "plot", *arguments)
        assert code == 2 and said in err and err.count("\n") == 1
    assert (tmp_path / "there.png").read_text() == "mine"
    assert called(capsys, "plot", "nobody")[0] == 1 and called(capsys, "plot")[0] == 2


# What a shell completes


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What a shell is told when somebody asks it to complete the last word."""
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["__complete", *words])
    return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("home")
def test_names_of_runs_and_models_are_offered(
    tetrarium_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tetrarium_home / "models" / "mine").mkdir(parents=True)
    (tetrarium_home / "runs" / ".tetrarium-0").mkdir()

    assert offered(capsys, "runs", "show", "fa")[-2:] == ["fast-1", "fast-2"]
    assert offered(capsys, "runs", "plot", "fast-1", "")[-2:] == ["fast-1", "fast-2"]
    assert "mine" in offered(capsys, "models", "show", "") and "fast-1" not in offered(capsys, "models", "show", "")
    assert {"mine", "fast-1", "dt-10"} <= set(offered(capsys, "evaluate", ""))
    (tmp_path / "elsewhere" / "runs" / "there").mkdir(parents=True)
    elsewhere = offered(capsys, "runs", "stop", "--home", str(tmp_path / "elsewhere"), "")
    assert "there" in elsewhere and "fast-1" not in elsewhere
    assert "fast-1" not in offered(capsys, "runs", "stop", "--home", str(tmp_path / "nowhere"), "")


@pytest.mark.usefixtures("home")
def test_a_name_is_offered_without_loading_what_takes_long() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tetrarium", "__complete", "runs", "plot", ""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "fast-2" in done.stdout
    assert not {"torch", "numba", "sqlalchemy"} & {line.split("|")[-1].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_for_shells_are_made(shell: Literal["bash", "zsh", "fish"], tmp_path: Path) -> None:
    script = app.generate_completion(shell=shell)

    assert "__complete" in script and "leaderboard" in script and "install-completion" in script
    if shell == "bash":
        (tmp_path / "script").write_text(script)
        subprocess.run(["bash", "-n", str(tmp_path / "script")], check=True)
