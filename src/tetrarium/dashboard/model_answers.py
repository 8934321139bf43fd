"""What is known about models, scores and jobs, as answers of the API."""

from dataclasses import asdict
from typing import Any

from tetrarium.dashboard.schemas_models import (
    Job,
    LeaderboardRow,
    ModelAnswer,
    ModelScore,
    ModelVersionAnswer,
    ProtocolEntry,
    ScoreAnswer,
)
from tetrarium.evaluation import PROTOCOLS, Protocol
from tetrarium.evaluation.leaderboard import Entry
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.scores import Score, ScoreStore
from tetrarium.registry.versions import ModelVersion
from tetrarium.workers.jobs import JobView

__all__ = ["job_answer", "model_answer", "protocol_entry", "row_answer", "version_answer"]


def protocol_entry(protocol: Protocol) -> ProtocolEntry:
    """A way of measuring."""
    return ProtocolEntry(
        name=protocol.name,
        meaning=protocol.meaning,
        width=protocol.env_config.width,
        height=protocol.height,
        randomizer=protocol.randomizer,
        n_games=protocol.n_games,
        max_pieces=protocol.max_pieces,
        seed=protocol.seed,
    )


def row_answer(entry: Entry) -> LeaderboardRow:
    """A line of the leaderboard."""
    player, version = entry.player, entry.player.version
    return LeaderboardRow(
        player=player.label,
        kind=player.kind,  # type: ignore[arg-type]  # it is one of those
        model=version.name if version is not None else None,
        version=version.number if version is not None else None,
        n_versions=len(player.slot.versions) if player.slot is not None else None,
        is_promoted=version is not None and version.is_promoted,
        algorithm=version.algorithm if version is not None else None,
        step=version.step if version is not None else None,
        tags=list(version.tags) if version is not None else [],
        note=version.note.partition("\n")[0] if version is not None else "",
        score=None if entry.score is None else ScoreAnswer(**_score(entry.score)),
    )


def version_answer(version: ModelVersion) -> ModelVersionAnswer:
    """A version of a model."""
    return ModelVersionAnswer(**version.to_dict())


def model_answer(home: Home, name: str) -> ModelAnswer:
    """A model with all of its versions, and whatever was measured of them.

    Raises:
        ModelError: if there is none.
    """
    store = ModelStore(home)
    current = store.find(name)
    versions = [current] if current.is_in_box else store.versions(name)
    scores = [
        ModelScore(number=version.number, protocol=protocol.name, **_score(score))
        for protocol in PROTOCOLS.values()
        for score in ScoreStore(home).of(protocol.to_dict())
        for version in versions
        if version.sha256 == score.sha256
    ]
    return ModelAnswer(
        name=name,
        current=current.number,
        is_in_box=current.is_in_box,
        versions=[version_answer(version) for version in versions],
        scores=scores,
    )


def job_answer(view: JobView) -> Job:
    """A job, as it stands."""
    return Job(**asdict(view))


def _score(score: Score) -> dict[str, Any]:
    report = score.report
    low, high = report["interval_lines"]
    same = (
        "mean_lines", "interval_kind", "confidence", "median_lines", "n_games", "n_cut_off", "share_cut_off",
        "max_pieces", "pieces_per_second",
    )  # fmt: skip
    return {
        **{name: report[name] for name in same},
        "measured_s": score.measured_s,
        "low": low,
        "high": high,
        "lines_per_game": report["lines_total"] / report["n_games"],
    }
