"""Demos: ``/api/demos``, agents that play without training, and ``/api/agents``, the list of agents."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field

from tetrarium.dashboard import schemas
from tetrarium.dashboard.command_requests import CommandResponse, DemoCommandRequest, send_command
from tetrarium.dashboard.live.sources import find_source, require_agent
from tetrarium.errors import ConfigError
from tetrarium.evaluation import POLICY_NAMES, find_protocol
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.versions import champion_names
from tetrarium.workers.directories.process_directory import DemoView, list_demos, read_demo, remove_demo
from tetrarium.workers.directories.run_views import list_runs
from tetrarium.workers.processes.launcher import start_demo, start_shared_demo

Id = Annotated[str, Path(pattern=schemas.NAME_PATTERN, description="The demo's id.", examples=["9f3a01c2"])]
AgentPath = Annotated[str, Path(pattern=schemas.AGENT_PATTERN, description="Agent reference.", examples=["first@2"])]
_NO_CONTENT: Final = 204


class AgentReference(schemas.ResponseModel):
    """A valid agent reference."""

    name: str = Field(description="The reference.", examples=["run-1@best"])


class AgentResponse(schemas.ResponseModel):
    """An agent."""

    name: str = Field(description="Agent reference.", examples=["run-1@best"])
    kind: Literal["run", "best", "controller", "champion", "model"] = Field(
        description="Latest checkpoint of a run, best weights of a run, published controller, built-in model "
        "(`champion`), or saved model."
    )
    group: str | None = Field(default=None, description="Group of the run.", examples=["rates"])


class StartDemoRequest(schemas.RequestModel):
    """A demo to start: of one agent, or of up to nine agents at a table."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"agent": "first@best", "seed": 0, "pieces_per_second": 10},
                {"seats": ["first@best", "dellacherie"], "together": True, "protocol": "default"},
            ]
        }
    )
    agent: schemas.Agent | None = Field(
        default=None, description="Agent reference: a run, NAME@best, NAME@STEP, a model, NAME@VERSION or a controller."
    )
    seats: list[schemas.Agent] | None = Field(
        default=None, min_length=1, max_length=9, description="Agent references of a table; repetitions are allowed."
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of the games.")
    pieces_per_second: float = Field(default=10, ge=1, le=1000, strict=False, description="Initial pace.")
    protocol: str | None = Field(
        default=None,
        max_length=64,
        description="Protocol whose environment is used; by default each agent plays the one it was trained for.",
    )
    same_pieces: bool = Field(default=True, description="Whether game k has the same pieces at every seat of a table.")
    together: bool = Field(
        default=False,
        description="Whether each game begins at all seats at once; agents that have lost wait for the others.",
    )
    shared: bool = Field(
        default=False,
        description="Whether the running shared demo of the same agent is returned, if there is one. Seed, pace and "
        "environment are the defaults.",
    )


def demo_routes(home: Home) -> APIRouter:
    """Creates the routes."""
    routes = APIRouter(prefix="/api", tags=["demos"], responses=schemas.FAILURES, route_class=schemas.JsonRoute)

    @routes.get("/agents", summary="List agents")
    def list_agents() -> list[AgentResponse]:
        """Returns controllers, models, latest checkpoints of runs, and best weights of runs, as agent references."""
        found = [AgentResponse(name=name, kind="controller") for name in POLICY_NAMES]
        slots = ModelStore(home).slots()
        saved_names = {slot.name for slot in slots}
        found += [AgentResponse(name=name, kind="champion") for name in champion_names() if name not in saved_names]
        found += [AgentResponse(name=slot.current.spec, kind="model") for slot in slots]
        for run in list_runs(home):
            if run.checkpoints:
                found.append(AgentResponse(name=run.name, kind="run", group=run.group))
            if run.has_best:
                found.append(AgentResponse(name=f"{run.name}@best", kind="best", group=run.group))
        return found

    @routes.get("/agents/{agent}", summary="Check an agent reference")
    def check_agent(agent: AgentPath) -> AgentReference:
        """Returns the reference if it names an agent."""
        require_agent(home, agent, "agent")
        return AgentReference(name=agent)

    @routes.get("/demos", summary="List demos")
    def list_all_demos() -> list[DemoView]:
        """Returns running demos, and failed ones until they are deleted."""
        return list_demos(home)

    @routes.post("/demos", status_code=201, summary="Start a demo")
    def start_new_demo(request: StartDemoRequest) -> DemoView:
        """Starts a worker that plays while a viewer watches.

        The worker stops after five minutes without viewers, or ten seconds if it is shared. Boards of a table are sent
        as `table-shown` events.
        """
        return read_demo(home, _start(home, request))

    @routes.post("/demos/{demo_id}/commands", summary="Send a command to a demo")
    def command_demo(demo_id: Id, request: DemoCommandRequest) -> CommandResponse:
        """Pauses, resumes or stops it, changes its pace, or starts its next game."""
        return send_command(find_source(home, "demo", demo_id).folder, request.command, request.values.model_dump())

    @routes.delete("/demos/{demo_id}", status_code=_NO_CONTENT, summary="Stop and delete a demo")
    def delete_demo(demo_id: Id) -> Response:
        """Stops its worker if it runs, and deletes its folder."""
        folder = find_source(home, "demo", demo_id).folder
        if read_demo(home, demo_id).is_alive:
            send_command(folder, "stop")
        else:
            remove_demo(home, demo_id)
        return Response(status_code=_NO_CONTENT)

    return routes


def _start(home: Home, request: StartDemoRequest) -> str:
    """Starts the requested demo and returns its id."""
    if (request.agent is None) == (request.seats is None):
        raise ConfigError(
            "A demo needs either `agent`, one agent, or `seats`, a table of agents. Send one of them.", field="agent"
        )
    env_config = None if request.protocol is None else find_protocol(request.protocol).env_config
    if request.agent is not None:
        require_agent(home, request.agent, "agent")
        if request.shared:
            return start_shared_demo(home, request.agent)
    for agent in request.seats or []:
        require_agent(home, agent, "seats")
    options = request.model_dump(include={"seed", "pieces_per_second", "same_pieces", "together"})
    return start_demo(home, request.agent or request.seats or [], env_config=env_config, **options)
