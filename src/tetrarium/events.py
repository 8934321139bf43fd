"""What a worker tells its watchers: frozen messages that JSON can carry.

A worker publishes, watchers consume, and neither knows the other. Counts over one placement, one game and a whole run
never share a name; a mean carries the number of games that it was taken over. A piece is a place in ``IOTLJSZ``.
"""

import json
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

__all__ = [
    "AgentEvaluated",
    "BoardShown",
    "CheckpointSaved",
    "ControlChanged",
    "EvaluationFinished",
    "EvaluationProgress",
    "Event",
    "HandShown",
    "KernelsCompiling",
    "Progress",
    "RunEnded",
    "RunStarted",
    "SeatsShown",
    "StateChanged",
    "WarningGiven",
    "event_from_json",
    "event_to_json",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all messages."""

    kind: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelsCompiling(Event):
    """The first start on this machine compiles the engine, which takes some seconds."""

    kind: ClassVar[str] = "kernels-compiling"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """Training begins, or goes on."""

    kind: ClassVar[str] = "run-started"
    name: str
    folder: str
    step: int  # environment steps taken before
    total_steps: int
    seed: int
    n_envs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """What a worker does from now on."""

    kind: ClassVar[str] = "state-changed"
    state: str  # "starting", "running", "paused", "stopping", "stopped", "finished" or "failed"
    step: int
    message: str  # for people, such as "Paused at step 41,200. Nothing is lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChanged(Event):
    """How a worker shows itself from now on."""

    kind: ClassVar[str] = "control-changed"
    mode: str  # "headless", "live" or "every-move"
    pieces_per_second: float  # in every-move
    thoughts: bool  # whether somebody asks for what it thinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Where a training run stands."""

    kind: ClassVar[str] = "progress"
    step: int  # environment steps taken, of all games together
    total_steps: int
    steps_per_second: float  # since the last message; if no step was made since, of the run since it went on
    seconds: float  # since training began, this time
    seconds_left: float | None  # None until it can be told
    games_ended: int
    mean_lines_game: float | None  # of the latest games; those still running count with their lines so far
    mean_n_games: int  # how many games that mean is of
    best_lines_game: int  # most lines in one game, running ones included
    lines_total: int
    exploration_rate: float | None  # None where nothing is played at random on purpose
    loss: float | None  # of the latest gradient steps
    mean_q: float | None = None  # mean value of what the latest gradient step learnt from
    lines_low: float | None = None  # a tenth of those latest games have at most so many lines
    lines_high: float | None = None  # and a tenth at least so many
    mean_reward_placement: float | None = None  # since the last row of progress.csv but one


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardShown(Event):
    """One game, as it stands after its latest placement.

    ``thoughts`` holds ``actions``, a list of the legal ones with their ``action``, ``value`` and ``cells``, where the
    piece would rest; and ``chosen``, the action that the values choose. A cell is ``row * width + column``.
    """

    kind: ClassVar[str] = "board-shown"
    width: int
    height: int  # visible rows
    cells: str  # height + 4 rows, the lowest first: '.' empty, the piece that left the cell, 'x' where nobody knows it
    queue: tuple[int, ...]  # current piece first
    held: int | None = None
    game: int = 1  # number of this game among those played in its place, which may be given up before they end
    is_over: bool = False  # whether this game has ended
    games_ended: int | None = None  # of those played in its place, this one included; None where nobody counts
    lines_game: int
    pieces_game: int
    score_game: int = 0  # as the guideline counts it
    step: int = 0  # of the run
    placed: tuple[int, ...] = ()  # cells that the latest placement filled, before rows vanished
    cleared_rows: tuple[int, ...] = ()  # rows that it cleared
    thoughts: dict[str, Any] | None = None  # of the placement to come
    paused: bool = False
    sent_s: float = 0.0  # seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsShown(Event):
    """The games of all who play at one table, as they stand after the latest placement of each.

    A seat is an object with these fields of ``board-shown``: ``width``, ``height``, ``cells``, ``queue``, ``held``,
    ``game``, ``lines_game``, ``pieces_game``, ``score_game``, ``cleared_rows``, ``thoughts``. Beside them:

    ===================  ====================================================================================
    ``seat``             its place in the order in which players were named, from 0
    ``what``             who sits there
    ``ghost``            the cells that the placement to come will fill; empty at a game's end
    ``is_over``          whether the game has ended, and the next one has not begun
    ``is_cut_off``       whether it has ended because it had as many pieces as a game may have
    ``games_ended``      how many games have ended there
    ``lines_total``      rows cleared in all of its games, the one under way included
    ``best_lines_game``  most lines in one game, the one under way included
    ``games_won``        in how many games it alone had the most lines, where games are played side by side
    ===================  ====================================================================================
    """

    kind: ClassVar[str] = "seats-shown"
    seats: tuple[dict[str, Any], ...]
    step: int = 0  # placements of all seats
    paused: bool = False
    sent_s: float = 0.0  # seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class HandShown(Event):
    """The game in a person's hands, as it stands; cells as in ``BoardShown``.

    ``opponent`` holds ``what``, ``state`` ("ready" or "refused"), ``message``, ``lines``, ``pieces``, ``score``,
    ``over``, ``finished`` and ``seconds``; its board comes as a ``BoardShown``. ``advice`` holds ``what``, ``state``,
    ``message``, ``cells`` and ``value``.
    """

    kind: ClassVar[str] = "hand-shown"
    phase: str  # "preparing", "ready", "playing", "paused", "over", or "finished" at the mode's goal
    mode: str
    goal_lines: int | None  # where the mode ends
    game: int  # number of this game among those played in its place
    seed: int
    width: int
    height: int  # visible rows
    cells: str  # height + 4 rows, without the falling piece
    falling: tuple[int, ...]  # cells of the current piece
    ghost: tuple[int, ...]  # where a hard drop would take it
    queue: tuple[int, ...]  # current piece first
    held: int | None
    can_hold: bool  # now
    level: int
    lines_game: int
    pieces_game: int
    score_game: int
    seconds: float  # of playing
    combo: int  # placements that cleared one after the other, less one
    back_to_back: bool
    said: tuple[str, ...]  # of the latest placement that something is said of
    said_pieces: int  # pieces placed by then
    cleared_rows: tuple[int, ...]  # by the latest placement
    key_number: int | None  # of the latest key press that had its step
    opponent: dict[str, Any] | None = None
    advice: dict[str, Any] | None = None
    kept: str = ""  # under which name the game is kept, once it has ended
    message: str = ""  # what went wrong, for people
    sent_s: float = 0.0  # seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint lies safe on disk."""

    kind: ClassVar[str] = "checkpoint-saved"
    path: str
    step: int
    seconds: float  # that saving took


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvaluated(Event):
    """What a running training evaluated, on games that are the same every time."""

    kind: ClassVar[str] = "agent-evaluated"
    step: int  # whose weights played
    lines_evaluation: float  # mean lines a game, as played up to the cut
    n_games: int
    max_pieces: int  # where games were cut off
    n_cut_off: int
    is_best: bool  # no earlier one of this run did better


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProgress(Event):
    """How far an evaluation has come."""

    kind: ClassVar[str] = "evaluation-progress"
    games_done: int
    n_games: int
    pieces_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFinished(Event):
    """An evaluation's report, as ``Report.to_dict`` gives it."""

    kind: ClassVar[str] = "evaluation-finished"
    report: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningGiven(Event):
    """Something beside training went wrong, or works again; training itself goes on."""

    kind: ClassVar[str] = "warning-given"
    step: int
    message: str  # for people, one line


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """Training has ended, and a checkpoint of its last step lies in the run's folder, unless it failed."""

    kind: ClassVar[str] = "run-ended"
    state: str  # "finished", "target reached", "stopped" or "failed"
    step: int
    seconds: float
    checkpoint: str  # the latest; empty where there is none
    error: str = ""  # why it failed


_KINDS: Final[dict[str, type[Event]]] = {
    event.kind: event
    for event in (
        KernelsCompiling,
        RunStarted,
        StateChanged,
        ControlChanged,
        Progress,
        BoardShown,
        SeatsShown,
        HandShown,
        CheckpointSaved,
        AgentEvaluated,
        EvaluationProgress,
        EvaluationFinished,
        WarningGiven,
        RunEnded,
    )
}

_ENCODER: Final = json.JSONEncoder(allow_nan=False)  # json.dumps would make one for each message
_NAMES: Final = {kind: tuple(item.name for item in fields(kind)) for kind in _KINDS.values()}


def event_to_json(event: Event) -> str:
    """Writes a message as one line of JSON.

    >>> event_to_json(KernelsCompiling())
    '{"kind": "kernels-compiling"}'
    """
    values = {name: getattr(event, name) for name in _NAMES[type(event)]}  # asdict would copy all that is inside
    return _ENCODER.encode({"kind": event.kind, **values})


def event_from_json(text: str) -> Event:
    """Reads what ``event_to_json`` wrote.

    Raises:
        ValueError: if it is no message.
    """
    values = json.loads(text)
    kind = values.pop("kind", None) if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"A message has one of the kinds {', '.join(_KINDS)}; got {kind!r}.")
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return _KINDS[kind](**known)
    except TypeError as error:
        raise ValueError(f"A {kind} message does not have these fields: {sorted(values)}.") from error
