"""Checkpoints of a running training: their schedule, their content and the deletion of old ones."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tetrarium.errors import FolderMovedError
from tetrarium.events import CheckpointSaved, Event, WarningGiven
from tetrarium.registry.files.atomic import sweep
from tetrarium.registry.home import Home
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import RoundCallback
from tetrarium.training.runs.evaluation_callback import EvaluationCallback
from tetrarium.training.runs.recording.progress import ProgressLog
from tetrarium.training.runs.recording.replay_collection import ReplayCollection
from tetrarium.training.runs.recording.table_writers import Records
from tetrarium.training.runs.storage.folder import delete_checkpoint, latest_checkpoint, obsolete_checkpoints, set_aside


@dataclass(eq=False)
class CheckpointSchedule(RoundCallback):
    """Saves a checkpoint every so many placements or seconds, and applies the retention rule.

    Records, evaluations, replays and progress are saved with the agent; the tables are flushed to the disk before.
    """

    agent: TetrisAgent
    folder: Path
    home: Home  # its key signs the checkpoints
    records: Records
    evaluations: EvaluationCallback
    replays: ReplayCollection
    progress: ProgressLog
    publish: Callable[[Event], None]
    require_in_place: Callable[[], None]  # raises an error if the run's folder was moved

    def __post_init__(self) -> None:
        super().__init__()
        self._next_step = self._step_after(self.agent.timesteps_trained)
        self._saved_s = time.monotonic()

    def on_round_end(self) -> bool:
        """Saves a checkpoint if it is due."""
        config, step = self.agent.config, self.agent.timesteps_trained
        if step >= config.total_timesteps:
            return True  # the run saves its last checkpoint itself
        every_s = config.checkpoint_every_s
        if step >= self._next_step or (every_s is not None and time.monotonic() - self._saved_s >= every_s):
            self.save()
            self._next_step = self._step_after(step)
        return True

    def _step_after(self, step: int) -> int:
        every = self.agent.config.checkpoint_every
        return (step // every + 1) * every

    @property
    def is_saved(self) -> bool:
        """True if the latest checkpoint is of the current step."""
        return latest_checkpoint(self.folder) == self.folder / "checkpoints" / str(self.agent.timesteps_trained)

    def save(self) -> Path:
        """Saves a checkpoint unless the current step already has one; returns its folder."""
        if not self.is_saved:
            self.save_again()
        return self.folder / "checkpoints" / str(self.agent.timesteps_trained)

    def save_on_request(self) -> None:
        """Saves a checkpoint on request; publishes an event even if the current step already has one."""
        was_saved = self.is_saved
        path = self.save()
        if was_saved:
            self.publish(CheckpointSaved(path=str(path), step=self.agent.timesteps_trained, seconds=0.0))

    def save_again(self) -> Path:
        """Saves a checkpoint, replacing one of the same step, and deletes old ones; returns its folder.

        Raises:
            FolderMovedError: if the run's folder was moved.
            CheckpointError: if the checkpoint cannot be written.
        """
        with self.progress.saving():
            path = self._write()
        with contextlib.suppress(FolderMovedError):  # the next checkpoint reports it
            self.require_in_place()
            self.progress.write_times(self.folder)
        return path

    def _write(self) -> Path:
        self.require_in_place()
        step = self.agent.timesteps_trained
        path = self.folder / "checkpoints" / str(step)
        started_s = time.monotonic()
        self.records.sync()
        if (moved := set_aside(path)) is not None:
            self.publish(WarningGiven(step=step, message=f"{str(path)!r} was no checkpoint; it is now {moved.name}."))
        extras = (self.evaluations, self.replays, self.progress, self.records)
        self.agent.save_checkpoint(path, home=self.home, extras=extras)
        self.replays.export(self.folder / "replays")
        self.publish(CheckpointSaved(path=str(path), step=step, seconds=time.monotonic() - started_s))
        self._saved_s = time.monotonic()
        self._delete_old()
        return path

    def clean_up(self, *, is_final: bool = False) -> None:
        """Exports the replays and deletes old checkpoints, which a killed process may have left undone.

        Args:
            is_final: Training stops here: also export running games, and flush the replays to the disk.
        """
        self.replays.export(self.folder / "replays", is_final=is_final)
        self._delete_old()
        sweep(self.folder / "checkpoints")

    def _delete_old(self) -> None:
        config = self.agent.config
        for step in obsolete_checkpoints(
            self.folder, config.keep_checkpoints, config.keep_every, self.evaluations.steps_in_use
        ):
            delete_checkpoint(self.folder, step)
