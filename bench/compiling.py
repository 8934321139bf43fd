"""Compile time of a first start: run ``python bench/compiling.py``.

For each kind of game, a new process with an empty compilation cache creates an agent and trains it until every kernel
has been called; another process does the same with the filled cache. Both report their CPU seconds without imports; the
difference is the compile time.
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
    """Trains for a short time in this process and returns the CPU seconds."""
    from tetrarium.environment import EnvConfig, make_env
    from tetrarium.training import TetrisAgent, TrainingConfig

    options = dict(GAMES[game])
    config = EnvConfig.guideline() if options.pop("guideline", False) else EnvConfig()
    start_s = time.process_time()
    agent = TetrisAgent(
        make_env(config.with_changes(**options))(), TrainingConfig(learning_starts=_STEPS // 2, evaluate_every=0)
    )
    agent.train(_STEPS)
    return time.process_time() - start_s


def seconds_of(game: str, cache: str) -> float:
    """Returns the CPU seconds of ``train_once`` in a new process."""
    command = [sys.executable, __file__, "--game", game]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    completed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 this script
    seconds: float = json.loads(completed.stdout)
    return seconds


def main() -> int:
    """Parses the arguments and prints the compile time of each kind of game."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--game", choices=GAMES, help=argparse.SUPPRESS)
    game = parser.parse_args().game
    if game is not None:
        print(json.dumps(train_once(game)))
        return 0
    for game in GAMES:
        with tempfile.TemporaryDirectory() as cache:
            cold, warm = seconds_of(game, cache), seconds_of(game, cache)
        print(f"{game}: {cold - warm:.1f} s of compilation, {warm:.1f} s for {_STEPS:,} placements", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
