"""Many games at once: their state, and one native call that advances them all.

A batch is one ``(n, 15 + width) int64`` array, a game a row: ``GAME_FIELDS`` says what lies where, and the columns of
the board close the row. Each game draws from its own stream and never looks at a neighbour, so that it is the same in
a batch of any size. A row copied out of a batch and put back gives the same future.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.afterstates import landing_row, make_scratch, remove_full_rows, write_mask, write_rows
from tetrarium.engine.bits import bit_length, popcount
from tetrarium.engine.boards import Columns
from tetrarium.engine.borrowing import borrowed
from tetrarium.engine.features import Layout
from tetrarium.engine.jit import kernel, small_kernel
from tetrarium.engine.pieces import (
    BOTTOMS,
    COLUMN_BITS,
    MAX_ORIENTATIONS,
    N_ORIENTATIONS,
    N_PIECES,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
)
from tetrarium.engine.rules import SCRIPTED, SEVEN_BAG, Rules
from tetrarium.engine.states import GameState, Move, require_fitting
from tetrarium.engine.streams import N_STREAM_WORDS, draw_below, make_stream
from tetrarium.errors import GameError

__all__ = ["MAX_PREVIEW", "GameState", "Games", "nearest_action", "place_piece", "start_game"]

MAX_PREVIEW: Final = 6

GameRows = npt.NDArray[np.int64]  # (n, 15 + width)

# Where each field of a game starts in its row.
STREAM: Final = 0  # four words of random state
BAG: Final = 4  # 7-bag: set of the pieces still in the bag; script: place of the next piece; otherwise 0
LINES: Final = 5  # rows cleared in this game
N_PLACED: Final = 6  # pieces placed in this game
OVER: Final = 7  # 1 once the game has ended
QUEUE: Final = 8  # current piece, then up to six that are known to follow; unused places hold 0
COLUMNS: Final = QUEUE + 1 + MAX_PREVIEW  # the board, one word a column

# What one step did to a game, before it was started anew: fields of an (n, 6) array.
_PLAYED: Final = 0
_STEP_LINES: Final = 1
_NEW_HOLES: Final = 2
_ADDED_HEIGHT: Final = 3
_STEP_OVER: Final = 4
_STEP_CUT: Final = 5
_N_STEP_FIELDS: Final = 6

_FULL_BAG: Final = (1 << N_PIECES) - 1
# (128, 7) [bag, k] the k-th piece in the bag: looked up, because a loop of a random length costs more
_BAG_PIECES: Final = np.array(
    [sorted(range(N_PIECES), key=lambda piece: (not bag >> piece & 1, piece)) for bag in range(_FULL_BAG + 1)]
)


@small_kernel
def _draw_piece(games, index, script, rules):  # type: ignore[no-untyped-def]
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
        games[index, QUEUE + k] = _draw_piece(games, index, script, rules)


@small_kernel
def nearest_action(piece, action, width):  # type: ignore[no-untyped-def]
    """The legal action nearest to any action in range: rotation modulo the orientations, then the nearest column."""
    rotation = action & (N_ORIENTATIONS[piece] - 1)  # orientations are 1, 2 or 4
    left = min(action // MAX_ORIENTATIONS, width - PIECE_WIDTHS[piece, rotation])
    return MAX_ORIENTATIONS * left + rotation


@kernel
def place_piece(games, index, action, script, rules):  # type: ignore[no-untyped-def]
    """Plays a legal action and draws the next piece; returns the lines that it cleared.

    A piece that rests with a cell above the visible rows ends the game and clears nothing.
    """
    return _place(games, index, action, script, rules)[0]


@small_kernel
def _place(games, index, action, script, rules):  # type: ignore[no-untyped-def]
    """The same; returns (lines, new holes, added height)."""
    columns = games[index, COLUMNS:]
    piece = games[index, QUEUE]
    rotation = action & (MAX_ORIENTATIONS - 1)
    left = action // MAX_ORIENTATIONS
    height_t = _height(columns, rules.width)
    bottom = landing_row(columns, piece, rotation, left)
    new_holes = 0
    for i in range(PIECE_WIDTHS[piece, rotation]):
        new_holes += bottom + BOTTOMS[piece, rotation, i] - bit_length(columns[left + i])
        columns[left + i] |= COLUMN_BITS[piece, rotation, i] << bottom
    games[index, N_PLACED] += 1
    n_lines = 0
    height_tp1 = max(height_t, bottom + PIECE_HEIGHTS[piece, rotation])
    if bottom + PIECE_HEIGHTS[piece, rotation] > rules.height:
        games[index, OVER] = 1
    elif _full_rows(columns, rules.width) != 0:
        new_holes -= _holes(columns, rules.width)
        n_lines = remove_full_rows(columns, rules.width)
        new_holes += _holes(columns, rules.width)
        height_tp1 = _height(columns, rules.width)
        games[index, LINES] += n_lines
    for k in range(rules.preview):
        games[index, QUEUE + k] = games[index, QUEUE + k + 1]
    games[index, QUEUE + rules.preview] = _draw_piece(games, index, script, rules)
    return n_lines, new_holes, height_tp1 - height_t


@small_kernel
def _full_rows(columns, width):  # type: ignore[no-untyped-def]
    full = -1
    for x in range(width):
        full &= columns[x]
    return full


@small_kernel
def _height(columns, width):  # type: ignore[no-untyped-def]
    filled = 0
    for x in range(width):
        filled |= columns[x]
    return bit_length(filled)


@kernel
def _holes(columns, width):  # type: ignore[no-untyped-def]
    n_holes = 0
    for x in range(width):
        n_holes += bit_length(columns[x]) - popcount(columns[x])
    return n_holes


@kernel
def _observe(games, index, rules, layout, scratch, rows, mask):  # type: ignore[no-untyped-def]
    if games[index, OVER]:
        rows[:] = -1.0
        mask[:] = False
    else:
        write_mask(games[index, QUEUE], rules.width, mask)
        queue = games[index, QUEUE : QUEUE + 1 + rules.preview]
        write_rows(games[index, COLUMNS:], queue, rules, layout, scratch, rows)


@kernel
def _observe_games(games, rules, layout, scratch, rows, masks):  # type: ignore[no-untyped-def]
    games, layout, scratch = borrowed(games), borrowed(layout), borrowed(scratch)
    rows, masks = borrowed(rows), borrowed(masks)
    for index in range(games.shape[0]):
        _observe(games, index, rules, layout, scratch, rows[index], masks[index])


@small_kernel
def _refused(games, actions, fresh, rules):  # type: ignore[no-untyped-def]
    """The first game that cannot take its action, or -1."""
    for index in range(games.shape[0]):
        if not fresh[index] and (games[index, OVER] or not 0 <= actions[index] < MAX_ORIENTATIONS * rules.width):
            return index
    return -1


@small_kernel
def _advance(games, index, action, fresh, max_pieces, script, rules, done, reached):  # type: ignore[no-untyped-def]
    """Plays an action, or starts the game anew, and notes what that did; returns whether the game ended or was cut."""
    n_lines, new_holes, added_height, played = 0, 0, 0, 0
    if fresh:
        start_game(games, index, script, rules)
    else:
        played = nearest_action(games[index, QUEUE], action, rules.width)
        n_lines, new_holes, added_height = _place(games, index, played, script, rules)
    over = games[index, OVER]
    cut = 1 if not over and games[index, N_PLACED] >= max_pieces else 0
    done[index, _PLAYED] = played
    done[index, _STEP_LINES] = n_lines
    done[index, _NEW_HOLES] = new_holes
    done[index, _ADDED_HEIGHT] = added_height
    done[index, _STEP_OVER] = over
    done[index, _STEP_CUT] = cut
    for k in range(games.shape[1]):
        reached[index, k] = games[index, k]
    return over or cut


@kernel
def _advance_games(games, actions, fresh, max_pieces, restart, script, rules, done, reached):  # type: ignore[no-untyped-def]
    games, actions, fresh, script = borrowed(games), borrowed(actions), borrowed(fresh), borrowed(script)
    done, reached = borrowed(done), borrowed(reached)
    refused = _refused(games, actions, fresh, rules)
    if refused >= 0:
        return refused
    for index in range(games.shape[0]):
        ended = _advance(games, index, actions[index], fresh[index], max_pieces, script, rules, done, reached)
        if restart and ended:
            start_game(games, index, script, rules)
    return -1


@kernel
def _step_games(  # type: ignore[no-untyped-def]
    games, actions, fresh, max_pieces, restart, script, rules, layout, scratch, done, reached, rows, masks, final_rows
):
    games, actions, fresh, script, layout, scratch = (
        borrowed(games),
        borrowed(actions),
        borrowed(fresh),
        borrowed(script),
        borrowed(layout),
        borrowed(scratch),
    )
    done, reached, rows, masks, final_rows = (
        borrowed(done),
        borrowed(reached),
        borrowed(rows),
        borrowed(masks),
        borrowed(final_rows),
    )
    refused = _refused(games, actions, fresh, rules)
    if refused >= 0:
        return refused
    for index in range(games.shape[0]):
        ended = _advance(games, index, actions[index], fresh[index], max_pieces, script, rules, done, reached)
        if restart and ended:
            _observe(games, index, rules, layout, scratch, final_rows[index], masks[index])
            start_game(games, index, script, rules)
        _observe(games, index, rules, layout, scratch, rows[index], masks[index])
    return -1


class _GameViews:
    """Names for the parts of an ``(n, 15 + width)`` array of games; all are views that can be written to."""

    def __init__(self, rows: GameRows, preview: int) -> None:
        self.rows = rows
        self.lines = rows[:, LINES]  # (n,) rows cleared in each game
        self.pieces = rows[:, N_PLACED]  # (n,) pieces placed in each game
        self.over = rows[:, OVER]  # (n,) 1 once a game has ended
        self.queue = rows[:, QUEUE : QUEUE + 1 + preview]  # (n, 1 + preview) the current piece first
        self.columns = rows[:, COLUMNS:]  # (n, width) bit r = row r


class Games(_GameViews):
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

    Raises:
        GameError: if there is no game.
        ConfigError: if the seed or a number is negative.
    """

    def __init__(self, rules: Rules, seed: int, numbers: Sequence[int]) -> None:
        if len(numbers) == 0:
            raise GameError("A batch has at least one game; got 0. Ask for 1 or more.")
        super().__init__(np.zeros((len(numbers), COLUMNS + rules.width), dtype=np.int64), rules.preview)
        self.rules = rules
        self.reached = _GameViews(np.zeros_like(self.rows), rules.preview)  # each game after the step, before a restart
        self._scratch = make_scratch(rules.width)
        self._none_fresh = np.zeros(len(numbers), dtype=np.bool_)
        self._done = np.zeros((len(numbers), _N_STEP_FIELDS), dtype=np.int64)
        self.played = self._done[:, _PLAYED]  # (n,) the action that the last step played
        self.step_lines = self._done[:, _STEP_LINES]  # (n,) rows that it cleared
        self.new_holes = self._done[:, _NEW_HOLES]  # (n,) holes after it less holes before
        self.added_height = self._done[:, _ADDED_HEIGHT]  # (n,) highest column after it less before
        self.step_over = self._done[:, _STEP_OVER]  # (n,) 1 where it ended the game
        self.step_cut = self._done[:, _STEP_CUT]  # (n,) 1 where it reached the piece limit without ending the game
        self.reseed(seed, numbers)

    @property
    def n_games(self) -> int:
        """How many games there are."""
        return len(self.rows)

    @property
    def n_actions(self) -> int:
        """``4 * width``: an action is ``4 * column + rotation``."""
        return MAX_ORIENTATIONS * self.rules.width

    def reseed(self, seed: int, numbers: Sequence[int]) -> None:
        """Starts every game anew with the streams of these numbers."""
        for index, number in enumerate(numbers):
            self.reseed_one(index, seed, number)

    def reseed_one(self, index: int, seed: int, number: int) -> None:
        """Starts one game anew with the stream of this number."""
        self.rows[index, STREAM : STREAM + N_STREAM_WORDS] = make_stream(seed, number)
        self.restart(index)

    def restart(self, index: int) -> None:
        """Starts one game anew; its stream goes on."""
        self.start(self.rows, index)

    def start(self, rows: GameRows, index: int) -> None:
        """Starts a game anew in rows that need not be these; its stream goes on."""
        start_game(rows, index, self.rules.script, self.rules.compiled)

    def observe(self, layout: Layout, rows: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_]) -> None:
        """Writes every game's afterstates to ``rows (n, 4 * width, row length)`` and legal actions to ``masks``."""
        _observe_games(self.rows, self.rules.compiled, layout, self._scratch, rows, masks)

    def place(self, index: int, action: int) -> int:
        """Plays one action in one game, an illegal one as the nearest; returns the rows that it cleared."""
        self._require_playable(index, action)
        legal = nearest_action(int(self.queue[index, 0]), action, self.rules.width)
        return int(place_piece(self.rows, index, legal, self.rules.script, self.rules.compiled))

    def nearest(self, index: int, action: int) -> int:
        """The legal action nearest to one in range; the same where it is legal."""
        return int(nearest_action(int(self.queue[index, 0]), action, self.rules.width))

    def move(self, index: int, action: int) -> Move:
        """Does what ``place`` does; returns all that it did."""
        state_t = self.state(index)
        played = self.nearest(index, action)
        lines_placement = self.place(index, action)
        return Move(state_t=state_t, action=played, lines_placement=lines_placement, state_tp1=self.state(index))

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
            actions: ``(n,)`` in ``[0, 4 * width)``; one that is not legal is played as the nearest that is.
            layout: Which features, and where.
            rows: ``(n, 4 * width, row length) float32``, written: the afterstates of the games to be played on.
            masks: ``(n, 4 * width) bool``, written: their legal actions.
            max_pieces: A game that reaches this many pieces is cut.
            final_rows: like ``rows``, written only where a game ended or was cut: its own last afterstates. Such games
                are then started anew; without it they stay as they are.
            fresh: ``(n,) bool``, games that start anew instead, whatever their action, even if they have ended.

        Raises:
            GameError: if an action is out of range or a game has ended. Nothing has been played then.
        """
        self._require_one_each(actions)
        refused = _step_games(
            self.rows,
            actions,
            self._none_fresh if fresh is None else fresh,
            max_pieces,
            final_rows is not None,
            self.rules.script,
            self.rules.compiled,
            layout,
            self._scratch,
            self._done,
            self.reached.rows,
            rows,
            masks,
            rows if final_rows is None else final_rows,
        )
        if refused >= 0:
            self._require_playable(refused, int(actions[refused]))

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
        self._require_one_each(actions)
        refused = _advance_games(
            self.rows,
            actions,
            self._none_fresh if fresh is None else fresh,
            max_pieces,
            restart,
            self.rules.script,
            self.rules.compiled,
            self._done,
            self.reached.rows,
        )
        if refused >= 0:
            self._require_playable(refused, int(actions[refused]))

    def _require_one_each(self, actions: npt.NDArray[np.int64]) -> None:
        if actions.shape != self.over.shape:
            raise GameError(f"Each of {self.n_games} games takes one action; got shape {actions.shape}. Pass one each.")

    def _require_playable(self, index: int, action: int) -> None:
        if self.over[index]:
            raise GameError("A game that has ended takes no action. Reset it first.")
        if not 0 <= action < self.n_actions:
            raise GameError(
                f"An action is from 0 to {self.n_actions - 1}; got {action}. Choose one that the mask allows."
            )

    def state(self, index: int) -> GameState:
        """Copies one game out."""
        row = self.rows[index]
        return GameState(
            columns=tuple(row[COLUMNS:].tolist()),
            queue=tuple(row[QUEUE : QUEUE + 1 + self.rules.preview].tolist()),
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
