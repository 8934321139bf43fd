"""Batches of games by keys, and the kernels that step all games of a batch in one call."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.batches import EXECUTED_ACTION, Batch, first_rejected, record_end, require_array
from tetrarium.engine.boards import Columns
from tetrarium.engine.compiling import is_cached, kernel
from tetrarium.engine.keyplay import observations, states
from tetrarium.engine.keyplay import steps as at
from tetrarium.engine.keyplay.rules import KeyRules
from tetrarium.engine.keyplay.steps import press, read_parameters, spawn, start_key_game
from tetrarium.engine.movegen.keys import HOLD, NOTHING, fall_distance
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.engine.rules import is_integer, require_instance

_NEVER: Final = 1 << 62
_NO_WORDS: Final = np.empty((0, 0), dtype=np.int64)
_NOT_OBSERVED: Final = (_NO_WORDS, np.empty((0, 0), dtype=np.bool_), _NO_WORDS)  # the arrays that a step would write


def are_key_kernels_cached() -> bool:
    """Returns whether the kernels of games by keys are in the compilation cache."""
    return all(map(is_cached, (_start, _step_games, fall_distance)))


@kernel
def _start(games, index, script, parameters):
    start_key_game(games, index, script, read_parameters(parameters))


@kernel
def _spawn_again(games, index, parameters):
    spawn(games, index, read_parameters(parameters))


@kernel
def _step_games(
    games,
    actions,
    reset_mask,
    step_record,
    state_after,
    words,
    masks,
    final_words,
    max_pieces,
    restart,
    script,
    parameters,
):
    """Steps all games; observations are not written where ``words`` is empty."""
    rejected = first_rejected(games, actions, reset_mask, observations.N_KEYS)
    if rejected >= 0:
        return rejected
    rules = read_parameters(parameters)
    for index in range(games.shape[0]):
        if reset_mask[index]:
            start_key_game(games, index, script, rules)
            for k in range(step_record.shape[1]):
                step_record[index, k] = 0
        else:
            press(games, index, actions[index], script, parameters, rules, step_record)
        if record_end(games, index, max_pieces, step_record, state_after) and restart:
            if words.shape[0]:
                observations.write_key_row(games, index, rules, final_words)
            start_key_game(games, index, script, rules)
        if words.shape[0]:
            observations.write_key_row(games, index, rules, words)
            observations.write_key_mask(games, index, rules, masks[index])
    return -1


class KeyGames(Batch):
    """A batch of games by keys under the same rules, stepped together.

    >>> from tetrarium.engine.movegen.keys import HARD_DROP
    >>> rules = KeyRules(width=10, height=20, hidden_rows=20, randomizer="IO", preview=1, hold=True)
    >>> games = KeyGames(rules, seed=0, numbers=[0])
    >>> games.place(0, HARD_DROP)
    0
    >>> str(games.state(0)).splitlines()
    ['...####...', 'O I  lines 0  pieces 1  score 38']

    Args:
        rules: The rules of all games.
        seed: Seed of the random streams, 0 or more.
        numbers: One game number per game, 0 or more: game k of a seed is the same in every batch.
        n_threads: Number of threads that share a step; by default one per core, as long as each has 512 games.

    Raises:
        GameError: if there is no game.
        ConfigError: if the seed or a number is negative, or the number of threads out of range.
    """

    def __init__(self, rules: KeyRules, seed: int, numbers: Sequence[int], n_threads: int | None = None) -> None:
        require_instance("rules", rules, KeyRules)
        require_instance("numbers", numbers, Collection)
        rows = np.zeros((len(numbers), at.COLUMNS + rules.width), dtype=np.int64)
        super().__init__(
            rows,
            preview=rules.preview,
            score=at.SCORE,
            columns=at.COLUMNS,
            n_step_fields=at.N_STEP_FIELDS,
            n_actions=observations.N_KEYS,
            n_threads=n_threads,
        )
        self.rules = rules
        self.reseed(seed, numbers)

    def observe(self, words: npt.NDArray[np.int64], masks: npt.NDArray[np.bool_]) -> None:
        """Writes the observation of every game, ``(n, n_row_words) int64``, and its action mask, ``(n, 8) bool``."""
        self._require_observations(masks, words)
        observations.observe_key_rows(self.rows, self.rules.parameters, words, masks)

    def _require_observations(self, masks: npt.NDArray[np.bool_], *words: npt.NDArray[np.int64]) -> None:
        rules = self.rules
        require_array("masks", masks, (self.n_games, self.n_actions), np.bool_)
        for one in words:
            n_words = observations.n_row_words(rules.width, rules.height, rules.preview)
            require_array("words", one, (self.n_games, n_words), np.int64)

    def write_masks(self, rows: npt.NDArray[np.int64], masks: npt.NDArray[np.bool_]) -> None:
        """Writes the action masks of games of these rules, ``(n, 8) bool``; false where a game has ended."""
        n = rows.shape[0] if isinstance(rows, np.ndarray) and rows.ndim else 0
        require_array("rows", rows, (n, self.rows.shape[1]), np.int64)
        require_array("masks", masks, (n, self.n_actions), np.bool_)
        observations.write_key_masks(rows, self.rules.parameters, masks)

    def nearest(self, index: int, action: int) -> int:
        """Returns the legal key nearest to a key in range: no key for a hold that is not allowed."""
        self._require_game(index)
        if not is_integer(action):
            self._raise_rejected(index, action)
        is_rejected = action == HOLD and (self.rows[index, at.HOLD_USED] or not self.rules.hold)
        return NOTHING if is_rejected else action

    def start(self, rows: npt.NDArray[np.int64], index: int) -> None:
        """Starts a new game in a row of any array of games; its stream continues."""
        _start(rows, index, self.rules.script, self.rules.parameters)

    def move(self, index: int, action: int) -> states.KeyMove:
        """Presses one key in one game, or the nearest legal one, and returns the move."""
        state_t = self.state(index)
        lines_placement = self.place(index, action)
        record = self.step_record[index].tolist()
        has_locked = record[at.LOCKED] > 0
        return states.KeyMove(
            state_t=state_t,
            action=record[EXECUTED_ACTION],
            piece=record[at.LOCKED] - 1 if has_locked else None,
            placement=Placement(*record[at.LOCK_ROTATION : at.LOCK_SPIN + 1]) if has_locked else None,
            lines_placement=lines_placement,
            points=record[at.LOCK_POINTS],
            state_tp1=self.state(index),
        )

    def place(self, index: int, action: int) -> int:
        """Presses one key in one game, or the nearest legal one, and returns the number of lines cleared."""
        self._require_action(index, action)
        one = slice(index, index + 1)
        rejected = _step_games(
            self.rows[one],
            np.array([action], dtype=np.int64),
            self._no_resets[one],
            self.step_record[one],
            self.state_after.rows[one],
            *_NOT_OBSERVED,
            _NEVER,
            False,
            self.rules.script,
            self.rules.parameters,
        )
        if rejected >= 0:
            self._raise_rejected(index, action)
        return int(self.step_lines[index])

    def step(
        self,
        actions: npt.NDArray[np.int64],
        words: npt.NDArray[np.int64],
        masks: npt.NDArray[np.bool_],
        *,
        max_pieces: int,
        final: npt.NDArray[np.int64] | None = None,
        reset_mask: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Presses one key in every game in one native call; its result is in the step fields of this object.

        Args:
            actions: ``(n,) int64`` indices into ``KEYS``; a hold that is not allowed counts as no key.
            words: ``(n, n_row_words) int64``, written: the observations after the step and any restart.
            masks: ``(n, 8) bool``, written: the action masks after the step and any restart.
            max_pieces: A game that reaches this many pieces is truncated.
            final: Like ``words``, written only where a game terminated or truncated: its last observation. Such
                games are then restarted; without it they are not.
            reset_mask: ``(n,) bool``, games that are reset instead, whatever their key, even if they have ended.

        Raises:
            GameError: if an action is out of range or a game has ended; no game has then been stepped.
        """
        max_pieces = self._require_step(actions, max_pieces, reset_mask)
        self._require_observations(masks, words, words if final is None else final)
        self.step_unchecked(actions, words, masks, max_pieces, final, reset_mask)

    def step_unchecked(
        self,
        actions: npt.NDArray[np.int64],
        words: npt.NDArray[np.int64],
        masks: npt.NDArray[np.bool_],
        max_pieces: int,
        final: npt.NDArray[np.int64] | None,
        reset_mask: npt.NDArray[np.bool_] | None,
    ) -> None:
        """Does the same as ``step`` for arrays of the right shapes and types, as environments make them.

        Raises:
            GameError: as ``step``.
        """
        final_words = words if final is None else final
        self._play(
            _step_games,
            actions,
            reset_mask,
            (self.step_record, self.state_after.rows, words, masks, final_words),
            (max_pieces, final is not None, self.rules.script, self.rules.parameters),
        )

    def advance(
        self,
        actions: npt.NDArray[np.int64],
        *,
        max_pieces: int,
        restart: bool,
        reset_mask: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Does the same as ``step`` without observations; with ``restart``, games that end are restarted.

        Raises:
            GameError: as ``step``.
        """
        require_instance("restart", restart, bool)
        self.advance_unchecked(actions, self._require_step(actions, max_pieces, reset_mask), restart, reset_mask)

    def advance_unchecked(
        self, actions: npt.NDArray[np.int64], max_pieces: int, restart: bool, reset_mask: npt.NDArray[np.bool_] | None
    ) -> None:
        """Does the same as ``advance`` for arrays of the right shapes and types, as environments make them.

        Raises:
            GameError: as ``step``.
        """
        self._play(
            _step_games,
            actions,
            reset_mask,
            (self.step_record, self.state_after.rows, *_NOT_OBSERVED),
            (max_pieces, restart, self.rules.script, self.rules.parameters),
        )

    def state(self, index: int) -> states.KeyState:
        """Returns a copy of the state of one game."""
        self._require_game(index)
        return states.read_state(self.rows[index], self.rules)

    def restore(self, index: int, state: states.KeyState) -> None:
        """Replaces the state of one game.

        Raises:
            GameError: if the state is not possible under these rules; the batch is then unchanged.
        """
        self._require_game(index)
        require_instance("state", state, states.KeyState)
        states.require_valid_key_state(state, self.rules)
        states.write_state(state, self.rows[index])

    def set_board(self, index: int, columns: Columns) -> None:
        """Replaces the board of one game and respawns its current piece; for tests, puzzles and replays.

        Raises:
            GameError: if the board is not possible under these rules.
        """
        board = self._board(columns)
        self.restore(index, replace(self.state(index), columns=board, anchor_y=self.rules.height, rotation=0))
        _spawn_again(self.rows, index, self.rules.parameters)
