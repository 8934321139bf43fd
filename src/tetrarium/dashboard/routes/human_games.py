"""Human games: ``/api/human-games``, running ones, and ``/api/games``, saved ones."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import ConfigDict, Field

from tetrarium.dashboard.command_requests import CommandResponse, CommandWithoutValues, send_command
from tetrarium.dashboard.live.sources import find_source, require_agent
from tetrarium.dashboard.schemas import FAILURES, NAME_PATTERN, Agent, JsonRoute, RequestModel
from tetrarium.environment.replays import MAX_ACTIONS
from tetrarium.errors import EntryNotFoundError
from tetrarium.registry.home import Home
from tetrarium.workers.directories import process_directory
from tetrarium.workers.directories.game_reference import reference_of, resolve_game
from tetrarium.workers.directories.human_starts import human_start
from tetrarium.workers.human_play.human_game_control import (
    MAX_GAME_REFERENCE,
    MAX_LEVEL,
    MAX_PACE,
    MAX_SEED,
    MIN_PACE,
    MODES,
    SessionOptions,
)
from tetrarium.workers.human_play.input import MAX_SOFT_DROP
from tetrarium.workers.human_play.saved_games import SavedGame, find_game, is_human_game, list_games, list_records
from tetrarium.workers.processes.launcher import start_human_game

Id = Annotated[str, Path(pattern=NAME_PATTERN, description="The game's id.", examples=["9f3a01c2"])]
GameName = Annotated[
    str,
    Path(pattern=NAME_PATTERN, description="Name of the file.", examples=["20261122-174000-sprint-7.tetris-replay"]),
]
Limit = Annotated[int, Query(ge=1, le=200, description="Largest number of games.")]
_NO_CONTENT: Final = 204
_BYTES: Final = "application/octet-stream"
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
}
_DEFAULTS: Final = SessionOptions()
_MODE_HELP: Final = " ".join(f"`{name}`: {mode.meaning}" for name, mode in MODES.items())
_PACE_HELP: Final = "Pieces per second of the opponent; null for one piece whenever the person places one."
_MAX_DELAY_MS: Final = 1_000
Mode = Literal["sprint", "marathon", "free"]


class KeyHandling(RequestModel):
    """Timing of held keys."""

    das_ms: float = Field(
        default=_DEFAULTS.handling.das_ms, ge=0, le=_MAX_DELAY_MS, strict=False,
        description="Delayed auto shift: time until a held direction key repeats.",
    )  # fmt: skip
    arr_ms: float = Field(
        default=_DEFAULTS.handling.arr_ms, ge=0, le=_MAX_DELAY_MS, strict=False,
        description="Auto repeat rate: time between repetitions; 0 moves the piece to the wall at once.",
    )  # fmt: skip
    soft_drop: float = Field(
        default=_DEFAULTS.handling.soft_drop, ge=1, le=MAX_SOFT_DROP, strict=False,
        description="Factor by which a soft drop speeds up gravity; 1,000 drops at once.",
    )  # fmt: skip


class ChangeValues(RequestModel):
    """Options that can change during a game; omitted ones stay."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pace": 2, "advice": "dellacherie", "handling": {"das_ms": 120}}]}
    )
    pace: float | None = Field(default=None, ge=MIN_PACE, le=MAX_PACE, strict=False, description=_PACE_HELP)
    advice: Agent | None = Field(
        default=None, description="Agent reference of the advisor, whose placement is shown; null for none."
    )
    handling: KeyHandling = Field(default=KeyHandling(), description="Repetition of held keys.")


class StartHumanGameRequest(ChangeValues):
    """Options of a new game."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"mode": "sprint", "seed": 7, "opponent": "dellacherie", "pace": 1.5}]}
    )
    mode: Mode = Field(default="marathon", description=_MODE_HELP)
    level: int = Field(default=_DEFAULTS.level, ge=1, le=MAX_LEVEL, description="First level.")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="Seed of the pieces; null for a random one.")
    opponent: Agent | None = Field(
        default=None, description="Agent reference of the opponent, which gets the same pieces; null for none."
    )
    start: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_GAME_REFERENCE,
        description="Id of a recorded game, or a fumen, from a position of which it starts, under the rules of that "
        "game; the beginning of a person's game is played back, and determines mode, level and seed.",
    )
    start_pieces: int = Field(
        default=0, ge=0, le=MAX_ACTIONS, description="Number of pieces placed there, or of the fumen's page."
    )
    pace: float | None = Field(default=_DEFAULTS.pace, ge=MIN_PACE, le=MAX_PACE, strict=False, description=_PACE_HELP)


class HumanGameControlCommand(CommandWithoutValues):
    """Returns the status, pauses or resumes."""

    command: Literal["status", "pause", "resume"] = Field(description="Name of the command.")


class NewHumanGameCommand(RequestModel):
    """Abandons the current game and starts a new one."""

    command: Literal["new-game"] = Field(description="Name of the command.")
    values: StartHumanGameRequest = Field(
        default=StartHumanGameRequest(), description="Options of the new game; omitted ones have their defaults."
    )


class ChangeCommand(RequestModel):
    """Changes options during a game."""

    command: Literal["change"] = Field(description="Name of the command.")
    values: ChangeValues = Field(description="Changed options; omitted ones stay.")


HumanGameCommandRequest = Annotated[
    HumanGameControlCommand | NewHumanGameCommand | ChangeCommand, Field(discriminator="command")
]


def human_game_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["play"], responses=FAILURES, route_class=JsonRoute)
    _add_human_games(routes, home)
    _add_saved_games(routes, home)
    return routes


def _add_human_games(routes: APIRouter, home: Home) -> None:
    @routes.get("/human-games", summary="List human games")
    def list_all_human_games() -> list[process_directory.HumanGameView]:
        """Returns running games, and failed ones until they are deleted."""
        return process_directory.list_human_games(home)

    @routes.post("/human-games", status_code=201, summary="Start a human game")
    def start_new_human_game(request: StartHumanGameRequest) -> process_directory.HumanGameView:
        """Starts a worker that receives keys; it stops five minutes after its last viewer left."""
        values = request.model_dump()
        _require_agents(home, values)
        return process_directory.read_human_game(home, start_human_game(home, SessionOptions().with_changes(values)))

    @routes.post("/human-games/{game_id}/commands", summary="Send a command to a human game")
    def command_human_game(game_id: Id, request: HumanGameCommandRequest) -> CommandResponse:
        """Pauses or resumes it, starts a new game, or changes the opponent's pace, the advisor or key handling."""
        folder = find_source(home, "human-game", game_id).folder
        values = request.values.model_dump(exclude_unset=not isinstance(request, NewHumanGameCommand))
        _require_agents(home, values)
        return send_command(folder, request.command, values)

    @routes.delete("/human-games/{game_id}", status_code=_NO_CONTENT, summary="Stop and delete a human game")
    def delete_human_game(game_id: Id) -> Response:
        """Stops its worker if it runs, which saves the game as far as it was played, and deletes its folder."""
        folder = find_source(home, "human-game", game_id).folder
        if process_directory.read_human_game(home, game_id).is_alive:
            send_command(folder, "stop")
        else:
            process_directory.remove_human_game(home, game_id)
        return Response(status_code=_NO_CONTENT)


def _add_saved_games(routes: APIRouter, home: Home) -> None:
    @routes.get("/games", summary="List saved games")
    def list_saved_games(limit: Limit = 50) -> list[SavedGame]:
        """Returns saved human games, latest first."""
        return list_games(home, limit)

    @routes.get("/records", summary="List personal records")
    def list_personal_records() -> list[SavedGame]:
        """Returns the best saved game of each mode: the fastest sprint, otherwise the one with the most points."""
        return list_records(home)

    @routes.get("/games/{name}", summary="Download a saved game", response_class=Response, responses=_FILE)
    def download_saved_game(name: GameName) -> Response:
        """Returns a replay for `tetrarium watch` and `tetrarium record`."""
        try:
            content = find_game(home, name).read_bytes()
        except FileNotFoundError:
            raise EntryNotFoundError(
                f"The game {name!r} was deleted. Choose one from the list of all saved games."
            ) from None
        return Response(content, media_type=_BYTES, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _require_agents(home: Home, values: dict[str, Any]) -> None:
    for field in ("opponent", "advice"):
        if values.get(field) is not None:
            require_agent(home, values[field], field)
    if values.get("start") is not None:
        values["start"] = reference_of(values["start"], "start")
        game = resolve_game(values["start"], home, reads_paths=False)
        if game.replay is None or not is_human_game(game.replay):
            human_start(game, values["start_pieces"], seed=0)
