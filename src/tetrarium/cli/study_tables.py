"""What a study has come to, in words and tables: ``tune`` prints them, whoever asks and wherever to."""

import math
import shlex
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from tetrarium.cli.words import duration_text, lines_text, percent_text
from tetrarium.tuning import StudyConfig, StudyDetail, StudyView, TrialView, train_command

__all__ = [
    "ending_lines",
    "params_text",
    "progress_text",
    "setting_text",
    "studies_table",
    "trials_table",
    "value_text",
    "values_column",
]


def setting_text(value: Any) -> str:
    """A setting's value as it is typed.

    >>> setting_text(0.000123), setting_text((64, 64)), setting_text(True)
    ('0.000123', '64,64', 'true')
    """
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def params_text(params: Mapping[str, Any]) -> str:
    """All values of a trial, such as ``learning_rate 0.0012, n_steps 3``."""
    return ", ".join(f"{name} {setting_text(value)}" for name, value in params.items())


def values_column(objective: str) -> str:
    """What a trial's value is."""
    return "placements to the goal" if objective == "placements-to-goal" else "lines a game"


def value_text(trial: TrialView, objective: str) -> str:
    """What a trial came to; a number that only ranks those that missed the goal is not shown."""
    if trial.value is None:
        return ""
    if objective != "placements-to-goal":
        return lines_text(trial.value)
    return f"{trial.value:,.0f}" if trial.is_reached else "not reached"


def progress_text(detail: StudyDetail) -> str:
    """Where a study stands, such as ``7 of 20 trials, 1 under way, 12 min left``."""
    view = detail.view
    parts = [f"{view.n_done + view.n_pruned + view.n_failed:,} of {view.n_trials:,} trials"]
    parts += [f"{count:,} {word}" for count, word in (
        (view.n_pruned, "pruned"), (view.n_failed, "failed"), (view.n_open, "under way"),
    ) if count]  # fmt: skip
    if detail.seconds_left:
        parts.append(f"{duration_text(detail.seconds_left)} left")
    return ", ".join(parts)


def studies_table(views: list[StudyView]) -> Table:
    """All studies, a row each."""
    table = Table(box=None, pad_edge=False)
    for column in ("study", "state", "trials", "varies", "best", "by"):
        table.add_column(column, no_wrap=column != "varies")
    for view in views:
        n_ended = view.n_done + view.n_pruned + view.n_failed
        best = "" if view.best_value is None else lines_text(view.best_value)
        table.add_row(
            view.name, view.state, f"{n_ended:,} of {view.n_trials:,}", ", ".join(view.ranges), best, view.objective
        )
    return table


def trials_table(detail: StudyDetail, *, n_most: int | None = None) -> Table:
    """Trials, the best first, those without a value last."""
    view = detail.view
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("run", "state", values_column(view.objective), "cut off", *view.ranges):
        table.add_column(column, no_wrap=True, justify="left" if column in {"run", "state"} else "right")
    sign = 1 if view.objective == "placements-to-goal" else -1
    ranked = sorted(
        detail.trials, key=lambda trial: (math.inf if trial.value is None else sign * trial.value, trial.number)
    )
    for trial in ranked[:n_most]:
        style = "bold" if trial.number == view.best else ""
        cut_off = "" if trial.n_games is None else f"{trial.n_cut_off or 0:,} of {trial.n_games:,}"
        cells = [trial.run, trial.state, value_text(trial, view.objective), cut_off]
        cells += [setting_text(trial.params.get(name, "")) for name in view.ranges]
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def ending_lines(detail: StudyDetail, study: StudyConfig) -> list[str]:
    """The best settings, the command that trains them again, and which settings mattered."""
    view = detail.view
    lines = []
    best = next((trial for trial in detail.trials if trial.number == view.best), None)
    if best is None:
        lines.append("No trial is complete yet.")
    else:
        unit = values_column(view.objective)
        lines += [
            f"Best: {best.run}, {value_text(best, view.objective)} {unit}, with {params_text(best.params)}",
            f"Train it again: {train_command(study.preset, *study.configs(best.params))}",
        ]
    shares = detail.importances.shares
    if shares:
        widest = max(map(len, shares))
        lines.append("Which settings mattered:")
        lines += [f"  {name:<{widest}}  {_bar(share)} {percent_text(share)}" for name, share in shares.items()]
    lines.append(detail.importances.words)
    lines += [f"{trial.run} failed: {trial.note}" for trial in detail.trials if trial.state == "failed"]
    if view.state != "finished" and not view.is_alive:
        lines.append(f"Go on: {shlex.join(['tetrarium', 'tune', view.name])}")
    return lines


def _bar(share: float) -> str:
    n = round(20 * share)
    return "#" * n + "." * (20 - n)
