"""Events that workers publish and clients receive: frozen dataclasses that convert to JSON.

Counts over one placement, one game and a whole run never share a name, and a mean comes with the number of its games.
A piece is an index into ``IOTLJSZ``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base class of all events."""

    kind: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelsCompiling(Event):
    """Start of the compilation of the engine, at the first start on this machine; it takes some seconds."""

    kind: ClassVar[str] = "kernels-compiling"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """Start or resumption of a training."""

    kind: ClassVar[str] = "run-started"
    name: str
    folder: str
    step: int  # environment steps taken before
    total_steps: int
    seed: int
    n_envs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """Change of a worker's state."""

    kind: ClassVar[str] = "state-changed"
    state: str  # "starting", "running", "paused", "stopping", "stopped", "finished" or "failed"
    step: int
    message: str  # for people, such as "Paused at step 41,200. Nothing is lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChanged(Event):
    """Change of a worker's display settings."""

    kind: ClassVar[str] = "control-changed"
    mode: str  # "no-display", "live" or "every-move"
    pieces_per_second: float  # in every-move
    action_values: bool  # whether a viewer asks for action values


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Progress of a training run."""

    kind: ClassVar[str] = "progress"
    step: int  # environment steps, summed over all games
    total_steps: int
    steps_per_second: float  # of the latest seconds; 0 before the second round and during a pause
    seconds: float  # of training in all sessions, without pauses and without waiting for evaluations
    evaluated_seconds: float = 0.0  # of waiting for evaluations in all sessions
    seconds_left: float | None  # at the current speed; None until it is known, and once training has ended
    games_ended: int
    games_lost: int  # those of them that a limit did not end
    last_loss_step: int | None = None  # at which a game was last lost
    losses_per_10000_pieces: float | None = None  # over at least the latest 10,000 placements
    training_mean: float | None  # lines of the latest games; running ones count with their lines so far
    training_n_ended: int  # games in that mean that ended
    training_n_running: int  # games in that mean that still run
    best_lines_game: int  # most lines in one game, running ones included
    lines_total: int
    exploration_rate: float | None  # None for algorithms without random exploration
    loss: float | None  # of the latest gradient steps
    mean_q: float | None = None  # mean Q-value of the latest gradient step's batch
    lines_low: float | None = None  # 10th percentile of the lines of those games
    lines_high: float | None = None  # 90th percentile
    mean_reward_placement: float | None = None  # since the row of progress.csv before the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardShown(Event):
    """State of one game after its latest placement.

    ``action_values`` holds ``actions``, the legal actions, each with its ``action``, ``value`` and the ``cells`` in
    which the piece would come to rest, and ``chosen``, the greedy action. A cell is ``row * width + column``.
    """

    kind: ClassVar[str] = "board-shown"
    width: int
    height: int  # visible rows
    cells: str  # height + 4 rows, bottom first: '.' empty, the letter of the cell's piece, 'x' an unknown piece
    queue: tuple[int, ...]  # current piece first
    held: int | None = None
    game: int = 1  # number of this game, counted from 1 and including abandoned ones
    is_over: bool = False  # whether this game has ended
    games_ended: int | None = None  # number of games that have ended, including this one; None if they are not counted
    lines_game: int
    pieces_game: int
    score_game: int = 0  # by the guideline's rules
    step: int = 0  # of the run
    placed: tuple[int, ...] = ()  # cells of the latest placement, before its line clears
    cleared_rows: tuple[int, ...] = ()  # rows cleared by the latest placement
    action_values: dict[str, Any] | None = None  # of the next placement
    paused: bool = False
    sent_s: float = 0.0  # Unix time


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShown(Event):
    """State of the games at all seats of a table after the latest placement of each.

    A seat is an object with these fields of ``board-shown``: ``width``, ``height``, ``cells``, ``queue``, ``held``,
    ``game``, ``lines_game``, ``pieces_game``, ``score_game``, ``cleared_rows``, ``action_values``. The other fields:

    ===================  ====================================================================================
    ``seat``             its index, from 0
    ``agent``            agent reference
    ``ghost``            cells of the next placement; empty at the end of a game
    ``is_over``          whether the game has ended and the next one has not begun
    ``is_truncated``     whether it has ended at the limit of pieces
    ``games_ended``      number of games that have ended
    ``lines_total``      lines cleared in all games, including the current one
    ``best_lines_game``  most lines in one game, including the current one
    ``games_won``        games in which it alone had the most lines, if games begin at once
    ===================  ====================================================================================
    """

    kind: ClassVar[str] = "table-shown"
    seats: tuple[dict[str, Any], ...]
    step: int = 0  # placements of all seats
    paused: bool = False
    sent_s: float = 0.0  # Unix time


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanGameShown(Event):
    """State of a human game; cells as in ``BoardShown``.

    ``opponent`` holds ``agent``, ``state`` ("ready" or "refused"), ``message``, ``lines``, ``pieces``, ``score``,
    ``lost``, ``finished`` and ``seconds``; its board comes as a ``BoardShown``. ``advice`` holds ``agent``, ``state``,
    ``message``, ``cells`` and ``value``.
    """

    kind: ClassVar[str] = "human-game-shown"
    phase: str  # "preparing", "ready", "playing", "paused", "game-over", or "finished" at the mode's goal
    mode: str
    goal_lines: int | None  # lines at which the mode ends
    game: int  # number of this game, counted from 1
    seed: int
    width: int
    height: int  # visible rows
    cells: str  # height + 4 rows, without the falling piece
    falling: tuple[int, ...]  # cells of the current piece
    ghost: tuple[int, ...]  # cells after a hard drop
    queue: tuple[int, ...]  # current piece first
    held: int | None
    can_hold: bool  # now
    level: int
    lines_game: int
    pieces_game: int
    score_game: int
    seconds: float  # played
    combo: int  # consecutive placements with line clears, minus one
    back_to_back: bool
    clear_label: tuple[str, ...]  # lines of text about the latest placement that has any
    clear_label_pieces: int  # pieces placed up to that placement
    cleared_rows: tuple[int, ...]  # by the latest placement
    key_number: int | None  # of the latest key press that was executed
    opponent: dict[str, Any] | None = None
    advice: dict[str, Any] | None = None
    saved_as: str = ""  # name of the saved game, once it has ended
    message: str = ""  # error message for people
    sent_s: float = 0.0  # Unix time


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    """Checkpoint that was saved and flushed to disk."""

    kind: ClassVar[str] = "checkpoint-saved"
    path: str
    step: int
    seconds: float  # duration of saving


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvaluated(Event):
    """Result of an evaluation during training, on fixed seeds."""

    kind: ClassVar[str] = "agent-evaluated"
    step: int  # of the evaluated weights
    n_games: int
    max_pieces: int  # pieces at which games are truncated
    survival: int  # games alive at that limit
    lines_until_limit: float  # mean lines of a game up to that limit
    estimated_lines: float | None  # per game without a limit; None if no game was lost
    estimated_low: float  # of the 95 % interval; a lower bound if no game was lost
    estimated_high: float | None
    harder_games: int | None = None  # games on the harder game; None if it is disabled, like the following
    harder_survival: int | None = None
    harder_lines: float | None = None  # estimated lines per game on the harder game; None if no game was lost
    harder_low: float | None = None
    harder_high: float | None = None
    is_best: bool  # significantly better than the best weights so far


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProgress(Event):
    """Progress of an evaluation."""

    kind: ClassVar[str] = "evaluation-progress"
    games_done: int
    n_games: int
    pieces_total: int
    seconds_left: float | None = None  # estimated; None at first
    n_workers: int | None = None  # of an executor; None for threads
    n_lost: int = 0  # parts that ended with their worker, and are played again
    n_repeated: int = 0  # parts that a second worker plays, because the first may hang


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFinished(Event):
    """Report of an evaluation, as ``Report.to_dict`` returns it."""

    kind: ClassVar[str] = "evaluation-finished"
    report: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningGiven(Event):
    """Failure of something other than training, or its recovery; training continues."""

    kind: ClassVar[str] = "warning-given"
    step: int
    message: str  # for people, one line


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """End of a training, with a checkpoint of its last step unless it failed."""

    kind: ClassVar[str] = "run-ended"
    state: str  # "finished", "target reached", "stopped" or "failed"
    step: int
    seconds: float  # of training in all sessions, as in ``Progress``
    evaluated_seconds: float = 0.0
    checkpoint: str  # path of the latest one; empty without one
    times: dict[str, float] = field(default_factory=dict)  # seconds by what they went to, and the memory used at most
    error: str = ""  # the message of the exception that ended it
    code: str = ""  # and its code
    field: str | None = None  # and the setting at fault


EVENT_CLASSES: Final[dict[str, type[Event]]] = {
    event.kind: event
    for event in (
        KernelsCompiling,
        RunStarted,
        StateChanged,
        ControlChanged,
        Progress,
        BoardShown,
        TableShown,
        HumanGameShown,
        CheckpointSaved,
        AgentEvaluated,
        EvaluationProgress,
        EvaluationFinished,
        WarningGiven,
        RunEnded,
    )
}

_ENCODER: Final = json.JSONEncoder(allow_nan=False)  # json.dumps would make one for each event
_NAMES: Final = {kind: tuple(item.name for item in fields(kind)) for kind in EVENT_CLASSES.values()}


def publish_to(*receivers: Callable[[Event], None]) -> Callable[[Event], None]:
    """Returns a function that passes each event to all receivers, in order."""

    def publish(event: Event) -> None:
        for receive in receivers:
            receive(event)

    return publish


def event_to_json(event: Event) -> str:
    """Converts an event to one line of JSON.

    >>> event_to_json(KernelsCompiling())
    '{"kind": "kernels-compiling"}'
    """
    values = {name: getattr(event, name) for name in _NAMES[type(event)]}  # asdict would copy nested values
    return _ENCODER.encode({"kind": event.kind, **values})


def event_from_json(text: str) -> Event:
    """Parses the JSON of an event.

    Raises:
        ValueError: if it is not an event of this version.
    """
    values = json.loads(text)
    kind = values.pop("kind", None) if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in EVENT_CLASSES:
        raise ValueError(f"The kind of an event is one of {', '.join(EVENT_CLASSES)}; got {kind!r}.")
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return EVENT_CLASSES[kind](**known)
    except TypeError as error:
        raise ValueError(f"A {kind} event does not have the fields {sorted(values)}.") from error
