"""One game as plain data: a state copied out of its batch, what it may be under given rules, and a move to the next."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tetrarium.engine.boards import draw_board
from tetrarium.engine.keys import spawn_position
from tetrarium.engine.pieces import N_PIECES, PIECES
from tetrarium.engine.rules import SCRIPTED, Rules
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.errors import GameError

__all__ = ["GameState", "Move", "Placement", "require_fitting"]


_ROWS_ABOVE: Final = 3  # of a piece that rests with its lowest cell in a visible row


@dataclass(frozen=True, slots=True, kw_only=True)
class GameState:
    """One game, copied out of its batch."""

    columns: tuple[int, ...]  # bit r = row r, row 0 at the bottom
    queue: tuple[int, ...]  # indices into PIECES, the current piece first
    held: int | None = None  # index into PIECES; None where nothing is held
    score: int = 0  # under the guideline, and so the next two
    back_to_back: bool = False  # whether the last placement that cleared was a Tetris or a T-spin
    combo: int = 0  # placements that cleared one after the other, up to the last one
    bag: int
    stream: tuple[int, ...]
    lines: int
    pieces: int
    over: bool

    def __str__(self) -> str:
        n_rows = max(1, *(column.bit_length() for column in self.columns))
        board = draw_board(np.array(self.columns, dtype=np.int64), n_rows)
        ahead = " ".join(PIECES[piece] for piece in self.queue)
        held = "" if self.held is None else f"  held {PIECES[self.held]}"
        return f"{board}\n{ahead}{held}  lines {self.lines}  pieces {self.pieces}{'  over' if self.over else ''}"


@dataclass(frozen=True, slots=True, order=True)
class Placement:
    """Where a piece comes to rest."""

    rotation: int  # orientation, as in ``pieces``
    column: int  # of the leftmost cell
    row: int  # of the lowest cell
    spin: int  # index into ``srs.SPINS``


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One placement of a game."""

    state_t: GameState
    action: int  # legal
    piece: int  # that was placed: the current one, or with hold another
    placement: Placement  # where it came to rest, before rows were cleared
    lines_placement: int  # rows that it cleared
    state_tp1: GameState


def _require_free_spawn(state: GameState, rules: Rules) -> None:
    columns = np.array(state.columns, dtype=np.int64)
    if not spawn_position(columns, rules.height + rules.hidden_rows, state.queue[0], rules.height)[0]:
        raise GameError(
            f"A piece in play spawns where the board is free; {PIECES[state.queue[0]]} does not. "
            "Mark the state as over."
        )


def require_fitting(state: GameState, rules: Rules) -> None:
    """Checks that a game under these rules can be in this state.

    Raises:
        GameError: if it cannot.
    """
    n_rows = rules.height + rules.hidden_rows
    if len(state.columns) != rules.width:
        raise GameError(
            f"A board here has {rules.width} columns; got {len(state.columns)}. Use the rules it came from."
        )
    if not all(0 <= column < 1 << n_rows for column in state.columns):
        raise GameError(f"A board here fills rows 0 to {n_rows - 1}; got a cell beyond. Use the rules it came from.")
    if np.bitwise_and.reduce(np.array(state.columns, dtype=np.int64)) and not state.over:
        raise GameError("A board in play has no full row; got one. Clear it, or mark the state as over.")
    highest = rules.height + (_ROWS_ABOVE if rules.game_over == "guideline" else 0)
    if max(state.columns) >> highest and not state.over:
        raise GameError(f"A board in play ends below row {highest}; got a cell above. Mark the state as over.")
    if len(state.queue) != 1 + rules.preview or not all(0 <= piece < N_PIECES for piece in state.queue):
        raise GameError(
            f"A queue here is {1 + rules.preview} pieces from 0 to {N_PIECES - 1}; got {state.queue}. "
            "Copy it from a state of these rules."
        )
    if rules.game_over == "guideline" and rules.places_pieces and not state.over:
        _require_free_spawn(state, rules)
    if state.held is not None and not (rules.hold and 0 <= state.held < N_PIECES):
        raise GameError(
            f"A held piece is a number from 0 to {N_PIECES - 1}, in a game with hold; got {state.held}. "
            "Copy it from a state of these rules."
        )
    if len(state.stream) != N_STREAM_WORDS or not all(0 <= word < 1 << 32 for word in state.stream):
        raise GameError(f"A stream is {N_STREAM_WORDS} words of 32 bits; got {state.stream}. Copy it from a state.")
    bag_end = len(rules.script) if rules.compiled.randomizer == SCRIPTED else 1 << N_PIECES
    if not 0 <= state.bag < bag_end:
        raise GameError(f"A bag here is below {bag_end}; got {state.bag}. Use the rules it came from.")
    if min(state.lines, state.pieces, state.score, state.combo) < 0:
        raise GameError(
            f"Counts are 0 or more; got {state.lines} lines, {state.pieces} pieces, {state.score} points, a combo of "
            f"{state.combo}. Correct them."
        )
