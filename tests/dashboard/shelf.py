"""Models that play, without any training: Dellacherie's weights as what evolution would have found."""

from pathlib import Path
from typing import Any

import numpy as np

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import PROTOCOLS, PUBLISHED
from tetrarium.evaluation.leaderboard import find_player, keep_score
from tetrarium.evaluation.report import GameResult, make_report
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.versions import ModelVersion
from tetrarium.training import TrainingConfig

FEATURES = tuple(PUBLISHED["dellacherie"])


def playing(shift: float = 0.0, **changes: Any) -> Bundle:
    """A model that plays on any board of ten columns; ``shift`` makes other weights of it."""
    values: dict[str, Any] = {
        "name": "linear",
        "algorithm": "cma-es",
        "training_config": TrainingConfig(algorithm="cma-es", seed=1).to_dict(),
        "env_config": EnvConfig(features=FEATURES).to_dict(),
        "step": 1_000,
        "seed": 1,
        "weights": {name: np.array([weight - shift]) for name, weight in PUBLISHED["dellacherie"].items()},
        "about": {"run": "first", "checkpoint": "1000"},
    }
    return Bundle(**values | changes)


def shelve(home: Path, name: str, shift: float = 0.0, **changes: Any) -> ModelVersion:
    """Saves such a model."""
    return ModelStore(Home.locate(home)).save(name, playing(shift, **changes))


def keep(home: Path, what: str, lines: list[int], *, cut_off: int = 0, protocol: str = "default") -> None:
    """Puts a score in, as if it had been measured: so many lines in each game, of which the last ones were cut off."""
    last = len(lines) - cut_off
    games = tuple(GameResult(game=i, lines=n, pieces=3 * n + 9, cut_off=i >= last) for i, n in enumerate(lines))
    chosen, located = PROTOCOLS[protocol], Home.locate(home)
    report = make_report(
        games, policy=what, seed=1, max_pieces=chosen.max_pieces, seconds=2.0, config=chosen.env_config.to_dict()
    )
    keep_score(located, find_player(what, located), chosen, report)
