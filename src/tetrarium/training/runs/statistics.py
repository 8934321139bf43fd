"""Lines per game while training runs, counted so that a game which never ends still shows.

Three counts that differ: ``lines_placement`` (0 to 4), ``lines_game`` and ``lines_total``. The mean is over the latest
games: all that are running, with their lines so far, and the most recent that ended, up to ``WINDOW`` in all. A good
agent's games do not end, and a mean over ended games alone would stand still just when it gets good.
"""

from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["WINDOW", "GameStatistics"]

WINDOW: Final = 100


class GameStatistics:
    """Counts games and lines.

    >>> statistics = GameStatistics(n_envs=2)
    >>> statistics.add_step(np.array([1, 0]), np.array([True, False]))
    >>> statistics.add_step(np.array([2, 4]), np.array([False, False]))
    >>> statistics.games_ended, statistics.best_lines_game, statistics.mean_lines_game
    (1, 4, 2.3333333333333335)

    Args:
        n_envs: How many games run at once.
        n_remembered: Of how many of the latest games that ended the lines are kept; ``WINDOW`` at least.
    """

    def __init__(self, n_envs: int, n_remembered: int = WINDOW) -> None:
        self.games_ended = 0
        self.games_ended_first = 0  # of those in the first place
        self.best_lines_game = 0
        self.lines_total = 0
        self.pieces_total = 0
        self._running = np.zeros(n_envs, dtype=np.int64)  # (n_envs,) lines so far
        self._ended: deque[int] = deque(maxlen=max(WINDOW, n_remembered))  # lines of the latest games that ended

    def add_step(self, lines_placement: npt.NDArray[Any], ended: npt.NDArray[np.bool_]) -> None:
        """Counts one placement in every game.

        Args:
            lines_placement: ``(n_envs,)`` rows that each placement cleared.
            ended: ``(n_envs,) bool``, the placement was the game's last.
        """
        self.pieces_total += len(self._running)
        self.lines_total += int(lines_placement.sum())
        self._running += lines_placement
        self.best_lines_game = max(self.best_lines_game, int(self._running.max()))
        if ended.any():
            self.games_ended += int(ended.sum())
            self.games_ended_first += int(ended[0])
            self._ended.extend(self._running[ended].tolist())
            self._running[ended] = 0

    def add_games(self, lines_game: npt.NDArray[np.int64], n_pieces: int) -> None:
        """Counts games that were played from start to end at once; where games are, none is left running.

        Args:
            lines_game: ``(n,)`` lines of each.
            n_pieces: Pieces of all of them.
        """
        self._running = self._running[:0]
        self.pieces_total += n_pieces
        self.lines_total += int(lines_game.sum())
        self.best_lines_game = max(self.best_lines_game, int(lines_game.max()))
        self.games_ended += len(lines_game)
        self._ended.extend(lines_game.tolist())

    @property
    def latest_games(self) -> list[int]:
        """Lines of the latest games, the running ones first; at least those, at most ``WINDOW`` where fewer run."""
        return self._latest(WINDOW)

    def mean_lines_of(self, n_games: int) -> float | None:
        """Mean lines of the latest games, the running ones with their lines so far; None before there are so many."""
        latest = self._latest(n_games)
        return float(np.mean(latest)) if len(latest) >= n_games else None

    def _latest(self, n_games: int) -> list[int]:
        n_ended = max(n_games - len(self._running), 0)
        ended = list(self._ended)[-n_ended:] if n_ended else []
        return [*self._running.tolist(), *ended]

    @property
    def mean_lines_game(self) -> float | None:
        """Mean of ``latest_games``; None before the first placement."""
        return float(np.mean(self.latest_games)) if self.pieces_total else None

    def state(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return {
            "games_ended": self.games_ended,
            "games_ended_first": self.games_ended_first,
            "best_lines_game": self.best_lines_game,
            "lines_total": self.lines_total,
            "pieces_total": self.pieces_total,
            "running": self._running.tolist(),
            "ended": list(self._ended),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what ``state`` returned."""
        self.games_ended = state["games_ended"]
        self.games_ended_first = state.get("games_ended_first", 0)  # version 0.1.0 did not count them
        self.best_lines_game = state["best_lines_game"]
        self.lines_total = state["lines_total"]
        self.pieces_total = state["pieces_total"]
        self._running = np.array(state["running"], dtype=np.int64)
        self._ended = deque(state["ended"], maxlen=self._ended.maxlen)
