"""Callbacks that act between rounds: their base class, the statistics of games, and the goals of a training.

Three different counts: ``lines_placement`` (0 to 4), ``lines_game`` and ``lines_total``. The training mean is over the
latest games: all running games with their lines so far, and the latest finished games, up to ``WINDOW`` in total. A
good agent's games do not end, so a mean over finished games alone would stop changing when the agent becomes good.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback

from tetrarium.training.config import TrainingConfig


class RoundCallback(BaseCallback):
    """Base of callbacks that act between rounds."""

    def _on_step(self) -> bool:
        return True

    def on_round_end(self) -> bool:
        """Called after each round; returns False to stop training there."""
        return True

    def on_paused(self, elapsed_s: float) -> None:
        """Called repeatedly while the run is paused, with the time since the previous call."""


WINDOW: Final = 100


class GameStatistics:
    """Counts games and lines.

    >>> statistics = GameStatistics(n_envs=2)
    >>> statistics.add_step(np.array([1, 0]), np.array([True, False]))
    >>> statistics.add_step(np.array([2, 4]), np.array([False, False]))
    >>> statistics.games_ended, statistics.best_lines_game, statistics.training_mean
    (1, 4, 2.3333333333333335)

    Args:
        n_envs: Number of parallel games.
        n_remembered: Number of finished games whose lines are kept; at least ``WINDOW``.
    """

    def __init__(self, n_envs: int, n_remembered: int = WINDOW) -> None:
        self.games_ended = 0
        self.games_ended_first = 0  # in the first environment
        self.games_lost = 0  # ended, and not by a limit
        self.last_loss_step: int | None = None  # pieces of all games when one was last lost
        self.best_lines_game = 0
        self.lines_total = 0
        self.pieces_total = 0
        self._running = np.zeros(n_envs, dtype=np.int64)  # (n_envs,) lines so far
        self._ended: deque[int] = deque(maxlen=max(WINDOW, n_remembered))  # lines of the latest finished games

    def add_step(self, lines_placement: npt.NDArray[Any], ended: npt.NDArray[np.bool_], n_truncated: int = 0) -> None:
        """Counts one placement in every game.

        Args:
            lines_placement: ``(n_envs,)``, lines cleared by each placement.
            ended: ``(n_envs,) bool``, whether the placement was the game's last.
            n_truncated: Number of games that ended by a limit.
        """
        self.pieces_total += len(self._running)
        self.lines_total += int(lines_placement.sum())
        self._running += lines_placement
        self.best_lines_game = max(self.best_lines_game, int(self._running.max()))
        if ended.any():
            self.games_ended += int(ended.sum())
            self._count_losses(int(ended.sum()) - n_truncated)
            self.games_ended_first += int(ended[0])
            self._ended.extend(self._running[ended].tolist())
            self._running[ended] = 0

    def _count_losses(self, n_lost: int) -> None:
        if n_lost:
            self.games_lost += n_lost
            self.last_loss_step = self.pieces_total

    def add_games(self, lines_game: npt.NDArray[np.int64], n_pieces: int, n_truncated: int = 0) -> None:
        """Counts games that were played from start to end within a round; then no games are running.

        Args:
            lines_game: ``(n,)``, lines of each game.
            n_pieces: Pieces of all games together.
            n_truncated: Number of games that ended by a limit.
        """
        self._running = self._running[:0]
        self.pieces_total += n_pieces
        self.lines_total += int(lines_game.sum())
        self.best_lines_game = max(self.best_lines_game, int(lines_game.max()))
        self.games_ended += len(lines_game)
        self._count_losses(len(lines_game) - n_truncated)
        self._ended.extend(lines_game.tolist())

    @property
    def latest_games(self) -> list[int]:
        """Lines of all running games, followed by those of finished games up to ``WINDOW`` in total."""
        return self._latest(WINDOW)

    def mean_lines_of(self, n_games: int) -> float | None:
        """Returns the mean lines of the latest ``n_games`` games; None before there are so many."""
        latest = self._latest(n_games)
        return float(np.mean(latest)) if len(latest) >= n_games else None

    def _latest(self, n_games: int) -> list[int]:
        n_ended = max(n_games - len(self._running), 0)
        ended = list(self._ended)[-n_ended:] if n_ended else []
        return [*self._running.tolist(), *ended]

    @property
    def n_running(self) -> int:
        """Number of running games among ``latest_games``."""
        return len(self._running)

    @property
    def training_mean(self) -> float | None:
        """Mean of ``latest_games``; None before the first placement."""
        return float(np.mean(self.latest_games)) if self.pieces_total else None

    def state(self) -> dict[str, Any]:
        """Returns the JSON-able state."""
        return {
            "games_ended": self.games_ended,
            "games_ended_first": self.games_ended_first,
            "games_lost": self.games_lost,
            "last_loss_step": self.last_loss_step,
            "best_lines_game": self.best_lines_game,
            "lines_total": self.lines_total,
            "pieces_total": self.pieces_total,
            "running": self._running.tolist(),
            "ended": list(self._ended),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what ``state`` returned."""
        self.games_ended = state["games_ended"]
        self.games_ended_first = state.get("games_ended_first", 0)  # old checkpoints do not count them
        self.games_lost = state.get("games_lost", self.games_ended)  # nor do they distinguish these
        unknown = state["pieces_total"] if self.games_lost else None  # the latest step that it can be
        self.last_loss_step = state.get("last_loss_step", unknown)
        self.best_lines_game = state["best_lines_game"]
        self.lines_total = state["lines_total"]
        self.pieces_total = state["pieces_total"]
        self._running = np.array(state["running"], dtype=np.int64)
        self._ended = deque(state["ended"], maxlen=self._ended.maxlen)


class GameStatisticsCallback(RoundCallback):
    """Updates a ``GameStatistics``, and logs it after each rollout."""

    def __init__(self, statistics: GameStatistics) -> None:
        super().__init__()
        self.statistics = statistics

    def _on_step(self) -> bool:
        if "whole_games" in self.locals:
            if infos := self.locals["infos"]:
                self.statistics.add_games(
                    np.array([info["lines_game"] for info in infos]),
                    sum(info["pieces_game"] for info in infos),
                    _n_truncated(infos),
                )
            return True
        core = getattr(self.training_env, "core", None)
        if core is not None:
            lines = core.games.step_lines
        else:
            lines = np.array([info.get("lines_placement", 0) for info in self.locals["infos"]])
        dones = self.locals["dones"]
        n_truncated = _n_truncated(self.locals["infos"][env] for env in dones.nonzero()[0].tolist())
        self.statistics.add_step(lines, dones, n_truncated)
        return True

    def _on_rollout_end(self) -> None:
        statistics = self.statistics
        if statistics.pieces_total:
            self.logger.record("games/training_mean", statistics.training_mean)
            self.logger.record("games/best_lines_game", statistics.best_lines_game)
            self.logger.record("games/ended", statistics.games_ended)
            self.logger.record("games/lost", statistics.games_lost)
            self.logger.record("games/lines_total", statistics.lines_total)


def _n_truncated(infos: Iterable[Mapping[str, Any]]) -> int:
    return sum(bool(info.get("TimeLimit.truncated")) for info in infos)


class GoalCallback(RoundCallback):
    """Stops training between rounds once a goal is reached; running games count with their lines so far."""

    def __init__(self, config: TrainingConfig, statistics: GameStatistics) -> None:
        super().__init__()
        self._config = config
        self._statistics = statistics

    @property
    def reached(self) -> tuple[str, ...]:
        """Settings of the goals that are reached."""
        config, statistics = self._config, self._statistics
        goals = {name: goal for name in ("target_lines", "target_mean_lines") if (goal := getattr(config, name))}
        if not goals:
            return ()
        values = {
            "target_lines": statistics.best_lines_game,
            "target_mean_lines": statistics.mean_lines_of(config.target_mean_games),
        }
        return tuple(name for name, goal in goals.items() if (value := values[name]) is not None and value >= goal)

    def on_round_end(self) -> bool:
        """Returns False once a goal is reached."""
        return not self.reached
