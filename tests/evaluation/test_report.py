"""Reports: every number counted by hand, and what is written."""

import json
import tracemalloc
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from tetrarium.evaluation import GameResult, Report
from tetrarium.evaluation.reports import make_report


def report_of(lines: list[int], truncated: list[bool] | None = None, **changes: Any) -> Report:
    games = tuple(
        GameResult(game=number, lines=n_lines, pieces=3 * n_lines, truncated=cut)
        for number, (n_lines, cut) in enumerate(zip(lines, truncated or [False] * len(lines), strict=True))
    )
    given = {"policy": "mine", "seed": 3, "max_pieces": 300, "seconds": 2.0, "config": {"width": 10}} | changes
    return make_report(games, **given)


def test_every_number_of_a_small_report() -> None:
    report = report_of([30, 10, 100, 20], [False, False, True, False])
    assert (report.n_games, report.n_ended, report.n_truncated, report.share_truncated) == (4, 3, 1, 0.25)
    assert (report.lines_total, report.pieces_total) == (160, 480)
    assert (report.seconds, report.pieces_per_second) == (2.0, 240.0)
    assert report.mean_lines == pytest.approx(160 / 3)
    assert report.interval_kind == "chi-square"
    assert report.interval_lines == pytest.approx((2 * 160 / 14.449, 2 * 160 / 1.237), rel=1e-3)  # 6 degrees
    assert report.confidence == 0.95
    assert report.median_lines == 25.0
    assert report.quantiles_as_played == pytest.approx({"0.05": 11.5, "0.25": 17.5, "0.75": 47.5, "0.95": 89.5})
    assert (report.policy, report.seed, report.max_pieces, report.config) == ("mine", 3, 300, {"width": 10})


def test_a_report_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        report_of([1]).seed = 4  # type: ignore[misc]


def test_json_has_the_fields_names_and_values() -> None:
    report = report_of([5, 7], [True, True])
    values = json.loads(report.to_json())
    assert list(values) == [field.name for field in fields(Report)]
    assert values == report.to_dict()
    assert values["mean_lines"] is None
    assert values["interval_lines"] == [pytest.approx(12 / 2.9957, rel=1e-4), None]
    assert values["games"][1] == {"game": 1, "lines": 7, "pieces": 21, "truncated": True}


def test_the_csv_has_a_line_for_each_game(tmp_path: Path) -> None:
    path = tmp_path / "games.csv"
    report_of([5]).write_csv(path)
    assert path.read_text() == "game,lines,pieces,truncated\n0,5,15,0\n"
    report_of([5, 7], [False, True]).write_csv(path)
    assert path.read_text() == "game,lines,pieces,truncated\n0,5,15,0\n1,7,21,1\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["games.csv"]


def test_a_csv_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "games.csv").mkdir()
    with pytest.raises(OSError, match=r"games\.csv"):
        report_of([5]).write_csv(tmp_path / "games.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["games.csv"]


@pytest.mark.parametrize(
    ("lines", "truncated", "summary"),
    [
        ([1000, 3000], [False, False], "2,000 ± 1,000 estimated lines per game (n = 2, 95 %)"),
        ([0, 0, 0], [False] * 3, "0 ± 0 estimated lines per game (n = 3, 95 %)"),
        ([4000, 4000], [True, True], "no game lost within 300 pieces; at least 2,670 lines per game (n = 2, 95 %)"),
        (
            [100, 300],
            [False, True],
            "400 estimated lines per game, 108 to 15,799 (n = 2, 95 %; 1 truncated at 300 pieces)",
        ),
        (
            [50] * 100 + [5000],
            [False] * 100 + [True],
            "100 ± 23 estimated lines per game (n = 101, 95 %; 1 truncated at 300 pieces)",
        ),
    ],
)
def test_the_summary(lines: list[int], truncated: list[bool], summary: str) -> None:
    assert report_of(lines, truncated).summary() == summary


def test_a_report_of_a_million_games_needs_little_memory() -> None:
    """The games themselves take 130 MB; a bootstrap at once would take 160 MB."""
    games = report_of(list(range(2_500))).games * 400
    tracemalloc.start()
    try:
        report = make_report(games, policy="mine", seed=3, max_pieces=300, seconds=1.0, config={})
        report.to_dict(with_games=False)
        _, n_bytes_peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_bytes_peak < 100_000_000
    assert report.interval_lines == pytest.approx((1249.5 - 1.41, 1249.5 + 1.41), abs=0.1)  # 1.96 * 721.7 / 1000
