"""What goes in and out of the API about games that people play."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from tetrarium.dashboard.schemas import WHAT_PATTERN, Answer, Order, RunState
from tetrarium.workers.hand_orders import MAX_PACE, MIN_PACE, Wishes
from tetrarium.workers.held_keys import MAX_SOFT_DROP

__all__ = ["BeginHand", "Game", "Hand", "HandCommand", "HandLimits", "KeyPress", "Press"]

_WISHES: Final = Wishes()
_MODE_HELP: Final = "`sprint`: 40 lines against the clock; `marathon`: 150 lines; `free`: no end."
_MAX_NUMBER: Final = 2**53

Mode = Literal["sprint", "marathon", "free"]
Press = Literal["left", "right", "clockwise", "counter-clockwise", "soft drop", "hard drop", "hold"]
Policy = Annotated[str, Field(pattern=WHAT_PATTERN)]


class KeyHandling(Order):
    """How keys that are held repeat."""

    das_ms: float = Field(
        default=_WISHES.handling.das_ms, ge=0, le=1_000, strict=False,
        description="Delayed auto shift: how long a direction is held before it repeats.",
    )  # fmt: skip
    arr_ms: float = Field(
        default=_WISHES.handling.arr_ms, ge=0, le=1_000, strict=False,
        description="Auto repeat rate: the time between repeats; 0 for to the wall at once.",
    )  # fmt: skip
    soft_drop: float = Field(
        default=_WISHES.handling.soft_drop, ge=1, le=MAX_SOFT_DROP, strict=False,
        description="How many times as fast a piece falls under a soft drop; 1,000 for at once.",
    )  # fmt: skip


class HandLimits(Order):
    """What can change in the middle of a game; what is left out stays."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"pace": 2, "advice": "dellacherie", "handling": {"das_ms": 120}}]},
    )
    pace: float | None = Field(
        default=None, ge=MIN_PACE, le=MAX_PACE, strict=False,
        description="Pieces a second of the opponent; null for a piece whenever the person places one.",
    )  # fmt: skip
    advice: Policy | None = Field(default=None, description="Whose placement is shown; null for nobody's.")
    handling: KeyHandling = Field(default=KeyHandling(), description="When held keys repeat.")


class BeginHand(HandLimits):
    """A game that a person wants to play."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"mode": "sprint", "seed": 7, "opponent": "dellacherie", "pace": 1.5}]},
    )
    mode: Mode = Field(default="marathon", description=_MODE_HELP)
    level: int = Field(default=_WISHES.level, ge=1, le=20, description="At which it begins.")
    seed: int | None = Field(default=None, ge=0, lt=2**32, description="Which pieces; null for any.")
    opponent: Policy | None = Field(
        default=None, description="Who plays the same pieces: a run, NAME@best, NAME@STEP, or a controller's name."
    )
    pace: float | None = Field(
        default=_WISHES.pace, ge=MIN_PACE, le=MAX_PACE, strict=False,
        description="Pieces a second of the opponent; null for a piece whenever the person places one.",
    )  # fmt: skip


class _NoValues(Order):
    """Nothing."""


class _Simple(Order):
    values: _NoValues = Field(default=_NoValues(), description="It takes none.")


class HandStatus(_Simple):
    """Says how it stands."""

    command: Literal["status"] = Field(description="Which one.")


class HandPause(_Simple):
    """Lets no time pass."""

    command: Literal["pause"] = Field(description="Which one.")


class HandResume(_Simple):
    """Goes on after a pause."""

    command: Literal["resume"] = Field(description="Which one.")


class HandBegin(Order):
    """Gives up the game under way for a new one."""

    command: Literal["begin"] = Field(description="Which one.")
    values: BeginHand = Field(default=BeginHand(), description="The new one; what is left out is as at a first start.")


class HandChange(Order):
    """Changes what can change in the middle of a game."""

    command: Literal["change"] = Field(description="Which one.")
    values: HandLimits = Field(description="What changes; what is left out stays.")


HandCommand = Annotated[HandStatus | HandPause | HandResume | HandBegin | HandChange, Field(discriminator="command")]


class Hand(Answer):
    """A game in somebody's hands, as it stands."""

    id: str = Field(description="Its folder's name in the home.", examples=["9f3a01c2"])
    started: str = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:40:00+00:00"])
    state: RunState = Field(description="Of its worker.", examples=["running"])
    message: str = Field(description="The latest word for people.", examples=["Ready."])
    error: str = Field(description="Why it failed, or empty.", examples=[""])
    is_alive: bool = Field(description="Whether its process lives.")


class Game(Answer):
    """A game that was played and is kept."""

    name: str = Field(description="Of its file.", examples=["20261122-174000-sprint-7.tetris-replay"])
    ended: str = Field(description="When, in ISO 8601.", examples=["2026-11-22T17:42:10+00:00"])
    mode: str = Field(description="What was played.", examples=["sprint"])
    seed: int = Field(description="Which pieces.", examples=[7])
    lines: int = Field(description="Rows that were cleared.", examples=[40])
    pieces: int = Field(description="Pieces that were placed.", examples=[103])
    score: int = Field(description="Points, by the guideline.", examples=[11_250])
    seconds: float = Field(description="Of playing, pauses left out.", examples=[71.304])
    over: bool = Field(description="Whether it was lost; otherwise it reached its goal, or was given up.")
    n_bytes: int = Field(description="Of its file.", examples=[2_310])


class KeyPress(Order):
    """A key that went down or up, as the socket takes it."""

    key: Press = Field(description="What it does.")
    down: bool = Field(description="Whether it went down; otherwise up.")
    at: float | None = Field(
        default=None, ge=0, le=1e15, strict=False, description="When, in seconds of the clock of whoever pressed it."
    )
    number: int | None = Field(
        default=None, ge=0, le=_MAX_NUMBER, description="By which `key_number` tells that it had its step."
    )
