"""Moving and turning a second time: slow, plain and on sets of cells, for the kernels to be compared with.

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


class Space:
    """A piece on a board: where it fits, and where keys take it."""

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
        """The state in which a piece begins, with its lowest cells in a row."""
        lowest = min(y for _, y in self.cells((0, 0, 0)))
        columns = [x for x, _ in self.cells((0, 0, 0))]
        return (self.width - (max(columns) - min(columns) + 1)) // 2, row - lowest, 0

    def press(self, state: State, key: str) -> tuple[State, int] | None:
        """Where a key takes a piece, and by which kick, 0 for a move; nothing where it does not take it anywhere."""
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

    def reached(self, start: State) -> Iterator[State]:
        """Every state that keys lead to, nearest first."""
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
        """The sets of cells that the piece can fill at rest."""
        return {self.cells(state) for state in self.reached(start) if self.rests(state)}


MOVES = {"left": (-1, 0), "right": (1, 0), "down": (0, -1)}
TURNS = {"clockwise": 1, "counter-clockwise": 3}
