"""Makes the messages that show a game to who watches it: its cells with their pieces, and what its player thinks."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from tetrarium.engine.colouring import GameFollower, cell_signs
from tetrarium.events import BoardShown

__all__ = ["Cadence", "Values", "shown_board", "thoughts_of"]

Values = npt.NDArray[np.float32]  # (n_actions,), -inf for actions that are not legal


class Cadence:
    """Says when it is time for the next board, so many times a second on average.

    >>> cadence = Cadence()
    >>> [cadence.is_due(10.0, now_s) for now_s in (50.0, 50.04, 50.12, 50.14, 50.21)]
    [True, False, True, False, True]
    """

    def __init__(self) -> None:
        self._turn_s = -float("inf")  # when the latest one should have come

    def is_due(self, rate: float, now_s: float) -> bool:
        """Whether one is due at a rate above 0; one that came late does not delay the next."""
        interval_s = 1 / rate
        if now_s < self._turn_s + interval_s:
            return False
        self._turn_s = max(self._turn_s + interval_s, now_s - interval_s / 2)
        return True


def shown_board(
    follower: GameFollower,
    *,
    step: int,
    game: int,
    thoughts: dict[str, Any] | None,
    is_paused: bool,
    is_over: bool | None = None,
    games_ended: int | None = None,
) -> BoardShown:
    """Returns the message that shows a game as it stands; whether it has ended is seen on the board, if left out."""
    return BoardShown(
        width=follower.grid.shape[1],
        height=follower.height,
        cells=cell_signs(follower.grid),
        queue=follower.queue,
        held=follower.hold,
        game=game,
        is_over=follower.is_over if is_over is None else is_over,
        games_ended=games_ended,
        lines_game=follower.lines,
        pieces_game=follower.pieces,
        score_game=follower.score,
        step=step,
        placed=follower.placed,
        cleared_rows=follower.cleared_rows,
        thoughts=thoughts,
        paused=is_paused,
        sent_s=time.time(),
    )


def thoughts_of(follower: GameFollower, values: Values | None, chosen: int | None = None) -> dict[str, Any] | None:
    """Returns what a board's message tells of the placement to come; nothing where nobody values placements.

    Args:
        follower: Knows the board.
        values: What each action is worth.
        chosen: The placement to come; the one of the largest value, if left out.
    """
    if values is None or follower.is_over:
        return None
    legal = np.flatnonzero(np.isfinite(values))
    actions = [
        {"action": action, "value": round(float(values[action]), 5), "cells": list(cells)}
        for action, cells in zip(legal.tolist(), follower.resting_cells(legal), strict=True)
    ]
    return {"actions": actions, "chosen": int(np.argmax(values)) if chosen is None else chosen}
