"""Plots of the page of records, as SVG: published and measured lines per game, and learning curves."""

import csv
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from results import GAMES, PROJECT, RESULTS, Result

_IMAGES: Final = PROJECT / "docs" / "images"
_INK: Final = "#7a7f87"  # legible on the light and the dark theme of the documentation
_OURS: Final = "#1f9e89"
_PUBLISHED: Final = "#b5651d"
_COLORS: Final = {"cma": "#1f9e89", "dqn": "#7b61c9", "ppo": "#d1662f"}
_WIDE: Final = 100.0  # range of an axis with labels at powers of ten alone
_NAMES: Final = {
    "cma": "CMA-ES, preset literature-10x10-cma",
    "dqn": "DQN, preset literature-10x10",
    "ppo": "PPO, preset literature-10x10-ppo",
}
_STYLE: Final[dict[str, Any]] = {
    "font.size": 9, "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "tetrarium",
    "svg.fonttype": "none", "legend.frameon": False,
}  # fmt: skip


def _save(figure: Figure, name: str) -> None:
    figure.savefig(_IMAGES / f"{name}.svg", transparent=True, bbox_inches="tight", metadata={"Date": None})


def _use_log(axis: Axis) -> None:
    """Makes an axis that has its data logarithmic, with labels such as 5,000 and 20 M."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _WIDE * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    """Formats a number of few digits, from a million on with M.

    >>> _short(5000), _short(2e7)
    ('5,000', '20 M')
    """
    return f"{value / 1e6:,.0f} M" if value >= 1e6 else f"{value:,.0f}"


def _draw_game(key: str, results: list[Result]) -> None:
    """Draws published numbers and measured intervals of one game, one line each."""
    published = GAMES[key].published
    n_rows = len(published) + len(results)
    figure = Figure(figsize=(7.2, 0.6 + 0.28 * n_rows))
    axes = figure.add_subplot()
    labels = [one.who for one in published] + [result.measurement.label for result in results]
    for row, one in enumerate(published):
        axes.plot(one.lines, row, "D", color=_PUBLISHED, markerfacecolor="none", markersize=6)
        if one.is_record:
            axes.axvline(one.lines, color=_PUBLISHED, linestyle=":", linewidth=1)
    for row, result in enumerate(results, start=len(published)):
        low, high = result.estimate.interval
        if result.estimate.mean is not None and high is not None:
            axes.plot((low, high), (row, row), color=_OURS, linewidth=2, solid_capstyle="butt")
            axes.plot(result.estimate.mean, row, "o", color=_OURS, markersize=6)
    _use_log(axes.xaxis)
    axes.set_yticks(range(n_rows), labels)
    axes.invert_yaxis()
    axes.set_xlabel("lines per game; ◇ published, ● measured here with 95 % interval, dotted: the record")
    axes.grid(axis="x", color=_INK, alpha=0.25)
    _save(figure, f"records-{key}")


def _read_curve(path: Path) -> dict[str, list[float]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in ("step", "seconds", "lines", "low", "high")}


def _draw_curves() -> None:
    """Draws the lines per game of runs over placements and over seconds."""
    figure = Figure(figsize=(7.2, 3.2))
    panels = figure.subplots(1, 2, sharey=True)
    named = set()
    for path in sorted((RESULTS / "curves").glob("*.csv")):
        kind, curve = path.stem.rstrip("0123456789"), _read_curve(path)
        for axes, over in zip(panels, ("step", "seconds"), strict=True):
            label = None if kind in named else _NAMES[kind]
            axes.plot(curve[over], curve["lines"], "o-", color=_COLORS[kind], markersize=3, linewidth=1, label=label)
            axes.fill_between(curve[over], curve["low"], curve["high"], color=_COLORS[kind], alpha=0.12, linewidth=0)
            named.add(kind)
    for axes, name in zip(panels, ("placements", "seconds of training"), strict=True):
        _use_log(axes.xaxis)
        _use_log(axes.yaxis)
        axes.set_xlabel(name)
        axes.grid(color=_INK, alpha=0.25)
    panels[0].set_ylabel("lines per game")
    panels[0].legend(loc="lower right", fontsize=7)
    _save(figure, "records-curves")


def draw_plots(results: list[Result]) -> None:
    """Draws all plots of the page into docs/images."""
    with mpl.rc_context(_STYLE):
        for key, game in GAMES.items():
            of_game = [result for result in results if result.measurement.game == key]
            if of_game and game.published:
                _draw_game(key, of_game)
        _draw_curves()
