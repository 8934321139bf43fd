"""Scores of the leaderboard: one evaluation report per agent and protocol.

A agent is identified by the SHA-256 of its weights, a protocol by that of its definition, so renaming a model keeps
its scores, and changing a protocol discards them. Reports are computed by ``evaluation`` and stored unchanged.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, select

from tetrarium.registry.database import Database, scores
from tetrarium.registry.files.safe_files import canonical_json
from tetrarium.registry.home import Home
from tetrarium.registry.versions import CHAMPIONS

BUILTIN_SCORES: Final = CHAMPIONS / "scores.json"
# Keys of reports that were stored under an earlier name, and their names now.
_RENAMED_REPORT_KEYS: Final = {"n_cut_off": "n_truncated", "share_cut_off": "share_truncated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score of one agent."""

    agent: str  # its name at the time of the evaluation
    sha256: str
    protocol: str
    evaluated_at_s: float  # seconds since 1970
    report: Mapping[str, Any]
    is_builtin: bool = False  # whether it comes with the package


class ScoreStore:
    """The scores of a home.

    ``clock``: returns seconds since 1970.
    """

    def __init__(self, home: Home, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(home)
        self._clock = clock

    def add(
        self, agent: str, sha256: str, protocol: str, definition: Mapping[str, Any], report: Mapping[str, Any]
    ) -> Score:
        """Stores a score, replacing an earlier one of the same agent and protocol definition.

        Raises:
            HomeError: if the home cannot be written.
        """
        score = Score(agent=agent, sha256=sha256, protocol=protocol, evaluated_at_s=self._clock(), report=dict(report))
        protocol_sha256 = _sha256(definition)
        same = (scores.c.sha256 == sha256) & (scores.c.protocol_sha256 == protocol_sha256)
        with self._database.writing() as connection:
            connection.execute(delete(scores).where(same))
            connection.execute(insert(scores).values(**_row(score), protocol_sha256=protocol_sha256))
        return score

    def of(self, definition: Mapping[str, Any]) -> list[Score]:
        """Returns the scores of a protocol definition, oldest first."""
        if not self._database.exists:
            return []
        columns = [scores.c[name].label(name) for name in ("agent", "sha256", "protocol", "evaluated_at_s", "report")]
        query = select(*columns).where(scores.c.protocol_sha256 == _sha256(definition)).order_by(scores.c.id)
        with self._database.reading() as connection:
            return [_score(**row._mapping) for row in connection.execute(query)]


def builtin_scores(definition: Mapping[str, Any]) -> list[Score]:
    """Returns the scores of built-in models and controllers under a protocol definition."""
    known = json.loads(BUILTIN_SCORES.read_bytes()) if BUILTIN_SCORES.exists() else []
    wanted = _sha256(definition)
    return [
        Score(**{name: value for name, value in score.items() if name != "protocol_sha256"}, is_builtin=True)
        for score in known
        if score["protocol_sha256"] == wanted
    ]


def builtin_entry(score: Score, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an entry of ``BUILTIN_SCORES``."""
    return {**_row(score), "protocol_sha256": _sha256(definition)}


def _row(score: Score) -> dict[str, Any]:
    values = asdict(score)
    del values["is_builtin"]
    return values


def _score(report: Mapping[str, Any], **others: Any) -> Score:
    return Score(report={_RENAMED_REPORT_KEYS.get(key, key): value for key, value in report.items()}, **others)


def _sha256(definition: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(definition)).hexdigest()
