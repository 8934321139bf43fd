"""Tracker of the piece identity of each cell, by replaying the actions of a game.

Boards of the engine are bit masks. A ``BoardTracker`` replays a game, some ten million straight drops per second, and
maintains a grid of cells: ``(n_rows, width) int8``, row 0 at the bottom, each cell a piece, ``EMPTY``, or ``FILLED``
where the piece is unknown. So a viewer who joins a long game sees its colors at once.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.batches import IndependentCopies
from tetrarium.engine.boards import Columns, board_cells
from tetrarium.engine.compiling import kernel
from tetrarium.engine.pieces import (
    COLUMN_BITS,
    N_CELLS,
    N_PIECES,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
    PIECES,
    orientation_cells,
)
from tetrarium.engine.placement.game_kernels import play_action
from tetrarium.engine.placement.hold_and_spawn import make_game_scratch
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.rules import Rules
from tetrarium.engine.scoring import CLEAR_POINTS, LINES_PER_LEVEL
from tetrarium.engine.state_layout import COLUMNS, HELD, LINES, N_PLACED, QUEUE, SCORE, STREAM, TERMINATED, start_game
from tetrarium.errors import GameError

CellGrid = npt.NDArray[np.int8]

EMPTY: Final = -1
FILLED: Final = N_PIECES
ROWS_ABOVE: Final = 4
_SIGNS: Final = f"{PIECES}x".encode().ljust(256, b".")  # by the byte of a cell; that of EMPTY is 255
_SCORE: Final = 0  # fields of the counters, an array beside the grid
_CLEARED: Final = 1  # bit mask of the rows that the latest placement cleared
_CELLS: Final = 2  # cells that it filled, row * width + column
_N_COUNTERS: Final = _CELLS + N_CELLS


@kernel
def _follow(games, actions, script, rules, scratch, grid, counters):
    """Plays actions in the first game and updates the grid."""
    for action in actions:
        if games[0, TERMINATED]:
            break
        lines_before = games[0, LINES]
        _, n_lines, _, _, piece, rotation, left, bottom, _ = play_action(games, 0, action, script, rules, scratch)
        n_cells = 0
        for i in range(PIECE_WIDTHS[piece, rotation]):
            for y in range(PIECE_HEIGHTS[piece, rotation]):
                if COLUMN_BITS[piece, rotation, i] >> y & 1:
                    grid[bottom + y, left + i] = piece
                    counters[_CELLS + n_cells] = (bottom + y) * rules.width + left + i
                    n_cells += 1
        counters[_CLEARED] = 0
        if n_lines:
            counters[_SCORE] += CLEAR_POINTS[n_lines] * (1 + lines_before // LINES_PER_LEVEL)
            counters[_CLEARED] = _remove_full(grid)


@kernel
def _find_rests(games, actions, script, rules, scratch, spare, rests):
    """Writes the lock position of each action: piece, rotation, left column, row of the lowest cell."""
    for k in range(actions.shape[0]):
        for i in range(games.shape[1]):  # one by one: views need counted references, which kernels do without
            spare[0, i] = games[0, i]
        _, _, _, _, piece, rotation, left, bottom, _ = play_action(spare, 0, actions[k], script, rules, scratch)
        rests[k, 0], rests[k, 1], rests[k, 2], rests[k, 3] = piece, rotation, left, bottom


@kernel
def _remove_full(grid):
    """Removes full rows, lets the rows above fall, and returns the removed rows as a mask, bit r = row r."""
    cleared = 0
    to = 0
    for row in range(grid.shape[0]):
        is_full = True
        for x in range(grid.shape[1]):
            is_full = is_full and grid[row, x] != EMPTY
        if is_full:
            cleared |= 1 << row
        else:
            for x in range(grid.shape[1]):
                grid[to, x] = grid[row, x]
            to += 1
    for row in range(to, grid.shape[0]):
        for x in range(grid.shape[1]):
            grid[row, x] = EMPTY
    return cleared


def encode_cells(grid: CellGrid) -> str:
    """Encodes a grid as one character per cell, row 0 first: a piece's letter, 'x' if unknown, '.' if empty."""
    return grid.tobytes().translate(_SIGNS).decode()


def decode_cells(cells: str, width: int) -> CellGrid:
    """Decodes the text of ``encode_cells``.

    >>> decode_cells("IO.x", width=2).tolist()
    [[0, 1], [-1, 7]]

    Raises:
        GameError: if there is another sign, or a row is not whole.
    """
    strange = sorted(set(cells) - set(f"{PIECES}x."))
    if strange or len(cells) % width:
        got = repr(strange[0]) if strange else f"{len(cells)} cells"
        raise GameError(f"A grid is rows of {width} of the signs {PIECES}x.; got {got}. Pass what a worker showed.")
    grid = np.array([f"{PIECES}x".find(sign) for sign in cells], dtype=np.int8)
    return grid.reshape(-1, width)


def filled_columns(grid: CellGrid) -> Columns:
    """Returns the ``(width,) int64`` board of a grid."""
    filled = (grid != EMPTY).astype(np.int64)
    columns: Columns = (filled << np.arange(len(grid))[:, None]).sum(axis=0)
    return columns


class BoardTracker(IndependentCopies):
    """Replay of one game with the piece identities of its board.

    >>> tracker = BoardTracker(Rules(width=4, height=4, hidden_rows=4, randomizer="O", preview=1))
    >>> tracker.follow([0])
    >>> encode_cells(tracker.grid)[:8], tracker.placed
    ('OO..OO..', (0, 4, 1, 5))
    >>> tracker.follow([4 * 2])
    >>> encode_cells(tracker.grid)[:8], tracker.cleared_rows, tracker.score, tracker.lines
    ('........', (0, 1), 300, 2)

    Args:
        rules: Rules of the game.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._games = np.zeros((1, COLUMNS + rules.width), dtype=np.int64)
        self._spare = self._games.copy()
        self._scratch = make_game_scratch(rules)
        self._counters_array = np.zeros(_N_COUNTERS, dtype=np.int64)
        n_rows = rules.height + rules.hidden_rows + ROWS_ABOVE  # a piece that ends the game may lie above the board
        self._cells: CellGrid = np.full((n_rows, rules.width), EMPTY, dtype=np.int8)
        self.begin(np.ones(N_STREAM_WORDS, dtype=np.int64))

    def warm(self) -> None:
        """Loads or compiles the kernels ahead of the first use."""
        self.resting_cells(np.zeros(1, dtype=np.int64))
        self.follow([0])
        self._games[:] = 0
        self._cells[:] = EMPTY

    def begin(self, stream: npt.NDArray[np.int64] | Sequence[int]) -> None:
        """Starts a new game.

        Args:
            stream: ``(4,) int64``, the state of its random stream at the start.
        """
        self._games[0, STREAM : STREAM + N_STREAM_WORDS] = stream
        start_game(self._games, 0, self._rules.script, self._rules.compiled)
        self._cells[:] = EMPTY
        self._reset_counters()

    def begin_at(self, state: npt.NDArray[np.int64]) -> None:
        """Starts in the middle of a game, with ``FILLED`` for its cells.

        Args:
            state: ``(COLUMNS + width,) int64``, the row of the game in its batch.
        """
        self._games[0] = state
        self._cells[:] = np.where(board_cells(state[COLUMNS:], len(self._cells)), np.int8(FILLED), np.int8(EMPTY))
        self._reset_counters()

    def follow(self, actions: npt.NDArray[Any] | Sequence[int]) -> None:
        """Plays legal actions; those after the end of the game are ignored."""
        played = np.asarray(actions, dtype=np.int64)
        if len(played):
            rules = self._rules
            _follow(self._games, played, rules.script, rules.compiled, self._scratch, self._cells, self._counters_array)
            self._has_placed = True
            self._read_arrays()

    def resting_cells(self, actions: npt.NDArray[np.int64] | Sequence[int]) -> list[tuple[int, ...]]:
        """Returns the cells, ``row * width + column``, that each of these legal actions would fill."""
        tried = np.asarray(actions, dtype=np.int64)
        rests = np.empty((len(tried), 4), dtype=np.int64)
        rules = self._rules
        _find_rests(self._games, tried, rules.script, rules.compiled, self._scratch, self._spare, rests)
        return [
            self._shown((bottom + y) * rules.width + left + x for x, y in orientation_cells(piece, rotation))
            for piece, rotation, left, bottom in rests.tolist()
        ]

    @property
    def grid(self) -> CellGrid:
        """``(height + ROWS_ABOVE, width) int8``, the rows that are shown."""
        return self._cells[: self._rules.height + ROWS_ABOVE]

    def _shown(self, cells: Iterable[int]) -> tuple[int, ...]:
        """Returns the cells that lie in the shown rows."""
        return tuple(cell for cell in cells if cell < self.grid.size)

    @property
    def height(self) -> int:
        """Visible rows."""
        return self._rules.height

    @property
    def queue(self) -> tuple[int, ...]:
        """Current piece and preview."""
        return tuple(self._state[QUEUE : QUEUE + 1 + self._rules.preview])

    @property
    def hold(self) -> int | None:
        """Held piece, or None."""
        held = self._state[HELD]
        return held - 1 if held else None

    @property
    def columns(self) -> Columns:
        """``(width,) int64`` board."""
        columns: Columns = self._games[0, COLUMNS:]
        return columns

    @property
    def lines(self) -> int:
        """Lines cleared in this game."""
        return self._state[LINES]

    @property
    def pieces(self) -> int:
        """Pieces placed in this game."""
        return self._state[N_PLACED]

    @property
    def is_over(self) -> bool:
        """True once the game has ended."""
        return bool(self._state[TERMINATED])

    @property
    def score(self) -> int:
        """Points of the game; without guideline rules, those of the line clears since tracking began."""
        return self._state[SCORE] if self._rules.game_over == "guideline" else self._counters[_SCORE]

    @property
    def placed(self) -> tuple[int, ...]:
        """Cells that the latest placement filled, ``row * width + column``, before its line clears."""
        return self._shown(self._counters[_CELLS:]) if self._has_placed else ()

    @property
    def cleared_rows(self) -> tuple[int, ...]:
        """Rows that the latest placement cleared."""
        cleared = self._counters[_CLEARED]
        return tuple(row for row in range(cleared.bit_length()) if cleared >> row & 1) if cleared else ()

    def _reset_counters(self) -> None:
        self._counters_array[:] = 0
        self._has_placed = False
        self._read_arrays()

    def _read_arrays(self) -> None:
        """Converts both arrays to lists at once, because reading single elements costs as much as all."""
        self._state: list[int] = self._games[0].tolist()
        self._counters: list[int] = self._counters_array.tolist()
