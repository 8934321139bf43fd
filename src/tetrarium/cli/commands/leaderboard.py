"""Commands ``models …`` that play: evaluation under a protocol, the leaderboard, and comparisons."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tetrarium.cli.evaluations import FreshOption, evaluate_in
from tetrarium.cli.formatting import interval_text, lines_text, percent_text, print_json
from tetrarium.cli.options import HomeOption, JsonOption, agent_names, protocol_names, suggested
from tetrarium.cli.places import InsecureOption, OnOption, WorkersOption
from tetrarium.cli.tables.model_tables import print_table
from tetrarium.errors import ConfigError
from tetrarium.evaluation.protocols import DEFAULT_PROTOCOL, find_protocol
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.evaluation import Report
    from tetrarium.evaluation.protocols import Protocol
    from tetrarium.registry.scores import Score

ProtocolOption = Annotated[
    str, Parameter(completer=protocol_names, help="harder, default, uniform, literature-10x10 or literature-10x20.")
]


def evaluate_models(
    agents: Annotated[
        list[str],
        Parameter(negative="", completer=agent_names, help="Models, or 'random', 'dellacherie', 'du', 'dt-10'."),
    ],
    *,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    on: OnOption = None,
    workers: WorkersOption = None,
    insecure: InsecureOption = False,
    fresh: FreshOption = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Evaluate models or controllers under a protocol, for the leaderboard."""
    from tetrarium.evaluation.leaderboard import find_ranked_agent, save_score
    from tetrarium.training.agent_reference import load_ranked_policy

    located, chosen = Home.locate(home), find_protocol(protocol)
    ranked_agents = [find_ranked_agent(_require_saved(name), located) for name in agents]
    scores = []
    for agent in ranked_agents:
        policy = load_ranked_policy(agent, located)
        report = _play(policy, chosen, chosen.n_games, located, on=on, workers=workers, insecure=insecure, fresh=fresh)
        scores.append(save_score(located, agent, chosen, report))
    if json:
        print_json([_score_dict(score) for score in scores])
    else:
        _print_scores(chosen, [(score, None) for score in scores])
    return 0


def show_leaderboard(
    *, protocol: ProtocolOption = DEFAULT_PROTOCOL, json: JsonOption = False, home: HomeOption = None
) -> int:
    """Show all results under a protocol, best first."""
    from tetrarium.evaluation.leaderboard import leaderboard

    located, chosen = Home.locate(home), find_protocol(protocol)
    entries = leaderboard(located, chosen)
    by_sha256 = {entry.agent.sha256: (entry.score, entry.place) for entry in entries}  # equal weights are listed once
    placed = [(score, place) for score, place in by_sha256.values() if score is not None]
    if json:
        print_json([{**_score_dict(score), "place": place} for score, place in placed])
        return 0
    if placed:
        _print_scores(chosen, placed)
    else:
        command = suggested(f"tetrarium models evaluate champion dt-10 --protocol {chosen.name}", home)
        print(f"No results yet. Evaluate some: {command}")
    missing = [entry.agent.label for entry in entries if entry.score is None]
    if missing:
        print(f"Not evaluated: {', '.join(missing)}")
    return 0


def compare_models(
    agent: Annotated[
        str, Parameter(completer=agent_names, help="A run, a model, a bundle, a checkpoint folder or a controller.")
    ],
    other_agent: Annotated[str, Parameter(completer=agent_names, help="The agent to compare it with.")],
    *,
    games: Annotated[int | None, Parameter(help="Number of games. [default: the protocol's]")] = None,
    max_pieces: Annotated[
        int | None, Parameter(help="Truncate a game after this many pieces. [default: the protocol's]")
    ] = None,
    protocol: ProtocolOption = DEFAULT_PROTOCOL,
    json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Compare two agents on the same pieces and test whether the difference is significant."""
    from tetrarium.evaluation import compare_reports
    from tetrarium.training.agent_reference import resolve_policy

    located, chosen = Home.locate(home), find_protocol(protocol)
    reports = []
    for name in (agent, other_agent):
        policy, _ = resolve_policy(name, located)
        reports.append(_play(policy, chosen, chosen.n_games if games is None else games, located, max_pieces))
    found = compare_reports(*reports)
    if json:
        print_json(found.to_dict())
        return 0
    first = (found.agent, found.lines, found.n_truncated, found.n_won)
    second = (found.other_agent, found.other_lines, found.other_n_truncated, found.n_lost)
    rows = [
        (name, lines_text(lines), f"{truncated:,}", f"{better:,} of {found.n_games:,} games")
        for name, lines, truncated, better in (first, second)
    ]
    print_table(("agent", "lines until the limit", "truncated", "better in"), rows)
    print(found.sentence)
    return 0


def _require_saved(agent: str) -> str:
    """Returns the name unchanged if it can be a saved model or a controller.

    Raises:
        ConfigError: if it is a file or folder.
    """
    from tetrarium.evaluation import POLICY_NAMES

    if agent not in POLICY_NAMES and os.path.lexists(agent):
        raise ConfigError(
            f"The leaderboard lists saved models; got the file {agent!r}. Save it first: `tetrarium models save`.",
            field="agents",
        )
    return agent


def _play(
    policy: Any, protocol: "Protocol", n_games: int, home: Home, max_pieces: int | None = None, **options: Any
) -> "Report":
    from tetrarium.cli.terminal.run_display import make_display

    limit = protocol.max_pieces if max_pieces is None else max_pieces
    with make_display(sys.stderr) as display:
        return evaluate_in(
            display, policy, protocol.env_config, n_games, protocol.seed, max_pieces=limit, home=home, **options
        )


def _print_scores(protocol: "Protocol", placed: "list[tuple[Score, int | None]]") -> None:
    print(f"{protocol.name}: {protocol.meaning}")
    rows = []
    for score, place in placed:
        report = score.report
        low, high = report["interval_lines"]
        median = lines_text(report["median_lines"])
        rows.append((
            "" if place is None else str(place), score.agent,
            interval_text(report["mean_lines"], low, high)
            if report["n_ended"]
            else f"lost none of {report['n_games']:,}",
            f"at least {median}" if 2 * report["n_truncated"] >= report["n_games"] else median,
            percent_text(report["share_truncated"]), f"{report['n_games']:,}", f"{report['pieces_per_second']:,.0f}",
        ))  # fmt: skip
    print_table(
        ("", "agent", "estimated lines per game (95 %)", "median", "truncated", "games", "pieces per second"), rows
    )


def _score_dict(score: "Score") -> dict[str, Any]:
    names = ("agent", "sha256", "protocol", "evaluated_at_s")
    return {
        **{name: getattr(score, name) for name in names},
        **{name: value for name, value in score.report.items() if name != "policy"},
    }
