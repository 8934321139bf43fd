"""Training runs: ``/api/runs`` and what lies below a run's name.

Every function here may block, so none is a coroutine: each runs in a thread.
"""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import PlainTextResponse

from tetrarium.dashboard.commands import Reply, RunCommand, command_worker
from tetrarium.dashboard.forms import read_settings
from tetrarium.dashboard.keeping import list_checkpoints
from tetrarium.dashboard.schemas import NAME_PATTERN, Failure, Run, RunDetail, StartRun
from tetrarium.dashboard.schemas_runs import Branch, Checkpoints, Removed
from tetrarium.dashboard.sources import find_source, find_start
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import open_plain
from tetrarium.training.runs.pruning import delete_run, folder_bytes
from tetrarium.workers.directory import list_runs, read_config, read_episodes, read_evaluations, read_progress, read_run
from tetrarium.workers.files import LOG
from tetrarium.workers.launching import branch_training, resume_training, start_training

__all__ = ["FAILURES", "Name", "run_routes"]

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Failure, "description": description}
    for status, description in {
        400: "The body cannot be read.",
        404: "There is none of that name.",
        409: "It does not go with what is there: a name that is taken, a run that is not under way.",
        413: "The body is too large.",
        422: "A value breaks its rule.",
    }.items()
}
_LOG_BYTES: Final = 2**16
_TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
Name = Annotated[str, Path(pattern=NAME_PATTERN, description="The run's name.", examples=["first"])]
Points = Annotated[int, Query(ge=2, le=10_000, description="Rows at most; thinned out evenly.")]


def run_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api/runs", tags=["runs"], responses=FAILURES)
    _add_reading(routes, home)
    _add_doing(routes, home)
    _add_removing(routes, home)
    return routes


def _add_reading(routes: APIRouter, home: Home) -> None:
    @routes.get("", summary="All runs, the latest first")
    def list_every_run() -> list[Run]:
        """Whoever started them, here or in a terminal, under way or not."""
        return [Run(**asdict(view)) for view in list_runs(home)]

    @routes.get("/{name}", summary="One run, and what it was started with")
    def show_run(name: Name) -> RunDetail:
        """How it stands, with every setting that it was started with."""
        find_source(home, "run", name)
        return RunDetail(**asdict(read_run(home, name)), config=read_config(home, name))

    @routes.get("/{name}/progress", summary="Its course so far, as columns of equal length")
    def show_progress(name: Name, max_points: Points = 600) -> dict[str, list[float | None]]:
        """A row every 2,000 placements: mean, band and best of lines a game, loss, speed and more, by name."""
        find_source(home, "run", name)
        return read_progress(home, name, max_points)

    @routes.get("/{name}/episodes", summary="Its games that ended, as columns of equal length")
    def show_episodes(name: Name, max_points: Points = 600) -> dict[str, list[float]]:
        """Groups of consecutive games: the step at which they begin, and mean, least and most of lines and reward."""
        find_source(home, "run", name)
        return dict(read_episodes(home, name, max_points))

    @routes.get("/{name}/evaluations", summary="What was evaluated while it trained, as rows")
    def show_evaluations(name: Name) -> list[dict[str, float | None]]:
        """Mean lines a game of the weights of a step, on games that are the same every time."""
        find_source(home, "run", name)
        return read_evaluations(home, name)

    @routes.get("/{name}/checkpoints", summary="What it keeps on the disk")
    def show_checkpoints(name: Name) -> Checkpoints:
        """From each of them it can go on: from the latest by `resume`, from an earlier one by `branch`."""
        return list_checkpoints(find_source(home, "run", name).folder)

    @routes.get("/{name}/log", summary="The end of what its worker wrote", response_class=Response, responses=_TEXT)
    def show_log(name: Name) -> Response:
        """Empty for a run that was started in a terminal, where it wrote."""
        folder = find_source(home, "run", name).folder
        try:
            with open_plain(folder / LOG) as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - _LOG_BYTES))
                return PlainTextResponse(file.read().decode(errors="replace"))
        except FileNotFoundError:
            return PlainTextResponse("")  # it was started in a terminal


def _add_removing(routes: APIRouter, home: Home) -> None:
    @routes.delete("/{name}", summary="Remove it, with all that it left")
    def remove_run(name: Name) -> Removed:
        """Its checkpoints, records and replays go for ever; models that it led to stay. Not while it is under way."""
        folder = find_source(home, "run", name).folder
        n_bytes = folder_bytes(folder)
        delete_run(home, name)
        return Removed(name=name, n_bytes=n_bytes)


def _add_doing(routes: APIRouter, home: Home) -> None:
    @routes.post("", status_code=201, summary="Begin a run")
    def start_run(wanted: StartRun) -> Run:
        """Makes its folder and starts its worker, which lives on when the dashboard ends; answers at once."""
        changes = {"seed": wanted.seed, "target_lines": wanted.target_lines}
        settings = {**wanted.settings, **{name: value for name, value in changes.items() if value is not None}}
        env_config, training_config = read_settings(wanted.preset, settings)
        name = start_training(
            home,
            env_config,
            training_config,
            name=wanted.name,
            start_from=None if wanted.start_from is None else find_start(home, wanted.start_from),
            preset=wanted.preset,
            mode=wanted.mode,
        )
        return Run(**asdict(read_run(home, name)))

    @routes.post("/{name}/commands", summary="Tell its worker something")
    def command_run(name: Name, told: RunCommand) -> Reply:
        """Takes effect after the round under way, and never changes what is learnt."""
        return command_worker(find_source(home, "run", name).folder, told)

    @routes.post("/{name}/resume", status_code=202, summary="Go on from its last checkpoint")
    def resume_run(name: Name) -> Run:
        """Starts a new worker for a run that was stopped, failed or died; what was later is dropped first."""
        find_source(home, "run", name)
        resume_training(home, name)
        return Run(**asdict(read_run(home, name)))

    @routes.post("/{name}/branch", status_code=201, summary="Go on from an earlier checkpoint, as a new run")
    def branch_off(name: Name, wanted: Branch) -> Run:
        """The new run begins as an exact copy of the checkpoint, so it comes to the same end; the old one stays."""
        find_source(home, "run", name)
        new_name = branch_training(home, name, wanted.step, new_name=wanted.name, mode=wanted.mode)
        return Run(**asdict(read_run(home, new_name)))
