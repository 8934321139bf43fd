"""Boards as pictures of cells, for convolutional networks, with the pieces in view beside them.

A plane is ``(n_rows, width) uint8``, 1 where a cell is filled; row 0 is the topmost hidden row, as a picture is read.
Straight drops give a piece no place before it is placed, so that pieces are one-hot vectors: seven numbers for the
current piece, then seven for each that is known to follow, in the order of ``PIECES``; with hold, then eight for the
held piece, the first of which says that there is none. All are 0 once a game has ended.
"""

import numpy as np
import numpy.typing as npt

from tetrarium.engine.choices import make_memory
from tetrarium.engine.game_rows import COLUMNS, HELD, OVER, QUEUE, GameRows
from tetrarium.engine.jit import kernel
from tetrarium.engine.modes import write_legal
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
        if rules.hold:
            pieces[N_PIECES * (1 + rules.preview) + games[index, HELD]] = 1


@kernel
def _observe_planes(games, rules, scratch, planes, pieces, masks):  # type: ignore[no-untyped-def]
    for index in range(games.shape[0]):
        _write_planes(games, index, rules, planes[index, 0], pieces[index])
        write_legal(games, index, rules, scratch, masks[index])


def pieces_length(preview: int, hold: bool) -> int:
    """How many numbers say which pieces are in view."""
    return N_PIECES * (1 + preview + hold) + hold


def observe_planes(
    games: GameRows,
    rules: Rules,
    planes: npt.NDArray[np.uint8],
    pieces: npt.NDArray[np.uint8],
    masks: npt.NDArray[np.bool_],
) -> None:
    """Writes every game's board, pieces in view and legal actions.

    Args:
        games: ``(n, COLUMNS + width)``, as ``Games.rows``.
        rules: What they are played by.
        planes: ``(n, 1, n_rows, width)``, written.
        pieces: ``(n, pieces_length)``, written.
        masks: ``(n, n_actions)``, written: all false where a game has ended.
    """
    _observe_planes(games, rules.compiled, make_memory(rules), planes, pieces, masks)
