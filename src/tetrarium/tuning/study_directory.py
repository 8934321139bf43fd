"""State of the studies of a home, for people, their creation and their deletion."""

import contextlib
import secrets
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tetrarium.engine.rules import require_instance
from tetrarium.environment import EnvConfig
from tetrarium.errors import EntryNotFoundError, HomeError, InvalidNameError, NameTakenError, RegistryBusyError
from tetrarium.registry.files.atomic import create_directory, remove_directory
from tetrarium.registry.files.process_lock import is_locked, run_lock
from tetrarium.registry.home import Home, check_new_name, natural_key
from tetrarium.settings import documented
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import ENV_SETTINGS
from tetrarium.training.runs.storage.checkpoint_cleanup import delete_run
from tetrarium.training.runs.storage.folder import is_run
from tetrarium.training.runs.storage.run_config import RunConfig, read_run_config
from tetrarium.tuning import study as studies
from tetrarium.tuning.objectives import GOAL, OBJECTIVES, is_maximized
from tetrarium.tuning.search_space import Range
from tetrarium.tuning.trial_storage import Storage, Trials, trial_result
from tetrarium.workers.directories.run_views import read_run
from tetrarium.workers.protocol import status_files

if TYPE_CHECKING:
    import optuna

MIN_TRIALS: Final = 10
_MIN_BEST: Final = 5
_SHARE_BEST: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """Importance of each setting, or the reason why there is none."""

    shares: dict[str, float]  # sum to 1, the largest first; empty where importance cannot be estimated
    n_trials: int  # complete trials
    n_best: int  # trials among the best
    explanation: str  # method, or the reason why importance cannot be estimated


def find_importances(study: studies.StudyConfig, trials: Trials | None) -> Importances:
    """Estimates the importance of the settings of a study; ``trials`` is None before the first trial.

    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) compares the distribution of a setting among the best trials
    with that among all trials; if they are alike, the setting is unimportant. There must be enough trials that at least
    five are among the best, and their values must differ.
    """
    complete = [trial for trial in (trials.kept() if trials is not None else ()) if trial.state.name == "COMPLETE"]
    n = len(complete)
    if trials is None or n < MIN_TRIALS:
        return _none(n, f"Importance needs {MIN_TRIALS} complete trials ({n} so far).")
    if len(study.ranges) == 1:
        return _none(n, "The study varies one setting, which cannot be compared with others.")
    n_truncated = sum(_is_truncated(trial_result(trial)) for trial in complete)
    if 2 * n_truncated > n and study.objective != GOAL:
        return _none(
            n,
            f"In {n_truncated} of {n} trials every game was truncated, so importance cannot be estimated. Choose the "
            f"objective {GOAL}, or longer games (evaluation_pieces).",
        )
    n_best = max(_MIN_BEST, round(_SHARE_BEST * n))
    values = sorted((float(trial.values[0]) for trial in complete), reverse=is_maximized(study.objective))
    n_best = sum(_is_as_good(value, values[n_best - 1], study.objective) for value in values)  # includes all ties
    if 2 * n_best >= n and n_best > _MIN_BEST:
        return _none(n, f"{n_best} of {n} trials have the same value, so importance cannot be estimated.")
    return Importances(
        shares=_shares(trials.study, n_best / n),
        n_trials=n,
        n_best=n_best,
        explanation=f"Estimated by PED-ANOVA from {n} trials: how much the distribution of a setting among the best "
        f"{n_best} differs. With so few trials, take it as a hint.",
    )


def _is_as_good(value: float, other: float, objective: str) -> bool:
    return value >= other if is_maximized(objective) else value <= other


def _is_truncated(result: Mapping[str, Any]) -> bool:
    return bool(result.get("n_games")) and result.get("n_cut_off") == result.get("n_games")


def _none(n: int, reason: str) -> Importances:
    return Importances(shares={}, n_trials=n, n_best=0, explanation=reason)


def _shares(study: "optuna.Study", quantile: float) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, as the explanation does
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile))
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: -item[1])}


_STATES: Final = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """A trial with its status."""

    number: int = field(metadata=documented("Number, from 1.", 4))
    run: str = field(metadata=documented("Name of the run that trains it.", "rates-0004"))
    has_run: bool = field(metadata=documented("Whether the run still exists."))
    state: str = field(
        metadata=documented(
            "Outcome of the trial, or else the state of its run; `waiting` before that starts.",
            choices=("done", "pruned", "waiting", *status_files.PROCESS_STATES),
        )
    )
    params: dict[str, Any] = field(
        metadata=documented("Settings that it tries.", {"learning_rate": 0.0012, "n_steps": 3})
    )
    value: float | None = field(metadata=documented("Value of the study's objective.", 812.5))
    is_reached: bool = field(metadata=documented("Whether the goal was reached, if there is one."))
    lines: float | None = field(metadata=documented("Lines until the limit in the deciding evaluation.", 812.5))
    n_games: int | None = field(metadata=documented("Games of that evaluation.", 20))
    n_truncated: int | None = field(metadata=documented("Truncated games of that evaluation.", 3))
    step: int = field(metadata=documented("Training steps so far.", 41200))
    total_steps: int = field(metadata=documented("Requested training steps.", 100000))
    seconds: float = field(metadata=documented("Training time.", 21.4))
    note: str = field(metadata=documented("Remark, such as the reason of a failure.", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """A study with its status."""

    name: str = field(metadata=documented("Name of its folder in the home.", "rates"))
    state: str = field(
        metadata=documented(
            "State of its tuner; `crashed`: its process ended without writing a state, and the study can be resumed; "
            "`damaged`: its configuration cannot be read, and the fields that depend on it have no meaning.",
            choices=status_files.PROCESS_STATES,
        )
    )
    message: str = field(metadata=documented("Latest message for people.", "rates-0003 is done."))
    error: str = field(metadata=documented("Reason of a failure, or empty.", ""))
    is_alive: bool = field(metadata=documented("Whether its tuner runs."))
    preset: str = field(metadata=documented("Preset that all trials share.", "quick"))
    objective: str = field(metadata=documented("Objective that trials are judged by.", choices=OBJECTIVES))
    sampler: str = field(metadata=documented("Sampler that draws the trials.", choices=studies.SAMPLERS))
    seed: int = field(metadata=documented("Seed of the sampler.", 0))
    prunes: bool = field(metadata=documented("Whether trials below the median of the others are stopped early."))
    n_trials: int = field(metadata=documented("Requested trials.", 20))
    n_at_once: int = field(metadata=documented("Trials that run in parallel.", 1))
    n_done: int = field(metadata=documented("Trials that finished.", 7))
    n_pruned: int = field(metadata=documented("Trials that were stopped early.", 0))
    n_failed: int = field(metadata=documented("Trials that failed.", 0))
    n_deleted: int = field(metadata=documented("Trials that were deleted after they had ended.", 0))
    n_open: int = field(metadata=documented("Trials that started and have no outcome yet.", 1))
    best: int | None = field(metadata=documented("Number of the best trial.", 4))
    best_value: float | None = field(metadata=documented("Value of the best trial.", 812.5))
    started: str = field(metadata=documented("Start time in ISO 8601.", "2026-11-22T17:40:00+00:00"))
    command: str = field(
        metadata=documented("Command that starts the same study.", "tetrarium tune rates --vary n_steps=1,2,3")
    )
    ranges: dict[str, dict[str, Any]] = field(
        metadata=documented(
            "Varied settings by name: `values`, or `low`, `high` and `log`.",
            {"learning_rate": {"low": 0.0001, "high": 0.01, "log": True}},
        )
    )

    @property
    def n_ended(self) -> int:
        """Number of trials with an outcome, deleted ones included."""
        return self.n_done + self.n_pruned + self.n_failed + self.n_deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDetail:
    """One study with its trials."""

    view: StudyView
    trials: tuple[TrialView, ...]
    importances: Importances
    seconds_left: float | None  # None until it can be estimated


def list_studies(home: Home) -> list[StudyView]:
    """Returns all studies of a home, damaged ones included, the latest first."""
    names = studies.study_names(home)
    storage = Storage(home) if names and Storage.exists(home) else None
    views = []
    for name in names:
        with contextlib.suppress(HomeError, OSError):
            try:
                study = studies.read_study_config(home, name)
            except HomeError as error:
                views.append(_damaged_view(home, name, str(error)))
                continue
            if storage is None:
                views.append(_view(home, study, []))
                continue
            trials = Trials(storage, study)
            views.append(_view(home, study, _views(home, study, trials, with_runs=False), trials.n_deleted))
    return sorted(views, key=lambda view: (view.started, natural_key(view.name)), reverse=True)


def read_study(home: Home, name: str) -> StudyDetail:
    """Returns one study with all its trials, of which a damaged one has none.

    Raises:
        EntryNotFoundError: if there is no study of that name.
        HomeError: if the trials cannot be read.
    """
    try:
        study = studies.read_study_config(home, name)
    except EntryNotFoundError:
        raise
    except HomeError as error:
        view = _damaged_view(home, name, str(error))
        return StudyDetail(view=view, trials=(), importances=_none(0, "The study is damaged."), seconds_left=None)
    if not Storage.exists(home):
        nothing = find_importances(study, None)
        return StudyDetail(view=_view(home, study, []), trials=(), importances=nothing, seconds_left=None)
    trials = Trials(Storage(home), study)
    found = _views(home, study, trials, with_runs=True)
    return StudyDetail(
        view=_view(home, study, found, trials.n_deleted),
        trials=tuple(found),
        importances=find_importances(study, trials),
        seconds_left=_seconds_left(study, found, trials.n_deleted),
    )


def settings_of_run(
    home: Home, run: str, ranges: Sequence[Range], fixed: Mapping[str, Any]
) -> tuple[str, tuple[EnvConfig, TrainingConfig], dict[str, Any]]:
    """Returns what a study takes over from a run.

    Args:
        home: The home.
        run: Name of the run.
        ranges: The varied settings.
        fixed: Settings of all trials that differ from the run's, by name.

    Returns:
        The preset, the configs of all trials, and the first trial: the run's values of the varied settings, or nothing
        if one of them is outside its range.

    Raises:
        EntryNotFoundError, HomeError: if there is no such run, or its config cannot be read.
        ConfigError: if a fixed setting is invalid.
    """
    config = read_run_config(home, run)
    values = {**config.env_config.to_dict(), **config.training_config.to_dict()}
    first = {item.name: values[item.name] for item in ranges}
    is_inside = all(item.allows(_setting_of(config, item.name)) for item in ranges)
    game = {name: value for name, value in fixed.items() if name in ENV_SETTINGS}
    training = {name: value for name, value in fixed.items() if name not in ENV_SETTINGS}
    configs = config.env_config.with_changes(**game), config.training_config.with_changes(**training)
    return config.preset or "default", configs, first if is_inside else {}


def _setting_of(config: RunConfig, name: str) -> Any:
    """Returns a setting of a run as its configs hold it."""
    return getattr(config.env_config if name in ENV_SETTINGS else config.training_config, name)


def create_study(home: Home, study: studies.StudyConfig) -> studies.StudyConfig:
    """Creates the folder of a new study.

    Raises:
        ConfigError: if the study is invalid.
        NameTakenError, HomeError: if the name is taken or invalid, or the home or its trials cannot be used.
    """
    require_instance("study", study, studies.StudyConfig)
    study.check()
    folder = Home.require(home).study_folder(study.name)
    if not studies.STUDY_NAME_RULE.allows(study.name):
        raise InvalidNameError(
            f"A study's name {studies.STUDY_NAME_RULE.text}; got {study.name!r}. Choose another name."
        )
    check_new_name(study.name)
    if study.name in studies.RESERVED_NAMES:
        raise InvalidNameError(
            f"A study cannot be called {study.name!r}: `tetrarium tune` has a command of that name. "
            "Choose another name."
        )
    if taken := studies.trial_runs(home, study.name):
        raise NameTakenError(
            f"Trials of {study.name!r} are the runs {study.run_name(0)} and so on, but the run {taken[0]!r} exists. "
            "Choose another name."
        )
    if Storage.exists(home):
        with contextlib.suppress(RegistryBusyError):  # which the tuner waits for
            Storage(home)
    started = replace(
        study,
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=shlex.join(sys.argv),
        id=secrets.token_hex(8),
    )
    home.secret()
    try:
        create_directory(
            folder, lambda hidden: (hidden / studies.STUDY_CONFIG).write_bytes(studies.study_json(started))
        )
    except FileExistsError:
        raise NameTakenError(
            f"The name {study.name!r} is taken. "
            f"Resume that study by `tetrarium tune {study.name}`, or choose another name."
        ) from None
    except OSError as error:
        raise HomeError(
            f"The home {str(home.root)!r} cannot be used: {error.strerror}. "
            "Choose another home with --home or TETRARIUM_HOME."
        ) from error
    return started


def delete_study(home: Home, name: str, *, with_runs: bool = False) -> list[str]:
    """Deletes a study with its trials permanently; returns the names of their runs.

    Args:
        home: The home.
        name: Name of the study, whose configuration may be damaged or missing.
        with_runs: Whether to move the runs to the trash.

    Raises:
        EntryNotFoundError: if there is no such study.
        AlreadyRunningError: if it runs, or a run that is to be deleted.
        HomeError: if it cannot be deleted.
    """
    folder, runs = studies.require_study(home, name), studies.trial_runs(home, name)
    with run_lock(folder):
        for run in runs if with_runs else ():
            delete_run(home, run)
        if Storage.exists(home):
            Storage(home).delete(name)
        remove_directory(folder)
    return runs


def ended_trial_run(home: Home, name: str, number: int) -> str:
    """Returns the name of the run of a trial that has ended, which can be deleted; numbers count from 1.

    Raises:
        EntryNotFoundError: if there is no such study or trial.
        AlreadyRunningError: if the trial has not ended.
    """
    study = studies.read_study_config(home, name)
    Trials(Storage(home), study).require_ended(number)
    return study.run_name(number - 1)


def delete_trial(home: Home, name: str, number: int, *, with_run: bool = False) -> str:
    """Deletes a trial that has ended from its study; returns the name of its run.

    Args:
        home: The home.
        name: Name of the study.
        number: Number of the trial, from 1.
        with_run: Whether to move the run to the trash.

    Raises:
        EntryNotFoundError: if there is no such study or trial.
        AlreadyRunningError: if the trial has not ended, or its run is being trained.
        HomeError: if it cannot be deleted.
    """
    study = studies.read_study_config(home, name)
    trials = Trials(Storage(home), study)
    run = study.run_name(number - 1)
    if with_run and is_run(home.run_folder(run)):
        trials.require_ended(number)
        delete_run(home, run)
    trials.delete(number)
    return run


def _view(home: Home, study: studies.StudyConfig, trials: list[TrialView], n_deleted: int = 0) -> StudyView:
    folder = home.study_folder(study.name)
    is_alive = is_locked(folder)
    tuner = _tuner_state(status_files.read_state(folder), is_alive, trials, study, n_deleted)
    best = _best(study, trials)
    counts = {state: sum(trial.state == state for trial in trials) for state in _STATES.values()}
    return StudyView(
        **{name: getattr(study, name) for name in studies.PLAIN_FIELDS},
        state=tuner.state,
        message=tuner.message,
        error=tuner.error,
        is_alive=is_alive,
        n_done=counts["done"],
        n_pruned=counts["pruned"],
        n_failed=counts["failed"],
        n_deleted=n_deleted,
        n_open=len(trials) - sum(counts.values()),
        best=None if best is None else best.number,
        best_value=None if best is None else best.value,
        ranges={item.name: item.to_dict() for item in study.ranges},
    )


def _damaged_view(home: Home, name: str, reason: str) -> StudyView:
    folder = studies.require_study(home, name)
    return StudyView(
        name=name, state=status_files.DAMAGED, message="", error=reason, is_alive=is_locked(folder), preset="",
        objective="lines",
        sampler="tpe", seed=0, prunes=False, n_trials=0, n_at_once=0, n_done=0, n_pruned=0, n_failed=0, n_deleted=0,
        n_open=0,
        best=None, best_value=None, started=status_files.modified_time(folder) or "", command="", ranges={},
    )  # fmt: skip


def _tuner_state(
    written: status_files.WorkerState | None,
    is_alive: bool,
    trials: list[TrialView],
    study: studies.StudyConfig,
    n_deleted: int,
) -> status_files.WorkerState:
    """Returns the state that a tuner wrote, corrected if its process ended without writing another."""
    resume = f"Resume it by `tetrarium tune {study.name}`."
    if written is None:
        return status_files.WorkerState(
            state="starting" if is_alive else "stopped", message="" if is_alive else f"Not started. {resume}"
        )
    if written.state in status_files.ACTIVE_STATES and not is_alive:
        n_open = sum(trial.state in status_files.ACTIVE_STATES for trial in trials)
        meanwhile = f" {n_open} of its trials may still be training." if n_open else ""
        return status_files.WorkerState(
            state=status_files.CRASHED, message=f"{status_files.CRASH_MESSAGE}{meanwhile} {resume}"
        )
    n_left = study.n_trials - n_deleted - len(trials)
    if written.state == "finished" and n_left > 0:
        return status_files.WorkerState(
            state="stopped", message=f"{n_left:,} trial{'' if n_left == 1 else 's'} left. {resume}"
        )
    return written


def _best(study: studies.StudyConfig, trials: list[TrialView]) -> TrialView | None:
    done = [trial for trial in trials if trial.state == "done" and trial.value is not None]
    sign = -1.0 if is_maximized(study.objective) else 1.0
    return min(done, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _views(home: Home, study: studies.StudyConfig, trials: Trials, *, with_runs: bool) -> list[TrialView]:
    found = []
    for trial in trials.kept():
        run, about = study.run_name(trial.number), trial_result(trial)
        state = _STATES.get(trial.state.name, "waiting")
        step, seconds = int(about.get("step", 0)), float(about.get("seconds", 0.0))
        if state == "waiting" and with_runs:
            with contextlib.suppress(HomeError):
                view = read_run(home, run)
                state, step, seconds = view.state, view.step, view.seconds
        found.append(
            TrialView(
                number=trial.number + 1,
                run=run,
                has_run=(home.run_folder(run) / "config.json").is_file(),
                state=state,
                params=trials.params(trial),
                value=trial.values[0] if trial.values and state == "done" else None,
                is_reached=bool(about.get("is_reached", True)),
                lines=about.get("lines"),
                n_games=about.get("n_games"),
                n_truncated=about.get("n_cut_off"),
                step=step,
                total_steps=study.training_config.total_timesteps,
                seconds=seconds,
                note=str(about.get("note", "")),
            )
        )
    return found


def _seconds_left(study: studies.StudyConfig, trials: list[TrialView], n_deleted: int) -> float | None:
    """Estimates the remaining time by the speed of earlier trials; None if there are none."""
    paced = [trial for trial in trials if trial.step and trial.seconds]
    n_steps = sum(trial.step for trial in paced)
    if not n_steps:
        return None
    ended = _STATES.values()
    n_left = sum(max(0, trial.total_steps - trial.step) for trial in trials if trial.state not in ended)
    n_left += (study.n_trials - n_deleted - len(trials)) * study.training_config.total_timesteps
    return sum(trial.seconds for trial in paced) / n_steps * n_left / min(study.n_at_once, max(1, study.n_trials))
