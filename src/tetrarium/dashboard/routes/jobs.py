"""Work on models that takes its time: ``/api/jobs``. Few jobs are done at once; more are refused."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse

from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.model_answers import job_answer
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN
from tetrarium.dashboard.schemas_models import Compare, Job, Measure, Record, StartJob
from tetrarium.dashboard.sources import require_player_policy
from tetrarium.errors import ConfigError, HomeError, ModelError
from tetrarium.evaluation import find_protocol
from tetrarium.evaluation.leaderboard import find_player
from tetrarium.registry.home import Home
from tetrarium.workers.jobs import JOB_FILE, JobView, cancel_job, list_jobs, read_job, remove_job, start_job

__all__ = ["job_routes"]

Id = Annotated[str, Path(pattern=NAME_PATTERN, description="The job's id.", examples=["job-1"])]
_NO_CONTENT: Final = 204
_GIF: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}}}
}


def job_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"], responses=FAILURES)

    @routes.get("", summary="All jobs, the latest first")
    def list_every_job() -> list[Job]:
        """Those under way, and the latest that have ended."""
        return [job_answer(view) for view in list_jobs(home)]

    @routes.post("", status_code=202, summary="Evaluate, compare or record")
    def begin_job(wanted: StartJob) -> Job:
        """Starts a process for it, which lives on when the dashboard ends; answers at once.

        The result of `measure` is the player and its report, of `compare` what was found and a sentence that says it,
        of `record` how many pieces and lines are in the picture.
        """
        _require_players(home, wanted)
        job = start_job(home, wanted.kind, wanted.model_dump(exclude={"kind"}))
        return job_answer(read_job(home, job))

    @routes.get("/{job_id}", summary="How far one has come")
    def show_job(job_id: Id) -> Job:
        """With its result, once it has finished."""
        return job_answer(_find(home, job_id))

    @routes.get("/{job_id}/file", summary="The picture that it drew", response_class=Response, responses=_GIF)
    def fetch_file(job_id: Id) -> Response:
        """A GIF."""
        view = _find(home, job_id)
        path = home.job_folder(job_id) / JOB_FILE
        if not view.has_file or not path.is_file() or path.is_symlink():
            raise NotThereError(f"The job {job_id!r} left no file. GET /api/jobs/{job_id} says how it stands.")
        name = f"{str(view.values.get('what', 'game')).replace('@', '-')}.gif"
        return FileResponse(path, media_type="image/gif", filename=name)

    @routes.delete("/{job_id}", status_code=_NO_CONTENT, summary="Cancel it, or forget it if it has ended")
    def end_job(job_id: Id) -> Response:
        """What a cancelled job would have kept is not kept."""
        if _find(home, job_id).is_alive:
            cancel_job(home, job_id)
        else:
            remove_job(home, job_id)
        return Response(status_code=_NO_CONTENT)

    return routes


def _find(home: Home, job_id: str) -> JobView:
    try:
        return read_job(home, job_id)
    except HomeError as error:
        raise NotThereError(str(error)) from error


def _require_players(home: Home, wanted: Measure | Compare | Record) -> None:
    """Refuses what cannot be played before a process is started.

    Raises:
        ConfigError: if there is no such player or protocol.
    """
    if wanted.protocol is not None:
        find_protocol(wanted.protocol)
    match wanted:
        case Measure():
            try:
                find_player(wanted.what, home)
            except ModelError as error:
                raise ConfigError(str(error)) from error
        case Compare():
            for what in (wanted.one, wanted.other):
                require_player_policy(home, what)
        case Record():
            require_player_policy(home, wanted.what)
