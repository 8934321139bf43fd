"""What studies there are, and what each has come to: ``list_studies`` and ``read_study``."""

import contextlib
from dataclasses import dataclass
from typing import Any, Final

from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import is_locked
from tetrarium.tuning.importances import Importances, find_importances
from tetrarium.tuning.objectives import is_better_higher
from tetrarium.tuning.storage import TOLD, Storage, Trials
from tetrarium.tuning.studies import StudyConfig, read_study_config, study_names
from tetrarium.workers.directory import read_run
from tetrarium.workers.files import DEAD, DIED, UNDER_WAY, WorkerState, read_state

__all__ = ["StudyDetail", "StudyView", "TrialView", "list_studies", "read_study"]

_STATES: Final = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """One trial, as it stands."""

    number: int  # from 1
    run: str
    has_run: bool  # whether the run is still there
    state: str  # "done", "pruned" or "failed"; else its run's, or "waiting" before that begins
    params: dict[str, Any]  # what it tries
    value: float | None  # by the study's objective
    is_reached: bool  # whether its goal was, where there is one
    lines: float | None  # a game, in the evaluation that decided
    n_games: int | None
    n_cut_off: int | None
    step: int
    total_steps: int
    seconds: float
    note: str  # why it failed, say


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """One study, as it stands."""

    name: str
    state: str  # of its tuner, as a worker's; "dead": its process ended without a word; "stopped" before it began
    message: str
    error: str
    is_alive: bool
    preset: str
    objective: str
    sampler: str
    seed: int
    prunes: bool
    n_trials: int  # asked for
    n_at_once: int
    n_done: int  # complete ones
    n_pruned: int
    n_failed: int
    n_open: int  # begun, and come to nothing yet
    best: int | None  # number of the best trial
    best_value: float | None
    started: str
    command: str
    ranges: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDetail:
    """One study with its trials."""

    view: StudyView
    trials: tuple[TrialView, ...]
    importances: Importances
    seconds_left: float | None  # None until it can be told


def list_studies(home: Home) -> list[StudyView]:
    """Returns all studies of a home, those that were begun last first."""
    names = study_names(home)
    storage = Storage(home) if names and Storage.exists(home) else None
    views = []
    for name in names:
        with contextlib.suppress(HomeError, OSError):
            study = read_study_config(home, name)
            found = [] if storage is None else _views(home, study, Trials(storage, study), with_runs=False)
            views.append(_view(home, study, found))
    return sorted(views, key=lambda view: (view.started, view.name), reverse=True)


def read_study(home: Home, name: str) -> StudyDetail:
    """Returns one study with all its trials.

    Raises:
        HomeError: if there is none of that name, or it cannot be read.
    """
    study = read_study_config(home, name)
    if not Storage.exists(home):
        words = "Which settings mattered is told once there are trials."
        nothing = Importances(shares={}, n_trials=0, n_best=0, words=words)
        return StudyDetail(view=_view(home, study, []), trials=(), importances=nothing, seconds_left=None)
    trials = Trials(Storage(home), study)
    found = _views(home, study, trials, with_runs=True)
    return StudyDetail(
        view=_view(home, study, found),
        trials=tuple(found),
        importances=find_importances(study, trials),
        seconds_left=_seconds_left(study, found),
    )


def _view(home: Home, study: StudyConfig, trials: list[TrialView]) -> StudyView:
    folder = home.study_folder(study.name)
    is_alive = is_locked(folder)
    told = _state(read_state(folder), is_alive, trials, study)
    best = _best(study, trials)
    counts = {state: sum(trial.state == state for trial in trials) for state in _STATES.values()}
    return StudyView(
        name=study.name,
        state=told.state,
        message=told.message,
        error=told.error,
        is_alive=is_alive,
        preset=study.preset,
        objective=study.objective,
        sampler=study.sampler,
        seed=study.seed,
        prunes=study.prunes,
        n_trials=study.n_trials,
        n_at_once=study.n_at_once,
        n_done=counts["done"],
        n_pruned=counts["pruned"],
        n_failed=counts["failed"],
        n_open=len(trials) - sum(counts.values()),
        best=None if best is None else best.number,
        best_value=None if best is None else best.value,
        started=study.started,
        command=study.command,
        ranges={item.name: item.to_dict() for item in study.ranges},
    )


def _state(told: WorkerState | None, is_alive: bool, trials: list[TrialView], study: StudyConfig) -> WorkerState:
    """What a study does by its tuner's own word, where that can still be so."""
    go_on = f"Go on by `tetrarium tune {study.name}`."
    if told is None:
        return WorkerState(
            state="starting" if is_alive else "stopped", message="" if is_alive else f"Not begun. {go_on}"
        )
    if told.state in UNDER_WAY and not is_alive:
        n_open = sum(trial.state in UNDER_WAY for trial in trials)
        meanwhile = f" {n_open} of its trials may train on by themselves." if n_open else ""
        return WorkerState(state=DEAD, message=f"{DIED}{meanwhile} {go_on}")
    if told.state == "finished" and len(trials) < study.n_trials:
        return WorkerState(state="stopped", message=f"{study.n_trials - len(trials):,} trials are left. {go_on}")
    return told


def _best(study: StudyConfig, trials: list[TrialView]) -> TrialView | None:
    done = [trial for trial in trials if trial.state == "done" and trial.value is not None]
    sign = -1.0 if is_better_higher(study.objective) else 1.0
    return min(done, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _views(home: Home, study: StudyConfig, trials: Trials, *, with_runs: bool) -> list[TrialView]:
    found = []
    for trial in trials.all():
        run, about = study.run_name(trial.number), trial.user_attrs.get(TOLD, {})
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
                n_cut_off=about.get("n_cut_off"),
                step=step,
                total_steps=study.training_config.total_timesteps,
                seconds=seconds,
                note=str(about.get("note", "")),
            )
        )
    return found


def _seconds_left(study: StudyConfig, trials: list[TrialView]) -> float | None:
    """What is left of the trials at the pace of those before, so many at once; None where there is no pace yet."""
    paced = [trial for trial in trials if trial.step and trial.seconds]
    n_steps = sum(trial.step for trial in paced)
    if not n_steps:
        return None
    ended = _STATES.values()
    n_left = sum(max(0, trial.total_steps - trial.step) for trial in trials if trial.state not in ended)
    n_left += (study.n_trials - len(trials)) * study.training_config.total_timesteps
    return sum(trial.seconds for trial in paced) / n_steps * n_left / min(study.n_at_once, max(1, study.n_trials))
