"""The model that callbacks of Stable-Baselines3 receive from algorithms that are not that library's."""

from collections.abc import Sequence

from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv


class CallbackModel:
    """Stand-in for a model of Stable-Baselines3, with what callbacks use: step count, logger and environment.

    Args:
        vec_env: The training environment.
    """

    def __init__(self, vec_env: VecEnv) -> None:
        self.num_timesteps = 0
        self.n_envs = vec_env.num_envs
        self.logger = Logger(None, [])
        self._vec_env = vec_env

    def get_env(self) -> VecEnv:
        return self._vec_env

    def combine(self, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Returns callbacks of this model combined into one, ready for training."""
        combined = CallbackList(list(callbacks))
        combined.init_callback(self)  # type: ignore[arg-type]  # has the attributes that callbacks use
        return combined

    def set_logger(self, logger: Logger) -> None:
        self.logger = logger
