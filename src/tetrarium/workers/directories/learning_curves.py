"""Learning curves: of single runs, or the median and its interval over a group or the seeds of one configuration."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from tetrarium.errors import ConfigError, HomeError, suggestion
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.workers.directories.run_views import (
    GROUP,
    find_groups,
    list_runs,
    read_config,
    read_episodes,
    read_evaluations,
    read_progress,
)

_MAX_POINTS: Final = 400
_IGNORED_SETTINGS: Final = ("seed", "device")  # runs that differ only in these share a configuration


Axis = Literal["step", "seconds"]
Source = Literal["progress", "evaluations", "episodes"]  # table of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotColumn:
    """A quantity that can be plotted."""

    title: str
    key: str
    low: str | None = None
    high: str | None = None
    source: Source = "progress"
    may_grow: bool = False  # by orders of magnitude, so that a log scale suits it
    band: str = "the middle 80 % of its latest games"  # from ``low`` to ``high``


COLUMNS: Final = {
    "lines": PlotColumn(title="training mean", key="training_mean", low="lines_low", high="lines_high", may_grow=True),
    "harder": PlotColumn(
        title="estimated lines on the harder game",
        key="harder_lines",
        low="harder_low",
        high="harder_high",
        source="evaluations",
        may_grow=True,
        band="95 % interval",
    ),
    "evaluation": PlotColumn(
        title="lines until the limit", key="lines_until_limit", source="evaluations", may_grow=True
    ),
    "survival": PlotColumn(title="games alive at the limit", key="survival", source="evaluations"),
    "losses": PlotColumn(title="losses per 10,000 pieces", key="losses_per_10000_pieces", may_grow=True),
    "best": PlotColumn(title="lines of the best game so far", key="best_lines_game", may_grow=True),
    "reward": PlotColumn(title="mean reward per placement", key="mean_reward_placement"),
    "loss": PlotColumn(title="loss", key="loss"),
    "value": PlotColumn(title="mean Q-value of the sampled placements", key="mean_q"),
    "exploration": PlotColumn(title="exploration rate", key="exploration_rate"),
    "speed": PlotColumn(title="steps per second", key="steps_per_second"),
    "games": PlotColumn(title="games that ended", key="games_ended"),
    "ended": PlotColumn(title="lines of ended games", key="mean_lines_game", source="episodes", may_grow=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a plot."""

    label: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: tuple[float, ...]  # or seconds of training
    values: tuple[float, ...]
    low: tuple[float, ...] | None  # ends of the band
    high: tuple[float, ...] | None
    band: str  # description of the band; empty without one


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunCurve:
    """One quantity of one run, by step."""

    name: str
    seed: int
    configuration: str  # equal for runs that differ only in ``_IGNORED_SETTINGS``
    steps: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    band: str


def read_curves(home: Home, names: Sequence[str], column: str = "lines", *, apart: bool = False) -> list[Curve]:
    """Reads the learning curves of runs; runs without a value are skipped.

    Args:
        home: Home of the runs.
        names: Names of runs, and ``group:NAME`` for the median of a group.
        column: A key of ``COLUMNS``, or the name of the column in its file, such as ``training_mean``.
        apart: Whether each seed of a configuration has a curve of its own.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
        ConfigError: if there is no such column, or no run has a value.
    """
    quantity = find_column(column)
    references = list(dict.fromkeys(names))
    is_grouped = any(reference.startswith(GROUP) for reference in references)
    groups_found = find_groups(list_runs(home) if is_grouped else (), references)
    members = {label: [view.name for view in views] for label, views in groups_found.items()}
    single = [reference for reference in references if reference not in members]
    histories = [history for name in single if (history := _read_history(home, name, quantity)).steps]
    grouped = read_group_curves(home, members, column)
    if not histories and not grouped:
        raise ConfigError(
            f"A plot needs values, and {', '.join(names)} has none of {quantity.title} yet. Train longer, or "
            "plot another column.",
            field="column",
        )
    groups: dict[str, list[_RunCurve]] = {}
    for history in histories:
        groups.setdefault(history.name if apart else history.configuration, []).append(history)
    curves = [_single_curve(group[0]) if len(group) == 1 else _median_curve(group) for group in groups.values()]
    return curves + grouped


def read_group_curves(
    home: Home, groups: Mapping[str, Sequence[str]], column: str = "lines", axis: Axis = "step"
) -> list[Curve]:
    """Returns the median of each group, which labels it; groups without a value are left out.

    Args:
        home: Home of the runs.
        groups: Names of the runs by label.
        column: As for ``read_curves``.
        axis: What the curves are over: training steps, or seconds of training.

    Raises:
        ConfigError: if there is no such column.
    """
    quantity = find_column(column)
    curves = []
    for label, names in groups.items():
        histories = []
        for name in names:
            with contextlib.suppress(HomeError):  # deleted meanwhile, or damaged
                histories.append(_read_history(home, name, quantity, axis))
        histories = [history for history in histories if history.steps]
        if histories:
            curve = _single_curve(histories[0]) if len(histories) == 1 else _median_curve(histories)
            curves.append(replace(curve, label=label))
    return curves


def find_column(name: str) -> PlotColumn:
    """Returns a quantity by its name, or by the name of its column in ``progress.csv`` or ``evaluations.csv``.

    Raises:
        ConfigError: if there is none.
    """
    named = COLUMNS | {column.key: column for column in COLUMNS.values()}
    if name not in named:
        raise ConfigError(
            f"A column to plot is one of {', '.join(COLUMNS)}; got {name!r}.{suggestion(name, named)}", field="column"
        )
    return named[name]


def _read_table(home: Home, name: str, source: Source, axis: Axis, only: Sequence[str]) -> dict[str, list[Any]]:
    """Returns columns of a table, with the seconds of training if ``axis`` asks for them."""
    if source == "progress":
        return dict(read_progress(home, name, _MAX_POINTS, only))
    table: dict[str, list[Any]] = {}
    if source == "episodes":
        table = dict(read_episodes(home, name, _MAX_POINTS))
    elif rows := read_evaluations(home, name):
        table = {key: [row.get(key) for row in rows] for key in rows[0]}
    progress = read_progress(home, name, _MAX_POINTS, ("step", "seconds")) if axis == "seconds" else {}
    if progress.get("step") and table.get("step"):
        steps, seconds = (np.array(progress[key], dtype=float) for key in ("step", "seconds"))
        table["seconds"] = np.interp(np.array(table["step"], dtype=float), steps, seconds).tolist()
    return table


def _read_history(home: Home, name: str, column: PlotColumn, axis: Axis = "step") -> _RunCurve:
    config = read_config(home, name)
    keys = [key for key in (axis, column.key, column.low, column.high) if key is not None]
    table = _read_table(home, name, column.source, axis, keys)
    columns = [table[key] for key in keys if key in table]
    complete = [row for row in zip(*columns, strict=True) if None not in row] if len(columns) == len(keys) else []
    parts: list[tuple[float, ...]] = list(zip(*complete, strict=True)) or [()] * len(keys)
    has_band = column.low is not None
    return _RunCurve(
        name=name,
        seed=config["training_config"]["seed"],
        configuration=_configuration(config),
        steps=parts[0],
        values=parts[1],
        low=parts[2] if has_band else None,
        high=parts[3] if has_band else None,
        band=column.band if has_band else "",
    )


def _configuration(config: dict[str, Any]) -> str:
    settings = {**TrainingConfig().to_dict(), **config["training_config"]}  # runs of earlier versions have fewer
    training = {name: value for name, value in settings.items() if name not in _IGNORED_SETTINGS}
    return json.dumps([config["env_config"], training, config.get("start_from")], sort_keys=True)


def _single_curve(history: _RunCurve) -> Curve:
    return Curve(
        label=history.name,
        runs=(history.name,),
        seeds=(history.seed,),
        steps=history.steps,
        values=history.values,
        low=history.low,
        high=history.high,
        band=f"band of one run: {history.band}" if history.band else "",
    )


def _median_curve(group: Sequence[_RunCurve]) -> Curve:
    """Returns the median over the steps that all runs have reached, with its confidence interval at each step."""
    from tetrarium.evaluation.intervals import median_interval

    begin, end = max(history.steps[0] for history in group), min(history.steps[-1] for history in group)
    steps = np.unique(np.linspace(begin, max(begin, end), min(_MAX_POINTS, max(len(one.steps) for one in group))))
    values = np.array([np.interp(steps, history.steps, history.values) for history in group])
    ranks = median_interval(list(range(len(group))))  # of the ends of the interval, the same at each step
    low, high = (np.sort(values, axis=0)[int(rank)].tolist() for rank in ranks.interval)
    names = [history.name for history in group]
    confidence = int(100 * ranks.confidence)
    prefix = os.path.commonprefix(names) or names[0]  # noqa: RUF071 names of runs, not paths
    return Curve(
        label=f"{prefix}… ({len(names)} seeds)",
        runs=tuple(names),
        seeds=tuple(history.seed for history in group),
        steps=tuple(steps.tolist()),
        values=tuple(np.median(values, axis=0).tolist()),
        low=tuple(low),
        high=tuple(high),
        band=f"line and band of {len(group)} seeds: their median and its {confidence} % confidence interval",
    )
