"""What distinguishes one game of Tetris from another, as data.

``Rules`` is what callers make and read; ``Rules.compiled`` is the same as a named tuple that kernels take.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine.pieces import PIECES
from tetrarium.errors import ConfigError, suggestion

__all__ = ["MAX_ROWS", "RANDOMIZERS", "SCRIPTED", "SEVEN_BAG", "UNIFORM", "CompiledRules", "Rules", "require_whole"]

UNIFORM: Final = 0
SEVEN_BAG: Final = 1
SCRIPTED: Final = 2
RANDOMIZERS: Final = {"uniform": UNIFORM, "7-bag": SEVEN_BAG}
MAX_ROWS: Final = 60  # columns are int64 words; a piece is shifted at most four rows above the space


class CompiledRules(NamedTuple):
    """Rules as kernels read them: integers alone, so that passing them on costs nothing."""

    width: int
    height: int  # visible rows; a piece that rests with a cell at or above this row ends the game
    n_rows: int  # visible and hidden rows: the space that a board can fill
    randomizer: int
    preview: int


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The straight-drop game on a board of columns, under the overflow rule.

    Args:
        width: Columns, 4–16.
        height: Visible rows, 4–40.
        hidden_rows: Rows above the visible ones, at least 4, so that every resting piece fits.
        randomizer: ``"7-bag"``, ``"uniform"``, or a script of piece letters that repeats, such as ``"IOTLJSZ"``.
        preview: How many pieces after the current one are known, 0–6.
        hold: Whether a piece can be held.
        game_over: ``"overflow"`` or ``"guideline"``.

    Raises:
        ConfigError: if a value breaks its rule.
    """

    width: int
    height: int
    hidden_rows: int
    randomizer: str
    preview: int
    hold: bool = False
    game_over: str = "overflow"

    def __post_init__(self) -> None:
        require_whole("width", self.width, 4, 16)
        require_whole("height", self.height, 4, 40)
        require_whole("hidden_rows", self.hidden_rows, 4, MAX_ROWS - self.height)
        require_whole("preview", self.preview, 0, 6)
        if self.randomizer not in RANDOMIZERS and not (self.randomizer and set(self.randomizer) <= set(PIECES)):
            raise ConfigError(
                f"randomizer is '7-bag', 'uniform', or piece letters such as 'IOTLJSZ' that repeat; "
                f"got {self.randomizer!r}.{suggestion(str(self.randomizer), RANDOMIZERS)}"
            )

    @cached_property
    def compiled(self) -> CompiledRules:
        """The same rules as kernels read them."""
        return CompiledRules(
            width=self.width,
            height=self.height,
            n_rows=self.height + self.hidden_rows,
            randomizer=RANDOMIZERS.get(self.randomizer, SCRIPTED),
            preview=self.preview,
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
