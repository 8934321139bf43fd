"""Tests of the page of records: it says what the raw files in ``results/`` say."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import evaluate, named_policy

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results", PROJECT / "tools" / "results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["results"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_page_is_made_from_the_raw_files(results: ModuleType) -> None:
    remedy = "Run 'python tools/results.py page'."
    assert results.page_text(results.load_results()) == results.PAGE.read_text(encoding="utf-8"), remedy
    names = {path.stem for path in results.RESULTS.glob("*.json")}
    assert names <= set(results.MEASUREMENTS)
    images = {path.name for path in (PROJECT / "docs" / "images").glob("records-*.svg")}
    shown = {key for key, game in results.GAMES.items() if game.published}
    assert images == {f"records-{key}.svg" for key in (*shown, "curves")}


def test_lines_of_truncated_games_count_and_the_games_do_not(results: ModuleType) -> None:
    raw = {"lines": [100, 300, 200], "truncated": [2], "pieces": 1_500, "max_pieces": 500, "seed": 0}
    found = results.read_result("10x10-dt-10", raw)
    assert (found.n, found.n_lost, found.estimate.mean, found.max_pieces) == (3, 2, 300.0, 500)
    assert results.read_result("10x10-dt-10", raw | {"truncated": []}).max_pieces is None


def test_record_is_beaten_only_by_the_lower_end_of_an_interval(results: ModuleType) -> None:
    raw = {"lines": 60e6, "interval": [51e6, 80e6], "estimates": 40, "placements": 10}
    at_record = results.read_result("10x20-champion-10x20", raw)
    above = replace(at_record, estimate=replace(at_record.estimate, interval=(51.1e6, 80e6)))
    published = results.read_result("10x20-dt-10", raw | {"interval": [60e6, 80e6]})
    assert (at_record.is_beaten, above.is_beaten, published.is_beaten) == (False, True, False)
    assert "| 60.0 million (51.0 to 80.0) | 40 estimates |" in results.page_text([at_record])
    assert "| **60.0 million (51.1 to 80.0)** | 40 estimates |" in results.page_text([above])


def test_raw_file_keeps_the_lines_of_each_game_of_a_report(results: ModuleType) -> None:
    report = evaluate(named_policy("dt-10"), EnvConfig.literature(height=10), n_games=6, seed=1, max_pieces=3_000)
    assert 0 < report.n_truncated < 6
    found = results.read_result("10x10-dt-10", results.compact(json.loads(report.to_json())))
    assert (found.n, found.n_lost) == (6, report.n_ended)
    assert found.estimate.mean == report.mean_lines
    assert found.estimate.interval == report.interval_lines
