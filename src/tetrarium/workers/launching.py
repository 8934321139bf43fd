"""Starts workers, as processes in sessions of their own: they live on when whoever started them ends.

What can be refused is refused here, before a process is started: a name that is taken, a game that this version cannot
play. The lock of the run's folder is taken here too and handed to the process, so that there is no instant in which
somebody else could take the run, or take it for dead.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from tetrarium.environment import EnvConfig
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.folder import checkpoint_steps, create_run, read_run_config, take_lock
from tetrarium.workers.files import LOG, WorkerState

__all__ = ["resume_training", "start_training"]


def start_training(
    home: Home,
    env_config: EnvConfig,
    training_config: TrainingConfig,
    *,
    name: str | None = None,
    start_from: Path | None = None,
    preset: str | None = None,
    mode: str = "live",
) -> str:
    """Makes a new run and starts its worker; returns the run's name.

    Args:
        home: Where it lives.
        env_config: What is played.
        training_config: How it is learnt.
        name: Its name; without one it gets the next number.
        start_from: A checkpoint whose weights the agent begins with.
        preset: What the configs were made of.
        mode: How it shows itself at first: ``"headless"``, ``"live"`` or ``"every-move"``.

    Raises:
        HomeError: if the name is taken or not allowed, or the home cannot be written.
        NotAvailableError: if this version cannot play the game.
    """
    config = create_run(home, name, env_config, training_config, start_from=start_from, preset=preset)
    _start_trainer(home, config.name, 0, training_config.total_timesteps, mode)
    return config.name


def resume_training(home: Home, name: str, *, mode: str = "live") -> None:
    """Starts a worker that goes on with a run from its last checkpoint.

    Raises:
        HomeError: if there is no such run, or a process trains it.
    """
    config = read_run_config(home, name)
    step = max(checkpoint_steps(home.run_folder(name)), default=0)
    _start_trainer(home, name, step, config.training_config.total_timesteps, mode)


def _start_trainer(home: Home, name: str, step: int, total_steps: int, mode: str) -> None:
    folder = home.run_folder(name)
    lock = take_lock(folder)
    try:
        WorkerState(state="starting", step=step, total_steps=total_steps, message=f"Starting at step {step:,}.").write(
            folder
        )
        _start(folder, lock, ["train", name, "--home", str(home.root), "--mode", mode])
    finally:
        os.close(lock)


def _start(folder: Path, lock: int, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "tetrarium.workers", *arguments, "--lock", str(lock)]
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,), start_new_session=True
        )
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()  # so that no zombie stays
