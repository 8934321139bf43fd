"""Worker process that trains one run: ``python -m tetrarium.workers train NAME``.

It runs in a session of its own, so that Ctrl-C in a terminal does not reach it. SIGTERM, SIGINT and SIGHUP stop it
after a checkpoint.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator

from tetrarium.errors import FolderMovedError, TetrariumError, error_to_dict
from tetrarium.events import Event, KernelsCompiling
from tetrarium.registry.home import Home
from tetrarium.signals import call_on_stop_signals
from tetrarium.training.runs.control import Control
from tetrarium.workers.processes.fork_server import are_kernels_awaited, load_kernels, load_modules, wait_for_kernels
from tetrarium.workers.protocol.status_files import WorkerState, read_state


def prepare() -> None:
    """Loads the imports and kernels of training in the fork server."""
    load_kernels()  # first, as compiling them takes longer than the imports
    load_modules(
        "training.algorithms.dqn", "training.saved_models", "training.runs.run", "workers.processes.worker_host"
    )


def train(
    home: Home, name: str, *, mode: str, steps: int | None = None, any_cpu: bool = False, lock: int | None
) -> int:
    """Trains an existing run until it ends or is stopped; returns the process's exit code.

    Args:
        home: Home of the run.
        name: Name of the run.
        mode: Initial display mode.
        steps: New total number of steps; unchanged if None.
        any_cpu: Resume from a checkpoint of a processor that computes other numbers.
        lock: Descriptor of the run's lock, if this process inherited it.
    """
    control = Control(mode)
    call_on_stop_signals(control.request_stop)
    try:
        from tetrarium.training.runs.run import TrainingRun  # takes seconds to load
        from tetrarium.workers.processes.worker_host import hosted

        changes = {} if steps is None else {"total_timesteps": steps}
        training = TrainingRun.open(home, name, _ignore, changes=changes, any_cpu=any_cpu)
        training.control = control

        @contextlib.contextmanager
        def hosted_once_compiled(training: TrainingRun) -> Iterator[Callable[[Event], None]]:
            with hosted(training) as publish:
                if are_kernels_awaited():
                    publish(KernelsCompiling())
                    wait_for_kernels(lambda: control.is_stop_requested)
                yield publish

        training.execute(hosted_once_compiled, lock=lock)
    except Exception as error:
        if not isinstance(error, FolderMovedError):  # otherwise the folder is another run's
            _record_failure(home, name, error)
        if not isinstance(error, TetrariumError):
            raise
        sys.stderr.write(f"tetrarium: {error}\n")
        return 1
    return 0


def _record_failure(home: Home, name: str, error: Exception) -> None:
    """Writes the failure into the run's state file, unless it is there already."""
    folder = home.run_folder(name)
    state = read_state(folder)
    if state is None or state.state != "failed":
        reason = error_to_dict(error)
        step = state.step if state else 0
        WorkerState(state="failed", step=step, message=f"Failed: {reason['error']}", **reason).write(folder)


def _ignore(_event: Event) -> None:
    """Drops an event, as no terminal shows the run."""
