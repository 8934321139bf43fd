"""Rules of games by keys: those of ``Rules``, gravity and lock delay.

Time is counted in key steps, ``key_rate`` of which make a second. Under ``gravity="level"`` a piece falls one row every
``(0.8 - 0.007 (level - 1)) ** (level - 1)`` seconds; levels above 20 are as fast as 20. It locks once it has rested for
half a second without a successful move or rotation, and at the latest after 15 of these since it first came to rest.
A piece that reaches a new lowest row gets both allowances anew ("extended placement"). Under ``gravity="none"`` pieces
do not fall, and only a hard drop locks them.

Sources: https://tetris.wiki/Marathon (speeds), https://tetris.wiki/Lock_delay, https://tetris.wiki/Top_out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine.rules import Rules, require_choice, require_integer

GRAVITIES: Final = ("level", "none")
N_LEVELS: Final = 20  # each faster than the one before
ROW_BITS: Final = 16
ROW: Final = 1 << ROW_BITS  # falls are counted in this fraction of a row
_LOCK_S: Final = 0.5
_LOCK_MOVES: Final = 15
_MAX_KEY_RATE: Final = 240


class KeyParameters(NamedTuple):
    """Rules in the form that kernels take: the first entries of ``KeyRules.parameters``."""

    width: int
    height: int  # visible rows; pieces spawn with their lowest cells in this row
    n_rows: int  # visible and hidden rows
    randomizer: int
    preview: int
    hold: int  # 1 if a piece can be held
    guideline: int  # 1 for block out and lock out, 0 for the overflow rule
    falls: int  # 1 if pieces fall and lock by themselves
    lock_steps: int
    lock_moves: int
    first_level: int


GRAVITY: Final = len(KeyParameters._fields)  # index of the first of the twenty speeds in ``KeyRules.parameters``


@dataclass(frozen=True, kw_only=True)
class KeyRules(Rules):
    """Rules of a game by keys.

    Args:
        hold: Whether a piece can be held, once per piece.
        game_over: ``"guideline"``: a piece whose spawn cells are occupied ends the game (block out), and so does one
            that locks entirely above the visible rows (lock out), which clears nothing. No piece gets above the hidden
            rows and there is no garbage, so that there is no other top out. ``"overflow"``: a piece that locks with any
            cell above the visible rows ends the game and clears nothing.
        gravity: ``"level"`` or ``"none"``.
        key_rate: Number of key steps per second, 1–240.
        first_level: Level at which a game begins, 1–20; it rises every ten lines.

    Raises:
        ConfigError: if a value is out of range or unknown.
    """

    places_pieces: ClassVar[bool] = False

    gravity: str = "level"
    key_rate: int = 10
    first_level: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer("key_rate", self.key_rate, 1, _MAX_KEY_RATE)
        require_integer("first_level", self.first_level, 1, N_LEVELS)
        require_choice("gravity", self.gravity, GRAVITIES)

    @cached_property
    def parameters(self) -> npt.NDArray[np.int64]:
        """``(31,) int64``: the fields of ``KeyParameters``, then for each level the fall per step, in parts of a row.

        An array, because passing a tuple of as many numbers to a kernel takes two microseconds.
        """
        falls = self.gravity == "level"
        compiled = self.compiled
        parameters = KeyParameters(
            width=self.width,
            height=self.height,
            n_rows=compiled.n_rows,
            randomizer=compiled.randomizer,
            preview=self.preview,
            hold=int(self.hold),
            guideline=int(self.game_over == "guideline"),
            falls=int(falls),
            lock_steps=max(1, round(_LOCK_S * self.key_rate)),
            lock_moves=_LOCK_MOVES,
            first_level=self.first_level,
        )
        speeds = [self.rows_per_second(level) if falls else 0.0 for level in range(1, N_LEVELS + 1)]
        return np.array([*parameters, *np.ceil(ROW / self.key_rate * np.array(speeds)).astype(np.int64)])

    @staticmethod
    def rows_per_second(level: int) -> float:
        """Returns the speed of falling pieces on a level.

        >>> [round(KeyRules.rows_per_second(level), 2) for level in (1, 2, 15, 20)]
        [1.0, 1.26, 141.67, 2195.88]
        """
        n = min(level, N_LEVELS) - 1
        return float((0.8 - 0.007 * n) ** -n)
