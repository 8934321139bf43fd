"""Where a study is carried out: in this process, or in one of its own that outlives whoever started it.

Either way others can talk to it as to a worker, in the study's folder: it pauses, goes on and stops by commands.
"""

import contextlib
import time
from collections.abc import Callable

import zmq

from tetrarium.events import Event, RunEnded, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.folder import only_trainer
from tetrarium.tuning.studies import read_study_config, rewrite_study
from tetrarium.tuning.tuner import Tuner, lock_study
from tetrarium.workers.files import WorkerState
from tetrarium.workers.launching import start_process
from tetrarium.workers.server import WorkerServer

__all__ = ["carry_out", "extend_study", "prepare", "start_tuner"]


def prepare() -> None:
    """Nothing beyond this module is loaded for a process that carries out a study."""


def carry_out(
    home: Home,
    name: str,
    control: Control,
    *,
    lock: int | None = None,
    publish: Callable[[Event], None] | None = None,
    begun: Callable[[Tuner], None] | None = None,
    mode: str = "live",
) -> str:
    """Carries a study out in this process; returns the state that it is in at the end.

    Args:
        home: Where it lies.
        name: The study's.
        control: What is asked of it, from here or by others.
        lock: The study's, if this process was started with it.
        publish: Is told what happens.
        begun: Is given the tuner before it begins.
        mode: How the trials' runs show themselves at first.

    Raises:
        HomeError: if there is no such study, or another process carries it out.
        TetrariumError: if it cannot go on.
    """
    folder = home.study_folder(name)
    taken = lock_study(home, name) if lock is None else lock
    with only_trainer(folder, taken), contextlib.ExitStack() as stack:
        told = publish or _ignore
        with contextlib.suppress(OSError, zmq.ZMQError):  # where the system lets nobody listen, it goes on alone
            n_trials = read_study_config(home, name).n_trials
            told = _both(stack.enter_context(WorkerServer(folder, "tuning", control, n_trials)).publish, told)
        return _carried_out(home, name, control, told, begun, mode)


def _carried_out(
    home: Home,
    name: str,
    control: Control,
    publish: Callable[[Event], None],
    begun: Callable[[Tuner], None] | None,
    mode: str,
) -> str:
    started_s = time.monotonic()
    try:
        tuner = Tuner(home, name, control, publish, mode=mode)
        if begun is not None:
            begun(tuner)
        return tuner.run()
    except Exception as error:
        text = str(error) or type(error).__name__
        publish(RunEnded(state="failed", step=0, seconds=time.monotonic() - started_s, checkpoint="", error=text))
        publish(StateChanged(state="failed", step=0, message=f"Failed: {text}"))
        raise


def _both(one: Callable[[Event], None], other: Callable[[Event], None]) -> Callable[[Event], None]:
    def publish(event: Event) -> None:
        one(event)
        other(event)

    return publish


def _ignore(_event: Event) -> None:
    """Nobody sits here."""


def start_tuner(home: Home, name: str) -> None:
    """Starts a process that carries a study out, in a session of its own.

    Raises:
        HomeError: if there is no such study, or another process carries it out.
    """
    start_process(
        home.study_folder(name), lock_study(home, name), [name, "--home", str(home.root)], needs=__name__,
        state=WorkerState(state="starting", message="Starting."), module="tetrarium.tuning",
    )  # fmt: skip


def extend_study(home: Home, name: str, *, n_trials: int | None = None, n_at_once: int | None = None) -> None:
    """Asks for more trials, or others at once; a tuner that is under way takes it up.

    Raises:
        HomeError: if there is no such study.
        ConfigError: if it would have fewer trials, or a number breaks its rule.
    """
    study = read_study_config(home, name)
    changed = study.with_trials(n_trials, n_at_once)
    if changed != study:
        rewrite_study(home, changed)
