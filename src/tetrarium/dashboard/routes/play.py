"""People's games: ``/api/hands``, workers in which they play, and ``/api/games``, what they played."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.commands import Reply, tell_worker
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN
from tetrarium.dashboard.schemas_play import BeginHand, Game, Hand, HandBegin, HandCommand
from tetrarium.dashboard.sources import find_source, require_player_policy
from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.workers.hand_orders import Wishes
from tetrarium.workers.hands import list_hands, read_hand, remove_hand, start_hand
from tetrarium.workers.kept_games import find_game, list_games

__all__ = ["play_routes"]

Id = Annotated[str, Path(pattern=NAME_PATTERN, description="The game's id.", examples=["9f3a01c2"])]
GameName = Annotated[
    str, Path(pattern=NAME_PATTERN, description="The file's name.", examples=["20261122-174000-sprint-7.tetris-replay"])
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
_NO_CONTENT: Final = 204
_BYTES: Final = "application/octet-stream"
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
}


def play_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api", tags=["play"], responses=FAILURES)
    _add_hands(routes, home)
    _add_games(routes, home)
    return routes


def _add_hands(routes: APIRouter, home: Home) -> None:
    @routes.get("/hands", summary="Games in people's hands")
    def list_every_hand() -> list[Hand]:
        """Those that are played, and those that failed, until they are ended."""
        return [Hand(**asdict(view)) for view in list_hands(home)]

    @routes.post("/hands", status_code=201, summary="Play")
    def begin_hand(wanted: BeginHand) -> Hand:
        """Starts a worker that obeys keys, and ends some minutes after the last one who watched has gone."""
        values = wanted.model_dump()
        _require_policies(home, values)
        return Hand(**asdict(read_hand(home, start_hand(home, Wishes().changed(values)))))

    @routes.post("/hands/{hand_id}/commands", summary="Tell a game something")
    def command_hand(hand_id: Id, told: HandCommand) -> Reply:
        """Pauses it, lets it go on, begins a new one, or changes opponent's pace, advice and handling."""
        folder = find_source(home, "hand", hand_id).folder
        values = told.values.model_dump(exclude_unset=not isinstance(told, HandBegin))
        _require_policies(home, values)
        return tell_worker(folder, told.command, values)

    @routes.delete("/hands/{hand_id}", status_code=_NO_CONTENT, summary="End a game")
    def end_hand(hand_id: Id) -> Response:
        """Stops its worker, if it lives, which keeps the game as far as it was played; and forgets it."""
        folder = find_source(home, "hand", hand_id).folder
        if read_hand(home, hand_id).is_alive:
            tell_worker(folder, "stop", {})
        else:
            remove_hand(home, hand_id)
        return Response(status_code=_NO_CONTENT)


def _add_games(routes: APIRouter, home: Home) -> None:
    @routes.get("/games", summary="Games that people played")
    def list_kept_games(limit: Limit = 50) -> list[Game]:
        """The latest first."""
        return [Game(**asdict(game)) for game in list_games(home, limit)]

    @routes.get("/games/{name}", summary="One of them, as a replay", response_class=Response, responses=_FILE)
    def download_game(name: GameName) -> Response:
        """A file that `tetrarium watch` and `tetrarium record` take."""
        try:
            path = find_game(home, name)
            content = path.read_bytes()
        except (HomeError, FileNotFoundError) as error:
            raise NotThereError(str(error)) from None
        return Response(content, media_type=_BYTES, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _require_policies(home: Home, values: dict[str, Any]) -> None:
    for part in ("opponent", "advice"):
        if values.get(part) is not None:
            require_player_policy(home, values[part])
