"""Studies: ``/api/studies``, and ``/api/studies/options``, which describes what a study can consist of.

A study runs in a process of its own, the tuner, which continues when the dashboard stops. The functions may block, so
they are not coroutines: each runs in a thread.
"""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from tetrarium import tuning
from tetrarium.dashboard.command_requests import CommandResponse, send_command
from tetrarium.dashboard.schemas import FAILURES, NAME_PATTERN, Choice, JsonRoute, RequestModel, ResponseModel
from tetrarium.dashboard.settings_form import SettingGroup, read_settings, setting_groups
from tetrarium.errors import EntryNotFoundError
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home
from tetrarium.settings import documented
from tetrarium.tuning.search_space import MAX_VALUES, require_varied_once
from tetrarium.tuning.study import MAX_TRIALS

Name = Annotated[str, Path(pattern=NAME_PATTERN, description="The study's name.", examples=["rates"])]
TrialNumber = Annotated[int, Path(ge=1, le=MAX_TRIALS, description="Number of the trial, from 1.")]
WithRuns = Annotated[bool, Query(description="Whether to move the runs of its trials to the trash.")]
Objective = Literal["lines", "evaluation", "placements-to-goal"]
Sampler = Literal["tpe", "random", "grid", "cma-es"]
Value = bool | int | float | str | list[int | str]


class StudyOptionsResponse(ResponseModel):
    """Settings, objectives and samplers that a study can consist of."""

    groups: list[SettingGroup] = Field(description="Settings that can be varied, in the order of a form.")
    objectives: list[Choice] = Field(description="Objectives that trials are judged by; the first one is the default.")
    samplers: list[Choice] = Field(description="Samplers that draw trials; the first one is the default.")


class RangeRequest(RequestModel):
    """Range of a varied setting: listed values, or an interval."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"low": 1e-4, "high": 1e-2, "log": True}]})
    values: Annotated[list[Value], Field(max_length=MAX_VALUES)] = Field(default=[], description="Listed values.")
    low: int | float | None = Field(default=None, description="Smallest value of an interval.")
    high: int | float | None = Field(default=None, description="Largest value of an interval.")
    log: bool = Field(default=False, description="Whether values are drawn on a logarithmic scale.")
    n_values: int | None = Field(
        default=None, description="Number of evenly spaced values; by default any value of the interval."
    )


class StartStudyRequest(RequestModel):
    """A study to start."""

    model_config = ConfigDict(json_schema_extra={
            "examples": [
                {
                    "name": "rates",
                    "preset": "quick",
                    "ranges": {"n_steps": {"values": [1, 2, 3]}, "gamma": {"low": 0.8, "high": 0.98}},
                    "n_trials": 12,
                }
            ]
        },
    )  # fmt: skip
    name: str = Field(
        pattern=NAME_PATTERN, description="Name of the study; its trials are the runs NAME-0001 and so on."
    )
    preset: str = Field(default="default", max_length=64, description="Preset that all trials share.")
    settings: Annotated[dict[str, Any], Field(max_length=200)] = Field(
        default={}, description="Settings of all trials that differ from the preset, by name."
    )
    ranges: Annotated[dict[str, RangeRequest], Field(max_length=200)] = Field(description="Varied settings by name.")
    n_trials: int = Field(default=20, description="Number of trials; can be increased later.")
    n_at_once: int = Field(default=1, description="Trials that run in parallel.")
    objective: Objective = Field(default="lines", description="Objective that trials are judged by.")
    sampler: Sampler = Field(default="tpe", description="Sampler that draws the trials.")
    seed: int = Field(default=0, description="Seed of the sampler.")
    prunes: bool = Field(default=False, description="Whether trials below the median of the others are stopped early.")


class ExtendStudyRequest(RequestModel):
    """Changed numbers of a resumed study."""

    n_trials: int | None = Field(
        default=None, description="New number of trials; at least the current one.", examples=[40]
    )
    n_at_once: int | None = Field(default=None, description="New number of trials that run in parallel.", examples=[2])


class StudyCommandRequest(RequestModel):
    """A command to a tuner."""

    command: Literal["status", "pause", "resume", "stop"] = Field(
        description="Name of the command; `stop` also stops running trials, with checkpoints."
    )


class DeletedStudyResponse(ResponseModel):
    """A deleted study."""

    name: str = Field(description="Name of the study.", examples=["rates"])
    runs: list[str] = Field(
        description="Names of the runs that were moved to the trash.", examples=[["rates-0001", "rates-0002"]]
    )


class SettingShare(ResponseModel):
    """Importance of a setting."""

    name: str = Field(description="Name of the setting.", examples=["learning_rate"])
    share: float = Field(description="Share of the importance; all shares sum to 1.", examples=[0.7])


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResponse(tuning.StudyView):
    """A study with its status and trials."""

    trials: tuple[tuning.TrialView, ...] = field(metadata=documented("Its trials by number."))
    seconds_left: float | None = field(
        metadata=documented("Estimated remaining time at the pace so far; null if unknown.", 340.0)
    )
    importances: tuple[SettingShare, ...] = field(
        metadata=documented("Importances of settings, the largest first; empty if unknown.")
    )
    importances_explanation: str = field(
        metadata=documented(
            "How the importances were estimated, or why they are unknown.",
            "Importance needs 10 complete trials (4 so far).",
        )
    )
    best_command: str | None = field(
        metadata=documented(
            "Command that trains the best trial again.", "tetrarium train --preset quick --set n_steps=3"
        )
    )


def study_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["studies"], responses=FAILURES, route_class=JsonRoute)
    options = _options()

    @routes.get("/studies/options", summary="Show options of studies")
    async def show_study_options() -> StudyOptionsResponse:
        """Returns the settings that can be varied, the objectives and the samplers."""
        return options

    _add_studies(routes, home)
    _add_trials(routes, home)
    return routes


def _add_studies(routes: APIRouter, home: Home) -> None:
    @routes.get("/studies", summary="List studies")
    def list_all_studies() -> list[tuning.StudyView]:
        """Returns all studies, latest start first, no matter where they were started."""
        return tuning.list_studies(home)

    @routes.get("/studies/{name}", summary="Show a study")
    def show_study(name: Name) -> StudyResponse:
        """Returns its status, its trials with settings and results, and the importances of settings."""
        _require(home, name)
        return _response(home, tuning.read_study(home, name))

    @routes.post("/studies", status_code=201, summary="Start a study")
    def start_study(request: StartStudyRequest) -> tuning.StudyView:
        """Starts a tuner, which trains a run for each trial, and returns at once."""
        env_config, training_config = read_settings(request.preset, request.settings)
        ranges = tuple(
            tuning.Range.from_dict(name, values.model_dump(exclude_defaults=True))
            for name, values in request.ranges.items()
        )
        require_varied_once(ranges, request.settings)
        values = request.model_dump(exclude={"settings", "ranges"})
        config = tuning.StudyConfig(env_config=env_config, training_config=training_config, ranges=ranges, **values)
        tuning.create_study(home, config)
        tuning.start_tuner(home, config.name)
        return tuning.read_study(home, config.name).view

    @routes.post("/studies/{name}/commands", summary="Send a command to a study")
    def command_study(name: Name, request: StudyCommandRequest) -> CommandResponse:
        """Pauses, resumes or stops the study with its running trials."""
        _require(home, name)
        return send_command(home.study_folder(name), request.command)

    @routes.post("/studies/{name}/resume", status_code=202, summary="Resume a study, optionally with more trials")
    def resume_study(name: Name, request: ExtendStudyRequest) -> tuning.StudyView:
        """Starts a tuner for a study without one; a running tuner picks up the new numbers."""
        _require(home, name)
        tuning.extend_study(home, name, n_trials=request.n_trials, n_at_once=request.n_at_once)
        if not is_locked(home.study_folder(name)):
            tuning.start_tuner(home, name)
        return tuning.read_study(home, name).view

    @routes.delete("/studies/{name}", summary="Delete a study")
    def delete_whole_study(name: Name, runs: WithRuns = False) -> DeletedStudyResponse:
        """Deletes it with its trials permanently, damaged or not; saved models stay. Refused while it runs."""
        _require(home, name)
        names = tuning.delete_study(home, name, with_runs=runs)
        return DeletedStudyResponse(name=name, runs=names if runs else [])


def _add_trials(routes: APIRouter, home: Home) -> None:
    @routes.delete("/studies/{name}/trials/{number}", summary="Delete a trial")
    def delete_one_trial(name: Name, number: TrialNumber, runs: WithRuns = False) -> DeletedStudyResponse:
        """Deletes a trial that has ended permanently: the study goes on without its result."""
        _require(home, name)
        run = tuning.delete_trial(home, name, number, with_run=runs)
        return DeletedStudyResponse(name=name, runs=[run] if runs else [])


def _options() -> StudyOptionsResponse:
    variable = set(tuning.variable_settings())
    groups = [
        SettingGroup(name=group.name, fields=[item for item in group.fields if item.name in variable])
        for group in setting_groups()
    ]
    return StudyOptionsResponse(
        groups=[group for group in groups if group.fields],
        objectives=[Choice(name=name, meaning=meaning) for name, meaning in tuning.OBJECTIVES.items()],
        samplers=[Choice(name=name, meaning=meaning) for name, meaning in tuning.SAMPLERS.items()],
    )


def _require(home: Home, name: str) -> None:
    if not tuning.has_study(home, name):
        raise EntryNotFoundError(f"There is no study {name[:80]!r}. Choose one from the list of all studies.")


def _response(home: Home, detail: tuning.StudyDetail) -> StudyResponse:
    view: dict[str, Any] = asdict(detail.view)
    best = next((trial for trial in detail.trials if trial.number == detail.view.best), None)
    command = None
    if best is not None:
        study = tuning.read_study_config(home, detail.view.name)
        command = tuning.train_command(study.preset, *study.configs(best.params))
    return StudyResponse(
        **view,
        trials=detail.trials,
        seconds_left=detail.seconds_left,
        importances=tuple(SettingShare(name=name, share=share) for name, share in detail.importances.shares.items()),
        importances_explanation=detail.importances.explanation,
        best_command=command,
    )
