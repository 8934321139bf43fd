"""An evaluation's report as a table: the same rows on a terminal and in a pipe.

Reports come as ``Report.to_dict`` or its JSON gives them, so that showing one needs none of what made it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tetrarium.cli.words import interval_text, lines_text, percent_text

__all__ = ["report_lines", "report_rows", "report_table", "report_title", "seeds_lines"]


def report_title(report: Mapping[str, Any]) -> str:
    """Who played what, such as ``dt-10 on 10 × 20, 7-bag, seed 0``."""
    game = report["config"]
    size = f"{game['width']} \N{MULTIPLICATION SIGN} {game['height']}"
    return f"{report['policy']} on {size}, {game['randomizer']}, seed {report['seed']}"


def report_rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and values, in the order in which they are shown.

    Quantiles are of lines as played; where games were cut off they say so, and a median that lies among those
    games is a lower bound.
    """
    n_games, n_cut_off = report["n_games"], report["n_cut_off"]
    low, high = report["interval_lines"]
    sample = f"{report['confidence']:.0%}".replace("%", " %")
    median = lines_text(report["median_lines"])
    quantiles = {share: lines_text(lines) for share, lines in report["quantiles_as_played"].items()}
    as_played = " as played" if n_cut_off else ""
    cut_off = (
        f"{n_cut_off:,} of {n_games:,} ({percent_text(report['share_cut_off'])}) at {report['max_pieces']:,} pieces"
    )
    return [
        ("games", f"{n_games:,}"),
        ("lines a game", f"{interval_text(report['mean_lines'], low, high)} at {sample}, n = {n_games:,}"),
        ("median", f"at least {median}" if 2 * n_cut_off >= n_games else median),
        ("middle half", f"{quantiles['0.25']} to {quantiles['0.75']}{as_played}"),
        ("5 % to 95 %", f"{quantiles['0.05']} to {quantiles['0.95']}{as_played}"),
        ("cut off", cut_off if n_cut_off else "none"),
        ("pieces a second", f"{report['pieces_per_second']:,.0f}"),
    ]


def report_table(report: Mapping[str, Any]) -> Table:
    """Returns the table that a terminal shows."""
    table = Table(
        title=Text(report_title(report), style="bold"),
        title_justify="left",
        show_header=False,
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for label, value in report_rows(report):
        table.add_row(label, Text(value, style="bold" if label == "lines a game" else ""))
    return table


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """The same as plain lines."""
    rows = report_rows(report)
    widest = max(len(label) for label, _ in rows)
    return [report_title(report), *(f"  {label:<{widest}}  {value}" for label, value in rows)]


def seeds_lines(runs: Sequence[tuple[str, int, Mapping[str, Any]]]) -> list[str]:
    """What runs of several seeds came to, one line each, and their median with its interval.

    Lines are as played: a game that was cut off counts with the lines it had, so that runs that never lose compare too.

    Args:
        runs: Name, seed and report of each.
    """
    from tetrarium.evaluation.intervals import median_interval

    lines_game = [report["lines_total"] / report["n_games"] for _, _, report in runs]
    widest = max(len(name) for name, _, _ in runs)
    rows = [
        f"  {name:<{widest}}  seed {seed}  {lines_text(lines):>8} lines a game  "
        f"({report['n_cut_off']:,} of {report['n_games']:,} games cut off at {report['max_pieces']:,} pieces)"
        for (name, seed, report), lines in zip(runs, lines_game, strict=True)
    ]
    found = median_interval(lines_game)
    sure = percent_text(found.confidence)
    summary = (
        f"  median of {len(runs)} {'seed' if len(runs) == 1 else 'seeds'}: {lines_text(found.median)} lines a game, "
        f"{lines_text(found.interval[0])} to {lines_text(found.interval[1])} ({sure}, by rank)"
    )
    return ["Lines a game as played, up to the cut", *rows, summary]
