"""``python -m tetrarium.workers train NAME``, ``play ID``, ``hand ID`` and ``job ID``: how workers are started."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tetrarium.registry.home import Home
from tetrarium.training.runs.control import MODES


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads what to do, and does it."""
    parser = argparse.ArgumentParser(prog="python -m tetrarium.workers", description=__doc__)
    parser.add_argument("what", choices=("train", "play", "hand", "job"))
    parser.add_argument("name", help="a run, or the folder of a player, a person's game or a job")
    parser.add_argument("--home", type=Path, help="folder in which tetrarium keeps things")
    parser.add_argument("--mode", choices=MODES, default="live", help="how a training shows itself at first")
    parser.add_argument("--lock", type=int, help="descriptor of the lock that this process was started with")
    given = parser.parse_args(arguments)
    home = Home.locate(given.home)
    if given.what == "train":
        from tetrarium.workers.training import train

        return train(home, given.name, mode=given.mode, lock=given.lock)
    if given.what == "job":
        from tetrarium.workers.job import work

        return work(home, given.name, lock=given.lock)
    if given.what == "hand":
        from tetrarium.workers.hand import hand

        return hand(home, given.name, lock=given.lock)
    from tetrarium.workers.player import play

    return play(home, given.name, lock=given.lock)


if __name__ == "__main__":
    sys.exit(main())
