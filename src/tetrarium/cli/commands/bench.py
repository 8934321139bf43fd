"""Command ``bench``: speed of play and learning on this machine.

Each figure is the best of some short runs on one thread, because other programs can only slow a run down. Compilation
is not timed. The scripts in ``bench/`` measure more precisely and compare with other projects.
"""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from tetrarium.cli.formatting import print_json
from tetrarium.cli.options import HomeOption, JsonOption
from tetrarium.engine import perft
from tetrarium.environment import EnvConfig
from tetrarium.environment.core import GameCore
from tetrarium.errors import ConfigError
from tetrarium.evaluation import evaluate, named_policy
from tetrarium.registry.home import Home

_REPEATS: Final = 5
_STEPS: Final = 200  # of a batch between two readings of the clock
_MIN_S, _MAX_S = 0.1, 60.0
_QUEUE: Final = "IOLJSZT"

Work = Callable[[], int]  # does some work and returns the number of units done


def bench(
    *,
    seconds: Annotated[float, Parameter(help="Seconds per figure, 0.1 to 60.")] = 1.0,
    json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Measure how fast this machine plays and learns."""
    if not _MIN_S <= seconds <= _MAX_S:
        raise ConfigError(
            f"A figure is measured for {_MIN_S} to {_MAX_S:.0f} seconds; got {seconds}. Pass --seconds 1.",
            field="seconds",
        )
    rates: dict[str, float] = {}
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, (what, prepare) in _figures(Home.locate(home)).items():
        if not json:
            print(f"Measuring {what} ...", file=sys.stderr, flush=True)
        rates[name] = _best_rate(prepare(), seconds)
        table.add_row(what, f"{rates[name]:,.0f}", "per second")
    if json:
        print_json({f"{name}_per_second": round(rate, 1) for name, rate in rates.items()})
    else:
        Console(file=sys.stdout, highlight=False).print(table)
    return 0


def _figures(home: Home) -> Mapping[str, tuple[str, Callable[[], Work]]]:
    return {
        "placements": ("placements, with the observation of every step", lambda: _steps(EnvConfig(), 256)),
        "keys": (
            "keys of the guideline's game",
            lambda: _steps(EnvConfig.guideline().with_changes(actions="keys"), 64),
        ),
        "controller_pieces": ("pieces of the linear controller dt-10", lambda: _pieces(named_policy("dt-10"), 1_000)),
        "champion_pieces": ("pieces of the network champion", lambda: _pieces(_champion(home), 100)),
        "nodes": (f"positions of perft, {_QUEUE}", lambda: lambda: int(perft(_QUEUE, 5))),
        "learning_placements": ("training steps, preset quick", _learning),
    }


def _best_rate(work: Work, seconds: float) -> float:
    """Returns the units per second of the fastest of some runs."""
    work()
    best = 0.0
    for _ in range(_REPEATS):
        n_units, started_s = 0, time.perf_counter()
        while (passed_s := time.perf_counter() - started_s) < seconds / _REPEATS or not n_units:
            n_units += work()
        best = max(best, n_units / passed_s)
    return best


def _steps(config: EnvConfig, n_games: int) -> Work:
    core = GameCore(config, n_games, seed=0, n_threads=1)
    core.reset()
    rng = np.random.default_rng(0)

    def work() -> int:
        # An illegal action is executed as the nearest legal one.
        actions = rng.integers(0, core.action_space.n, size=(_STEPS, n_games))
        for step in range(_STEPS):
            core.step(actions[step], restart=True)
        return _STEPS * n_games

    return work


def _pieces(policy: Any, n_pieces: int) -> Work:
    def work() -> int:
        report = evaluate(policy, EnvConfig(), 64, 0, max_pieces=n_pieces, n_threads=1)
        return sum(game.pieces for game in report.games)

    return work


def _champion(home: Home) -> Any:
    from tetrarium.training.saved_models import load_model

    return load_model("champion", home)[0]


def _learning() -> Work:
    from tetrarium.environment import make_env
    from tetrarium.training import TetrisAgent
    from tetrarium.training.presets import find_preset

    preset = find_preset("quick")
    agent = TetrisAgent(make_env(preset.env_config)(), preset.training_config)
    agent.train(2 * preset.training_config.learning_starts)

    def work() -> int:
        n_before = agent.timesteps_trained
        agent.train(1_000)
        return int(agent.timesteps_trained - n_before)

    return work
