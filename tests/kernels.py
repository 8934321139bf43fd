"""``python -m tests.kernels`` compiles the kernels of playing and training for every kind of game, on all cores.

Otherwise the processes that share the tests would all compile the same kernels.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.tetris_env import make_env
from tetrarium.evaluation import evaluate, named_policy, play_moves
from tetrarium.training import TetrisAgent, TrainingConfig

GAMES: Final = (  # in descending order of compile time
    EnvConfig.guideline().with_changes(actions="reachable"),
    EnvConfig.guideline(),
    EnvConfig(hold=True),
    EnvConfig(),
    EnvConfig.guideline().with_changes(actions="keys"),
)
SMALL: Final = TrainingConfig(n_envs=4, total_timesteps=40, learning_starts=20, batch_size=8, net_arch=(8,))


def compile_game(game: EnvConfig) -> None:
    """Trains on a game for a few steps and evaluates the agent and controllers, or presses a key."""
    if game.actions == "keys":
        env = make_env(game)()
        env.reset(seed=0)
        env.step(0)
        return
    agent = TetrisAgent(make_env(game)(), SMALL).train(40)
    for policy in (agent, named_policy("dt-10"), named_policy("random")):
        evaluate(policy, game, n_games=1, seed=0, max_pieces=2)
        list(play_moves(policy, game, 0, 0, max_pieces=2))


def main() -> None:
    """Compiles the kernels of all games."""
    with ProcessPoolExecutor(min(len(GAMES), os.cpu_count() or 1), get_context("spawn")) as pool:
        list(pool.map(compile_game, GAMES))


if __name__ == "__main__":
    main()
