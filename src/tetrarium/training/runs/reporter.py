"""What a run tells while it trains: progress a few times a second, boards for who asked, TensorBoard scalars."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.events import BoardShown, Event, Progress
from tetrarium.training.runs.callbacks import RoundCallback

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Reporter"]

_LOG_EVERY: Final = 2_000  # placements between TensorBoard records
_PROGRESS_EVERY_S: Final = 0.25
_BOARD_EVERY_S: Final = 0.1


class Reporter(RoundCallback):
    """Publishes progress and boards, and writes TensorBoard records every so many placements.

    Args:
        agent: What is trained.
        publish: Is given the messages.
        shows_board: Whether boards are published; without, nothing is drawn at all.
    """

    def __init__(self, agent: "TetrisAgent", publish: Callable[[Event], None], *, shows_board: bool) -> None:
        super().__init__()
        self._agent = agent
        self._publish = publish
        self._shows_board = shows_board
        self._started_s = self._progress_s = self._board_s = time.monotonic()
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
        if self._shows_board and now_s - self._board_s >= _BOARD_EVERY_S:
            self._board_s = now_s
            self._publish(self._board())
        return True

    def _on_training_end(self) -> None:
        self._publish(self._progress(self._agent.timesteps_trained, time.monotonic()))

    def _progress(self, step: int, now_s: float) -> Progress:
        agent, statistics = self._agent, self._agent.statistics
        seconds = now_s - self._started_s
        warm_s = now_s - self._warm_s if self._warm_s is not None else 0.0
        speed = (step - self._step_warm) / warm_s if warm_s > 0 else 0.0
        n_recent, recent_s = step - self._step_progress, now_s - self._progress_s
        left = max(agent.config.total_timesteps - step, 0)
        return Progress(
            step=step,
            total_steps=agent.config.total_timesteps,
            steps_per_second=n_recent / recent_s if n_recent else speed or (step - self._step_begun) / seconds,
            seconds=seconds,
            seconds_left=left / speed if speed > 0 else None,
            games_ended=statistics.games_ended,
            mean_lines_game=statistics.mean_lines_game,
            mean_n_games=len(statistics.latest_games),
            best_lines_game=statistics.best_lines_game,
            lines_total=statistics.lines_total,
            exploration_rate=agent.learner.exploration_rate,
            loss=agent.learner.loss,
        )

    def _board(self) -> BoardShown:
        games = self._agent.games
        assert isinstance(games, TetrisVecEnv)
        state = games.core.games.state(0)
        return BoardShown(
            columns=state.columns,
            height=games.config.height,
            queue=state.queue,
            lines_game=state.lines,
            pieces_game=state.pieces,
        )
