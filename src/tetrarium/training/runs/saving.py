"""A run's checkpoints while it trains: when one is saved, what it holds, and which ones are let go."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tetrarium.events import CheckpointSaved, Event
from tetrarium.registry.atomic import sweep
from tetrarium.registry.home import Home
from tetrarium.training.runs.callbacks import RoundCallback
from tetrarium.training.runs.evaluations import Evaluations
from tetrarium.training.runs.folder import checkpoint_steps, checkpoints_to_drop, latest_checkpoint, remove_checkpoint
from tetrarium.training.runs.progress import ProgressLog
from tetrarium.training.runs.records import Records
from tetrarium.training.runs.replays import ReplayCollection

if TYPE_CHECKING:
    from tetrarium.training.agent import TetrisAgent

__all__ = ["Checkpoints"]


class Checkpoints(RoundCallback):
    """Saves every so many placements or seconds, and keeps what the retention rule says.

    Args:
        agent: What is trained.
        folder: The run's.
        home: Whose key signs.
        records: Are on the disk before a checkpoint is.
        evaluations: Is saved with the agent.
        replays: Is saved with the agent, and exported.
        progress: Is saved with the agent.
        publish: Is told of each checkpoint.
        require_in_place: Raises where the folder is no longer the run's.
    """

    def __init__(
        self,
        agent: "TetrisAgent",
        folder: Path,
        home: Home,
        records: Records,
        evaluations: Evaluations,
        replays: ReplayCollection,
        progress: ProgressLog,
        publish: Callable[[Event], None],
        require_in_place: Callable[[], None],
    ) -> None:
        super().__init__()
        self._agent = agent
        self._folder = folder
        self._home = home
        self._records = records
        self._evaluations = evaluations
        self._replays = replays
        self._progress = progress
        self._publish = publish
        self._require_in_place = require_in_place
        self._next_step = self._following(agent.timesteps_trained)
        self._saved_s = time.monotonic()

    def on_round_end(self) -> bool:
        """Saves when it is time to."""
        config, step = self._agent.config, self._agent.timesteps_trained
        if step >= config.total_timesteps:
            return True  # the run saves when it ends
        every_s = config.checkpoint_every_s
        if step >= self._next_step or (every_s is not None and time.monotonic() - self._saved_s >= every_s):
            self.save()
            self._next_step = self._following(step)
        return True

    def _following(self, step: int) -> int:
        every = self._agent.config.checkpoint_every
        return (step // every + 1) * every

    @property
    def is_saved(self) -> bool:
        """Whether the latest checkpoint is of the step of now."""
        return latest_checkpoint(self._folder) == self._folder / "checkpoints" / str(self._agent.timesteps_trained)

    def save(self) -> Path:
        """Saves now, unless this step is saved already and nothing was decided since."""
        if not self.is_saved:
            self.save_again()
        return self._folder / "checkpoints" / str(self._agent.timesteps_trained)

    def save_again(self) -> Path:
        """Saves now, over a checkpoint of the same step where there is one, and lets old ones go.

        Raises:
            FolderMovedError: if the run's folder is no longer where it was.
            CheckpointError: if it cannot be written.
        """
        self._require_in_place()
        step = self._agent.timesteps_trained
        path = self._folder / "checkpoints" / str(step)
        started_s = time.monotonic()
        self._records.sync()
        beside = (self._evaluations, self._replays, self._progress, self._records)
        self._agent.save_checkpoint(path, home=self._home, beside=beside)
        self._replays.export(self._folder / "replays")
        self._publish(CheckpointSaved(path=str(path), step=step, seconds=time.monotonic() - started_s))
        self._saved_s = time.monotonic()
        self._drop()
        return path

    def tidy(self, *, lasting: bool = False) -> None:
        """Does what a process may have been killed before: exports the replays, and lets old checkpoints go.

        Args:
            lasting: Whether to wait until the replays would survive a power failure.
        """
        self._replays.export(self._folder / "replays", lasting=lasting)
        self._drop()
        sweep(self._folder / "checkpoints")

    def _drop(self) -> None:
        config = self._agent.config
        steps = checkpoint_steps(self._folder)
        for step in checkpoints_to_drop(
            steps, config.keep_checkpoints, config.keep_every, self._evaluations.steps_in_use
        ):
            remove_checkpoint(self._folder, step)
