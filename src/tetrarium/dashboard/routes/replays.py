"""The games that a run kept: ``/api/runs/NAME/replays`` and what lies below it.

Every function here may block, so none is a coroutine: each runs in a thread.
"""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Response

from tetrarium.dashboard.replaying import find_replay_of, list_replays, make_gif, replay_boards
from tetrarium.dashboard.routes.runs import FAILURES, Name
from tetrarium.dashboard.schemas_runs import REPLAY_PATTERN, ReplayBoards, ReplayEntry
from tetrarium.dashboard.sources import find_source
from tetrarium.environment.replays import REPLAY_SUFFIX
from tetrarium.registry.home import Home

__all__ = ["replay_routes"]

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_GIF: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/gif": _BINARY}}}
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}, "application/octet-stream": _BINARY}}
}
_MOST_ACTIONS: Final = 1 << 24
ReplayName = Annotated[str, Path(pattern=REPLAY_PATTERN, description="Which game.", examples=["best-01"])]
First = Annotated[int, Query(ge=0, le=_MOST_ACTIONS, description="Pieces placed before.")]


def replay_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api/runs/{name}/replays", tags=["replays"], responses=FAILURES)

    @routes.get("", summary="Games that a run kept: its first, its best and its latest")
    def show_replays(name: Name) -> list[ReplayEntry]:
        """The best from the best down, the latest from the newest on."""
        return list_replays(find_source(home, "run", name).folder)

    @routes.get("/{replay}/boards", summary="Boards of a game, some at a time")
    def show_boards(
        name: Name,
        replay: ReplayName,
        first: First = 0,
        n_boards: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 200,
    ) -> ReplayBoards:
        """From the board on which so many pieces were placed; colours are those of the pieces that left the cells."""
        return replay_boards(find_replay_of(find_source(home, "run", name).folder, replay), first, n_boards)

    @routes.get("/{replay}/gif", summary="A part of a game as a film", response_class=Response, responses=_GIF)
    def show_gif(
        name: Name,
        replay: ReplayName,
        first: First = 0,
        n_pieces: Annotated[int, Query(ge=1, le=300, description="How many are shown.")] = 100,
        speed: Annotated[float, Query(ge=1, le=100, description="Pieces a second.")] = 10,
    ) -> Response:
        """Takes some seconds; one film is made at a time."""
        content = make_gif(
            find_replay_of(find_source(home, "run", name).folder, replay), first=first, n_pieces=n_pieces, speed=speed
        )
        return Response(content, media_type="image/gif", headers=_named(f"{name}-{replay}.gif"))

    @routes.get("/{replay}/file", summary="A game as a file", response_class=Response, responses=_FILE)
    def show_file(
        name: Name,
        replay: ReplayName,
        kind: Annotated[
            Literal["json", "tetris-replay"], Query(description="For people and other programs, or small.")
        ] = "json",
    ) -> Response:
        """What `tetrarium watch` and `tetrarium record` take; it plays again to the last cell."""
        found = find_replay_of(find_source(home, "run", name).folder, replay, is_shown=False)
        if kind == "json":
            return Response(found.to_json(), media_type="application/json", headers=_named(f"{name}-{replay}.json"))
        return Response(
            found.to_bytes(), media_type="application/octet-stream", headers=_named(f"{name}-{replay}{REPLAY_SUFFIX}")
        )

    return routes


def _named(file: str) -> dict[str, str]:
    """Has a browser save it under a name, whose characters its pattern knows."""
    return {"content-disposition": f'attachment; filename="{file}"'}
