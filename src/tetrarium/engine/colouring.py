"""Which piece left each cell of a board: follows one game's actions, however many it has to catch up with.

The engine's boards hold bits only. A ``GameFollower`` plays the same game once more, some ten million straight drops a
second, and keeps a grid of cells beside it: ``(n_rows, width) int8``, row 0 at the bottom, a piece, ``EMPTY`` or
``FILLED`` where nobody knows which. So whoever begins to watch in the middle of a long game sees its colours at once.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.boards import Columns, board_cells
from tetrarium.engine.choices import make_memory
from tetrarium.engine.game_rows import (
    COLUMNS,
    HELD,
    LINES,
    N_PLACED,
    OVER,
    QUEUE,
    SCORE,
    STREAM,
    start_game,
)
from tetrarium.engine.jit import kernel
from tetrarium.engine.modes import play_action
from tetrarium.engine.pieces import (
    COLUMN_BITS,
    N_CELLS,
    N_PIECES,
    PIECE_HEIGHTS,
    PIECE_WIDTHS,
    PIECES,
    orientation_cells,
)
from tetrarium.engine.rules import Rules
from tetrarium.engine.scoring import CLEAR_POINTS, LINES_PER_LEVEL
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.errors import GameError

__all__ = ["EMPTY", "FILLED", "ROWS_ABOVE", "CellGrid", "GameFollower", "cell_signs", "filled_columns", "read_signs"]

CellGrid = npt.NDArray[np.int8]

EMPTY: Final = -1
FILLED: Final = N_PIECES
ROWS_ABOVE: Final = 4
_SIGNS: Final = f"{PIECES}x".encode().ljust(256, b".")  # of a cell's byte; that of EMPTY is 255
_SCORE: Final = 0  # fields of what is kept beside the grid
_CLEARED: Final = 1  # set of the rows that the latest placement cleared
_CELLS: Final = 2  # cells that it filled, row * width + column
_N_KEPT: Final = _CELLS + N_CELLS


@kernel
def _follow(games, actions, script, rules, scratch, grid, kept):  # type: ignore[no-untyped-def]
    """Plays actions in the first game, and moves the grid along."""
    for action in actions:
        if games[0, OVER]:
            break
        lines_before = games[0, LINES]
        _, n_lines, _, _, piece, rotation, left, bottom, _ = play_action(games, 0, action, script, rules, scratch)
        n_cells = 0
        for i in range(PIECE_WIDTHS[piece, rotation]):
            for y in range(PIECE_HEIGHTS[piece, rotation]):
                if COLUMN_BITS[piece, rotation, i] >> y & 1:
                    grid[bottom + y, left + i] = piece
                    kept[_CELLS + n_cells] = (bottom + y) * rules.width + left + i
                    n_cells += 1
        kept[_CLEARED] = 0
        if n_lines:
            kept[_SCORE] += CLEAR_POINTS[n_lines] * (1 + lines_before // LINES_PER_LEVEL)
            kept[_CLEARED] = _remove_full(grid)


@kernel
def _find_rests(games, actions, script, rules, scratch, spare, rests):  # type: ignore[no-untyped-def]
    """Writes where each action brings a piece to rest: piece, rotation, left column, row of the lowest cell."""
    for k in range(actions.shape[0]):
        for i in range(games.shape[1]):  # one by one: views need counted references, which kernels do without
            spare[0, i] = games[0, i]
        _, _, _, _, piece, rotation, left, bottom, _ = play_action(spare, 0, actions[k], script, rules, scratch)
        rests[k, 0], rests[k, 1], rests[k, 2], rests[k, 3] = piece, rotation, left, bottom


@kernel
def _remove_full(grid):  # type: ignore[no-untyped-def]
    """Takes full rows out, lets what lies above fall, and returns which they were, bit r = row r."""
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


def cell_signs(grid: CellGrid) -> str:
    """Writes a grid as one sign a cell, row 0 first: the piece's letter, 'x' for an unknown one, '.' for none."""
    return grid.tobytes().translate(_SIGNS).decode()


def read_signs(cells: str, width: int) -> CellGrid:
    """Reads what ``cell_signs`` wrote.

    >>> read_signs("IO.x", width=2).tolist()
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
    """Returns the ``(width,) int64`` board that a grid has."""
    filled = (grid != EMPTY).astype(np.int64)
    columns: Columns = (filled << np.arange(len(grid))[:, None]).sum(axis=0)
    return columns


class GameFollower:
    """One game once more, with the colours of its board.

    >>> follower = GameFollower(Rules(width=4, height=4, hidden_rows=4, randomizer="O", preview=1))
    >>> follower.follow([0])
    >>> cell_signs(follower.grid)[:8], follower.placed
    ('OO..OO..', (0, 4, 1, 5))
    >>> follower.follow([4 * 2])
    >>> cell_signs(follower.grid)[:8], follower.cleared_rows, follower.score, follower.lines
    ('........', (0, 1), 300, 2)

    Args:
        rules: What is played.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._games = np.zeros((1, COLUMNS + rules.width), dtype=np.int64)
        self._spare = self._games.copy()
        self._scratch = make_memory(rules)
        self._kept = np.zeros(_N_KEPT, dtype=np.int64)
        n_rows = rules.height + rules.hidden_rows + ROWS_ABOVE  # a piece that ends the game may stick out of the space
        self._cells: CellGrid = np.full((n_rows, rules.width), EMPTY, dtype=np.int8)
        self.grid: CellGrid = self._cells[: rules.height + ROWS_ABOVE]  # what is shown of it
        self.begin(np.ones(N_STREAM_WORDS, dtype=np.int64))

    def warm(self) -> None:
        """Loads the kernels, or compiles them, before anybody waits for them."""
        self.resting_cells(np.zeros(1, dtype=np.int64))
        self.follow([0])
        self._games[:] = 0
        self._cells[:] = EMPTY

    def begin(self, stream: npt.NDArray[np.int64] | Sequence[int]) -> None:
        """Begins a new game.

        Args:
            stream: The four words that it starts with.
        """
        self._games[0, STREAM : STREAM + N_STREAM_WORDS] = stream
        start_game(self._games, 0, self._rules.script, self._rules.compiled)
        self._cells[:] = EMPTY
        self._note_begun()

    def begin_at(self, state: npt.NDArray[np.int64]) -> None:
        """Begins in the middle of a game, whose cells are ``FILLED``.

        Args:
            state: The game's ``(COLUMNS + width,)`` row in its batch.
        """
        self._games[0] = state
        self._cells[:] = np.where(board_cells(state[COLUMNS:], len(self._cells)), np.int8(FILLED), np.int8(EMPTY))
        self._note_begun()

    def follow(self, actions: npt.NDArray[Any] | Sequence[int]) -> None:
        """Plays legal actions; those after the game's end are let be."""
        played = np.asarray(actions, dtype=np.int64)
        if len(played):
            rules = self._rules
            _follow(self._games, played, rules.script, rules.compiled, self._scratch, self._cells, self._kept)
            self._has_placed = True
            self._note()

    def resting_cells(self, actions: npt.NDArray[np.int64] | Sequence[int]) -> list[tuple[int, ...]]:
        """The cells, ``row * width + column``, that a piece would fill by each of these legal actions."""
        tried = np.asarray(actions, dtype=np.int64)
        rests = np.empty((len(tried), 4), dtype=np.int64)
        rules = self._rules
        _find_rests(self._games, tried, rules.script, rules.compiled, self._scratch, self._spare, rests)
        return [
            self._shown((bottom + y) * rules.width + left + x for x, y in orientation_cells(piece, rotation))
            for piece, rotation, left, bottom in rests.tolist()
        ]

    def _shown(self, cells: Iterable[int]) -> tuple[int, ...]:
        """Those of the cells that the shown rows have."""
        return tuple(cell for cell in cells if cell < self.grid.size)

    @property
    def height(self) -> int:
        """Visible rows."""
        return self._rules.height

    @property
    def queue(self) -> tuple[int, ...]:
        """The pieces in view, the current one first."""
        return tuple(self._state[QUEUE : QUEUE + 1 + self._rules.preview])

    @property
    def hold(self) -> int | None:
        """The held piece, where there is one."""
        held = self._state[HELD]
        return held - 1 if held else None

    @property
    def columns(self) -> Columns:
        """``(width,) int64`` board."""
        columns: Columns = self._games[0, COLUMNS:]
        return columns

    @property
    def lines(self) -> int:
        """Rows cleared in this game."""
        return self._state[LINES]

    @property
    def pieces(self) -> int:
        """Pieces placed in this game."""
        return self._state[N_PLACED]

    @property
    def is_over(self) -> bool:
        """Whether the game has ended."""
        return bool(self._state[OVER])

    @property
    def score(self) -> int:
        """Points: the guideline's, or those for the rows that were cleared while it was followed."""
        return self._state[SCORE] if self._rules.game_over == "guideline" else self._beside[_SCORE]

    @property
    def placed(self) -> tuple[int, ...]:
        """Cells that the latest placement filled, ``row * width + column``, before rows vanished."""
        return self._shown(self._beside[_CELLS:]) if self._has_placed else ()

    @property
    def cleared_rows(self) -> tuple[int, ...]:
        """Rows that the latest placement cleared."""
        cleared = self._beside[_CLEARED]
        return tuple(row for row in range(cleared.bit_length()) if cleared >> row & 1) if cleared else ()

    def _note_begun(self) -> None:
        self._kept[:] = 0
        self._has_placed = False
        self._note()

    def _note(self) -> None:
        """Takes the numbers out of the arrays at once, because each by itself costs as much as all."""
        self._state: list[int] = self._games[0].tolist()
        self._beside: list[int] = self._kept.tolist()
