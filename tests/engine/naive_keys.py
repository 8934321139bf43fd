"""Naive twin of the game by keys: slow and plain, on sets of cells; the kernels are compared with it.

Moves, rotations and spins are those of ``naive_srs``. Points are typed in from https://tetris.wiki/Scoring, the lock
delay from https://tetris.wiki/Lock_delay ("extended placement"), the speeds from https://tetris.wiki/Marathon.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from tests.engine.naive import Board
from tests.engine.naive_srs import FULL, MINI, NO_SPIN, Cell, Space, State, dropped, spin_of, start_of
from tetrarium.engine import PIECES

MOVES = ("left", "right", "clockwise", "counter-clockwise")
CLEARS = {NO_SPIN: [0, 100, 300, 500, 800], MINI: [100, 200, 400], FULL: [400, 800, 1200, 1600]}
PERFECT = [0, 800, 1200, 1800, 2000]


@dataclass
class NaiveKeyGame:
    """One game by keys."""

    width: int
    height: int
    n_rows: int
    pieces: list[int]  # the current piece, then those to come
    hold: bool
    guideline: bool
    falls: bool
    key_rate: int
    first_level: int
    board: Board = field(default_factory=frozenset)
    held: int | None = None
    hold_used: bool = False
    lines: int = 0
    placed: int = 0
    score: int = 0
    back_to_back: bool = False
    combo: int = 0
    terminated: bool = False
    state: State = (0, 0, 0)
    kick: int = 0
    fallen: int = 0  # in units of 1 / 65536 row
    rested: int = 0
    moves: int | None = None  # since it first rested on its lowest row
    lowest: int = 0
    locks: list[tuple[frozenset[Cell], int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spawn()

    @property
    def space(self) -> Space:
        return Space(self.board, self.pieces[0], self.width, self.n_rows)

    @property
    def level(self) -> int:
        return self.first_level + self.lines // 10

    def spawn(self) -> None:
        start = start_of(self.space, self.height)
        self.terminated = self.terminated or start is None
        self.state = start or self.space.spawn(self.height)
        self.kick, self.fallen, self.rested, self.moves = 0, 0, 0, None
        self.lowest = self.bottom()

    def bottom(self) -> int:
        return min(y for _, y in self.space.cells(self.state))

    def press(self, key: str) -> None:
        if key == "hold" and self.hold and not self.hold_used:
            current = self.pieces.pop(0)
            if self.held is not None:
                self.pieces.insert(0, self.held)
            self.held, self.hold_used = current, True
            self.spawn()
            return
        if key == "hard drop":
            rest = dropped(self.space, self.state)
            self.score += 2 * (self.state[1] - rest[1])
            self.kick = self.kick if rest == self.state else 0
            self.state = rest
            self.lock()
            return
        has_moved = False
        outcome = (
            self.space.press(self.state, "down" if key == "soft drop" else key)
            if key in {*MOVES, "soft drop"}
            else None
        )
        if outcome:
            self.state, self.kick = outcome
            has_moved = key in MOVES
            if key == "soft drop":
                self.score += 1
                self.fallen = 0
        if self.falls:
            self.fall(has_moved)

    def fall(self, has_moved: bool) -> None:
        level = min(self.level, 20)
        seconds_a_row = (Fraction(800 - 7 * (level - 1), 1000)) ** (level - 1)
        self.fallen += math.ceil(65536 / (seconds_a_row * self.key_rate))
        while self.fallen >= 65536 and not self.space.rests(self.state):
            x, y, rotation = self.state
            self.state, self.kick = (x, y - 1, rotation), 0
            self.fallen -= 65536
        rests = self.space.rests(self.state)
        if rests:
            self.fallen = 0
        if self.bottom() < self.lowest:
            self.lowest, self.moves, self.rested = self.bottom(), None, 0
        elif self.moves is not None and has_moved:
            self.moves += 1
            self.rested = 0
        elif self.moves is not None and rests:
            self.rested += 1
        if rests and self.moves is None:
            self.moves = 0
        delay = max(1, round(0.5 * self.key_rate))
        if rests and self.moves is not None and (self.rested >= delay or self.moves >= 15):
            self.lock()

    def lock(self) -> None:
        cells = self.space.cells(self.state)
        spin = spin_of(self.space, self.state, self.kick)
        board = set(self.board | cells)
        self.placed += 1
        rows = [y for _, y in cells]
        if (min(rows) if self.guideline else max(rows)) >= self.height:
            self.board, self.terminated = frozenset(board), True
            self.locks.append((cells, NO_SPIN))
            return
        full = [y for y in sorted({y for _, y in board}) if all((x, y) in board for x in range(self.width))]
        for y in reversed(full):
            board = {(x, row - (row > y)) for x, row in board if row != y}
        self.board = frozenset(board)
        self.locks.append((cells, spin))
        self.score += self.points(len(full), spin) * self.level
        self.lines += len(full)
        self.pieces.pop(0)
        self.hold_used = False
        self.spawn()

    def points(self, n_lines: int, spin: int) -> int:
        points = CLEARS[spin][n_lines]
        if n_lines == 0:
            self.combo = 0
            return points
        difficult = n_lines == 4 or spin != NO_SPIN
        chained = difficult and self.back_to_back
        if chained:
            points = points * 3 // 2
        points += 50 * self.combo
        if not self.board:
            points += 3200 if chained and n_lines == 4 else PERFECT[n_lines]
        self.back_to_back = difficult
        self.combo += 1
        return points


def pieces_of(script: str, n: int) -> list[int]:
    """Returns the first pieces of a script that repeats."""
    return [PIECES.index(script[k % len(script)]) for k in range(n)]
