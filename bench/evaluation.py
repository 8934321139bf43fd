"""Cost of ledgers: run ``python bench/evaluation.py``.

The same games are played with and without a ledger, alternately, on one thread. The ledger is written every 10 seconds
and at the end, as always. Figures are pieces per second of processor time, medians over the pairs; the ratio is the
median of the pairs' ratios.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import evaluate, named_policy

N_GAMES = 400


def pieces_per_second(max_pieces: int, ledger: Path | None) -> float:
    """Returns the speed of DT-10 on the default game."""
    started_s = time.process_time()
    report = evaluate(named_policy("dt-10"), EnvConfig(), N_GAMES, max_pieces=max_pieces, n_threads=1, ledger=ledger)
    return report.pieces_total / (time.process_time() - started_s)


def main() -> None:
    """Measures and prints the speeds and their ratio."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--max-pieces", type=int, default=50_000, help="of each of 400 games")
    arguments.add_argument("--pairs", type=int, default=3)
    given = arguments.parse_args()
    pieces_per_second(100, None)
    pairs = []
    for number in range(given.pairs):
        with tempfile.TemporaryDirectory() as folder:
            ledgers = (None, Path(folder)) if number % 2 else (Path(folder), None)
            speeds = {ledger: pieces_per_second(given.max_pieces, ledger) for ledger in ledgers}
            pairs.append((speeds[None], speeds[Path(folder)]))
    without, with_ledger = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for other, one in pairs)
    print(f"without a ledger {without:,.0f}, with one {with_ledger:,.0f} pieces per CPU-second: ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
