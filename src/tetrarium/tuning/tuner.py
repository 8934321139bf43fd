"""``Tuner``, which samples the trials of a study, has workers train them, and computes their objective values.

Every decision is stored in the home before it is acted on, and each check of a trial starts from the state of its run.
A tuner that was killed can therefore be started again: trials that continued in the meantime are found, those whose
worker crashed are resumed from their checkpoints, and those that have ended are scored.

A run that a user stopped stays stopped until the tuner is started again. A run that failed is resumed once; if it fails
again without a new checkpoint, its trial has failed.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from tetrarium import errors
from tetrarium.environment import EnvConfig
from tetrarium.events import Event, StateChanged
from tetrarium.registry.files.process_lock import acquire_lock, is_locked
from tetrarium.registry.home import Home
from tetrarium.training.config import CHANGEABLE_SETTINGS, TrainingConfig
from tetrarium.training.runs.control import Control
from tetrarium.tuning.objectives import is_maximized, score_trial
from tetrarium.tuning.study import read_study_config
from tetrarium.tuning.trial_storage import SampledParams, Storage, Trials
from tetrarium.workers.directories.run_status import RunView
from tetrarium.workers.directories.run_views import read_config, read_evaluations, read_run
from tetrarium.workers.processes.launcher import start_job
from tetrarium.workers.processes.places import LAUNCHER, Place
from tetrarium.workers.protocol.client import WorkerClient

_POLL_INTERVAL_S: Final = 0.25
_MAX_CRASHES: Final = 3  # of a worker without a new checkpoint
_MAX_FAILED: Final = 3  # consecutive trials
_OUTCOMES: Final = {"complete": "is done", "pruned": "was pruned", "fail": "failed"}


def lock_study(home: Home, name: str) -> int:
    """Locks a study for this process; returns the descriptor that holds the lock.

    Raises:
        EntryNotFoundError: if there is no such study.
        AlreadyRunningError: if another process runs it.
    """
    read_study_config(home, name)
    folder = home.study_folder(name)
    if is_locked(folder):
        raise errors.AlreadyRunningError(
            f"The study {name!r} is already running. Show it by `tetrarium tune show {name}`, or stop it first."
        )
    return acquire_lock(folder)


class Tuner:
    """Runner of one study; this process holds the study's lock.

    Args:
        home: The home.
        name: Name of the study.
        control: Requests to pause, resume and stop.
        publish: Called with each event.
        mode: Initial mode of the trials' runs.
        place: Where they are trained; by default in processes of this machine.
    """

    def __init__(
        self,
        home: Home,
        name: str,
        control: Control,
        publish: Callable[[Event], None],
        *,
        mode: str = "live",
        place: Place = LAUNCHER,
    ) -> None:
        self._place = place
        self._home = home
        self._name = name
        self._control = control
        self._publish = publish
        self._mode = mode
        self._is_detached = False
        self._config = read_study_config(home, name)
        self._trials = Trials(Storage(home), self._config)
        self._read_trials()
        self._stopped_by_user: set[int] = set()
        self._paused_by_tuner: set[int] = set()
        self._pruned: set[int] = set()  # being stopped by the pruner
        self._attempts: dict[int, tuple[int, int]] = {}  # latest checkpoint, and crashes since
        self._n_evaluations: dict[int, int] = {}  # evaluations that the pruner has seen
        self._n_failed = 0  # consecutive trials
        self._was_paused = False
        self._is_busy = False  # whether another program locks the trials

    def _read_trials(self) -> None:
        trials = self._trials.all()
        self._unfinished = {trial.number: trial for trial in trials if not trial.state.is_finished()}
        self._n_started = len(trials)

    def detach(self) -> None:
        """Ends at once; running trials continue on their own."""
        self._is_detached = True
        self._control.request_stop()

    def run(self) -> str:
        """Runs the study to its end or until a stop is requested; returns its state.

        Raises:
            HomeError: if the home cannot be used.
            NameTakenError: if another run has the name of a trial's.
            ExecutorError: if the place of the trials' runs was lost; they are stopped at their checkpoints.
            TetrariumError: if several trials in a row fail.
        """
        self._publish_state("running", "Running trials.")
        to_start = list(self._unfinished)
        while not self._control.is_stop_requested:
            self._place.check()
            self._reread_config()
            self._publish_pause()
            try:
                if self._is_busy:
                    self._read_trials()  # a write may have succeeded nevertheless
                while to_start:
                    self._start_or_resume(to_start[0])
                    del to_start[0]
                for number in list(self._unfinished):
                    self._check(number)
                self._start_trials()
            except errors.RegistryBusyError as error:  # each step is repeated from its beginning
                self._publish_busy(error)
                self._sleep()
                continue
            self._publish_busy(None)
            if not self._unfinished or (
                self._n_started >= self._config.n_trials and set(self._unfinished) == self._stopped_by_user
            ):
                break
            self._sleep()
        return self._end()

    def _publish_busy(self, error: errors.RegistryBusyError | None) -> None:
        """Publishes that another program locks the trials, or that it no longer does."""
        if error is not None and not self._is_busy:
            self._publish_state("running", f"Waiting. {error}")
        elif error is None and self._is_busy:
            self._publish_state("running", "Running trials.")
        self._is_busy = error is not None

    def _sleep(self) -> None:
        until_s = time.monotonic() + _POLL_INTERVAL_S
        while not self._control.is_stop_requested and (left_s := until_s - time.monotonic()) > 0:
            self._control.wait(left_s)

    def _reread_config(self) -> None:
        """Rereads the number of trials, which may have been changed."""
        with contextlib.suppress(errors.HomeError):
            self._config = read_study_config(self._home, self._name)

    def _publish_pause(self) -> None:
        if self._control.is_paused != self._was_paused:
            self._was_paused = self._control.is_paused
            if self._was_paused:
                self._publish_state("paused", "Paused. You can resume any time.")
            else:
                self._publish_state("running", "Running trials.")

    def _start_trials(self) -> None:
        while (
            not self._control.is_paused
            and not self._control.is_stop_requested
            and self._n_started < self._config.n_trials
            and len(self._unfinished) - len(self._stopped_by_user) < self._config.n_at_once
        ):
            found = self._params_of_run(self._config.run_name(self._n_started))
            if found is None and self._n_started == 0 and self._config.sampler != "grid":
                found = self._config.first_params or None
            trial = self._trials.add(self._trials.sample() if found is None else SampledParams(params=found))
            self._n_started = trial.number + 1
            self._unfinished[trial.number] = trial
            self._start_or_resume(trial.number)

    def _params_of_run(self, run: str) -> dict[str, Any] | None:
        """Returns the parameters of an existing run whose trial is missing because the storage was lost."""
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
        of_run, of_trial = self._configs_of_run(run), self._config.configs(params)
        unchanged = {name: getattr(of_trial[1], name) for name in CHANGEABLE_SETTINGS}  # whatever a resume changed
        if (of_run[0], of_run[1].with_changes(**unchanged)) != of_trial:
            raise errors.NameTakenError(
                f"The run {run!r} has the name of a trial of {self._name!r}, but other settings. "
                f"Delete it by `tetrarium runs delete {run}`, or start a study of another name."
            )

    def _start_or_resume(self, number: int) -> None:
        """Starts or resumes the run of a trial."""
        run, trial = self._config.run_name(number), self._unfinished[number]
        params = self._trials.params(trial)
        if not self._home.run_folder(run).exists():
            try:
                env_config, training_config = self._config.configs(params)
                self._place.start_training(
                    self._home,
                    env_config,
                    training_config,
                    name=run,
                    preset=self._config.preset,
                    mode=self._mode,
                    origin="study",
                    group=self._name,
                )
            except errors.ConfigError as error:
                self._close(number, "fail", about={"note": str(error)})
            return
        self._require_own(run, params)
        view = read_run(self._home, run)
        if not view.is_alive and view.state != "finished":
            self._resume(run)

    def _resume(self, run: str) -> None:
        try:
            self._place.resume_training(self._home, run, mode=self._mode)
        except errors.HomeError:
            if not is_locked(self._home.run_folder(run)):  # otherwise another process has resumed it
                raise

    def _check(self, number: int) -> None:
        """Checks a trial and acts on its state."""
        run = self._config.run_name(number)
        if not self._home.run_folder(run).exists():
            self._start_or_resume(number)  # the run was deleted
            return
        view = read_run(self._home, run)
        if view.is_alive:
            self._stopped_by_user.discard(number)
            self._sync_pause(number, view)
            self._prune(number, view)
        elif view.state == "finished":
            self._score(number, view)
        elif number in self._pruned:
            self._close(number, "pruned", view, note="Pruned: below the median of the other trials.")
        elif view.state == "stopped":
            self._stopped_by_user.add(number)
        else:
            self._retry(number, view)

    def _sync_pause(self, number: int, view: RunView) -> None:
        """Pauses and resumes a trial with the study; one that a user paused stays paused."""
        if self._control.is_paused and view.state == "running":
            if self._send(view.name, "pause"):
                self._paused_by_tuner.add(number)
        elif not self._control.is_paused and number in self._paused_by_tuner and self._send(view.name, "resume"):
            self._paused_by_tuner.discard(number)

    def _prune(self, number: int, view: RunView) -> None:
        if not self._config.prunes or number in self._pruned:
            return
        evaluations = read_evaluations(self._home, view.name)
        if len(evaluations) > self._n_evaluations.get(number, 0):
            self._n_evaluations[number] = len(evaluations)
            if self._trials.should_prune(self._unfinished[number], evaluations) and self._send(view.name, "stop"):
                self._pruned.add(number)

    def _score(self, number: int, view: RunView) -> None:
        evaluations = read_evaluations(self._home, view.name)
        _, training_config = self._config.configs(self._trials.params(self._unfinished[number]))
        score = score_trial(self._config.objective, evaluations, training_config)
        if score is None:
            self._close(number, "fail", view, note="It has no evaluations: its evaluations.csv is missing or empty.")
            return
        about = {
            "evaluated_step": score.step,
            "lines": score.lines,
            "n_games": score.n_games,
            "n_cut_off": score.n_truncated,
            "max_pieces": score.max_pieces,
            "is_reached": score.is_reached,
        }
        is_best = self._is_best(score.value)
        self._close(number, "complete", view, value=score.value, evaluations=evaluations, about=about)
        if is_best and view.has_best:
            self._save_model(view.name)
        self._n_failed = 0

    def _is_best(self, value: float) -> bool:
        """Returns whether a value is better than those of all complete trials."""
        known = [
            trial.value for trial in self._trials.kept() if trial.state.name == "COMPLETE" and trial.value is not None
        ]
        if is_maximized(self._config.objective):
            return all(value > other for other in known)
        return all(value < other for other in known)

    def _save_model(self, run: str) -> None:
        """Has a trial saved as a version of the model named after the study; without success, the run still has it."""
        note = f"Best of {self._n_started - len(self._unfinished):,} trials of the study {self._name}."
        values = {
            "agent": f"{run}@best", "save_checkpoint": False, "name": self._name, "note": note, "tags": [],
        }  # fmt: skip
        with contextlib.suppress(errors.TetrariumError, OSError):
            start_job(self._home, "save", values)

    def _retry(self, number: int, view: RunView) -> None:
        """Resumes a trial whose worker crashed or failed, unless that happened repeatedly without a new checkpoint."""
        saved = max(view.checkpoints, default=0)
        at, n = self._attempts.get(number, (-1, 0))
        n = n + 1 if at == saved else 1
        self._attempts[number] = (saved, n)
        if n >= (_MAX_CRASHES if view.state == "crashed" else 2):
            reason = view.error or view.message
            self._close(number, "fail", view, note=reason)
            self._n_failed += 1
            if self._n_failed >= _MAX_FAILED:
                raise errors.TetrariumError(
                    f"{_MAX_FAILED} trials in a row failed, the last with: {reason} "
                    f"Fix that, then resume by `tetrarium tune {self._name} --trials {self._config.n_trials + 3}`."
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
        self._trials.finish(self._unfinished[number], state, value, evaluations=evaluations or [], about=known)
        del self._unfinished[number]
        for numbers in (self._stopped_by_user, self._paused_by_tuner, self._pruned):
            numbers.discard(number)
        self._publish_state(
            "paused" if self._was_paused else "running", f"{self._config.run_name(number)} {_OUTCOMES[state]}."
        )

    def _send(self, run: str, command: str) -> bool:
        """Sends a command to a run's worker; returns whether it arrived. A starting worker gets it later."""
        folder = self._home.run_folder(run)
        with contextlib.suppress(errors.WorkerError), WorkerClient.connect(folder, wait_s=0.0) as worker:
            worker.execute(command)
            return True
        return False

    def _end(self) -> str:
        """Stops running trials with checkpoints, and waits for them unless ``detach`` was called."""
        runs = [self._config.run_name(number) for number in self._unfinished]
        stopped: set[str] = set()
        self._publish_state(
            "stopping" if runs else "running", "Stopping trials, with checkpoints." if runs else "Done."
        )
        while not self._is_detached and (alive := [run for run in runs if is_locked(self._home.run_folder(run))]):
            stopped |= {run for run in alive if run not in stopped and self._send(run, "stop")}
            time.sleep(_POLL_INTERVAL_S)
        if not self._unfinished and self._n_started >= self._config.n_trials:
            return self._publish_state("finished", f"All {self._n_started:,} trials are done.")
        rest = self._config.n_trials - self._n_started + len(self._unfinished)
        word = "trial" if rest == 1 else "trials"
        return self._publish_state("stopped", f"Stopped with {rest:,} {word} left. You can resume any time.")

    def _publish_state(self, state: str, message: str) -> str:
        self._publish(StateChanged(state=state, step=self._n_started - len(self._unfinished), message=message))
        return state
