"""By what a trial is judged: always its run's own evaluations, which play the same games in every trial.

``lines`` and ``evaluation`` are mean lines a game, as played up to the cut; more is better. ``placements-to-goal`` is
the step whose weights first had ``target_evaluation_lines`` in an evaluation; fewer is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tetrarium.errors import ConfigError, suggestion
from tetrarium.training import TrainingConfig

__all__ = ["GOAL", "OBJECTIVES", "Score", "check_objective", "is_better_higher", "judge"]

GOAL: Final = "placements-to-goal"
OBJECTIVES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lines": "mean lines a game of the weights at the end of training",
        "evaluation": "mean lines a game of the weights that did best, which are kept as NAME@best",
        GOAL: "placements until an evaluation found target_evaluation_lines; fewer is better",
    }
)
_FEWEST_EVALUATIONS: Final = 5  # in which a goal can be reached, so that trials can differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a trial came to, and the evaluation that says so."""

    value: float
    step: int  # whose weights were evaluated
    lines: float  # that they had a game
    n_games: int
    n_cut_off: int  # games that were still running at the cut
    max_pieces: int
    is_reached: bool = True  # whether the goal was, where there is one


def is_better_higher(objective: str) -> bool:
    """Whether more is better."""
    return objective != GOAL


def check_objective(objective: str, config: TrainingConfig) -> None:
    """Refuses an objective by which such trials cannot be judged.

    Raises:
        ConfigError: if there is no such objective, or nothing is evaluated that it needs.
    """
    if objective not in OBJECTIVES:
        raise ConfigError(
            f"An objective is one of {', '.join(OBJECTIVES)}; got {objective!r}.{suggestion(objective, OBJECTIVES)}"
        )
    if not config.evaluate_every:
        raise ConfigError("Trials are judged by their evaluations; got evaluate_every=0. Set it to 100000, say.")
    if objective != GOAL:
        return
    if config.target_evaluation_lines is None:
        raise ConfigError(
            f"{GOAL} needs a goal, and target_evaluation_lines is not set. Add --set target_evaluation_lines=500, say."
        )
    if config.total_timesteps // config.evaluate_every < _FEWEST_EVALUATIONS:
        raise ConfigError(
            f"{GOAL} is counted in steps of evaluate_every, at least {_FEWEST_EVALUATIONS} of them; got "
            f"{config.evaluate_every:,} of {config.total_timesteps:,} placements. "
            f"Add --set evaluate_every={max(1, config.total_timesteps // 20)}."
        )


def judge(objective: str, evaluations: Sequence[Mapping[str, Any]], config: TrainingConfig) -> Score | None:
    """Returns what a run's evaluations say of it, or None where there are none.

    Without its goal a run counts as if it had gone on: all placements that it was given, and as many again the farther
    its best evaluation was from the goal.

    Args:
        objective: By what.
        evaluations: Rows of the run's ``evaluations.csv``.
        config: The run's.
    """
    if not evaluations:
        return None
    if objective == "lines":
        return _score(evaluations[-1], float(evaluations[-1]["lines"]))
    best = max(evaluations, key=lambda row: float(row["lines"]))
    if objective == "evaluation":
        return _score(best, float(best["lines"]))
    goal = config.target_evaluation_lines
    assert goal is not None
    reached = next((row for row in evaluations if row["lines"] >= goal), None)
    if reached is not None:
        return _score(reached, float(reached["step"]))
    return _score(best, config.total_timesteps * (2.0 - float(best["lines"]) / goal), is_reached=False)


def _score(row: Mapping[str, Any], value: float, *, is_reached: bool = True) -> Score:
    counts = {name: int(row[name]) for name in ("step", "n_games", "n_cut_off", "max_pieces")}
    return Score(value=value, lines=float(row["lines"]), is_reached=is_reached, **counts)
