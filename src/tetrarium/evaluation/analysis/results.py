"""Analysis of a game as a result: positions with their best placements, drops, and mistakes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

from tetrarium.engine import PIECES
from tetrarium.engine.state_layout import HELD, LINES, N_PLACED, QUEUE, SCORE
from tetrarium.environment.replays import Replay
from tetrarium.evaluation.analysis.analyzer import PLACED_FIELDS, Analyzer, Records
from tetrarium.evaluation.analysis.positions import UNKNOWN, Positions, replay_positions
from tetrarium.evaluation.policy_runner import as_playable

MISTAKE_SHARE: Final = 0.25  # of the usual difference between the best and the middle placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A piece at its lock position."""

    piece: str  # letter
    rotation: int  # clockwise turns from lying flat
    column: int  # of the leftmost cell, from 0
    row: int  # of the lowest cell, from 0
    spin: int  # index into ``srs.SPINS``
    lines: int  # that it clears


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Placed):
    """A placement with its value."""

    action: int
    value: float | None  # None where the policy counts the placement as lost
    ends: bool  # whether it ends the game
    ahead: tuple[Placed, ...] = ()  # placements that the policy makes next


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAnalysis:
    """Opinion of a policy about one position."""

    pieces: int  # placed before
    lines: int  # cleared before
    score: int | None  # points before; None where the game counts none
    queue: str  # letters of the visible pieces, the current one first
    held: str | None
    n_legal: int  # placements
    played: Candidate | None
    rank: int | None  # of the played placement, 1 for the best
    drop: float | None  # value of the best placement minus that of the played one; None where it alone counts as lost
    best: tuple[Candidate, ...]  # up to five, the best one first
    is_mistake: bool


class Analysis(Sequence[PositionAnalysis]):
    """Analysis of all positions of a game.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import named_policy
    >>> from tetrarium.evaluation.single_games import record_game
    >>> replay = record_game(named_policy("dt-10"), EnvConfig(), seed=0, game=0, max_pieces=20)
    >>> analysis = analyze(replay, named_policy("dt-10"))
    >>> len(analysis), analysis[3].rank, analysis.share_best, len(analysis.mistakes)
    (21, 1, 1.0, 0)

    Args:
        advisor: Name of the policy.
        positions: The positions.
        records: ``(n,) RECORD``, all valued.
    """

    def __init__(self, advisor: str, positions: Positions, records: Records) -> None:
        self.advisor = advisor
        self.positions = positions
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> PositionAnalysis: ...

    @overload
    def __getitem__(self, index: slice) -> list[PositionAnalysis]: ...

    def __getitem__(self, index: int | slice) -> PositionAnalysis | list[PositionAnalysis]:
        if isinstance(index, slice):
            return [self._position(k) for k in range(*index.indices(len(self)))]
        return self._position(range(len(self))[index])

    def __iter__(self) -> Iterator[PositionAnalysis]:
        return map(self._position, range(len(self)))

    @property
    def drops(self) -> npt.NDArray[np.float64]:
        """``(n,)`` values of the best placement minus those of the played one; inf where this alone counts as lost."""
        return drops_of(self.records)

    @property
    def mistakes(self) -> list[int]:
        """Indices of the positions with mistakes, the largest drop first."""
        order = np.argsort(-self.drops, kind="stable")
        return [int(index) for index in order if self._are_mistakes[index]]

    @property
    def share_best(self) -> float | None:
        """Share of the played placements that are the best one; None where nothing was played."""
        ranks = self.records["rank"]
        return float((ranks == 1).sum() / n) if (n := (ranks > 0).sum()) else None

    @property
    def spread(self) -> float:
        """Median difference between the best and the middle placement of a position, the unit of ``MISTAKE_SHARE``."""
        return spread_of(self.records)

    @cached_property
    def _are_mistakes(self) -> npt.NDArray[np.bool_]:
        return mistakes_in(self.records)

    def to_dict(self) -> dict[str, Any]:
        """Returns the analysis as JSON can hold it."""
        return {
            "advisor": self.advisor,
            "share_best": self.share_best,
            "spread": self.spread,
            "mistakes": self.mistakes,
            "n_left_out": self.positions.n_left_out,
            "positions": [asdict(position) for position in self],
        }

    def _position(self, k: int) -> PositionAnalysis:
        return describe_position(self.positions, self.records, k, is_mistake=bool(self._are_mistakes[k]))


def analyze(game: Replay | Positions, policy: Any, *, look_ahead: bool = False) -> Analysis:
    """Analyzes a recorded game: what a policy thinks of each position and of the placement that was played.

    The game is the recorded one, so with hold a held piece is among the placements, and a game by keys is analyzed as
    one of all lock positions. The values are those by which the policy chooses in ``evaluate`` under the same rules.

    Args:
        game: A replay, or positions.
        policy: As for ``evaluate``; one that values placements, as controllers and agents of this package do.
        look_ahead: Whether the best and the played placements are played on, for five more pieces.

    Raises:
        ReplayError: if the replay is damaged.
        PolicyError: if the policy does not play this game, or has no values.
    """
    positions = replay_positions(game) if isinstance(game, Replay) else game
    analyzer = Analyzer(positions, policy)
    analyzer.value(0, len(positions))
    if look_ahead:
        analyzer.look_ahead(0, len(positions))
    return Analysis(as_playable(policy).name, positions, analyzer.records)


def drops_of(records: Records) -> npt.NDArray[np.float64]:
    """Returns ``(n,)`` drops; 0 where nothing was played, or every placement counts as lost."""
    best, played = (records[name]["value"].astype(np.float64) for name in ("best", "played"))
    best = best[:, 0]
    drops = np.zeros(len(records))
    both = (records["rank"] > 0) & np.isfinite(best)
    drops[both] = best[both] - played[both]
    return drops


def spread_of(records: Records) -> float:
    """Returns the median difference between the best and the middle placement."""
    best, median = records["best"]["value"][:, 0], records["median"]
    both = np.isfinite(best) & np.isfinite(median) & records["is_valued"]
    return float(np.median(best[both] - median[both])) if both.any() else 0.0


def mistakes_in(records: Records) -> npt.NDArray[np.bool_]:
    """Returns which placements lost at least ``MISTAKE_SHARE`` of what usually lies between best and middle."""
    drops = drops_of(records)
    are_mistakes: npt.NDArray[np.bool_] = (drops > 0) & (drops >= MISTAKE_SHARE * spread_of(records))
    return are_mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of positions of an analysis, as far as it is done."""

    n_positions: int
    n_valued: int
    n_played: int  # valued positions in which a piece was placed
    n_ahead: int


def count_positions(records: Records) -> Counts:
    """Returns the numbers of positions of an analysis, as far as it is done."""
    valued = records["is_valued"]
    return Counts(
        n_positions=len(records),
        n_valued=int(valued.sum()),
        n_played=int((valued & (records["rank"] > 0)).sum()),
        n_ahead=int(records["has_ahead"].sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Values of all positions as columns; None where there is none, or it is not known yet."""

    best: list[float | None]
    played: list[float | None]
    drop: list[float | None]  # None also where the played placement alone counts as lost
    mistakes: list[int]  # the largest drop first
    spread: float


def graph_of(records: Records) -> Graph:
    """Returns the graph of an analysis, as far as it is done."""
    valued = records["is_valued"]
    drops = np.where(valued, drops_of(records), 0.0)
    are_mistakes = mistakes_in(records) & valued
    was_played = valued & (records["rank"] > 0)
    return Graph(
        best=_column(records["best"]["value"][:, 0], valued),
        played=_column(records["played"]["value"], was_played),
        drop=_column(drops, was_played),
        mistakes=[int(k) for k in np.argsort(-drops, kind="stable") if are_mistakes[k]],
        spread=spread_of(records),
    )


def _column(values: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> list[float | None]:
    return [
        round(float(value), 5) if is_known and math.isfinite(value) else None
        for value, is_known in zip(values.tolist(), known.tolist(), strict=True)
    ]


def describe_position(positions: Positions, records: Records, k: int, *, is_mistake: bool) -> PositionAnalysis:
    """Returns the analysis of one valued position."""
    row, record = positions.rows[k].tolist(), records[k]
    drop = float(drops_of(records[k : k + 1])[0])
    rank = int(record["rank"])
    return PositionAnalysis(
        pieces=row[N_PLACED],
        lines=row[LINES],
        score=row[SCORE] if positions.config.game_over == "guideline" else None,
        queue="".join(PIECES[piece] for piece in row[QUEUE : QUEUE + 1 + positions.config.preview]),
        held=PIECES[row[HELD] - 1] if row[HELD] else None,
        n_legal=int(record["n_legal"]),
        played=_candidate(record["played"]) if rank else None,
        rank=rank or None,
        drop=drop if math.isfinite(drop) else None,
        best=tuple(_candidate(one) for one in record["best"] if one["action"] != UNKNOWN),
        is_mistake=is_mistake,
    )


def _candidate(record: np.void) -> Candidate:
    value = float(record["value"])
    return Candidate(
        action=int(record["action"]),
        value=value if math.isfinite(value) else None,
        ends=bool(record["ends"]),
        ahead=tuple(Placed(**_fields(one)) for one in record["ahead"] if one["piece"] != UNKNOWN),
        **_fields(record["placed"]),
    )


def _fields(placed: np.void) -> dict[str, Any]:
    piece, *numbers = placed.tolist()
    return {"piece": PIECES[piece], **dict(zip(PLACED_FIELDS[1:], numbers, strict=True))}
