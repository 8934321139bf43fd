"""Results against the literature, from raw files to a page: run ``python tools/results.py page``.

``python tools/results.py measure NAME …`` plays the games of a measurement, or estimates games too long to play, and
writes ``results/NAME.json``; a model that does not come with the package is trained first. An interrupted measurement
continues from its ledger in ``--home``. ``curve RUN`` writes ``results/curves/RUN.csv``, the evaluations of a run over
its placements and seconds. ``page`` makes docs/explanation/records.md and its plots from these files alone.
"""

import argparse
import csv
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tetrarium.evaluation.intervals import MeanLines, mean_lines
from tetrarium.evaluation.policies import PUBLISHED
from tetrarium.registry.home import Home

PROJECT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = PROJECT / "results"
PAGE: Final = PROJECT / "docs" / "explanation" / "records.md"
_TETRARIUM: Final = (sys.executable, "-m", "tetrarium")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published mean number of lines."""

    who: str
    lines: float
    source: str
    is_record: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A game of the page, and what was published for it."""

    title: str
    about: str
    published: tuple[Published, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One agent in one game."""

    game: str
    label: str
    agent: str
    command: tuple[str, ...]  # after ``tetrarium``, or of a script
    training: tuple[str, ...]  # of ``tetrarium train``; () for what comes with the package
    chosen: str  # among how many, and by what


_JMLR: Final = "Scherrer et al., JMLR 16, 2015"
GAMES: Final = {
    "10x10": Game(
        title="10 × 10",
        about="Ten visible rows, where every agent loses soon.",
        published=(
            Published(who="CBMPI, best of 100 runs", lines=5_000, source=_JMLR, is_record=True),
            Published(who="DT-10", lines=5_000, source=_JMLR),
            Published(who="TD(λ), dSiLU network", lines=4_900, source="Elfwing, Uchibe and Doya, 2018"),
            Published(who="CBMPI, mean of 100 runs", lines=4_200, source=_JMLR),
            Published(who="afterstate PPO, 3 minutes", lines=3_829, source="arXiv 2603.26765, 2026"),
            Published(who="DU", lines=3_800, source=_JMLR),
        ),
    ),
    "10x20": Game(
        title="10 × 20",
        about="Twenty visible rows. A good agent's game takes a hundred million pieces.",
        published=(
            Published(who="CBMPI, best of 100 runs", lines=51_000_000, source=_JMLR, is_record=True),
            Published(who="DU", lines=31_000_000, source=_JMLR),
            Published(who="DT-10", lines=29_000_000, source=_JMLR),
            Published(who="CBMPI, mean of 100 runs", lines=20_000_000, source=_JMLR),
            Published(who="cross-entropy", lines=348_895, source="Szita and Lőrincz, 2006"),
        ),
    ),
    "sz": Game(
        title="10 × 20, S and Z alone",
        about="Only S and Z, independent, which no player survives for long.",
        published=(
            Published(
                who="TD(λ), dSiLU network", lines=263, source="Elfwing, Uchibe and Doya, 2018", is_record=True
            ),
        ),
    ),
    "guideline": Game(
        title="The guideline's game",
        about="`EnvConfig.guideline()`: bags of seven, hold, five next pieces, block out and lock out; straight drops. "
        "Nothing was published for it.",
    ),
}  # fmt: skip


def _evaluate(agent: str, height: int, games: int, max_pieces: int) -> tuple[str, ...]:
    rules = ("--rules", "literature", "--height", str(height))
    return ("evaluate", agent, *rules, "--games", str(games), "--seed", "100", "--max-pieces", str(max_pieces))


_CHOSEN: Final = {
    "champion": "best evaluated weights of a run, seed 1",
    "champion-10x10": "best evaluated weights of a run, seed 1",
    "champion-10x20": "last policy of the first run of its preset, seed 1",
    "columns": "the only run on this machine",
    "ppo": "last policy of the first of three runs of its preset, seed 1; seed 2 collapsed",
    "sz": "the only run",
    "sz-classes": "the only run",
}


def _measured(
    game: str, label: str, agent: str, command: tuple[str, ...], training: tuple[str, ...] = ()
) -> Measurement:
    chosen = "published weights" if agent in PUBLISHED else _CHOSEN[agent]
    return Measurement(game=game, label=label, agent=agent, command=command, training=training, chosen=chosen)


def _played_10x10(label: str, agent: str, training: tuple[str, ...] = ()) -> Measurement:
    return _measured("10x10", label, agent, _evaluate(agent, 10, 10_000, 10_000_000), training)


def _estimated_10x20(label: str, agent: str) -> Measurement:
    command = ("bench/strength.py", agent, "--estimates", "400", "--walkers", "40", "--seed", "202")
    return _measured("10x20", f"{label}, estimated", agent, command)


_SZ_GAME: Final = ("--rules", "literature", "--randomizer", "uniform:SZ", "--games", "10000", "--seed", "100")
_COLUMN_FEATURES: Final = (
    "landing_height,eroded_cells,row_transitions,column_transitions,holes,fast_wells,hole_depth,rows_with_holes,"
    "pattern_diversity,column_heights,height_differences,game_over"
)
MEASUREMENTS: Final = {
    "10x10-dellacherie": _played_10x10("Dellacherie's weights", "dellacherie"),
    "10x10-du": _played_10x10("DU's weights", "du"),
    "10x10-dt-10": _played_10x10("DT-10's weights", "dt-10"),
    "10x10-champion": _played_10x10("champion, DQN, trained on the default game", "champion"),
    "10x10-champion-10x10": _played_10x10("champion-10x10, CMA-ES, 9 weights", "champion-10x10"),
    "10x10-champion-10x20": _played_10x10("champion-10x20, CMA-ES, 19 weights", "champion-10x20"),
    "10x10-columns": _played_10x10(
        "CMA-ES, 19 weights, columns among them", "columns",
        ("--preset", "literature-10x10-cma", "--seed", "1", "--set", "cma_columns=true",
         "--set", f"features={_COLUMN_FEATURES}"),
    ),
    "10x10-ppo": _played_10x10(
        "PPO, network of 64 units", "ppo", ("--preset", "literature-10x10-ppo", "--seed", "1"),
    ),
    "10x20-du": _estimated_10x20("DU's weights", "du"),
    "10x20-dt-10": _estimated_10x20("DT-10's weights", "dt-10"),
    "10x20-champion-10x10": _estimated_10x20("champion-10x10", "champion-10x10"),
    "10x20-champion-10x20": _estimated_10x20("champion-10x20", "champion-10x20"),
    "10x20-champion-10x20-played": _measured(
        "10x20", "champion-10x20, played", "champion-10x20",
        ("evaluate", "champion-10x20", "--games", "200", "--max-pieces", "50000000"),
    ),
    "sz-dt-10": _measured("sz", "DT-10's weights", "dt-10", ("evaluate", "dt-10", *_SZ_GAME)),
    "sz-cma": _measured(
        "sz", "CMA-ES, 19 weights, columns among them", "sz", ("evaluate", "sz", *_SZ_GAME),
        ("--preset", "literature-10x10-cma", "--seed", "1", "--steps", "60_000_000", "--set", "height=20",
         "--set", "randomizer=uniform:SZ", "--set", "cma_columns=true", "--set", f"features={_COLUMN_FEATURES}"),
    ),
    "sz-cma-classes": _measured(
        "sz", "CMA-ES, 51 weights, one-hot height differences among them", "sz-classes",
        ("evaluate", "sz-classes", *_SZ_GAME),
        ("--preset", "literature-10x10-cma", "--seed", "1", "--steps", "120_000_000", "--set", "height=20",
         "--set", "randomizer=uniform:SZ", "--set", "cma_columns=true",
         "--set", f"features=difference_classes,{_COLUMN_FEATURES}"),
    ),
    "guideline-champion-10x20": _measured(
        "guideline", "champion-10x20", "champion-10x20",
        ("evaluate", "champion-10x20", "--rules", "guideline", "--games", "1000", "--max-pieces", "1000000"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A measurement's numbers, as the page shows them."""

    measurement: Measurement
    n: int  # games, or estimates
    n_lost: int | None  # None for estimates
    estimate: MeanLines
    max_pieces: int | None  # after which games were truncated

    @property
    def is_beaten(self) -> bool:
        """True if the lower end of the interval exceeds the published record; published weights beat nothing."""
        if self.measurement.agent in PUBLISHED:
            return False
        records = [one.lines for one in GAMES[self.measurement.game].published if one.is_record]
        return bool(records) and self.estimate.interval[0] > records[0]


def load_results(folder: Path = RESULTS) -> list[Result]:
    """Reads the raw files of all measurements that were made, in the order of ``MEASUREMENTS``."""
    paths = {name: folder / f"{name}.json" for name in MEASUREMENTS}
    return [read_result(name, json.loads(path.read_bytes())) for name, path in paths.items() if path.exists()]


def read_result(name: str, raw: dict[str, Any]) -> Result:
    """Computes a measurement's numbers from its raw file."""
    if "estimates" in raw:
        low, high = raw["interval"]
        return Result(
            measurement=MEASUREMENTS[name],
            n=raw["estimates"],
            n_lost=None,
            estimate=MeanLines(mean=raw["lines"], interval=(low, high), kind="bootstrap"),
            max_pieces=None,
        )
    truncated = set(raw["truncated"])
    is_truncated = [game in truncated for game in range(len(raw["lines"]))]
    return Result(
        measurement=MEASUREMENTS[name],
        n=len(raw["lines"]),
        n_lost=is_truncated.count(False),
        estimate=mean_lines(raw["lines"], is_truncated),
        max_pieces=raw["max_pieces"] if any(is_truncated) else None,
    )


def compact(report: dict[str, Any]) -> dict[str, Any]:
    """Returns what the raw file keeps of a report of ``tetrarium evaluate --json``: the lines of each game."""
    return {
        "lines": [game["lines"] for game in report["games"]],
        "truncated": [game["game"] for game in report["games"] if game["truncated"]],
        "pieces": report["pieces_total"],
        "max_pieces": report["max_pieces"],
        "seed": report["seed"],
    }


def measure(name: str, home: Path) -> None:
    """Plays or estimates a measurement and writes its raw file."""
    measurement = MEASUREMENTS[name]
    where = ("--home", str(home))
    print(f"{name}: {command_text(measurement)}", flush=True)
    if measurement.training and not (home / "runs" / measurement.agent).exists():
        training = [*_TETRARIUM, "train", *measurement.training, "--name", measurement.agent, *where]
        subprocess.run(training, check=True)  # noqa: S603 arguments of the table
    script = measurement.command[0].endswith(".py")
    command = [sys.executable, *measurement.command] if script else [*_TETRARIUM, *measurement.command, "--json"]
    played = subprocess.run([*command, *where], check=True, stdout=subprocess.PIPE, cwd=PROJECT)  # noqa: S603 the same
    raw = json.loads(played.stdout)
    (RESULTS / f"{name}.json").write_text(json.dumps(raw if script else compact(raw)) + "\n")


def write_curve(run: str, home: Path) -> None:
    """Writes the evaluations of a run, with the seconds of training at which each was due."""
    folder = Home.locate(home).runs / run
    with (folder / "progress.csv").open(newline="") as file:
        seconds = {int(row["step"]): float(row["seconds"]) for row in csv.DictReader(file)}
    with (folder / "evaluations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    target = RESULTS / "curves" / f"{run}.csv"
    with target.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("step", "seconds", "lines", "low", "high"))
        for row in rows:
            at = max((step for step in seconds if step <= int(row["step"])), default=None)
            if at is not None and row["estimated_lines"]:
                low, high = float(row["estimated_low"]), float(row["estimated_high"])
                lines = float(row["estimated_lines"])
                writer.writerow((row["step"], f"{seconds[at]:.1f}", f"{lines:.1f}", f"{low:.1f}", f"{high:.1f}"))


def command_text(measurement: Measurement) -> str:
    """Returns the command that plays a measurement, for people."""
    words = measurement.command
    return shlex.join(["python", *words] if words[0].endswith(".py") else ["tetrarium", *words])


def format_lines(value: float) -> str:
    """Formats a number of lines: whole, from a million on in millions.

    >>> format_lines(5123.4), format_lines(102_160_000)
    ('5,123', '102.2 million')
    """
    return f"{value / 1e6:,.1f} million" if value >= 1e6 else f"{value:,.0f}"


def format_estimate(estimate: MeanLines) -> str:
    """Formats a mean with its interval."""
    low, high = estimate.interval
    if estimate.mean is None or high is None:
        return f"no game lost; at least {format_lines(low)}"
    if low >= 1e6:
        return f"{estimate.mean / 1e6:,.1f} million ({low / 1e6:,.1f} to {high / 1e6:,.1f})"
    return f"{estimate.mean:,.0f} ({low:,.0f} to {high:,.0f})"


def _row(result: Result) -> str:
    n = f"{result.n:,} estimates" if result.n_lost is None else f"{result.n:,} games, {result.n_lost:,} lost"
    if result.max_pieces is not None:
        n += f", truncated at {result.max_pieces:,} pieces"
    bold = "**" if result.is_beaten else ""
    lines = f"{bold}{format_estimate(result.estimate)}{bold}"
    return f"| {result.measurement.label} | {lines} | {n} | {result.measurement.chosen} |"


def _section(key: str, results: list[Result]) -> list[str]:
    game = GAMES[key]
    lines = [f"## {game.title}", "", game.about, ""]
    if game.published:
        lines += ["| published | lines per game | source |", "|---|---|---|"]
        lines += [
            f"| {one.who}{' (the record)' if one.is_record else ''} | {format_lines(one.lines)} | {one.source} |"
            for one in game.published
        ]
        lines.append("")
    lines += ["| measured here | lines per game (95 %) | n | choice |", "|---|---|---|---|"]
    lines += [_row(result) for result in results]
    if game.published:
        lines += ["", f"![Lines per game, published and measured](../images/records-{key}.svg)"]
    lines += ["", "```sh"]
    for result in results:
        trained = result.measurement
        if trained.training:
            lines.append(shlex.join(["tetrarium", "train", *trained.training, "--name", trained.agent]))
        lines.append(command_text(trained))
    return [*lines, "```", ""]


_INTRODUCTION: Final = """# Records

This page and its plots are made by `python tools/results.py page` from the raw files in `results/`: the lines of every
game that was played, the estimates, and the evaluations of runs. `python tools/results.py measure NAME` makes such a
file anew, with the commands that are shown.

All agents learned from play alone, but for the published weights that are named as such. A mean is that of all games,
with its 95 % interval. Where games are truncated, it is the lines of all games over the number of lost ones, with the
chi-square interval of censored games, which assumes that old games are lost as often as young ones; an estimate
replaces games too long to play, see [Strength](strength.md). **Bold**: the lower end of the interval exceeds the
published record. A published number is as printed by its authors; most come without an interval, and whoever reports
the best of 100 runs looked a hundred times. The last column states how an agent was chosen.

The rules are those of the literature since 2006: pieces independent and uniform, only the current one known, straight
drops; a piece that overflows ends the game. The published weights DU and DT-10 make on this engine the lines that were
published for them on 10 × 10. Whether the games of the other authors agree with these rules in every detail was not
checked.
"""
_CURVES: Final = """## Learning curves

Lines per game on 10 × 10 during training with 95 % intervals, over placements and over the seconds of training, on two
cores that other programs used at the same time.

![Learning curves over placements and over seconds](../images/records-curves.svg)

```sh
tetrarium train --preset literature-10x10-cma --seed 1 --name cma1 --steps 100_000_000 --set evaluate_every=5_000_000 \\
  --set evaluation_games=400
tetrarium train --preset literature-10x10 --seed 1 --name dqn1 --set evaluation_games=100 \\
  --set evaluation_pieces=1_000_000
tetrarium train --preset literature-10x10-ppo --seed 1 --name ppo1
```
"""


def page_text(results: list[Result]) -> str:
    """Returns the page."""
    sections = [_INTRODUCTION.rstrip(), ""]
    for key in GAMES:
        of_game = [result for result in results if result.measurement.game == key]
        if of_game:
            sections += _section(key, of_game)
    return "\n".join([*sections, _CURVES])


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("page", help="make the page and its plots")
    measuring = commands.add_parser("measure", help="make raw files")
    measuring.add_argument("names", nargs="+", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS))
    curves = commands.add_parser("curve", help="keep the evaluations of runs")
    curves.add_argument("runs", nargs="+", metavar="RUN")
    for command in (measuring, curves):
        command.add_argument("--home", type=Path, default=Path(tempfile.gettempdir(), "tetrarium-results"))
    arguments = parser.parse_args()
    RESULTS.joinpath("curves").mkdir(parents=True, exist_ok=True)
    if arguments.command == "page":
        from result_plots import draw_plots

        results = load_results()
        PAGE.write_text(page_text(results))
        draw_plots(results)
        return
    for name in arguments.names if arguments.command == "measure" else arguments.runs:
        (measure if arguments.command == "measure" else write_curve)(name, arguments.home)


if __name__ == "__main__":
    main()
