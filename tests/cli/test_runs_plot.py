"""Command ``runs plot`` in a terminal, in a pipe, and to files."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.commands import run_captured
from tests.workers.test_learning_curves import made
from tetrarium.cli.tables.text_plots import draw_text_plot
from tetrarium.environment.pictures.plots import Plot, PlotLine
from tetrarium.registry.home import Home

RISING = PlotLine(label="first", run="first", steps=(0, 100), values=(0, 8), low=(0, 4), high=(0, 12))
FALLING = PlotLine(label="second", run="second", steps=(0, 50), values=(8, 0))
PLOT = Plot(title="Lines per game", caption=("Over steps.",), lines=(RISING, FALLING), is_log=False)


EXPECTED = [
    "Lines per game",
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


def drawn(plot: Plot, width: int = 40, height: int = 13, **options: bool) -> list[str]:
    return [line.plain.rstrip() for line in draw_text_plot(plot, width, height, **options)]


def test_curves_differ_in_marks_and_are_labeled_at_their_ends() -> None:
    assert drawn(PLOT) == EXPECTED


def test_a_plot_fits_the_terminal() -> None:
    for width in (40, 60, 100, 200):
        for height in (8, 13, 24):
            lines = drawn(PLOT, width, height)
            assert max(map(len, lines)) <= width and len(lines) == height
    assert all(line.isascii() for line in drawn(PLOT, is_unicode=False))


def test_curves_are_colored() -> None:
    styles = {str(span.style) for line in draw_text_plot(PLOT, 40, 13) for span in line.spans}
    assert any(style.startswith("rgb(") for style in styles)


@pytest.mark.usefixtures("home")
def test_a_plot_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run_captured(capsys, "runs", "plot", "fast-1", "fast-2")

    lines = out.splitlines()
    assert code == 0 and lines[0] == "Training mean" and max(map(len, lines)) <= 80
    assert any(line.endswith("fast-… (2 seeds) 3,000") for line in lines)
    assert lines[-2:] == [
        "Over steps, logarithmic scale.", "Line and band of 2 seeds: their median and its 50 % confidence interval.",
    ]  # fmt: skip
    assert "\x1b" not in out


@pytest.mark.usefixtures("home")
def test_a_plot_is_written_as_picture_or_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    assert run_captured(capsys, "runs", "plot", "fast-1", "--out", str(png))[:2] == (0, f"Wrote {png}\n")
    assert run_captured(capsys, "runs", "plot", "fast-1", "fast-2", "--apart", "--out", str(svg))[:2] == (
        0,
        f"Wrote {svg}\n",
    )
    with Image.open(png) as picture:
        assert picture.size == (1_920, 1_080)
    assert "fast-1  2,000</text>" in svg.read_text() and "fast-2  4,000</text>" in svg.read_text()
    _, out, _ = run_captured(capsys, "runs", "plot", "fast-1", "--json")
    curve = json.loads(out)["curves"][0]
    assert (curve["runs"], curve["steps"], curve["values"]) == (["fast-1"], [1_000, 2_000, 3_000, 4_000], [
        500, 1_000, 1_500, 2_000,
    ])  # fmt: skip


@pytest.mark.usefixtures("home")
def test_plot_rejects_bad_options_and_keeps_existing_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "there.png").write_text("mine")
    for arguments, message in (
        (("fast-1", "--out", str(tmp_path / "there.png")), "already exists. Choose another name or add --force."),
        (("fast-1", "--out", "x.gif"), "A plot's file name ends in .png or .svg; got 'x.gif'. Change the name."),
        (("fast-1", "--out", "no/x.png"), "A plot is written into an existing folder; got 'no/x.png'."),
        (("fast-1", "--column", "rewards"), "got 'rewards'. Did you mean 'reward'?"),
        (("fast-1", "--column", "loss"), "A plot needs values, and fast-1 has none of loss yet."),
    ):
        code, _, err = run_captured(capsys, "runs", "plot", *arguments)
        assert code == 2 and message in err and err.count("\n") == 1
    assert (tmp_path / "there.png").read_text() == "mine"
    assert run_captured(capsys, "runs", "plot", "nobody")[0] == 1 and run_captured(capsys, "runs", "plot")[0] == 2
