"""How well and how fast an agent learns: run ``python bench/learning.py``, or with ``--preset quick`` and the like.

For each seed a new agent is trained with a preset on one core, final weights, and its playing is measured by
``evaluate`` on games that it never saw: 100 games of the default game cut at 10,000 pieces, and 100 with independent
pieces cut at 100,000; for a preset of the literature, 100 games of that, cut at 1,000,000. Wall clock runs from the
first step, kernels compiled before. ``--ablation`` instead changes one setting at a time and trains briefly, which is
where the reasons in docs/learning.md come from.
"""

import argparse
import time
from typing import Any, Final

import torch

from tetrarium.environment import EnvConfig, make_env
from tetrarium.evaluation import Report, evaluate
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.presets import PRESETS, Preset

ABLATION_STEPS: Final = 50_000
ABLATION_SEEDS: Final = (1, 2, 3)
ABLATION_PIECES: Final = 2_000
ABLATIONS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "defaults": ({}, {}),
    "double_q=False": ({"double_q": False}, {}),
    "averaging=0": ({"averaging": 0.0}, {}),
    "averaging=0.99": ({"averaging": 0.99}, {}),
    "gamma=0.8": ({"gamma": 0.8}, {}),
    "gamma=0.95": ({"gamma": 0.95}, {}),
    "gamma=0.98": ({"gamma": 0.98}, {}),
    "gamma=0.99": ({"gamma": 0.99}, {}),
    "learning_rate=0.001": ({"learning_rate": 0.001}, {}),
    "learning_rate=0.01": ({"learning_rate": 0.01}, {}),
    "learning_rate_final=0.003": ({"learning_rate_final": 0.003}, {}),
    "batch_size=128": ({"batch_size": 128}, {}),
    "batch_size=512": ({"batch_size": 512}, {}),
    "target_update_interval=500": ({"target_update_interval": 500}, {}),
    "target_update_interval=8000": ({"target_update_interval": 8_000}, {}),
    "exploration_initial_eps=0.02": ({"exploration_initial_eps": 0.02}, {}),
    "exploration_initial_eps=0.5": ({"exploration_initial_eps": 0.5}, {}),
    "net_arch=(32,)": ({"net_arch": (32,)}, {}),
    "net_arch=(32, 32)": ({"net_arch": (32, 32)}, {}),
    "net_arch=(128, 128)": ({"net_arch": (128, 128)}, {}),
    "n_envs=16": ({"n_envs": 16}, {}),
    "n_envs=200": ({"n_envs": 200}, {}),
    "game_over_penalty=5": ({}, {"game_over_penalty": 5.0}),
    "hole_penalty=0.5": ({}, {"hole_penalty": 0.5}),
    "height_penalty=0.1": ({}, {"height_penalty": 0.1}),
}


def train(config: TrainingConfig, game: EnvConfig) -> tuple[TetrisAgent, float]:
    """Trains a new agent; returns it with the seconds that took."""
    agent = TetrisAgent(make_env(game)(), config)
    started_s = time.perf_counter()
    agent.train(config.total_timesteps)
    return agent, time.perf_counter() - started_s


def shown(report: Report) -> str:
    """One report in one phrase."""
    return f"{report.n_ended} of {report.n_games} games ended, {report.summary()}"


def show_preset(preset: Preset, seeds: list[int], n_steps: int | None) -> None:
    """Trains and measures a preset's agent once for each seed."""
    game = preset.env_config
    for seed in seeds:
        config = preset.training_config.with_changes(seed=seed)
        if n_steps is not None:
            config = config.with_changes(total_timesteps=n_steps)
        agent, seconds = train(config, game)
        speed = agent.timesteps_trained / seconds
        print(f"seed {seed}: {agent.timesteps_trained:,} placements in {seconds:.0f} s ({speed:,.0f}/s)", flush=True)
        report = evaluate(agent, game, 100, 0)
        print(f"  {game.randomizer}, cut at {report.max_pieces:,} pieces: {shown(report)}", flush=True)
        if game.randomizer != "uniform":
            report = evaluate(agent, game.with_changes(randomizer="uniform"), 100, 0, max_pieces=100_000)
            print(f"  uniform, cut at {report.max_pieces:,} pieces: {shown(report)}", flush=True)


def show_ablations() -> None:
    """Changes one setting at a time."""
    print(f"{ABLATION_STEPS:,} placements, seeds {ABLATION_SEEDS}, 50 games cut at {ABLATION_PIECES:,} pieces each")
    print(f"{'changed':32} {'alive at the cut, by seed':>26} {'mean lines, at most 800':>24} {'seconds':>8}")
    for name, (training, rewards) in ABLATIONS.items():
        game = EnvConfig().with_changes(**rewards)
        alive, lines, seconds = [], 0, 0.0
        for seed in ABLATION_SEEDS:
            config = TrainingConfig(total_timesteps=ABLATION_STEPS, seed=seed).with_changes(**training)
            agent, took = train(config, game)
            report = evaluate(agent, EnvConfig(), 50, 0, max_pieces=ABLATION_PIECES)
            alive.append(report.n_cut_off)
            lines += report.lines_total
            seconds += took
        by_seed = " ".join(f"{100 * n / 50:.0f} %".rjust(6) for n in alive)
        n_games = 50 * len(ABLATION_SEEDS)
        print(f"{name:32} {by_seed:>26} {lines / n_games:24,.0f} {seconds / len(ABLATION_SEEDS):8.0f}", flush=True)


def main() -> None:
    """Reads the arguments and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--steps", type=int, help="placements to learn from; the preset's if left out")
    parser.add_argument("--ablation", action="store_true", help="change one setting at a time instead")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(TrainingConfig(total_timesteps=2_000, learning_starts=500), EnvConfig())  # compiles what is not yet
    if arguments.ablation:
        show_ablations()
    else:
        show_preset(PRESETS[arguments.preset], arguments.seeds, arguments.steps)


if __name__ == "__main__":
    main()
