"""What ends a training early: enough lines in one game, or on average over the latest games."""

from tetrarium.training.config import TrainingConfig
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.statistics import GameStatistics

__all__ = ["Goals"]


class Goals(RoundCallback):
    """Stops between rounds once a goal is reached; a game that still runs counts with its lines so far.

    Args:
        config: Names the goals, or none.
        statistics: What is measured by.
    """

    def __init__(self, config: TrainingConfig, statistics: GameStatistics) -> None:
        super().__init__()
        self._config = config
        self._statistics = statistics

    @property
    def are_reached(self) -> bool:
        """Whether one of them is."""
        config, statistics = self._config, self._statistics
        if config.target_lines is not None and statistics.best_lines_game >= config.target_lines:
            return True
        if config.target_mean_lines is None:
            return False
        mean = statistics.mean_lines_of(config.target_mean_games)
        return mean is not None and mean >= config.target_mean_lines

    def on_round_end(self) -> bool:
        """Goes on until a goal is reached."""
        return not self.are_reached
