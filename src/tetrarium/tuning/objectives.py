"""Objectives of studies, computed from the evaluations of each trial's run, which play the same games in every trial.

``lines`` and ``evaluation`` are lines until the limit and are maximized. ``placements-to-goal`` is the step whose
weights first reached ``target_evaluation_lines`` in an evaluation, and is minimized.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tetrarium.errors import ConfigError, suggestion
from tetrarium.training import TrainingConfig

_LINES: Final = "lines_until_limit"  # column of evaluations.csv
GOAL: Final = "placements-to-goal"
OBJECTIVES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lines": "lines until the limit of the final weights",
        "evaluation": "lines until the limit of the best evaluation",
        GOAL: "placements until an evaluation reached target_evaluation_lines; fewer is better",
    }
)
_MIN_EVALUATIONS: Final = 5  # at which a goal can be reached, so that trials can differ


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialScore:
    """Objective value of a trial, and the evaluation that it comes from."""

    value: float
    step: int  # of the evaluated weights
    lines: float  # until the limit
    n_games: int
    n_truncated: int  # games
    max_pieces: int
    is_reached: bool = True  # whether the goal was reached; true without a goal


def is_maximized(objective: str) -> bool:
    """Returns whether more is better."""
    return objective != GOAL


def check_objective(objective: str, config: TrainingConfig) -> None:
    """Checks that an objective can be computed for such trials.

    Raises:
        ConfigError: if it is unknown, or the evaluations that it needs are not made.
    """
    if not isinstance(objective, str) or objective not in OBJECTIVES:
        raise ConfigError(
            f"An objective is one of {', '.join(OBJECTIVES)}; got {objective!r}.{suggestion(objective, OBJECTIVES)}",
            field="objective",
        )
    if not config.evaluate_every:
        raise ConfigError(
            "A study needs evaluations; got evaluate_every=0. Set it to 100000, for example.", field="evaluate_every"
        )
    if objective != GOAL:
        return
    if config.target_evaluation_lines is None:
        raise ConfigError(
            f"{GOAL} needs a goal, and target_evaluation_lines is not set. Add --set target_evaluation_lines=350.",
            field="target_evaluation_lines",
        )
    if config.total_timesteps // config.evaluate_every < _MIN_EVALUATIONS:
        raise ConfigError(
            f"{GOAL} is counted in steps of evaluate_every, at least {_MIN_EVALUATIONS} of them; got "
            f"{config.evaluate_every:,} of {config.total_timesteps:,} placements. "
            f"Add --set evaluate_every={max(1, config.total_timesteps // 20)}.",
            field="evaluate_every",
        )


def score_trial(objective: str, evaluations: Sequence[Mapping[str, Any]], config: TrainingConfig) -> TrialScore | None:
    """Returns the score of a run, or None if it has no evaluations.

    A run that missed its goal scores its whole budget plus a share of it that grows with the distance of its best
    evaluation from the goal.

    Args:
        objective: A key of ``OBJECTIVES``.
        evaluations: Rows of the run's ``evaluations.csv``.
        config: The run's.
    """
    if not evaluations:
        return None
    if objective == "lines":
        return _score(evaluations[-1], float(evaluations[-1][_LINES]))
    best = max(evaluations, key=lambda row: float(row[_LINES]))
    if objective == "evaluation":
        return _score(best, float(best[_LINES]))
    goal = config.target_evaluation_lines
    assert goal is not None
    reached = next((row for row in evaluations if row[_LINES] >= goal), None)
    if reached is not None:
        return _score(reached, float(reached["step"]))
    return _score(best, config.total_timesteps * (2.0 - float(best[_LINES]) / goal), is_reached=False)


def _score(row: Mapping[str, Any], value: float, *, is_reached: bool = True) -> TrialScore:
    counts = {name: int(row[name]) for name in ("step", "n_games", "max_pieces")}
    n_truncated = int(row["survival"])
    return TrialScore(value=value, lines=float(row[_LINES]), is_reached=is_reached, n_truncated=n_truncated, **counts)
