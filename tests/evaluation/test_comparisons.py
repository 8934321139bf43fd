"""Comparisons on the same pieces: significance, sentences, and refusals; and protocols."""

from dataclasses import replace

import numpy as np
import pytest

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError
from tetrarium.evaluation import PROTOCOLS, Report, compare_reports, evaluate, find_protocol, named_policy
from tetrarium.evaluation.reports import GameResult, make_report

SMALL = EnvConfig(width=6, height=8, randomizer="uniform")


def report(name: str, lines: list[int], truncated: bool = False) -> Report:
    games = tuple(GameResult(game=i, lines=n, pieces=n * 3, truncated=truncated) for i, n in enumerate(lines))
    return make_report(games, policy=name, seed=0, max_pieces=1_000, seconds=1.0, config=SMALL.to_dict())


def test_a_controller_beats_random_play_by_a_stated_difference() -> None:
    one, other = (evaluate(named_policy(name), SMALL, 60, 3) for name in ("dellacherie", "random"))
    found = compare_reports(one, other)

    assert found.is_significant and found.difference == (one.lines_total - other.lines_total) / 60
    assert found.interval[0] < found.difference < found.interval[1]
    assert found.n_won + found.n_lost <= 60 and found.n_won > 50
    assert found.sentence.startswith("dellacherie is better than random, by ")
    assert found.sentence.endswith("n = 60 games on the same pieces). The difference is significant.")
    assert str(found) == found.sentence
    back = compare_reports(other, one)
    assert back.difference == -found.difference and back.is_significant
    assert back.sentence.startswith("dellacherie is better than random, by ")


def test_a_policy_is_no_better_than_itself() -> None:
    played = evaluate(named_policy("dellacherie"), SMALL, 20, 3)
    found = compare_reports(played, played)

    assert (found.difference, found.interval, found.is_significant) == (0.0, (0.0, 0.0), False)
    assert found.sentence == (
        "No significant difference between dellacherie and dellacherie: 0 lines until the limit, 0 to 0 at 95 %, "
        "n = 20 games on the same pieces."
    )


def test_chance_is_significant_about_once_in_twenty_times() -> None:
    """Two that play alike, a hundred times over."""
    draw = np.random.default_rng(8)
    found = [
        compare_reports(
            report("a", draw.geometric(0.02, 60).tolist()), report("b", draw.geometric(0.02, 60).tolist())
        ).is_significant
        for _ in range(100)
    ]

    assert 0.01 < np.mean(found) < 0.10


def test_the_same_pieces_show_what_other_pieces_would_hide() -> None:
    draw = np.random.default_rng(9)
    luck = draw.geometric(0.005, 100)
    one, other = report("one", (luck + 3 + draw.integers(0, 3, 100)).tolist()), report("other", luck.tolist())

    assert compare_reports(one, other).is_significant
    assert not compare_reports(one, report("other", draw.permutation(luck).tolist())).is_significant


def test_if_neither_loses_no_difference_is_claimed() -> None:
    found = compare_reports(report("a", [400] * 20, truncated=True), report("b", [398] * 20, truncated=True))

    assert not found.is_significant
    assert found.sentence.startswith("Neither lost a game within 1,000 pieces (n = 20 games on the same pieces), so")


def test_a_few_games_are_not_significant() -> None:
    found = compare_reports(report("a", [50] * 5), report("b", [1] * 5))

    assert not found.is_significant and found.sentence == "5 games are too few for a comparison; play at least 6."


def test_other_games_are_not_compared() -> None:
    one = report("a", [1] * 8)
    with pytest.raises(
        ConfigError, match=r"one report has n_games=8, the other 7\. Evaluate both with the same settings"
    ):
        compare_reports(one, report("b", [1] * 7))
    with pytest.raises(ConfigError, match="one report has height=8, the other 9"):
        compare_reports(one, replace(report("b", [1] * 8), config={**one.config, "height": 9}))


def test_protocols_fix_all_that_a_score_depends_on() -> None:
    assert set(PROTOCOLS) == {"harder", "default", "uniform", "literature-10x10", "literature-10x20"}
    assert find_protocol("default").to_dict() == {
        "game": {
            "width": 10, "height": 20, "hidden_rows": 4, "randomizer": "7-bag", "game_over": "overflow",
            "actions": "drop", "hold": False, "preview": 1,
        },
        "n_games": 100, "max_pieces": 10_000, "seed": 20_000,
    }  # fmt: skip
    assert find_protocol("default").env_config == EnvConfig()
    assert find_protocol("harder").env_config == EnvConfig(height=8, randomizer="uniform")
    assert find_protocol("literature-10x10").env_config == EnvConfig.literature(height=10)
    assert find_protocol("literature-10x20").env_config == EnvConfig.literature()
    with pytest.raises(
        ConfigError, match=r"A protocol is one of harder, default, .*'defualt'\. Did you mean 'default'\?"
    ):
        find_protocol("defualt")
