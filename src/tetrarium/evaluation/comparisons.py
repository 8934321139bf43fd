"""Who plays better of two: game by game on the same pieces, with an interval and a sentence that says what it means.

What is compared is the lines of each game as played, up to the cut. Of the differences, one for each pair of games, the
mean is taken and an interval around it, by drawing pairs anew (as in ``intervals.py``). A difference is real where the
interval leaves out 0. Where all games of both were cut off, nobody lost, and lines differ only by what is left on the
board: that is said instead.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tetrarium.errors import ConfigError
from tetrarium.evaluation.intervals import CONFIDENCE, mean_interval
from tetrarium.evaluation.report import Report

__all__ = ["Comparison", "compare_reports"]

_BY_CHANCE = 6  # pairs: with fewer, even all games won prove nothing at this confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the same games say about two players."""

    one: str
    other: str
    n_games: int
    max_pieces: int
    lines_one: float  # a game, as played
    lines_other: float
    n_cut_off_one: int
    n_cut_off_other: int
    difference: float  # lines a game that ``one`` has more
    interval: tuple[float, float]
    confidence: float
    n_won: int  # games in which ``one`` has more lines
    n_lost: int
    is_real: bool

    @property
    def sentence(self) -> str:
        """What it comes to, for people."""
        games = f"n = {self.n_games:,} games on the same pieces"
        low, high = self.interval
        if self.n_cut_off_one == self.n_cut_off_other == self.n_games:
            return (
                f"Neither lost a game within {self.max_pieces:,} pieces ({games}), so nothing tells them apart. "
                "Let games be longer, or compare on a lower board."
            )
        if self.n_games < _BY_CHANCE:
            return f"{self.n_games} games are too few to tell; from {_BY_CHANCE} on there is an answer."
        sure = f"{self.confidence:.0%}".replace("%", " %")
        if not self.is_real:
            return (
                f"No difference can be told between {self.one} and {self.other}: {_signed(self.difference)} lines a "
                f"game, {_signed(low)} to {_signed(high)} at {sure}, {games}."
            )
        better, worse = (self.one, self.other) if self.difference > 0 else (self.other, self.one)
        by, (least, most) = abs(self.difference), sorted((abs(low), abs(high)))
        return (
            f"{better} is better than {worse}, by {_lines(by)} lines a game ({_lines(least)} to {_lines(most)} at "
            f"{sure}, {games}). The difference is real."
        )

    def __str__(self) -> str:
        return self.sentence

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields and the sentence, as JSON can hold them."""
        return {**asdict(self), "interval": list(self.interval), "sentence": self.sentence}


def compare_reports(one: Report, other: Report) -> Comparison:
    """Compares two players by the reports of the same games.

    Raises:
        ConfigError: if they played different games.
    """
    for name in ("n_games", "seed", "max_pieces"):
        _require_same(name, getattr(one, name), getattr(other, name))
    for name in ("width", "height", "hidden_rows", "randomizer", "game_over", "actions", "hold", "preview"):
        _require_same(name, one.config.get(name), other.config.get(name))
    differences = np.array([a.lines - b.lines for a, b in zip(one.games, other.games, strict=True)], dtype=np.float64)
    low, high = mean_interval(differences, one.seed)
    all_cut_off = one.n_ended == other.n_ended == 0
    return Comparison(
        one=one.policy,
        other=other.policy,
        n_games=one.n_games,
        max_pieces=one.max_pieces,
        lines_one=one.lines_total / one.n_games,
        lines_other=other.lines_total / other.n_games,
        n_cut_off_one=one.n_cut_off,
        n_cut_off_other=other.n_cut_off,
        difference=float(differences.mean()),
        interval=(low, high),
        confidence=CONFIDENCE,
        n_won=int((differences > 0).sum()),
        n_lost=int((differences < 0).sum()),
        is_real=bool((low > 0 or high < 0) and not all_cut_off and one.n_games >= _BY_CHANCE),
    )


def _require_same(name: str, one: object, other: object) -> None:
    if one != other:
        raise ConfigError(
            f"Two players are compared on the same games; one has {name}={one!r}, the other {other!r}. "
            "Evaluate both alike."
        )


def _lines(lines: float) -> str:
    return f"{lines:,.0f}" if lines >= 10 else f"{lines:.2g}"


def _signed(lines: float) -> str:
    sign = "+" if lines > 0 else "\N{MINUS SIGN}" if lines < 0 else ""
    return f"{sign}{_lines(abs(lines))}"
