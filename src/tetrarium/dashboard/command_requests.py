"""Commands to workers: the requests, their delivery, and the response."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tetrarium.dashboard.schemas import Mode, RequestModel, ResponseModel
from tetrarium.training.runs.control import MAX_SPEED, MIN_SPEED
from tetrarium.workers.protocol.client import WorkerClient


class CommandResponse(ResponseModel):
    """A worker's response to a command."""

    ok: bool = Field(description="Always true; a refused command is an error.")
    state: str = Field(description="State of the worker after the command.", examples=["running"])
    step: int = Field(description="Current training step.", examples=[41_200])
    message: str = Field(description="Message for people.", examples=["Pausing after the current round."])


class NoValues(RequestModel):
    """An empty object."""


class ModeValues(RequestModel):
    """Values of `mode`."""

    mode: Mode = Field(description="The new display mode.")


class SpeedValues(RequestModel):
    """Values of `speed`."""

    pieces_per_second: float = Field(ge=MIN_SPEED, le=MAX_SPEED, strict=False, description="New pace.", examples=[20])


class CommandWithoutValues(RequestModel):
    """Base of the commands without values."""

    values: NoValues = Field(default=NoValues(), description="The command takes no values.")


class RunControlCommand(CommandWithoutValues):
    """Returns the status, pauses, resumes, stops with a checkpoint, or saves one; after the current round."""

    command: Literal["status", "pause", "resume", "stop", "checkpoint"] = Field(description="Name of the command.")


class DemoControlCommand(CommandWithoutValues):
    """Returns the status, pauses, resumes, stops, or abandons the current game and starts the next one."""

    command: Literal["status", "pause", "resume", "stop", "new-game"] = Field(description="Name of the command.")


class ModeCommand(RequestModel):
    """Changes the display mode."""

    command: Literal["mode"] = Field(description="Name of the command.")
    values: ModeValues = Field(description="The new mode.")


class SpeedCommand(RequestModel):
    """Sets the pace of the mode `every-move` and of demos."""

    command: Literal["speed"] = Field(description="Name of the command.")
    values: SpeedValues = Field(description="The new pace.")


RunCommandRequest = Annotated[RunControlCommand | ModeCommand | SpeedCommand, Field(discriminator="command")]
DemoCommandRequest = Annotated[DemoControlCommand | SpeedCommand, Field(discriminator="command")]


def send_command(folder: Path, command: str, values: Mapping[str, Any] | None = None) -> CommandResponse:
    """Sends a command to the worker of a folder and waits for its response; blocks.

    Raises:
        WorkerError: if no worker runs, it does not answer, or it refuses the command.
    """
    with WorkerClient.connect(folder) as worker:
        answer = worker.execute(command, **(values or {}))
    return CommandResponse(**{name: answer[name] for name in CommandResponse.model_fields})
