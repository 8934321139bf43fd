"""What it costs a worker to be watched live: run ``python bench/watching.py``.

Pairs of runs, one watched and one not, in turns, so that a busy machine disturbs both alike. Both have what serves
watchers beside them. The watcher is a process of its own, which asks for 60 boards a second and reads all of them.
What is compared is processor time of the whole worker a training step, its start left out; the mean of the ratios has a
95 % interval over pairs.
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
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.hosting import hosted

NEVER: Final = 10**12
RATE: Final = 60
RENEW_S: Final = 1.0
LIMIT_S: Final = 60.0


class Cost(NamedTuple):
    """Of one run, from its first placements to its last."""

    cpu_s_step: float
    seconds: float
    n_boards: int


class Clock:
    """Is told of a run's events, and looks at the clocks when training is under way and when it ends."""

    def __init__(self) -> None:
        self.began = self.ended = (0, 0.0, 0.0)

    def tell(self, event: Event) -> None:
        """Notes step, processor seconds and seconds."""
        if isinstance(event, Progress) and event.step > 0:
            self.ended = (event.step, time.process_time(), time.monotonic())
            if not self.began[0]:
                self.began = self.ended


def watch(folder: Path, *, thoughts: bool) -> int:
    """Watches a worker to its end, and prints how many boards came; runs in a process of its own."""
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
            worker.command("watch", boards_per_second=RATE, thoughts=thoughts)
            for event in worker.events(RENEW_S):
                n_boards += isinstance(event, BoardShown)
                ended = ended or (isinstance(event, StateChanged) and event.state == "finished")
    print(n_boards)
    return 0


def measured(home: Home, name: str, n_steps: int, *, is_watched: bool, thoughts: bool) -> Cost:
    """Trains one run in this process; one that is watched waits for its watcher."""
    config = TrainingConfig(total_timesteps=n_steps, checkpoint_every=NEVER, evaluate_every=0)
    clock = Clock()
    run = TrainingRun.create(home, name, EnvConfig(), config, clock.tell)
    watcher = None
    if is_watched:
        run.control.pause()
        command = [sys.executable, __file__, "--watch", str(run.folder), *(["--thoughts"] if thoughts else [])]
        watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 this script
    run.execute(hosted)
    printed = watcher.communicate(timeout=LIMIT_S)[0] if watcher is not None else "0"
    steps, cpu_s, seconds = (end - begin for begin, end in zip(clock.began, clock.ended, strict=True))
    return Cost(cpu_s / steps, seconds, int(printed))


def show_overhead(folder: Path, n_pairs: int, n_steps: int, *, thoughts: bool) -> None:
    """Trains pairs of runs in turns."""
    home = Home.locate(folder / "home")
    ratios, rates = [], []
    measured(home, "first", 5_000, is_watched=False, thoughts=False)  # loads every kernel
    for pair in range(n_pairs):
        costs: dict[bool, Cost] = {}
        for is_watched in (False, True) if pair % 2 else (True, False):
            name = f"pair-{pair}-{'watched' if is_watched else 'alone'}"
            costs[is_watched] = measured(home, name, n_steps, is_watched=is_watched, thoughts=thoughts)
        ratios.append(costs[True].cpu_s_step / costs[False].cpu_s_step)
        rates.append(costs[True].n_boards / costs[True].seconds)
        print(
            f"  pair {pair + 1}: {ratios[-1] - 1:+.2%}, {costs[False].cpu_s_step * 1e6:.1f} µs a step unwatched, "
            f"{rates[-1]:.0f} boards a second",
            flush=True,
        )
    half = stdtrit(n_pairs - 1, 0.975) * np.std(ratios, ddof=1) / n_pairs**0.5
    mean = float(np.mean(ratios)) - 1
    print(
        f"watched live{' with thoughts' if thoughts else ''} at {np.mean(rates):.0f} boards a second: {mean:+.2%} "
        f"processor seconds a step, {mean - half:+.2%} to {mean + half:+.2%} (95 %, {n_pairs} pairs of {n_steps:,} "
        "steps)"
    )


def main() -> int:
    """Reads the arguments and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of runs")
    parser.add_argument("--steps", type=int, default=100_000, help="placements of each run")
    parser.add_argument("--thoughts", action="store_true", help="ask for what the agent thinks, too")
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch is not None:
        return watch(arguments.watch, thoughts=arguments.thoughts)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        show_overhead(Path(name), arguments.pairs, arguments.steps, thoughts=arguments.thoughts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
