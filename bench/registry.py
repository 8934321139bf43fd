"""How long the registry takes with much in it: run ``python bench/registry.py``.

A home of 1,000 models is made by copying bundles into it, which the first listing adopts; then one of 1,000 runs in the
same way; last, a run of a million games, which are taken in once. Seconds of lists, as Python and as the command line
make them after their imports, of finding one by name, of what ``runs show`` prints and of curves; the best of several,
because a busy machine only ever adds.
"""

import argparse
import contextlib
import io
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tetrarium.cli import runs as runs_commands
from tetrarium.cli.model_tables import print_slots
from tetrarium.environment import EnvConfig, make_env
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.runs import RunStore
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.checkpoints.agents import read_saved_policy
from tetrarium.training.checkpoints.sharing import bundle_of
from tetrarium.training.runs.configs import create_run
from tetrarium.workers.directory import find_runs, list_runs, read_episodes, read_run
from tetrarium.workers.files import WorkerState

N_TIMES: Final = 5
PROGRESS: Final = "step,seconds,steps_per_second,games_ended,mean_lines_game,lines_low,lines_high,best_lines_game\n"


def timed(call: Callable[[], object]) -> str:
    """Seconds of one call, and of the processor's alone."""
    started_s, begun_s = time.perf_counter(), time.process_time()
    call()
    return f"{time.perf_counter() - started_s:.3f} s, of the processor {time.process_time() - begun_s:.3f} s"


def best(call: Callable[[], object]) -> str:
    """The same of the quickest of several calls."""
    return min(timed(call) for _ in range(N_TIMES))


def silent(call: Callable[[], object]) -> None:
    """Calls what prints, into nothing."""
    with contextlib.redirect_stdout(io.StringIO()):
        call()


def measure_models(home: Home, n_models: int) -> None:
    """Prints a line for each thing that is done with models."""
    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(n_envs=2))
    agent.save_checkpoint(home.root / "agent", home=home)
    bundle = bundle_of(read_saved_policy(home.root / "agent"), "model")
    content = bundle.to_bytes()
    for number in range(n_models):
        (home.models / f"model-{number}").mkdir(parents=True)
        (home.models / f"model-{number}" / "1.tetris").write_bytes(content)
    models = ModelStore(home)
    print(f"{n_models:,} models of {len(content) / 1e3:,.1f} kB adopted in {timed(models.slots)}")
    print(f"  listed in {best(models.slots)}")
    print(f"  listed and printed in {best(lambda: silent(lambda: print_slots(models.slots())))}")
    print(f"  one found by name in {best(lambda: models.find('model-7'))}")
    print(f"  one saved in {best(lambda: models.save('one', bundle))}")


def measure_runs(home: Home, n_runs: int) -> None:
    """Prints a line for each thing that is done with lists of runs."""
    create_run(home, "run", EnvConfig(), TrainingConfig())
    config = json.loads((home.runs / "run" / "config.json").read_text())
    for number in range(n_runs):
        folder = home.runs / f"run-{number}"
        (folder / "checkpoints" / "1000").mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({**config, "name": folder.name}))
        (folder / "progress.csv").write_text(PROGRESS + "".join(f"{n},1,1,{n},{n},1,2,{n}\n" for n in range(100)))
        WorkerState(state="finished", step=1_000).write(folder)
    print(f"{n_runs:,} runs adopted in {timed(lambda: list_runs(home))}")
    print(f"  listed in {best(lambda: list_runs(home))}")
    print(f"  a page of those that match found in {best(lambda: find_runs(home, search='run-7 dqn', limit=50))}")
    listed = best(lambda: silent(lambda: runs_commands.list_(limit=None, home=home.root)))
    print(f"  all listed and printed in {listed}")


def measure_games(home: Home, n_games: int) -> None:
    """Prints a line for each thing that is done with a run of many games."""
    create_run(home, "long", EnvConfig(), TrainingConfig())
    draw = random.Random(1)  # noqa: S311 numbers to look at
    with (home.runs / "long" / "episodes.csv").open("w") as file:
        file.write("step,env,reward,lines,pieces,cut_off,seconds\n")
        for number in range(n_games):
            lines = draw.randrange(1_000)
            file.write(f"{20 * number},{number % 16},{lines + 0.25},{lines},{2 * lines},0,{number / 100}\n")
        size = file.tell()
    store = RunStore(home)
    print(f"a run of {n_games:,} games, {size / 1e6:,.1f} MB, taken in in {timed(lambda: store.take_in('long'))}")
    print(f"  its curve of 600 points in {best(lambda: read_episodes(home, 'long', 600))}")
    print(f"  what is shown of it in {best(lambda: read_run(home, 'long'))}")
    print(f"  shown by the command line in {best(lambda: silent(lambda: runs_commands.show('long', home=home.root)))}")


def main() -> None:
    """Prints what there is to say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--games", type=int, default=1_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_models(Home.locate(Path(folder) / "models"), wanted.models)
        measure_runs(Home.locate(Path(folder) / "runs"), wanted.runs)
        measure_games(Home.locate(Path(folder) / "games"), wanted.games)


if __name__ == "__main__":
    main()
