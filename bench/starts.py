"""How soon a worker is there: run ``python bench/starts.py``.

For each kind, one after the other, the first worker of a process that starts workers, which loads what the kind needs
beyond those before, and later ones, which are forks of that. Seconds are those of the clock until a game or demo
listens and a run has made steps; processor seconds are the worker's own by then.
"""

import argparse
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.files import read_address
from tetrarium.workers.hand_orders import Wishes
from tetrarium.workers.hands import start_hand
from tetrarium.workers.launching import start_player, start_training

_LOOK_EVERY_S: Final = 0.005
_ENDLESS: Final = TrainingConfig(total_timesteps=10**9, evaluate_every=0)


def start_run(home: Home) -> Path:
    """Starts a run; returns its folder."""
    return home.run_folder(start_training(home, EnvConfig(), _ENDLESS))


def start_demo(home: Home) -> Path:
    """Starts a player; returns its folder."""
    return home.player_folder(start_player(home, "dt-10"))


def start_game(home: Home) -> Path:
    """Starts a person's game; returns its folder."""
    return home.hand_folder(start_hand(home, Wishes()))


KINDS: Final[dict[str, Callable[[Home], Path]]] = {"game": start_game, "demo": start_demo, "run": start_run}


def measure(home: Home, start: Callable[[Home], Path]) -> tuple[float, float]:
    """Starts a worker and kills it once it listens; returns seconds and processor seconds."""
    begun_s = time.monotonic()
    folder = start(home)
    while True:
        with contextlib.suppress(WorkerError), WorkerClient.connect(folder) as worker:
            if start is not start_run or worker.command("status")["step"] > 0:
                break
        time.sleep(_LOOK_EVERY_S)
    seconds = time.monotonic() - begun_s
    address = read_address(folder)
    assert address is not None
    fields = Path(f"/proc/{address.pid}/stat").read_text().rpartition(")")[2].split()
    os.kill(address.pid, signal.SIGKILL)
    return seconds, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Reads the arguments and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=10, help="later starts of each kind")
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory() as folder:
        home = Home.locate(Path(folder))
        for kind, start in KINDS.items():
            first, *later = (measure(home, start) for _ in range(starts + 1))
            seconds, processor = (statistics.median(column) for column in zip(*later, strict=True))
            print(
                f"{kind}: first {first[0]:.2f} s ({first[1]:.2f} of its processor); later {seconds:.2f} s "
                f"({processor:.2f}), median of {starts}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
