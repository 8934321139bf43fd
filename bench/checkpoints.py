"""Cost of checkpoints: run ``python bench/checkpoints.py``.

First, the size of a checkpoint after 100,000 transitions and the time of saving and loading it, compared with
Stable-Baselines3's own ``save`` and ``save_replay_buffer`` for an agent of the same size. Second, the processor time
per training step that a checkpoint every 10 seconds adds: runs with and without checkpoints alternate, so that other
load affects both alike; the mean ratio of the pairs is printed with a 95 % confidence interval.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.special import stdtrit
from stable_baselines3 import DQN
from stable_baselines3.common.buffers import ReplayBuffer

from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.interfaces.vec_env import make_vec_env
from tetrarium.events import CheckpointSaved, Event
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.runs.run import TrainingRun

N_TRANSITIONS: Final = 100_000
N_SAVES: Final = 5
EVERY_S: Final = 10
NEVER: Final = 10**12


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def show_size(folder: Path) -> None:
    """Measures size and time of saving and loading an agent with 100,000 transitions."""
    home = Home.locate(folder / "home")
    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig())
    agent.train(N_TRANSITIONS)
    saved_s, loaded_s = [], []
    for _ in range(N_SAVES):
        started_s = time.perf_counter()
        agent.save_checkpoint(folder / "ours", home=home)
        saved_s.append(time.perf_counter() - started_s)
        started_s = time.perf_counter()
        TetrisAgent.load_checkpoint(folder / "ours", make_env(EnvConfig())(), home=home)
        loaded_s.append(time.perf_counter() - started_s)
    print(
        f"checkpoint at {N_TRANSITIONS:,} transitions: {folder_bytes(folder / 'ours') / 1e6:.1f} MB, "
        f"saved in {statistics.median(saved_s):.2f} s (maximum {max(saved_s):.2f} s of {N_SAVES}), "
        f"loaded in {statistics.median(loaded_s):.2f} s"
    )


def show_sb3_size(folder: Path) -> None:
    """Measures Stable-Baselines3's own model and replay buffer with as many transitions."""
    folder.mkdir()
    env = make_vec_env(EnvConfig(), n_envs=50)
    model = DQN("MlpPolicy", env, buffer_size=N_TRANSITIONS, policy_kwargs={"net_arch": [64, 64]}, device="cpu")
    assert isinstance(model.replay_buffer, ReplayBuffer)
    model.replay_buffer.observations[:] = 0.0
    started_s = time.perf_counter()
    model.save(folder / "model")
    model.save_replay_buffer(folder / "replay")
    seconds = time.perf_counter() - started_s
    print(f"Stable-Baselines3's model and full buffer: {folder_bytes(folder) / 1e6:.1f} MB, saved in {seconds:.2f} s")


def cpu_seconds_per_step(home: Home, name: str, n_steps: int, every_s: int | None) -> tuple[float, int]:
    """Trains one run; returns processor seconds per step and the number of saved checkpoints."""
    config = TrainingConfig(
        total_timesteps=n_steps, checkpoint_every=NEVER, checkpoint_every_s=every_s, evaluate_every=0
    )
    saved = []

    def count(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            saved.append(event)

    run = TrainingRun.create(home, name, EnvConfig(), config, count)
    started_s = time.process_time()
    run.execute()
    return (time.process_time() - started_s) / n_steps, len(saved)


def show_overhead(folder: Path, n_pairs: int, n_steps: int) -> None:
    """Measures the overhead with alternating runs."""
    home = Home.locate(folder / "home")
    ratios = []
    n_saved = 0
    for pair in range(n_pairs):
        costs: dict[int | None, float] = {}
        for every_s in (None, EVERY_S) if pair % 2 else (EVERY_S, None):
            costs[every_s], n = cpu_seconds_per_step(home, f"pair-{pair}-{every_s}", n_steps, every_s)
            n_saved += n - 1 if every_s else 0  # every run saves a checkpoint at its end
        ratios.append(costs[EVERY_S] / costs[None])
        print(f"  pair {pair + 1}: {ratios[-1] - 1:+.2%}", flush=True)
    half = stdtrit(n_pairs - 1, 0.975) * np.std(ratios, ddof=1) / n_pairs**0.5
    mean = float(np.mean(ratios)) - 1
    print(
        f"checkpoint every {EVERY_S} s: {mean:+.2%} processor seconds per step, "
        f"{mean - half:+.2%} to {mean + half:+.2%} "
        f"(95 %, {n_pairs} pairs of {n_steps:,} steps, {n_saved / n_pairs:.1f} checkpoints each)"
    )


def main() -> None:
    """Parses the arguments and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of runs (0: none)")
    parser.add_argument("--steps", type=int, default=200_000, help="placements per run")
    parser.add_argument("--peer", action="store_true", help="also measure Stable-Baselines3 (750 MB on disk)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show_size(folder)
        if arguments.peer:
            show_sb3_size(folder / "peer")
        if arguments.pairs > 1:
            show_overhead(folder, arguments.pairs, arguments.steps)


if __name__ == "__main__":
    main()
