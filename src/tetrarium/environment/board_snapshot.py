"""The board of a game as shown at one moment: one description for pixels, terminal text, JSON and events.

A grid of cells is ``(n_rows, width) int8``, row 0 at the bottom: ``EMPTY``, the piece from 0 to 6 that left the cell,
or ``FILLED`` where that is unknown. The engine's boards hold bits only, so a ``PieceGrid`` follows the placements of a
game. A snapshot has four rows above the visible ones, for the current piece and for cells that ended a game.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Columns, GameState, KeyMove, KeyState, Move, board_cells, board_tracker
from tetrarium.engine.boards import landing_row
from tetrarium.engine.pieces import MAX_ORIENTATIONS, PIECE_HEIGHTS, PIECE_WIDTHS, orientation_cells
from tetrarium.errors import GameError
from tetrarium.events import BoardShown

Cells = tuple[tuple[int, int], ...]  # (column, row)


class PieceGrid:
    """Grid of cells that follows one game's placements and line clears.

    ``engine.board_tracker.BoardTracker`` replays a game's actions instead; it is faster, but knows no games by keys.

    >>> grid = PieceGrid(width=4, height=4)
    >>> grid.place(piece=1, rotation=0, column=0), grid.place(piece=2, rotation=0, column=1)
    (0, 0)
    >>> grid.cells[:4].tolist()
    [[1, 1, -1, -1], [1, 1, -1, -1], [-1, 2, 2, 2], [-1, -1, 2, -1]]

    Args:
        width: Columns.
        height: Visible rows; a piece that rests with a cell above them clears nothing.
        columns: ``(width,) int64`` board to begin with, its cells ``FILLED``; an empty board by default.
    """

    def __init__(self, width: int, height: int, columns: Columns | None = None) -> None:
        self.height = height
        self.cells: board_tracker.CellGrid = np.full(
            (height + board_tracker.ROWS_ABOVE, width), board_tracker.EMPTY, dtype=np.int8
        )
        if columns is not None:
            self.cells[board_cells(columns, len(self.cells))] = board_tracker.FILLED

    def place(self, piece: int, rotation: int, column: int) -> int:
        """Drops a piece with its leftmost cell in ``column``; returns the number of cleared rows.

        Raises:
            GameError: if the piece does not fit between the walls, or the game has ended.
        """
        width = self.cells.shape[1]
        piece_width = int(PIECE_WIDTHS[piece, rotation])
        if not 0 <= column <= width - piece_width:
            raise GameError(f"The piece fits in columns 0 to {width - piece_width}; got {column}. Choose one of these.")
        if (self.cells[self.height :] != board_tracker.EMPTY).any():
            raise GameError("A game that has ended takes no piece. Make a new board.")
        bottom = int(landing_row(board_tracker.filled_columns(self.cells), piece, rotation, column))
        clears = bottom + int(PIECE_HEIGHTS[piece, rotation]) <= self.height
        return self.lock(piece, rotation, column, bottom, clears=clears)

    def follow(self, move: Move | KeyMove) -> None:
        """Applies a placement, or a key step that may have locked a piece."""
        if move.piece is not None and move.placement is not None:
            lock = move.placement
            self.lock(move.piece, lock.rotation, lock.column, lock.row, clears=move.lines_placement > 0)

    def lock(self, piece: int, rotation: int, column: int, row: int, *, clears: bool) -> int:
        """Leaves a piece where it locked; returns the number of cleared rows.

        Cells above the grid are forgotten.

        Args:
            piece: 0 to 6.
            rotation: Clockwise turns from lying flat.
            column: Column of its leftmost cell.
            row: Row of its lowest cell.
            clears: Whether full rows vanish.
        """
        for x, y in _shifted(piece, rotation, column, row):
            if y < len(self.cells):
                self.cells[y, x] = piece
        return self._remove_full_rows() if clears else 0

    def _remove_full_rows(self) -> int:
        remaining = self.cells[(self.cells == board_tracker.EMPTY).any(axis=1)]
        n_lines = len(self.cells) - len(remaining)
        self.cells[:] = board_tracker.EMPTY
        self.cells[: len(remaining)] = remaining
        return n_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSnapshot:
    """One board at one moment."""

    cells: board_tracker.CellGrid  # (height + ROWS_ABOVE, width) int8, without the current piece
    height: int  # visible rows
    queue: tuple[int, ...]  # the current piece first
    current: Cells = ()  # cells of the current piece: above the board, or where it falls; none once the game has ended
    ghost: Cells = ()  # where the current piece is about to rest; none where that is undecided
    is_falling: bool = False  # whether the current piece moves by keys
    can_hold: bool = False  # whether there is a place for a held piece
    held: int | None = None
    lines: int  # rows cleared in this game
    pieces: int  # pieces placed in this game
    score: int | None = None  # points; None where they are not shown
    full_rows: tuple[int, ...] = ()  # about to vanish, drawn flashing

    @property
    def width(self) -> int:
        """Columns of the board."""
        return int(self.cells.shape[1])

    @property
    def counters(self) -> list[tuple[str, str]]:
        """Labels and formatted numbers of the counters that are shown."""
        counters = [("score", self.score), ("lines", self.lines), ("pieces", self.pieces)]
        return [(label, f"{number:,}") for label, number in counters if number is not None]

    @property
    def side_pieces(self) -> list[tuple[str, tuple[int, ...]]]:
        """Labels and pieces of what is shown beside the board: the pieces that follow, and the held one."""
        shown = [("next", self.queue[1:])] if len(self.queue) > 1 else []
        if self.can_hold or self.held is not None:
            shown.append(("hold", () if self.held is None else (self.held,)))
        return shown

    def cell_indices(self, cells: Cells) -> tuple[int, ...]:
        """Returns cells as ``row * width + column``, without those above the snapshot."""
        return tuple(row * self.width + column for column, row in cells if row < len(self.cells))

    def to_fields(self) -> dict[str, Any]:
        """Returns the fields that all events about a board share."""
        return {
            "width": self.width,
            "height": self.height,
            "cells": board_tracker.encode_cells(self.cells),
            "queue": self.queue,
            "held": self.held,
            "lines_game": self.lines,
            "pieces_game": self.pieces,
            "score_game": self.score,
        }


def make_snapshot(
    *,
    columns: Columns | Sequence[int],
    height: int,
    queue: Sequence[int],
    cells: board_tracker.CellGrid | None = None,
    action: int | None = None,
    row: int | None = None,
    falling: tuple[Cells, Cells] | None = None,
    full_rows: Sequence[int] = (),
    **shown: Any,
) -> BoardSnapshot:
    """Lays out a board and its current piece.

    Args:
        columns: ``(width,) int64`` board; it decides which cells are filled.
        height: Visible rows.
        queue: The current piece and the known ones after it.
        cells: ``(rows, width) int8`` pieces of the cells; those that it lacks are ``FILLED``.
        action: Intended placement, ``4 * column + rotation``; by default the piece hovers in the middle.
        row: Row of the ghost's lowest cell, where the piece does not drop straight down.
        falling: In a game by keys, cells of the current piece and of its ghost, whatever the action; cells above the
            snapshot are left out, and so is the ghost where the piece is.
        full_rows: Rows that are about to vanish; no current piece is shown beside them.
        **shown: Other fields of ``BoardSnapshot``.

    Raises:
        GameError: if the cells are not of this width, or the action is not legal.
    """
    board = np.asarray(columns, dtype=np.int64)
    grid = _known_cells(board, height + board_tracker.ROWS_ABOVE, cells)
    current: Cells = ()
    ghost: Cells = ()
    if falling is None and not full_rows:
        current, ghost = _waiting_piece(board, grid, height, queue[0], action, row)
    elif falling is not None:
        current, ghost = (tuple(cell for cell in part if cell[1] < len(grid)) for part in falling)
        ghost = tuple(cell for cell in ghost if cell not in current)
    return BoardSnapshot(
        cells=grid,
        height=height,
        queue=tuple(queue),
        current=current,
        ghost=ghost,
        is_falling=falling is not None,
        full_rows=tuple(full_rows),
        **shown,
    )


def state_snapshot(
    state: GameState, *, height: int, cells: board_tracker.CellGrid | None = None, can_hold: bool = False, **shown: Any
) -> BoardSnapshot:
    """Returns the snapshot of a game's state; ``shown`` are other arguments of ``make_snapshot``."""
    fields: dict[str, Any] = {"queue": state.queue, "lines": state.lines, "pieces": state.pieces, "can_hold": can_hold}
    if isinstance(state, KeyState):
        fields |= {"falling": (state.falling, state.ghost), "held": state.held, "score": state.score}
    elif can_hold:
        fields["held"] = state.held
    return make_snapshot(columns=state.columns, height=height, cells=cells, **(fields | shown))


def move_snapshot(
    move: Move | KeyMove, *, height: int, cells: board_tracker.CellGrid | None = None, can_hold: bool = False
) -> BoardSnapshot:
    """Returns the snapshot of a move that is about to be made.

    A placement is shown with the pieces after its choice: after a hold, the other piece is the current one.
    """
    if not isinstance(move, Move):
        return state_snapshot(move.state_t, height=height, cells=cells, can_hold=can_hold)
    placement = move.placement
    return state_snapshot(
        move.state_t,
        height=height,
        cells=cells,
        can_hold=can_hold,
        queue=(move.piece, *move.state_tp1.queue[:-1]),
        held=move.state_tp1.held if can_hold else None,
        action=MAX_ORIENTATIONS * placement.column + placement.rotation,
        row=placement.row,
    )


def line_clear_snapshot(snapshot: BoardSnapshot, cells: board_tracker.CellGrid, move: Move | KeyMove) -> BoardSnapshot:
    """Returns a snapshot with the board just before a move's full rows vanish, which are drawn flashing.

    Args:
        snapshot: Provides everything but the board.
        cells: The grid before the move.
        move: A placement that clears rows.
    """
    assert move.piece is not None
    assert move.placement is not None
    lock = move.placement
    cells = cells[: len(snapshot.cells)].copy()
    for column, row in _shifted(move.piece, lock.rotation, lock.column, lock.row):
        if row < len(cells):
            cells[row, column] = move.piece
    full_rows = tuple(np.flatnonzero((cells != board_tracker.EMPTY).all(axis=1)).tolist())
    return replace(snapshot, cells=cells, current=(), ghost=(), full_rows=full_rows)


def tracker_snapshot(tracker: board_tracker.BoardTracker) -> BoardSnapshot:
    """Returns the snapshot of a tracked game, without its current piece; it shares the tracker's grid."""
    return BoardSnapshot(
        cells=tracker.grid,
        height=tracker.height,
        queue=tracker.queue,
        held=tracker.hold,
        lines=tracker.lines,
        pieces=tracker.pieces,
        score=tracker.score,
    )


def event_snapshot(event: BoardShown) -> BoardSnapshot:
    """Returns the snapshot of a published board, its current piece waiting above it."""
    cells = board_tracker.decode_cells(event.cells, event.width)
    return make_snapshot(
        columns=board_tracker.filled_columns(cells),
        height=event.height,
        queue=event.queue,
        cells=cells,
        can_hold=event.held is not None,
        held=event.held,
        lines=event.lines_game,
        pieces=event.pieces_game,
    )


def _known_cells(columns: Columns, n_rows: int, known: board_tracker.CellGrid | None) -> board_tracker.CellGrid:
    filled = board_cells(columns, n_rows)
    cells = np.where(filled, np.int8(board_tracker.FILLED), np.int8(board_tracker.EMPTY))
    if known is not None:
        if known.ndim != 2 or known.shape[1] != len(columns):
            raise GameError(
                f"A grid of cells is {len(columns)} columns wide; got shape {known.shape}. Pass this board's grid."
            )
        known = known[:n_rows]
        cells[: len(known)] = np.where(
            filled[: len(known)] & (known != board_tracker.EMPTY), known, cells[: len(known)]
        )
    return cells


def _waiting_piece(
    columns: Columns, cells: board_tracker.CellGrid, height: int, piece: int, action: int | None, row: int | None
) -> tuple[Cells, Cells]:
    """Returns the cells of a piece that waits above the board, and of its ghost; none once the game is lost."""
    if (cells[height:] != board_tracker.EMPTY).any() and row is None:
        return (), ()
    width = len(columns)
    rotation, column = 0, (width - int(PIECE_WIDTHS[piece, 0])) // 2
    if action is not None:
        column, rotation = divmod(action, MAX_ORIENTATIONS)
        if not 0 <= column <= width - PIECE_WIDTHS[piece, rotation]:
            raise GameError(f"The ghost of an action lies on the board; got action {action}. Choose a legal one.")
    current = _shifted(piece, rotation, column, height)
    if action is None:
        return current, ()
    bottom = int(landing_row(columns, piece, rotation, column)) if row is None else row
    ghost = tuple(cell for cell in _shifted(piece, rotation, column, bottom) if cell[1] < len(cells))
    return (() if any(cells[y, x] != board_tracker.EMPTY for x, y in current) else current), ghost


def _shifted(piece: int, rotation: int, column: int, row: int) -> Cells:
    return tuple((column + x, row + y) for x, y in orientation_cells(piece, rotation))


ActionValues = npt.NDArray[np.float32]  # (n_actions,), -inf for illegal actions


class RateLimiter:
    """Clock that decides when the next board is due, for a given mean rate.

    >>> limiter = RateLimiter()
    >>> [limiter.is_due(10.0, now_s) for now_s in (50.0, 50.04, 50.12, 50.14, 50.21)]
    [True, False, True, False, True]
    """

    def __init__(self) -> None:
        self._due_s = -float("inf")  # ideal time of the latest board

    def is_due(self, rate: float, now_s: float) -> bool:
        """Returns whether a board is due at ``rate`` a second, above 0; a late one does not delay the next."""
        interval_s = 1 / rate
        if now_s < self._due_s + interval_s:
            return False
        self._due_s = max(self._due_s + interval_s, now_s - interval_s / 2)
        return True


def board_event(
    tracker: board_tracker.BoardTracker,
    *,
    step: int,
    game: int,
    action_values: dict[str, Any] | None,
    is_paused: bool,
    is_over: bool | None = None,
    games_ended: int | None = None,
) -> BoardShown:
    """Returns the event that shows a tracked game; ``is_over`` is the tracker's by default."""
    return BoardShown(
        **tracker_snapshot(tracker).to_fields(),
        game=game,
        is_over=tracker.is_over if is_over is None else is_over,
        games_ended=games_ended,
        step=step,
        placed=tracker.placed,
        cleared_rows=tracker.cleared_rows,
        action_values=action_values,
        paused=is_paused,
        sent_s=time.time(),
    )


def describe_action_values(
    tracker: board_tracker.BoardTracker, values: ActionValues | None, chosen: int | None = None
) -> dict[str, Any] | None:
    """Returns an event's description of action values; None without values, and once the game has ended.

    ``chosen``: the next action; by default the one of the largest value.
    """
    if values is None or tracker.is_over:
        return None
    legal = np.flatnonzero(np.isfinite(values))
    actions = [
        {"action": action, "value": round(float(values[action]), 5), "cells": list(cells)}
        for action, cells in zip(legal.tolist(), tracker.resting_cells(legal), strict=True)
    ]
    return {"actions": actions, "chosen": int(np.argmax(values)) if chosen is None else chosen}
