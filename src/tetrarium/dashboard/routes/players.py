"""Demonstrations: ``/api/players``, workers that play without training, and ``/api/policies``, who can."""

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from tetrarium.dashboard.commands import PlayerCommand, Reply, Stop, command_worker
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN, Player, PolicyEntry, StartPlayer
from tetrarium.dashboard.sources import find_source, require_player_policy
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.home import Home
from tetrarium.workers.directory import list_runs
from tetrarium.workers.launching import start_player
from tetrarium.workers.players import list_players, read_player, remove_player

__all__ = ["player_routes"]

Id = Annotated[str, Path(pattern=NAME_PATTERN, description="The player's id.", examples=["player-1"])]
_NO_CONTENT: Final = 204


def player_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api", tags=["players"], responses=FAILURES)

    @routes.get("/policies", summary="What can play")
    def list_policies() -> list[PolicyEntry]:
        """Known controllers, the latest checkpoints of runs, and the weights that did best."""
        found = [PolicyEntry(name=name, kind="controller") for name in POLICY_NAMES]
        for run in list_runs(home):
            if run.checkpoints:
                found.append(PolicyEntry(name=run.name, kind="run"))
            if run.has_best:
                found.append(PolicyEntry(name=f"{run.name}@best", kind="best"))
        return found

    @routes.get("/players", summary="All players")
    def list_every_player() -> list[Player]:
        """Those that play, and those that failed, until they are ended."""
        return [Player(**asdict(view)) for view in list_players(home)]

    @routes.post("/players", status_code=201, summary="Let something play")
    def begin_player(wanted: StartPlayer) -> Player:
        """Starts a worker that plays while somebody watches, and ends after an hour unwatched."""
        require_player_policy(home, wanted.what)
        player_id = start_player(home, wanted.what, seed=wanted.seed, pieces_per_second=wanted.pieces_per_second)
        return Player(**asdict(read_player(home, player_id)))

    @routes.post("/players/{player_id}/commands", summary="Tell it something")
    def command_player(player_id: Id, told: PlayerCommand) -> Reply:
        """Pauses it, lets it go on, changes its speed, or has it begin a new game."""
        return command_worker(find_source(home, "player", player_id).folder, told)

    @routes.delete("/players/{player_id}", status_code=_NO_CONTENT, summary="End it")
    def end_player(player_id: Id) -> Response:
        """Stops its worker, if it lives, and forgets it."""
        folder = find_source(home, "player", player_id).folder
        if read_player(home, player_id).is_alive:
            command_worker(folder, Stop(command="stop"))
        else:
            remove_player(home, player_id)
        return Response(status_code=_NO_CONTENT)

    return routes
