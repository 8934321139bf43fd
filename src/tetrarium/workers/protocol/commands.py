"""Commands that workers accept, as JSON objects: ``{"command": "speed", "pieces_per_second": 20}``."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tetrarium.errors import CommandError, suggestion
from tetrarium.training.runs.control import Control, Subscription, require_within

CommandValues = Mapping[str, Any]


MAX_BOARDS_PER_SECOND: Final = 60


def _no_effect(_control: Any, _values: CommandValues) -> str:
    """Changes nothing: the server itself answers the command."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: the values that it accepts and the function that carries it out."""

    fields: tuple[str, ...] = ()
    # Applies the values to the worker's control; returns a message for people, or nothing. Raises CommandError.
    handler: Callable[[Any, CommandValues], str] = _no_effect


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerKind:
    """A kind of worker, with the commands that it accepts by name."""

    name: str  # as ``Address.kind``
    commands: Mapping[str, Command]


def _pause(message: str) -> Command:
    """Returns the command to pause a kind of worker, which answers with a message."""

    def pause(control: Control, _values: CommandValues) -> str:
        control.pause()
        return message

    return Command(handler=pause)


def _stop(message: str) -> Command:
    """Returns the command to stop a kind of worker, which answers with a message."""

    def stop(control: Control, _values: CommandValues) -> str:
        control.request_stop()
        return message

    return Command(handler=stop)


def _resume(control: Control, _values: CommandValues) -> str:
    control.resume()
    return "Resumed."


def _save_checkpoint(control: Control, _values: CommandValues) -> str:
    control.request_checkpoint()
    return "Saving a checkpoint after the current round."


def _begin_new_game(control: Control, _values: CommandValues) -> str:
    control.request_new_game()
    return "The next game begins."


def _set_mode(control: Control, values: CommandValues) -> str:
    control.set_mode(values.get("mode"))
    return f"The mode is now {control.mode}."


def _set_speed(control: Control, values: CommandValues) -> str:
    control.set_speed(values.get("pieces_per_second"))
    return f"The speed is now {control.pieces_per_second:,.4g} pieces per second."


WATCH: Final = Command(fields=("boards", "action_values", "boards_per_second"))
PLAY_COMMANDS: Final = {
    "status": Command(),
    "pause": _pause("Paused."),
    "resume": Command(handler=_resume),
    "stop": _stop("Stopping."),
}
_SPEED: Final = Command(fields=("pieces_per_second",), handler=_set_speed)

TRAINING: Final = WorkerKind(
    name="training",
    commands={
        **PLAY_COMMANDS,
        "pause": _pause("Pausing after the current round."),
        "stop": _stop("Stopping after the current round, with a checkpoint."),
        "speed": _SPEED,
        "watch": WATCH,
        "checkpoint": Command(handler=_save_checkpoint),
        "mode": Command(fields=("mode",), handler=_set_mode),
    },
)
TUNING: Final = WorkerKind(
    name="tuning",
    commands={
        **PLAY_COMMANDS,
        "pause": _pause("Pausing the study and its running trials."),
        "stop": _stop("Stopping the study and its running trials, with checkpoints."),
    },
)
DEMO: Final = WorkerKind(
    name="demo",
    commands={**PLAY_COMMANDS, "speed": _SPEED, "watch": WATCH, "new-game": Command(handler=_begin_new_game)},
)


def read_command(data: bytes, kind: WorkerKind) -> tuple[str, CommandValues]:
    """Parses a command; returns its name and its values.

    Raises:
        CommandError: if it is not a command of this kind of worker.
    """
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise CommandError('A command is a JSON object such as {"command": "pause"}; got something else. Send one.')
    name = values.pop("command", None)
    if not isinstance(name, str) or name not in kind.commands:
        shown = str(name)[:80]
        raise CommandError(
            f"A command is one of {', '.join(kind.commands)}; got {shown!r}.{suggestion(shown, kind.commands)}",
            field="command",
        )
    fields = kind.commands[name].fields
    unknown = sorted(set(values) - set(fields))
    if unknown:
        accepted = f"accepts {', '.join(fields)}" if fields else "accepts no values"
        raise CommandError(f"The command {name!r} {accepted}; got {unknown[0][:80]!r}. Leave it out.", field=unknown[0])
    return name, values


def dispatch_command(
    kind: WorkerKind, control: Control, subscribe: Callable[[Subscription], None], name: str, values: CommandValues
) -> str:
    """Carries out a command; returns a message for people, or nothing.

    ``subscribe``: renews the sender's lease.

    Raises:
        CommandError: if a value breaks its rule.
    """
    if name == "watch":
        subscribe(_read_subscription(values))
    return kind.commands[name].handler(control, values)


def _read_subscription(values: CommandValues) -> Subscription:
    boards, action_values = values.get("boards", True), values.get("action_values", False)
    for name, value in (("boards", boards), ("action_values", action_values)):
        if not isinstance(value, bool):
            raise CommandError(f"{name} is true or false; got {value!r}. Choose one of the two.", field=name)
    rate = require_within("boards_per_second", values.get("boards_per_second", 30), 1, MAX_BOARDS_PER_SECOND)
    return Subscription(boards_per_second=rate if boards else 0.0, action_values=action_values and boards)


def effective_state(state: str, control: Control) -> str:
    """Returns the state to report: "stopping" from the moment at which a stop was requested."""
    return "stopping" if control.is_stop_requested and state in {"starting", "running", "paused"} else state
