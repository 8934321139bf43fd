"""Lines per game where games are too long to play: run ``python bench/strength.py champion-10x20 --height 20``.

Each estimate is a weighted ensemble (``training/algorithms/cma_es/weighted_ensemble.py``) of the literature's game.
Estimates are independent, so their mean frequency of lost games has a 95 % interval, from which that of the lines
follows. ``--played 100`` also plays so many games to their end, for comparison on boards where that is possible.
"""

import argparse
import json
import time

import numpy as np

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import evaluate
from tetrarium.evaluation.intervals import mean_interval
from tetrarium.evaluation.leaderboard import find_ranked_agent
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import load_ranked_policy
from tetrarium.training.algorithms.cma_es.weighted_ensemble import WeightedEnsemble


def main() -> None:
    """Parses the arguments and prints one line of JSON per agent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+", help="run, model, file, or controller such as dt-10")
    parser.add_argument("--height", type=int, default=20)
    parser.add_argument("--estimates", type=int, default=100)
    parser.add_argument("--walkers", type=int, default=20, help="of each stack height")
    parser.add_argument("--skipped", type=int, default=300, help="pieces of each walker before the measurement")
    parser.add_argument("--steps", type=int, default=600, help="pieces of each walker in the measurement")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--played", type=int, default=0, help="games to play to their end, too")
    parser.add_argument("--home", help="home folder")
    arguments = parser.parse_args()
    home, config = Home.locate(arguments.home), EnvConfig.literature(arguments.height)
    ensemble = WeightedEnsemble(config, arguments.walkers)
    for name in arguments.agents:
        policy = load_ranked_policy(find_ranked_agent(name, home), home)
        started_s, rng = time.perf_counter(), np.random.default_rng(arguments.seed)
        estimates = [
            ensemble.estimate(policy, arguments.skipped, arguments.steps, rng) for _ in range(arguments.estimates)
        ]
        lost = 1 / np.array([one.lines for one in estimates])
        low, high = mean_interval(lost)
        found = {
            "agent": name,
            "height": arguments.height,
            "lines": round(1 / lost.mean()),
            "interval": [round(1 / high), round(1 / low)],
            "estimates": len(lost),
            "relative_deviation": round(float(lost.std(ddof=1) / lost.mean()), 3),
            "placements": sum(one.n_placed for one in estimates),
            "seconds": round(time.perf_counter() - started_s, 1),
        }
        if arguments.played:
            report = evaluate(policy, config, arguments.played, arguments.seed, max_pieces=10**9)
            found |= {"played": report.mean_lines, "played_interval": report.interval_lines, "games": report.n_games}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
