"""Which settings mattered, as far as a study's trials can tell.

PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) compares how a setting is spread among the best trials with how it
is spread among all: a setting that is alike in both did not matter. It is told from so many trials that the best ones
are at least five, and not where the trials hardly differ in what they came to.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tetrarium.tuning.objectives import GOAL, is_better_higher
from tetrarium.tuning.storage import TOLD

if TYPE_CHECKING:
    import optuna

    from tetrarium.tuning.storage import Trials
    from tetrarium.tuning.studies import StudyConfig

__all__ = ["FEWEST_TRIALS", "Importances", "find_importances"]

FEWEST_TRIALS: Final = 10
_FEWEST_BEST: Final = 5
_SHARE_BEST: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """Shares of the settings, which add up to 1; or none, and why."""

    shares: dict[str, float]  # the largest first; empty where nothing can be told
    n_trials: int  # complete ones, that it is told from
    n_best: int  # that are compared with all
    words: str  # how it was estimated, or why nothing is told


def find_importances(study: "StudyConfig", trials: "Trials") -> Importances:
    """Estimates which settings mattered."""
    complete = [trial for trial in trials.all() if trial.state.name == "COMPLETE"]
    n = len(complete)
    if n < FEWEST_TRIALS:
        return _none(n, f"Which settings mattered is told from {FEWEST_TRIALS} complete trials on; there are {n}.")
    if len(study.ranges) == 1:
        return _none(n, "One setting is varied, so there is nothing to compare it with.")
    n_cut = sum(_is_cut(trial.user_attrs.get(TOLD, {})) for trial in complete)
    if 2 * n_cut > n and study.objective != GOAL:
        return _none(
            n,
            f"In {n_cut} of {n} trials every game was still running at the cut, so nothing can be told apart. Judge by "
            "placements-to-goal, or by longer games: evaluation_pieces.",
        )
    n_best = max(_FEWEST_BEST, round(_SHARE_BEST * n))
    values = sorted((float(trial.values[0]) for trial in complete), reverse=is_better_higher(study.objective))
    n_best = sum(_is_as_good(value, values[n_best - 1], study.objective) for value in values)  # ties are all in
    if 2 * n_best >= n and n_best > _FEWEST_BEST:
        return _none(n, f"{n_best} of {n} trials came to the same, so nothing can be told apart.")
    return Importances(
        shares=_shares(trials.study, n_best / n),
        n_trials=n,
        n_best=n_best,
        words=f"Estimated by PED-ANOVA from {n} trials: how differently a setting is spread among the best {n_best}. "
        "With so few trials, take it as a hint.",
    )


def _is_as_good(value: float, other: float, objective: str) -> bool:
    return value >= other if is_better_higher(objective) else value <= other


def _is_cut(told: Mapping[str, Any]) -> bool:
    return bool(told.get("n_games")) and told.get("n_cut_off") == told.get("n_games")


def _none(n: int, words: str) -> Importances:
    return Importances(shares={}, n_trials=n, n_best=0, words=words)


def _shares(study: "optuna.Study", quantile: float) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of regimes with few trials, which the words tell
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile))
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: -item[1])}
