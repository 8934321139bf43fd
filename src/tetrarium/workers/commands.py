"""The commands that a worker obeys, as JSON objects: ``{"command": "speed", "pieces_per_second": 20}``."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tetrarium.errors import WorkerError, suggestion
from tetrarium.training.runs.control import Control, Watching, require_within
from tetrarium.workers.hand_orders import HandControl
from tetrarium.workers.leases import MAX_BOARDS_PER_SECOND

__all__ = ["Watch", "obey", "read_command", "say_state"]

Watch = Callable[[Watching], None]
_ANYWHERE: Final = ("status", "pause", "resume", "stop")
_FORALL: Final = (*_ANYWHERE, "speed", "watch")
_COMMANDS: Final = {
    "training": (*_FORALL, "checkpoint", "mode"),
    "player": (*_FORALL, "new-game"),
    "tuning": _ANYWHERE,
    "hand": (*_ANYWHERE, "watch", "keys", "begin", "change"),
}
_FIELDS: Final = {
    "mode": ("mode",),
    "speed": ("pieces_per_second",),
    "keys": ("keys",),
    "begin": ("mode", "level", "seed", "opponent", "pace", "advice", "handling"),
    "change": ("pace", "advice", "handling"),  # in the middle of a game
    "watch": ("boards", "thoughts", "boards_per_second"),
}


def read_command(data: bytes, kind: str) -> tuple[str, Mapping[str, Any]]:
    """Reads a command and its values.

    Raises:
        WorkerError: if it is none that a worker of this kind obeys.
    """
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise WorkerError('A command is a JSON object such as {"command": "pause"}; got something else. Send one.')
    command = values.pop("command", None)
    known = _COMMANDS[kind]
    if command not in known:
        raise WorkerError(
            f"A command is one of {', '.join(known)}; got {str(command)[:80]!r}.{suggestion(str(command)[:80], known)}"
        )
    allowed = _FIELDS.get(command, ())
    strange = sorted(set(values) - set(allowed))
    if strange:
        takes = f"takes {', '.join(allowed)}" if allowed else "takes nothing beside itself"
        raise WorkerError(f"The command {command!r} {takes}; got {strange[0][:80]!r}. Leave it out.")
    return command, values


def obey(control: Control, watch: Watch, command: str, values: Mapping[str, Any], kind: str) -> str:
    """Does what a command says; returns what is to be said to a person, or nothing.

    Raises:
        WorkerError: if a value breaks its rule.
    """
    trains = kind in {"training", "tuning"}
    match command:
        case "pause":
            control.pause()
            return "Pausing after the round under way." if trains else "Paused."
        case "resume":
            control.resume()
            return "Going on."
        case "stop":
            control.ask_to_stop()
            return "Stopping after the round under way, with a checkpoint." if trains else "Stopping."
        case "checkpoint":
            control.ask_for_checkpoint()
            return "Saving a checkpoint after the round under way."
        case "new-game":
            control.ask_for_new_game()
            return "The next game begins."
        case "mode":
            control.set_mode(values.get("mode"))
            return f"The mode is {control.mode} now."
        case "speed":
            control.set_speed(values.get("pieces_per_second"))
            return f"The speed is {control.pieces_per_second:,.4g} pieces a second now."
        case "watch":
            watch(_wanted(values))
        case "keys" | "begin" | "change":
            assert isinstance(control, HandControl)
            return control.take(command, values)
    return ""


def _wanted(values: Mapping[str, Any]) -> Watching:
    boards, thoughts = values.get("boards", True), values.get("thoughts", False)
    for name, value in (("boards", boards), ("thoughts", thoughts)):
        if not isinstance(value, bool):
            raise WorkerError(f"{name} is true or false; got {value!r}. Choose one of the two.")
    rate = require_within("boards_per_second", values.get("boards_per_second", 30), 1, MAX_BOARDS_PER_SECOND)
    return Watching(boards_per_second=rate if boards else 0.0, thoughts=thoughts and boards)


def say_state(told: str, control: Control) -> str:
    """The state to tell: a stop that was asked for counts at once."""
    return "stopping" if control.is_stop_asked and told in {"starting", "running", "paused"} else told
