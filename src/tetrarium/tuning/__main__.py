"""``python -m tetrarium.tuning NAME``: the process that runs a study."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home
from tetrarium.signals import call_on_stop_signals
from tetrarium.training.runs.control import Control
from tetrarium.tuning.study_process import run_study


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a study; SIGTERM, SIGINT and SIGHUP stop it, and its trials with checkpoints."""
    parser = argparse.ArgumentParser(prog="python -m tetrarium.tuning", description=__doc__)
    parser.add_argument("name", help="name of the study")
    parser.add_argument("--home", type=Path, help="home folder")
    parser.add_argument("--lock", type=int, help="descriptor of the lock that this process was started with")
    given = parser.parse_args(arguments)
    control = Control()
    call_on_stop_signals(control.request_stop)
    try:
        run_study(Home.locate(given.home), given.name, control, lock=given.lock)
    except TetrariumError as error:
        sys.stderr.write(f"tetrarium: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
