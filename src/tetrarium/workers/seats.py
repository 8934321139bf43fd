"""One place at a table: a policy, or a replay, at its games, with what is counted of them.

Game k of a seed has the same pieces at every seat. Seats that play *together* begin each game at once: who has lost
waits for the others, and whoever then has the most lines, alone, has won the game.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from tetrarium.engine.colouring import GameFollower, cell_signs
from tetrarium.environment import EnvConfig
from tetrarium.environment.showing import shown_board, thoughts_of
from tetrarium.evaluation.played import PlayedGame
from tetrarium.events import BoardShown, SeatsShown

__all__ = ["Seat", "Table"]

_BETWEEN_GAMES_S: Final = 2.0


class Seat:
    """One place.

    Args:
        what: Who plays, as it was named.
        games: What is played, one after another.
        env_config: Which game that is.
    """

    def __init__(self, what: str, games: Iterator[PlayedGame], env_config: EnvConfig) -> None:
        self.what = what
        self.games_ended = 0
        self.games_won = 0
        self.is_over = True
        self.until_s = 0.0  # when the next game may begin
        self.follower = GameFollower(env_config.rules())
        self._games = games
        self._game: PlayedGame
        self._number = 0
        self._lines_before = 0  # of the games before this one
        self._best_lines = 0

    def begin(self) -> None:
        """Gives up the game under way, if there is one, for the next."""
        self._lines_before += self.follower.lines
        self._game = next(self._games)
        self._number += 1
        self.follower.begin(self._game.stream)
        self.is_over = self._game.coming is None

    def place(self, now_s: float) -> None:
        """Makes the placement to come."""
        assert self._game.coming is not None
        self.follower.follow([self._game.coming])
        self._game.place()
        self._best_lines = max(self._best_lines, self.follower.lines)
        if self._game.coming is None:
            self.is_over = True
            self.games_ended += 1
            self.until_s = now_s + _BETWEEN_GAMES_S

    def board(self, *, step: int, with_thoughts: bool, is_paused: bool) -> BoardShown:
        """The message that shows this seat's game alone."""
        return shown_board(
            self.follower,
            step=step,
            game=self._number,
            thoughts=self._thoughts() if with_thoughts else None,
            is_paused=is_paused,
            is_over=self.is_over,
            games_ended=self.games_ended,
        )

    def _thoughts(self) -> dict[str, Any] | None:
        values = None if self.is_over else self._game.values()
        return thoughts_of(self.follower, values, self._game.coming)

    def to_dict(self, number: int, with_thoughts: bool) -> dict[str, Any]:
        """This seat in the message that shows all of a table's."""
        follower = self.follower
        return {
            "seat": number,
            "what": self.what,
            "width": follower.grid.shape[1],
            "height": follower.height,
            "cells": cell_signs(follower.grid),
            "queue": follower.queue,
            "held": follower.hold,
            "ghost": self._ghost(),
            "is_over": self.is_over,
            "is_cut_off": self.is_over and not follower.is_over,
            "game": self._number,
            "lines_game": follower.lines,
            "pieces_game": follower.pieces,
            "score_game": follower.score,
            "cleared_rows": follower.cleared_rows,
            "thoughts": self._thoughts() if with_thoughts else None,
            "games_ended": self.games_ended,
            "games_won": self.games_won,
            "lines_total": self._lines_before + follower.lines,
            "best_lines_game": self._best_lines,
        }

    def _ghost(self) -> tuple[int, ...]:
        coming = self._game.coming
        if coming is None or self.follower.is_over:
            return ()
        return self.follower.resting_cells(np.array([coming], dtype=np.int64))[0]


class Table:
    """Seats that play at one pace.

    Args:
        seats: One or more.
        together: Whether each game begins at all seats at once.
    """

    def __init__(self, seats: Sequence[Seat], *, together: bool) -> None:
        self.seats = tuple(seats)
        self.n_placed = 0
        self._together = together

    @property
    def games_ended(self) -> int:
        """Of all seats."""
        return sum(seat.games_ended for seat in self.seats)

    def warm(self) -> None:
        """Loads the kernels, or compiles them, before anybody waits for them."""
        for seat in self.seats:
            seat.follower.warm()

    def begin(self) -> None:
        """Begins a new game at every seat."""
        for seat in self.seats:
            seat.begin()

    def play(self, now_s: float) -> bool:
        """Lets everybody place a piece whose game goes on, and begin a game whose time has come.

        Args:
            now_s: By a clock that only goes forward.

        Returns:
            Whether anything has changed.
        """
        under_way = [seat for seat in self.seats if not seat.is_over]
        for seat in under_way:
            seat.place(now_s)
        self.n_placed += len(under_way)
        if self._together and under_way and all(seat.is_over for seat in self.seats):
            self._count_win()
        begun = [seat for seat in self.seats if seat not in under_way and now_s >= self._next_s(seat)]
        for seat in begun:
            seat.begin()
        return bool(under_way or begun)

    def idle_s(self, now_s: float) -> float:
        """How long nobody has anything to do; 0 where somebody has."""
        return max(0.0, min(self._next_s(seat) for seat in self.seats) - now_s)

    def _next_s(self, seat: Seat) -> float:
        """When a seat goes on."""
        if not seat.is_over:
            return 0.0
        if not self._together:
            return seat.until_s
        is_done = all(other.is_over for other in self.seats)
        return max(other.until_s for other in self.seats) if is_done else float("inf")

    def _count_win(self) -> None:
        most = max(seat.follower.lines for seat in self.seats)
        best = [seat for seat in self.seats if seat.follower.lines == most]
        if len(best) == 1:
            best[0].games_won += 1

    def shown(self, *, with_thoughts: bool, is_paused: bool) -> SeatsShown:
        """The message that shows all seats."""
        return SeatsShown(
            seats=tuple(seat.to_dict(number, with_thoughts) for number, seat in enumerate(self.seats)),
            step=self.n_placed,
            paused=is_paused,
            sent_s=time.time(),
        )
