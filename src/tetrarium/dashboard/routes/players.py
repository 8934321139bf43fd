"""Demonstrations: ``/api/players``, workers that play without training, and ``/api/policies``, who can."""

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from tetrarium.dashboard.commands import PlayerCommand, Reply, Stop, command_worker
from tetrarium.dashboard.routes.runs import FAILURES
from tetrarium.dashboard.schemas import NAME_PATTERN, Player, PolicyEntry, StartPlayer
from tetrarium.dashboard.sources import find_source, require_player_policy
from tetrarium.errors import ConfigError
from tetrarium.evaluation import POLICY_NAMES, find_protocol
from tetrarium.registry.box import champion_names
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.workers.directory import list_runs
from tetrarium.workers.launching import start_player, start_table
from tetrarium.workers.players import list_players, read_player, remove_player

__all__ = ["player_routes"]

Id = Annotated[str, Path(pattern=NAME_PATTERN, description="The player's id.", examples=["player-1"])]
_NO_CONTENT: Final = 204


def player_routes(home: Home) -> APIRouter:
    """Makes the routes."""
    routes = APIRouter(prefix="/api", tags=["players"], responses=FAILURES)

    @routes.get("/policies", summary="What can play")
    def list_policies() -> list[PolicyEntry]:
        """Known controllers, saved models, the latest checkpoints of runs, and the weights that did best."""
        found = [PolicyEntry(name=name, kind="controller") for name in POLICY_NAMES]
        slots = ModelStore(home).slots()
        own = {slot.name for slot in slots}
        found += [PolicyEntry(name=name, kind="champion") for name in champion_names() if name not in own]
        found += [PolicyEntry(name=slot.current.spec, kind="model") for slot in slots]
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
        """Starts a worker that plays while somebody watches.

        It ends by itself after an hour unwatched, a table after five minutes. What is watched of a table is told as
        `seats-shown`.
        """
        return Player(**asdict(read_player(home, _begin(home, wanted))))

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


def _begin(home: Home, wanted: StartPlayer) -> str:
    """Starts what is wanted; returns its id."""
    if (wanted.what is None) == (wanted.seats is None):
        raise ConfigError("A demo is of one who plays alone, `what`, or of a table, `seats`. Name one of the two.")
    env_config = None if wanted.protocol is None else find_protocol(wanted.protocol).env_config
    if wanted.what is not None:
        require_player_policy(home, wanted.what)
        return start_player(
            home,
            wanted.what,
            env_config=env_config,
            seed=wanted.seed,
            pieces_per_second=wanted.pieces_per_second,
        )
    seats = wanted.seats or []
    for what in seats:
        require_player_policy(home, what)
    return start_table(
        home,
        seats,
        env_config=env_config,
        seed=wanted.seed,
        pieces_per_second=wanted.pieces_per_second,
        same_pieces=wanted.same_pieces,
        together=wanted.together,
    )
