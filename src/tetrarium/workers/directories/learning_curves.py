"""Learning curves of runs: of single runs, or the median and its interval over seeds of one configuration."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tetrarium.errors import ConfigError, suggestion
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.workers.directories.run_views import read_config, read_evaluations, read_progress

_MAX_POINTS: Final = 400
_IGNORED_SETTINGS: Final = ("seed", "device")  # runs that differ only in these share a configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotColumn:
    """A quantity that can be plotted."""

    title: str
    key: str
    low: str | None = None
    high: str | None = None
    is_evaluated: bool = False  # from evaluations.csv instead of progress.csv
    may_grow: bool = False  # by orders of magnitude, so that a log scale suits it
    band: str = "the middle 80 % of its latest games"  # from ``low`` to ``high``


COLUMNS: Final = {
    "lines": PlotColumn(title="training mean", key="training_mean", low="lines_low", high="lines_high", may_grow=True),
    "harder": PlotColumn(
        title="estimated lines on the harder game",
        key="harder_lines",
        low="harder_low",
        high="harder_high",
        is_evaluated=True,
        may_grow=True,
        band="95 % interval",
    ),
    "evaluation": PlotColumn(title="lines until the limit", key="lines_until_limit", is_evaluated=True, may_grow=True),
    "losses": PlotColumn(title="losses per 10,000 pieces", key="losses_per_10000_pieces", may_grow=True),
    "best": PlotColumn(title="lines of the best game so far", key="best_lines_game", may_grow=True),
    "reward": PlotColumn(title="mean reward per placement", key="mean_reward_placement"),
    "loss": PlotColumn(title="loss", key="loss"),
    "value": PlotColumn(title="mean Q-value of the sampled placements", key="mean_q"),
    "exploration": PlotColumn(title="exploration rate", key="exploration_rate"),
    "speed": PlotColumn(title="steps per second", key="steps_per_second"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a plot."""

    label: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: tuple[float, ...]
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
        names: Names of the runs.
        column: A key of ``COLUMNS``, or the name of the column in its file, such as ``training_mean``.
        apart: Whether each seed of a configuration has a curve of its own.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
        ConfigError: if there is no such column, or no run has a value.
    """
    quantity = find_column(column)
    histories = [_read_history(home, name, quantity) for name in dict.fromkeys(names)]
    histories = [history for history in histories if history.steps]
    if not histories:
        raise ConfigError(
            f"A plot needs values, and {', '.join(names)} has none of {quantity.title} yet. Train longer, or "
            "plot another column.",
            field="column",
        )
    groups: dict[str, list[_RunCurve]] = {}
    for history in histories:
        groups.setdefault(history.name if apart else history.configuration, []).append(history)
    return [_single_curve(group[0]) if len(group) == 1 else _median_curve(group) for group in groups.values()]


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


def _read_history(home: Home, name: str, column: PlotColumn) -> _RunCurve:
    config = read_config(home, name)
    table: dict[str, list[Any]] = {}
    if column.is_evaluated:
        rows = read_evaluations(home, name)
        table = {key: [row.get(key) for row in rows] for key in rows[0]} if rows else {}
    else:
        table = dict(read_progress(home, name, _MAX_POINTS))
    keys = [key for key in ("step", column.key, column.low, column.high) if key is not None]
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
    medians = [median_interval(column.tolist()) for column in values.T]
    names = [history.name for history in group]
    confidence = int(100 * medians[0].confidence)
    prefix = os.path.commonprefix(names) or names[0]  # noqa: RUF071 names of runs, not paths
    return Curve(
        label=f"{prefix}… ({len(names)} seeds)",
        runs=tuple(names),
        seeds=tuple(history.seed for history in group),
        steps=tuple(steps.tolist()),
        values=tuple(one.median for one in medians),
        low=tuple(one.interval[0] for one in medians),
        high=tuple(one.interval[1] for one in medians),
        band=f"line and band of {len(group)} seeds: their median and its {confidence} % confidence interval",
    )
