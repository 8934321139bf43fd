"""What followed from an action in games with hold, with pieces that spawn, or with more than straight drops.

As ``transitions``, for every kind of rules: games are rows as in ``game_rows``, of which replay fills the board, the
queue and the held piece. The pieces that came into view then are given too, so that nothing is drawn at random.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.choices import make_memory, write_choice
from tetrarium.engine.features import Layout, row_length
from tetrarium.engine.game_rows import BAG, COLUMNS, HELD, QUEUE, GameRows
from tetrarium.engine.jit import is_cached, kernel
from tetrarium.engine.modes import observe_game, place_piece
from tetrarium.engine.pieces import MAX_ORIENTATIONS, MIRRORED_PIECES, MIRRORED_ROTATIONS, PIECE_WIDTHS
from tetrarium.engine.rules import SCRIPTED, Rules

__all__ = [
    "N_REVEALED",
    "are_game_kernels_cached",
    "chosen_of_games",
    "describe_games",
    "make_games",
    "mirror_games",
    "play_on",
]

N_REVEALED: Final = 2  # pieces that come into view at most: two where an empty hold takes the next one


@kernel
def _describe(games, rules, layout, words, rows, mask):  # type: ignore[no-untyped-def]
    for index in range(games.shape[0]):
        observe_game(games, index, rules, layout, words, rows[index], mask)


@kernel
def _chosen(games, actions, rules, layout, words, rows):  # type: ignore[no-untyped-def]
    for index in range(games.shape[0]):
        write_choice(games, index, actions[index], rules, layout, words, rows[index])


@kernel
def _play(games, actions, script, rules, words):  # type: ignore[no-untyped-def]
    for index in range(games.shape[0]):
        place_piece(games, index, actions[index], script, rules, words)


@kernel
def _mirror(games, revealed, actions, mirrored, rules):  # type: ignore[no-untyped-def]
    width = rules.width
    for index in range(games.shape[0]):
        if mirrored[index]:
            held = games[index, HELD]
            hold = actions[index] // rules.n_choices
            choice = actions[index] % rules.n_choices
            piece = games[index, QUEUE + (1 if hold and held == 0 else 0)]
            if hold and held:
                piece = held - 1
            rotation = choice & (MAX_ORIENTATIONS - 1)
            left = width - PIECE_WIDTHS[piece, rotation] - choice // MAX_ORIENTATIONS
            choice = MAX_ORIENTATIONS * left + MIRRORED_ROTATIONS[piece, rotation]
            actions[index] = hold * rules.n_choices + choice
            if held:
                games[index, HELD] = MIRRORED_PIECES[held - 1] + 1
            for k in range(1 + rules.preview):
                games[index, QUEUE + k] = MIRRORED_PIECES[games[index, QUEUE + k]]
            for k in range(revealed.shape[1]):
                revealed[index, k] = MIRRORED_PIECES[revealed[index, k]]
            for x in range(width // 2):
                opposite = COLUMNS + width - 1 - x
                other = games[index, opposite]
                games[index, opposite] = games[index, COLUMNS + x]
                games[index, COLUMNS + x] = other


def are_game_kernels_cached(rules: Rules) -> bool:
    """Whether the kernels that learning from replay needs beyond those of playing lie ready on disk."""
    return all(is_cached(one, rules.compiled) for one in (_describe, _chosen, _play))


def make_games(columns: npt.NDArray[np.int64], queues: npt.NDArray[np.int64], held: npt.NDArray[np.int64]) -> GameRows:
    """Games with these boards, queues and held pieces, ``(n,)`` of which 0 is none and others count from 1."""
    rows = np.zeros((len(columns), COLUMNS + columns.shape[1]), dtype=np.int64)
    rows[:, COLUMNS:] = columns
    rows[:, QUEUE : QUEUE + queues.shape[1]] = queues
    rows[:, HELD] = held
    return rows


def describe_games(games: GameRows, rules: Rules, layout: Layout) -> npt.NDArray[np.float32]:
    """Returns the observation of each game, ``(n, n_actions, row length)``; -1 throughout where it has ended."""
    rows = np.empty((len(games), rules.n_actions, row_length(layout)), dtype=np.float32)
    mask = np.empty(rules.n_actions, dtype=np.bool_)
    _describe(games, rules.compiled, layout, make_memory(rules), rows, mask)
    return rows


def chosen_of_games(
    games: GameRows, actions: npt.NDArray[np.int64], rules: Rules, layout: Layout
) -> npt.NDArray[np.float32]:
    """Returns the row of one legal action of each game, ``(n, row length)``."""
    rows = np.empty((len(games), row_length(layout)), dtype=np.float32)
    _chosen(games, actions, rules.compiled, layout, make_memory(rules), rows)
    return rows


def play_on(games: GameRows, revealed: npt.NDArray[np.int64], actions: npt.NDArray[np.int64], rules: Rules) -> GameRows:
    """Plays a legal action in each game, and returns the games after it.

    Args:
        games: Before the actions.
        revealed: ``(n, N_REVEALED)`` the last pieces of the queue after the actions.
        actions: ``(n,)``.
        rules: What they are played by.
    """
    after = games.copy()
    draws_two = (actions >= rules.n_choices) & (games[:, HELD] == 0)
    after[:, BAG] = N_REVEALED * np.arange(len(games)) + ~draws_two
    compiled = rules.compiled._replace(randomizer=SCRIPTED)
    _play(after, actions, np.append(revealed, 0), compiled, make_memory(rules))
    return after


def mirror_games(
    games: GameRows,
    revealed: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    mirrored: npt.NDArray[np.bool_],
    rules: Rules,
) -> None:
    """Swaps left and right, in place, where ``mirrored`` says so; for straight drops under the overflow rule."""
    _mirror(games, revealed, actions, mirrored, rules.compiled)
