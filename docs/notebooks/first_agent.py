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
# # Your first agent
#
# An environment, an agent, a minute of training. Notebooks of this guide are plain Python files; open them with
# [jupytext](https://jupytext.readthedocs.io) in Jupyter, or run them as scripts.

# %%
from tetrarium.environment import EnvConfig, make_env
from tetrarium.evaluation import evaluate
from tetrarium.training import TetrisAgent, TrainingConfig

env = make_env(EnvConfig())()
observation, info = env.reset(seed=0)
observation.shape, int(info["action_mask"].sum())

# %% [markdown]
# Forty actions (`4 * column + rotation`), one row of features each. `info["action_mask"]` marks the legal ones; the row
# of an illegal action is −1 throughout. A random game:

# %%
total = 0.0
terminated = truncated = False
while not (terminated or truncated):
    action = env.action_space.sample(mask=info["action_mask"].astype("int8"))
    observation, reward, terminated, truncated, info = env.step(action)
    total += float(reward)
total, info["pieces_game"]

# %% [markdown]
# ## Train
#
# 10,000 placements take a few seconds.

# %%
agent = TetrisAgent(env, TrainingConfig(learning_starts=500, exploration_fraction=0.1))
before = evaluate(agent, EnvConfig(), n_games=20, seed=0, max_pieces=500)
agent.train(10_000)
after = evaluate(agent, EnvConfig(), n_games=20, seed=0, max_pieces=500)
print(f"before: {before.mean_lines:.1f} lines, after: {after.mean_lines:.1f} lines, n = {after.n_games}")

# %% [markdown]
# ## Save and load
#
# A checkpoint holds everything: training continues as if it had never stopped.

# %%
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp()) / "first"
agent.save_checkpoint(folder)
agent = TetrisAgent.load_checkpoint(folder, env)
agent.timesteps_trained

# %% [markdown]
# ## Play
#
# `render_mode="ansi"` draws the board as text, `"rgb_array"` as pixels.

# %%
window = make_env(EnvConfig(), render_mode="ansi")()
observation, info = window.reset(seed=1)
for _ in range(30):
    action, _ = agent.predict(observation)
    observation, reward, terminated, truncated, info = window.step(int(action))
    if terminated:
        break
print(window.render())
