"""Speed of the registry with many models and runs: run ``python bench/registry.py``.

Copies 1,000 bundles into a home, which the first listing adopts; then creates a home of 1,000 runs in the same way, and
a run of a million games, which are ingested once. Prints the seconds of lists (in Python and by the command line after
its imports), of finding an entry by name, of ``runs show``, and of curves: the minimum of several calls, because other
load only slows a call down.
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

from tetrarium.cli.commands import runs as runs_commands
from tetrarium.cli.tables.model_tables import print_slots
from tetrarium.environment import EnvConfig, make_env
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_store import RunStore
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.checkpoints.agent_checkpoint import read_saved_policy
from tetrarium.training.checkpoints.model_bundles import make_bundle
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.workers.directories.run_views import find_runs, list_runs, read_episodes, read_run
from tetrarium.workers.protocol.status_files import WorkerState

N_TIMES: Final = 5
PROGRESS: Final = "step,seconds,steps_per_second,games_ended,mean_lines_game,lines_low,lines_high,best_lines_game\n"


def timed(call: Callable[[], object]) -> str:
    """Returns the wall-clock and CPU seconds of one call."""
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    call()
    return f"{time.perf_counter() - started_s:.3f} s ({time.process_time() - started_cpu_s:.3f} s CPU)"


def best(call: Callable[[], object]) -> str:
    """Returns the wall-clock and CPU seconds of the fastest of several calls."""
    return min(timed(call) for _ in range(N_TIMES))


def silent(call: Callable[[], object]) -> None:
    """Calls a function and discards its output."""
    with contextlib.redirect_stdout(io.StringIO()):
        call()


def measure_models(home: Home, n_models: int) -> None:
    """Prints the time of each operation on models."""
    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(n_envs=2))
    agent.save_checkpoint(home.root / "agent", home=home)
    bundle = make_bundle(read_saved_policy(home.root / "agent"), "model")
    content = bundle.to_bytes()
    for number in range(n_models):
        (home.models / f"model-{number}").mkdir(parents=True)
        (home.models / f"model-{number}" / "1.tetris").write_bytes(content)
    models = ModelStore(home)
    print(f"{n_models:,} models of {len(content) / 1e3:,.1f} kB adopted in {timed(models.slots)}")
    print(f"  listed in {best(models.slots)}")
    print(f"  listed and printed in {best(lambda: silent(lambda: print_slots(models.slots())))}")
    print(f"  found by name in {best(lambda: models.find(f'model-{n_models // 2}'))}")
    print(f"  saved in {best(lambda: models.save('one', bundle))}")


def measure_runs(home: Home, n_runs: int) -> None:
    """Prints the time of each operation on lists of runs."""
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
    print(f"  page of matching runs found in {best(lambda: find_runs(home, search='run-7 dqn', limit=50))}")
    listed = best(lambda: silent(lambda: runs_commands.list_(limit=None, home=home.root)))
    print(f"  all listed and printed in {listed}")


def measure_games(home: Home, n_games: int) -> None:
    """Prints the time of each operation on a run with many games."""
    create_run(home, "long", EnvConfig(), TrainingConfig())
    rng = random.Random(1)  # noqa: S311 sample data
    with (home.runs / "long" / "episodes.csv").open("w") as file:
        file.write("step,env,reward,lines,pieces,cut_off,seconds\n")
        for number in range(n_games):
            lines = rng.randrange(1_000)
            file.write(f"{20 * number},{number % 16},{lines + 0.25},{lines},{2 * lines},0,{number / 100}\n")
        n_bytes = file.tell()
    store = RunStore(home)
    print(f"a run of {n_games:,} games, {n_bytes / 1e6:,.1f} MB, ingested in {timed(lambda: store.ingest('long'))}")
    print(f"  its curve of 600 points in {best(lambda: read_episodes(home, 'long', 600))}")
    print(f"  its summary in {best(lambda: read_run(home, 'long'))}")
    print(f"  shown by the command line in {best(lambda: silent(lambda: runs_commands.show('long', home=home.root)))}")


def main() -> None:
    """Parses the arguments and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1_000, help="1 or more")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--games", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if arguments.models < 1:
        parser.error(f"--models must be 1 or more; got {arguments.models}")
    with tempfile.TemporaryDirectory() as folder:
        measure_models(Home.locate(Path(folder) / "models"), arguments.models)
        measure_runs(Home.locate(Path(folder) / "runs"), arguments.runs)
        measure_games(Home.locate(Path(folder) / "games"), arguments.games)


if __name__ == "__main__":
    main()
