"""Tables of evaluation reports."""

import io

import pytest
from rich.console import Console

from tests.cli.sample_events import report
from tetrarium.cli.tables.report_tables import report_lines, report_table
from tetrarium.evaluation.reports import GameResult, make_report

COMPLETE = [
    "dt-10 on 10 × 20, 7-bag, seed 3",
    "games                     1,000",
    "estimated lines per game  1,204 ± 60 at 95 %, n = 1,000",
    "median                    830",
    "middle half               346 to 1,670",
    "5 % to 95 %               62 to 3,608",
    "truncated                 none",
    "pieces per second         653,107",
]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_table_shows_every_number_at_any_width(width: int) -> None:
    console = Console(file=io.StringIO(), record=True, width=width, force_terminal=True)
    console.print(report_table(report()))
    assert [line.rstrip() for line in console.export_text().splitlines()] == COMPLETE


def test_lines_are_the_rows_of_the_table() -> None:
    assert report_lines(report()) == [COMPLETE[0], *(f"  {line}" for line in COMPLETE[1:])]


def test_truncated_games_are_counted_and_noted() -> None:
    cut = report(n_truncated=300, share_truncated=0.3, interval_lines=[1_100.0, 1_430.0])
    assert report_lines(cut)[2:8] == [
        "  estimated lines per game  1,204 (1,100 to 1,430) at 95 %, n = 1,000",
        "  median                    830",
        "  middle half               346 to 1,670, truncated games included",
        "  5 % to 95 %               62 to 3,608, truncated games included",
        "  truncated                 300 of 1,000 (30 %) at 10,000 pieces",
        "  pieces per second         653,107",
    ]


def test_lower_bounds_where_all_games_were_truncated() -> None:
    lines = report_lines(
        report(n_truncated=1_000, n_ended=0, share_truncated=1.0, mean_lines=None, interval_lines=[3_338.0, None])
    )
    assert lines[2] == "  estimated lines per game  no game lost; at least 3,338 at 95 %, n = 1,000"
    assert lines[3] == "  median                    at least 830"
    assert lines[6] == "  truncated                 1,000 of 1,000 (100 %) at 10,000 pieces"


def test_lines_of_an_evaluation_report() -> None:
    games = tuple(GameResult(game=k, lines=lines, pieces=40, truncated=False) for k, lines in enumerate((0, 1, 0, 1)))
    config = {"width": 10, "height": 20, "randomizer": "uniform"}
    made = make_report(games, policy="random", seed=0, max_pieces=1_000, seconds=0.5, config=config)
    assert report_lines(made.to_dict())[2:5] == [
        "  estimated lines per game  0.5 ± 0.5 at 95 %, n = 4",
        "  median                    0.5",
        "  middle half               0 to 1",
    ]
