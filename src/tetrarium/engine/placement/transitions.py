"""Transitions of stored placements: the state that follows from each, and the observations before and after it.

Replay stores a board, the pieces in view and an action; these functions compute everything that followed from them. All
arrays have one entry per transition. *Games* are rows as in ``state_layout``, of which replay fills the board, the
queue and the held piece. The pieces that came into view are given too, so that nothing is drawn at random.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.compiling import is_cached, kernel, link, small_kernel
from tetrarium.engine.features import Layout, row_length
from tetrarium.engine.pieces import MAX_ORIENTATIONS, MIRRORED_PIECES, MIRRORED_ROTATIONS, PIECE_WIDTHS
from tetrarium.engine.placement.game_kernels import observe_game, play_action, write_action_row
from tetrarium.engine.placement.hold_and_spawn import make_game_scratch
from tetrarium.engine.rules import SCRIPTED, Rules
from tetrarium.engine.state_layout import BAG, COLUMNS, HELD, QUEUE, GameRows

N_REVEALED: Final = 2  # most pieces that one action brings into view: two where an empty hold takes the next one


@kernel
def _place_in_games(games, actions, script, rules, words):
    for index in range(games.shape[0]):
        play_action(games, index, actions[index], script, rules, words)


@kernel
def _observe_games(games, rules, layout, words, rows, mask):
    for index in range(games.shape[0]):
        observe_game(games, index, rules, layout, words, rows[index], mask)


@kernel
def _write_game_rows(games, actions, rules, layout, words, rows):
    for index in range(games.shape[0]):
        write_action_row(games, index, actions[index], rules, layout, words, rows[index])


@small_kernel
def _mirror_drop(action, piece, width):
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = width - PIECE_WIDTHS[piece, rotation] - action // MAX_ORIENTATIONS
    return MAX_ORIENTATIONS * left + MIRRORED_ROTATIONS[piece, rotation]


@small_kernel
def _mirror_pieces(pieces):
    for k in range(pieces.shape[0]):
        pieces[k] = MIRRORED_PIECES[pieces[k]]


@small_kernel
def _mirror_columns(columns):
    width = columns.shape[0]
    for x in range(width // 2):
        columns[x], columns[width - 1 - x] = columns[width - 1 - x], columns[x]


@kernel
def _mirror_games(games, revealed, actions, mirrored, rules):
    for index in range(games.shape[0]):
        if mirrored[index]:
            held = games[index, HELD]
            hold, choice = actions[index] // rules.n_piece_actions, actions[index] % rules.n_piece_actions
            piece = games[index, QUEUE + (1 if hold and held == 0 else 0)]
            if hold and held:
                piece = held - 1
            actions[index] = hold * rules.n_piece_actions + _mirror_drop(choice, piece, rules.width)
            if held:
                games[index, HELD] = MIRRORED_PIECES[held - 1] + 1
            _mirror_pieces(games[index, QUEUE : QUEUE + 1 + rules.preview])
            _mirror_pieces(revealed[index])
            _mirror_columns(games[index, COLUMNS:])


def are_kernels_cached(rules: Rules) -> bool:
    """Returns whether the kernels that replay needs, beyond those of playing, are in the compilation cache."""
    return all(is_cached(one, rules.compiled) for one in (_place_in_games, _observe_games, _write_game_rows))


def compile_kernels(rules: Rules, layout: Layout) -> None:
    """Compiles the kernels that replay needs."""
    games = np.zeros((0, COLUMNS + rules.width), dtype=np.int64)
    actions = np.zeros(0, dtype=np.int64)
    place_in_games(games, np.zeros((0, N_REVEALED), dtype=np.int64), actions, rules)
    observe_games(games, rules, layout)
    game_action_rows(games, actions, rules, layout)


def link_kernels(rules: Rules, layout: Layout) -> None:
    """Does the largest part of compiling, which all kernels share that observe games."""
    games = np.zeros((0, COLUMNS + rules.width), dtype=np.int64)
    rows = np.empty((0, rules.n_actions, row_length(layout)), dtype=np.float32)
    mask = np.empty(rules.n_actions, dtype=np.bool_)
    link(_observe_games, games, rules.compiled, layout, make_game_scratch(rules), rows, mask)


def make_games(columns: npt.NDArray[np.int64], queues: npt.NDArray[np.int64], held: npt.NDArray[np.int64]) -> GameRows:
    """Returns games with these boards, queues and held pieces.

    Args:
        columns: ``(n, width) int64`` boards.
        queues: ``(n, 1 + preview) int64`` indices into ``PIECES``.
        held: ``(n,) int64``, one more than the index of the held piece, 0 where none is held.
    """
    rows = np.zeros((len(columns), COLUMNS + columns.shape[1]), dtype=np.int64)
    rows[:, COLUMNS:] = columns
    rows[:, QUEUE : QUEUE + queues.shape[1]] = queues
    rows[:, HELD] = held
    return rows


def place_in_games(
    games: GameRows, revealed: npt.NDArray[np.int64], actions: npt.NDArray[np.int64], rules: Rules
) -> GameRows:
    """Returns the games after one legal action in each.

    Args:
        games: The games before the actions, left unchanged.
        revealed: ``(n, N_REVEALED) int64`` last pieces of the queue after the actions.
        actions: ``(n,) int64``.
        rules: The rules of the games.
    """
    after = games.copy()
    draws_two = (actions >= rules.n_piece_actions) & (games[:, HELD] == 0)
    after[:, BAG] = N_REVEALED * np.arange(len(games)) + ~draws_two
    compiled = rules.compiled._replace(randomizer=SCRIPTED)
    _place_in_games(after, actions, np.append(revealed, 0), compiled, make_game_scratch(rules))
    return after


def observe_games(games: GameRows, rules: Rules, layout: Layout) -> npt.NDArray[np.float32]:
    """Returns the observation of each game, ``(n, n_actions, row length) float32``; -1 where it has ended."""
    rows = np.empty((len(games), rules.n_actions, row_length(layout)), dtype=np.float32)
    mask = np.empty(rules.n_actions, dtype=np.bool_)
    _observe_games(games, rules.compiled, layout, make_game_scratch(rules), rows, mask)
    return rows


def game_action_rows(
    games: GameRows, actions: npt.NDArray[np.int64], rules: Rules, layout: Layout
) -> npt.NDArray[np.float32]:
    """Returns the feature row of one legal action of each game, ``(n, row length) float32``."""
    rows = np.empty((len(games), row_length(layout)), dtype=np.float32)
    _write_game_rows(games, actions, rules.compiled, layout, make_game_scratch(rules), rows)
    return rows


def mirror_games(
    games: GameRows,
    revealed: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    mirrored: npt.NDArray[np.bool_],
    rules: Rules,
) -> None:
    """Swaps left and right, in place, where ``mirrored`` is true; only for straight drops under the overflow rule.

    Args:
        games: The games before the actions.
        revealed: ``(n, N_REVEALED) int64`` last pieces of the queue after the actions.
        actions: ``(n,) int64`` legal actions.
        mirrored: ``(n,) bool``.
        rules: The rules of the games.
    """
    _mirror_games(games, revealed, actions, mirrored, rules.compiled)
