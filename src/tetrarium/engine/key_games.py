"""Many games by keys: one native call presses a key in each, starts anew what ended, and writes what is seen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import key_steps as at
from tetrarium.engine.batches import Batch
from tetrarium.engine.boards import Columns
from tetrarium.engine.game_rows import LINES, N_PLACED, OVER, QUEUE
from tetrarium.engine.jit import is_cached, kernel, small_kernel
from tetrarium.engine.key_rules import KeyRules
from tetrarium.engine.key_states import KeyMove, KeyState, read_state, require_fitting_keys, write_state
from tetrarium.engine.key_steps import press, read_parameters, spawn, start_key_game
from tetrarium.engine.key_views import N_KEYS, observe_key_rows, write_key_mask, write_key_masks, write_key_row
from tetrarium.engine.keys import HOLD, NOTHING, fall_distance
from tetrarium.engine.reachable import Placement

__all__ = ["KeyGames", "are_key_kernels_cached"]

_NEVER: Final = 1 << 62


def are_key_kernels_cached() -> bool:
    """Whether the kernels that press keys lie ready on disk, so that nobody has to wait for them."""
    return all(map(is_cached, (_start, _advance_games, fall_distance)))


@kernel
def _start(games, index, script, parameters):  # type: ignore[no-untyped-def]
    start_key_game(games, index, script, read_parameters(parameters))


@kernel
def _spawn_again(games, index, parameters):  # type: ignore[no-untyped-def]
    spawn(games, index, read_parameters(parameters))


@small_kernel
def _refused(games, actions, fresh):  # type: ignore[no-untyped-def]
    """The first game that cannot take its key, or -1."""
    for index in range(games.shape[0]):
        if not fresh[index] and (games[index, OVER] or not 0 <= actions[index] < N_KEYS):
            return index
    return -1


@small_kernel
def _advance(games, index, key, fresh, max_pieces, script, parameters, rules, done, reached):  # type: ignore[no-untyped-def]
    """Presses a key, or starts the game anew, and notes what that did; returns whether the game ended or was cut."""
    if fresh:
        start_key_game(games, index, script, rules)
        for k in range(done.shape[1]):
            done[index, k] = 0
    else:
        press(games, index, key, script, parameters, rules, done)
    over = games[index, OVER]
    cut = 1 if not over and games[index, N_PLACED] >= max_pieces else 0
    done[index, at.STEP_OVER] = over
    done[index, at.STEP_CUT] = cut
    for k in range(games.shape[1]):
        reached[index, k] = games[index, k]
    return over or cut


@kernel
def _advance_games(games, actions, fresh, done, reached, max_pieces, restart, script, parameters):  # type: ignore[no-untyped-def]
    refused = _refused(games, actions, fresh)
    if refused >= 0:
        return refused
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        ended = _advance(
            games, index, actions[index], fresh[index], max_pieces, script, parameters, rules, done, reached
        )
        if restart and ended:
            start_key_game(games, index, script, rules)
    return -1


@kernel
def _step_games(  # type: ignore[no-untyped-def]
    games, actions, fresh, done, reached, words, masks, final_words, max_pieces, restart, script, parameters
):
    refused = _refused(games, actions, fresh)
    if refused >= 0:
        return refused
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        ended = _advance(
            games, index, actions[index], fresh[index], max_pieces, script, parameters, rules, done, reached
        )
        if restart and ended:
            write_key_row(games, index, rules, final_words)
            start_key_game(games, index, script, rules)
        write_key_row(games, index, rules, words)
        write_key_mask(games, index, rules, masks[index])
    return -1


class _KeyViews:
    """Names for the parts of an ``(n, COLUMNS + width)`` array of games; all are views that can be written to."""

    def __init__(self, rows: npt.NDArray[np.int64], preview: int) -> None:
        self.rows = rows
        self.lines = rows[:, LINES]  # (n,) rows cleared in each game
        self.pieces = rows[:, N_PLACED]  # (n,) pieces placed in each game
        self.over = rows[:, OVER]  # (n,) 1 once a game has ended
        self.queue = rows[:, QUEUE : QUEUE + 1 + preview]  # (n, 1 + preview) the current piece first
        self.held = rows[:, at.HELD]  # (n,) one more than the held piece, 0 without one
        self.scores = rows[:, at.SCORE]  # (n,) points of each game
        self.columns = rows[:, at.COLUMNS :]  # (n, width) bit r = row r


class KeyGames(_KeyViews, Batch):
    """n games by keys under the same rules, stepped together.

    >>> from tetrarium.engine.keys import HARD_DROP
    >>> rules = KeyRules(width=10, height=20, hidden_rows=20, randomizer="IO", preview=1, hold=True)
    >>> games = KeyGames(rules, seed=0, numbers=[0])
    >>> games.place(0, HARD_DROP)
    0
    >>> str(games.state(0)).splitlines()
    ['...####...', 'O I  lines 0  pieces 1  score 38']

    Args:
        rules: What is played.
        seed: 0 or more.
        numbers: One number a game, 0 or more: game k of a seed is the same wherever it is made.
        n_threads: That share a step; left out: one for each core, as long as each has 512 games.

    Raises:
        GameError: if there is no game.
        ConfigError: if the seed or a number is negative, or the number of threads out of range.
    """

    def __init__(self, rules: KeyRules, seed: int, numbers: Sequence[int], n_threads: int | None = None) -> None:
        rows = np.zeros((len(numbers), at.COLUMNS + rules.width), dtype=np.int64)
        Batch.__init__(self, rows, N_KEYS, n_threads)
        _KeyViews.__init__(self, rows, rules.preview)
        self.rules = rules
        self.reached = _KeyViews(np.zeros_like(self.rows), rules.preview)  # each game after the step, before a restart
        self.done = np.zeros((len(numbers), at.N_STEP_FIELDS), dtype=np.int64)  # fields of ``key_steps``
        self.played = self.done[:, at.PLAYED]  # (n,) the key that counted in the last step
        self.step_lines = self.done[:, at.STEP_LINES]  # (n,) rows that it cleared
        self.new_holes = self.done[:, at.NEW_HOLES]  # (n,) holes after it less holes before
        self.added_height = self.done[:, at.ADDED_HEIGHT]  # (n,) highest column after it less before
        self.step_over = self.done[:, at.STEP_OVER]  # (n,) 1 where it ended the game
        self.step_cut = self.done[:, at.STEP_CUT]  # (n,) 1 where it reached the piece limit without ending the game
        self.reseed(seed, numbers)

    def observe(self, words: npt.NDArray[np.int64], masks: npt.NDArray[np.bool_]) -> None:
        """Writes every game's row, ``(n, row words)``, as ``key_views`` describes it, and legal keys, ``(n, 8)``."""
        observe_key_rows(self.rows, self.rules.parameters, words, masks)

    def write_masks(self, rows: npt.NDArray[np.int64], masks: npt.NDArray[np.bool_]) -> None:
        """Writes which keys are legal in games of these rules, ``(n, 8)``; none where a game has ended."""
        write_key_masks(rows, self.rules.parameters, masks)

    def nearest(self, index: int, action: int) -> int:
        """The key that counts for one in range: none for a hold that is not allowed."""
        is_refused = action == HOLD and (self.rows[index, at.HELD_ONCE] or not self.rules.hold)
        return NOTHING if is_refused else action

    def start(self, rows: npt.NDArray[np.int64], index: int) -> None:
        """Starts a game anew in rows that need not be these; its stream goes on."""
        _start(rows, index, self.rules.script, self.rules.parameters)

    def move(self, index: int, action: int) -> KeyMove:
        """Does what ``place`` does; returns all that it did."""
        state_t = self.state(index)
        lines_placement = self.place(index, action)
        done = self.done[index].tolist()
        has_locked = done[at.LOCKED] > 0
        return KeyMove(
            state_t=state_t,
            action=done[at.PLAYED],
            piece=done[at.LOCKED] - 1 if has_locked else None,
            placement=Placement(*done[at.LOCK_ROTATION : at.LOCK_SPIN + 1]) if has_locked else None,
            lines_placement=lines_placement,
            points=done[at.LOCK_POINTS],
            state_tp1=self.state(index),
        )

    def place(self, index: int, action: int) -> int:
        """Presses one key in one game, a hold that is not allowed as none; returns the rows that it cleared."""
        one = slice(index, index + 1)
        refused = _advance_games(
            self.rows[one],
            np.array([action], dtype=np.int64),
            self._none_fresh[one],
            self.done[one],
            self.reached.rows[one],
            _NEVER,
            False,
            self.rules.script,
            self.rules.parameters,
        )
        if refused >= 0:
            self._refuse(index, action)
        return int(self.step_lines[index])

    def step(
        self,
        actions: npt.NDArray[np.int64],
        words: npt.NDArray[np.int64],
        masks: npt.NDArray[np.bool_],
        *,
        max_pieces: int,
        final_words: npt.NDArray[np.int64] | None = None,
        fresh: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Presses one key in every game, in one native call; what it did is in this object's step fields.

        Args:
            actions: ``(n,)`` places in ``KEYS``; a hold that is not allowed is no key.
            words: ``(n, row words)``, written: the rows of the games to be played on, as ``key_views`` describes them.
            masks: ``(n, 8) bool``, written: their legal keys.
            max_pieces: A game that reaches this many pieces is cut.
            final_words: like ``words``, written only where a game ended or was cut: its own last row. Such games are
                then started anew; without it they stay as they are.
            fresh: ``(n,) bool``, games that start anew instead, whatever their key, even if they have ended.

        Raises:
            GameError: if an action is out of range or a game has ended. Nothing has been played then.
        """
        final = words if final_words is None else final_words
        self._play(
            _step_games,
            actions,
            fresh,
            (self.done, self.reached.rows, words, masks, final),
            (max_pieces, final_words is not None, self.rules.script, self.rules.parameters),
        )

    def advance(
        self,
        actions: npt.NDArray[np.int64],
        *,
        max_pieces: int,
        restart: bool,
        fresh: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Does what ``step`` does, and looks at nothing; with ``restart``, games that end or are cut start anew.

        Raises:
            GameError: as ``step``.
        """
        self._play(
            _advance_games,
            actions,
            fresh,
            (self.done, self.reached.rows),
            (max_pieces, restart, self.rules.script, self.rules.parameters),
        )

    def state(self, index: int) -> KeyState:
        """Copies one game out."""
        return read_state(self.rows[index], self.rules)

    def restore(self, index: int, state: KeyState) -> None:
        """Puts a copied game back.

        Raises:
            GameError: if the state does not fit these rules; the batch is then as it was.
        """
        require_fitting_keys(state, self.rules)
        write_state(state, self.rows[index])

    def set_board(self, index: int, columns: Columns) -> None:
        """Replaces one game's board and lets its current piece spawn anew; for tests, puzzles and replays.

        Raises:
            GameError: if the board does not fit.
        """
        board = tuple(int(column) for column in columns)
        self.restore(index, replace(self.state(index), columns=board, anchor_y=self.rules.height, rotation=0))
        _spawn_again(self.rows, index, self.rules.parameters)
