"""What the first start compiles: run ``python bench/compiling.py``.

For each kind of game a new process with an empty cache of kernels makes an agent and trains it for as long as it takes
until every kernel was called; another process does the same with the kernels on disk. Both tell their processor
seconds, imports left out; what the first took longer is compiling.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any, Final

GAMES: Final[dict[str, dict[str, Any]]] = {
    "default": {},
    "hold": {"hold": True},
    "guideline": {"guideline": True},
    "reachable": {"actions": "reachable"},
}
_STEPS: Final = 1_000


def train_once(game: str) -> float:
    """Trains a little in this process, and returns the processor seconds that it took."""
    from tetrarium.environment import EnvConfig, make_env
    from tetrarium.training import TetrisAgent, TrainingConfig

    wanted = dict(GAMES[game])
    config = EnvConfig.guideline() if wanted.pop("guideline", False) else EnvConfig()
    begun_s = time.process_time()
    agent = TetrisAgent(
        make_env(config.with_changes(**wanted))(), TrainingConfig(learning_starts=_STEPS // 2, evaluate_every=0)
    )
    agent.train(_STEPS)
    return time.process_time() - begun_s


def seconds_of(game: str, cache: str) -> float:
    """Does so in a new process."""
    command = [sys.executable, __file__, "--game", game]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 this script
    seconds: float = json.loads(done.stdout)
    return seconds


def main() -> int:
    """Reads the arguments and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--game", choices=GAMES, help=argparse.SUPPRESS)
    wanted = parser.parse_args().game
    if wanted is not None:
        print(json.dumps(train_once(wanted)))
        return 0
    for game in GAMES:
        with tempfile.TemporaryDirectory() as cache:
            cold, warm = seconds_of(game, cache), seconds_of(game, cache)
        print(f"{game}: {cold - warm:.1f} s of compiling, and {warm:.1f} s for {_STEPS:,} placements", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
