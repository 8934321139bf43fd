"""Many games at once: their state, and one native call that advances them all.

A batch is one ``(n, COLUMNS + width) int64`` array, a game a row; ``game_rows`` says what lies where.
Each game draws from its own stream and never looks at a neighbour, so that it is the same in a batch of any size. A row
copied out of a batch and put back gives the same future.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.batches import Batch
from tetrarium.engine.boards import Columns
from tetrarium.engine.choices import count_placements, make_memory
from tetrarium.engine.features import Layout
from tetrarium.engine.game_rows import (
    BACK_TO_BACK,
    BAG,
    COLUMNS,
    COMBO,
    HELD,
    LINES,
    N_PLACED,
    OVER,
    QUEUE,
    SCORE,
    STREAM,
    GameRows,
    start_game,
)
from tetrarium.engine.jit import inlined_kernel, kernel, small_kernel
from tetrarium.engine.modes import nearest_legal, observe_game, play_action, write_legal
from tetrarium.engine.routes import find_routes
from tetrarium.engine.rules import Rules
from tetrarium.engine.states import GameState, Move, Placement, require_fitting
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.errors import GameError

__all__ = ["GameState", "Games"]

# What one step did to a game, before it was started anew: fields of an (n, 11) array.
_PLAYED: Final = 0
_STEP_LINES: Final = 1
_NEW_HOLES: Final = 2
_ADDED_HEIGHT: Final = 3
_STEP_OVER: Final = 4
_STEP_CUT: Final = 5
_PIECE: Final = 6
_PLACEMENT: Final = 7  # four fields: rotation, column of the leftmost cell, row of the lowest one, spin
_N_STEP_FIELDS: Final = 11


@small_kernel
def _refused(games, actions, fresh, rules):  # type: ignore[no-untyped-def]
    """The first game that cannot take its action, or -1."""
    for index in range(games.shape[0]):
        if not fresh[index] and (games[index, OVER] or not 0 <= actions[index] < rules.n_choices << rules.hold):
            return index
    return -1


@inlined_kernel
def _advance(games, index, action, fresh, max_pieces, script, rules, scratch, done, reached):  # type: ignore[no-untyped-def]
    """Plays an action, or starts the game anew, and notes what that did; returns whether the game ended or was cut."""
    n_lines, new_holes, added_height, played, piece, rotation, left, bottom, spin = 0, 0, 0, 0, 0, 0, 0, 0, 0
    if fresh:
        start_game(games, index, script, rules)
    else:
        played, n_lines, new_holes, added_height, piece, rotation, left, bottom, spin = play_action(
            games, index, action, script, rules, scratch
        )
    over = games[index, OVER]
    cut = 1 if not over and games[index, N_PLACED] >= max_pieces else 0
    done[index, _PLAYED] = played
    done[index, _STEP_LINES] = n_lines
    done[index, _NEW_HOLES] = new_holes
    done[index, _ADDED_HEIGHT] = added_height
    done[index, _STEP_OVER] = over
    done[index, _STEP_CUT] = cut
    done[index, _PIECE] = piece
    done[index, _PLACEMENT] = rotation
    done[index, _PLACEMENT + 1] = left
    done[index, _PLACEMENT + 2] = bottom
    done[index, _PLACEMENT + 3] = spin
    for k in range(games.shape[1]):
        reached[index, k] = games[index, k]
    return over or cut


@kernel
def _advance_games(games, actions, fresh, done, reached, max_pieces, restart, script, rules, scratch):  # type: ignore[no-untyped-def]
    refused = _refused(games, actions, fresh, rules)
    if refused >= 0:
        return refused
    for index in range(games.shape[0]):
        action = actions[index]
        ended = _advance(games, index, action, fresh[index], max_pieces, script, rules, scratch, done, reached)
        if restart and ended:
            start_game(games, index, script, rules)
    return -1


@kernel
def _step_games(  # type: ignore[no-untyped-def]
    games, actions, fresh, done, reached, rows, masks, final_rows, max_pieces, restart, script, rules, layout, scratch
):
    refused = _refused(games, actions, fresh, rules)
    if refused >= 0:
        return refused
    for index in range(games.shape[0]):
        action = actions[index]
        ended = _advance(games, index, action, fresh[index], max_pieces, script, rules, scratch, done, reached)
        if restart and ended:
            observe_game(games, index, rules, layout, scratch, final_rows[index], masks[index])
            start_game(games, index, script, rules)
        observe_game(games, index, rules, layout, scratch, rows[index], masks[index])
    return -1


@kernel
def _write_masks(games, rules, scratch, masks):  # type: ignore[no-untyped-def]
    for index in range(games.shape[0]):
        write_legal(games, index, rules, scratch, masks[index])


@kernel
def _play_one(games, index, action, script, rules, scratch):  # type: ignore[no-untyped-def]
    return play_action(games, index, action, script, rules, scratch)


@kernel
def _nearest(games, index, action, rules, scratch):  # type: ignore[no-untyped-def]
    return nearest_legal(games, index, action, rules, scratch)


class _GameViews:
    """Names for the parts of an ``(n, COLUMNS + width)`` array of games; all are views that can be written to."""

    def __init__(self, rows: GameRows, preview: int) -> None:
        self.rows = rows
        self.lines = rows[:, LINES]  # (n,) rows cleared in each game
        self.pieces = rows[:, N_PLACED]  # (n,) pieces placed in each game
        self.over = rows[:, OVER]  # (n,) 1 once a game has ended
        self.queue = rows[:, QUEUE : QUEUE + 1 + preview]  # (n, 1 + preview) the current piece first
        self.scores = rows[:, SCORE]  # (n,) points, under the guideline
        self.held = rows[:, HELD]  # (n,) 0 where no piece is held, otherwise one more than its index
        self.columns = rows[:, COLUMNS:]  # (n, width) bit r = row r


class Games(_GameViews, Batch):
    """n games under the same rules, stepped together.

    >>> rules = Rules(width=10, height=20, hidden_rows=4, randomizer="IO", preview=1)
    >>> games = Games(rules, seed=0, numbers=[0])
    >>> games.place(0, 4 * 2)
    0
    >>> str(games.state(0)).splitlines()
    ['..####....', 'O I  lines 0  pieces 1']

    Args:
        rules: What is played.
        seed: 0 or more.
        numbers: One number a game, 0 or more: game k of a seed is the same wherever it is made.
        n_threads: That share a step; left out: one for each core, as long as each has 512 games.

    Raises:
        GameError: if there is no game.
        ConfigError: if the seed or a number is negative, or the number of threads out of range.
    """

    def __init__(self, rules: Rules, seed: int, numbers: Sequence[int], n_threads: int | None = None) -> None:
        rows = np.zeros((len(numbers), COLUMNS + rules.width), dtype=np.int64)
        Batch.__init__(self, rows, rules.n_actions, n_threads)
        _GameViews.__init__(self, rows, rules.preview)
        self.rules = rules
        self.reached = _GameViews(np.zeros_like(self.rows), rules.preview)  # each game after the step, before a restart
        self._scratches = [make_memory(rules) for _ in range(self.n_threads)]
        self._scratch = self._scratches[0]
        self._done = np.zeros((len(numbers), _N_STEP_FIELDS), dtype=np.int64)
        self.played = self._done[:, _PLAYED]  # (n,) the action that the last step played
        self.step_lines = self._done[:, _STEP_LINES]  # (n,) rows that it cleared
        self.new_holes = self._done[:, _NEW_HOLES]  # (n,) holes after it less holes before
        self.added_height = self._done[:, _ADDED_HEIGHT]  # (n,) highest column after it less before
        self.step_piece = self._done[:, _PIECE]  # (n,) the piece that it placed
        self.placements = self._done[:, _PLACEMENT : _PLACEMENT + 4]  # (n, 4) where, as in ``reachable.Placement``
        self.step_over = self._done[:, _STEP_OVER]  # (n,) 1 where it ended the game
        self.step_cut = self._done[:, _STEP_CUT]  # (n,) 1 where it reached the piece limit without ending the game
        self.reseed(seed, numbers)

    def start(self, rows: GameRows, index: int) -> None:
        """Starts a game anew in rows that need not be these; its stream goes on."""
        start_game(rows, index, self.rules.script, self.rules.compiled)

    def observe(self, layout: Layout, rows: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_]) -> None:
        """Writes every game's afterstates to ``rows (n, n_actions, row length)`` and legal actions to ``masks``."""
        for index in range(self.n_games):  # a loop in a kernel of its own would be compiled with all that it calls
            observe_game(self.rows, index, self.rules.compiled, layout, self._scratch, rows[index], masks[index])

    def place(self, index: int, action: int) -> int:
        """Plays one action in one game, an illegal one as the nearest; returns the rows that it cleared."""
        return self.move(index, action).lines_placement

    def move(self, index: int, action: int) -> Move:
        """Does the same; returns all that it did."""
        if self.over[index] or not 0 <= action < self.n_actions:
            self._refuse(index, action)
        state_t = self.state(index)
        played, n_lines, _, _, piece, *placement = _play_one(
            self.rows, index, action, self.rules.script, self.rules.compiled, self._scratch
        )
        return Move(
            state_t=state_t,
            action=int(played),
            piece=int(piece),
            placement=Placement(*map(int, placement)),
            lines_placement=int(n_lines),
            state_tp1=self.state(index),
        )

    def nearest(self, index: int, action: int) -> int:
        """The legal action nearest to one in range; the same where it is legal."""
        return int(_nearest(self.rows, index, action, self.rules.compiled, self._scratch))

    def write_masks(self, rows: GameRows, masks: npt.NDArray[np.bool_]) -> None:
        """Writes which actions are legal in games of these rules, ``(n, n_actions)``; none where a game has ended."""
        _write_masks(rows, self.rules.compiled, self._scratch, masks)

    def left_out(self, rows: GameRows, masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """How many lock positions have no action in games of these rules, ``(n,)``, of which these are the masks."""
        missing = np.zeros(len(rows), dtype=np.int64)
        if self.rules.actions == "reachable":
            are_full = masks.reshape(len(rows), -1, self.rules.n_choices)[:, :, -1]
            for index, hold in np.argwhere(are_full).tolist():
                n_found = count_placements(rows, index, hold, self.rules.compiled, self._scratch)
                missing[index] += n_found - self.rules.n_choices
        return missing

    def keys_to(self, index: int, action: int) -> tuple[str, ...]:
        """The fewest keys that play an action in one game, an illegal one as the nearest; names of ``keys.KEYS``.

        Raises:
            GameError: if the game has ended, or no keys lead there.
        """
        state = self.state(index)
        alone = Games(self.rules, 0, [0])
        alone.restore(0, state)
        move = alone.move(0, action)
        route = find_routes(state.columns, move.piece, self.rules).get(move.placement)
        if route is None:
            raise GameError(
                f"Keys lead to placements from where pieces spawn; to action {move.action} there is no way. "
                "Play game_over='guideline' or actions='reachable', where there always is."
            )
        return ("hold", *route) if move.action >= self.rules.n_choices else route

    def step(
        self,
        actions: npt.NDArray[np.int64],
        layout: Layout,
        rows: npt.NDArray[np.float32],
        masks: npt.NDArray[np.bool_],
        *,
        max_pieces: int,
        final_rows: npt.NDArray[np.float32] | None = None,
        fresh: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Plays one action in every game, in one native call; what it did is in this object's step fields.

        Args:
            actions: ``(n,)`` in ``[0, n_actions)``; one that is not legal is played as the nearest that is.
            layout: Which features, and where.
            rows: ``(n, n_actions, row length) float32``, written: the afterstates of the games to be played on.
            masks: ``(n, n_actions) bool``, written: their legal actions.
            max_pieces: A game that reaches this many pieces is cut.
            final_rows: like ``rows``, written only where a game ended or was cut: its own last afterstates. Such games
                are then started anew; without it they stay as they are.
            fresh: ``(n,) bool``, games that start anew instead, whatever their action, even if they have ended.

        Raises:
            GameError: if an action is out of range or a game has ended. Nothing has been played then.
        """
        final = rows if final_rows is None else final_rows
        self._play(
            _step_games,
            actions,
            fresh,
            (self._done, self.reached.rows, rows, masks, final),
            (max_pieces, final_rows is not None, self.rules.script, self.rules.compiled, layout),
            self._scratches,
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
            (self._done, self.reached.rows),
            (max_pieces, restart, self.rules.script, self.rules.compiled),
            self._scratches,
        )

    def state(self, index: int) -> GameState:
        """Copies one game out."""
        row = self.rows[index]
        return GameState(
            columns=tuple(row[COLUMNS:].tolist()),
            queue=tuple(row[QUEUE : QUEUE + 1 + self.rules.preview].tolist()),
            held=int(row[HELD]) - 1 if row[HELD] else None,
            score=int(row[SCORE]),
            back_to_back=bool(row[BACK_TO_BACK]),
            combo=int(row[COMBO]),
            bag=int(row[BAG]),
            stream=tuple(row[STREAM : STREAM + N_STREAM_WORDS].tolist()),
            lines=int(row[LINES]),
            pieces=int(row[N_PLACED]),
            over=bool(row[OVER]),
        )

    def restore(self, index: int, state: GameState) -> None:
        """Puts a copied game back.

        Raises:
            GameError: if the state does not fit these rules; the batch is then as it was.
        """
        require_fitting(state, self.rules)
        row = self.rows[index]
        row[:] = 0
        row[COLUMNS:] = state.columns
        row[QUEUE : QUEUE + len(state.queue)] = state.queue
        row[HELD] = 0 if state.held is None else state.held + 1
        row[SCORE], row[BACK_TO_BACK], row[COMBO] = state.score, state.back_to_back, state.combo
        row[BAG] = state.bag
        row[STREAM : STREAM + N_STREAM_WORDS] = state.stream
        row[LINES] = state.lines
        row[N_PLACED] = state.pieces
        row[OVER] = state.over

    def set_board(self, index: int, columns: Columns) -> None:
        """Replaces one game's board, for tests, puzzles and replays; all else stays.

        Raises:
            GameError: if the board does not fit.
        """
        state = self.state(index)
        board = tuple(int(column) for column in columns)
        self.restore(index, GameState(**{**{f: getattr(state, f) for f in state.__slots__}, "columns": board}))
