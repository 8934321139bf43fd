"""What Stable-Baselines3's callbacks are given where no algorithm of Stable-Baselines3 learns."""

from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

__all__ = ["EvolutionModel"]


class EvolutionModel:
    """Counts placements, holds the logger, and names the games.

    Args:
        games: What callbacks are told is the training environment.
    """

    def __init__(self, games: VecEnv) -> None:
        self.num_timesteps = 0
        self.n_envs = games.num_envs
        self.logger = Logger(None, [])
        self._games = games

    def get_env(self) -> VecEnv:
        """Returns the games."""
        return self._games

    def set_logger(self, logger: Logger) -> None:
        """Records there from now on."""
        self.logger = logger
