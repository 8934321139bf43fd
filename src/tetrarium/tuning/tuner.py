"""Carries a study out: draws trials, has them trained by workers, and judges them: ``Tuner``.

All that is to be known stands in the home before anything is done about it, and each look at a trial decides anew by
what its run has come to. So a tuner that was killed is started again and goes on: a trial that trained on meanwhile is
found, one whose worker died goes on from its checkpoint, one that has ended is judged.

A run that a person stopped is left alone until the tuner is started again. A run that failed is tried once more, and
its trial has failed if no checkpoint came in between.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError, TetrariumError, WorkerError
from tetrarium.events import Event, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.folder import is_locked, take_lock
from tetrarium.tuning.objectives import judge
from tetrarium.tuning.storage import Drawn, Storage, Trials
from tetrarium.tuning.studies import read_study_config
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.directory import RunView, read_config, read_evaluations, read_run
from tetrarium.workers.launching import resume_training, start_training

__all__ = ["Tuner", "lock_study"]

_LOOK_EVERY_S: Final = 0.25
_MOST_DEATHS: Final = 3  # of a worker, without a further checkpoint
_MOST_FAILED: Final = 3  # trials in a row
_SAID: Final = {"complete": "done", "pruned": "pruned", "fail": "given up: it failed"}


def lock_study(home: Home, name: str) -> int:
    """Takes a study for this process, as ``take_lock`` takes a run.

    Raises:
        HomeError: if there is no such study, or another process carries it out.
    """
    read_study_config(home, name)
    folder = home.study_folder(name)
    if is_locked(folder):
        raise HomeError(
            f"One process carries out a study at a time, and {name!r} is under way. "
            f"See it by `tetrarium tune show {name}`, or stop that one first."
        )
    return take_lock(folder)


class Tuner:
    """One study, carried out by this process, which holds its lock.

    Args:
        home: Where it lies.
        name: The study's.
        control: What others ask: to pause, to go on, to stop.
        publish: Is told what happens.
        mode: How the trials' runs show themselves at first.
    """

    def __init__(
        self, home: Home, name: str, control: Control, publish: Callable[[Event], None], *, mode: str = "live"
    ) -> None:
        self._home = home
        self._name = name
        self._control = control
        self._publish = publish
        self._mode = mode
        self._is_left = False
        self._config = read_study_config(home, name)
        self._trials = Trials(Storage(home), self._config)
        self._open = {  # trials that have come to nothing yet, by number
            trial.number: trial for trial in self._trials.all() if not trial.state.is_finished()
        }
        self._n_begun = len(self._trials.all())
        self._resting: set[int] = set()  # stopped by somebody
        self._paused: set[int] = set()  # by this tuner
        self._pruned: set[int] = set()  # told to stop, because they are hopeless
        self._attempts: dict[int, tuple[int, int]] = {}  # latest checkpoint, and how often a worker ended there
        self._looked: dict[int, int] = {}  # how many evaluations were looked at for pruning
        self._n_failed = 0  # in a row
        self._was_paused = False

    def leave(self) -> None:
        """Ends at once; trials that are under way go on by themselves."""
        self._is_left = True
        self._control.ask_to_stop()

    def run(self) -> str:
        """Carries the study out to its end, or until a stop is asked for; returns the state it is in.

        Raises:
            HomeError: if the home cannot be used, or a run stands in the way of a trial.
            TetrariumError: if one trial after another fails.
        """
        self._tell("running", "Tuning.")
        for number in list(self._open):
            self._wake(number)
        while not self._control.is_stop_asked:
            self._take_changes()
            self._tell_pause()
            for number in list(self._open):
                self._attend(number)
            self._begin_further()
            if not self._open or (self._n_begun >= self._config.n_trials and set(self._open) == self._resting):
                break
            self._rest()
        return self._end()

    def _rest(self) -> None:
        until_s = time.monotonic() + _LOOK_EVERY_S
        while not self._control.is_stop_asked and (left_s := until_s - time.monotonic()) > 0:
            self._control.wait(left_s)

    def _take_changes(self) -> None:
        """Notes that somebody wants more trials, or others at once."""
        with contextlib.suppress(HomeError):
            self._config = read_study_config(self._home, self._name)

    def _tell_pause(self) -> None:
        if self._control.is_paused != self._was_paused:
            self._was_paused = self._control.is_paused
            if self._was_paused:
                self._tell("paused", "Paused. Nothing is lost.")
            else:
                self._tell("running", "Tuning.")

    def _begin_further(self) -> None:
        while (
            not self._control.is_paused
            and not self._control.is_stop_asked
            and self._n_begun < self._config.n_trials
            and len(self._open) - len(self._resting) < self._config.n_at_once
        ):
            found = self._params_of_run(self._config.run_name(self._n_begun))
            trial = self._trials.add(self._trials.draw() if found is None else Drawn(params=found))
            self._n_begun = trial.number + 1
            self._open[trial.number] = trial
            self._wake(trial.number)

    def _params_of_run(self, run: str) -> dict[str, Any] | None:
        """What a run of a trial's name tries that the trials do not know of, because they were lost."""
        if not self._home.run_folder(run).exists():
            return None
        env_config, training_config = self._configs_of_run(run)
        values = {**env_config.to_dict(), **training_config.to_dict()}
        params = {
            item.name: tuple(value) if isinstance(value := values[item.name], list) else value
            for item in self._config.ranges
        }
        self._require_own(run, params)
        return params

    def _configs_of_run(self, run: str) -> tuple[EnvConfig, TrainingConfig]:
        config = read_config(self._home, run)
        return EnvConfig.from_dict(config["env_config"]), TrainingConfig.from_dict(config["training_config"])

    def _require_own(self, run: str, params: Mapping[str, Any]) -> None:
        if self._configs_of_run(run) != self._config.configs(params):
            raise HomeError(
                f"The trials of {self._name!r} are runs of their own, and {run!r} is another run. "
                f"Remove it by `tetrarium runs delete {run}`, or begin a study of another name."
            )

    def _wake(self, number: int) -> None:
        """Has a trial trained, from wherever it is."""
        run, trial = self._config.run_name(number), self._open[number]
        params = self._trials.params(trial)
        if not self._home.run_folder(run).exists():
            try:
                env_config, training_config = self._config.configs(params)
            except ConfigError as error:
                self._close(number, "fail", about={"note": str(error)})
                return
            start_training(
                self._home, env_config, training_config, name=run, preset=self._config.preset, mode=self._mode
            )
            return
        self._require_own(run, params)
        view = read_run(self._home, run)
        if not view.is_alive and view.state != "finished":
            self._resume(run)

    def _resume(self, run: str) -> None:
        try:
            resume_training(self._home, run, mode=self._mode)
        except HomeError:
            if not is_locked(self._home.run_folder(run)):  # else somebody was faster, and it is trained
                raise

    def _attend(self, number: int) -> None:
        """Looks at a trial, and does what is due."""
        run = self._config.run_name(number)
        if not self._home.run_folder(run).exists():
            self._wake(number)  # somebody deleted it
            return
        view = read_run(self._home, run)
        if view.is_alive:
            self._resting.discard(number)
            self._steer(number, view)
            self._prune(number, view)
        elif view.state == "finished":
            self._judge(number, view)
        elif number in self._pruned:
            self._close(number, "pruned", view, note="Pruned: below the median of the other trials.")
        elif view.state == "stopped":
            self._resting.add(number)
        else:
            self._try_again(number, view)

    def _steer(self, number: int, view: RunView) -> None:
        """Pauses a trial with the study, and lets it go on with it; one that a person paused stays so."""
        if self._control.is_paused and view.state == "running":
            if self._say(view.name, "pause"):
                self._paused.add(number)
        elif not self._control.is_paused and number in self._paused and self._say(view.name, "resume"):
            self._paused.discard(number)

    def _prune(self, number: int, view: RunView) -> None:
        if not self._config.prunes or number in self._pruned:
            return
        evaluations = read_evaluations(self._home, view.name)
        if len(evaluations) > self._looked.get(number, 0):
            self._looked[number] = len(evaluations)
            if self._trials.is_hopeless(self._open[number], evaluations) and self._say(view.name, "stop"):
                self._pruned.add(number)

    def _judge(self, number: int, view: RunView) -> None:
        evaluations = read_evaluations(self._home, view.name)
        _, training_config = self._config.configs(self._trials.params(self._open[number]))
        score = judge(self._config.objective, evaluations, training_config)
        if score is None:
            self._close(number, "fail", view, note="It was not evaluated: its evaluations.csv is empty or gone.")
            return
        about = {
            "evaluated_step": score.step,
            "lines": score.lines,
            "n_games": score.n_games,
            "n_cut_off": score.n_cut_off,
            "max_pieces": score.max_pieces,
            "is_reached": score.is_reached,
        }
        self._n_failed = 0
        self._close(number, "complete", view, value=score.value, evaluations=evaluations, about=about)

    def _try_again(self, number: int, view: RunView) -> None:
        """Goes on with a trial whose worker died or failed, unless it does so again and again at the same place."""
        saved = max(view.checkpoints, default=0)
        at, n = self._attempts.get(number, (-1, 0))
        n = n + 1 if at == saved else 1
        self._attempts[number] = (saved, n)
        if n >= (_MOST_DEATHS if view.state == "dead" else 2):
            reason = view.error or view.message
            self._n_failed += 1
            self._close(number, "fail", view, note=reason)
            if self._n_failed >= _MOST_FAILED:
                raise TetrariumError(
                    f"Trials are to train, and {_MOST_FAILED} in a row failed, the last one so: {reason} "
                    f"Mend that, and go on by `tetrarium tune {self._name} --trials {self._config.n_trials + 3}`."
                )
        else:
            self._resume(view.name)

    def _close(
        self,
        number: int,
        state: str,
        view: RunView | None = None,
        *,
        value: float | None = None,
        evaluations: list[dict[str, float | None]] | None = None,
        about: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> None:
        known: dict[str, Any] = {"note": note, **(about or {})}
        if view is not None:
            known |= {"seconds": view.seconds, "step": view.step}
            evaluations = read_evaluations(self._home, view.name) if evaluations is None else evaluations
        self._trials.tell(self._open.pop(number), state, value, evaluations=evaluations or [], about=known)
        for numbers in (self._resting, self._paused, self._pruned):
            numbers.discard(number)
        self._tell("paused" if self._was_paused else "running", f"{self._config.run_name(number)} is {_SAID[state]}.")

    def _say(self, run: str, command: str) -> bool:
        """Tells a run's worker something; returns whether it heard. One that is starting is told later."""
        folder = self._home.run_folder(run)
        with contextlib.suppress(WorkerError), WorkerClient.connect(folder, wait_s=0.0) as worker:
            worker.order(command)
            return True
        return False

    def _end(self) -> str:
        """Stops what is under way, with checkpoints, and waits for it unless that is too long for somebody."""
        runs = [self._config.run_name(number) for number in self._open]
        told: set[str] = set()
        self._tell("stopping" if runs else "running", "Stopping trials, with checkpoints." if runs else "Done.")
        while not self._is_left and (alive := [run for run in runs if is_locked(self._home.run_folder(run))]):
            told |= {run for run in alive if run not in told and self._say(run, "stop")}
            time.sleep(_LOOK_EVERY_S)
        if not self._open and self._n_begun >= self._config.n_trials:
            return self._tell("finished", f"All {self._n_begun:,} trials are done.")
        rest = self._config.n_trials - self._n_begun + len(self._open)
        word = "trial is" if rest == 1 else "trials are"
        return self._tell("stopped", f"Stopped; {rest:,} {word} left. Nothing is lost.")

    def _tell(self, state: str, message: str) -> str:
        self._publish(StateChanged(state=state, step=self._n_begun - len(self._open), message=message))
        return state
