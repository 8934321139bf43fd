"""A process that trains one run, and nothing else: what ``python -m tetrarium.workers train NAME`` does.

It was started in a session of its own, so no terminal's Ctrl-C reaches it. SIGTERM and SIGINT end it after a
checkpoint.
"""

import signal
import sys
from types import FrameType

from tetrarium.errors import FolderMovedError, TetrariumError
from tetrarium.events import Event
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.workers.files import WorkerState, read_state
from tetrarium.workers.preparing import load_kernels, load_modules

__all__ = ["prepare", "train"]


def prepare() -> None:
    """Loads what training needs, in a process of which those that train will be forks."""
    load_modules("training.algorithms.dqn_learner", "training.models", "training.runs.run", "workers.hosting")
    load_kernels()


def train(home: Home, name: str, *, mode: str, lock: int | None) -> int:
    """Trains a run that is there, to its end or a stop; returns the process's exit code.

    Args:
        home: Where the run is.
        name: Its name.
        mode: How it shows itself at first.
        lock: The run's lock, if this process was started with it.
    """
    control = Control(mode)

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        from tetrarium.training.runs.run import TrainingRun  # which takes seconds to load
        from tetrarium.workers.hosting import hosted

        training = TrainingRun.open(home, name, _ignore)
        training.control = control
        training.execute(hosted, lock=lock)
    except Exception as error:
        if not isinstance(error, FolderMovedError):  # what lies there now, if anything, is another's
            _note_failure(home, name, error)
        if not isinstance(error, TetrariumError):
            raise
        sys.stderr.write(f"tetrarium: {error}\n")
        return 1
    return 0


def _note_failure(home: Home, name: str, error: Exception) -> None:
    """Leaves the reason where others look, unless that is done already."""
    folder = home.run_folder(name)
    state = read_state(folder)
    if state is None or state.state != "failed":
        text = str(error) or type(error).__name__
        WorkerState(state="failed", step=state.step if state else 0, message=f"Failed: {text}", error=text).write(
            folder
        )


def _ignore(_event: Event) -> None:
    """Nobody sits here."""
