"""Who stands where under a protocol: saved models, models in the box, published controllers and random play.

A score is kept under what earned it, the SHA-256 of a model's weights or of a controller's definition, and under the
protocol's definition. Whoever has no score is listed too, without one: no number is shown that was not measured.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tetrarium.evaluation.protocols import Protocol
from tetrarium.evaluation.published import POLICY_NAMES, PUBLISHED
from tetrarium.evaluation.report import Report
from tetrarium.registry.box import champion_names, champion_version
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.scores import Score, ScoreStore
from tetrarium.registry.strict_json import canonical_json
from tetrarium.registry.versions import ModelSlot, ModelVersion

__all__ = ["Entry", "Player", "find_player", "keep_score", "leaderboard", "rank"]

_NOBODY: Final = (-1.0, -1.0)  # ranks below everybody who has a score


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Who can have a score."""

    kind: str  # "model", "champion" (in the box), "controller", or "gone": its score is all that is left
    label: str  # as it can be named
    sha256: str
    version: ModelVersion | None = None  # of a model
    slot: ModelSlot | None = None  # of a saved model


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a leaderboard."""

    player: Player
    score: Score | None


def find_player(what: str, home: Home) -> Player:
    """Finds a known controller, a saved model, or one in the box.

    Raises:
        ModelError: if there is no such model.
    """
    if what in POLICY_NAMES:
        return _controller(what)
    return _player_of(ModelStore(home).find(what))


def keep_score(home: Home, player: Player, protocol: Protocol, report: Report) -> Score:
    """Keeps what an evaluation under a protocol found, without its single games.

    Raises:
        HomeError: if the home cannot be written.
    """
    told: dict[str, Any] = {**report.to_dict(), "policy": player.label}
    del told["games"]
    return ScoreStore(home).add(player.label, player.sha256, protocol.name, protocol.to_dict(), told)


def leaderboard(home: Home, protocol: Protocol) -> list[Entry]:
    """Everybody, the best first; who has no score under this protocol comes last, by name.

    Of a saved model there is the version that its name stands for, and each other one that has a score.
    """
    scores = {score.sha256: score for score in ScoreStore(home).of(protocol.to_dict())}
    entries: dict[tuple[str, str], Entry] = {}
    for player in _players(home, set(scores)):
        entries.setdefault((player.label, player.sha256), Entry(player=player, score=scores.get(player.sha256)))
    known = {sha256 for _, sha256 in entries}
    gone = [
        Entry(player=Player(kind="gone", label=score.player, sha256=sha256), score=score)
        for sha256, score in scores.items()
        if sha256 not in known
    ]
    by_name = sorted([*entries.values(), *gone], key=lambda entry: entry.player.label)
    return sorted(by_name, key=lambda entry: rank(entry.score), reverse=True)


def rank(score: Score | None) -> tuple[float, float]:
    """By the mean where games ended; who never lost comes before, by lines as played."""
    if score is None:
        return _NOBODY
    report = score.report
    mean = report["mean_lines"]
    return (float("inf") if mean is None else float(mean), report["lines_total"] / report["n_games"])


def _players(home: Home, measured: set[str]) -> Iterator[Player]:
    slots = ModelStore(home).slots()
    for slot in slots:
        for version in slot.versions:
            if version is slot.current or version.sha256 in measured:
                yield _player_of(version, slot)
    own = {slot.name for slot in slots}
    for name in champion_names():
        if name not in own and (in_box := champion_version(name)) is not None:
            yield _player_of(in_box)
    for name in POLICY_NAMES:
        yield _controller(name)


def _player_of(version: ModelVersion, slot: ModelSlot | None = None) -> Player:
    kind, label = ("champion", version.name) if version.is_in_box else ("model", version.spec)
    return Player(kind=kind, label=label, sha256=version.sha256, version=version, slot=slot)


def _controller(name: str) -> Player:
    told = canonical_json({"controller": name, "weights": dict(PUBLISHED.get(name, {}))})
    return Player(kind="controller", label=name, sha256=hashlib.sha256(told).hexdigest())
