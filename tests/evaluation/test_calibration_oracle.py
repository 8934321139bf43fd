"""The published means over 10,000 games: Scherrer et al., JMLR 16, 2015, table 1. Minutes a case."""

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import evaluate, named_policy


@pytest.mark.oracle
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("name", "published"), [("du", 3_800), ("dt-10", 5_000)])
def test_a_published_controller_scores_what_was_published(name: str, published: int, seed: int) -> None:
    report = evaluate(named_policy(name), EnvConfig.literature(height=10), n_games=10_000, seed=seed)
    print(f"{name}, seed {seed}: {report.summary()}, {report.seconds:,.0f} s")  # noqa: T201
    assert report.n_truncated == 0
    assert report.mean_lines == pytest.approx(published, rel=0.05)
