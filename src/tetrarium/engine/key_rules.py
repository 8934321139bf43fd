"""What distinguishes one game by keys from another: ``Rules``, and how pieces fall and come to rest by themselves.

Time is counted in key steps, of which ``key_rate`` make a second. Under ``gravity="level"`` a piece falls a row every
``(0.8 - 0.007 (level - 1)) ** (level - 1)`` seconds, levels beyond 20 as at 20; it locks once it has rested for half a
second without a move or a turn that succeeds, and at the latest when, after it first came to rest, 15 of these have
succeeded and it rests; a piece that gets lower than it was before has all of that anew ("extended placement"). Under
``gravity="none"`` pieces stay where they are, and a hard drop alone locks them.

Sources: https://tetris.wiki/Marathon (speeds), https://tetris.wiki/Lock_delay, https://tetris.wiki/Top_out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tetrarium.engine.rules import GAME_OVERS, Rules, require_whole
from tetrarium.errors import ConfigError, suggestion

__all__ = ["GRAVITIES", "GRAVITY", "N_LEVELS", "ROW", "ROW_BITS", "KeyParameters", "KeyRules"]

GRAVITIES: Final = ("level", "none")
N_LEVELS: Final = 20  # of which each is faster than the one before
ROW_BITS: Final = 16
ROW: Final = 1 << ROW_BITS  # how far a piece falls is counted in parts of a row
_LOCK_S: Final = 0.5
_LOCK_MOVES: Final = 15
_MAX_KEY_RATE: Final = 240


class KeyParameters(NamedTuple):
    """Rules as kernels read them, from the beginning of ``KeyRules.parameters``."""

    width: int
    height: int  # visible rows; pieces spawn with their lowest cells in this row
    n_rows: int  # visible and hidden rows
    randomizer: int
    preview: int
    hold: int  # 1 if a piece can be put aside
    guideline: int  # 1 for block out and lock out, 0 for the overflow rule
    falls: int  # 1 if pieces fall and lock by themselves
    lock_steps: int
    lock_moves: int
    first_level: int


GRAVITY: Final = len(KeyParameters._fields)  # where the twenty speeds begin in ``KeyRules.parameters``


@dataclass(frozen=True, kw_only=True)
class KeyRules(Rules):
    """The game by keys.

    Args:
        hold: Whether a piece can be put aside, once for each piece that comes.
        game_over: ``"guideline"``: a piece that finds a cell taken where it spawns ends the game (block out), and so
            does one that locks wholly above the visible rows (lock out), which clears nothing. No piece gets above the
            hidden rows, and nothing pushes the stack up, so that there is no other top out. ``"overflow"``: a piece
            that locks with any cell above the visible rows ends the game and clears nothing.
        gravity: ``"level"`` or ``"none"``.
        key_rate: How many key steps make a second, 1–240.
        first_level: The level at which a game begins, 1–20; it rises every ten rows.

    Raises:
        ConfigError: if a value breaks its rule.
    """

    places_pieces: ClassVar[bool] = False

    gravity: str = "level"
    key_rate: int = 10
    first_level: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("key_rate", self.key_rate, 1, _MAX_KEY_RATE)
        require_whole("first_level", self.first_level, 1, N_LEVELS)
        for name, choices in (("game_over", GAME_OVERS), ("gravity", GRAVITIES)):
            value = getattr(self, name)
            if value not in choices:
                shown = ", ".join(map(repr, choices))
                raise ConfigError(f"{name} is one of {shown}; got {value!r}.{suggestion(str(value), choices)}")

    @cached_property
    def parameters(self) -> npt.NDArray[np.int64]:
        """``(31,) int64``: the fields of ``KeyParameters``, then by level how far a piece falls in a step.

        An array, because a tuple of as many numbers takes two microseconds to hand to a kernel.
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
        """How fast pieces fall on a level.

        >>> [round(KeyRules.rows_per_second(level), 2) for level in (1, 2, 15, 20)]
        [1.0, 1.26, 141.67, 2195.88]
        """
        n = min(level, N_LEVELS) - 1
        return float((0.8 - 0.007 * n) ** -n)
