"""Entry point of worker processes: ``python -m tetrarium.workers train|demo|human-game|job|piece NAME``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tetrarium.registry.home import Home
from tetrarium.training.runs.control import MODES


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and runs the worker; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tetrarium.workers", description=__doc__)
    parser.add_argument("role", choices=("train", "demo", "human-game", "job", "piece"))
    parser.add_argument("name", help="name of the run, id of the demo, human game or job, or folder of the piece")
    parser.add_argument("--home", type=Path, help="home folder of tetrarium")
    parser.add_argument("--mode", choices=MODES, default="live", help="initial display mode of a training run")
    parser.add_argument("--steps", type=int, help="new total number of steps of a training run")
    parser.add_argument("--any-cpu", action="store_true", help="resume under other vector instructions")
    parser.add_argument("--lock", type=int, help="file descriptor of the folder's lock, inherited from the starter")
    parser.add_argument("--starter", type=int, help="process with which a demo or human game ends")
    parsed = parser.parse_args(arguments)
    if parsed.role == "piece":
        from tetrarium.workers.processes.piece_process import run_piece

        return run_piece(Path(parsed.name), lock=parsed.lock)
    home = Home.locate(parsed.home)
    if parsed.role == "train":
        from tetrarium.workers.processes.trainer import train

        return train(home, parsed.name, mode=parsed.mode, steps=parsed.steps, any_cpu=parsed.any_cpu, lock=parsed.lock)
    if parsed.role == "job":
        from tetrarium.workers.processes.job_process import run_job

        return run_job(home, parsed.name, lock=parsed.lock)
    if parsed.role == "human-game":
        from tetrarium.workers.processes.human_game_process import play_human_game

        return play_human_game(home, parsed.name, lock=parsed.lock, starter=parsed.starter)
    from tetrarium.workers.processes.demo_process import play_demo

    return play_demo(home, parsed.name, lock=parsed.lock, starter=parsed.starter)


if __name__ == "__main__":
    sys.exit(main())
