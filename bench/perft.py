"""How fast lock positions are generated, on one core: run ``python bench/perft.py``.

Perft counts the ways to place a queue of pieces under the Super Rotation System, on an empty board 10 wide and 48 high.
A node is a placement of the last piece; these are counted in bulk, as bits, and no board is made of them. Counts are
held against published ones. Rates are of this process's CPU time, the best of several runs.
"""

import argparse
import time

from tetrarium.engine import perft

COUNTS = {"IOLJSZT": 2_647_076_135, "LJSZTIO": 2_852_978_763, "IIIIII": 33_325_433}
GOAL = 150_000_000  # nodes a second of IOLJSZT on a 2.6 GHz core


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="runs that a figure is the best of (default: 3)")
    repeats = parser.parse_args().repeats
    start = time.process_time()
    perft("I", 1)
    print(f"ready to count after {time.process_time() - start:.1f} s, compiling included where nothing was cached")
    for queue, n_nodes in COUNTS.items():
        times_s = []
        for _ in range(repeats):
            start = time.process_time()
            found = perft(queue, len(queue))
            times_s.append(time.process_time() - start)
            if found != n_nodes:
                raise SystemExit(f"{queue}: {found:,} nodes, but {n_nodes:,} are published")
        rate = n_nodes / min(times_s)
        note = f"{rate / GOAL:.2f} x the goal of {GOAL:,}" if queue == "IOLJSZT" else ""
        print(f"perft {queue}, {n_nodes:,} nodes in bulk{rate:>18,.0f} nodes/s  {note}".rstrip())


if __name__ == "__main__":
    main()
