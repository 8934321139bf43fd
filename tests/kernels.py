"""``python -m tests.kernels`` compiles what every kind of game is played and learnt with, on all cores.

Processes that share the tests would else compile the same kernels side by side, each for itself.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.tetris_env import make_env
from tetrarium.evaluation import evaluate, named_policy
from tetrarium.training import TetrisAgent, TrainingConfig

GAMES: Final = (  # those that take longest first
    EnvConfig.guideline().with_changes(actions="reachable"),
    EnvConfig.guideline(),
    EnvConfig(hold=True),
    EnvConfig(),
    EnvConfig.guideline().with_changes(actions="keys"),
)
SMALL: Final = TrainingConfig(n_envs=4, total_timesteps=40, learning_starts=20, batch_size=8, net_arch=(8,))


def compile_game(game: EnvConfig) -> None:
    """Learns a little from a game, plays it by what was learnt and by known weights, or presses a key."""
    if game.actions == "keys":
        env = make_env(game)()
        env.reset(seed=0)
        env.step(0)
        return
    agent = TetrisAgent(make_env(game)(), SMALL).train(40)
    for policy in (agent, named_policy("dt-10")):
        evaluate(policy, game, n_games=1, seed=0, max_pieces=2)


def main() -> None:
    """Compiles those of all games."""
    with ProcessPoolExecutor(min(len(GAMES), os.cpu_count() or 1), get_context("spawn")) as pool:
        list(pool.map(compile_game, GAMES))


if __name__ == "__main__":
    main()
