"""What a server has loaded before it forks processes that train: importing it there spares each of them seconds."""

import os
import sys
from pathlib import Path

import stable_baselines3  # noqa: F401 for those that are forked
from torch.utils import tensorboard  # noqa: F401

from tetrarium.cli.main import main
from tetrarium.environment import EnvConfig
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.training.algorithms import dqn_learner  # noqa: F401
from tetrarium.training.runs import run  # noqa: F401


def load_kernels() -> None:
    """Plays a placement; starts no thread, which no fork would take along."""
    games = TetrisVecEnv(EnvConfig(), 1)
    games.reset()
    games.step_async(games.core.masks.argmax(axis=1))
    games.step_wait()


def run_command(arguments: list[str], printed: Path, complained: Path) -> None:
    """Is a process from here on: runs a command as a shell would, with files for its output."""
    for stream, path in ((sys.stdout, printed), (sys.stderr, complained)):
        stream.flush()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    main(arguments)


load_kernels()
