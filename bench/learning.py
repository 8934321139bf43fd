"""Learning speed and final strength of an agent: run ``python bench/learning.py``, or ``--measure 10x10 --seeds 1 2``.

For each measure and seed, a new agent is trained on one core from random weights and evaluated by ``evaluate`` on games
with other seeds. Seconds count from the first step, after compilation; the compile time is printed above the table.
Training uses one thread, so on an idle machine wall-clock and CPU seconds are the same. The weights are those at the
end of training.

=========  ==========================================  =============================================================
measure    trained with                                measured
=========  ==========================================  =============================================================
10x20      ``literature-10x20``, within 60 s           mean lines of 100 games of at most 1e6 pieces
10x10      ``literature-10x10``, within 180 s          mean lines of 1,000 games without a limit
10x10-cma  ``literature-10x10-cma``, within 180 s      the same
10x10-ppo  ``literature-10x10-ppo``, within 180 s      the same, after 10 million placements
default    ``quick``                                   seconds until none of 100 games ends within 10,000 pieces
=========  ==========================================  =============================================================

Every row also shows the training speed in placements per second. ``--quick-look`` plays fewer games.
``--preset`` trains any one preset instead. ``--ablation`` changes one setting at a time and trains briefly; the results
support docs/explanation/how-it-learns.md.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch

from tetrarium.environment import EnvConfig, make_env
from tetrarium.evaluation import Report, evaluate, named_policy
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.presets import PRESETS, Preset

ABLATION_STEPS: Final = 50_000
ABLATION_SEEDS: Final = (1, 2, 3)
ABLATION_PIECES: Final = 2_000
PUBLISHED_FEATURES: Final = (
    "landing_height",
    "eroded_cells",
    "row_transitions",
    "column_transitions",
    "holes",
    "fast_wells",
    "hole_depth",
    "rows_with_holes",
    "pattern_diversity",
)
FOUR_FEATURES: Final = ("column_heights", "holes", "bumpiness", "lines_cleared")
ABLATIONS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "defaults": ({}, {}),
    "n_steps=3": ({"n_steps": 3}, {}),
    "n_steps=5": ({"n_steps": 5}, {}),
    "n_steps=10": ({"n_steps": 10}, {}),
    "features: published nine": ({}, {"features": PUBLISHED_FEATURES}),
    "features: those, lines_cleared": ({}, {"features": ("lines_cleared", *PUBLISHED_FEATURES)}),
    "features: four": ({}, {"features": FOUR_FEATURES}),
    "double_q=False": ({"double_q": False}, {}),
    "mirroring=True": ({"mirroring": True}, {}),
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
    "line_reward=0.1": ({}, {"line_reward": 0.1}),
    "game_over_penalty=5": ({}, {"game_over_penalty": 5.0}),
    "hole_penalty=0.5": ({}, {"hole_penalty": 0.5}),
    "height_penalty=0.1": ({}, {"height_penalty": 0.1}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A preset, its time limit, and the games that evaluate the trained agent."""

    preset: str
    limit_s: float
    n_games: int
    n_games_quick: int
    max_pieces: int
    goal: str
    steps: int | None = None  # instead of the preset's
    marks: tuple[int, ...] = ()  # placements after which it is evaluated until no game ends; () to measure lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of one seed."""

    seed: int
    seconds: float  # of training, in wall-clock time
    cpu_seconds: float  # of training, in CPU time
    speed: float  # placements per second
    figure: float  # mean lines (inf: no game ended), or seconds until no game ended (inf: games ended at every mark)
    report: Report


NO_LIMIT: Final = 10**9
EVALUATION_SEED: Final = 0
MEASURES: Final = {
    "10x20": Measure(
        preset="literature-10x20",
        limit_s=60.0,
        n_games=100,
        n_games_quick=20,
        max_pieces=1_000_000,
        goal="median >= 100,000, worst >= 10,000",
    ),
    "10x10": Measure(
        preset="literature-10x10",
        limit_s=180.0,
        n_games=1_000,
        n_games_quick=100,
        max_pieces=NO_LIMIT,
        goal="median >= 3,900",
    ),
    "10x10-cma": Measure(
        preset="literature-10x10-cma",
        limit_s=180.0,
        n_games=1_000,
        n_games_quick=100,
        max_pieces=NO_LIMIT,
        goal="any algorithm: median >= 5,000",
    ),
    "10x10-ppo": Measure(
        preset="literature-10x10-ppo",
        limit_s=180.0,
        n_games=1_000,
        n_games_quick=100,
        max_pieces=NO_LIMIT,
        goal="any algorithm: median >= 5,000",
        steps=10_000_000,
    ),
    "default": Measure(
        preset="quick",
        limit_s=30.0,
        n_games=100,
        n_games_quick=50,
        max_pieces=10_000,
        goal="every seed <= 30 s",
        marks=tuple(range(10_000, 1_000_000, 10_000)),
    ),
}


def train(config: TrainingConfig, game: EnvConfig) -> tuple[TetrisAgent, float, float]:
    """Trains a new agent; returns it with the wall-clock and CPU seconds."""
    agent = TetrisAgent(make_env(game)(), config)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    agent.train(config.total_timesteps)
    return agent, time.perf_counter() - started_s, time.process_time() - started_cpu_s


def compile_kernels() -> float:
    """Trains and plays briefly, so that every kernel is compiled; returns the elapsed seconds."""
    started_s = time.perf_counter()
    agent, _, _ = train(TrainingConfig(total_timesteps=2_000, learning_starts=500), EnvConfig())
    evaluate(agent, EnvConfig(), 2, EVALUATION_SEED, max_pieces=100)
    evaluate(named_policy("dt-10"), EnvConfig(), 2, EVALUATION_SEED, max_pieces=100)
    return time.perf_counter() - started_s


def measure_lines(measure: Measure, seed: int, n_games: int) -> Outcome:
    """Trains to the end; the figure is the mean number of lines."""
    preset = PRESETS[measure.preset]
    config = preset.training_config.with_changes(seed=seed)
    config = config.with_changes(total_timesteps=measure.steps or config.total_timesteps)
    agent, seconds, cpu_seconds = train(config, preset.env_config)
    report = evaluate(agent, preset.env_config, n_games, EVALUATION_SEED, max_pieces=measure.max_pieces)
    figure = math.inf if report.mean_lines is None else report.mean_lines
    return Outcome(
        seed=seed,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        speed=agent.timesteps_trained / cpu_seconds,
        figure=figure,
        report=report,
    )


def measure_survival(measure: Measure, seed: int, n_games: int) -> Outcome:
    """Trains from mark to mark; the figure is the CPU seconds up to the first mark at which no game ends."""
    preset = PRESETS[measure.preset]
    config = preset.training_config.with_changes(seed=seed)
    agent = TetrisAgent(make_env(preset.env_config)(), config)
    seconds, cpu_seconds, figure = 0.0, 0.0, math.inf
    for mark in [mark for mark in measure.marks if mark < config.total_timesteps] + [config.total_timesteps]:
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        agent.train(mark - agent.timesteps_trained)
        seconds += time.perf_counter() - started_s
        cpu_seconds += time.process_time() - started_cpu_s
        if figure == math.inf or mark == config.total_timesteps:
            report = evaluate(agent, preset.env_config, n_games, EVALUATION_SEED, max_pieces=measure.max_pieces)
            if report.n_ended == 0:
                figure = min(figure, cpu_seconds)
    return Outcome(
        seed=seed,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        speed=agent.timesteps_trained / cpu_seconds,
        figure=figure,
        report=report,
    )


def describe_report(report: Report) -> str:
    """Returns a report in one phrase."""
    return f"{report.n_ended} of {report.n_games} games ended, {report.summary()}"


def format_figure(measure: Measure, figure: float) -> str:
    """Returns seconds with their unit, or lines."""
    if measure.marks:
        return "never" if figure == math.inf else f"{figure:.1f} s"
    return "no game ended" if figure == math.inf else f"{figure:,.0f}"


def show_measures(names: list[str], seeds: list[int], *, quick_look: bool) -> None:
    """Prints a row for each measure and seed, and the median and worst of each measure."""
    columns = f"{'clock':>9} {'CPU':>10} {'placements/s':>13} {'figure':>13}  evaluation"
    print(f"{'measure':9} {'seed':>6} {columns}")
    for name in names:
        measure = MEASURES[name]
        n_games = measure.n_games_quick if quick_look else measure.n_games
        run_measure: Callable[[Measure, int, int], Outcome] = measure_survival if measure.marks else measure_lines
        outcomes = []
        for seed in seeds:
            outcome = run_measure(measure, seed, n_games)
            outcomes.append(outcome)
            late = "  over the time limit" if outcome.cpu_seconds > measure.limit_s and not measure.marks else ""
            print(
                f"{name:9} {seed:6} {outcome.seconds:7.1f} s {outcome.cpu_seconds:8.1f} s {outcome.speed:13,.0f} "
                f"{format_figure(measure, outcome.figure):>13}  {describe_report(outcome.report)}{late}",
                flush=True,
            )
        figures = [outcome.figure for outcome in outcomes]
        worst = max(figures) if measure.marks else min(figures)
        print(
            f"{name:9} {'all':>6} {max(outcome.seconds for outcome in outcomes):7.1f} s "
            f"{max(outcome.cpu_seconds for outcome in outcomes):8.1f} s "
            f"{min(outcome.speed for outcome in outcomes):13,.0f} "
            f"{format_figure(measure, statistics.median(figures)):>13}  median; worst {format_figure(measure, worst)}; "
            f"goal: {measure.goal}",
            flush=True,
        )


def show_preset(preset: Preset, seeds: list[int], n_steps: int | None) -> None:
    """Trains and evaluates a preset's agent once per seed."""
    game = preset.env_config
    for seed in seeds:
        config = preset.training_config.with_changes(seed=seed)
        if n_steps is not None:
            config = config.with_changes(total_timesteps=n_steps)
        agent, _, cpu_seconds = train(config, game)
        speed = agent.timesteps_trained / cpu_seconds
        print(
            f"seed {seed}: {agent.timesteps_trained:,} placements in {cpu_seconds:.0f} s ({speed:,.0f}/s)", flush=True
        )
        report = evaluate(agent, game, 100, 0)
        print(f"  {game.randomizer}, at most {report.max_pieces:,} pieces: {describe_report(report)}", flush=True)
        if game.randomizer != "uniform":
            report = evaluate(agent, game.with_changes(randomizer="uniform"), 100, 0, max_pieces=100_000)
            print(f"  uniform, at most {report.max_pieces:,} pieces: {describe_report(report)}", flush=True)


def show_ablations(only: list[str] | None) -> None:
    """Trains with one changed setting at a time and prints the results."""
    print(f"{ABLATION_STEPS:,} placements, seeds {ABLATION_SEEDS}, 50 games of at most {ABLATION_PIECES:,} pieces each")
    print(f"{'changed':32} {'truncated games, by seed':>26} {'mean lines, at most 800':>24} {'seconds':>8}")
    for name, (training, rewards) in ABLATIONS.items():
        if only is not None and not any(word in name for word in only):
            continue
        game = EnvConfig().with_changes(**rewards)
        n_truncated, lines, seconds = [], 0, 0.0
        for seed in ABLATION_SEEDS:
            config = TrainingConfig(total_timesteps=ABLATION_STEPS, seed=seed).with_changes(**training)
            agent, _, train_s = train(config, game)
            report = evaluate(agent, EnvConfig(), 50, 0, max_pieces=ABLATION_PIECES)
            n_truncated.append(report.n_truncated)
            lines += report.lines_total
            seconds += train_s
        by_seed = " ".join(f"{100 * n / 50:.0f} %".rjust(6) for n in n_truncated)
        n_games = 50 * len(ABLATION_SEEDS)
        print(f"{name:32} {by_seed:>26} {lines / n_games:24,.0f} {seconds / len(ABLATION_SEEDS):8.0f}", flush=True)


def main() -> None:
    """Parses the arguments and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", choices=MEASURES, nargs="+", default=list(MEASURES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--quick-look", action="store_true", help="play fewer games")
    parser.add_argument("--preset", choices=PRESETS, help="train this preset instead, and evaluate more kinds of games")
    parser.add_argument("--steps", type=int, help="with --preset: training steps (default: the preset's)")
    parser.add_argument("--ablation", action="store_true", help="change one setting at a time instead")
    parser.add_argument("--only", nargs="+", help="with --ablation: only settings that contain one of these words")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"kernels ready after {compile_kernels():.0f} s", flush=True)
    if arguments.ablation:
        show_ablations(arguments.only)
    elif arguments.preset is not None:
        show_preset(PRESETS[arguments.preset], arguments.seeds, arguments.steps)
    else:
        show_measures(arguments.measure, arguments.seeds, quick_look=arguments.quick_look)


if __name__ == "__main__":
    main()
