"""The course of a run in numbers: a row of ``progress.csv`` every so many placements.

Each row is told by placements, games and weights alone, but for ``seconds`` and ``steps_per_second``; so a resumed run
writes the rows that an undisturbed one writes. ``seconds`` count on over all the times that a run trained.
"""

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tetrarium.training.algorithms.learner import ReadFile
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.records import PROGRESS_COLUMNS, Table

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["PROGRESS_EVERY", "Figures", "ProgressLog"]

PROGRESS_EVERY: Final = 2_000  # placements
_STATE: Final = "progress.json"
_QUANTILES: Final = (0.1, 0.9)


class Figures(NamedTuple):
    """How the latest games go."""

    mean_lines_game: float | None
    lines_low: float | None  # a tenth of them have at most so many
    lines_high: float | None  # and a tenth at least so many
    mean_reward_placement: float | None  # lately


class ProgressLog(RoundCallback):
    """Writes a row every ``PROGRESS_EVERY`` placements.

    Args:
        agent: What is trained.
        table: Where to.
    """

    def __init__(self, agent: "TetrisAgent", table: Table) -> None:
        super().__init__()
        self._agent = agent
        self._table = table
        self._reward = 0.0  # since the last row
        self._n_rewards = 0  # placements that it is of
        self._latest_reward: float | None = None  # of a placement, in the last row
        self._row_step = self._next_row = 0
        self._row_s = self._seconds = 0.0

    def _on_training_start(self) -> None:
        last = self._table.last_row
        step = self._agent.timesteps_trained
        self._seconds = float(last[PROGRESS_COLUMNS.index("seconds")]) if last else 0.0
        self._row_step = step
        self._row_s = time.monotonic()
        self._next_row = (step // PROGRESS_EVERY + 1) * PROGRESS_EVERY

    def _on_step(self) -> bool:
        if self.locals.get("whole_games"):
            for info in self.locals["infos"]:
                self._reward += info["episode"]["r"]
                self._n_rewards += info["pieces_game"]
        else:
            rewards: Any = self.locals["rewards"]
            self._reward += float(rewards.sum())
            self._n_rewards += len(rewards)
        return True

    def on_round_end(self) -> bool:
        """Writes the row that is due."""
        step = self._agent.timesteps_trained
        if step >= self._next_row:
            self._next_row = (step // PROGRESS_EVERY + 1) * PROGRESS_EVERY
            self._latest_reward = self._mean_reward
            self._table.add([_text(value) for value in self._row(step)])
            self._table.hand_over()
            self._reward, self._n_rewards = 0.0, 0
        return True

    def _row(self, step: int) -> tuple[int | float | None, ...]:
        agent, now_s = self._agent, time.monotonic()
        recent_s, n_recent = now_s - self._row_s, step - self._row_step
        self._seconds += recent_s
        self._row_s, self._row_step = now_s, step
        figures = self.figures()
        return (
            step,
            round(self._seconds, 3),
            round(n_recent / recent_s, 1) if recent_s > 0 else None,
            agent.statistics.games_ended,
            figures.mean_lines_game,
            figures.lines_low,
            figures.lines_high,
            agent.statistics.best_lines_game,
            figures.mean_reward_placement,
            agent.learner.loss,
            agent.learner.mean_q,
            agent.learner.exploration_rate,
        )

    @property
    def _mean_reward(self) -> float | None:
        return self._reward / self._n_rewards if self._n_rewards else None

    def figures(self) -> Figures:
        """How the latest games go now, the running ones with their lines so far."""
        statistics = self._agent.statistics
        mean = statistics.mean_lines_game
        reward = self._mean_reward if self._latest_reward is None else self._latest_reward
        if mean is None:
            return Figures(None, None, None, reward)
        low, high = np.quantile(statistics.latest_games, _QUANTILES).tolist()
        return Figures(mean, low, high, reward)

    def rest(self, seconds: float) -> None:
        """Leaves this time out."""
        self._row_s += seconds

    def write(self, folder: Path) -> None:
        """Writes the file of a checkpoint: what the next row begins with."""
        state = {"reward": self._reward, "n_rewards": self._n_rewards, "latest_reward": self._latest_reward}
        (folder / _STATE).write_text(json.dumps(state), encoding="utf-8")

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Takes over what ``write`` wrote; version 0.1.0 wrote nothing."""
        if _STATE in names:
            state = json.loads(read_file(_STATE))
            self._reward, self._n_rewards = float(state["reward"]), int(state["n_rewards"])
            self._latest_reward = state["latest_reward"]


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)
