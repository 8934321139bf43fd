"""Running a study in this process, or in a process of its own that outlives its parent.

Either way it is a worker in the study's folder, which accepts the commands pause, resume and stop.
"""

import contextlib
import time
from collections.abc import Callable

import zmq

from tetrarium.errors import error_to_dict
from tetrarium.events import Event, RunEnded, StateChanged, publish_to
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.tuning.study import read_study_config, rewrite_study
from tetrarium.tuning.tuner import Tuner, lock_study
from tetrarium.workers.processes.launcher import start_process
from tetrarium.workers.processes.places import LAUNCHER, Place
from tetrarium.workers.protocol.commands import TUNING
from tetrarium.workers.protocol.server import WorkerServer
from tetrarium.workers.protocol.status_files import WorkerState


def prepare() -> None:
    """Preloads nothing beyond this module for the process of a study."""


def run_study(
    home: Home,
    name: str,
    control: Control | None = None,
    *,
    lock: int | None = None,
    publish: Callable[[Event], None] | None = None,
    on_start: Callable[[Tuner], None] | None = None,
    mode: str = "live",
    place: Place = LAUNCHER,
) -> str:
    """Runs a study in this process; returns its final state.

    Args:
        home: The home.
        name: Name of the study.
        control: Requests to pause, resume and stop; by default only clients of the study's worker make any.
        lock: Descriptor of the study's lock, if this process inherited it.
        publish: Called with each event.
        on_start: Called with the tuner before it starts.
        mode: Initial mode of the trials' runs.
        place: Where they are trained.

    Raises:
        EntryNotFoundError: if there is no such study.
        AlreadyRunningError: if another process runs it.
        TetrariumError: if it fails.
    """
    control = control or Control()
    folder = Home.require(home).study_folder(name)
    taken = lock_study(home, name) if lock is None else lock
    with run_lock(folder, taken), contextlib.ExitStack() as stack:
        receivers = [] if publish is None else [publish]
        with contextlib.suppress(OSError, zmq.ZMQError):  # runs without a server where sockets are forbidden
            n_trials = read_study_config(home, name).n_trials
            receivers.insert(0, stack.enter_context(WorkerServer(folder, TUNING, control, n_trials)).publish)
        return _run_tuner(home, name, control, publish_to(*receivers), on_start, mode, place)


def _run_tuner(
    home: Home,
    name: str,
    control: Control,
    publish: Callable[[Event], None],
    on_start: Callable[[Tuner], None] | None,
    mode: str,
    place: Place,
) -> str:
    started_s = time.monotonic()
    try:
        tuner = Tuner(home, name, control, publish, mode=mode, place=place)
        if on_start is not None:
            on_start(tuner)
        return tuner.run()
    except Exception as error:
        reason = error_to_dict(error)
        publish(RunEnded(state="failed", step=0, seconds=time.monotonic() - started_s, checkpoint="", **reason))
        publish(StateChanged(state="failed", step=0, message=f"Failed: {reason['error']}"))
        raise


def start_tuner(home: Home, name: str) -> None:
    """Starts a process that runs a study, in a session of its own.

    Raises:
        EntryNotFoundError: if there is no such study.
        AlreadyRunningError: if another process runs it.
    """
    lock = lock_study(home, name)
    start_process(
        home.study_folder(name), lock, [name, "--home", str(home.root)], prepared_by=__name__,
        state=WorkerState(state="starting", message="Starting."), module="tetrarium.tuning",
    )  # fmt: skip


def extend_study(home: Home, name: str, *, n_trials: int | None = None, n_at_once: int | None = None) -> None:
    """Changes the number of trials, or of concurrent ones; a running tuner adopts the change.

    Raises:
        EntryNotFoundError: if there is no such study.
        ConfigError: if it would have fewer trials, or a number breaks its rule.
    """
    study = read_study_config(home, name)
    changed = study.with_trials(n_trials, n_at_once)
    if changed != study:
        rewrite_study(home, changed)
