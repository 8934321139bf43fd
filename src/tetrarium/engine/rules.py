"""What distinguishes one game of Tetris from another, as data.

``Rules`` is what callers make and read; ``Rules.compiled`` is the same as a named tuple that kernels take.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import MAX_ORIENTATIONS, PIECES
from tetrarium.errors import ConfigError, suggestion

__all__ = [
    "GAME_OVERS",
    "MAX_ROWS",
    "N_SLOTS",
    "RANDOMIZERS",
    "SCRIPTED",
    "SEVEN_BAG",
    "UNIFORM",
    "CompiledRules",
    "GuidelineRules",
    "HoldRules",
    "ReachableRules",
    "Rules",
    "require_whole",
]

UNIFORM: Final = 0
SEVEN_BAG: Final = 1
SCRIPTED: Final = 2
RANDOMIZERS: Final = {"uniform": UNIFORM, "7-bag": SEVEN_BAG}
GAME_OVERS: Final = ("overflow", "guideline")
PLACEMENT_ACTIONS: Final = ("drop", "reachable")
N_SLOTS: Final = 256  # actions of one piece where they are lock positions
MAX_ROWS: Final = 60  # columns are int64 words; a piece is shifted at most four rows above the space

_LOW_WORD: Final = np.int32(0)
_HIGH_WORD: Final = np.int64(0)
_LOW_ROWS: Final = 31


class CompiledRules(NamedTuple):
    """Rules as kernels read them: integers alone, so that passing them on costs nothing.

    This type is that of straight drops without hold under the overflow rule. Other games have types of their own, by
    which kernels choose when they are compiled: what a game does not need is not compiled for it.
    """

    width: int
    height: int  # visible rows; pieces spawn on top of them, where they spawn
    n_rows: int  # visible and hidden rows: the space that a board can fill
    randomizer: int
    preview: int
    n_choices: int  # actions of one piece
    hold: int  # 1 where a piece can be held: there are as many actions again then
    guideline: int  # 1 for block out and lock out; 0: a piece that rests with a cell above the visible rows loses
    word: np.signedinteger[Any]  # a 0 of the smaller type that columns with any piece on them are sure to fit in


class HoldRules(CompiledRules):
    """Straight drops with hold under the overflow rule."""


class GuidelineRules(CompiledRules):
    """Straight drops of pieces that spawn, and lose by block out or lock out; with or without hold."""


class ReachableRules(CompiledRules):
    """Every lock position that keys can reach, under either rule, with or without hold."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A game on a board of columns in which an action is a placement.

    Args:
        width: Columns, 4–16.
        height: Visible rows, 4–40.
        hidden_rows: Rows above the visible ones, at least 4, so that every resting piece fits.
        randomizer: ``"7-bag"``, ``"uniform"``, or a script of piece letters that repeats, such as ``"IOTLJSZ"``.
        preview: How many pieces after the current one are known, 0–6.
        hold: Whether a piece can be held; an empty hold takes the next piece, so that one is known.
        game_over: ``"overflow"`` or ``"guideline"``.
        actions: ``"drop"`` for straight drops, ``"reachable"`` for every lock position.

    Raises:
        ConfigError: if a value breaks its rule.
    """

    places_pieces: ClassVar[bool] = True  # an action is a placement, whose board is known beforehand

    width: int
    height: int
    hidden_rows: int
    randomizer: str
    preview: int
    hold: bool = False
    game_over: str = "overflow"
    actions: str = "drop"

    def __post_init__(self) -> None:
        require_whole("width", self.width, 4, 16)
        require_whole("height", self.height, 4, 40)
        require_whole("hidden_rows", self.hidden_rows, 4, MAX_ROWS - self.height)
        require_whole("preview", self.preview, 0, 6)
        is_text = isinstance(self.randomizer, str)
        if not is_text or (
            self.randomizer not in RANDOMIZERS and not (self.randomizer and set(self.randomizer) <= set(PIECES))
        ):
            raise ConfigError(
                f"randomizer is '7-bag', 'uniform', or piece letters such as 'IOTLJSZ' that repeat; "
                f"got {self.randomizer!r}.{suggestion(str(self.randomizer), RANDOMIZERS)}"
            )
        for name, choices in (("game_over", GAME_OVERS), ("actions", PLACEMENT_ACTIONS)):
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                shown = ", ".join(map(repr, choices))
                raise ConfigError(f"{name} is one of {shown}; got {value!r}.{suggestion(str(value), choices)}")
        if self.hold and self.preview == 0 and self.places_pieces:
            raise ConfigError("hold takes the next piece where none is held, so preview is 1 or more; got 0. Use 1.")

    @cached_property
    def n_choices(self) -> int:
        """How many actions there are for one piece; with hold there are as many again."""
        return N_SLOTS if self.actions == "reachable" else MAX_ORIENTATIONS * self.width

    @cached_property
    def n_actions(self) -> int:
        """How many actions there are."""
        return self.n_choices << self.hold

    @cached_property
    def compiled(self) -> CompiledRules:
        """The same rules as kernels read them."""
        guideline = self.game_over == "guideline"
        n_rows = self.height + self.hidden_rows
        kind = ReachableRules if self.actions == "reachable" else GuidelineRules if guideline else CompiledRules
        return (HoldRules if kind is CompiledRules and self.hold else kind)(
            width=self.width,
            height=self.height,
            n_rows=n_rows,
            randomizer=RANDOMIZERS.get(self.randomizer, SCRIPTED),
            preview=self.preview,
            n_choices=self.n_choices,
            hold=int(self.hold),
            guideline=int(guideline),
            word=_LOW_WORD if kind is CompiledRules and n_rows <= _LOW_ROWS else _HIGH_WORD,
        )

    @cached_property
    def script(self) -> npt.NDArray[np.int64]:
        """``(n,) int64`` pieces that a scripted randomizer repeats; one unused entry for the others."""
        scripted = self.randomizer not in RANDOMIZERS
        return np.array([PIECES.index(letter) for letter in self.randomizer] if scripted else [0], dtype=np.int64)


def require_whole(name: str, value: int, low: int, high: int) -> None:
    """Checks that a setting is a whole number in a range, both ends included.

    Raises:
        ConfigError: if not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is a whole number from {low} to {high}; got {value!r}. Choose one in that range.")
