"""The table of an evaluation, as people read it."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from tests.cli.reports import report
from tetrarium.cli.tables import report_lines, report_table
from tetrarium.evaluation.report import GameResult, make_report

COMPLETE = [
    "dt-10 on 10 × 20, 7-bag, seed 3",  # noqa: RUF001  (as people write sizes)
    "games            1,000",
    "lines a game     1,204 ± 60 at 95 %, n = 1,000",
    "median           830",
    "middle half      346 to 1,670",
    "5 % to 95 %      62 to 3,608",
    "cut off          none",
    "pieces a second  653,107",
]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_table_shows_every_number_at_any_width(width: int) -> None:
    console = Console(file=io.StringIO(), record=True, width=width, force_terminal=True)
    console.print(report_table(report()))
    assert [line.rstrip() for line in console.export_text().splitlines()] == COMPLETE


def test_lines_are_the_rows_of_the_table() -> None:
    assert report_lines(report()) == [COMPLETE[0], *(f"  {line}" for line in COMPLETE[1:])]


def test_games_cut_off_are_told_and_numbers_as_played_are_marked() -> None:
    cut = report(n_cut_off=300, share_cut_off=0.3, interval_lines=[1_100.0, 1_430.0])
    assert report_lines(cut)[2:8] == [
        "  lines a game     1,204 (1,100 to 1,430) at 95 %, n = 1,000",
        "  median           830",
        "  middle half      346 to 1,670 as played",
        "  5 % to 95 %      62 to 3,608 as played",
        "  cut off          300 of 1,000 (30 %) at 10,000 pieces",
        "  pieces a second  653,107",
    ]


def test_where_no_game_ended_there_are_lower_bounds() -> None:
    lines = report_lines(
        report(n_cut_off=1_000, n_ended=0, share_cut_off=1.0, mean_lines=None, interval_lines=[3_338.0, None])
    )
    assert lines[2] == "  lines a game     at least 3,338 at 95 %, n = 1,000"
    assert lines[3] == "  median           at least 830"
    assert lines[6] == "  cut off          1,000 of 1,000 (100 %) at 10,000 pieces"


def test_reads_what_an_evaluation_reports() -> None:
    games = tuple(GameResult(game=k, lines=lines, pieces=40, cut_off=False) for k, lines in enumerate((0, 1, 0, 1)))
    config = {"width": 10, "height": 20, "randomizer": "uniform"}
    made = make_report(games, policy="random", seed=0, max_pieces=1_000, seconds=0.5, config=config)
    assert report_lines(made.to_dict())[2:5] == [
        "  lines a game     0.5 ± 0.5 at 95 %, n = 4",
        "  median           0.5",
        "  middle half      0 to 1",
    ]


@pytest.mark.parametrize("module", ["display", "plain", "tables", "watching"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, tetrarium.cli.{module}; "
        "print(*sorted({'torch', 'numba', 'gymnasium', 'numpy', 'stable_baselines3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
