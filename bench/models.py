"""How long saved models take to be listed, found and saved: run ``python bench/models.py``.

A home of 1,000 models is made by copying bundles into it, which the first listing adopts. Then seconds of a listing, of
finding one by name, and of the command line's listing as a process of its own, less what importing takes; the best of
several, because a busy machine only ever adds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tetrarium.environment import EnvConfig, make_env
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.checkpoints.agents import read_saved_policy
from tetrarium.training.checkpoints.sharing import bundle_of

N_TIMES: Final = 5


def best_s(call: Callable[[], object]) -> float:
    """Seconds of the quickest of several calls."""
    seconds = []
    for _ in range(N_TIMES):
        started_s = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started_s)
    return min(seconds)


def command_s(*arguments: str) -> float:
    """Seconds that a process takes."""
    command = [sys.executable, *arguments]
    return best_s(lambda: subprocess.run(command, check=True, capture_output=True))  # noqa: S603 of this script


def main() -> None:
    """Prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1_000)
    n_models = parser.parse_args().models
    with tempfile.TemporaryDirectory() as folder:
        home = Home.locate(Path(folder) / "home")
        agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(n_envs=2))
        agent.save_checkpoint(Path(folder) / "agent", home=home)
        bundle = bundle_of(read_saved_policy(Path(folder) / "agent"), "model")
        content = bundle.to_bytes()
        for number in range(n_models):
            (home.models / f"model-{number}").mkdir(parents=True)
            (home.models / f"model-{number}" / "1.tetris").write_bytes(content)
        models = ModelStore(home)
        started_s = time.perf_counter()
        models.slots()
        print(f"{n_models:,} models of {len(content) / 1e3:,.1f} kB adopted in {time.perf_counter() - started_s:.2f} s")
        print(f"listed in {best_s(models.slots):.3f} s")
        print(f"one found by name in {best_s(lambda: models.find('model-7')):.3f} s")
        print(f"one saved in {best_s(lambda: models.save('one', bundle)):.3f} s")
        imports = command_s(
            "-c", "import sqlalchemy, tetrarium.registry.models, tetrarium.cli.models, tetrarium.cli.main"
        )
        listing = command_s("-m", "tetrarium", "models", "list", "--home", str(home.root))
        print(f"tetrarium models list: {listing:.2f} s, of which imports {imports:.2f} s")


if __name__ == "__main__":
    main()
