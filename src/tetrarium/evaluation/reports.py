"""Report of an evaluation, the only source of scores, and the paired comparison of two.

Fields have the same names in ``to_dict`` and JSON. ``…_as_played`` counts a truncated game with the lines it had.

In a comparison, the lines of each pair of games as played, up to the piece limit, are subtracted; the mean difference
gets a bootstrap interval over pairs. A difference is significant if the interval excludes 0. If all games of both were
truncated, neither policy lost, and lines differ only by the cells left on the board: no difference is claimed.
"""

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.rules import require_instance
from tetrarium.environment.config import GAME_SETTINGS
from tetrarium.errors import ConfigError
from tetrarium.evaluation.intervals import CONFIDENCE, mean_interval, mean_lines

_QUANTILES: Final = (0.05, 0.25, 0.75, 0.95)
_LARGEST_SKEW: Final = 1.5  # beyond it, an interval is shown by its ends instead of as ± its longer side


@dataclass(frozen=True, slots=True, kw_only=True)
class GameResult:
    """Result of one game."""

    game: int  # its number: the same pieces under the same seed for every policy
    lines: int
    pieces: int
    truncated: bool  # whether it reached the piece limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Scores of one policy on the games of one seed.

    >>> games = tuple(GameResult(game=i, lines=9 + i, pieces=40, truncated=False) for i in range(3))
    >>> report = make_report(games, policy="mine", seed=0, max_pieces=10_000, seconds=1.0, config={})
    >>> report.summary()
    '10 ± 1 estimated lines per game (n = 3, 95 %)'
    """

    policy: str
    n_games: int
    n_ended: int
    n_truncated: int
    share_truncated: float
    mean_lines: float | None  # all lines / games that ended; None where none ended
    interval_lines: tuple[float, float | None]  # of the mean; no upper end where no game ended
    interval_kind: str  # "chi-square" (some games truncated), "bootstrap" (none), "lower bound" (all, one-sided)
    confidence: float
    median_lines: float  # as played: exact if less than half of the games were truncated
    quantiles_as_played: dict[str, float]  # of lines, by probability: "0.05", "0.25", "0.75", "0.95"
    lines_total: int
    pieces_total: int
    seconds: float  # without compilation
    pieces_per_second: float
    seed: int
    max_pieces: int
    config: dict[str, Any]  # EnvConfig.to_dict()
    games: tuple[GameResult, ...]

    def __str__(self) -> str:
        return f"{self.policy}: {self.summary()}"

    def to_dict(self, *, with_games: bool = True) -> dict[str, Any]:
        """Returns the fields as JSON can hold them; optionally without the single games."""
        values = asdict(self if with_games else replace(self, games=()))
        values["interval_lines"] = list(self.interval_lines)
        games = values.pop("games")
        return {**values, "games": list(games)} if with_games else values

    def to_json(self, *, indent: int | None = 2) -> str:
        """Returns the fields as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes a line for each game under ``game,lines,pieces,truncated``; the file appears whole or not at all."""
        target = Path(path)
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with beside.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("game", "lines", "pieces", "truncated"))
                writer.writerows((game.game, game.lines, game.pieces, int(game.truncated)) for game in self.games)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    def summary(self) -> str:
        """Returns one line for people, such as ``1,204 ± 60 estimated lines per game (n = 100, 95 %)``."""
        low, high = self.interval_lines
        sample = f"n = {self.n_games:,}, {self.confidence:.0%}".replace("%", " %")
        cut = ""
        if self.n_truncated:
            cut = f"; {self.n_truncated:,} truncated at {self.max_pieces:,} pieces"
        if self.mean_lines is None or high is None:
            return f"no game lost within {self.max_pieces:,} pieces; at least {_shown(low)} lines per game ({sample})"
        below, above = self.mean_lines - low, high - self.mean_lines
        if max(below, above) > _LARGEST_SKEW * min(below, above):
            return (
                f"{_shown(self.mean_lines)} estimated lines per game, {_shown(low)} to {_shown(high)} ({sample}{cut})"
            )
        return f"{_shown(self.mean_lines)} ± {_shown(max(below, above))} estimated lines per game ({sample}{cut})"


def make_report(
    games: tuple[GameResult, ...], *, policy: str, seed: int, max_pieces: int, seconds: float, config: dict[str, Any]
) -> Report:
    """Computes the report of the games."""
    lines = np.array([game.lines for game in games], dtype=np.int64)
    truncated = np.array([game.truncated for game in games])
    estimate = mean_lines(lines, truncated, seed)
    pieces_total, n_truncated = sum(game.pieces for game in games), int(truncated.sum())
    return Report(
        policy=policy,
        n_games=len(games),
        n_ended=len(games) - n_truncated,
        n_truncated=n_truncated,
        share_truncated=n_truncated / len(games),
        mean_lines=estimate.mean,
        interval_lines=estimate.interval,
        interval_kind=estimate.kind,
        confidence=CONFIDENCE,
        median_lines=float(np.median(lines)),
        quantiles_as_played={str(q): float(np.quantile(lines, q)) for q in _QUANTILES},
        lines_total=int(lines.sum()),
        pieces_total=pieces_total,
        seconds=seconds,
        pieces_per_second=pieces_total / seconds,
        seed=seed,
        max_pieces=max_pieces,
        config=config,
        games=games,
    )


def _shown(lines: float) -> str:
    """Formats lines: whole from 10 on, below that with two significant digits."""
    return f"{lines:,.0f}" if lines >= 10 else f"{lines:.2g}"


_MIN_GAMES: Final = 6  # with fewer pairs, even winning all of them is not significant


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Result of comparing two policies on the same games."""

    agent: str
    other_agent: str
    n_games: int
    max_pieces: int
    lines: float  # until the limit
    other_lines: float
    n_truncated: int
    other_n_truncated: int
    difference: float  # of lines until the limit, that ``agent`` has more
    interval: tuple[float, float]
    confidence: float
    n_won: int  # games in which ``agent`` has more lines
    n_lost: int
    is_significant: bool

    @property
    def sentence(self) -> str:
        """Result as a sentence for people."""
        games = f"n = {self.n_games:,} games on the same pieces"
        low, high = self.interval
        if self.n_truncated == self.other_n_truncated == self.n_games:
            return (
                f"Neither lost a game within {self.max_pieces:,} pieces ({games}), so they cannot be distinguished. "
                "Raise max_pieces, or compare on a lower board."
            )
        if self.n_games < _MIN_GAMES:
            return f"{self.n_games} games are too few for a comparison; play at least {_MIN_GAMES}."
        sure = f"{self.confidence:.0%}".replace("%", " %")
        if not self.is_significant:
            return (
                f"No significant difference between {self.agent} and {self.other_agent}: {_signed(self.difference)} "
                f"lines until the limit, {_signed(low)} to {_signed(high)} at {sure}, {games}."
            )
        better, worse = (self.agent, self.other_agent) if self.difference > 0 else (self.other_agent, self.agent)
        by, (least, most) = abs(self.difference), sorted((abs(low), abs(high)))
        return (
            f"{better} is better than {worse}, by {_shown(by)} lines until the limit ({_shown(least)} to "
            f"{_shown(most)} at {sure}, {games}). The difference is significant."
        )

    def __str__(self) -> str:
        return self.sentence

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields and the sentence, as JSON can hold them."""
        return {**asdict(self), "interval": list(self.interval), "sentence": self.sentence}


def compare_reports(report: Report, other_report: Report) -> Comparison:
    """Compares two policies by their reports on the same games.

    Raises:
        ConfigError: if the games differ.
    """
    require_instance("report", report, Report)
    require_instance("other_report", other_report, Report)
    for name in ("n_games", "seed", "max_pieces"):
        _require_same(name, getattr(report, name), getattr(other_report, name))
    for name in GAME_SETTINGS:
        _require_same(name, report.config.get(name), other_report.config.get(name))
    differences, (low, high) = _paired_differences(lines_of(report), lines_of(other_report), report.seed)
    all_truncated = report.n_ended == other_report.n_ended == 0
    return Comparison(
        agent=report.policy,
        other_agent=other_report.policy,
        n_games=report.n_games,
        max_pieces=report.max_pieces,
        lines=report.lines_total / report.n_games,
        other_lines=other_report.lines_total / other_report.n_games,
        n_truncated=report.n_truncated,
        other_n_truncated=other_report.n_truncated,
        difference=float(differences.mean()),
        interval=(low, high),
        confidence=CONFIDENCE,
        n_won=int((differences > 0).sum()),
        n_lost=int((differences < 0).sum()),
        is_significant=bool((low > 0 or high < 0) and not all_truncated and report.n_games >= _MIN_GAMES),
    )


def is_significantly_better(report: Report, other_lines: Sequence[int], other_n_ended: int) -> bool:
    """Returns whether a policy has more lines than another on the same games, beyond the interval of the difference.

    Args:
        report: Report of the policy.
        other_lines: Lines of the other one in each of these games.
        other_n_ended: Number of these games that the other one lost.
    """
    if report.n_games < _MIN_GAMES or len(other_lines) != report.n_games or report.n_ended == other_n_ended == 0:
        return False
    _, (low, _high) = _paired_differences(lines_of(report), other_lines, report.seed)
    return low > 0


def lines_of(report: Report) -> list[int]:
    """Returns the lines of each game as played."""
    return [game.lines for game in report.games]


def _paired_differences(
    lines: Sequence[int], other_lines: Sequence[int], seed: int
) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """Returns the differences of each pair of games, ``(n,) float64``, and the interval of their mean."""
    differences = np.subtract(lines, other_lines, dtype=np.float64)
    return differences, mean_interval(differences, seed)


def _require_same(name: str, value: object, other_value: object) -> None:
    if value != other_value:
        raise ConfigError(
            f"Comparisons need the same games; one report has {name}={value!r}, the other {other_value!r}. "
            "Evaluate both with the same settings."
        )


def _signed(lines: float) -> str:
    sign = "+" if lines > 0 else "\N{MINUS SIGN}" if lines < 0 else ""
    return f"{sign}{_shown(abs(lines))}"
