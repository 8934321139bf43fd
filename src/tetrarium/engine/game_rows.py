"""Where each part of a game lies in its row of integers, and how a row begins.

A batch of games is one ``(n, COLUMNS + width) int64`` array, a game a row; the columns of the board close it. Each game
draws from its own stream and never looks at a neighbour, so that it is the same in a batch of any size.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.bits import popcount
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.pieces import N_PIECES
from tetrarium.engine.rules import SCRIPTED, SEVEN_BAG
from tetrarium.engine.streams import draw_below

__all__ = [
    "BACK_TO_BACK",
    "BAG",
    "COLUMNS",
    "COMBO",
    "HELD",
    "LINES",
    "MAX_PREVIEW",
    "N_PLACED",
    "OVER",
    "QUEUE",
    "SCORE",
    "STREAM",
    "GameRows",
    "draw_piece",
    "start_game",
]

MAX_PREVIEW: Final = 6

GameRows = npt.NDArray[np.int64]  # (n, COLUMNS + width)

# Where each field of a game starts in its row.
STREAM: Final = 0  # four words of random state
BAG: Final = 4  # 7-bag: set of the pieces still in the bag; script: place of the next piece; otherwise 0
LINES: Final = 5  # rows cleared in this game
N_PLACED: Final = 6  # pieces placed in this game
OVER: Final = 7  # 1 once the game has ended
QUEUE: Final = 8  # current piece, then up to six that are known to follow; unused places hold 0
HELD: Final = QUEUE + 1 + MAX_PREVIEW  # 0 where no piece is held, otherwise one more than its index
SCORE: Final = HELD + 1  # points, under the guideline; so are the next two
BACK_TO_BACK: Final = SCORE + 1  # 1 if the last placement that cleared was a Tetris or a T-spin
COMBO: Final = BACK_TO_BACK + 1  # placements that cleared one after the other, up to the last one
COLUMNS: Final = COMBO + 1  # the board, one word a column

_FULL_BAG: Final = (1 << N_PIECES) - 1
# (128, 7) [bag, k] the k-th piece in the bag: looked up, because a loop of a random length costs more
_BAG_PIECES: Final = np.array(
    [sorted(range(N_PIECES), key=lambda piece: (not bag >> piece & 1, piece)) for bag in range(_FULL_BAG + 1)]
)


@small_kernel
def draw_piece(games, index, script, rules):  # type: ignore[no-untyped-def]
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
    return draw_below(games, index, N_PIECES)


@kernel
def start_game(games, index, script, rules):  # type: ignore[no-untyped-def]
    """Empties the board and draws a new queue; the stream goes on where it is."""
    games[index, BAG:] = 0
    for k in range(1 + rules.preview):
        games[index, QUEUE + k] = draw_piece(games, index, script, rules)
