"""Progress of a run: a row of ``progress.csv`` every so many placements, and events several times per second.

All columns but the seconds and ``steps_per_second`` depend only on the placements, games and weights; so a resumed run
writes the same rows as an uninterrupted one. The seconds accumulate over all sessions of training.
"""

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from tetrarium.events import Event, Progress
from tetrarium.registry.files.atomic import write_file
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.algorithms.learner import ReadFile
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.recording.run_clock import RunClock
from tetrarium.training.runs.recording.table_writers import TableWriter
from tetrarium.training.runs.storage.folder import TIMES

PROGRESS_EVERY: Final = 2_000  # placements
_STATE: Final = "progress.json"
_QUANTILES: Final = (0.1, 0.9)
_LOSS_PIECES: Final = 10_000  # over which losses are counted, or some more


class GameMetrics(NamedTuple):
    """Statistics of the latest games."""

    training_mean: float | None
    training_n_ended: int
    training_n_running: int
    lines_low: float | None  # 10 % quantile
    lines_high: float | None  # 90 % quantile
    mean_reward_placement: float | None  # over the latest row
    games_lost: int
    last_loss_step: int | None
    losses_per_10000_pieces: float | None


class ProgressLog(RoundCallback):
    """Writes a row every ``PROGRESS_EVERY`` placements."""

    def __init__(self, agent: TetrisAgent, table: TableWriter, clock: RunClock) -> None:
        super().__init__()
        self._agent = agent
        self._table = table
        self._clock = clock
        self._reward = 0.0  # sum since the last row
        self._n_rewards = 0  # placements in this sum
        self._latest_reward: float | None = None  # mean reward per placement in the last row
        self._next_row = 0
        self._losses: deque[tuple[int, int]] = deque([(0, 0)])  # (pieces, games lost), the first one before the window

    def _on_training_start(self) -> None:
        step = self._agent.timesteps_trained
        if (last := self._table.last_row) and not self._clock.trained_s:  # a checkpoint of an earlier version
            self._clock.trained_s = float(last["seconds"])
        self._clock.start()
        self._next_row = (step // PROGRESS_EVERY + 1) * PROGRESS_EVERY

    def _on_rollout_start(self) -> None:
        self._clock.count()

    def _on_rollout_end(self) -> None:
        self._clock.count("playing")

    def _on_step(self) -> bool:
        if "whole_games" in self.locals:
            for info in self.locals["infos"]:
                self._reward += info["episode"]["r"]
                self._n_rewards += info["pieces_game"]
        else:
            rewards: Any = self.locals["rewards"]
            self._reward += float(rewards.sum())
            self._n_rewards += len(rewards)
        return True

    def on_round_end(self) -> bool:
        """Writes a row if it is due."""
        self._clock.count("learning")
        step = self._agent.timesteps_trained
        self._clock.add(step)
        if step >= self._next_row:
            self._next_row = (step // PROGRESS_EVERY + 1) * PROGRESS_EVERY
            self._latest_reward = self._mean_reward
            self._note_losses()
            self._table.add(**self._row(step))
            self._table.flush()
            self._reward, self._n_rewards = 0.0, 0
        return True

    def _row(self, step: int) -> dict[str, int | float | None]:
        agent, clock, metrics = self._agent, self._clock, self.metrics()
        agent.model.logger.record("games/losses_per_10000_pieces", metrics.losses_per_10000_pieces)
        return {
            "step": step,
            "seconds": round(clock.trained_s, 3),
            "evaluated_seconds": round(clock.evaluated_s, 3),
            "steps_per_second": round(clock.steps_per_second, 1),
            "games_ended": agent.statistics.games_ended,
            "best_lines_game": agent.statistics.best_lines_game,
            "loss": agent.learner.loss,
            "mean_q": agent.learner.mean_q,
            "exploration_rate": agent.learner.exploration_rate,
            **metrics._asdict(),
        }

    @property
    def _mean_reward(self) -> float | None:
        return self._reward / self._n_rewards if self._n_rewards else None

    def metrics(self) -> GameMetrics:
        """Returns the statistics of the latest games, running ones with their lines so far."""
        statistics = self._agent.statistics
        mean, games = statistics.training_mean, statistics.latest_games
        low, high = np.quantile(games, _QUANTILES).tolist() if mean is not None else (None, None)
        return GameMetrics(
            training_mean=mean,
            training_n_ended=len(games) - statistics.n_running,
            training_n_running=statistics.n_running,
            lines_low=low,
            lines_high=high,
            mean_reward_placement=self._mean_reward if self._latest_reward is None else self._latest_reward,
            games_lost=statistics.games_lost,
            last_loss_step=statistics.last_loss_step,
            losses_per_10000_pieces=self._losses_per_10000_pieces(),
        )

    def _note_losses(self) -> None:
        statistics = self._agent.statistics
        if statistics.pieces_total > self._losses[-1][0]:  # otherwise no game was played
            self._losses.append((statistics.pieces_total, statistics.games_lost))
            while self._losses[1][0] <= statistics.pieces_total - _LOSS_PIECES:
                self._losses.popleft()

    def _losses_per_10000_pieces(self) -> float | None:
        n_before, n_lost = self._losses[0]
        n_pieces = self._agent.statistics.pieces_total - n_before
        return 10_000 * (self._agent.statistics.games_lost - n_lost) / n_pieces if n_pieces else None

    def on_paused(self, elapsed_s: float) -> None:
        """Excludes the pause from the elapsed time."""
        self._clock.skip()

    def write_times(self, folder: Path) -> None:
        """Writes where the time went into the run's folder, for people; without success, nothing is lost."""
        with contextlib.suppress(OSError):
            times = {name: round(value, 3) for name, value in self._clock.times().items()}
            write_file(folder / TIMES, json.dumps(times).encode())

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Counts the time of the block as saving."""
        self._clock.count()
        try:
            yield
        finally:
            self._clock.count("saving")

    def write(self, folder: Path) -> None:
        """Writes the state of the next row into a checkpoint."""
        state = {
            "reward": self._reward,
            "n_rewards": self._n_rewards,
            "latest_reward": self._latest_reward,
            "losses": list(self._losses),
            "trained_s": self._clock.trained_s,
            "evaluated_s": self._clock.evaluated_s,
            "times": self._clock.times(),
        }
        (folder / _STATE).write_text(json.dumps(state), encoding="utf-8")

    def read(self, names: Collection[str], read_file: ReadFile) -> None:
        """Restores what ``write`` saved; old checkpoints have no such file."""
        if _STATE in names:
            state = json.loads(read_file(_STATE))
            self._reward, self._n_rewards = float(state["reward"]), int(state["n_rewards"])
            self._latest_reward = state["latest_reward"]
            self._clock.trained_s = state.get("trained_s", 0.0)
            self._clock.evaluated_s = state.get("evaluated_s", 0.0)
            self._clock.set_times(state.get("times", {}))
            # An earlier version did not count losses: those after its checkpoint are counted from there.
            before = [(self._agent.statistics.pieces_total, self._agent.statistics.games_lost)]
            self._losses = deque((n_pieces, n_lost) for n_pieces, n_lost in state.get("losses", before))


_LOG_EVERY: Final = 2_000  # placements between TensorBoard records
_PROGRESS_EVERY_S: Final = 0.25


class ProgressReporter(RoundCallback):
    """Publishes progress events, and writes TensorBoard events every so many placements."""

    def __init__(
        self, agent: TetrisAgent, publish: Callable[[Event], None], metrics: Callable[[], GameMetrics], clock: RunClock
    ) -> None:
        super().__init__()
        self._agent = agent
        self._publish = publish
        self._metrics = metrics
        self._clock = clock
        self._progress_s = time.monotonic()
        self._next_log = (agent.timesteps_trained // _LOG_EVERY + 1) * _LOG_EVERY

    def on_round_end(self) -> bool:
        """Publishes progress and writes TensorBoard events if they are due."""
        now_s = time.monotonic()
        step = self._agent.timesteps_trained
        if step >= self._next_log:
            self._agent.model.logger.dump(step)
            self._next_log = (step // _LOG_EVERY + 1) * _LOG_EVERY
        if now_s - self._progress_s >= _PROGRESS_EVERY_S:
            self._publish(self._progress())
            self._progress_s = now_s
        return True

    def on_paused(self, elapsed_s: float) -> None:
        """Publishes a speed of 0."""
        now_s = time.monotonic()
        if now_s - self._progress_s >= _PROGRESS_EVERY_S:
            self._publish(replace(self._progress(), steps_per_second=0.0))
            self._progress_s = now_s

    def _on_training_end(self) -> None:
        self._publish(replace(self._progress(), seconds_left=None))  # the last evaluation takes an unknown time

    def _progress(self) -> Progress:
        agent, statistics, clock = self._agent, self._agent.statistics, self._clock
        step, total = agent.timesteps_trained, agent.config.total_timesteps
        speed = clock.steps_per_second
        return Progress(
            step=step,
            total_steps=total,
            steps_per_second=speed,
            seconds=clock.trained_s,
            evaluated_seconds=clock.evaluated_s,
            seconds_left=max(total - step, 0) / speed if speed > 0 else None,
            games_ended=statistics.games_ended,
            best_lines_game=statistics.best_lines_game,
            lines_total=statistics.lines_total,
            exploration_rate=agent.learner.exploration_rate,
            loss=agent.learner.loss,
            mean_q=agent.learner.mean_q,
            **self._metrics()._asdict(),
        )
