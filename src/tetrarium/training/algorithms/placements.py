"""Stored placements, and the observations that they stood between.

Each is a board, the pieces in view and an action. What they look like is computed when it is asked for, by the kernels
of the kind of game that they are of.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Layout, Rules
from tetrarium.engine.game_rows import GameRows
from tetrarium.engine.game_transitions import (
    N_REVEALED,
    chosen_of_games,
    describe_games,
    make_games,
    mirror_games,
    play_on,
)
from tetrarium.engine.rules import CompiledRules
from tetrarium.engine.transitions import chosen_rows, describe_boards, mirror_boards, place_on_boards

__all__ = ["Placements", "read_placements"]


class Placements(Protocol):
    """n placements."""

    def rows_t(self) -> npt.NDArray[np.float32]:
        """``(n, row length)``: the row of each action, before it was played."""

    def observations_t(self) -> npt.NDArray[np.float32]:
        """``(n, n_actions, row length)``: what was seen before."""

    def observations_tp1(self) -> npt.NDArray[np.float32]:
        """``(n, n_actions, row length)``: what was seen after; -1 throughout where the game had ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Boards:
    """Of straight drops without hold under the overflow rule."""

    columns: npt.NDArray[np.int64]  # (n, width)
    queues: npt.NDArray[np.int64]  # (n, 1 + preview)
    revealed: npt.NDArray[np.int64]  # (n,) the piece that came into view
    actions: npt.NDArray[np.int64]  # (n,)
    rules: Rules
    layout: Layout

    def rows_t(self) -> npt.NDArray[np.float32]:
        return chosen_rows(self.columns, self.queues, self.actions, self.rules, self.layout)

    def observations_t(self) -> npt.NDArray[np.float32]:
        alive = np.zeros(len(self.columns), dtype=np.bool_)
        return describe_boards(self.columns, self.queues, alive, self.rules, self.layout)

    def observations_tp1(self) -> npt.NDArray[np.float32]:
        after, over = place_on_boards(self.columns, self.queues[:, 0], self.actions, self.rules)
        queues_after = np.column_stack([self.queues[:, 1:], self.revealed])
        return describe_boards(after, queues_after, over, self.rules, self.layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Games:
    """Of any kind of game."""

    games: GameRows  # (n, COLUMNS + width)
    revealed: npt.NDArray[np.int64]  # (n, N_REVEALED) the last pieces in view after the action
    actions: npt.NDArray[np.int64]  # (n,)
    rules: Rules
    layout: Layout

    def rows_t(self) -> npt.NDArray[np.float32]:
        return chosen_of_games(self.games, self.actions, self.rules, self.layout)

    def observations_t(self) -> npt.NDArray[np.float32]:
        return describe_games(self.games, self.rules, self.layout)

    def observations_tp1(self) -> npt.NDArray[np.float32]:
        after = play_on(self.games, self.revealed, self.actions, self.rules)
        return describe_games(after, self.rules, self.layout)


def read_placements(
    columns: npt.NDArray[np.int64],
    pieces: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    mirrored: npt.NDArray[np.bool_] | None,
    rules: Rules,
    layout: Layout,
) -> Placements:
    """Makes placements of what replay stores of them.

    Args:
        columns: ``(n, width)`` boards.
        pieces: The queue and the piece that came into view; with hold, two pieces and what was held, 0 for none.
        actions: ``(n,)``.
        mirrored: ``(n,)`` where left and right are to be swapped, if anywhere.
        rules: What was played.
        layout: What is to be seen.
    """
    if type(rules.compiled) is CompiledRules:
        if mirrored is not None:
            mirror_boards(columns, pieces, actions, mirrored)
        queues = np.ascontiguousarray(pieces[:, :-1])
        return _Boards(
            columns=columns, queues=queues, revealed=pieces[:, -1], actions=actions, rules=rules, layout=layout
        )
    end = 1 + rules.preview
    held = pieces[:, -1] if rules.hold else np.zeros(len(pieces), dtype=np.int64)
    revealed = np.ascontiguousarray(pieces[:, end : end + N_REVEALED]) if rules.hold else pieces[:, [end, end]]
    games = make_games(columns, pieces[:, :end], held)
    if mirrored is not None:
        mirror_games(games, revealed, actions, mirrored, rules)
    return _Games(games=games, revealed=revealed, actions=actions, rules=rules, layout=layout)
