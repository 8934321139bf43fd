"""Shares games out among threads, a slice of a few thousand pieces at a time.

A game that is not finished goes back to the end of the line. So all games advance together, the longest one is under
way from the start, threads finish within a slice of each other, and Ctrl-C never waits for a whole game.
"""

import threading
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.game_rows import N_PLACED, OVER
from tetrarium.evaluation.matches import Seat

__all__ = ["Slices"]

# (games in a slice, pieces in a slice) where pieces take microseconds, and where each takes a call of predict
_COMPILED: Final = (32, 16_384)
_PREDICTED: Final = (256, 4_096)
_SHARES: Final = 4  # a slice holds at most this part of a thread's share of the games in line


class Slices:
    """The games of an evaluation that are still to be played on.

    Args:
        games: ``(n, COLUMNS + width) int64``; a game is finished when it is over or has ``max_pieces`` pieces.
        max_pieces: Where a game is cut off.
        n_seats: How many threads take slices.
        compiled: Whether pieces take microseconds.
    """

    def __init__(self, games: npt.NDArray[np.int64], max_pieces: int, n_seats: int, compiled: bool) -> None:
        self.n_pieces = 0
        self.n_finished = 0
        self._games = games
        self._max_pieces = max_pieces
        self._most_games, self._most_pieces = _COMPILED if compiled else _PREDICTED
        self._shares = _SHARES * n_seats if n_seats > 1 else 1
        self._in_line = np.arange(len(games), dtype=np.int64)
        self._stopped = False
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Lets every thread end with the slice that it is in."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def play_all(self, seat: Seat) -> None:
        """Takes slices until every game is finished."""
        while self.play_one(seat):
            pass

    def play_one(self, seat: Seat) -> bool:
        """Plays one slice; returns whether there was one."""
        taken = self._take()
        if len(taken) == 0:
            return False
        n_placed = seat.play(taken, max(1, self._most_pieces // len(taken)), self._max_pieces)
        self._give_back(taken, n_placed)
        return True

    def _take(self) -> npt.NDArray[np.int64]:
        with self._changed:
            while len(self._in_line) == 0 and self.n_finished < len(self._games) and not self._stopped:
                self._changed.wait()
            n_taken = 0 if self._stopped else min(self._most_games, -(-len(self._in_line) // self._shares))
            taken, self._in_line = self._in_line[:n_taken], self._in_line[n_taken:]
            return taken

    def _give_back(self, taken: npt.NDArray[np.int64], n_placed: int) -> None:
        rows = self._games[taken]
        unfinished = (rows[:, OVER] == 0) & (rows[:, N_PLACED] < self._max_pieces)
        with self._changed:
            self.n_pieces += n_placed
            self.n_finished += len(taken) - int(unfinished.sum())
            self._in_line = np.concatenate((self._in_line, taken[unfinished]))
            self._changed.notify_all()
