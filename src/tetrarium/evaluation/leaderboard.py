"""Leaderboard of a protocol: saved models, built-in models, published controllers and random play.

A score is stored under the SHA-256 of a model's weights or of a controller's definition, and under the protocol's
definition. An agent without a score is listed without one. Built-in models and controllers come with their scores,
which ``tools/champions.py`` measures. Agents that lost no game cannot be distinguished and share the first place.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tetrarium.evaluation.policies import POLICY_NAMES, PUBLISHED
from tetrarium.evaluation.protocols import Protocol
from tetrarium.evaluation.reports import Report
from tetrarium.registry.files.safe_files import canonical_json
from tetrarium.registry.home import Home, natural_key
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.scores import Score, ScoreStore, builtin_scores
from tetrarium.registry.versions import ModelSlot, ModelVersion, champion_names, champion_version

_NO_SCORE: Final = -1.0  # ranks below every score


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedAgent:
    """Agent that can have a score."""

    kind: str  # "model", "champion" (built in), "controller", or "gone": only its score is left
    label: str  # its agent reference
    sha256: str
    version: ModelVersion | None = None  # of a model
    slot: ModelSlot | None = None  # of a saved model


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a leaderboard."""

    agent: RankedAgent
    score: Score | None
    place: int | None = None  # equal for equal ranks; None without a score


def find_ranked_agent(reference: str, home: Home) -> RankedAgent:
    """Returns the named controller, saved model or built-in model.

    Raises:
        ModelError: if there is no such model.
    """
    if reference in POLICY_NAMES:
        return _controller(reference)
    return _ranked_agent(ModelStore(home).find(reference))


def save_score(home: Home, agent: RankedAgent, protocol: Protocol, report: Report) -> Score:
    """Stores the report of an evaluation under a protocol, without its single games.

    Raises:
        HomeError: if the home cannot be written.
    """
    stored: dict[str, Any] = {**report.to_dict(with_games=False), "policy": agent.label}
    return ScoreStore(home).add(agent.label, agent.sha256, protocol.name, protocol.to_dict(), stored)


def leaderboard(home: Home, protocol: Protocol) -> list[Entry]:
    """Returns all agents, the best first; those without a score under this protocol come last, by name.

    Of a saved model the default version is listed, and each other version that has a score.
    """
    scores = scores_of(home, protocol)
    entries: dict[tuple[str, str], Entry] = {}
    for agent in _ranked_agents(home, set(scores)):
        entries.setdefault((agent.label, agent.sha256), Entry(agent=agent, score=scores.get(agent.sha256)))
    known = {sha256 for _, sha256 in entries}
    gone = [
        Entry(agent=RankedAgent(kind="gone", label=score.agent, sha256=sha256), score=score)
        for sha256, score in scores.items()
        if sha256 not in known and not score.is_builtin
    ]
    by_name = sorted([*entries.values(), *gone], key=lambda entry: natural_key(entry.agent.label))
    ordered = sorted(by_name, key=lambda entry: _rank(entry.score), reverse=True)
    ranks = {entry.agent.sha256: _rank(entry.score) for entry in ordered}  # models of the same weights count once
    places: dict[float, int] = {}
    for place, rank in enumerate(ranks.values(), 1):
        places.setdefault(rank, place)
    return [replace(entry, place=places[_rank(entry.score)]) if entry.score else entry for entry in ordered]


def scores_of(home: Home, protocol: Protocol) -> dict[str, Score]:
    """Returns the scores under a protocol by SHA-256 of the agent: those of the home, or else those built in."""
    definition = protocol.to_dict()
    found = [*builtin_scores(definition), *ScoreStore(home).of(definition)]
    return {score.sha256: score for score in found}


def _rank(score: Score | None) -> float:
    """Returns a sort key: the estimated lines per game; infinity for an agent that lost no game."""
    if score is None:
        return _NO_SCORE
    mean = score.report["mean_lines"]
    return math.inf if mean is None else float(mean)


def _ranked_agents(home: Home, measured: set[str]) -> Iterator[RankedAgent]:
    slots = ModelStore(home).slots()
    for slot in slots:
        for version in slot.versions:
            if version is slot.current or version.sha256 in measured:
                yield _ranked_agent(version, slot)
    own = {slot.name for slot in slots}
    for name in champion_names():
        if name not in own and (builtin := champion_version(name)) is not None:
            yield _ranked_agent(builtin)
    for name in POLICY_NAMES:
        yield _controller(name)


def _ranked_agent(version: ModelVersion, slot: ModelSlot | None = None) -> RankedAgent:
    kind, label = ("champion", version.name) if version.is_builtin else ("model", version.spec)
    return RankedAgent(kind=kind, label=label, sha256=version.sha256, version=version, slot=slot)


def _controller(name: str) -> RankedAgent:
    definition = canonical_json({"controller": name, "weights": dict(PUBLISHED.get(name, {}))})
    return RankedAgent(kind="controller", label=name, sha256=hashlib.sha256(definition).hexdigest())
