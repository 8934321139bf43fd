"""Scores: one for each player and protocol definition."""

from pathlib import Path

from tetrarium.registry.home import Home
from tetrarium.registry.scores import ScoreStore

DEFAULT = {"n_games": 100, "seed": 1}


def test_a_score_comes_back_under_its_own_definition_alone(tmp_path: Path) -> None:
    scores = ScoreStore(Home.locate(tmp_path / "home"), clock=lambda: 5.0)
    assert scores.of(DEFAULT) == [] and not (tmp_path / "home").exists()
    kept = scores.add("mine@1", "a" * 64, "default", DEFAULT, {"mean_lines": 3.5})

    assert (kept.agent, kept.evaluated_at_s, kept.report) == ("mine@1", 5.0, {"mean_lines": 3.5})
    assert scores.of({"seed": 1, "n_games": 100}) == [kept]
    assert scores.of({**DEFAULT, "n_games": 101}) == []


def test_a_player_has_one_score_of_each_kind_the_latest(tmp_path: Path) -> None:
    scores = ScoreStore(Home.locate(tmp_path / "home"))
    scores.add("mine@1", "a" * 64, "default", DEFAULT, {"mean_lines": 3.5})
    scores.add("theirs@1", "b" * 64, "default", DEFAULT, {"mean_lines": 4.5})
    again = scores.add("renamed@1", "a" * 64, "default", DEFAULT, {"mean_lines": None})
    scores.add("mine@1", "a" * 64, "other", {**DEFAULT, "seed": 2}, {"mean_lines": 1.0})

    assert [(score.agent, score.report["mean_lines"]) for score in scores.of(DEFAULT)] == [
        ("theirs@1", 4.5), ("renamed@1", None),
    ]  # fmt: skip
    assert scores.of(DEFAULT)[1] == again


def test_reports_stored_under_earlier_keys_are_read_under_todays(tmp_path: Path) -> None:
    scores = ScoreStore(Home.locate(tmp_path / "home"))
    scores.add("mine@1", "a" * 64, "default", DEFAULT, {"n_games": 4, "n_cut_off": 1, "share_cut_off": 0.25})
    assert scores.of(DEFAULT)[0].report == {"n_games": 4, "n_truncated": 1, "share_truncated": 0.25}
