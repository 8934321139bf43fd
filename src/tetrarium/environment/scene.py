"""What a picture of a game shows, before it becomes pixels or characters.

A grid of cells is ``(n_rows, width) int8``, row 0 at the bottom: ``EMPTY``, a piece from 0 to 6 that left the cell, or
``FILLED`` where nobody knows which. The engine's boards hold bits only, so a watcher that wants colours lets a
``ColourBoard`` follow the game. A scene has four rows above the visible ones: there the current piece hovers, and there
lie the cells that ended a game.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tetrarium.engine import GameState, KeyMove, KeyState, Move
from tetrarium.engine.afterstates import landing_row
from tetrarium.engine.boards import Columns, board_cells
from tetrarium.engine.colouring import EMPTY, FILLED, ROWS_ABOVE, CellGrid, filled_columns
from tetrarium.engine.pieces import MAX_ORIENTATIONS, PIECE_HEIGHTS, PIECE_WIDTHS, orientation_cells
from tetrarium.errors import GameError

__all__ = [
    "EMPTY",
    "FILLED",
    "PIECE_COLOURS",
    "ROWS_ABOVE",
    "CellGrid",
    "Cells",
    "Colour",
    "ColourBoard",
    "Scene",
    "make_scene",
    "move_looks",
    "state_looks",
    "with_thousands",
]

Colour = tuple[int, int, int]  # red, green, blue, 0–255
Cells = tuple[tuple[int, int], ...]  # (column, row)

# The Tetris guideline's hues, in the order of PIECES: cyan, yellow, purple, orange, blue, green, red.
PIECE_COLOURS: Final[tuple[Colour, ...]] = (
    (41, 182, 214),
    (235, 190, 45),
    (164, 92, 214),
    (238, 140, 48),
    (70, 110, 226),
    (84, 186, 88),
    (226, 76, 82),
)


class ColourBoard:
    """Follows one game's placements and line clears, and remembers which piece left each cell.

    >>> board = ColourBoard(width=4, height=4)
    >>> board.place(piece=1, rotation=0, column=0), board.place(piece=2, rotation=0, column=1)
    (0, 0)
    >>> board.cells[:4].tolist()
    [[1, 1, -1, -1], [1, 1, -1, -1], [-1, 2, 2, 2], [-1, -1, 2, -1]]

    Args:
        width: Columns.
        height: Visible rows; a piece that rests with a cell above them clears nothing.
        columns: ``(width,) int64`` board to begin with, its cells ``FILLED``; without it the board is empty.
    """

    def __init__(self, width: int, height: int, columns: Columns | None = None) -> None:
        self.height = height
        self.cells: CellGrid = np.full((height + ROWS_ABOVE, width), EMPTY, dtype=np.int8)
        if columns is not None:
            self.cells[board_cells(columns, len(self.cells))] = FILLED

    def place(self, piece: int, rotation: int, column: int) -> int:
        """Drops a piece with its leftmost cell in ``column``; returns the rows that it cleared.

        Raises:
            GameError: if the piece does not fit between the walls, or the game has ended.
        """
        width = self.cells.shape[1]
        piece_width = int(PIECE_WIDTHS[piece, rotation])
        if not 0 <= column <= width - piece_width:
            raise GameError(f"The piece fits in columns 0 to {width - piece_width}; got {column}. Choose one of these.")
        if (self.cells[self.height :] != EMPTY).any():
            raise GameError("A game that has ended takes no piece. Make a new board.")
        bottom = int(landing_row(filled_columns(self.cells), piece, rotation, column))
        for x, y in orientation_cells(piece, rotation):
            self.cells[bottom + y, column + x] = piece
        if bottom + PIECE_HEIGHTS[piece, rotation] > self.height:
            return 0
        return self._remove_full_rows()

    def follow(self, move: Move | KeyMove) -> None:
        """Takes in a placement, or a key step that may have locked a piece."""
        if move.piece is not None and move.placement is not None:
            lock = move.placement
            self.rest(move.piece, lock.rotation, lock.column, lock.row, clears=move.lines_placement > 0)

    def rest(self, piece: int, rotation: int, column: int, row: int, *, clears: bool) -> int:
        """Leaves a piece where it locked; returns the rows that it cleared.

        Cells above the grid are forgotten.

        Args:
            piece: Which.
            rotation: How it lies.
            column: Of its leftmost cell.
            row: Of its lowest cell.
            clears: Whether full rows go.
        """
        for x, y in orientation_cells(piece, rotation):
            if row + y < len(self.cells):
                self.cells[row + y, column + x] = piece
        return self._remove_full_rows() if clears else 0

    def _remove_full_rows(self) -> int:
        kept = self.cells[(self.cells == EMPTY).any(axis=1)]
        n_lines = len(self.cells) - len(kept)
        self.cells[:] = EMPTY
        self.cells[: len(kept)] = kept
        return n_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One moment of a game, laid out on the visible rows and ``ROWS_ABOVE`` more."""

    cells: CellGrid  # (height + ROWS_ABOVE, width) int8
    piece: int  # the current one
    hovering: Cells  # where the current piece waits above the visible rows, or falls; none once the game has ended
    ghost: Cells  # where it is about to rest; none without an action


def make_scene(
    columns: Columns,
    height: int,
    piece: int,
    action: int | None = None,
    colours: CellGrid | None = None,
    falling: tuple[Cells, Cells] | None = None,
    row: int | None = None,
) -> Scene:
    """Lays out a board and the piece that is about to be placed.

    Args:
        columns: ``(width,) int64`` board.
        height: Visible rows.
        piece: The current piece.
        action: Where the piece is about to go, ``4 * column + rotation``; without it the piece hovers in the middle.
        colours: ``(rows, width) int8`` cells of a ``ColourBoard``; without them, and in rows that they lack, filled
            cells are ``FILLED``. The columns say what is filled.
        falling: In a game by keys, where the current piece is and where it would come to rest, whatever the action;
            what is higher than a scene is left out, and so is the ghost where the piece is.
        row: Of the lowest cell of the ghost, where the piece does not fall straight down.

    Raises:
        GameError: if the colours are not of this width, or the action is not legal.
    """
    width = len(columns)
    filled = board_cells(columns, height + ROWS_ABOVE)
    cells = np.where(filled, np.int8(FILLED), np.int8(EMPTY))
    if colours is not None:
        if colours.ndim != 2 or colours.shape[1] != width:
            raise GameError(f"Colours are a grid {width} columns wide; got shape {colours.shape}. Pass this board's.")
        known = colours[: len(cells)]
        cells[: len(known)] = np.where(filled[: len(known)] & (known != EMPTY), known, cells[: len(known)])
    if falling is not None:
        at, ghost = (tuple(cell for cell in part if cell[1] < len(cells)) for part in falling)
        return Scene(cells=cells, piece=piece, hovering=at, ghost=tuple(cell for cell in ghost if cell not in at))
    if filled[height:].any() and row is None:
        return Scene(cells=cells, piece=piece, hovering=(), ghost=())
    rotation, column = 0, (width - int(PIECE_WIDTHS[piece, 0])) // 2
    if action is not None:
        column, rotation = divmod(action, MAX_ORIENTATIONS)
        if not 0 <= column <= width - PIECE_WIDTHS[piece, rotation]:
            raise GameError(f"The ghost of an action lies on the board; got action {action}. Choose one that is legal.")
    hovering = _shifted(piece, rotation, column, height)
    if action is None:
        return Scene(cells=cells, piece=piece, hovering=hovering, ghost=())
    bottom = int(landing_row(columns, piece, rotation, column)) if row is None else row
    ghost = tuple(cell for cell in _shifted(piece, rotation, column, bottom) if cell[1] < len(cells))
    if any(filled[y, x] for x, y in hovering):
        hovering = ()
    return Scene(cells=cells, piece=piece, hovering=hovering, ghost=ghost)


def state_looks(state: GameState, *, can_hold: bool) -> dict[str, Any]:
    """What a picture shows of a state beside board, queue and counts, as arguments of ``render_rgb``."""
    if not isinstance(state, KeyState):
        return {"can_hold": can_hold, "hold": state.held} if can_hold else {}
    return {
        "falling": (state.falling, state.ghost),
        "can_hold": can_hold,
        "hold": state.held,
        "score": state.score,
    }


def move_looks(move: Move | KeyMove, *, can_hold: bool) -> dict[str, Any]:
    """What a picture shows of a move that is about to be made, as arguments of ``render_rgb``.

    A placement is seen with the pieces as they are once it is chosen: after a hold the other piece is the current one.
    """
    if not isinstance(move, Move):
        return {"queue": move.state_t.queue, **state_looks(move.state_t, can_hold=can_hold)}
    placement = move.placement
    return {
        "queue": (move.piece, *move.state_tp1.queue[:-1]),
        "action": MAX_ORIENTATIONS * placement.column + placement.rotation,
        "row": placement.row,
        **state_looks(move.state_tp1, can_hold=can_hold),
    }


def with_thousands(numbers: Sequence[tuple[str, int | None]]) -> list[tuple[str, str]]:
    """Keeps the numbers that there are, written as people read them."""
    return [(label, f"{number:,}") for label, number in numbers if number is not None]


def _shifted(piece: int, rotation: int, column: int, row: int) -> Cells:
    return tuple((column + x, row + y) for x, y in orientation_cells(piece, rotation))
