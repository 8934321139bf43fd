"""States of single games by keys as plain data, the moves between them, and their conversion to and from rows."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.keyplay import steps as at
from tetrarium.engine.keyplay.rules import ROW, KeyRules
from tetrarium.engine.movegen.keys import fall_distance, fits
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.engine.placement.states import GameState, require_valid_state
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.srs import ANCHORED_CELLS, N_KICKS, N_ROTATIONS
from tetrarium.engine.state_layout import BAG, LINES, N_PLACED, QUEUE, STREAM, TERMINATED
from tetrarium.errors import GameError

Cells = tuple[tuple[int, int], ...]  # (column, row)

_NUMBERS: Final = {
    "rotation": at.ROTATION,
    "anchor_x": at.ANCHOR_X,
    "anchor_y": at.ANCHOR_Y,
    "outcome": at.OUTCOME,
    "fallen": at.FALLEN,
    "rested": at.RESTED,
    "moves": at.MOVES,
    "lowest": at.LOWEST,
    "score": at.SCORE,
    "combo": at.COMBO,
}
_FLAGS: Final = {"hold_used": at.HOLD_USED, "back_to_back": at.BACK_TO_BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState(GameState):
    """State of one game by keys, copied from its batch."""

    held: int | None  # index into PIECES
    hold_used: bool  # whether the current piece came into play by hold
    rotation: int
    anchor_x: int  # column of the anchor, see ``srs``
    anchor_y: int  # its row
    outcome: int  # of the last key that had an effect: 0 for a move, else the number of the kick
    fallen: int  # part of the next row that the piece has fallen, in units of 1 / ``ROW``
    rested: int  # steps that it has rested without a move or a rotation
    moves: int  # moves and rotations since it first rested on its lowest row, -1 before
    lowest: int  # lowest row that it has filled
    score: int
    back_to_back: bool  # whether the latest line clear was a Tetris or a T-spin
    combo: int  # number of consecutive placements that cleared lines, up to the latest one

    def __str__(self) -> str:
        return f"{GameState.__str__(self)}  score {self.score}"

    @property
    def falling(self) -> Cells:
        """Cells of the current piece; none once the game has ended."""
        return () if self.terminated else self._cells(self.anchor_y)

    @property
    def ghost(self) -> Cells:
        """Cells that a hard drop would fill; none once the game has ended."""
        if self.terminated:
            return ()
        columns = np.array(self.columns, dtype=np.int64)
        place = (self.queue[0], self.rotation, self.anchor_x, self.anchor_y)
        return self._cells(self.anchor_y - int(fall_distance(columns, *place)))

    def _cells(self, anchor_y: int) -> Cells:
        cells = ANCHORED_CELLS[self.queue[0]][self.rotation]
        return tuple((self.anchor_x + x, anchor_y + y) for x, y in cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMove:
    """One key step of a game."""

    state_t: KeyState
    action: int  # the executed key, an index into ``KEYS``
    piece: int | None  # the piece that locked, if any
    placement: Placement | None  # its lock position, before lines were cleared
    lines_placement: int  # lines that it cleared
    points: int  # of the lock, without those of drops
    state_tp1: KeyState


def read_state(row: npt.NDArray[np.int64], rules: KeyRules) -> KeyState:
    """Returns the state of a game, given its row, ``(COLUMNS + width,) int64``."""
    numbers = row.tolist()
    return KeyState(
        columns=tuple(numbers[at.COLUMNS :]),
        queue=tuple(numbers[QUEUE : QUEUE + 1 + rules.preview]),
        bag=numbers[BAG],
        stream=tuple(numbers[STREAM : STREAM + N_STREAM_WORDS]),
        lines=numbers[LINES],
        pieces=numbers[N_PLACED],
        terminated=bool(numbers[TERMINATED]),
        held=numbers[at.HELD] - 1 if numbers[at.HELD] else None,
        **{name: bool(numbers[place]) for name, place in _FLAGS.items()},
        **{name: numbers[place] for name, place in _NUMBERS.items()},
    )


def write_state(state: KeyState, row: npt.NDArray[np.int64]) -> None:
    """Writes a state to the row of a game, ``(COLUMNS + width,) int64``."""
    row[:] = 0
    row[at.COLUMNS :] = state.columns
    row[QUEUE : QUEUE + len(state.queue)] = state.queue
    row[BAG] = state.bag
    row[STREAM : STREAM + N_STREAM_WORDS] = state.stream
    row[LINES] = state.lines
    row[N_PLACED] = state.pieces
    row[TERMINATED] = state.terminated
    row[at.HELD] = 0 if state.held is None else state.held + 1
    for name, place in {**_FLAGS, **_NUMBERS}.items():
        row[place] = getattr(state, name)


def require_valid_key_state(state: KeyState, rules: KeyRules) -> None:
    """Checks that a state is possible under these rules.

    Raises:
        GameError: if it is not.
    """
    require_valid_state(state, rules)
    counts = (state.rested, state.moves - at.NOT_RESTED, state.lowest, state.score, state.combo)
    if not (0 <= state.outcome <= N_KICKS and 0 <= state.fallen < ROW and min(counts) >= 0):
        raise GameError(
            f"Counts of the current piece must be in their range; got {state!r:.400}. Copy them from a state."
        )
    columns = np.array(state.columns, dtype=np.int64)
    place = (state.queue[0], state.rotation, state.anchor_x, state.anchor_y)
    n_rows = rules.height + rules.hidden_rows
    if not 0 <= state.rotation < N_ROTATIONS or not (state.terminated or fits(columns, n_rows, *place)):
        raise GameError(
            f"The current piece must be on free cells; rotation {state.rotation} at column {state.anchor_x}, "
            f"row {state.anchor_y} is not. Copy it from a state of these rules."
        )
