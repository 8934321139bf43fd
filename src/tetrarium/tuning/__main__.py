"""``python -m tetrarium.tuning NAME``: a process that carries one study out, and nothing else."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.tuning.processes import carry_out


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads which study, and carries it out; SIGTERM and SIGINT stop it, its trials with checkpoints."""
    parser = argparse.ArgumentParser(prog="python -m tetrarium.tuning", description=__doc__)
    parser.add_argument("name", help="a study")
    parser.add_argument("--home", type=Path, help="folder in which tetrarium keeps things")
    parser.add_argument("--lock", type=int, help="descriptor of the lock that this process was started with")
    given = parser.parse_args(arguments)
    control = Control()

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        carry_out(Home.locate(given.home), given.name, control, lock=given.lock)
    except TetrariumError as error:
        sys.stderr.write(f"tetrarium: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
