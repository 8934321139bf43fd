"""A batch of games as named arrays, in which files keep it: how a row is laid out in memory may change, the names not.

=========  ==========================================================================================
stream     ``(n, 4) int64``, the words of each game's random state
bag        ``(n,) int64``, pieces still in the bag as a set, or the place in a script
lines      ``(n,) int64``, rows cleared in each game
pieces     ``(n,) int64``, pieces placed in each game
over       ``(n,) int64``, 1 once a game has ended
held       ``(n,) int64``, one more than the held piece; this and the next three are left out where all are 0
score      ``(n,) int64``, points under the guideline
back_to_back  ``(n,) int64``, 1 if the last placement that cleared was a Tetris or a T-spin
combo      ``(n,) int64``, placements that cleared one after the other, up to the last one
queue      ``(n, 7) int64``, the current piece, then those that are known to follow; unused places hold 0
columns    ``(n, width) int64``, bit r = row r
=========  ==========================================================================================
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.game_rows import (
    BACK_TO_BACK,
    BAG,
    COLUMNS,
    COMBO,
    HELD,
    LINES,
    MAX_PREVIEW,
    N_PLACED,
    OVER,
    QUEUE,
    SCORE,
    STREAM,
)
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.errors import GameError

__all__ = ["join_games", "split_games"]

_ONE: Final = {"bag": BAG, "lines": LINES, "pieces": N_PLACED, "over": OVER}
_LATER: Final = {
    "held": HELD,
    "score": SCORE,
    "back_to_back": BACK_TO_BACK,
    "combo": COMBO,
}  # younger than the format: written only where they are not 0
_SEVERAL: Final = {"stream": (STREAM, N_STREAM_WORDS), "queue": (QUEUE, 1 + MAX_PREVIEW)}


def split_games(rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    """Returns copies of what lies in a batch's rows, by name."""
    several = {name: rows[:, start : start + length] for name, (start, length) in _SEVERAL.items()}
    one = {name: rows[:, place] for name, place in _ONE.items()}
    one |= {name: rows[:, place] for name, place in _LATER.items() if rows[:, place].any()}
    return {name: value.copy() for name, value in {**several, **one, "columns": rows[:, COLUMNS:]}.items()}


def join_games(fields: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Returns the rows that ``split_games`` was given.

    Raises:
        GameError: if a name is missing, or an array is of another shape than its name says.
    """
    columns = np.asarray(fields.get("columns", np.empty(0)))
    n_games, width = columns.shape if columns.ndim == 2 else (0, 0)
    rows = np.zeros((n_games, COLUMNS + width), dtype=np.int64)
    shapes: dict[str, tuple[int, ...]] = {
        "columns": (n_games, width),
        **{name: (n_games, length) for name, (_, length) in _SEVERAL.items()},
    }
    shapes |= dict.fromkeys([*_ONE, *(name for name in _LATER if name in fields)], (n_games,))
    for name, shape in shapes.items():
        if name not in fields or not n_games or fields[name].shape != shape:
            found = fields[name].shape if name in fields else "nothing"
            raise GameError(f"Saved games have {name!r} of shape {shape}; found {found}. Use what was saved with them.")
    rows[:, COLUMNS:] = columns
    for name, (start, length) in _SEVERAL.items():
        rows[:, start : start + length] = fields[name]
    for name, place in {**_ONE, **_LATER}.items():
        rows[:, place] = fields.get(name, 0)
    return rows
