"""One game by keys as plain data, copied out of its row and put back, and a key step from one to the next."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import key_steps as at
from tetrarium.engine.game_rows import BAG, LINES, N_PLACED, OVER, QUEUE, STREAM
from tetrarium.engine.key_rules import ROW, KeyRules
from tetrarium.engine.keys import fall_distance, fits
from tetrarium.engine.pieces import N_PIECES
from tetrarium.engine.reachable import Placement
from tetrarium.engine.srs import ANCHORED_CELLS, N_KICKS, N_ROTATIONS
from tetrarium.engine.states import GameState, require_fitting
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.errors import GameError

__all__ = ["KeyMove", "KeyState", "read_state", "require_fitting_keys", "write_state"]

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
_FLAGS: Final = {"held_once": at.HELD_ONCE, "back_to_back": at.BACK_TO_BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState(GameState):
    """One game by keys, copied out of its batch."""

    held: int | None  # index into PIECES
    held_once: bool  # whether the current piece came by hold
    rotation: int
    anchor_x: int  # see ``srs``
    anchor_y: int
    outcome: int  # what the last key that did something did: 0 a move, else the number of the kick
    fallen: int  # how far the piece has fallen towards the next row, in parts of ``ROW``
    rested: int  # steps that it has rested without a move or a turn
    moves: int  # moves and turns since it first came to rest where it is lowest, -1 before
    lowest: int  # lowest row that it has filled
    score: int
    back_to_back: bool  # whether the last placement that cleared was a Tetris or a T-spin
    combo: int  # placements that cleared one after the other, up to the last one

    def __str__(self) -> str:
        return f"{GameState.__str__(self)}  score {self.score}"

    @property
    def falling(self) -> Cells:
        """The cells of the current piece, none once the game has ended."""
        return () if self.over else self._cells(self.anchor_y)

    @property
    def ghost(self) -> Cells:
        """The cells where a hard drop would take it, none once the game has ended."""
        if self.over:
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
    action: int  # the key that counted, a place in ``KEYS``
    piece: int | None  # that locked, if one did
    placement: Placement | None  # where it locked, before rows were cleared
    lines_placement: int  # rows that it cleared
    points: int  # for the lock, without those of drops
    state_tp1: KeyState


def read_state(row: npt.NDArray[np.int64], rules: KeyRules) -> KeyState:
    """Copies a game out of its row, ``(COLUMNS + width,) int64``."""
    numbers = row.tolist()
    return KeyState(
        columns=tuple(numbers[at.COLUMNS :]),
        queue=tuple(numbers[QUEUE : QUEUE + 1 + rules.preview]),
        bag=numbers[BAG],
        stream=tuple(numbers[STREAM : STREAM + N_STREAM_WORDS]),
        lines=numbers[LINES],
        pieces=numbers[N_PLACED],
        over=bool(numbers[OVER]),
        held=numbers[at.HELD] - 1 if numbers[at.HELD] else None,
        **{name: bool(numbers[place]) for name, place in _FLAGS.items()},
        **{name: numbers[place] for name, place in _NUMBERS.items()},
    )


def write_state(state: KeyState, row: npt.NDArray[np.int64]) -> None:
    """Puts a game into a row."""
    row[:] = 0
    row[at.COLUMNS :] = state.columns
    row[QUEUE : QUEUE + len(state.queue)] = state.queue
    row[BAG] = state.bag
    row[STREAM : STREAM + N_STREAM_WORDS] = state.stream
    row[LINES] = state.lines
    row[N_PLACED] = state.pieces
    row[OVER] = state.over
    row[at.HELD] = 0 if state.held is None else state.held + 1
    for name, place in {**_FLAGS, **_NUMBERS}.items():
        row[place] = getattr(state, name)


def require_fitting_keys(state: KeyState, rules: KeyRules) -> None:
    """Checks that a game under these rules can be in this state.

    Raises:
        GameError: if it cannot.
    """
    require_fitting(state, rules)
    if state.held is not None and not (rules.hold and 0 <= state.held < N_PIECES):
        raise GameError(
            f"A held piece is a number from 0 to {N_PIECES - 1}, in a game with hold; got {state.held}. "
            "Copy it from a state of these rules."
        )
    counts = (state.rested, state.moves - at.NOT_RESTED, state.lowest, state.score, state.combo)
    if not (0 <= state.outcome <= N_KICKS and 0 <= state.fallen < ROW and min(counts) >= 0):
        raise GameError(f"What a piece has done is counted from 0; got {state!r:.400}. Copy it from a state.")
    columns = np.array(state.columns, dtype=np.int64)
    place = (state.queue[0], state.rotation, state.anchor_x, state.anchor_y)
    n_rows = rules.height + rules.hidden_rows
    if not 0 <= state.rotation < N_ROTATIONS or not (state.over or fits(columns, n_rows, *place)):
        raise GameError(
            f"The current piece lies where the board is free; rotation {state.rotation} at column {state.anchor_x}, "
            f"row {state.anchor_y} is not. Copy it from a state of these rules."
        )
