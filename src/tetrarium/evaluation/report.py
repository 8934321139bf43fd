"""What an evaluation found: the only source of a score that anyone is shown.

Fields are what ``to_dict`` and JSON call them. ``…_as_played`` counts a game that was cut off with the lines it had.
"""

import csv
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tetrarium.evaluation.intervals import CONFIDENCE, mean_lines

__all__ = ["GameResult", "Report", "make_report"]

_QUANTILES: Final = (0.05, 0.25, 0.75, 0.95)
_LARGEST_SKEW: Final = 1.5  # beyond it, an interval is shown by its ends and not as ± its longer side


@dataclass(frozen=True, slots=True, kw_only=True)
class GameResult:
    """One game of an evaluation."""

    game: int  # its number: the same pieces under the same seed, whoever plays
    lines: int
    pieces: int
    cut_off: bool  # whether it was still running at the piece limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Scores of one policy on the games of one seed.

    >>> games = tuple(GameResult(game=i, lines=9 + i, pieces=40, cut_off=False) for i in range(3))
    >>> report = make_report(games, policy="mine", seed=0, max_pieces=10_000, seconds=1.0, config={})
    >>> report.summary()
    '10 ± 1 lines a game (n = 3, 95 %)'
    """

    policy: str
    n_games: int
    n_ended: int
    n_cut_off: int
    share_cut_off: float
    mean_lines: float | None  # all lines / games that ended; None where none ended
    interval_lines: tuple[float, float | None]  # of the mean; no upper end where no game ended
    interval_kind: str  # "chi-square" (some games cut off), "bootstrap" (none), "lower bound" (all, one-sided)
    confidence: float
    median_lines: float  # as played: the true one where less than half of the games were cut off
    quantiles_as_played: dict[str, float]  # of lines, by probability: "0.05", "0.25", "0.75", "0.95"
    lines_total: int
    pieces_total: int
    seconds: float  # of playing; compiling comes before it
    pieces_per_second: float
    seed: int
    max_pieces: int
    config: dict[str, Any]  # EnvConfig.to_dict()
    games: tuple[GameResult, ...]

    def __str__(self) -> str:
        return f"{self.policy}: {self.summary()}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        values = asdict(self)
        values["interval_lines"] = list(self.interval_lines)
        values["games"] = list(values["games"])
        return values

    def to_json(self, *, indent: int | None = 2) -> str:
        """Returns the fields as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes a line for each game under ``game,lines,pieces,cut_off``; the file appears whole or not at all."""
        target = Path(path)
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with beside.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("game", "lines", "pieces", "cut_off"))
                writer.writerows((game.game, game.lines, game.pieces, int(game.cut_off)) for game in self.games)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    def summary(self) -> str:
        """One line for people, such as ``1,204 ± 60 lines a game (n = 100, 95 %)``."""
        low, high = self.interval_lines
        sample = f"n = {self.n_games:,}, {self.confidence:.0%}".replace("%", " %")
        cut = ""
        if self.n_cut_off:
            share = "all" if self.n_ended == 0 else f"{self.n_cut_off:,}"
            cut = f"; {share} cut off at {self.max_pieces:,} pieces"
        if self.mean_lines is None or high is None:
            return f"at least {_shown(low)} lines a game ({sample}{cut})"
        below, above = self.mean_lines - low, high - self.mean_lines
        if max(below, above) > _LARGEST_SKEW * min(below, above):
            return f"{_shown(self.mean_lines)} lines a game, {_shown(low)} to {_shown(high)} ({sample}{cut})"
        return f"{_shown(self.mean_lines)} ± {_shown(max(below, above))} lines a game ({sample}{cut})"


def make_report(
    games: tuple[GameResult, ...],
    *,
    policy: str,
    seed: int,
    max_pieces: int,
    seconds: float,
    config: dict[str, Any],
) -> Report:
    """Counts what the games add up to."""
    lines = [game.lines for game in games]
    cut_off = [game.cut_off for game in games]
    estimate = mean_lines(lines, cut_off, seed)
    pieces_total = sum(game.pieces for game in games)
    return Report(
        policy=policy,
        n_games=len(games),
        n_ended=len(games) - sum(cut_off),
        n_cut_off=sum(cut_off),
        share_cut_off=sum(cut_off) / len(games),
        mean_lines=estimate.mean,
        interval_lines=estimate.interval,
        interval_kind=estimate.kind,
        confidence=CONFIDENCE,
        median_lines=float(np.median(lines)),
        quantiles_as_played={str(q): float(np.quantile(lines, q)) for q in _QUANTILES},
        lines_total=sum(lines),
        pieces_total=pieces_total,
        seconds=seconds,
        pieces_per_second=pieces_total / seconds,
        seed=seed,
        max_pieces=max_pieces,
        config=config,
        games=games,
    )


def _shown(lines: float) -> str:
    """Whole lines from 10 on, below that two digits that count."""
    return f"{lines:,.0f}" if lines >= 10 else f"{lines:.2g}"
