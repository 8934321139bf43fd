"""Boards as pictures of cells, for convolutional networks, with the pieces in view beside them.

A plane is ``(n_rows, width) uint8``, 1 where a cell is filled; row 0 is the topmost hidden row, as a picture is read.
Straight drops give a piece no place before it is placed, so that pieces are one-hot vectors: seven numbers for the
current piece, then seven for each that is known to follow, in the order of ``PIECES``. All are 0 once a game has ended.
"""

import numpy as np
import numpy.typing as npt

from tetrarium.engine.afterstates import write_mask
from tetrarium.engine.borrowing import borrowed
from tetrarium.engine.games import COLUMNS, OVER, QUEUE, GameRows
from tetrarium.engine.jit import kernel
from tetrarium.engine.pieces import N_PIECES
from tetrarium.engine.rules import Rules

__all__ = ["observe_planes", "pieces_length"]


@kernel
def _write_planes(games, index, rules, plane, pieces):  # type: ignore[no-untyped-def]
    for x in range(rules.width):
        column = games[index, COLUMNS + x]
        for row in range(rules.n_rows):
            plane[rules.n_rows - 1 - row, x] = column >> row & 1
    for k in range(pieces.shape[0]):
        pieces[k] = 0
    if not games[index, OVER]:
        for k in range(1 + rules.preview):
            pieces[N_PIECES * k + games[index, QUEUE + k]] = 1


@kernel
def _observe_planes(games, rules, planes, pieces, masks):  # type: ignore[no-untyped-def]
    games, planes, pieces, masks = borrowed(games), borrowed(planes), borrowed(pieces), borrowed(masks)
    for index in range(games.shape[0]):
        _write_planes(games, index, rules, planes[index, 0], pieces[index])
        if games[index, OVER]:
            masks[index] = False
        else:
            write_mask(games[index, QUEUE], rules.width, masks[index])


def pieces_length(preview: int) -> int:
    """How many numbers say which pieces are in view."""
    return N_PIECES * (1 + preview)


def observe_planes(
    games: GameRows,
    rules: Rules,
    planes: npt.NDArray[np.uint8],
    pieces: npt.NDArray[np.uint8],
    masks: npt.NDArray[np.bool_],
) -> None:
    """Writes every game's board, pieces in view and legal actions.

    Args:
        games: ``(n, 15 + width)``, as ``Games.rows``.
        rules: What they are played by.
        planes: ``(n, 1, n_rows, width)``, written.
        pieces: ``(n, pieces_length)``, written.
        masks: ``(n, 4 * width)``, written: all false where a game has ended.
    """
    _observe_planes(games, rules.compiled, planes, pieces, masks)
