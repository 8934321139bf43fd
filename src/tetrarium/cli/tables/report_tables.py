"""Tables of evaluation reports, with the same rows on a terminal and in a pipe.

Reports are dictionaries as ``Report.to_dict`` returns them, so that showing one loads nothing of the evaluation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from tetrarium.cli.formatting import counted, interval_text, lines_text, percent_text

_ESTIMATE: Final = "estimated lines per game"


def report_title(report: Mapping[str, Any]) -> str:
    """Returns a title such as ``dt-10 on 10 × 20, 7-bag, seed 0``."""
    game = report["config"]
    size = f"{game['width']} \N{MULTIPLICATION SIGN} {game['height']}"
    return f"{report['policy']} on {size}, {game['randomizer']}, seed {report['seed']}"


def report_rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns labels and values in the order shown.

    Quantiles include truncated games with the lines they had, which is noted; a median among them is a lower bound.
    """
    n_games, n_truncated = report["n_games"], report["n_truncated"]
    low, high = report["interval_lines"]
    sample = f"{report['confidence']:.0%}".replace("%", " %")
    median = lines_text(report["median_lines"])
    quantiles = {share: lines_text(lines) for share, lines in report["quantiles_as_played"].items()}
    estimate = interval_text(report["mean_lines"], low, high)
    if report["n_ended"] == 0:
        estimate = f"no game lost; {estimate}"
    note = ", truncated games included" if n_truncated else ""
    truncated = (
        f"{n_truncated:,} of {n_games:,} ({percent_text(report['share_truncated'])}) at {report['max_pieces']:,} pieces"
    )
    return [
        ("games", f"{n_games:,}"),
        (_ESTIMATE, f"{estimate} at {sample}, n = {n_games:,}"),
        ("median", f"at least {median}" if 2 * n_truncated >= n_games else median),
        ("middle half", f"{quantiles['0.25']} to {quantiles['0.75']}{note}"),
        ("5 % to 95 %", f"{quantiles['0.05']} to {quantiles['0.95']}{note}"),
        ("truncated", truncated if n_truncated else "none"),
        ("pieces per second", f"{report['pieces_per_second']:,.0f}"),
    ]


def report_table(report: Mapping[str, Any]) -> Table:
    """Returns the report as a table for the terminal."""
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
        table.add_row(label, Text(value, style="bold" if label == _ESTIMATE else ""))
    return table


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """Returns the report as plain lines."""
    rows = report_rows(report)
    widest = max(len(label) for label, _ in rows)
    return [report_title(report), *(f"  {label:<{widest}}  {value}" for label, value in rows)]


def seeds_lines(runs: Sequence[tuple[str, int, Mapping[str, Any]]]) -> list[str]:
    """Returns the results of runs with several seeds, one line each, and their median with its interval.

    A truncated game counts with the lines it had, so that runs without losses can be compared.
    """
    from tetrarium.evaluation.intervals import median_interval

    lines_game = [report["lines_total"] / report["n_games"] for _, _, report in runs]
    widest = max(len(name) for name, _, _ in runs)
    rows = [
        f"  {name:<{widest}}  seed {seed}  {lines_text(lines):>8} lines  "
        f"({report['n_truncated']:,} of {report['n_games']:,} games truncated at {report['max_pieces']:,} pieces)"
        for (name, seed, report), lines in zip(runs, lines_game, strict=True)
    ]
    found = median_interval(lines_game)
    confidence = percent_text(found.confidence)
    summary = (
        f"  median of {counted(len(runs), 'seed')}: {lines_text(found.median)} lines, "
        f"{lines_text(found.interval[0])} to {lines_text(found.interval[1])} "
        f"({confidence} confidence interval of the median)"
    )
    return ["Lines until the limit", *rows, summary]
