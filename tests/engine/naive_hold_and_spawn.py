"""Naive twin of games with hold, with pieces that spawn, or with lock positions as actions.

Conventions are those of ``naive``. A held piece is an index, or None.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.engine import naive
from tests.engine.naive import Board, Cell
from tests.engine.naive_srs import TURNS, Space, dropped, endings, start_of
from tetrarium.engine import Rules

__all__ = ["LegalAction", "find_legal_actions", "row_of"]


@dataclass(frozen=True)
class LegalAction:
    """One legal action and its result."""

    action: int
    piece: int
    placement: tuple[int, int, int, int]  # rotation, left column, row of the lowest cell, spin
    board: Board  # after the action
    lines: int
    eroded: int
    terminated: bool
    next_pieces: list[int | None]  # visible after the action
    held: int | None


def find_legal_actions(
    rules: Rules, columns: Iterable[int], queue: Sequence[int], held: int | None
) -> list[LegalAction]:
    """Returns all legal actions, in the order of their numbers."""
    board = naive.board_of(columns)
    n_piece_actions = 256 if rules.actions == "reachable" else 4 * rules.width
    sides: list[tuple[int, list[int | None], int | None]] = [(queue[0], list(queue[1:]), held)]
    if rules.hold and held is None:
        sides.append((queue[1], [*queue[2:], None], queue[0]))
    elif rules.hold and held is not None:
        sides.append((held, list(queue[1:]), queue[0]))
    found = []
    for side, (piece, next_pieces, held_after) in enumerate(sides):
        for number, cells, placement in _places(rules, board, piece):
            lying = board | cells
            rows = [y for _, y in cells]
            terminated = (min if rules.game_over == "guideline" else max)(rows) >= rules.height
            full = (
                [] if terminated else [row for row in range(64) if all((x, row) in lying for x in range(rules.width))]
            )
            after = naive.without_rows(lying, full)
            if rules.game_over == "guideline" and next_pieces and next_pieces[0] is not None and not terminated:
                terminated = _start(rules, after, next_pieces[0]) is None
            eroded = len(full) * sum(row in full for row in rows)
            found.append(
                LegalAction(
                    side * n_piece_actions + number,
                    piece,
                    placement,
                    after,
                    len(full),
                    eroded,
                    terminated,
                    next_pieces,
                    held_after,
                )
            )
    return found


def _start(rules: Rules, board: Board, piece: int) -> tuple[int, int, int] | None:
    return start_of(Space(board, piece, rules.width, rules.height + rules.hidden_rows), rules.height)


Place = tuple[int, frozenset[Cell], tuple[int, int, int, int]]


def _places(rules: Rules, board: Board, piece: int) -> list[Place]:
    """Returns (action, cells, placement) for each placement of a piece."""
    drops = []
    for action in naive.legal_actions(piece, rules.width):
        left, rotation = divmod(action, 4)
        bottom = naive.Placement(board, piece, action, rules.width, rules.height).bottom
        cells = frozenset((x + left, y + bottom) for x, y in naive.piece_cells(piece, rotation))
        drops.append((action, cells, (rotation, left, bottom, 0)))
    if rules.actions == "drop" and rules.game_over == "overflow":
        return drops
    space = Space(board, piece, rules.width, rules.height + rules.hidden_rows)
    if rules.actions == "drop":
        reached = _dropped_from_above(space, rules.height)
        return [drop for drop in drops if drop[1] in reached]
    named = sorted((_named(piece, cells, spin), cells) for cells, spin in endings(space, rules.height))
    return [(k, cells, placement) for k, (placement, cells) in enumerate(named)]


def _named(piece: int, cells: frozenset[Cell], spin: int) -> tuple[int, int, int, int]:
    left, bottom = min(x for x, _ in cells), min(y for _, y in cells)
    shape = sorted((x - left, y - bottom) for x, y in cells)
    n_orientations = len(naive.ORIENTATIONS[naive.LETTERS[piece]])
    rotation = next(k for k in range(n_orientations) if sorted(naive.piece_cells(piece, k)) == shape)
    return rotation, left, bottom, spin


def _dropped_from_above(space: Space, spawn_row: int) -> set[frozenset[Cell]]:
    """Returns the cells of each hard drop after moves and rotations, without a soft drop."""
    start = start_of(space, spawn_row)
    if start is None:
        return set()
    seen, waiting, found = {start}, deque([start]), set()
    while waiting:
        state = waiting.popleft()
        found.add(space.cells(dropped(space, state)))
        for key in ("left", "right", *TURNS):
            outcome = space.press(state, key)
            if outcome and outcome[0] not in seen:
                seen.add(outcome[0])
                waiting.append(outcome[0])
    return found


def row_of(choice: LegalAction, names: Iterable[str], rules: Rules) -> list[float]:
    """Returns the feature row of an action."""
    cells = naive.piece_cells(choice.piece, choice.placement[0])
    values = naive.surface_features(choice.board, rules.width, rules.height, rules.height + rules.hidden_rows) | {
        "lines_cleared": [choice.lines],
        "landing_height": [choice.placement[2] + max(y for _, y in cells) / 2],
        "eroded_cells": [choice.eroded],
        "game_over": [float(choice.terminated)],
        "next_pieces": [
            number
            for piece in choice.next_pieces
            for number in (naive.one_hot(piece, 7) if piece is not None else [0.0] * 7)
        ],
        "held_piece": naive.one_hot(0 if choice.held is None else choice.held + 1, 8),
    }
    return [number for name in naive.values_in_order(values, names) for number in values[name]]
