"""Models without training: Dellacherie's weights in bundles."""

from pathlib import Path
from typing import Any

import numpy as np

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import PROTOCOLS, PUBLISHED, leaderboard
from tetrarium.evaluation.reports import GameResult, make_report
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.versions import ModelVersion
from tetrarium.training import TrainingConfig

FEATURES = tuple(PUBLISHED["dellacherie"])


def linear_bundle(shift: float = 0.0, **changes: Any) -> Bundle:
    """Returns a linear model for boards of ten columns; ``shift`` is subtracted from its weights."""
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


def save_model(home: Path, name: str, shift: float = 0.0, **changes: Any) -> ModelVersion:
    """Saves a linear model."""
    return ModelStore(Home.locate(home)).save(name, linear_bundle(shift, **changes))


def save_score(
    home: Path, agent: str, lines: list[int], *, truncated: int = 0, protocol: str = "literature-10x20"
) -> None:
    """Saves a score from the lines of each game, of which the last ``truncated`` ones were truncated."""
    last = len(lines) - truncated
    games = tuple(GameResult(game=i, lines=n, pieces=3 * n + 9, truncated=i >= last) for i, n in enumerate(lines))
    chosen, located = PROTOCOLS[protocol], Home.locate(home)
    report = make_report(
        games, policy=agent, seed=1, max_pieces=chosen.max_pieces, seconds=2.0, config=chosen.env_config.to_dict()
    )
    leaderboard.save_score(located, leaderboard.find_ranked_agent(agent, located), chosen, report)
