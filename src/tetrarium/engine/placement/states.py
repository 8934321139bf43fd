"""States of single games as plain data, the moves between them, and the check of a state against its rules."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from tetrarium.engine.boards import draw_board
from tetrarium.engine.movegen.keys import spawn_position
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.engine.pieces import N_PIECES, PIECES
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.rules import SCRIPTED, Rules
from tetrarium.errors import GameError

_LARGEST: Final = 2**62  # sums of kernels do not overflow
_ROWS_ABOVE: Final = 3  # rows above the visible ones that a piece with a cell in a visible row can fill


@dataclass(frozen=True, slots=True, kw_only=True)
class GameState:
    """State of one game, copied from its batch."""

    columns: tuple[int, ...]  # bit r = row r, row 0 at the bottom
    queue: tuple[int, ...]  # indices into PIECES, the current piece first
    held: int | None = None  # index into PIECES; None without a held piece
    score: int = 0  # this and the next two are counted under the guideline only
    back_to_back: bool = False  # whether the latest line clear was a Tetris or a T-spin
    combo: int = 0  # number of consecutive placements that cleared lines, up to the latest one
    bag: int  # 7-bag: bit set of the pieces left in the bag; script: index of the next piece
    stream: tuple[int, ...]  # four words of the random stream
    lines: int  # cleared in this game
    pieces: int  # placed in this game
    terminated: bool

    def __str__(self) -> str:
        n_rows = max(1, *(column.bit_length() for column in self.columns))
        board = draw_board(np.array(self.columns, dtype=np.int64), n_rows)
        queue = " ".join(PIECES[piece] for piece in self.queue)
        held = "" if self.held is None else f"  held {PIECES[self.held]}"
        return f"{board}\n{queue}{held}  lines {self.lines}  pieces {self.pieces}{'  over' if self.terminated else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One placement of a game."""

    state_t: GameState
    action: int  # the legal action that was executed
    piece: int  # the piece that was placed: with hold not always the current one
    placement: Placement  # its lock position, before lines were cleared
    lines_placement: int  # lines that it cleared
    state_tp1: GameState


def _require_free_spawn(state: GameState, rules: Rules) -> None:
    columns = np.array(state.columns, dtype=np.int64)
    if not spawn_position(columns, rules.height + rules.hidden_rows, state.queue[0], rules.height)[0]:
        raise GameError(
            f"The current piece must spawn on free cells; {PIECES[state.queue[0]]} does not. "
            "Mark the state as terminated."
        )


def _require_whole_numbers(state: GameState) -> None:
    for field in fields(state):
        value = getattr(state, field.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if field.name == "held" and value is None:
            continue
        if not all(isinstance(one, int | np.integer | np.bool_) and -_LARGEST <= one <= _LARGEST for one in numbers):
            raise GameError(
                f"{field.name} of a state holds whole numbers within ±{_LARGEST:,}; got {value!r:.200}. Copy it from a "
                "state."
            )
        if isinstance(value, tuple) != str(field.type).startswith("tuple"):
            raise GameError(f"{field.name} of a state is a {field.type}; got {value!r:.200}. Copy it from a state.")


def require_valid_state(state: GameState, rules: Rules) -> None:
    """Checks that a state is possible under these rules.

    Raises:
        GameError: if it is not.
    """
    _require_whole_numbers(state)
    n_rows = rules.height + rules.hidden_rows
    if len(state.columns) != rules.width:
        raise GameError(
            f"The board must have {rules.width} columns; got {len(state.columns)}. Use the rules of its game."
        )
    if not all(0 <= column < 1 << n_rows for column in state.columns):
        raise GameError(f"The board must fit in rows 0 to {n_rows - 1}; got a cell outside. Use the rules of its game.")
    if np.bitwise_and.reduce(np.array(state.columns, dtype=np.int64)) and not state.terminated:
        raise GameError(
            "The board of a game in play has no full row; got one. Clear it, or mark the state as terminated."
        )
    highest = rules.height + (_ROWS_ABOVE if rules.game_over == "guideline" else 0)
    if max(state.columns) >> highest and not state.terminated:
        raise GameError(
            f"The board of a game in play ends below row {highest}; got a cell above. Mark the state as terminated."
        )
    if len(state.queue) != 1 + rules.preview or not all(0 <= piece < N_PIECES for piece in state.queue):
        raise GameError(
            f"The queue must be {1 + rules.preview} pieces from 0 to {N_PIECES - 1}; got {state.queue}. "
            "Copy it from a state of these rules."
        )
    if rules.game_over == "guideline" and rules.places_pieces and not state.terminated:
        _require_free_spawn(state, rules)
    if state.held is not None and not (rules.hold and 0 <= state.held < N_PIECES):
        raise GameError(
            f"The held piece must be an index from 0 to {N_PIECES - 1}, in a game with hold; got {state.held}. "
            "Copy it from a state of these rules."
        )
    if len(state.stream) != N_STREAM_WORDS or not all(0 <= word < 1 << 32 for word in state.stream):
        raise GameError(
            f"The stream must be {N_STREAM_WORDS} words of 32 bits; got {state.stream}. Copy it from a state."
        )
    bag_end = len(rules.script) if rules.compiled.randomizer == SCRIPTED else 1 << N_PIECES
    if not 0 <= state.bag < bag_end:
        raise GameError(f"The bag must be below {bag_end}; got {state.bag}. Use the rules of its game.")
    if min(state.lines, state.pieces, state.score, state.combo) < 0:
        raise GameError(
            f"Counts must be 0 or more; got {state.lines} lines, {state.pieces} pieces, {state.score} points, a combo "
            f"of {state.combo}. Copy them from a state."
        )
