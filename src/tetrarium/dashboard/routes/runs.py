"""Training runs: ``/api/runs`` and what lies below a run's name.

The functions may block, so they are not coroutines: each runs in a thread.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import PlainTextResponse
from pydantic import ConfigDict, Field

from tetrarium.dashboard import schemas
from tetrarium.dashboard.command_requests import CommandResponse, RunCommandRequest, send_command
from tetrarium.dashboard.live.sources import find_agent, find_source
from tetrarium.dashboard.routes.models import MAX_NOTE_LENGTH, Tag
from tetrarium.dashboard.settings_form import read_settings
from tetrarium.errors import CheckpointError
from tetrarium.registry.files.safe_files import open_plain
from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import MAX_TAGS
from tetrarium.settings import documented
from tetrarium.training.agent_reference import reference_of
from tetrarium.training.checkpoints.checkpoint_store import read_metadata
from tetrarium.training.checkpoints.metadata import METADATA_NAME
from tetrarium.training.runs.storage.checkpoint_cleanup import folder_bytes
from tetrarium.training.runs.storage.folder import BEST, checkpoint_steps
from tetrarium.training.runs.storage.renaming import rename_run
from tetrarium.workers.directories import run_views
from tetrarium.workers.directories.run_status import RunView
from tetrarium.workers.processes.launcher import branch_training, resume_training, start_training
from tetrarium.workers.protocol.status_files import DAMAGED, LOG

MAX_POINTS: Final = 10_000
MAX_SEEDS: Final = 16  # runs started at once
_LOG_BYTES: Final = 2**16
_TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
Name = Annotated[str, PathParameter(pattern=schemas.NAME_PATTERN, description="The run's name.", examples=["first"])]
Points = Annotated[int, Query(ge=2, le=MAX_POINTS, description="Largest number of rows; more are thinned out evenly.")]


class Checkpoint(schemas.ResponseModel):
    """A checkpoint of a run."""

    step: int = Field(description="Training step.", examples=[41_200])
    n_bytes: int = Field(description="Size of its files.", examples=[9_400_000])
    saved: str = Field(description="Time of saving in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    is_latest: bool = Field(description="Whether the run is resumed from it.")
    is_best: bool = Field(description="Whether its weights are those of the best evaluation.")


class CheckpointsResponse(schemas.ResponseModel):
    """Checkpoints of a run."""

    checkpoints: list[Checkpoint] = Field(description="Checkpoints by step.")
    best_step: int | None = Field(
        description="Step of the best weights, NAME@best; null before the first evaluation.", examples=[30_000]
    )
    n_bytes: int = Field(description="Size of the run's folder.", examples=[24_000_000])


class BranchRequest(schemas.RequestModel):
    """A new run that starts from an exact copy of a checkpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": 41_200, "name": "second"}]})
    step: int = Field(ge=0, description="Step of the checkpoint.")
    name: str | None = Field(
        default=None, pattern=schemas.NAME_PATTERN, description="Name of the new run; by default NAME-at-STEP."
    )
    mode: schemas.Mode = Field(default="live", description="Display mode.")


class ResumeRequest(schemas.RequestModel):
    """Changes of a resumed run."""

    total_timesteps: int | None = Field(
        default=None, ge=1, description="New number of training steps; unchanged by default.", examples=[800_000]
    )
    any_cpu: bool = Field(
        default=False,
        description="Resume from a checkpoint of a processor that computes other numbers; the result differs.",
    )


class StartRunRequest(schemas.RequestModel):
    """A run to start."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"preset": "quick", "settings": {"gamma": 0.8}, "name": "first", "seed": 1}]}
    )
    preset: str = Field(default="default", max_length=64, description="Preset that the settings change.")
    settings: Annotated[dict[str, Any], Field(max_length=200)] = Field(
        default={}, description="Settings of environment and training that differ from the preset, by name."
    )
    name: str | None = Field(
        default=None, pattern=schemas.NAME_PATTERN, description="Name of the run; by default a numbered one."
    )
    seed: int | None = Field(default=None, description="Seed of the training.")
    target_lines: int | None = Field(default=None, description="Lines of a single game that end the training.")
    seeds: int = Field(
        default=1, ge=1, le=MAX_SEEDS, description="Number of runs to start, with consecutive seeds, as one group."
    )
    group: Annotated[str, Field(pattern=schemas.NAME_PATTERN)] | None = Field(
        default=None, description="Group of the run; by default none, or its name with several seeds."
    )
    start_from: str | None = Field(
        default=None,
        pattern=schemas.AGENT_PATTERN,
        description="Agent reference of the initial weights: a run, NAME@best, NAME@STEP or a model.",
    )
    mode: schemas.Mode = Field(default="live", description="Display mode.")


class LabelsRequest(schemas.RequestModel):
    """Changes of the labels of runs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"names": ["first"], "group": "rates", "add_tags": []}]})
    names: list[Annotated[str, Field(pattern=schemas.NAME_PATTERN)]] = Field(
        min_length=1, max_length=10_000, description="Names of the runs."
    )
    group: Annotated[str, Field(pattern=schemas.GROUP_PATTERN)] | None = Field(
        default=None, description="New group; empty for none, null to keep it."
    )
    add_tags: list[Tag] = Field(default=[], max_length=MAX_TAGS, description="Tags to add.")
    remove_tags: list[Tag] = Field(default=[], max_length=MAX_TAGS, description="Tags to remove.")
    note: str | None = Field(default=None, max_length=MAX_NOTE_LENGTH, description="New note; null to keep it.")


class RenameRequest(schemas.RequestModel):
    """A new name of a run."""

    name: str = Field(pattern=schemas.NAME_PATTERN, description="New name.", examples=["second"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail(RunView):
    """A training run with its status and config."""

    config: dict[str, Any] = field(
        metadata=documented(
            "Content of its config.json.",
            {"env_config": {"width": 10}, "training_config": {"gamma": 0.9}, "start_from": None},
        )
    )
    start_from: str | None = field(
        metadata=documented(
            "Agent reference of its initial weights, or of the checkpoint that it was branched from; null if they were "
            "random or are not in this home.",
            "first@41200",
        )
    )


def run_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api/runs", tags=["runs"], responses=schemas.FAILURES, route_class=schemas.JsonRoute)
    _add_reading(routes, home)
    _add_writing(routes, home)
    return routes


def _add_reading(routes: APIRouter, home: Home) -> None:
    @routes.get("", summary="List runs")
    def list_all_runs() -> list[RunView]:
        """Returns all runs, latest start first, no matter where they were started."""
        return run_views.list_runs(home)

    @routes.get("/{name}", summary="Show a run")
    def show_run(name: Name) -> RunDetail:
        """Returns its status and every setting that it was started with; no settings of a damaged run."""
        find_source(home, "run", name)
        view = run_views.find_run(home, name)
        config = {} if view.state == DAMAGED else run_views.read_config(home, name)
        return RunDetail(**asdict(view), config=config, start_from=_start_of(config, home))

    @routes.get("/{name}/progress", summary="Show a run's progress")
    def show_progress(name: Name, max_points: Points = 600) -> dict[str, list[float | None]]:
        """Returns the columns of `progress.csv` by name, all of equal length."""
        find_source(home, "run", name)
        return run_views.read_progress(home, name, max_points)

    @routes.get("/{name}/episodes", summary="Show a run's episodes")
    def show_episodes(name: Name, max_points: Points = 600) -> dict[str, list[float]]:
        """Returns columns of equal length, one value per group of consecutive games.

        Columns are the group's first step, and mean, minimum and maximum of lines and reward.
        """
        find_source(home, "run", name)
        return dict(run_views.read_episodes(home, name, max_points))

    @routes.get("/{name}/evaluations", summary="Show a run's evaluations")
    def show_evaluations(name: Name) -> list[dict[str, float | None]]:
        """Returns the rows of `evaluations.csv`: results of the weights of a step on fixed games."""
        find_source(home, "run", name)
        return run_views.read_evaluations(home, name)

    @routes.get("/{name}/checkpoints", summary="List a run's checkpoints")
    def show_checkpoints(name: Name) -> CheckpointsResponse:
        """Training continues from the latest one by `resume`, from an earlier one by `branch`."""
        return list_checkpoints(find_source(home, "run", name).folder)

    @routes.get("/{name}/log", summary="Show the end of a run's log", response_class=Response, responses=_TEXT)
    def show_log(name: Name) -> Response:
        """Returns the last 64 kB of output; empty for a run that was started in a terminal."""
        folder = find_source(home, "run", name).folder
        try:
            with open_plain(folder / LOG) as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - _LOG_BYTES))
                return PlainTextResponse(file.read().decode(errors="replace"))
        except FileNotFoundError:
            return PlainTextResponse("")


def _add_writing(routes: APIRouter, home: Home) -> None:
    @routes.post("", status_code=201, summary="Start a run")
    def start_run(request: StartRunRequest) -> RunView:
        """Creates its folder, starts its worker and returns at once; the worker continues when the dashboard stops.

        With several seeds, they train at the same time, and the first one is returned.
        """
        fields = {"seed": request.seed, "target_lines": request.target_lines}
        env_config, training_config = read_settings(request.preset, request.settings, fields)
        names = seed_names(home, request.name, training_config.seed, request.seeds)
        start_from = None if request.start_from is None else find_agent(home, request.start_from, "start_from")
        started = [
            start_training(
                home,
                env_config,
                training_config.with_changes(seed=training_config.seed + place),
                name=name,
                start_from=start_from,
                preset=request.preset,
                mode=request.mode,
                origin="page",
                group=request.group or (request.name if request.seeds > 1 else None),
            )
            for place, name in enumerate(names)
        ]
        if request.seeds > 1 and request.group is None and request.name is None:
            for name in started:
                run_views.label_run(home, name, group=f"{started[0]}-seeds")
        return run_views.read_run(home, started[0])

    @routes.patch("", summary="Change group, tags and note of runs")
    def label_runs(request: LabelsRequest) -> list[RunView]:
        """Changes the labels of each run, running ones too, and returns the runs."""
        for name in request.names:
            find_source(home, "run", name)
        changes = request.model_dump(exclude={"names"})
        return [run_views.label_run(home, name, **changes) for name in request.names]

    @routes.post("/{name}/rename", summary="Rename a run")
    def rename(name: Name, request: RenameRequest) -> RunView:
        """Renames its folder, and its name in runs and models that were made from it. Refused while it runs."""
        find_source(home, "run", name)
        rename_run(home, name, request.name)
        return run_views.find_run(home, request.name)

    @routes.post("/{name}/commands", summary="Send a command to a run")
    def command_run(name: Name, request: RunCommandRequest) -> CommandResponse:
        """Takes effect after the current round and never changes the trained weights."""
        return send_command(find_source(home, "run", name).folder, request.command, request.values.model_dump())

    @routes.post("/{name}/resume", status_code=202, summary="Resume a run")
    def resume_run(name: Name, request: ResumeRequest | None = None) -> RunView:
        """Continues a paused run, or starts a worker for a run that ended, from its last checkpoint.

        Records later than the checkpoint are dropped first. With more `total_timesteps`, a finished run trains on.
        """
        folder = find_source(home, "run", name).folder
        view = run_views.read_run(home, name)
        total_timesteps = None if request is None else request.total_timesteps
        if view.is_alive and view.state == "paused" and total_timesteps is None:
            send_command(folder, "resume")
        else:
            any_cpu = request is not None and request.any_cpu
            resume_training(home, name, total_timesteps=total_timesteps, any_cpu=any_cpu)
        return run_views.read_run(home, name)

    @routes.post("/{name}/branch", status_code=201, summary="Branch a new run from a checkpoint")
    def branch_run(name: Name, request: BranchRequest) -> RunView:
        """The new run starts from an exact copy of the checkpoint, so it reaches the same result; the old one stays."""
        find_source(home, "run", name)
        new_name = branch_training(home, name, request.step, new_name=request.name, mode=request.mode)
        return run_views.read_run(home, new_name)


def seed_names(home: Home, name: str | None, first_seed: int, n_seeds: int) -> list[str | None]:
    """Returns the names of runs with consecutive seeds, after checking that they are free; None for numbered ones."""
    if n_seeds == 1 or name is None:
        return [name] * n_seeds
    names = [f"{name}-{seed}" for seed in range(first_seed, first_seed + n_seeds)]
    for one in names:
        home.require_free(one)
    return [*names]


def _start_of(config: Mapping[str, Any], home: Home) -> str | None:
    """Returns the agent reference of a run's initial weights."""
    branched_from, start_from = config.get("branched_from"), config.get("start_from")
    if isinstance(branched_from, str):
        return branched_from
    return reference_of(Path(start_from), home) if isinstance(start_from, str) else None


def list_checkpoints(run: Path) -> CheckpointsResponse:
    """Returns the present checkpoints; a running run may delete old ones meanwhile."""
    steps = checkpoint_steps(run)
    best = _best_step(run)
    found = []
    for step in steps:
        folder = run / "checkpoints" / str(step)
        with contextlib.suppress(OSError):
            saved = datetime.fromtimestamp((folder / METADATA_NAME).stat().st_mtime).astimezone()
            found.append(
                Checkpoint(
                    step=step,
                    n_bytes=folder_bytes(folder),
                    saved=saved.isoformat(timespec="seconds"),
                    is_latest=step == steps[-1],
                    is_best=step == best,
                )
            )
    return CheckpointsResponse(checkpoints=found, best_step=best, n_bytes=_run_bytes(run))


def _best_step(run: Path) -> int | None:
    """Returns the step of the best weights from their metadata."""
    try:
        step = read_metadata(run / BEST).counters.get("timesteps_trained")
    except CheckpointError:
        return None
    return step if isinstance(step, int) else None


def _run_bytes(run: Path) -> int:
    """Returns the size of a run's folder; starts again if files are deleted meanwhile."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return folder_bytes(run)
