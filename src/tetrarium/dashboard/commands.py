"""Commands to workers: their shape in the API, and how they reach a worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tetrarium.dashboard.schemas import Answer, Mode, Order
from tetrarium.workers.client import WorkerClient

__all__ = ["PlayerCommand", "Reply", "RunCommand", "Stop", "command_worker", "tell_worker"]


class Reply(Answer):
    """What a worker answered to a command."""

    ok: bool = Field(description="Always true; what was refused is an error.")
    state: str = Field(description="What it does by now.", examples=["running"])
    step: int = Field(description="Where it is.", examples=[41_200])
    message: str = Field(description="For people.", examples=["Pausing after the round under way."])


class NoValues(Order):
    """Nothing."""


class ModeValues(Order):
    """How a run is shown."""

    mode: Mode = Field(description="The mode from now on.")


class SpeedValues(Order):
    """A pace."""

    pieces_per_second: float = Field(ge=1, le=1000, strict=False, description="The pace from now on.", examples=[20])


class _Simple(Order):
    values: NoValues = Field(default=NoValues(), description="It takes none.")


class Status(_Simple):
    """Says how it stands."""

    command: Literal["status"] = Field(description="Which one.")


class Pause(_Simple):
    """Waits after the round under way."""

    command: Literal["pause"] = Field(description="Which one.")


class Resume(_Simple):
    """Goes on after a pause."""

    command: Literal["resume"] = Field(description="Which one.")


class Stop(_Simple):
    """Ends after the round under way, with a checkpoint."""

    command: Literal["stop"] = Field(description="Which one.")


class Checkpoint(_Simple):
    """Saves now."""

    command: Literal["checkpoint"] = Field(description="Which one.")


class NewGame(_Simple):
    """Gives up the game under way for the next."""

    command: Literal["new-game"] = Field(description="Which one.")


class ChangeMode(Order):
    """Shows nothing, samples at full speed, or every move at a pace."""

    command: Literal["mode"] = Field(description="Which one.")
    values: ModeValues = Field(description="What it takes.")


class ChangeSpeed(Order):
    """Sets the pace of every-move, and of players."""

    command: Literal["speed"] = Field(description="Which one.")
    values: SpeedValues = Field(description="What it takes.")


Command = Status | Pause | Resume | Stop | Checkpoint | NewGame | ChangeMode | ChangeSpeed
RunCommand = Annotated[
    Status | Pause | Resume | Stop | Checkpoint | ChangeMode | ChangeSpeed, Field(discriminator="command")
]
PlayerCommand = Annotated[Status | Pause | Resume | Stop | NewGame | ChangeSpeed, Field(discriminator="command")]


def command_worker(folder: Path, told: Command) -> Reply:
    """Tells a worker something and waits for its answer; blocks.

    Raises:
        WorkerError: if none lives, none answers, or it refuses.
    """
    return tell_worker(folder, told.command, told.values.model_dump())


def tell_worker(folder: Path, command: str, values: Mapping[str, Any]) -> Reply:
    """The same for a command of any kind.

    Raises:
        WorkerError: if none lives, none answers, or it refuses.
    """
    with WorkerClient.connect(folder) as worker:
        answer = worker.order(command, **values)
    return Reply(**{name: answer[name] for name in Reply.model_fields})
