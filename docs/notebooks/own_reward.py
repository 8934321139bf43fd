# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An own reward with plain Stable-Baselines3
#
# Any Gymnasium wrapper changes the reward. Here four lines at once are worth more, and Stable-Baselines3's PPO learns
# from the wrapped environment.

# %%
import gymnasium as gym
from stable_baselines3 import PPO

from tetrarium.environment import EnvConfig, TetrisEnv


class QuadraticLines(gym.RewardWrapper):
    """Pays the square of the number of lines cleared at once."""

    def reward(self, reward: float) -> float:
        return float(reward) ** 2


env = QuadraticLines(TetrisEnv(EnvConfig(max_pieces=200)))

# %% [markdown]
# PPO knows nothing of legal actions. The environment plays the nearest legal action for an illegal one by default
# (`illegal_action="nearest"`).

# %%
model = PPO("MlpPolicy", env, n_steps=256, batch_size=64, seed=0)
model.learn(1_024)

# %% [markdown]
# The built-in penalties need no wrapper and keep the vectorized fast path:

# %%
shaped = EnvConfig(hole_penalty=0.5, height_penalty=0.1)
env = TetrisEnv(shaped)
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(0)
reward
