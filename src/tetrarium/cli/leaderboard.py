"""The commands ``tetrarium models …`` that play: measuring under a protocol, the leaderboard, and comparing two."""

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tetrarium.cli.compiling import told_of_compiling
from tetrarium.cli.completing import players
from tetrarium.cli.model_tables import print_table
from tetrarium.cli.models import HomeOption, Json
from tetrarium.cli.words import interval_text, lines_text, percent_text
from tetrarium.errors import ConfigError
from tetrarium.events import EvaluationProgress, KernelsCompiling
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation import Report
    from tetrarium.evaluation.protocols import Protocol
    from tetrarium.registry.scores import Score

__all__ = ["compare_models", "measure_models", "show_leaderboard"]

Under = Annotated[str, Parameter(help="default, uniform, literature-10x10 or literature-10x20.")]


def measure_models(
    what: Annotated[
        list[str], Parameter(negative="", completer=players, help="Models, or 'random', 'dellacherie', 'du', 'dt-10'.")
    ],
    *,
    protocol: Under = "default",
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Measure models or known controllers under a protocol, for the leaderboard."""
    from tetrarium.evaluation import find_protocol
    from tetrarium.evaluation.leaderboard import find_player, keep_score
    from tetrarium.training.finding import find_player_policy

    located, chosen = Home.locate(home), find_protocol(protocol)
    players = [find_player(_named(name), located) for name in what]
    measured = []
    for player in players:
        report = _play(find_player_policy(player, located), chosen, chosen.n_games, json)
        measured.append(keep_score(located, player, chosen, report))
    if json:
        print(jsonlib.dumps([_score_dict(score) for score in measured], indent=2))
    else:
        _print_scores(chosen, measured)
    return 0


def show_leaderboard(*, protocol: Under = "default", json: Json = False, home: HomeOption = None) -> int:
    """Show what was measured under a protocol, the best first."""
    from tetrarium.evaluation import find_protocol
    from tetrarium.evaluation.leaderboard import rank
    from tetrarium.registry.models import ModelStore
    from tetrarium.registry.scores import ScoreStore

    located, chosen = Home.locate(home), find_protocol(protocol)
    scores = sorted(ScoreStore(located).of(chosen.to_dict()), key=rank, reverse=True)
    if json:
        print(jsonlib.dumps([_score_dict(score) for score in scores], indent=2))
        return 0
    if scores:
        _print_scores(chosen, scores)
    else:
        print(f"Nothing was measured so yet: tetrarium models measure champion dt-10 --protocol {chosen.name}")
    known = {score.sha256 for score in scores}
    missing = [slot.current.spec for slot in ModelStore(located).slots() if slot.current.sha256 not in known]
    if missing:
        print(f"Not measured: {', '.join(missing)}")
    return 0


def compare_models(
    one: Annotated[
        str, Parameter(completer=players, help="A run, a model, a bundle, a checkpoint folder or a known controller.")
    ],
    other: Annotated[str, Parameter(completer=players, help="Another one.")],
    *,
    games: Annotated[int | None, Parameter(help="How many games both play; the protocol's without it.")] = None,
    max_pieces: Annotated[int | None, Parameter(help="Cut a game after so many pieces; else the protocol's.")] = None,
    protocol: Under = "default",
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Let two players play the same pieces, and say whether one is better."""
    from tetrarium.evaluation import compare_reports, find_protocol
    from tetrarium.training.finding import find_policy

    located, chosen = Home.locate(home), find_protocol(protocol)
    reports = []
    for what in (one, other):
        policy, _ = find_policy(what, located)
        reports.append(_play(policy, chosen, games or chosen.n_games, json, max_pieces))
    found = compare_reports(*reports)
    if json:
        print(jsonlib.dumps(found.to_dict(), indent=2))
        return 0
    ones = (found.one, found.lines_one, found.n_cut_off_one, found.n_won)
    others = (found.other, found.lines_other, found.n_cut_off_other, found.n_lost)
    rows = [
        (name, lines_text(lines), f"{cut_off:,}", f"{better:,} of {found.n_games:,} games")
        for name, lines, cut_off, better in (ones, others)
    ]
    print_table(("player", "lines a game as played", "cut off", "better in"), rows)
    print(found.sentence)
    return 0


def _named(what: str) -> str:
    """What names a player of the leaderboard.

    Raises:
        ConfigError: if it is a file or folder.
    """
    from tetrarium.evaluation import POLICY_NAMES

    if what not in POLICY_NAMES and Path(what).exists():
        raise ConfigError(f"The leaderboard has saved models; got {what!r}. Save it by `tetrarium models save` first.")
    return what


def _play(policy: Any, protocol: "Protocol", n_games: int, json: bool, max_pieces: int | None = None) -> "Report":
    from tetrarium.cli.display import make_display
    from tetrarium.evaluation import evaluate

    with make_display(sys.stderr) as display:

        def on_progress(pieces_total: int, games_done: int) -> None:
            display.handle(EvaluationProgress(games_done=games_done, n_games=n_games, pieces_total=pieces_total))

        with told_of_compiling(lambda: display.handle(KernelsCompiling())):
            return evaluate(
                policy,
                protocol.env_config,
                n_games,
                protocol.seed,
                max_pieces=max_pieces or protocol.max_pieces,
                on_progress=None if json else on_progress,
            )


def _print_scores(protocol: "Protocol", scores: "list[Score]") -> None:
    print(f"{protocol.name}: {protocol.meaning}")
    rows = []
    for number, score in enumerate(scores, start=1):
        report = score.report
        low, high = report["interval_lines"]
        median = lines_text(report["median_lines"])
        rows.append((
            str(number), score.player, interval_text(report["mean_lines"], low, high),
            f"at least {median}" if 2 * report["n_cut_off"] >= report["n_games"] else median,
            percent_text(report["share_cut_off"]), f"{report['n_games']:,}", f"{report['pieces_per_second']:,.0f}",
        ))  # fmt: skip
    print_table(("", "player", "lines a game (95 %)", "median", "cut off", "games", "pieces a second"), rows)


def _score_dict(score: "Score") -> dict[str, Any]:
    return {
        "player": score.player, "sha256": score.sha256, "protocol": score.protocol, "measured_s": score.measured_s,
        **{name: value for name, value in score.report.items() if name != "policy"},
    }  # fmt: skip
