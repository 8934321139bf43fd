"""Boards taken out of their games: what a placement makes of them, and how they look.

Replay stores a board, the pieces in view and an action; these functions give back everything that followed from them.
Arrays are ``(n, …)``, one entry a transition: columns ``(n, width) int64``, queues ``(n, 1 + preview) int64``. Straight
drops without hold under the overflow rule need no more than these; ``game_transitions`` is for the others.
"""

import numpy as np
import numpy.typing as npt

from tetrarium.engine.afterstates import ILLEGAL, landing_row, make_scratch, remove_full_rows, write_row, write_rows
from tetrarium.engine.features import Layout, row_length
from tetrarium.engine.game_transitions import are_game_kernels_cached
from tetrarium.engine.jit import is_cached, kernel
from tetrarium.engine.pieces import (
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    MIRRORED_PIECES,
    MIRRORED_ROTATIONS,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
)
from tetrarium.engine.rules import CompiledRules, Rules

__all__ = ["are_kernels_cached", "chosen_rows", "describe_boards", "mirror_boards", "place_on_boards"]


@kernel
def _place_on_boards(columns, pieces, actions, rules, over):  # type: ignore[no-untyped-def]
    for index in range(columns.shape[0]):
        board = columns[index]
        piece = pieces[index]
        rotation = actions[index] & (MAX_ORIENTATIONS - 1)
        left = actions[index] // MAX_ORIENTATIONS
        bottom = landing_row(board, piece, rotation, left)
        for i in range(PIECE_WIDTHS[piece, rotation]):
            board[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom
        over[index] = bottom + PIECE_HEIGHTS[piece, rotation] > rules.height
        if not over[index]:
            remove_full_rows(board, rules.width)


@kernel
def _mirror_boards(columns, pieces, actions, mirrored):  # type: ignore[no-untyped-def]
    width = columns.shape[1]
    for index in range(columns.shape[0]):
        if mirrored[index]:
            piece = pieces[index, 0]
            rotation = actions[index] & (MAX_ORIENTATIONS - 1)
            left = width - PIECE_WIDTHS[piece, rotation] - actions[index] // MAX_ORIENTATIONS
            actions[index] = MAX_ORIENTATIONS * left + MIRRORED_ROTATIONS[piece, rotation]
            for k in range(pieces.shape[1]):
                pieces[index, k] = MIRRORED_PIECES[pieces[index, k]]
            for x in range(width // 2):
                columns[index, x], columns[index, width - 1 - x] = columns[index, width - 1 - x], columns[index, x]


@kernel
def _describe_boards(columns, queues, over, rules, layout, scratch, rows):  # type: ignore[no-untyped-def]
    for index in range(columns.shape[0]):
        if over[index]:
            rows[index] = ILLEGAL
        else:
            write_rows(columns[index], queues[index], rules, layout, scratch, rows[index])


@kernel
def _chosen_rows(columns, queues, actions, rules, layout, scratch, rows):  # type: ignore[no-untyped-def]
    for index in range(columns.shape[0]):
        write_row(columns[index], queues[index], actions[index], rules, layout, scratch, rows[index])


def are_kernels_cached(rules: Rules) -> bool:
    """Whether the kernels that learning from replay needs beyond those of playing lie ready on disk."""
    if type(rules.compiled) is CompiledRules:
        return all(map(is_cached, (_place_on_boards, _describe_boards, _chosen_rows)))
    return are_game_kernels_cached(rules)


def place_on_boards(
    columns: npt.NDArray[np.int64], pieces: npt.NDArray[np.int64], actions: npt.NDArray[np.int64], rules: Rules
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Places a piece on each board by a legal action; returns the boards after, and where that ended the game."""
    after = columns.copy()
    over = np.zeros(len(columns), dtype=np.bool_)
    _place_on_boards(after, pieces, actions, rules.compiled, over)
    return after, over


def mirror_boards(
    columns: npt.NDArray[np.int64],
    pieces: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    mirrored: npt.NDArray[np.bool_],
) -> None:
    """Swaps left and right, in place, where ``mirrored`` says so: the same game for whoever looks from behind.

    Args:
        columns: The boards.
        pieces: ``(n, any number) int64``: the piece to be placed, then the others in view.
        actions: ``(n,) int64`` legal actions.
        mirrored: ``(n,) bool``.
    """
    _mirror_boards(columns, pieces, actions, mirrored)


def describe_boards(
    columns: npt.NDArray[np.int64],
    queues: npt.NDArray[np.int64],
    over: npt.NDArray[np.bool_],
    rules: Rules,
    layout: Layout,
) -> npt.NDArray[np.float32]:
    """Returns the observation of each board, ``(n, 4 * width, row length)``; -1 throughout where the game is over."""
    rows = np.empty((len(columns), MAX_ORIENTATIONS * rules.width, row_length(layout)), dtype=np.float32)
    _describe_boards(columns, queues, over, rules.compiled, layout, make_scratch(rules.width), rows)
    return rows


def chosen_rows(
    columns: npt.NDArray[np.int64],
    queues: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    rules: Rules,
    layout: Layout,
) -> npt.NDArray[np.float32]:
    """Returns the row of one action of each board, ``(n, row length)``."""
    rows = np.empty((len(columns), row_length(layout)), dtype=np.float32)
    _chosen_rows(columns, queues, actions, rules.compiled, layout, make_scratch(rules.width), rows)
    return rows
