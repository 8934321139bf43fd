"""Speed of the generation of lock positions, on one core: run ``python bench/perft.py``.

Perft counts the ways to place a queue of pieces under the Super Rotation System, on an empty board 10 wide and 48 high.
A node is a placement of the last piece; nodes are counted in bulk, as bits, without constructing their boards. Counts
are compared with published ones. Rates are per second of this process's CPU time, the best of several runs.
"""

import argparse
import time

from tetrarium.engine import perft

COUNTS = {"IOLJSZT": 2_647_076_135, "LJSZTIO": 2_852_978_763, "IIIIII": 33_325_433}
GOAL = 150_000_000  # nodes per second of IOLJSZT on a 2.6 GHz core


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="number of runs, of which the best counts (default: 3)")
    repeats = parser.parse_args().repeats
    start = time.process_time()
    perft("I", 1)
    print(f"ready after {time.process_time() - start:.1f} s, including compilation of what is not cached")
    for queue, n_nodes in COUNTS.items():
        times_s = []
        for _ in range(repeats):
            start = time.process_time()
            found = perft(queue, len(queue))
            times_s.append(time.process_time() - start)
            if found != n_nodes:
                raise SystemExit(f"{queue}: {found:,} nodes, but the published count is {n_nodes:,}")
        rate = n_nodes / min(times_s)
        note = f"{rate / GOAL:.2f} x the goal of {GOAL:,}" if queue == "IOLJSZT" else ""
        print(f"perft {queue}, {n_nodes:,} nodes in bulk{rate:>18,.0f} nodes/s  {note}".rstrip())


if __name__ == "__main__":
    main()
