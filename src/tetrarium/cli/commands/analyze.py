"""Command ``analyze``: a recorded game as an agent sees it, with its largest mistakes."""

import shutil
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from tetrarium.cli.formatting import counted, percent_text, print_json, sparkline
from tetrarium.cli.options import HomeOption, JsonOption, evaluable_names, game_names
from tetrarium.cli.terminal.compile_notice import notify_compiling
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation import Analysis
    from tetrarium.evaluation.analysis.results import Candidate

_N_SHOWN: Final = 5  # mistakes
_PLOT_ROWS: Final = 3
_MAX_PLOT_COLUMNS: Final = 100


def analyze(
    game: Annotated[
        str,
        Parameter(
            completer=game_names,
            help="A saved game of yours, RUN/REPLAY such as first/best-01, a replay file, or a fumen (v115@…).",
        ),
    ],
    *,
    advisor: Annotated[
        str,
        Parameter(completer=evaluable_names, help="The agent that judges: a model, a run or a published controller."),
    ] = "champion",
    ahead: Annotated[
        bool, Parameter(negative="", help="With --json: play the best placements on, for five more pieces.")
    ] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Analyze a recorded game by an agent: find the mistakes."""
    from tetrarium.cli.terminal.run_summary import COMPILING
    from tetrarium.evaluation.analysis.results import analyze as analyze_positions
    from tetrarium.training.agent_reference import resolve_policy
    from tetrarium.workers.directories.game_reference import resolve_game

    located = Home.locate(home)
    found = resolve_game(game, located)
    policy, _ = resolve_policy(advisor, located)
    with notify_compiling(lambda: print(COMPILING, file=sys.stderr)):
        analysis = analyze_positions(found.positions(), policy, look_ahead=ahead)
    if json:
        print_json({"game": found.title, **analysis.to_dict()})
    else:
        _print_analysis(found.title, analysis)
    return 0


def _print_analysis(title: str, analysis: "Analysis") -> None:
    n_played = sum(position.played is not None for position in analysis)
    print(f"{title}: {counted(n_played, 'placement')}, judged by {analysis.advisor}.")
    if analysis.positions.n_left_out:
        print(f"{counted(analysis.positions.n_left_out, 'placement')} cannot be analyzed: no action of this game.")
    if analysis.share_best is None:
        _print_best(analysis)
        return
    print(f"{percent_text(analysis.share_best)} were the advisor's own; {counted(len(analysis.mistakes), 'mistake')}.")
    drops = analysis.drops.tolist()
    finite = max((drop for drop in drops if drop != float("inf")), default=0.0)
    columns = min(_MAX_PLOT_COLUMNS, shutil.get_terminal_size().columns - 2, len(drops))
    bounds = [len(drops) * column // columns for column in range(columns + 1)]
    heights = [min(max(drops[first:end]), finite) for first, end in pairwise(bounds)]
    if finite:
        print(f"\nValue lost by each placement, at most {finite:,.3g}:")
        print(*sparkline(heights, _PLOT_ROWS), sep="\n")
    if analysis.mistakes:
        _print_mistakes(analysis)


def _print_mistakes(analysis: "Analysis") -> None:
    from tetrarium.cli.tables.model_tables import print_table

    rows = []
    for index in analysis.mistakes[:_N_SHOWN]:
        position = analysis[index]
        assert position.played is not None
        lost = "the game" if position.drop is None else f"{position.drop:,.3g}"
        rank = f"{position.rank} of {position.n_legal}"
        rows.append([f"{index + 1:,}", _placement_text(position.played), _placement_text(position.best[0]), rank, lost])
    print("\nLargest mistakes:")
    print_table(["piece", "played", "best", "rank", "value lost"], rows)


def _print_best(analysis: "Analysis") -> None:
    from tetrarium.cli.tables.model_tables import print_table

    for position in analysis:
        print(f"\n{position.queue}{f', held {position.held}' if position.held else ''}:")
        rows = [
            [_placement_text(one), "loses" if one.value is None else f"{one.value:,.3f}", str(one.lines)]
            for one in position.best
        ]
        print_table(["best", "value", "lines"], rows)


def _placement_text(placed: "Candidate") -> str:
    """Returns a placement in words, columns counted from 1."""
    from tetrarium.engine import PIECE_WIDTHS, PIECES

    width = int(PIECE_WIDTHS[PIECES.index(placed.piece), placed.rotation])
    last = placed.column + width
    columns = f"column {last}" if width == 1 else f"columns {placed.column + 1}\N{EN DASH}{last}"
    turned = f" turned {90 * placed.rotation}°" if placed.rotation else ""
    return f"{placed.piece}{turned}, {columns}"
