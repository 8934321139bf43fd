"""Naive twin of moves and rotations: slow and plain, on sets of cells; the kernels are compared with it.

A cell is ``(column, row)``, row 0 at the bottom. A state is ``(x, y, rotation)`` of the box in which a piece turns, by
its lower left corner. Pieces are drawn in their boxes and kicks are typed in from tetris.wiki/Super_Rotation_System
once more; nothing is shared with the engine.
"""

from collections import deque
from collections.abc import Iterator

from tests.engine.naive import LETTERS, Board, Cell

State = tuple[int, int, int]

BOXES: dict[str, list[str]] = {  # in the rotations 0, R, 2, L, rows from the top
    "I": ["..../####/..../....", "..#./..#./..#./..#.", "..../..../####/....", ".#../.#../.#../.#.."],
    "O": ["##/##", "##/##", "##/##", "##/##"],
    "T": [".#./###/...", ".#./.##/.#.", ".../###/.#.", ".#./##./.#."],
    "L": ["..#/###/...", ".#./.#./.##", ".../###/#..", "##./.#./.#."],
    "J": ["#../###/...", ".##/.#./.#.", ".../###/..#", ".#./.#./##."],
    "S": [".##/##./...", ".#./.##/..#", ".../.##/##.", "#../##./.#."],
    "Z": ["##./.##/...", "..#/.##/.#.", ".../##./.##", ".#./##./#.."],
}
KICKS_3 = """
0>R  0,0 -1,0 -1,+1 0,-2 -1,-2
R>0  0,0 +1,0 +1,-1 0,+2 +1,+2
R>2  0,0 +1,0 +1,-1 0,+2 +1,+2
2>R  0,0 -1,0 -1,+1 0,-2 -1,-2
2>L  0,0 +1,0 +1,+1 0,-2 +1,-2
L>2  0,0 -1,0 -1,-1 0,+2 -1,+2
L>0  0,0 -1,0 -1,-1 0,+2 -1,+2
0>L  0,0 +1,0 +1,+1 0,-2 +1,-2
"""
KICKS_I = """
0>R  0,0 -2,0 +1,0 -2,-1 +1,+2
R>0  0,0 +2,0 -1,0 +2,+1 -1,-2
R>2  0,0 -1,0 +2,0 -1,+2 +2,-1
2>R  0,0 +1,0 -2,0 +1,-2 -2,+1
2>L  0,0 +2,0 -1,0 +2,+1 -1,-2
L>2  0,0 -2,0 +1,0 -2,-1 +1,+2
L>0  0,0 +1,0 -2,0 +1,-2 -2,+1
0>L  0,0 -1,0 +2,0 -1,+2 +2,-1
"""


def kick_table(text: str) -> dict[tuple[int, int], list[Cell]]:
    table = {}
    for line in text.split("\n"):
        if line:
            turn, *kicks = line.split()
            shifts = [(int(x), int(y)) for x, y in (kick.split(",") for kick in kicks)]
            table["0R2L".index(turn[0]), "0R2L".index(turn[2])] = shifts
    return table


TABLES = {"3": kick_table(KICKS_3), "I": kick_table(KICKS_I)}


MOVES = {"left": (-1, 0), "right": (1, 0), "down": (0, -1)}
TURNS = {"clockwise": 1, "counter-clockwise": 3}


class Space:
    """A piece on a board, with the states that it fits in and the keys that move it."""

    def __init__(self, board: Board, piece: int, width: int, n_rows: int) -> None:
        self.board, self.letter, self.width, self.n_rows = board, LETTERS[piece], width, n_rows

    def cells(self, state: State) -> frozenset[Cell]:
        x, y, rotation = state
        lines = BOXES[self.letter][rotation].split("/")
        return frozenset(
            (x + i, y + j) for j, line in enumerate(reversed(lines)) for i, mark in enumerate(line) if mark == "#"
        )

    def fits(self, state: State) -> bool:
        return all(
            0 <= x < self.width and 0 <= y < self.n_rows and (x, y) not in self.board for x, y in self.cells(state)
        )

    def spawn(self, row: int) -> State:
        """Returns the spawn state with the lowest cells in a row."""
        lowest = min(y for _, y in self.cells((0, 0, 0)))
        columns = [x for x, _ in self.cells((0, 0, 0))]
        return (self.width - (max(columns) - min(columns) + 1)) // 2, row - lowest, 0

    def press(self, state: State, key: str) -> tuple[State, int] | None:
        """Returns the state after a key and the number of the kick, 0 for a move; None where the key is blocked."""
        x, y, rotation = state
        if key in MOVES:
            dx, dy = MOVES[key]
            moved = (x + dx, y + dy, rotation)
            return (moved, 0) if self.fits(moved) else None
        if self.letter == "O":
            return None
        to = (rotation + TURNS[key]) % 4
        for number, (dx, dy) in enumerate(TABLES["I" if self.letter == "I" else "3"][rotation, to], start=1):
            turned = (x + dx, y + dy, to)
            if self.fits(turned):
                return turned, number
        return None

    def rests(self, state: State) -> bool:
        x, y, rotation = state
        return not self.fits((x, y - 1, rotation))

    def reachable_states(self, start: State) -> Iterator[State]:
        """Yields all states that keys reach, nearest first."""
        if not self.fits(start):
            return
        seen, waiting = {start}, deque([start])
        while waiting:
            state = waiting.popleft()
            yield state
            for key in (*MOVES, *TURNS):
                outcome = self.press(state, key)
                if outcome and outcome[0] not in seen:
                    seen.add(outcome[0])
                    waiting.append(outcome[0])

    def lock_cells(self, start: State) -> set[frozenset[Cell]]:
        """Returns the sets of cells that the piece can fill at rest."""
        return {self.cells(state) for state in self.reachable_states(start) if self.rests(state)}


CORNERS = {0: ((-1, 1), (1, 1)), 1: ((1, 1), (1, -1)), 2: ((1, -1), (-1, -1)), 3: ((-1, -1), (-1, 1))}
NO_SPIN, MINI, FULL = range(3)


def spin_of(space: Space, state: State, kick: int) -> int:
    """Returns the T-spin of a T at rest, given the number of the kick of its last key, 0 for a move."""
    x, y, rotation = state
    if space.letter != "T" or kick == 0:
        return NO_SPIN

    def is_occupied(dx: int, dy: int) -> bool:
        column, row = x + 1 + dx, y + 1 + dy
        return not 0 <= column < space.width or row < 0 or (column, row) in space.board

    if sum(is_occupied(dx, dy) for dx in (-1, 1) for dy in (-1, 1)) < 3:
        return NO_SPIN
    return FULL if kick == 5 or all(is_occupied(*corner) for corner in CORNERS[rotation]) else MINI


def dropped(space: Space, state: State) -> State:
    x, y, rotation = state
    while space.fits((x, y - 1, rotation)):
        y -= 1
    return x, y, rotation


def start_of(space: Space, spawn_row: int) -> State | None:
    """Returns the state of a spawned piece, one row lower if that is free; None if it is blocked."""
    x, y, rotation = space.spawn(spawn_row)
    if not space.fits((x, y, rotation)):
        return None
    return (x, y - 1, rotation) if space.fits((x, y - 1, rotation)) else (x, y, rotation)


def endings(space: Space, spawn_row: int) -> dict[tuple[frozenset[Cell], int], int]:
    """Returns the fewest keys, hard drop included, to each (cells, T-spin)."""
    start = start_of(space, spawn_row)
    if start is None:
        return {}
    found: dict[tuple[frozenset[Cell], int], int] = {}
    seen, waiting = {(start, 0)}, deque([(start, 0, 0)])
    while waiting:
        state, kick, n_keys = waiting.popleft()
        rest = dropped(space, state)
        spin = spin_of(space, rest, kick if rest == state else 0)
        found.setdefault((space.cells(rest), spin), n_keys + 1)
        for key in (*MOVES, *TURNS):
            outcome = space.press(state, key)
            if outcome and outcome not in seen:
                seen.add(outcome)
                waiting.append((*outcome, n_keys + 1))
    return found
