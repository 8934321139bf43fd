"""Saved models: ``/api/models``, ``/api/trash``, ``/api/imports``, and ``/api/leaderboard``, where they stand.

What needs torch, or takes its time, is a job of ``/api/jobs``; everything else is done before it is answered.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.model_answers import (
    job_answer,
    model_answer,
    protocol_entry,
    row_answer,
    version_answer,
)
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN
from tetrarium.dashboard.schemas_models import (
    ChangeVersion,
    Job,
    LeaderboardAnswer,
    ModelAnswer,
    ModelEntry,
    ModelVersionAnswer,
    ProtocolEntry,
    Restore,
    SaveModel,
)
from tetrarium.dashboard.sources import find_start
from tetrarium.dashboard.uploads import UPLOADS, received
from tetrarium.errors import ConfigError, ModelError
from tetrarium.evaluation import POLICY_NAMES, PROTOCOLS, find_protocol
from tetrarium.evaluation.leaderboard import leaderboard
from tetrarium.registry.box import champion_names
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.registry.versions import ModelVersion
from tetrarium.workers.directory import read_run
from tetrarium.workers.jobs import read_job, start_job

__all__ = ["model_routes"]

Found = TypeVar("Found")
Name = Annotated[str, Path(pattern=NAME_PATTERN, description="The model's name.", examples=["first"])]
Number = Annotated[int, Path(ge=1, lt=10**9, description="Which version.", examples=[1])]
Under = Annotated[str, Query(max_length=64, description="A name of GET /api/protocols.", examples=["default"])]
As = Annotated[
    str | None,
    Query(pattern=NAME_PATTERN, description="What it is called here; its own name if left out.", examples=["mine"]),
]
_IMPORTS: Final = ("POST", "/api/imports")
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FILE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/octet-stream": _BINARY}}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "The file, as it is.",
        "content": {"application/octet-stream": _BINARY},
    }
}


def model_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api", tags=["models"], responses=FAILURES)
    _add_reading(routes, home)
    _add_changing(routes, home)
    _add_trash(routes, home)
    _add_sharing(routes, home)
    return routes


def _add_reading(routes: APIRouter, home: Home) -> None:
    @routes.get("/protocols", summary="Named ways of measuring")
    async def list_protocols() -> list[ProtocolEntry]:
        """Each fixes the game, its pieces and the cut, so that scores under one name can be compared."""
        return [protocol_entry(protocol) for protocol in PROTOCOLS.values()]

    @routes.get("/leaderboard", summary="Who stands where under a protocol")
    def show_leaderboard(protocol: Under = "default") -> LeaderboardAnswer:
        """Saved models, those that come with the package, published controllers and random play; the best first."""
        chosen = find_protocol(protocol)
        rows = [row_answer(entry) for entry in leaderboard(home, chosen)]
        return LeaderboardAnswer(protocol=protocol_entry(chosen), rows=rows)

    @routes.get("/models", summary="All saved models")
    def list_models() -> list[ModelEntry]:
        """By name, each with the version that its name stands for."""
        return [
            ModelEntry(name=slot.name, n_versions=len(slot.versions), current=version_answer(slot.current))
            for slot in ModelStore(home).slots()
        ]

    @routes.get("/models/{name}", summary="One model with all of its versions")
    def show_model(name: Name) -> ModelAnswer:
        """A saved one, or one that comes with the package; with whatever was measured of it."""
        _find(home, name)
        return model_answer(home, name)


def _add_changing(routes: APIRouter, home: Home) -> None:
    @routes.post("/models", status_code=202, summary="Save what a run has learnt as a version of a model")
    def save_model(wanted: SaveModel) -> Job:
        """Begins a job, whose result is the version. Versions add up; none is overwritten."""
        _require_own_name(wanted.name)
        is_run = "@" not in wanted.what and home.run_folder(wanted.what).is_dir()
        if wanted.fresh and not (is_run and read_run(home, wanted.what).is_alive):
            raise ConfigError(f"A run that is under way saves afresh; {wanted.what!r} is none. Leave `fresh` out.")
        if not wanted.fresh:
            find_start(home, wanted.what)
        job = start_job(home, "save", wanted.model_dump())
        return job_answer(read_job(home, job))

    @routes.put("/models/{name}/versions/{number}", summary="Note, tag or promote a version")
    def change_version(name: Name, number: Number, wanted: ChangeVersion) -> ModelVersionAnswer:
        """What is left out stays as it is."""
        spec = f"{name}@{number}"
        version, store = _find(home, name, number), ModelStore(home)
        if wanted.note is not None:
            version = store.set_note(spec, wanted.note)
        if wanted.tags is not None:
            version = store.set_tags(spec, add=wanted.tags, remove=set(version.tags) - set(wanted.tags))
        if wanted.promoted:
            version = store.promote(spec)
        return version_answer(version)

    @routes.delete("/models/{name}", summary="Move a model to the trash")
    def delete_model(name: Name) -> list[ModelVersionAnswer]:
        """All of its versions; POST /api/trash/restore takes them back."""
        _find(home, name)
        return [version_answer(version) for version in ModelStore(home).delete(name)]

    @routes.delete("/models/{name}/versions/{number}", summary="Move a version to the trash")
    def delete_version(name: Name, number: Number) -> list[ModelVersionAnswer]:
        """POST /api/trash/restore takes it back, under the same number."""
        _find(home, name, number)
        return [version_answer(version) for version in ModelStore(home).delete(f"{name}@{number}")]


def _add_trash(routes: APIRouter, home: Home) -> None:
    @routes.get("/trash", summary="What was deleted and can be restored")
    def list_trash() -> list[ModelVersionAnswer]:
        """By name and number."""
        return [version_answer(version) for version in ModelStore(home).trash()]

    @routes.post("/trash/restore", summary="Take back from the trash")
    def restore_models(wanted: Restore) -> list[ModelVersionAnswer]:
        """One version, or with a name alone all that lie there."""
        return [version_answer(version) for version in _there(lambda: ModelStore(home).restore(wanted.spec))]

    @routes.delete("/trash", summary="Remove for ever what lies in the trash")
    def empty_trash() -> list[ModelVersionAnswer]:
        """There is no way back; tells what was removed."""
        return [version_answer(version) for version in ModelStore(home).empty_trash()]


def _add_sharing(routes: APIRouter, home: Home) -> None:
    @routes.get(
        "/models/{name}/versions/{number}/file", summary="Export a version", response_class=Response, responses=_FILE
    )
    def export_version(name: Name, number: Number) -> Response:
        """As a bundle, with its notes and tags of today."""
        _find(home, name, number)
        content = ModelStore(home).load(f"{name}@{number}").to_bytes()
        shown = {"Content-Disposition": f'attachment; filename="{name}{BUNDLE_SUFFIX}"'}
        return Response(content, media_type="application/octet-stream", headers=shown)

    @routes.post("/imports", status_code=202, summary="Import a bundle", openapi_extra=_BODY)
    async def import_model(request: Request, name: As = None) -> Job:
        """The body is a `.tetris` file. All that can be told of it at once is checked now, and nothing in it is run.

        What is good so far becomes a job, in which its arrays are held against its network; its result is the version.
        """
        async with received(request, UPLOADS[_IMPORTS]) as path:

            def begin() -> Job:
                bundle = read_bundle(path, "The file")
                called = name or bundle.name
                _require_own_name(called)
                job = start_job(home, "import", {"name": called, "file": path.name}, upload=path)
                return job_answer(read_job(home, job))

            return await run_in_threadpool(begin)


def _find(home: Home, name: str, number: int | None = None) -> ModelVersion:
    """Finds a version, or what a name stands for.

    Raises:
        NotThereError: if there is none.
    """
    return _there(lambda: ModelStore(home).find(name if number is None else f"{name}@{number}"))


def _there(look: Callable[[], Found]) -> Found:
    try:
        return look()
    except ModelError as error:
        raise NotThereError(str(error)) from error


def _require_own_name(name: str) -> None:
    """Refuses a name that something else has.

    Raises:
        ConfigError: if a controller or a model of the package is called so.
    """
    if name in POLICY_NAMES or name in champion_names():
        raise ConfigError(f"A model has a name of its own; {name!r} is a known one. Choose another name.")
