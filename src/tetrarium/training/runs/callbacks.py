"""Callbacks that act between rollouts, where a checkpoint is exact and a stop loses nothing.

Stable-Baselines3 calls ``on_step`` inside a rollout; returning False there drops the transition that was under way. A
``RoundCallback`` is asked once after each round (one rollout and the learning from it) and stops a run there.
"""

import csv
import os
import time
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from tetrarium.training.runs.statistics import GameStatistics

__all__ = [
    "EPISODE_COLUMNS",
    "EpisodeLog",
    "GameStatisticsCallback",
    "LinesTarget",
    "RoundCallback",
    "drop_later_episodes",
]

EPISODE_COLUMNS: Final = ("step", "env", "reward", "lines", "pieces", "cut_off", "seconds")


class RoundCallback(BaseCallback):
    """Base of callbacks that act between rollouts."""

    def _on_step(self) -> bool:
        return True

    def on_round_end(self) -> bool:
        """Is called after each round; returns False to stop the run there."""
        return True


class GameStatisticsCallback(RoundCallback):
    """Counts lines and games into a ``GameStatistics``, and logs them."""

    def __init__(self, statistics: GameStatistics) -> None:
        super().__init__()
        self.statistics = statistics

    def _on_step(self) -> bool:
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


class LinesTarget(RoundCallback):
    """Stops once a single game, running or ended, has enough lines."""

    def __init__(self, statistics: GameStatistics, target_lines: int) -> None:
        super().__init__()
        self.statistics = statistics
        self.target_lines = target_lines

    @property
    def is_reached(self) -> bool:
        """Whether a game has enough lines."""
        return self.statistics.best_lines_game >= self.target_lines

    def on_round_end(self) -> bool:
        """Goes on until the target is reached."""
        return not self.is_reached


class EpisodeLog(RoundCallback):
    """Writes every game that ends to a CSV file, one row a game; ``seconds`` count from when training went on last."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._file: TextIO | None = None

    def _on_training_start(self) -> None:
        is_new = not self.path.exists()
        self._file = self.path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file, lineterminator="\n")
        if is_new:
            self._rows.writerow(EPISODE_COLUMNS)
        self._started_s = time.monotonic()

    def _on_step(self) -> bool:
        dones: Any = self.locals["dones"]
        if dones.any():
            seconds = round(time.monotonic() - self._started_s, 3)
            for env in dones.nonzero()[0].tolist():
                info = self.locals["infos"][env]
                reward = round(info["episode"]["r"], 6)
                cut = int(info["TimeLimit.truncated"])
                self._rows.writerow(
                    (self.num_timesteps, env, reward, info["lines_game"], info["pieces_game"], cut, seconds)
                )
        return True

    def on_round_end(self) -> bool:
        """Hands what was written to the system."""
        if self._file is not None:
            self._file.flush()
        return True

    def sync(self) -> None:
        """Waits until what was written would survive a power failure."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def _on_training_end(self) -> None:
        self.sync()
        if self._file is not None:
            self._file.close()
            self._file = None


def drop_later_episodes(path: Path, step: int) -> None:
    """Removes the rows of games that ended after a step, which a resumed run will play again, and torn rows."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header, *rows = list(csv.reader(file)) or [list(EPISODE_COLUMNS)]
    kept = [row for row in rows if len(row) == len(EPISODE_COLUMNS) and row[0].isdecimal() and int(row[0]) <= step]
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(kept)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
