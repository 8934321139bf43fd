"""What a run tells while it trains: progress a few times a second, and TensorBoard scalars."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tetrarium.events import Event, Progress
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.progress import Figures

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Reporter"]

_LOG_EVERY: Final = 2_000  # placements between TensorBoard records
_PROGRESS_EVERY_S: Final = 0.25


class Reporter(RoundCallback):
    """Publishes progress, and writes TensorBoard records every so many placements.

    Args:
        agent: What is trained.
        publish: Is given the messages.
        figures: Tells how the latest games go.
    """

    def __init__(self, agent: "TetrisAgent", publish: Callable[[Event], None], figures: Callable[[], Figures]) -> None:
        super().__init__()
        self._agent = agent
        self._publish = publish
        self._figures = figures
        self._started_s = self._progress_s = time.monotonic()
        self._warm_s: float | None = None  # when the first round was over, in which kernels are loaded
        self._step_begun = self._step_progress = self._step_warm = agent.timesteps_trained
        self._next_log = (agent.timesteps_trained // _LOG_EVERY + 1) * _LOG_EVERY

    def on_round_end(self) -> bool:
        """Publishes what is due."""
        now_s = time.monotonic()
        step = self._agent.timesteps_trained
        if self._warm_s is None:
            self._warm_s, self._step_warm = now_s, step
        if step >= self._next_log:
            self._agent.model.logger.dump(step)
            self._next_log = (step // _LOG_EVERY + 1) * _LOG_EVERY
        if now_s - self._progress_s >= _PROGRESS_EVERY_S:
            self._publish(self._progress(step, now_s))
            self._progress_s, self._step_progress = now_s, step
        return True

    def rest(self, seconds: float) -> None:
        """Publishes that nothing moves, and leaves this time out of all speeds."""
        self._started_s += seconds
        self._warm_s = None if self._warm_s is None else self._warm_s + seconds
        now_s = time.monotonic()
        if now_s - self._progress_s >= _PROGRESS_EVERY_S:
            step = self._agent.timesteps_trained
            self._publish(replace(self._progress(step, now_s), steps_per_second=0.0))
            self._progress_s, self._step_progress = now_s, step

    def _on_training_end(self) -> None:
        self._publish(self._progress(self._agent.timesteps_trained, time.monotonic()))

    def _progress(self, step: int, now_s: float) -> Progress:
        agent, statistics = self._agent, self._agent.statistics
        seconds = max(now_s - self._started_s, 1e-6)
        warm_s = now_s - self._warm_s if self._warm_s is not None else 0.0
        speed = (step - self._step_warm) / warm_s if warm_s > 0 else 0.0
        n_recent, recent_s = step - self._step_progress, now_s - self._progress_s
        figures = self._figures()
        left = max(agent.config.total_timesteps - step, 0)
        return Progress(
            step=step,
            total_steps=agent.config.total_timesteps,
            steps_per_second=n_recent / recent_s if n_recent else speed or (step - self._step_begun) / seconds,
            seconds=seconds,
            seconds_left=left / speed if speed > 0 else None,
            games_ended=statistics.games_ended,
            mean_lines_game=figures.mean_lines_game,
            mean_n_games=len(statistics.latest_games),
            best_lines_game=statistics.best_lines_game,
            lines_total=statistics.lines_total,
            exploration_rate=agent.learner.exploration_rate,
            loss=agent.learner.loss,
            mean_q=agent.learner.mean_q,
            lines_low=figures.lines_low,
            lines_high=figures.lines_high,
            mean_reward_placement=figures.mean_reward_placement,
        )
