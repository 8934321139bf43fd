"""How long saved models take to be listed, found and saved: run ``python bench/models.py``.

A home of 1,000 models is made by copying bundles into it, which the first listing adopts. Then seconds of a listing, as
Python and as the command line do it after their imports, of finding one by name and of saving one; the best of several,
because a busy machine only ever adds.
"""

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tetrarium.cli.model_tables import print_slots
from tetrarium.environment import EnvConfig, make_env
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.checkpoints.agents import read_saved_policy
from tetrarium.training.checkpoints.sharing import bundle_of

N_TIMES: Final = 5


def best(call: Callable[[], object]) -> str:
    """Seconds of the quickest of several calls, and of the processor's alone."""
    seconds, processor = [], []
    for _ in range(N_TIMES):
        started_s, begun_s = time.perf_counter(), time.process_time()
        call()
        seconds.append(time.perf_counter() - started_s)
        processor.append(time.process_time() - begun_s)
    return f"{min(seconds):.3f} s, of the processor {min(processor):.3f} s"


def print_list(models: ModelStore) -> None:
    """Lists as the command line does, into nothing."""
    with contextlib.redirect_stdout(io.StringIO()):
        print_slots(models.slots())


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
        print(f"listed in {best(models.slots)}")
        print(f"listed and printed in {best(lambda: print_list(models))}")
        print(f"one found by name in {best(lambda: models.find('model-7'))}")
        print(f"one saved in {best(lambda: models.save('one', bundle))}")


if __name__ == "__main__":
    main()
