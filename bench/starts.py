"""Start-up time of workers: run ``python bench/starts.py``.

For each kind of worker, in turn: the first start, which also imports the modules of that kind, and later starts, which
are forks of the same server. Wall-clock seconds until a game or demo listens, or a run has made steps; CPU seconds are
the worker's own up to then. At last ``tetrarium run`` without compiled kernels: wall-clock seconds from the command to
its first line, to the first moving board of a page that is opened then, and to the first steps of training.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.workers.human_play.human_game_control import SessionOptions
from tetrarium.workers.processes.launcher import start_demo, start_human_game, start_training
from tetrarium.workers.protocol.client import WorkerClient
from tetrarium.workers.protocol.status_files import read_address

_POLL_INTERVAL_S: Final = 0.005
_N_MOVES: Final = 2  # after which a board has visibly moved
_ENDLESS: Final = TrainingConfig(total_timesteps=10**9, evaluate_every=0)


def create_run(home: Home) -> Path:
    """Starts a run; returns its folder."""
    return home.run_folder(start_training(home, EnvConfig(), _ENDLESS))


def create_demo(home: Home) -> Path:
    """Starts a demo; returns its folder."""
    return home.demo_folder(start_demo(home, "dt-10"))


def create_human_game(home: Home) -> Path:
    """Starts a human game; returns its folder."""
    return home.human_game_folder(start_human_game(home, SessionOptions()))


KINDS: Final[dict[str, Callable[[Home], Path]]] = {"game": create_human_game, "demo": create_demo, "run": create_run}


def wait_for_worker(folder: Path, *, needs_steps: bool) -> None:
    """Waits until the worker of a folder listens, or has made steps."""
    while True:
        with contextlib.suppress(WorkerError), WorkerClient.connect(folder) as worker:
            if not needs_steps or worker.command("status")["step"] > 0:
                return
        time.sleep(_POLL_INTERVAL_S)


def measure(home: Home, start: Callable[[Home], Path]) -> tuple[float, float]:
    """Starts a worker and kills it once it listens; returns wall-clock and CPU seconds."""
    started_s = time.monotonic()
    folder = start(home)
    wait_for_worker(folder, needs_steps=start is create_run)
    seconds = time.monotonic() - started_s
    address = read_address(folder)
    assert address is not None
    fields = Path(f"/proc/{address.pid}/stat").read_text().rpartition(")")[2].split()
    os.kill(address.pid, signal.SIGKILL)
    return seconds, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_board(url: str, home: Home) -> None:
    """Waits for the second placement of the agent that a page shows while the run starts."""
    body = json.dumps({"agent": "dellacherie", "shared": True}).encode()
    request = urllib.request.Request(f"{url}/api/demos", body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310 the dashboard's own address
        folder = home.demo_folder(json.load(answer)["id"])
    wait_for_worker(folder, needs_steps=False)
    with WorkerClient.connect(folder) as worker:
        worker.command("watch", boards_per_second=60)
        while worker.command("status")["step"] < _N_MOVES:
            time.sleep(_POLL_INTERVAL_S)


def measure_cold_run(folder: Path) -> tuple[float, float, float]:
    """Starts ``tetrarium run`` with an empty kernel cache; returns seconds to first line, board and steps."""
    home = Home.locate(folder / "home")
    command = [sys.executable, "-m", "tetrarium", "run", "--port", "0", "--name", "cold", "--home", str(home.root)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kernels")}
    started_s = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        process.stdout.readline()
        first_line_s = time.monotonic() - started_s
        address = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout)))
        wait_for_board(address.group().rstrip("/"), home)
        first_board_s = time.monotonic() - started_s
        wait_for_worker(home.run_folder("cold"), needs_steps=True)
        first_steps_s = time.monotonic() - started_s
        process.send_signal(signal.SIGINT)
        process.communicate()
    return first_line_s, first_board_s, first_steps_s


def main() -> int:
    """Parses the arguments and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=10, help="number of later starts per kind")
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory() as folder:
        home = Home.locate(Path(folder))
        for kind, start in KINDS.items():
            first, *later = (measure(home, start) for _ in range(starts + 1))
            seconds, cpu_seconds = (statistics.median(column) for column in zip(*later, strict=True))
            print(
                f"{kind}: first {first[0]:.2f} s ({first[1]:.2f} s CPU); later {seconds:.2f} s "
                f"({cpu_seconds:.2f} s CPU), median of {starts}",
                flush=True,
            )
        first_line_s, first_board_s, first_steps_s = measure_cold_run(Path(folder))
        print(
            f"tetrarium run, nothing compiled: first line {first_line_s:.2f} s, moving board {first_board_s:.2f} s, "
            f"first steps {first_steps_s:.2f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
