"""Command ``runs plot``."""

import os
import sys
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from tetrarium.cli import options
from tetrarium.cli.formatting import print_json
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.environment.pictures.plots import Plot
    from tetrarium.workers.directories.learning_curves import Curve

_PLOT_SUFFIXES: Final = (".png", ".svg")
_MAX_PLOT_ROWS: Final = 24
_MIN_PLOT_WIDTH: Final = 40


def plot_runs(
    names: Annotated[
        list[str],
        Parameter(negative="", completer=options.run_names, help="Names of runs; group:NAME for a group's median."),
    ],
    *,
    column: Annotated[
        str,
        Parameter(
            completer=options.column_names,
            help="Quantity to plot: lines, harder, evaluation, survival, losses, best, reward, loss, value, "
            "exploration, speed, games, ended, or a column of progress.csv or evaluations.csv.",
        ),
    ] = "lines",
    out: Annotated[Path | None, Parameter(help="Write a .png or .svg file instead of drawing in the terminal.")] = None,
    apart: Annotated[
        bool, Parameter(negative="", help="Draw each seed of a configuration as a separate line.")
    ] = False,
    scale: Annotated[
        Literal["auto", "linear", "log"],
        Parameter(help="Scale of the values; auto is log where games reach 100 lines."),
    ] = "auto",
    force: options.ForceOption = False,
    json: Annotated[bool, Parameter(negative="", help="Print the numbers as JSON.")] = False,
    home: options.HomeOption = None,
) -> int:
    """Plot learning curves of runs; runs that differ only in their seed are drawn as their median."""
    from tetrarium.workers.directories.learning_curves import read_curves

    if out is not None:
        _check_plot_file(out, force=force)
    curves = read_curves(Home.locate(home), names, column, apart=apart)
    if json:
        print_json({"column": column, "curves": [asdict(curve) for curve in curves]})
        return 0
    drawn = make_plot(curves, column, scale)
    if out is None:
        _print_plot(drawn)
        return 0
    from tetrarium.environment.pictures.plot_rendering import plot_svg, write_plot_png
    from tetrarium.registry.files.atomic import write_file

    picture = BytesIO()
    if out.suffix == ".png":
        write_plot_png(drawn, picture)
    else:
        picture.write(plot_svg(drawn).encode())
    write_file(out.absolute(), picture.getvalue())
    print(f"Wrote {out}")
    return 0


def make_plot(curves: "list[Curve]", column: str, scale: str = "auto") -> "Plot":
    """Returns the plot of learning curves.

    Args:
        curves: One or more.
        column: Name of their quantity, as ``find_column`` reads it.
        scale: ``"linear"``, ``"log"``, or ``"auto"`` to choose.
    """
    from tetrarium.environment.pictures.plots import LOGARITHMIC_FROM, Plot, PlotLine
    from tetrarium.workers.directories.learning_curves import find_column

    quantity = find_column(column)
    top = max(max(curve.values) for curve in curves)
    is_log = scale == "log" or (scale == "auto" and quantity.may_grow and top >= LOGARITHMIC_FROM)
    bands = list(dict.fromkeys(curve.band for curve in curves if curve.band))
    axis = "steps, logarithmic scale" if is_log else "steps"
    return Plot(
        title=f"{quantity.title[0].upper()}{quantity.title[1:]}",
        caption=(f"Over {axis}.", *(f"{band[0].upper()}{band[1:]}." for band in bands)),
        lines=tuple(
            PlotLine(
                label=curve.label,
                run=curve.runs[0],
                steps=curve.steps,
                values=curve.values,
                low=curve.low,
                high=curve.high,
            )
            for curve in curves
        ),
        is_log=is_log,
    )


def _check_plot_file(out: Path, *, force: bool) -> None:
    """Rejects an unusable output file before anything is read."""
    if out.suffix not in _PLOT_SUFFIXES:
        raise ConfigError(
            f"A plot's file name ends in {' or '.join(_PLOT_SUFFIXES)}; got {str(out)!r}. Change the name.", field="out"
        )
    options.require_writable(out, "plot", "out", force=force)


def _print_plot(drawn: "Plot") -> None:
    from rich.console import Console

    from tetrarium.cli.tables.text_plots import draw_text_plot
    from tetrarium.cli.terminal.safe_stream import is_unicode

    console = Console(
        file=sys.stdout, highlight=False, markup=False, emoji=False, no_color=bool(os.environ.get("NO_COLOR"))
    )
    height = min(_MAX_PLOT_ROWS, console.size.height - 2)
    for line in draw_text_plot(
        drawn, max(_MIN_PLOT_WIDTH, console.size.width), height, is_unicode=is_unicode(sys.stdout)
    ):
        console.print(line, soft_wrap=True)
