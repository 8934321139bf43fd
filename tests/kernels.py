"""``python -m tests.kernels`` compiles what every kind of game is played and learnt with, on all cores.

Processes that share the tests would else compile the same kernels side by side, each for itself.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.tetris_env import make_env
from tetrarium.training import TetrisAgent, TrainingConfig

GAMES: Final = (  # those that take longest first
    EnvConfig.guideline().with_changes(actions="reachable"),
    EnvConfig.guideline(),
    EnvConfig(hold=True),
    EnvConfig(),
)
SMALL: Final = TrainingConfig(n_envs=4, total_timesteps=40, learning_starts=20, batch_size=8, net_arch=(8,))


def compile_game(game: EnvConfig) -> None:
    """Learns a little from a game, for which every kernel is called."""
    TetrisAgent(make_env(game)(), SMALL).train(40)


def main() -> None:
    """Compiles those of all games."""
    with ProcessPoolExecutor(min(len(GAMES), os.cpu_count() or 1), get_context("spawn")) as pool:
        list(pool.map(compile_game, GAMES))


if __name__ == "__main__":
    main()
