"""Studies: ``/api/tuning``, which says what one can be made of, and ``/api/studies``.

A study is carried out by a process of its own, which lives on when the dashboard ends. Every function here may block,
so none is a coroutine: each runs in a thread.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path

from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.commands import Reply
from tetrarium.dashboard.forms import SettingError, read_settings, setting_groups
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN, SettingGroup
from tetrarium.dashboard.schemas_tuning import (
    Choice,
    ExtendStudy,
    RangeOrder,
    SettingShare,
    StartStudy,
    Study,
    StudyCommand,
    StudyDetails,
    Trial,
    TuningCatalogue,
)
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import is_locked
from tetrarium.tuning import (
    OBJECTIVES,
    SAMPLERS,
    Range,
    StudyConfig,
    StudyDetail,
    create_study,
    extend_study,
    has_study,
    list_studies,
    read_study,
    read_study_config,
    start_tuner,
    train_command,
    variable_settings,
)
from tetrarium.tuning.studies import MAX_AT_ONCE, MAX_TRIALS
from tetrarium.workers.client import WorkerClient

__all__ = ["tuning_routes"]

Name = Annotated[str, Path(pattern=NAME_PATTERN, description="The study's name.", examples=["rates"])]


def tuning_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api", tags=["tuning"], responses=FAILURES)
    catalogue = _catalogue()

    @routes.get("/tuning", summary="What a study can be made of")
    async def show_tuning() -> TuningCatalogue:
        """Settings that may be varied, with their bounds; objectives and samplers."""
        return catalogue

    _add_studies(routes, home)
    return routes


def _add_studies(routes: APIRouter, home: Home) -> None:
    @routes.get("/studies", summary="All studies, the latest first")
    def list_every_study() -> list[Study]:
        """Whoever began them, here or in a terminal, under way or not."""
        return [Study(**asdict(view)) for view in list_studies(home)]

    @routes.get("/studies/{name}", summary="One study with its trials")
    def show_study(name: Name) -> StudyDetails:
        """How it stands, what each trial tried and came to, and which settings mattered."""
        _require(home, name)
        return _details(home, read_study(home, name))

    @routes.post("/studies", status_code=201, summary="Begin a study")
    def begin_study(wanted: StartStudy) -> Study:
        """Starts a process that trains one run after another; answers at once."""
        env_config, training_config = read_settings(wanted.preset, wanted.settings)
        asked = StudyConfig(
            name=wanted.name,
            preset=wanted.preset,
            env_config=env_config,
            training_config=training_config,
            ranges=tuple(_range(name, order) for name, order in wanted.vary.items()),
            n_trials=wanted.n_trials,
            n_at_once=wanted.n_at_once,
            objective=wanted.objective,
            sampler=wanted.sampler,
            seed=wanted.seed,
            prunes=wanted.prunes,
        )
        create_study(home, asked)
        start_tuner(home, asked.name)
        return Study(**asdict(read_study(home, asked.name).view))

    @routes.post("/studies/{name}/commands", summary="Tell its process something")
    def command_study(name: Name, told: StudyCommand) -> Reply:
        """Pauses it with its trials, lets it go on, or stops it; a stopped study goes on by `resume`."""
        _require(home, name)
        with WorkerClient.connect(home.study_folder(name)) as worker:
            answer = worker.order(told.command)
        return Reply(**{key: answer[key] for key in Reply.model_fields})

    @routes.post("/studies/{name}/resume", status_code=202, summary="Go on, perhaps with more trials")
    def resume_study(name: Name, wanted: ExtendStudy) -> Study:
        """Starts a process for a study that has none, and goes on where it was; one under way takes the numbers up."""
        _require(home, name)
        extend_study(home, name, n_trials=wanted.n_trials, n_at_once=wanted.n_at_once)
        if not is_locked(home.study_folder(name)):
            start_tuner(home, name)
        return Study(**asdict(read_study(home, name).view))


def _catalogue() -> TuningCatalogue:
    variable = set(variable_settings())
    groups = [
        SettingGroup(name=group.name, fields=[item for item in group.fields if item.name in variable])
        for group in setting_groups()
    ]
    return TuningCatalogue(
        groups=[group for group in groups if group.fields],
        objectives=[Choice(name=name, meaning=meaning) for name, meaning in OBJECTIVES.items()],
        samplers=[Choice(name=name, meaning=meaning) for name, meaning in SAMPLERS.items()],
        most_trials=MAX_TRIALS,
        most_at_once=MAX_AT_ONCE,
    )


def _require(home: Home, name: str) -> None:
    if not has_study(home, name):
        raise NotThereError(f"There is no study {name[:80]!r}. GET /api/studies lists what there is.")


def _range(name: str, order: RangeOrder) -> Range:
    """Makes a range of what came in; what is wrong with it is told at its setting."""
    given = order.model_dump(exclude_defaults=True)
    try:
        return Range.from_dict(name, given)
    except ConfigError as error:
        raise SettingError(str(error), name) from error


def _details(home: Home, detail: StudyDetail) -> StudyDetails:
    view: dict[str, Any] = asdict(detail.view)
    best = next((trial for trial in detail.trials if trial.number == detail.view.best), None)
    study = read_study_config(home, detail.view.name)
    return StudyDetails(
        **view,
        trials=[Trial(**asdict(trial)) for trial in detail.trials],
        seconds_left=detail.seconds_left,
        importances=[SettingShare(name=name, share=share) for name, share in detail.importances.shares.items()],
        importances_words=detail.importances.words,
        best_command=None if best is None else train_command(study.preset, *study.configs(best.params)),
    )
