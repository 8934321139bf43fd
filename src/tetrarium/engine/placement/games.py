"""Batches of games in which an action is a placement, and the kernels that step all games of a batch in one call.

A batch is one ``(n, COLUMNS + width) int64`` array, one game per row, laid out as in ``state_layout``. A row that is
copied from a batch and put back continues in the same way.

Convolutional networks observe games as planes of cells: a plane is ``(n_rows, width) uint8``, 1 where a cell is filled;
row 0 is the topmost hidden row, as an image is read. The current piece is not on the board, so that pieces are one-hot
vectors: seven numbers for the current piece, seven for each piece of the preview, in the order of ``PIECES``; with
hold, then eight for the held piece, the first of which is 1 if there is none. All are 0 once a game has ended.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import batches
from tetrarium.engine import state_layout as at
from tetrarium.engine.batches import Batch, first_rejected, record_end, require_array
from tetrarium.engine.boards import Columns
from tetrarium.engine.compiling import inlined_kernel, kernel
from tetrarium.engine.features import Layout, require_layout, row_length
from tetrarium.engine.movegen.key_paths import find_key_paths
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.engine.pieces import N_PIECES
from tetrarium.engine.placement.game_kernels import nearest_legal, observe_game, play_action, write_legal
from tetrarium.engine.placement.hold_and_spawn import count_placements, make_game_scratch
from tetrarium.engine.placement.states import GameState, Move, require_valid_state
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.rules import Rules, is_integer, require_instance
from tetrarium.engine.state_layout import GameRows, start_game
from tetrarium.errors import GameError

# Fields of the step record after those that all games have.
_PIECE: Final = batches.STEP_TRUNCATED + 1
_PLACEMENT: Final = _PIECE + 1  # four fields: rotation, column of the leftmost cell, row of the lowest cell, spin
_N_STEP_FIELDS: Final = _PLACEMENT + 4


@inlined_kernel
def _advance(games, index, action, reset_mask, max_pieces, script, rules, scratch, step_record, state_after):
    """Plays an action or resets the game, and records the result; returns whether the game terminated or truncated."""
    n_lines, new_holes, added_height, executed, piece, rotation, left, bottom, spin = 0, 0, 0, 0, 0, 0, 0, 0, 0
    if reset_mask:
        start_game(games, index, script, rules)
    else:
        executed, n_lines, new_holes, added_height, piece, rotation, left, bottom, spin = play_action(
            games, index, action, script, rules, scratch
        )
    step_record[index, batches.EXECUTED_ACTION] = executed
    step_record[index, batches.STEP_LINES] = n_lines
    step_record[index, batches.NEW_HOLES] = new_holes
    step_record[index, batches.ADDED_HEIGHT] = added_height
    step_record[index, _PIECE] = piece
    step_record[index, _PLACEMENT] = rotation
    step_record[index, _PLACEMENT + 1] = left
    step_record[index, _PLACEMENT + 2] = bottom
    step_record[index, _PLACEMENT + 3] = spin
    return record_end(games, index, max_pieces, step_record, state_after)


@kernel
def _advance_games(games, actions, reset_mask, step_record, state_after, max_pieces, restart, script, rules, scratch):
    rejected = first_rejected(games, actions, reset_mask, rules.n_piece_actions << rules.hold)
    if rejected >= 0:
        return rejected
    for index in range(games.shape[0]):
        action = actions[index]
        ended = _advance(
            games, index, action, reset_mask[index], max_pieces, script, rules, scratch, step_record, state_after
        )
        if restart and ended:
            start_game(games, index, script, rules)
    return -1


@kernel
def _step_games(
    games,
    actions,
    reset_mask,
    step_record,
    state_after,
    rows,
    masks,
    final_rows,
    max_pieces,
    restart,
    script,
    rules,
    layout,
    scratch,
):
    rejected = first_rejected(games, actions, reset_mask, rules.n_piece_actions << rules.hold)
    if rejected >= 0:
        return rejected
    for index in range(games.shape[0]):
        action = actions[index]
        ended = _advance(
            games, index, action, reset_mask[index], max_pieces, script, rules, scratch, step_record, state_after
        )
        if restart and ended:
            observe_game(games, index, rules, layout, scratch, final_rows[index], masks[index])
            start_game(games, index, script, rules)
        observe_game(games, index, rules, layout, scratch, rows[index], masks[index])
    return -1


@kernel
def _write_masks(games, rules, scratch, masks):
    for index in range(games.shape[0]):
        write_legal(games, index, rules, scratch, masks[index])


@kernel
def _play_one(games, index, action, script, rules, scratch):
    return play_action(games, index, action, script, rules, scratch)


@kernel
def _nearest(games, index, action, rules, scratch):
    return nearest_legal(games, index, action, rules, scratch)


class Games(Batch):
    """A batch of games under the same rules, stepped together.

    >>> rules = Rules(width=10, height=20, hidden_rows=4, randomizer="IO", preview=1)
    >>> games = Games(rules, seed=0, numbers=[0])
    >>> games.place(0, 4 * 2)
    0
    >>> str(games.state(0)).splitlines()
    ['..####....', 'O I  lines 0  pieces 1']

    Args:
        rules: The rules of all games.
        seed: Seed of the random streams, 0 or more.
        numbers: One game number per game, 0 or more: game k of a seed is the same in every batch.
        n_threads: Number of threads that share a step; by default one per core, as long as each has 512 games.

    Raises:
        GameError: if there is no game.
        ConfigError: if the seed or a number is negative, or the number of threads out of range.
    """

    step_piece: npt.NDArray[np.int64]  # (n,) piece that the last step placed
    placements: npt.NDArray[np.int64]  # (n, 4) as ``Placement``

    def __init__(self, rules: Rules, seed: int, numbers: Sequence[int], n_threads: int | None = None) -> None:
        require_instance("rules", rules, Rules)
        require_instance("numbers", numbers, Collection)
        rows = np.zeros((len(numbers), at.COLUMNS + rules.width), dtype=np.int64)
        super().__init__(
            rows,
            preview=rules.preview,
            score=at.SCORE,
            columns=at.COLUMNS,
            n_step_fields=_N_STEP_FIELDS,
            n_actions=rules.n_actions,
            n_threads=n_threads,
        )
        self.rules = rules
        self._scratches = [make_game_scratch(rules) for _ in range(self.n_threads)]
        self._scratch = self._scratches[0]
        self.reseed(seed, numbers)

    def _views(self) -> dict[str, npt.NDArray[np.int64]]:
        record = self.step_record
        return super()._views() | {
            "step_piece": record[:, _PIECE],
            "placements": record[:, _PLACEMENT : _PLACEMENT + 4],
        }

    def start(self, rows: GameRows, index: int) -> None:
        """Starts a new game in a row of any array of games; its stream continues."""
        start_game(rows, index, self.rules.script, self.rules.compiled)

    def observe(self, layout: Layout, rows: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_]) -> None:
        """Writes the observation and the action mask of every game.

        Args:
            layout: Features and their places in a row.
            rows: ``(n, n_actions, row length) float32``, written.
            masks: ``(n, n_actions) bool``, written.
        """
        self._require_observations(layout, masks, rows)
        for index in range(self.n_games):  # in Python: a kernel with this loop would be compiled with all that it calls
            observe_game(self.rows, index, self.rules.compiled, layout, self._scratch, rows[index], masks[index])

    def _require_observations(
        self, layout: Layout, masks: npt.NDArray[np.bool_], *rows: npt.NDArray[np.float32]
    ) -> None:
        require_layout(layout, self.rules.width, self.rules.preview)
        shape = (self.n_games, self.n_actions)
        require_array("masks", masks, shape, np.bool_)
        for one in rows:
            require_array("rows", one, (*shape, row_length(layout)), np.float32)

    def place(self, index: int, action: int) -> int:
        """Plays one action in one game, or the nearest legal one, and returns the number of lines cleared."""
        return self.move(index, action).lines_placement

    def move(self, index: int, action: int) -> Move:
        """Plays one action in one game, or the nearest legal one, and returns the move."""
        self._require_action(index, action)
        state_t = self.state(index)
        executed, n_lines, _, _, piece, *placement = _play_one(
            self.rows, index, action, self.rules.script, self.rules.compiled, self._scratch
        )
        return Move(
            state_t=state_t,
            action=int(executed),
            piece=int(piece),
            placement=Placement(*map(int, placement)),
            lines_placement=int(n_lines),
            state_tp1=self.state(index),
        )

    def nearest(self, index: int, action: int) -> int:
        """Returns the legal action nearest to an action in range; the same one if it is legal."""
        self._require_game(index)
        if not is_integer(action) or not 0 <= action < self.n_actions:
            self._raise_rejected(index, action)
        return int(_nearest(self.rows, index, action, self.rules.compiled, self._scratch))

    def write_masks(self, rows: GameRows, masks: npt.NDArray[np.bool_]) -> None:
        """Writes the action masks of games of these rules, ``(n, n_actions) bool``; false where a game has ended."""
        n = rows.shape[0] if isinstance(rows, np.ndarray) and rows.ndim else 0
        require_array("rows", rows, (n, self.rows.shape[1]), np.int64)
        require_array("masks", masks, (n, self.n_actions), np.bool_)
        _write_masks(rows, self.rules.compiled, self._scratch, masks)

    def count_dropped(self, rows: GameRows, masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Returns the number of lock positions without an action in games of these rules, ``(n,) int64``.

        Args:
            rows: ``(n, COLUMNS + width) int64``.
            masks: ``(n, n_actions) bool``, the action masks of these games.
        """
        n_dropped = np.zeros(len(rows), dtype=np.int64)
        if self.rules.actions == "reachable":
            are_full = masks.reshape(len(rows), -1, self.rules.n_piece_actions)[:, :, -1]
            for index, hold in np.argwhere(are_full).tolist():
                n_found = count_placements(rows, index, hold, self.rules.compiled, self._scratch)
                n_dropped[index] += n_found - self.rules.n_piece_actions
        return n_dropped

    def keys_to(self, index: int, action: int) -> tuple[str, ...]:
        """Returns a shortest sequence of keys, as in ``KEYS``, that plays an action or the nearest legal one.

        Raises:
            GameError: if the game has ended or no keys lead to the placement.
        """
        state = self.state(index)
        copy = Games(self.rules, 0, [0])
        copy.restore(0, state)
        move = copy.move(0, action)
        keys = find_key_paths(state.columns, move.piece, self.rules).get(move.placement)
        if keys is None:
            raise GameError(
                f"A placement must be reachable by keys from the spawn position; action {move.action} is not. "
                "Play game_over='guideline' or actions='reachable', where all are."
            )
        return ("hold", *keys) if move.action >= self.rules.n_piece_actions else keys

    def step(
        self,
        actions: npt.NDArray[np.int64],
        layout: Layout,
        rows: npt.NDArray[np.float32],
        masks: npt.NDArray[np.bool_],
        *,
        max_pieces: int,
        final: npt.NDArray[np.float32] | None = None,
        reset_mask: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Plays one action in every game in one native call; its result is in the step fields of this object.

        Args:
            actions: ``(n,) int64`` in ``[0, n_actions)``; the nearest legal action replaces an illegal one.
            layout: Features and their places in a row.
            rows: ``(n, n_actions, row length) float32``, written: the observations after the step and any restart.
            masks: ``(n, n_actions) bool``, written: the action masks after the step and any restart.
            max_pieces: A game that reaches this many pieces is truncated.
            final: Like ``rows``, written only where a game terminated or truncated: its last observation. Such
                games are then restarted; without it they are not.
            reset_mask: ``(n,) bool``, games that are reset instead, whatever their action, even if they have ended.

        Raises:
            GameError: if an action is out of range or a game has ended; no game has then been stepped.
        """
        max_pieces = self._require_step(actions, max_pieces, reset_mask)
        self._require_observations(layout, masks, rows, rows if final is None else final)
        self.step_unchecked(actions, layout, rows, masks, max_pieces, final, reset_mask)

    def step_unchecked(
        self,
        actions: npt.NDArray[np.int64],
        layout: Layout,
        rows: npt.NDArray[np.float32],
        masks: npt.NDArray[np.bool_],
        max_pieces: int,
        final: npt.NDArray[np.float32] | None,
        reset_mask: npt.NDArray[np.bool_] | None,
    ) -> None:
        """Does the same as ``step`` for arrays of the right shapes and types, as environments make them.

        Raises:
            GameError: as ``step``.
        """
        final_rows = rows if final is None else final
        self._play(
            _step_games,
            actions,
            reset_mask,
            (self.step_record, self.state_after.rows, rows, masks, final_rows),
            (max_pieces, final is not None, self.rules.script, self.rules.compiled, layout),
            self._scratches,
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
            _advance_games,
            actions,
            reset_mask,
            (self.step_record, self.state_after.rows),
            (max_pieces, restart, self.rules.script, self.rules.compiled),
            self._scratches,
        )

    def state(self, index: int) -> GameState:
        """Returns a copy of the state of one game."""
        self._require_game(index)
        row = self.rows[index]
        return GameState(
            columns=tuple(row[at.COLUMNS :].tolist()),
            queue=tuple(row[at.QUEUE : at.QUEUE + 1 + self.rules.preview].tolist()),
            held=int(row[at.HELD]) - 1 if row[at.HELD] else None,
            score=int(row[at.SCORE]),
            back_to_back=bool(row[at.BACK_TO_BACK]),
            combo=int(row[at.COMBO]),
            bag=int(row[at.BAG]),
            stream=tuple(row[at.STREAM : at.STREAM + N_STREAM_WORDS].tolist()),
            lines=int(row[at.LINES]),
            pieces=int(row[at.N_PLACED]),
            terminated=bool(row[at.TERMINATED]),
        )

    def restore(self, index: int, state: GameState) -> None:
        """Replaces the state of one game.

        Raises:
            GameError: if the state is not possible under these rules; the batch is then unchanged.
        """
        self._require_game(index)
        require_instance("state", state, GameState)
        require_valid_state(state, self.rules)
        row = self.rows[index]
        row[:] = 0
        row[at.COLUMNS :] = state.columns
        row[at.QUEUE : at.QUEUE + len(state.queue)] = state.queue
        row[at.HELD] = 0 if state.held is None else state.held + 1
        row[at.SCORE], row[at.BACK_TO_BACK], row[at.COMBO] = state.score, state.back_to_back, state.combo
        row[at.BAG] = state.bag
        row[at.STREAM : at.STREAM + N_STREAM_WORDS] = state.stream
        row[at.LINES] = state.lines
        row[at.N_PLACED] = state.pieces
        row[at.TERMINATED] = state.terminated

    def set_board(self, index: int, columns: Columns) -> None:
        """Replaces the board of one game and nothing else; for tests, puzzles and replays.

        Raises:
            GameError: if the board is not possible under these rules.
        """
        board = self._board(columns)
        self.restore(index, replace(self.state(index), columns=board))


@kernel
def _write_planes(games, index, rules, plane, pieces):
    for x in range(rules.width):
        column = games[index, at.COLUMNS + x]
        for row in range(rules.n_rows):
            plane[rules.n_rows - 1 - row, x] = column >> row & 1
    for k in range(pieces.shape[0]):
        pieces[k] = 0
    if not games[index, at.TERMINATED]:
        for k in range(1 + rules.preview):
            pieces[N_PIECES * k + games[index, at.QUEUE + k]] = 1
        if rules.hold:
            pieces[N_PIECES * (1 + rules.preview) + games[index, at.HELD]] = 1


@kernel
def _observe_planes(games, rules, scratch, planes, pieces, masks):
    for index in range(games.shape[0]):
        _write_planes(games, index, rules, planes[index, 0], pieces[index])
        write_legal(games, index, rules, scratch, masks[index])


def pieces_length(preview: int, hold: bool) -> int:
    """Returns the length of the vector of visible pieces."""
    return N_PIECES * (1 + preview + hold) + hold


def observe_planes(
    games: GameRows,
    rules: Rules,
    planes: npt.NDArray[np.uint8],
    pieces: npt.NDArray[np.uint8],
    masks: npt.NDArray[np.bool_],
) -> None:
    """Writes the board, the visible pieces and the action mask of every game.

    Args:
        games: ``(n, COLUMNS + width) int64``, as ``Games.rows``.
        rules: The rules of the games.
        planes: ``(n, 1, n_rows, width) uint8``, written.
        pieces: ``(n, pieces_length) uint8``, written.
        masks: ``(n, n_actions) bool``, written: all false where a game has ended.
    """
    _observe_planes(games, rules.compiled, make_game_scratch(rules), planes, pieces, masks)
