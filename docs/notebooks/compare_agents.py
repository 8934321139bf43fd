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
# # Compare two agents
#
# Published controllers on the literature's game (10 × 10, uniform pieces). The lines of games vary as much as their
# mean, so n and an interval belong to every number.

# %%
from tetrarium.environment import EnvConfig
from tetrarium.evaluation import LinearPolicy, compare_reports, evaluate, named_policy

game = EnvConfig.literature(height=10)
reports = {name: evaluate(named_policy(name), game, n_games=100, seed=0) for name in ("dt-10", "dellacherie")}
for name, report in reports.items():
    low, high = report.interval_lines
    print(
        f"{name:12} {report.mean_lines:7.0f} estimated lines per game ({low:.0f} to {high:.0f}), n = {report.n_games}"
    )

# %% [markdown]
# Both played the same 100 piece sequences, so the difference of each pair of games is the sharper measure:

# %%
compare_reports(reports["dt-10"], reports["dellacherie"])

# %% [markdown]
# ## An own controller
#
# A linear controller is a dictionary of weights.

# %%
cautious = LinearPolicy({"holes": -4.0, "bumpiness": -1.0, "max_height": -0.5, "lines_cleared": 1.0})
own = evaluate(cautious, game, n_games=100, seed=0)
own.mean_lines, own.interval_lines

# %%
print(compare_reports(own, reports["dellacherie"]))
