"""Naive twin of the placement game: slow and plain, on sets of cells; the kernels are compared with it.

A cell is ``(column, row)``, row 0 at the bottom; a board is the set of its filled cells. Nothing is shared with the
kernels: the names of the features and the drawings of the pieces are typed in again.
"""

from collections.abc import Iterable
from itertools import pairwise

Cell = tuple[int, int]
Board = frozenset[Cell]

# Cells of every orientation, drawn; the order is rotation 0, 1, ...
ORIENTATIONS: dict[str, list[str]] = {
    "I": ["####", "#/#/#/#"],
    "O": ["##/##"],
    "T": [".#./###", "#./##/#.", "###/.#.", ".#/##/.#"],
    "L": ["..#/###", "#./#./##", "###/#..", "##/.#/.#"],
    "J": ["#../###", "##/#./#.", "###/..#", ".#/.#/##"],
    "S": [".##/##.", "#./##/.#"],
    "Z": ["##./.##", ".#/##/#."],
}
LETTERS = "IOTLJSZ"


def piece_cells(piece: int, rotation: int) -> list[Cell]:
    lines = ORIENTATIONS[LETTERS[piece]][rotation].split("/")
    return [(x, y) for y, line in enumerate(reversed(lines)) for x, mark in enumerate(line) if mark == "#"]


def piece_width(piece: int, rotation: int) -> int:
    return 1 + max(x for x, _ in piece_cells(piece, rotation))


def board_of(columns: Iterable[int]) -> Board:
    return frozenset((x, row) for x, column in enumerate(columns) for row in range(64) if int(column) >> row & 1)


def columns_of(board: Board, width: int) -> list[int]:
    return [sum(1 << row for column, row in board if column == x) for x in range(width)]


def legal_actions(piece: int, width: int) -> list[int]:
    n_orientations = len(ORIENTATIONS[LETTERS[piece]])
    return sorted(
        4 * left + rotation
        for rotation in range(n_orientations)
        for left in range(width)
        if left + piece_width(piece, rotation) <= width
    )


def nearest_action(piece: int, action: int, width: int) -> int:
    left, rotation = divmod(action, 4)
    rotation %= len(ORIENTATIONS[LETTERS[piece]])
    same_rotation = [a for a in legal_actions(piece, width) if a % 4 == rotation]
    return min(same_rotation, key=lambda a: abs(a // 4 - left))


class Placement:
    """One piece dropped on a board, with everything that tests compare."""

    def __init__(self, board: Board, piece: int, action: int, width: int, height: int) -> None:
        left, rotation = divmod(action, 4)
        shape = [(x + left, y) for x, y in piece_cells(piece, rotation)]
        self.bottom = 64
        while self.bottom > 0 and not any((x, y + self.bottom - 1) in board for x, y in shape):
            self.bottom -= 1
        cells = {(x, y + self.bottom) for x, y in shape}
        self.piece_height = 1 + max(y for _, y in shape)
        self.terminated = any(row >= height for _, row in cells)
        lying = board | cells
        full = [row for row in range(64) if all((x, row) in lying for x in range(width))]
        self.lines = 0 if self.terminated else len(full)
        self.eroded = 0 if self.terminated else len(full) * sum(row in full for _, row in cells)
        self.board: Board = lying if self.terminated else without_rows(lying, full)


def without_rows(board: Board, rows: list[int]) -> Board:
    return frozenset((x, y - sum(row < y for row in rows)) for x, y in board if y not in rows)


def column_height(board: Board, x: int) -> int:
    return max((row + 1 for column, row in board if column == x), default=0)


def holes(board: Board) -> set[Cell]:
    """Returns the empty cells with a filled cell anywhere above."""
    return {(x, y) for x, top in board for y in range(top) if (x, y) not in board}


def well_cells(board: Board, width: int, n_rows: int) -> set[Cell]:
    filled = {*board, *((-1, y) for y in range(n_rows)), *((width, y) for y in range(n_rows))}
    return {
        (x, y)
        for x in range(width)
        for y in range(n_rows)
        if (x, y) not in filled and (x - 1, y) in filled and (x + 1, y) in filled
    }


def empty_run_down(board: Board, cell: Cell) -> int:
    x, y = cell
    run = 0
    while y - run >= 0 and (x, y - run) not in board:
        run += 1
    return run


def filled_run_up(board: Board, cell: Cell) -> int:
    x, y = cell
    run = 0
    while (x, y + 1 + run) in board:
        run += 1
    return run


def fast_well_cells(board: Board, width: int, n_rows: int) -> set[Cell]:
    wells = well_cells(board, width, n_rows)
    return {(x, y - down) for x, y in wells for down in range(empty_run_down(board, (x, y)))}


def changes(filled: list[bool]) -> int:
    return sum(a != b for a, b in pairwise(filled))


def surface_features(board: Board, width: int, height: int, n_rows: int) -> dict[str, list[float]]:
    """Returns the features that depend on the board alone."""
    heights = [column_height(board, x) for x in range(width)]
    steps = [b - a for a, b in pairwise(heights)]
    return {
        "column_heights": list(heights),
        "max_height": [max(heights)],
        "holes": [len(holes(board))],
        "bumpiness": [sum(abs(step) for step in steps)],
        "height_differences": [abs(step) for step in steps],
        "difference_classes": [float(k == min(max(step, -3), 3)) for step in steps for k in range(-3, 4)],
        "row_transitions": [
            sum(changes([True, *((x, y) in board for x in range(width)), True]) for y in range(height))
        ],
        "column_transitions": [sum(changes([True, *((x, y) in board for y in range(64))]) for x in range(width))],
        "wells": [sum(empty_run_down(board, cell) for cell in well_cells(board, width, n_rows))],
        "fast_wells": [sum(empty_run_down(board, cell) for cell in fast_well_cells(board, width, n_rows))],
        "hole_depth": [sum(filled_run_up(board, hole) for hole in holes(board))],
        "rows_with_holes": [len({y for _, y in holes(board)})],
        "pattern_diversity": [len({step for step in steps if -2 <= step <= 2})],
    }


def one_hot(index: int, n: int) -> list[float]:
    return [float(k == index) for k in range(n)]


def feature_row(
    board: Board, queue: list[int], action: int, names: Iterable[str], size: tuple[int, int, int]
) -> list[float]:
    """Returns the feature row of one legal action; ``size`` is (width, visible rows, all rows)."""
    width, height, n_rows = size
    placement = Placement(board, queue[0], action, width, height)
    values = surface_features(placement.board, width, height, n_rows) | {
        "lines_cleared": [placement.lines],
        "landing_height": [placement.bottom + (placement.piece_height - 1) / 2],
        "eroded_cells": [placement.eroded],
        "game_over": [float(placement.terminated)],
        "next_pieces": [number for piece in queue[1:] for number in one_hot(piece, 7)],
        "held_piece": one_hot(0, 8),
    }
    return [number for name in values_in_order(values, names) for number in values[name]]


def values_in_order(values: dict[str, list[float]], names: Iterable[str]) -> list[str]:
    order = (
        "column_heights max_height holes bumpiness height_differences difference_classes lines_cleared landing_height "
        "eroded_cells row_transitions column_transitions wells fast_wells hole_depth rows_with_holes pattern_diversity "
        "game_over next_pieces held_piece"
    ).split()
    chosen = set(names)
    return [name for name in order if name in chosen and name in values]


def feature_table(
    columns: Iterable[int], queue: list[int], names: Iterable[str], size: tuple[int, int, int]
) -> list[list[float] | None]:
    """Returns the feature row of each action, None where the piece does not have the action."""
    board = board_of(columns)
    legal = set(legal_actions(queue[0], size[0]))
    chosen = list(names)
    return [
        feature_row(board, queue, action, chosen, size) if action in legal else None for action in range(4 * size[0])
    ]
