"""Learning curves of runs: each alone, or seeds of one configuration together as their median with an interval."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.workers.directory import read_config, read_evaluations, read_progress

__all__ = ["COLUMNS", "Column", "Curve", "read_curves"]

_MAX_POINTS: Final = 400
_OF_A_SEED: Final = ("seed", "device")  # settings that do not make two runs differ in kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What can be drawn."""

    title: str
    key: str
    low: str | None = None
    high: str | None = None
    is_evaluated: bool = False  # from evaluations.csv, else from progress.csv
    may_grow: bool = False  # by orders of magnitude


COLUMNS: Final = {
    "lines": Column(title="lines a game", key="mean_lines_game", low="lines_low", high="lines_high", may_grow=True),
    "evaluation": Column(title="lines a game when evaluated", key="lines", is_evaluated=True, may_grow=True),
    "best": Column(title="lines of the best game so far", key="best_lines_game", may_grow=True),
    "reward": Column(title="reward a placement", key="mean_reward_placement"),
    "loss": Column(title="loss", key="loss"),
    "value": Column(title="mean value of what is learnt from", key="mean_q"),
    "exploration": Column(title="exploration rate", key="exploration_rate"),
    "speed": Column(title="steps a second", key="steps_per_second"),
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
    band: str  # what it is; empty without one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """One run's numbers."""

    name: str
    seed: int
    kind: str  # equal for runs that differ in their seeds alone
    steps: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


def read_curves(home: Home, names: Sequence[str], column: str = "lines", *, apart: bool = False) -> list[Curve]:
    """Reads the curves of runs; those without a value yet are left out.

    Args:
        home: Where runs are.
        names: Which.
        column: One of ``COLUMNS``.
        apart: Whether seeds of one configuration are curves of their own.

    Raises:
        HomeError: if there is no run of a name, or its config cannot be read.
        ConfigError: if no run has a value.
    """
    courses = [_course(home, name, COLUMNS[column]) for name in dict.fromkeys(names)]
    found = [course for course in courses if course.steps]
    if not found:
        raise ConfigError(
            f"A plot is made of values, and {', '.join(names)} has none of {COLUMNS[column].title} yet. Let it train "
            "on, or plot another column."
        )
    kinds: dict[str, list[_Course]] = {}
    for course in found:
        kinds.setdefault(course.name if apart else course.kind, []).append(course)
    return [_alone(group[0]) if len(group) == 1 else _together(group) for group in kinds.values()]


def _course(home: Home, name: str, column: Column) -> _Course:
    config = read_config(home, name)
    table: dict[str, list[Any]] = {}
    if column.is_evaluated:
        rows = read_evaluations(home, name)
        table = {key: [row.get(key) for row in rows] for key in ("step", column.key)}
    else:
        table = dict(read_progress(home, name, _MAX_POINTS))
    keys = [key for key in ("step", column.key, column.low, column.high) if key is not None]
    columns = [table[key] for key in keys if key in table]
    whole = [row for row in zip(*columns, strict=True) if None not in row] if len(columns) == len(keys) else []
    parts: list[tuple[float, ...]] = list(zip(*whole, strict=True)) or [()] * len(keys)
    has_band = column.low is not None
    return _Course(
        name=name,
        seed=config["training_config"]["seed"],
        kind=_kind(config),
        steps=parts[0],
        values=parts[1],
        low=parts[2] if has_band else None,
        high=parts[3] if has_band else None,
    )


def _kind(config: dict[str, Any]) -> str:
    training = {name: value for name, value in config["training_config"].items() if name not in _OF_A_SEED}
    return json.dumps([config["env_config"], training, config.get("start_from")], sort_keys=True)


def _alone(course: _Course) -> Curve:
    return Curve(
        label=course.name,
        runs=(course.name,),
        seeds=(course.seed,),
        steps=course.steps,
        values=course.values,
        low=course.low,
        high=course.high,
        band="" if course.low is None else "band of one run: the middle 80 % of its latest games",
    )


def _together(group: Sequence[_Course]) -> Curve:
    """The median over the steps that all have come to, and its interval by rank at each."""
    from tetrarium.evaluation.intervals import median_interval

    begin, end = max(course.steps[0] for course in group), min(course.steps[-1] for course in group)
    steps = np.unique(np.linspace(begin, max(begin, end), min(_MAX_POINTS, max(len(one.steps) for one in group))))
    values = np.array([np.interp(steps, course.steps, course.values) for course in group])
    found = [median_interval(column.tolist()) for column in values.T]
    names = [course.name for course in group]
    sure = int(100 * found[0].confidence)
    return Curve(
        label=f"{_beginning(names)}… ({len(names)} seeds)",
        runs=tuple(names),
        seeds=tuple(course.seed for course in group),
        steps=tuple(steps.tolist()),
        values=tuple(one.median for one in found),
        low=tuple(one.interval[0] for one in found),
        high=tuple(one.interval[1] for one in found),
        band=f"line and band of {len(group)} seeds: their median, and its {sure} % interval by rank",
    )


def _beginning(names: Sequence[str]) -> str:
    """What names begin with in common; where that is nothing, the first of them."""
    first, last = min(names), max(names)
    n_common = next(
        (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first)
    )
    return first[:n_common] or names[0]
