"""Rules of games in which an action is a placement.

Callers make and read ``Rules``; ``Rules.compiled`` is the same as a named tuple for kernels.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_CELLS, PIECES
from tetrarium.errors import ConfigError, suggestion

UNIFORM: Final = 0
SEVEN_BAG: Final = 1
SCRIPTED: Final = 2
UNIFORM_OF: Final = 3
RANDOMIZERS: Final = {"uniform": UNIFORM, "7-bag": SEVEN_BAG}
_UNIFORM_OF_PREFIX: Final = "uniform:"  # then the letters of the pieces
GAME_OVERS: Final = ("overflow", "guideline")
PLACEMENT_ACTIONS: Final = ("drop", "reachable")
N_PLACEMENT_ACTIONS: Final = 256  # actions per piece where they are lock positions
MAX_ROWS: Final = 60  # columns are int64 words, and a piece reaches at most four rows above the board

_LOW_WORD: Final = np.int32(0)
_HIGH_WORD: Final = np.int64(0)
_LOW_ROWS: Final = 31


class CompiledRules(NamedTuple):
    """Rules in the form that kernels take: integers only, which cost nothing to pass on.

    This type is that of straight drops without hold under the overflow rule. Other kinds of rules have types of their
    own, by which ``by_type`` selects kernels at compile time: what a game does not need is not compiled for it.
    """

    width: int
    height: int  # visible rows; pieces spawn on top of them under the guideline
    n_rows: int  # visible and hidden rows
    randomizer: int
    preview: int
    n_piece_actions: int  # actions per piece
    hold: int  # 1 where a piece can be held, which doubles the number of actions
    guideline: int  # 1 for block out and lock out; 0 for the overflow rule
    word: np.signedinteger[Any]  # 0 of the smallest integer type in which every column fits, with any piece on it


class HoldRules(CompiledRules):
    """Straight drops with hold under the overflow rule."""


class GuidelineRules(CompiledRules):
    """Straight drops of pieces that spawn, lost by block out or lock out; with or without hold."""


class ReachableRules(CompiledRules):
    """All lock positions that keys can reach, under either game over rule, with or without hold."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Rules of a game in which an action is a placement.

    Args:
        width: Columns, 4–16.
        height: Visible rows, 4–40.
        hidden_rows: Rows above the visible ones, at least 4, so that every resting piece fits.
        randomizer: ``"7-bag"``; ``"uniform"``, or ``"uniform:SZ"`` for independent pieces of these kinds alone; or a
            script of piece letters that repeats, such as ``"IOTLJSZ"``.
        preview: Number of visible pieces after the current one, 0–6.
        hold: Whether a piece can be held. An empty hold brings the next piece into play, so ``preview`` is then 1 or
            more.
        game_over: ``"overflow"``: a piece that locks with a cell above the visible rows ends the game.
            ``"guideline"``: block out and lock out end it.
        actions: ``"drop"`` for straight drops, ``"reachable"`` for all lock positions.

    Raises:
        ConfigError: if a value is out of range or unknown.
    """

    places_pieces: ClassVar[bool] = True  # an action is a placement

    width: int
    height: int
    hidden_rows: int
    randomizer: str
    preview: int
    hold: bool = False
    game_over: str = "overflow"
    actions: str = "drop"

    def __post_init__(self) -> None:
        require_integer("width", self.width, 4, 16)
        require_integer("height", self.height, 4, 40)
        require_integer("hidden_rows", self.hidden_rows, 4, MAX_ROWS - self.height)
        require_integer("preview", self.preview, 0, 6)
        _require_randomizer(self.randomizer)
        require_choice("game_over", self.game_over, GAME_OVERS)
        require_choice("actions", self.actions, PLACEMENT_ACTIONS)
        require_instance("hold", self.hold, bool)
        if self.hold and self.preview == 0 and self.places_pieces:
            raise ConfigError(
                "hold takes the next piece where none is held, so preview is 1 or more; got 0. Use 1.", field="preview"
            )

    @cached_property
    def n_piece_actions(self) -> int:
        """Number of actions per piece; with hold there are twice as many."""
        return N_PLACEMENT_ACTIONS if self.actions == "reachable" else MAX_ORIENTATIONS * self.width

    @cached_property
    def n_actions(self) -> int:
        """Number of actions."""
        return self.n_piece_actions << self.hold

    @cached_property
    def compiled(self) -> CompiledRules:
        """The rules in the form that kernels take."""
        guideline = self.game_over == "guideline"
        n_rows = self.height + self.hidden_rows
        kind = ReachableRules if self.actions == "reachable" else GuidelineRules if guideline else CompiledRules
        n_above = 0 if kind is CompiledRules else N_CELLS  # rows that a piece may take above the space, and lose
        return (HoldRules if kind is CompiledRules and self.hold else kind)(
            width=self.width,
            height=self.height,
            n_rows=n_rows,
            randomizer=_compile_randomizer(self.randomizer),
            preview=self.preview,
            n_piece_actions=self.n_piece_actions,
            hold=int(self.hold),
            guideline=int(guideline),
            word=_LOW_WORD if n_rows + n_above <= _LOW_ROWS else _HIGH_WORD,
        )

    @cached_property
    def script(self) -> npt.NDArray[np.int64]:
        """``(n,) int64``, the pieces that the randomizer repeats or draws from; one unused entry if it names none."""
        letters = "" if self.randomizer in RANDOMIZERS else self.randomizer.removeprefix(_UNIFORM_OF_PREFIX)
        return np.array([PIECES.index(letter) for letter in letters] or [0], dtype=np.int64)


def _require_randomizer(value: object) -> None:
    letters = value.removeprefix(_UNIFORM_OF_PREFIX) if isinstance(value, str) else ""
    names_pieces = bool(letters) and set(letters) <= set(PIECES)
    if not isinstance(value, str) or not (value in RANDOMIZERS or names_pieces):
        raise ConfigError(
            "randomizer is '7-bag', 'uniform', 'uniform:' and piece letters such as 'uniform:SZ', or piece letters "
            f"such as 'IOTLJSZ' that repeat; got {value!r}.{suggestion(str(value), RANDOMIZERS)}",
            field="randomizer",
        )
    if letters != value and len(set(letters)) < len(letters):
        raise ConfigError(
            f"'uniform:' is followed by different piece letters; got {value!r}. Name each once.", field="randomizer"
        )


def _compile_randomizer(randomizer: str) -> int:
    return RANDOMIZERS.get(randomizer, UNIFORM_OF if randomizer.startswith(_UNIFORM_OF_PREFIX) else SCRIPTED)


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Checks that a setting is one of its choices.

    Raises:
        ConfigError: if not.
    """
    if not isinstance(value, str) or value not in choices:
        shown = ", ".join(map(repr, choices))
        raise ConfigError(f"{name} is one of {shown}; got {value!r}.{suggestion(str(value), choices)}", field=name)


def is_integer(value: object) -> TypeGuard[int | np.integer[Any]]:
    """Returns whether a value is an integer of Python or NumPy; ``bool`` is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def require_instance(name: str, value: object, kind: type) -> None:
    """Checks that an argument is of a class.

    Raises:
        ConfigError: if not.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{name} is of the type {kind.__name__}; got {value!r:.80}. Pass one.", field=name)


def require_integer(name: str, value: object, low: int, high: int) -> None:
    """Checks that a setting is an integer in a range, both ends included.

    Raises:
        ConfigError: if not.
    """
    if not is_integer(value) or not low <= value <= high:
        raise ConfigError(
            f"{name} is a whole number from {low} to {high}; got {value!r}. Choose one in that range.", field=name
        )
