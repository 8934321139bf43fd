"""Saved models: ``/api/models``, ``/api/trash``, ``/api/imports``, ``/api/leaderboard``, ``/api/protocols``.

Operations that need torch or take long start a job of ``/api/jobs``; all others finish before the response.
"""

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from tetrarium.dashboard import schemas
from tetrarium.dashboard.http.guard import UPLOADS, receive_upload
from tetrarium.dashboard.live.sources import find_agent
from tetrarium.errors import ConfigError, InvalidNameError
from tetrarium.evaluation import POLICY_NAMES, PROTOCOLS, Protocol, find_protocol
from tetrarium.evaluation.leaderboard import Entry, leaderboard, scores_of
from tetrarium.evaluation.protocols import DEFAULT_PROTOCOL
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.scores import Score
from tetrarium.registry.versions import ModelVersion, champion_names
from tetrarium.workers.directories.jobs import JobView, read_job
from tetrarium.workers.directories.run_views import read_run
from tetrarium.workers.processes.launcher import start_job

Name = Annotated[str, Path(pattern=schemas.NAME_PATTERN, description="The model's name.", examples=["first"])]
Number = Annotated[int, Path(ge=1, lt=10**9, description="Number of the version.", examples=[1])]
ProtocolName = Annotated[str, Query(max_length=64, description="A name of GET /api/protocols.", examples=["default"])]
ImportName = Annotated[
    str | None,
    Query(
        pattern=schemas.NAME_PATTERN,
        description="Name of the model; by default the one in the file.",
        examples=["mine"],
    ),
]
ImportPromote = Annotated[
    bool, Query(description="Whether the imported version becomes the default version of its model.")
]
_IMPORTS: Final = ("POST", "/api/imports")
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FILE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/octet-stream": _BINARY}}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "Content of the file.",
        "content": {"application/octet-stream": _BINARY},
    }
}
_MAX_TAGS: Final = 32
MAX_NOTE_LENGTH: Final = 10_000
Tag = Annotated[str, Field(pattern=schemas.TAG_PATTERN)]


class ProtocolResponse(schemas.ResponseModel):
    """A named way to evaluate: the same environment, pieces and piece limit for all agents."""

    name: str = Field(description="Its name in requests.", examples=["default"])
    meaning: str = Field(description="One line for people.", examples=["the default game, 100 games of up to 10,000"])
    width: int = Field(description="Columns of the board.", examples=[10])
    height: int = Field(description="Visible rows.", examples=[20])
    randomizer: str = Field(description="Randomizer of the pieces.", examples=["7-bag"])
    n_games: int = Field(description="Games to play.", examples=[100])
    max_pieces: int = Field(description="Pieces after which a game is truncated.", examples=[10_000])
    seed: int = Field(description="Seed of the games.", examples=[20_000])


class ScoreResponse(schemas.ResponseModel):
    """Result of an evaluation under a protocol."""

    evaluated_at_s: float = Field(
        description="Time of the evaluation in seconds since 1970.", examples=[1_795_381_200.0]
    )
    mean_lines: float | None = Field(
        description="Estimated lines per game; null if no game was lost.", examples=[1_204.3]
    )
    low: float = Field(description="Lower end of the interval of the mean.", examples=[1_144.0])
    high: float | None = Field(description="Upper end of the interval; null if no game ended.", examples=[1_264.0])
    interval_kind: str = Field(
        description="Kind of the interval: chi-square, bootstrap or lower bound.", examples=["bootstrap"]
    )
    confidence: float = Field(description="Confidence level of the interval.", examples=[0.95])
    median_lines: float = Field(description="Median lines of the games as played.", examples=[980.0])
    n_games: int = Field(description="Games played.", examples=[100])
    n_truncated: int = Field(description="Truncated games.", examples=[3])
    share_truncated: float = Field(description="Truncated games as a share of all games.", examples=[0.03])
    max_pieces: int = Field(description="Pieces after which games were truncated.", examples=[10_000])
    lines_per_game: float = Field(description="Total lines divided by games, as played.", examples=[1_190.2])
    pieces_per_second: float = Field(description="Speed of the evaluation.", examples=[210_000.0])


class LeaderboardRow(schemas.ResponseModel):
    """An agent: a saved model, a built-in model, a controller, or a score whose model was deleted."""

    agent: str = Field(description="Agent reference.", examples=["first@2"])
    kind: Literal["model", "champion", "controller", "gone"] = Field(
        description="Kind of agent; `champion`: built-in model, `gone`: deleted model."
    )
    model: str | None = Field(description="Name of the model, if it is one.", examples=["first"])
    version: int | None = Field(description="Number of the version.", examples=[2])
    n_versions: int | None = Field(description="Number of versions.", examples=[3])
    is_promoted: bool = Field(description="Whether it was chosen as the default version.")
    algorithm: str | None = Field(description="Learning algorithm.", examples=["dqn"])
    step: int | None = Field(description="Training steps.", examples=[400_000])
    tags: list[str] = Field(description="Tags.")
    note: str = Field(description="First line of its note.", examples=["the one from Tuesday"])
    score: ScoreResponse | None = Field(
        description="Score under this protocol; null if not evaluated yet.", examples=[None]
    )
    place: int | None = Field(
        description="Place by that score, shared by agents that lost no game; null without a score.", examples=[None]
    )


class LeaderboardResponse(schemas.ResponseModel):
    """All agents under one protocol, best first, those without a score last."""

    protocol: ProtocolResponse = Field(description="Protocol of the scores.")
    rows: list[LeaderboardRow] = Field(description="Rows, best first.")


class VersionResponse(schemas.ResponseModel):
    """One version of a model."""

    spec: str = Field(description="Agent reference.", examples=["first@2"])
    name: str = Field(description="Name of the model.", examples=["first"])
    number: int = Field(description="Number of the version, from 1.", examples=[2])
    saved_s: float = Field(description="Time of saving in seconds since 1970.", examples=[1_795_381_200.0])
    algorithm: str = Field(description="Learning algorithm.", examples=["dqn"])
    step: int = Field(description="Training steps.", examples=[400_000])
    seed: int | None = Field(description="Seed of its training.", examples=[1])
    training_config: dict[str, Any] = Field(description="Settings of its training.", examples=[{"gamma": 0.9}])
    env_config: dict[str, Any] = Field(description="Environment that it was trained for.", examples=[{"width": 10}])
    about: dict[str, str | int | float] = Field(description="Its origin.", examples=[{"run": "first"}])
    note: str = Field(description="Note.", examples=["the one from Tuesday"])
    tags: list[str] = Field(description="Tags.")
    n_bytes: int = Field(description="Size of its file.", examples=[120_000])
    sha256: str = Field(description="Hash of its weights.", examples=["9f3a…"])
    is_promoted: bool = Field(description="Whether it was chosen as the default version.")
    has_file: bool = Field(description="Whether its file exists.")
    trashed_s: float | None = Field(
        description="Time of deletion in seconds since 1970; null outside the trash.", examples=[None]
    )
    is_builtin: bool = Field(description="Whether it is a built-in model, which cannot be changed.")


class ModelSummaryResponse(schemas.ResponseModel):
    """A model and its default version."""

    name: str = Field(description="Name of the model.", examples=["first"])
    n_versions: int = Field(description="Number of versions.", examples=[3])
    current: VersionResponse = Field(description="Default version.")


class VersionScore(ScoreResponse):
    """A score of one version."""

    number: int = Field(description="Number of the version.", examples=[2])
    protocol: str = Field(description="Name of the protocol.", examples=["default"])


class ModelResponse(schemas.ResponseModel):
    """A model with all of its versions."""

    name: str = Field(description="Name of the model.", examples=["first"])
    current: int = Field(description="Number of the default version.", examples=[2])
    is_builtin: bool = Field(description="Whether it is a built-in model, which cannot be changed.")
    versions: list[VersionResponse] = Field(description="Versions, oldest first.")
    runs: list[str] = Field(description="Runs of this home from which versions were saved.", examples=[["first"]])
    scores: list[VersionScore] = Field(description="Scores of all versions.")


class SaveModelRequest(schemas.RequestModel):
    """A new version of a model."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"agent": "first", "name": "mine", "save_checkpoint": True}]}
    )
    agent: schemas.Agent = Field(description="Agent reference: a run, NAME@best, NAME@STEP, or a model to copy.")
    name: str = Field(pattern=schemas.NAME_PATTERN, description="Name of the model; created if it does not exist.")
    note: str = Field(default="", max_length=MAX_NOTE_LENGTH, description="Note.")
    tags: list[Tag] = Field(default=[], max_length=_MAX_TAGS, description="Tags.")
    save_checkpoint: bool = Field(
        default=False, description="Whether a running run saves a checkpoint first, so that its current weights are "
        "saved instead of its latest checkpoint."
    )  # fmt: skip


class UpdateVersionRequest(schemas.RequestModel):
    """Changes of a version; omitted fields stay unchanged."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"note": "the one from Tuesday", "tags": ["good"], "promoted": True}]}
    )
    note: str | None = Field(default=None, max_length=MAX_NOTE_LENGTH, description="New note.")
    tags: list[Tag] | None = Field(default=None, max_length=_MAX_TAGS, description="New tags.")
    promoted: Literal[True] | None = Field(default=None, description="Makes it the default version.")


class RestoreRequest(schemas.RequestModel):
    """Versions to restore from the trash."""

    spec: str = Field(
        pattern=schemas.SPEC_PATTERN, description="NAME@VERSION, or NAME for all of its versions.", examples=["first@2"]
    )


def model_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["models"], responses=schemas.FAILURES, route_class=schemas.JsonRoute)
    _add_reading(routes, home)
    _add_changing(routes, home)
    _add_trash(routes, home)
    _add_sharing(routes, home)
    return routes


def _add_reading(routes: APIRouter, home: Home) -> None:
    @routes.get("/protocols", summary="List protocols")
    async def list_protocols() -> list[ProtocolResponse]:
        """Returns the named ways to evaluate; each fixes the game, its pieces and the piece limit."""
        return [_protocol_response(protocol) for protocol in PROTOCOLS.values()]

    @routes.get("/leaderboard", summary="Show a leaderboard")
    def show_leaderboard(protocol: ProtocolName = DEFAULT_PROTOCOL) -> LeaderboardResponse:
        """Returns saved models, built-in models, published controllers and random play, best first.

        Agents that lost no game share the first place.
        """
        chosen = find_protocol(protocol)
        rows = [_leaderboard_row(entry) for entry in leaderboard(home, chosen)]
        return LeaderboardResponse(protocol=_protocol_response(chosen), rows=rows)

    @routes.get("/models", summary="List models")
    def list_models() -> list[ModelSummaryResponse]:
        """Returns saved models by name, each with its default version."""
        return [
            ModelSummaryResponse(name=slot.name, n_versions=len(slot.versions), current=_version_response(slot.current))
            for slot in ModelStore(home).slots()
        ]

    @routes.get("/models/{name}", summary="Show a model")
    def show_model(name: Name) -> ModelResponse:
        """Returns all versions of a saved or built-in model, with their scores."""
        _find(home, name)
        return model_response(home, name)


def _add_changing(routes: APIRouter, home: Home) -> None:
    @routes.post("/models", status_code=202, summary="Save a run as a version of a model")
    def save_model(request: SaveModelRequest) -> JobView:
        """Starts a job whose result is the new version; earlier versions are never overwritten."""
        _require_free_name(request.name)
        is_run = "@" not in request.agent and home.run_folder(request.agent).is_dir()
        if request.save_checkpoint and not (is_run and read_run(home, request.agent).is_alive):
            raise ConfigError(
                f"`save_checkpoint` needs a run that is being trained; got {request.agent!r}. Omit `save_checkpoint`.",
                field="save_checkpoint",
            )
        if not request.save_checkpoint:
            find_agent(home, request.agent, "agent")
        job = start_job(home, "save", request.model_dump())
        return read_job(home, job)

    @routes.patch("/models/{name}/versions/{number}", summary="Update note, tags or promotion of a version")
    def update_version(name: Name, number: Number, request: UpdateVersionRequest) -> VersionResponse:
        """Omitted fields stay unchanged."""
        spec = f"{name}@{number}"
        version, store = _find(home, name, number), ModelStore(home)
        if request.note is not None:
            version = store.set_note(spec, request.note)
        if request.tags is not None:
            version = store.set_tags(spec, add=request.tags, remove=set(version.tags) - set(request.tags))
        if request.promoted:
            version = store.promote(spec)
        return _version_response(version)

    @routes.delete("/models/{name}", summary="Move a model to the trash")
    def delete_model(name: Name) -> list[VersionResponse]:
        """Deletes all of its versions; POST /api/trash/restore restores them."""
        _find(home, name)
        return [_version_response(version) for version in ModelStore(home).delete(name)]

    @routes.delete("/models/{name}/versions/{number}", summary="Move a version to the trash")
    def delete_version(name: Name, number: Number) -> list[VersionResponse]:
        """Returns the version in the trash; POST /api/trash/restore restores it under the same number."""
        _find(home, name, number)
        return [_version_response(version) for version in ModelStore(home).delete(f"{name}@{number}")]


def _add_trash(routes: APIRouter, home: Home) -> None:
    @routes.get("/trash", summary="List the trash")
    def list_trash() -> list[VersionResponse]:
        """Returns deleted versions by name and number."""
        return [_version_response(version) for version in ModelStore(home).trash()]

    @routes.post("/trash/restore", summary="Restore from the trash")
    def restore_models(request: RestoreRequest) -> list[VersionResponse]:
        """Restores one version, or all deleted versions of a name."""
        return [_version_response(version) for version in ModelStore(home).restore(request.spec)]

    @routes.delete("/trash", summary="Empty the trash")
    def empty_trash() -> list[VersionResponse]:
        """Deletes the versions in the trash permanently and returns them."""
        return [_version_response(version) for version in ModelStore(home).empty_trash()]


def _add_sharing(routes: APIRouter, home: Home) -> None:
    @routes.get(
        "/models/{name}/versions/{number}/file", summary="Export a version", response_class=Response, responses=_FILE
    )
    def export_version(name: Name, number: Number) -> Response:
        """Returns a bundle with the current note and tags."""
        _find(home, name, number)
        content = ModelStore(home).load(f"{name}@{number}").to_bytes()
        headers = {"Content-Disposition": f'attachment; filename="{name}{BUNDLE_SUFFIX}"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    @routes.post("/imports", status_code=202, summary="Import a bundle", openapi_extra=_BODY)
    async def import_model(request: Request, name: ImportName = None, promote: ImportPromote = False) -> JobView:
        """Starts a job that imports the `.tetris` file in the body, and returns the job.

        The format is checked at once, and nothing in the file is executed. The job checks its arrays against its
        network; its result is the new version, or one of the same name with the same weights. The model's default
        version stays, unless `promote` asks for the imported one.
        """
        async with receive_upload(request, UPLOADS[_IMPORTS]) as path:

            def start() -> JobView:
                bundle = read_bundle(path, "The file")
                model_name = name or bundle.name
                _require_free_name(model_name)
                job = start_job(
                    home, "import", {"name": model_name, "file": path.name, "promote": promote}, upload=path
                )
                return read_job(home, job)

            return await run_in_threadpool(start)


def _find(home: Home, name: str, number: int | None = None) -> ModelVersion:
    """Returns a version of a model, by default the current one.

    Raises:
        ModelNotFoundError: if there is none.
    """
    return ModelStore(home).find(name if number is None else f"{name}@{number}")


def _require_free_name(name: str) -> None:
    """Checks that no controller or built-in model has a name.

    Raises:
        ConfigError: if one has.
    """
    if name in POLICY_NAMES or name in champion_names():
        raise InvalidNameError(f"{name!r} is the name of a controller or built-in model. Choose another name.")


def _protocol_response(protocol: Protocol) -> ProtocolResponse:
    return ProtocolResponse(width=protocol.env_config.width, **asdict(protocol))


def _leaderboard_row(entry: Entry) -> LeaderboardRow:
    agent, version = entry.agent, entry.agent.version
    return LeaderboardRow(
        agent=agent.label,
        kind=agent.kind,  # type: ignore[arg-type]  # one of the literals
        model=version.name if version is not None else None,
        version=version.number if version is not None else None,
        n_versions=len(agent.slot.versions) if agent.slot is not None else None,
        is_promoted=version is not None and version.is_promoted,
        algorithm=version.algorithm if version is not None else None,
        step=version.step if version is not None else None,
        tags=list(version.tags) if version is not None else [],
        note=version.note.partition("\n")[0] if version is not None else "",
        score=None if entry.score is None else ScoreResponse(**_score(entry.score)),
        place=entry.place,
    )


def _version_response(version: ModelVersion) -> VersionResponse:
    return VersionResponse(**version.to_dict())


def model_response(home: Home, name: str) -> ModelResponse:
    """Returns a model with all of its versions and their scores.

    Raises:
        ModelNotFoundError: if there is none.
    """
    store = ModelStore(home)
    current = store.find(name)
    versions = [current] if current.is_builtin else store.versions(name)
    scores = [
        VersionScore(number=version.number, protocol=protocol.name, **_score(score))
        for protocol in PROTOCOLS.values()
        for score in scores_of(home, protocol).values()
        for version in versions
        if version.sha256 == score.sha256
    ]
    return ModelResponse(
        name=name,
        current=current.number,
        is_builtin=current.is_builtin,
        versions=[_version_response(version) for version in versions],
        runs=sorted(set(home.run_names()) & {version.about.get("run") for version in versions}),
        scores=scores,
    )


def _score(score: Score) -> dict[str, Any]:
    report = score.report
    low, high = report["interval_lines"]
    names = (
        "mean_lines", "interval_kind", "confidence", "median_lines", "n_games", "n_truncated", "share_truncated",
        "max_pieces", "pieces_per_second",
    )  # fmt: skip
    return {
        **{name: report[name] for name in names},
        "evaluated_at_s": score.evaluated_at_s,
        "low": low,
        "high": high,
        "lines_per_game": report["lines_total"] / report["n_games"],
    }
