"""Background jobs on models: ``/api/jobs``. Few jobs run at once; further ones are queued."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse
from pydantic import Field

from tetrarium.dashboard.live.sources import require_agent
from tetrarium.dashboard.schemas import FAILURES, NAME_PATTERN, SPEC_PATTERN, Agent, JsonRoute, RequestModel
from tetrarium.errors import EntryNotFoundError, ModelError, UnknownAgentError
from tetrarium.evaluation import find_protocol
from tetrarium.evaluation.leaderboard import find_ranked_agent
from tetrarium.evaluation.protocols import DEFAULT_PROTOCOL
from tetrarium.registry.home import Home
from tetrarium.workers.directories.jobs import RECORDING_FILE, JobView, cancel_job, list_jobs, read_job, remove_job
from tetrarium.workers.processes.launcher import start_job

Id = Annotated[str, Path(pattern=NAME_PATTERN, description="The job's id.", examples=["9f3a01c2"])]
_NO_CONTENT: Final = 204
_GIF: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}}}
}
MAX_COMPARED_GAMES: Final = 10_000
MAX_COMPARED_PIECES: Final = 1_000_000
MAX_RECORDED_PIECES: Final = 1_000
Protocol = Annotated[
    str, Field(max_length=64, description="A name of GET /api/protocols.", examples=[DEFAULT_PROTOCOL])
]


class EvaluateRequest(RequestModel):
    """Evaluates an agent under a protocol, for the leaderboard."""

    kind: Literal["evaluate"] = Field(description="Kind of the job.")
    agent: str = Field(
        pattern=SPEC_PATTERN, description="Agent reference: a model or a controller.", examples=["first@2"]
    )
    protocol: Protocol = DEFAULT_PROTOCOL


class CompareRequest(RequestModel):
    """Compares two agents on the same pieces."""

    kind: Literal["compare"] = Field(description="Kind of the job.")
    agent: Agent = Field(description="Agent reference: a model, a run or a controller.", examples=["first@2"])
    other_agent: Agent = Field(description="Agent reference of the other agent.", examples=["dellacherie"])
    protocol: Protocol = DEFAULT_PROTOCOL
    games: int | None = Field(
        default=None,
        ge=1,
        le=MAX_COMPARED_GAMES,
        description="Number of games; by default that of the protocol.",
        examples=[1_000],
    )
    max_pieces: int | None = Field(
        default=None,
        ge=1,
        le=MAX_COMPARED_PIECES,
        description="Pieces after which games are truncated; by default those of the protocol.",
        examples=[10_000],
    )


class RecordRequest(RequestModel):
    """Records a game as a GIF."""

    kind: Literal["record"] = Field(description="Kind of the job.")
    agent: Agent = Field(description="Agent reference: a model, a run or a controller.", examples=["first@2"])
    protocol: str | None = Field(
        default=None,
        max_length=64,
        description="Protocol whose environment is used; by default the one that the agent was trained for.",
        examples=["default"],
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of the games.")
    game: int = Field(default=0, ge=0, lt=10**6, description="Number of the game of the seed.")
    max_pieces: int = Field(
        default=200, ge=1, le=MAX_RECORDED_PIECES, description="Pieces after which the recording ends."
    )
    speed: float = Field(default=10, ge=1, le=50, strict=False, description="Pieces per second.")
    scale: int = Field(default=16, ge=4, le=32, description="Edge length of a cell in pixels.")


StartJobRequest = Annotated[EvaluateRequest | CompareRequest | RecordRequest, Field(discriminator="kind")]


def job_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"], responses=FAILURES, route_class=JsonRoute)

    @routes.get("", summary="List jobs")
    def list_all_jobs() -> list[JobView]:
        """Returns running jobs and the latest ended ones, latest start first."""
        return list_jobs(home)

    @routes.post("", status_code=202, summary="Start a job: evaluate, compare or record")
    def start_new_job(request: StartJobRequest) -> JobView:
        """Starts a process and returns at once; the process continues when the dashboard stops.

        Two jobs of these kinds run at once, the others wait in a queue.

        The result of `evaluate` is the agent and its report, of `compare` the statistics and a sentence about them, of
        `record` the numbers of pieces and lines in the picture.
        """
        _require_agents(home, request)
        return read_job(home, start_job(home, request.kind, request.model_dump(exclude={"kind"})))

    @routes.get("/{job_id}", summary="Show a job")
    def show_job(job_id: Id) -> JobView:
        """Returns its progress, and its result once it has finished."""
        return read_job(home, job_id)

    @routes.get("/{job_id}/file", summary="Download a job's picture", response_class=Response, responses=_GIF)
    def download_job_file(job_id: Id) -> Response:
        """Returns the GIF of a `record` job."""
        view = read_job(home, job_id)
        path = home.job_folder(job_id) / RECORDING_FILE
        if not view.has_file or not path.is_file() or path.is_symlink():
            raise EntryNotFoundError(
                f"The job {job_id!r} has no file. Wait until it has finished; only recordings have one."
            )
        name = f"{str(view.values.get('agent', 'game')).replace('@', '-')}.gif"
        return FileResponse(path, media_type="image/gif", filename=name)

    @routes.delete("/{job_id}", status_code=_NO_CONTENT, summary="Cancel a job, or delete one that ended")
    def delete_job(job_id: Id) -> Response:
        """Cancels a job, which then saves nothing, or deletes one that ended with its files."""
        if read_job(home, job_id).is_alive:
            cancel_job(home, job_id)
        else:
            remove_job(home, job_id)
        return Response(status_code=_NO_CONTENT)

    return routes


def _require_agents(home: Home, request: EvaluateRequest | CompareRequest | RecordRequest) -> None:
    """Checks a request before a process is started.

    Raises:
        ConfigError: if there is no such agent or protocol.
    """
    if request.protocol is not None:
        find_protocol(request.protocol)
    match request:
        case EvaluateRequest():
            try:
                find_ranked_agent(request.agent, home)
            except ModelError as error:
                raise UnknownAgentError(str(error), field="agent") from error
        case CompareRequest():
            require_agent(home, request.agent, "agent")
            require_agent(home, request.other_agent, "other_agent")
        case RecordRequest():
            require_agent(home, request.agent, "agent")
