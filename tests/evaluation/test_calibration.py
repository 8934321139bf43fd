"""Scores against numbers from outside, as far as seconds allow; ``test_calibration_oracle`` goes the whole way."""

import random

import pytest

from tests.engine import naive
from tests.evaluation.sample_policies import compiled_only
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import RandomPolicy, evaluate, named_policy

LITERATURE = EnvConfig.literature()


def naive_random_game(rng: random.Random) -> int:
    """Pieces in one game of random play, from cells alone; lines, one in a hundred games, are left out."""
    heights = [0] * 10
    n_pieces = 0
    while True:
        piece = rng.randrange(7)
        action = rng.choice(naive.legal_actions(piece, 10))
        cells = [(x + action // 4, y) for x, y in naive.piece_cells(piece, action % 4)]
        row = max(heights[x] - y for x, y in cells)
        row = max(row, 0)
        n_pieces += 1
        for x, y in cells:
            heights[x] = max(heights[x], row + y + 1)
        if max(heights) > 20:
            return n_pieces


@compiled_only
def test_random_play_places_20_pieces_and_clears_next_to_nothing() -> None:
    """Every published trainer starts from about 19 pieces and 0.01 lines per game."""
    report = evaluate(RandomPolicy(), LITERATURE, n_games=10_000, seed=1)
    assert report.n_truncated == 0
    assert report.mean_lines == pytest.approx(0.01, abs=0.008)
    assert report.pieces_total / report.n_games == pytest.approx(20, abs=0.5)


@compiled_only
def test_random_play_lasts_as_long_as_in_plain_python() -> None:
    rng = random.Random(0)
    n_games = 1500
    expected = sum(naive_random_game(rng) for _ in range(n_games)) / n_games
    report = evaluate(RandomPolicy(), LITERATURE, n_games=10_000, seed=2)
    assert report.pieces_total / report.n_games == pytest.approx(expected, abs=0.45)  # four standard errors


@compiled_only
@pytest.mark.parametrize(("name", "published"), [("du", 3_800), ("dt-10", 5_000)])
def test_published_controllers_score_about_what_was_published(name: str, published: int) -> None:
    """Over 200 games the mean has a standard error of 7 %."""
    report = evaluate(named_policy(name), EnvConfig.literature(height=10), n_games=200, seed=1)
    assert report.mean_lines == pytest.approx(published, rel=0.25)
    assert report.interval_kind == "bootstrap"
    assert report.pieces_total / report.lines_total == pytest.approx(2.5, rel=0.01)
