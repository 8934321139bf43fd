"""Callbacks that act between rounds, where a checkpoint is exact and a stop loses nothing.

Stable-Baselines3 calls ``on_step`` inside a rollout; returning False there drops the transition that was under way. A
``RoundCallback`` is asked once after each round (one rollout and the learning from it) and stops a run there.
"""

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from tetrarium.training.runs.statistics import GameStatistics

__all__ = ["GameStatisticsCallback", "RoundCallback"]


class RoundCallback(BaseCallback):
    """Base of callbacks that act between rounds."""

    def _on_step(self) -> bool:
        return True

    def on_round_end(self) -> bool:
        """Is called after each round; returns False to stop the run there."""
        return True

    def rest(self, seconds: float) -> None:
        """Is called again and again while the run is paused, with the time since the last call."""


class GameStatisticsCallback(RoundCallback):
    """Counts lines and games into a ``GameStatistics``, and logs them."""

    def __init__(self, statistics: GameStatistics) -> None:
        super().__init__()
        self.statistics = statistics

    def _on_step(self) -> bool:
        if self.locals.get("whole_games", False):
            infos = self.locals["infos"]
            self.statistics.add_games(
                np.array([info["lines_game"] for info in infos]), sum(info["pieces_game"] for info in infos)
            )
            return True
        core = getattr(self.training_env, "core", None)
        if core is not None:
            lines = core.games.step_lines
        else:
            lines = np.array([info.get("lines_placement", 0) for info in self.locals["infos"]])
        self.statistics.add_step(lines, self.locals["dones"])
        return True

    def _on_rollout_end(self) -> None:
        statistics = self.statistics
        if statistics.pieces_total:
            self.logger.record("games/mean_lines_game", statistics.mean_lines_game)
            self.logger.record("games/best_lines_game", statistics.best_lines_game)
            self.logger.record("games/ended", statistics.games_ended)
            self.logger.record("games/lines_total", statistics.lines_total)
