"""Cost of a live viewer for a training worker: run ``python bench/viewer_overhead.py``.

Runs alternate with and without a viewer, so that other load on the machine affects both alike. Both have a worker
server. The viewer is a separate process, which subscribes to 60 boards per second and reads all of them. The processor
time of the whole worker per training step is compared, without its start; the mean ratio of the pairs is printed with a
95 % confidence interval.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from scipy.special import stdtrit

from tetrarium.environment import EnvConfig
from tetrarium.errors import WorkerError
from tetrarium.events import BoardShown, Event, Progress, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.run import TrainingRun
from tetrarium.workers.processes.worker_host import hosted
from tetrarium.workers.protocol.client import WorkerClient

NEVER: Final = 10**12
RATE: Final = 60
RENEW_S: Final = 1.0
LIMIT_S: Final = 60.0


class Cost(NamedTuple):
    """Cost of one run between its first and its last progress event."""

    cpu_s_step: float
    seconds: float
    n_boards: int


class Clock:
    """Steps and clock readings at the first and the last progress event of a run."""

    def __init__(self) -> None:
        self.first = self.last = (0, 0.0, 0.0)

    def observe(self, event: Event) -> None:
        """Records step, CPU seconds and wall-clock seconds."""
        if isinstance(event, Progress) and event.step > 0:
            self.last = (event.step, time.process_time(), time.monotonic())
            if not self.first[0]:
                self.first = self.last


def watch(folder: Path, *, action_values: bool) -> int:
    """Watches a worker until it ends and prints the number of boards; called in a separate process."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            worker = WorkerClient.connect(folder)
            break
        except WorkerError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
    n_boards = 0
    ended = False
    with worker:
        worker.command("resume")
        while not ended:
            worker.command("watch", boards_per_second=RATE, action_values=action_values)
            for event in worker.events(RENEW_S):
                n_boards += isinstance(event, BoardShown)
                ended = ended or (isinstance(event, StateChanged) and event.state == "finished")
    print(n_boards)
    return 0


def measure(home: Home, name: str, n_steps: int, *, is_watched: bool, action_values: bool) -> Cost:
    """Trains one run in this process; with a viewer, it is paused until the viewer resumes it."""
    config = TrainingConfig(total_timesteps=n_steps, checkpoint_every=NEVER, evaluate_every=0)
    clock = Clock()
    run = TrainingRun.create(home, name, EnvConfig(), config, clock.observe)
    viewer = None
    if is_watched:
        run.control.pause()
        command = [
            sys.executable,
            __file__,
            "--watch",
            str(run.folder),
            *(["--action-values"] if action_values else []),
        ]
        viewer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 this script
    run.execute(hosted)
    printed = viewer.communicate(timeout=LIMIT_S)[0] if viewer is not None else "0"
    steps, cpu_s, seconds = (end - begin for begin, end in zip(clock.first, clock.last, strict=True))
    return Cost(cpu_s / steps, seconds, int(printed))


def show_overhead(folder: Path, n_pairs: int, n_steps: int, *, action_values: bool) -> None:
    """Measures the overhead with alternating runs."""
    home = Home.locate(folder / "home")
    ratios, rates = [], []
    measure(home, "first", 5_000, is_watched=False, action_values=False)  # compiles or loads every kernel
    for pair in range(n_pairs):
        costs: dict[bool, Cost] = {}
        for is_watched in (False, True) if pair % 2 else (True, False):
            name = f"pair-{pair}-{'watched' if is_watched else 'alone'}"
            costs[is_watched] = measure(home, name, n_steps, is_watched=is_watched, action_values=action_values)
        ratios.append(costs[True].cpu_s_step / costs[False].cpu_s_step)
        rates.append(costs[True].n_boards / costs[True].seconds)
        print(
            f"  pair {pair + 1}: {ratios[-1] - 1:+.2%}, {costs[False].cpu_s_step * 1e6:.1f} µs per step alone, "
            f"{rates[-1]:.0f} boards per second",
            flush=True,
        )
    half = stdtrit(n_pairs - 1, 0.975) * np.std(ratios, ddof=1) / n_pairs**0.5
    mean = float(np.mean(ratios)) - 1
    extra = " with action values" if action_values else ""
    print(
        f"watched live{extra} at {np.mean(rates):.0f} boards per second: {mean:+.2%} processor seconds per step, "
        f"{mean - half:+.2%} to {mean + half:+.2%} (95 %, {n_pairs} pairs of {n_steps:,} steps)"
    )


def main() -> int:
    """Parses the arguments and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of runs")
    parser.add_argument("--steps", type=int, default=100_000, help="placements per run")
    parser.add_argument("--action-values", action="store_true", help="also subscribe to action values")
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch is not None:
        return watch(arguments.watch, action_values=arguments.action_values)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        show_overhead(Path(name), arguments.pairs, arguments.steps, action_values=arguments.action_values)
    return 0


if __name__ == "__main__":
    sys.exit(main())
