"""Runs that are killed repeatedly until they finish."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.torture.processes import Process, finish, is_writing, kill, resume, train, wait_until
from tests.torture.run_results import require_whole

Aim = Callable[[random.Random, Path, Process], object]


def anywhere(rng: random.Random, _run: Path, process: Process) -> None:
    """Waits for a random instant of the process, including its start."""
    pause(rng.uniform(0.0, 2.0), process)


def while_training(rng: random.Random, run: Path, process: Process) -> None:
    """Waits for an instant soon after training has resumed."""
    began = len(list(run.glob("events.*")))
    wait_until(lambda: len(list(run.glob("events.*"))) > began, process)
    pause(rng.uniform(0.0, 1.5), process)


def while_saving(rng: random.Random, run: Path, process: Process) -> None:
    """Waits for an instant in the middle of writing a checkpoint."""
    wait_until(lambda: is_writing(run / "checkpoints"), process)
    pause(rng.uniform(0.0, 0.03), process)


def after_saving(rng: random.Random, run: Path, process: Process) -> None:
    """Waits for an instant just after a checkpoint was renamed, when replays are written and old ones deleted."""
    there = set(checkpoints(run))
    wait_until(lambda: set(checkpoints(run)) - there, process)
    pause(rng.uniform(0.0, 0.02), process)


AIMS: Final[tuple[Aim, ...]] = (while_saving, while_training, after_saving, while_saving, anywhere)


def pause(seconds: float, process: Process) -> None:
    """Waits for some time, or until the process ends."""
    until_s = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until_s, process)


def checkpoints(run: Path) -> list[str]:
    try:
        return [name for name in os.listdir(run / "checkpoints") if name.isdecimal()]  # noqa: PTH208 in a tight loop
    except FileNotFoundError:
        return []


def train_with_kills(home: Path, name: str, rng: random.Random, n_kills: int) -> int:
    """Trains the run of a case to its end with at most ``n_kills`` kills; returns the number of kills."""
    run = home / "runs" / name
    process = train(home, name, **CASES[name])
    for killed in range(n_kills):
        rng.choice(AIMS)(rng, run, process)
        if process.poll() is not None:
            finish(process)
            return killed
        kill(process)
        require_whole(run)
        process = resume(home, name) if run.exists() else train(home, name, **CASES[name])
    finish(process)
    return n_kills


CASES: Final[dict[str, dict[str, Any]]] = {
    "four-games": {},
    "one-game": {"n_envs": 1, "total_timesteps": 1_600, "checkpoint_every": 300, "evaluate_every": 350},
    "two-threads": {  # few steps: the threads wait for each other on a busy machine
        "torch_threads": 2,
        "net_arch": "64,64",
        "batch_size": 256,
        "train_freq": 4,
        "total_timesteps": 600,
        "checkpoint_every": 200,
        "evaluate_every": 300,
        "seed": 5,
    },
    "no-averages": {"averaging": 0, "train_freq": 3, "gradient_steps": -1, "checkpoint_every": 240, "seed": 7},
    "qr-dqn": {"algorithm": "qr-dqn", "n_quantiles": 5},
    "ppo": {"algorithm": "ppo", "ppo_n_steps": 8},
    "maskable-ppo": {"algorithm": "maskable-ppo", "ppo_n_steps": 8},
    "cma-es": {
        "algorithm": "cma-es",
        "cma_population": 6,
        "cma_games": 2,
        "max_pieces_game": 60,
        "total_timesteps": 12_000,
        "checkpoint_every": 1_500,
        "evaluate_every": 3_500,
        "keep_every": 5_000,
    },
}
