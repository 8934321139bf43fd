"""Duration of analyses: run ``python bench/analysis.py``.

A game of 10,000 pieces is analyzed by a linear controller and by the champion, whose network has the default shape: as
a game of straight drops, and as one of all lock positions with hold. Figures are seconds, medians of the repetitions:
until all values are known, and for the placements ahead of the best ones after that.
"""

import argparse
import statistics
import time
from typing import Any

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.analysis.analyzer import Analyzer
from tetrarium.evaluation.analysis.positions import replay_positions
from tetrarium.evaluation.single_games import record_game
from tetrarium.registry import Home
from tetrarium.training.agent_reference import resolve_policy

GAMES = {"drops": EnvConfig(), "lock positions": EnvConfig.guideline().with_changes(actions="reachable")}


def durations(replay: Replay, policy: Any) -> tuple[float, float]:
    """Returns the seconds of values, from the replay on, and of placements ahead."""
    started_s = time.perf_counter()
    positions = replay_positions(replay)
    analyzer = Analyzer(positions, policy)
    analyzer.value(0, len(positions))
    valued_s = time.perf_counter()
    analyzer.look_ahead(0, len(positions))
    return valued_s - started_s, time.perf_counter() - valued_s


def main() -> None:
    """Measures and prints the durations."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pieces", type=int, default=10_000)
    arguments.add_argument("--repetitions", type=int, default=3)
    given = arguments.parse_args()
    linear = named_policy("dellacherie")
    for game, config in GAMES.items():
        replay = record_game(linear, config, seed=0, game=0, max_pieces=given.pieces)
        for policy in (linear, resolve_policy("champion", Home.locate())[0]):
            durations(replay, policy)
            values_s, ahead_s = map(
                statistics.median, zip(*(durations(replay, policy) for _ in range(given.repetitions)), strict=True)
            )
            print(
                f"{game}, {policy.name}: {replay.pieces:,} pieces valued in {values_s:.2f} s, "
                f"played on in {ahead_s:.2f} s"
            )


if __name__ == "__main__":
    main()
