"""``runs plot``: learning curves in the terminal, or as a picture in a file.

What takes long to load is loaded by the command itself, because a shell that completes a name loads this module.
"""

import json as json_library
import os
import sys
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from tetrarium.cli.completing import run_names
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.environment.plots import Plot
    from tetrarium.workers.curves import Curve

__all__ = ["make_plot", "plot"]

ColumnName = Literal["lines", "evaluation", "best", "reward", "loss", "value", "exploration", "speed"]
_SUFFIXES: Final = (".png", ".svg")
_MOST_ROWS: Final = 24
_LEAST_WIDTH: Final = 40


def plot(
    names: Annotated[list[str], Parameter(negative="", completer=run_names, help="Which runs.")],
    *,
    column: Annotated[ColumnName, Parameter(help="What to draw.")] = "lines",
    out: Annotated[Path | None, Parameter(help="A .png or .svg to write, in place of drawing in the terminal.")] = None,
    apart: Annotated[
        bool, Parameter(negative="", help="Draw seeds of one configuration as lines of their own.")
    ] = False,
    scale: Annotated[
        Literal["auto", "linear", "log"], Parameter(help="Of values; auto is log where games reach 100 lines.")
    ] = "auto",
    force: Annotated[bool, Parameter(negative="", help="Write over a file that is there.")] = False,
    json: Annotated[bool, Parameter(negative="", help="Print JSON: the numbers themselves.")] = False,
    home: Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things; else TETRARIUM_HOME.")] = None,
) -> int:
    """Draw learning curves of runs; those that differ in their seeds alone together, as their median."""
    from tetrarium.workers.curves import read_curves

    if out is not None:
        _check(out, force=force)
    curves = read_curves(Home.locate(home), names, column, apart=apart)
    if json:
        print(json_library.dumps({"column": column, "curves": [asdict(curve) for curve in curves]}, indent=2))
        return 0
    drawn = make_plot(curves, column, scale)
    if out is None:
        _print(drawn)
        return 0
    from tetrarium.environment.plot_pictures import plot_svg, write_plot_png
    from tetrarium.registry.atomic import write_file

    picture = BytesIO()
    if out.suffix == ".png":
        write_plot_png(drawn, picture)
    else:
        picture.write(plot_svg(drawn).encode())
    write_file(out.absolute(), picture.getvalue())
    print(f"Wrote {out}")
    return 0


def make_plot(curves: "list[Curve]", column: str, scale: str = "auto") -> "Plot":
    """Says what curves show.

    Args:
        curves: Which.
        column: What they are of, one of ``COLUMNS``.
        scale: ``"linear"``, ``"log"``, or ``"auto"`` to choose.
    """
    from tetrarium.environment.plots import Plot, PlotLine
    from tetrarium.environment.scales import LOGARITHMIC_FROM
    from tetrarium.workers.curves import COLUMNS

    about = COLUMNS[column]
    top = max(max(curve.values) for curve in curves)
    is_log = scale == "log" or (scale == "auto" and about.may_grow and top >= LOGARITHMIC_FROM)
    bands = list(dict.fromkeys(curve.band for curve in curves if curve.band))
    axis = "steps, logarithmic scale" if is_log else "steps"
    return Plot(
        title=f"{about.title[0].upper()}{about.title[1:]}",
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


def _check(out: Path, *, force: bool) -> None:
    """Refuses a file before anything is read for it."""
    if out.suffix not in _SUFFIXES:
        raise ConfigError(f"A plot's file ends in {' or '.join(_SUFFIXES)}; got {str(out)!r}. Name it so.")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"A plot is a file in a folder that is there; got {str(out)!r}. Make the folder first.")
    if out.exists() and not force:
        raise ConfigError(f"A file that is there stays as it is; {str(out)!r} is. Name another, or add --force.")


def _print(drawn: "Plot") -> None:
    from rich.console import Console

    from tetrarium.cli.streams import is_unicode
    from tetrarium.cli.text_plots import draw_text_plot

    console = Console(
        file=sys.stdout, highlight=False, markup=False, emoji=False, no_color=bool(os.environ.get("NO_COLOR"))
    )
    height = min(_MOST_ROWS, console.size.height - 2)
    for line in draw_text_plot(drawn, max(_LEAST_WIDTH, console.size.width), height, is_unicode=is_unicode(sys.stdout)):
        console.print(line, soft_wrap=True)
