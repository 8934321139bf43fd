"""Layout of a game in its row of integers, the kernels that start a game, and the form in which files store games.

A batch of games is one ``(n, COLUMNS + width) int64`` array, one game per row; the columns of the board come last.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import kernel, popcount, small_kernel
from tetrarium.engine.pieces import N_PIECES
from tetrarium.engine.random_streams import N_STREAM_WORDS, draw_below
from tetrarium.engine.rules import SCRIPTED, SEVEN_BAG, UNIFORM_OF
from tetrarium.errors import GameError

MAX_PREVIEW: Final = 6

GameRows = npt.NDArray[np.int64]  # (n, COLUMNS + width)

# Index of each field in the row of a game.
STREAM: Final = 0  # four words of random state
BAG: Final = 4  # 7-bag: bit set of the pieces left in the bag; script: index of the next piece; otherwise 0
LINES: Final = 5  # lines cleared in this game
N_PLACED: Final = 6  # pieces placed in this game
TERMINATED: Final = 7  # 1 once the game has ended
QUEUE: Final = 8  # current piece, then the preview of up to six; unused entries are 0
HELD: Final = QUEUE + 1 + MAX_PREVIEW  # 0 where no piece is held, otherwise one more than its index
SCORE: Final = HELD + 1  # points; this and the next two are used under the guideline only
BACK_TO_BACK: Final = SCORE + 1  # 1 if the latest line clear was a Tetris or a T-spin
COMBO: Final = BACK_TO_BACK + 1  # number of consecutive placements that cleared lines, up to the latest one
COLUMNS: Final = COMBO + 1  # the board, one word per column

_FULL_BAG: Final = (1 << N_PIECES) - 1
# (128, 7) [bag, k] the k-th piece in the bag; a table, because a loop of random length takes longer
_BAG_PIECES: Final = np.array(
    [sorted(range(N_PIECES), key=lambda piece: (not bag >> piece & 1, piece)) for bag in range(_FULL_BAG + 1)]
)


@small_kernel
def draw_piece(games, index, script, rules):
    """Draws the next piece of a game."""
    if rules.randomizer == SCRIPTED:
        place = games[index, BAG]
        games[index, BAG] = (place + 1) % script.shape[0]
        return script[place]
    if rules.randomizer == SEVEN_BAG:
        bag = games[index, BAG]
        if bag == 0:
            bag = _FULL_BAG
        drawn = _BAG_PIECES[bag, draw_below(games, index, popcount(bag))]
        games[index, BAG] = bag & ~(1 << drawn)
        return drawn
    if rules.randomizer == UNIFORM_OF:
        return script[draw_below(games, index, script.shape[0])]
    return draw_below(games, index, N_PIECES)


@small_kernel
def advance_queue(games, index, script, rules):
    """Drops the current piece from the queue and draws one at its end."""
    for k in range(rules.preview):
        games[index, QUEUE + k] = games[index, QUEUE + k + 1]
    games[index, QUEUE + rules.preview] = draw_piece(games, index, script, rules)


@kernel
def start_game(games, index, script, rules):
    """Empties the board and draws a new queue; the stream continues."""
    games[index, BAG:] = 0
    for k in range(1 + rules.preview):
        games[index, QUEUE + k] = draw_piece(games, index, script, rules)


_SCALARS: Final = {"bag": BAG, "lines": LINES, "pieces": N_PLACED, "over": TERMINATED}
# Added to the format later: written only where not 0.
_OPTIONAL: Final = {"held": HELD, "score": SCORE, "back_to_back": BACK_TO_BACK, "combo": COMBO}
_VECTORS: Final = {"stream": (STREAM, N_STREAM_WORDS), "queue": (QUEUE, 1 + MAX_PREVIEW)}


def split_games(rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    """Returns copies of the fields of a batch's rows, by name: the form in which files store them.

    The layout of rows in memory may change; the names and shapes of these arrays may not.

    =========  ==========================================================================================
    stream     ``(n, 4) int64``, words of each game's random stream
    bag        ``(n,) int64``, bit set of the pieces left in the bag, or index into the script
    lines      ``(n,) int64``, lines cleared in each game
    pieces     ``(n,) int64``, pieces placed in each game
    over       ``(n,) int64``, 1 once a game has ended
    held       ``(n,) int64``, one more than the held piece; this and the next three are omitted where all are 0
    score      ``(n,) int64``, points under the guideline
    back_to_back  ``(n,) int64``, 1 if the latest line clear was a Tetris or a T-spin
    combo      ``(n,) int64``, number of consecutive placements that cleared lines
    queue      ``(n, 7) int64``, the current piece, then the preview; unused entries are 0
    columns    ``(n, width) int64``, bit r = row r
    =========  ==========================================================================================
    """
    vectors = {name: rows[:, start : start + length] for name, (start, length) in _VECTORS.items()}
    scalars = {name: rows[:, place] for name, place in _SCALARS.items()}
    scalars |= {name: rows[:, place] for name, place in _OPTIONAL.items() if rows[:, place].any()}
    return {name: value.copy() for name, value in {**vectors, **scalars, "columns": rows[:, COLUMNS:]}.items()}


def join_games(fields: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Returns the rows from which ``split_games`` made these fields.

    Raises:
        GameError: if a field is missing or has the wrong shape.
    """
    columns = np.asarray(fields.get("columns", np.empty(0)))
    n_games, width = columns.shape if columns.ndim == 2 else (0, 0)
    rows = np.zeros((n_games, COLUMNS + width), dtype=np.int64)
    shapes: dict[str, tuple[int, ...]] = {
        "columns": (n_games, width),
        **{name: (n_games, length) for name, (_, length) in _VECTORS.items()},
    }
    shapes |= dict.fromkeys([*_SCALARS, *(name for name in _OPTIONAL if name in fields)], (n_games,))
    for name, shape in shapes.items():
        if name not in fields or not n_games or fields[name].shape != shape:
            found = fields[name].shape if name in fields else "nothing"
            raise GameError(
                f"Saved games have {name!r} of shape {shape}; found {found}. Use the arrays that were saved together."
            )
    rows[:, COLUMNS:] = columns
    for name, (start, length) in _VECTORS.items():
        rows[:, start : start + length] = fields[name]
    for name, place in {**_SCALARS, **_OPTIONAL}.items():
        rows[:, place] = fields.get(name, 0)
    return rows
