"""Scores that were measured: one for each player and way of measuring, kept under what played and how.

A player is known by the SHA-256 of its weights, a way of measuring by that of its definition; so a score stays with
what earned it under whatever name, and a definition that was altered finds none. Numbers come from ``evaluation``
alone, which hands its report in; the registry looks at none of them.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from tetrarium.registry.database import Database
from tetrarium.registry.home import Home
from tetrarium.registry.schema import scores
from tetrarium.registry.strict_json import canonical_json

__all__ = ["Score", "ScoreStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one player came to."""

    player: str  # as it was called when it was measured
    sha256: str
    protocol: str
    measured_s: float  # since 1970
    report: Mapping[str, Any]


class ScoreStore:
    """The scores of a home.

    Args:
        home: Where they are kept.
        clock: Seconds since 1970.
    """

    def __init__(self, home: Home, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(home)
        self._clock = clock

    def add(
        self, player: str, sha256: str, protocol: str, definition: Mapping[str, Any], report: Mapping[str, Any]
    ) -> Score:
        """Keeps a score, in place of an earlier one of the same player under the same definition.

        Raises:
            HomeError: if the home cannot be written.
        """
        score = Score(player=player, sha256=sha256, protocol=protocol, measured_s=self._clock(), report=dict(report))
        protocol_sha256 = _sha256(definition)
        same = (scores.c.sha256 == sha256) & (scores.c.protocol_sha256 == protocol_sha256)
        with self._database.writing() as connection:
            connection.execute(delete(scores).where(same))
            connection.execute(insert(scores).values(**asdict(score), protocol_sha256=protocol_sha256))
        return score

    def of(self, definition: Mapping[str, Any]) -> list[Score]:
        """Every score that was measured so, oldest first."""
        if not self._database.exists:
            return []
        columns = (scores.c.player, scores.c.sha256, scores.c.protocol, scores.c.measured_s, scores.c.report)
        query = select(*columns).where(scores.c.protocol_sha256 == _sha256(definition)).order_by(scores.c.id)
        with self._database.reading() as connection:
            return [Score(**row._mapping) for row in connection.execute(query)]


def _sha256(definition: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(definition)).hexdigest()
