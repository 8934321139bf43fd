"""Runs that workers of an executor train, piece by piece, while their folders stay in this home.

A thread of this process holds the lock of each run and answers its commands, as a training worker does; pause, stop and
save take effect after the piece that is being trained. A piece ends with a checkpoint, so that nothing is lost with a
worker, with this process or with the cluster but the time since the latest piece.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import zmq

from tetrarium import events
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, ExecutorError, TetrariumError, error_to_dict
from tetrarium.registry.files.atomic import removed_on_error
from tetrarium.registry.files.process_lock import acquire_lock, run_lock
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.storage.folder import checkpoint_steps
from tetrarium.training.runs.storage.packed_runs import TrainedPiece, add_piece, pack_run
from tetrarium.training.runs.storage.run_config import Origin, create_run, read_run_config
from tetrarium.workers.processes.piece_process import CPU_VARIABLE, LostPiece, Piece, train_piece
from tetrarium.workers.processes.shared_executor import SharedExecutor
from tetrarium.workers.protocol.commands import TRAINING
from tetrarium.workers.protocol.server import WorkerServer
from tetrarium.workers.protocol.status_files import WorkerState, remove_address

Publish = Callable[[events.Event], None]

LEAST_S: Final = 60.0
_MOST_AFTER_S: Final = 240.0  # after ``least_s``, when a piece ends without a due checkpoint
_MAX_LOSSES: Final = 3  # of one piece, whose process ends
_OVERDUE_S: Final = 60.0  # at least, after which another worker trains a piece, too: its worker may hang
_OVERDUE_PIECES: Final = 3.0  # more, as a multiple of the run's latest piece
_PAUSE_S: Final = 0.05


class _AbandonedError(Exception):
    """A piece whose result is no longer wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of a run that starts or resumes; see ``TrainingRun.open``."""

    changes: Mapping[str, Any]
    trust: bool = False
    any_cpu: bool = False


class RemotePlace:
    """Place where runs are trained: workers of an executor.

    Args:
        home: Home of the runs.
        executor: The executor.
        name: Its name in messages.
        least_s: Seconds after which a piece ends at the next checkpoint.
    """

    def __init__(self, home: Home, executor: SharedExecutor, name: str, *, least_s: float = LEAST_S) -> None:
        if not 0 <= least_s < float("inf"):
            raise ConfigError(
                f"A piece lasts 0 seconds or more; got {least_s}. Pass a number such as {LEAST_S:.0f}.", field="piece_s"
            )
        self.home = home
        self.executor = executor
        self.name = name
        self.least_s = least_s
        self.is_abandoned = False
        self._threads: list[threading.Thread] = []

    def start_training(
        self,
        home: Home,
        env_config: EnvConfig,
        training_config: TrainingConfig,
        *,
        name: str | None = None,
        preset: str | None = None,
        mode: str = "live",
        origin: Origin = "command",
        group: str | None = None,
    ) -> str:
        """Creates a run and starts to train it, as the launcher does, but without a display."""
        del mode
        config = create_run(home, name, env_config, training_config, preset=preset, origin=origin, group=group)
        with removed_on_error(home.run_folder(config.name)):
            self.start(config.name)
        return config.name

    def resume_training(self, home: Home, name: str, *, mode: str = "live") -> None:
        """Resumes a run from its latest checkpoint, as the launcher does."""
        del home, mode
        self.start(name)

    def start(
        self, name: str, publish: Publish = lambda _event: None, options: "RunOptions | None" = None
    ) -> "RemoteRun":
        """Starts to train an existing run; returns it.

        Raises:
            HomeError: if there is no such run, or another process trains it.
            ExecutorError: if the executor was lost.
        """
        self.check()
        run = RemoteRun(self, name, publish, options or RunOptions(changes={}))
        lock = acquire_lock(run.folder)
        WorkerState(
            state="starting", step=run.step, message=f"Waiting for a worker of {self.name}.", place=self.name
        ).write(run.folder)
        remove_address(run.folder)

        def train() -> None:
            try:
                run.execute(lock=lock)
            except TetrariumError as error:  # it is in the run's state, too
                run.error = error

        thread = threading.Thread(target=train, name=f"run {name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return run

    def stopper(self, runs: "Sequence[RemoteRun]") -> Callable[[], None]:
        """Returns a function for stop signals: the first call stops runs after their pieces, the second at once."""

        def stop() -> None:
            if any(run.control.is_stop_requested for run in runs):
                self.abandon()
            for run in runs:
                run.control.request_stop()

        return stop

    def check(self) -> None:
        """Checks that runs can be trained.

        Raises:
            ExecutorError: if the executor was lost.
        """
        if self.executor.lost is not None:
            raise self.executor.lost

    def join(self, timeout_s: float) -> bool:
        """Waits for the runs that were started; returns whether all of them have ended."""
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def abandon(self) -> None:
        """Stops all runs at once, at their latest checkpoints; the pieces that are being trained are lost."""
        self.is_abandoned = True

    def close(self) -> None:
        """Abandons running pieces and leaves the executor."""
        self.abandon()
        for thread in self._threads:
            thread.join()
        self.executor.close()


class RemoteRun:
    """A run that is trained in pieces.

    Args:
        place: Where.
        name: The run's name.
        publish: Receives every event.
        options: Options of its start.
    """

    def __init__(self, place: RemotePlace, name: str, publish: Publish, options: RunOptions) -> None:
        self.control = Control()
        self._place = place
        self.name = name
        self._receive = publish
        self._publish: Publish = publish
        self._options = options
        self._home = place.home
        self.folder = place.home.run_folder(name)
        self.error: TetrariumError | None = None  # that ended it
        self._config = read_run_config(place.home, name).training_config.with_changes(**options.changes)
        self._is_stopping = False
        self._latest_s = float("inf")  # that the latest piece took
        self._evaluated: set[int] = set()  # steps whose evaluation was published
        self._superseded: int | None = None  # step of a checkpoint that training here would not have saved

    @property
    def step(self) -> int:
        """Step of the latest checkpoint."""
        return max(checkpoint_steps(self.folder), default=0)

    def execute(self, *, lock: int | None = None) -> events.RunEnded:
        """Trains until the run ends or a stop is requested; returns the final event.

        Args:
            lock: Descriptor of the lock of the run's folder, if the caller acquired it.

        Raises:
            ExecutorError: if the executor was lost; the run is then stopped at its latest checkpoint.
            TetrariumError: if training fails.
        """
        with run_lock(self.folder, lock), self._served():
            try:
                return self._train()
            except Exception as error:
                if error is self._place.executor.lost:
                    self._publish_end(self._ended("stopped"), f"Stopped at step {self.step:,}. {error}")
                    raise
                reason = error_to_dict(error)
                failed = events.RunEnded(
                    state="failed", step=self.step, seconds=0.0, checkpoint=self._checkpoint, **reason
                )
                self._publish_end(failed, f"Failed: {reason['error']}")
                raise

    @contextlib.contextmanager
    def _served(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, zmq.ZMQError):  # trains without a server where sockets are forbidden
                server = stack.enter_context(
                    WorkerServer(
                        self.folder, TRAINING, self.control, self._config.total_timesteps, place=self._place.name
                    )
                )
                self._publish = events.publish_to(self._receive, server.publish)
            yield

    def _train(self) -> events.RunEnded:
        config = self._config
        self._publish(
            events.RunStarted(
                name=self.name,
                folder=str(self.folder),
                step=self.step,
                total_steps=config.total_timesteps,
                seed=config.seed,
                n_envs=config.n_envs,
            )
        )
        options = self._options
        piece: TrainedPiece | None = None
        while piece is None or piece.state == "stopped":
            self._pause()
            if self.control.is_stop_requested:
                return self._publish_end(
                    self._ended("stopped", piece), f"Stopped at step {self.step:,}. Nothing is lost."
                )
            self._publish_state("running", f"Training on {self._place.name}; shown after each piece.")
            before = self.step
            try:
                piece = self._train_piece(options)
            except _AbandonedError:
                continue
            self._add(piece, before)
            options = RunOptions(changes={}, trust=False, any_cpu=options.any_cpu)
        message = "Reached the target" if piece.state == "target reached" else "Finished"
        return self._publish_end(
            self._ended(piece.state, piece), f"{message} at step {piece.step:,}.", state="finished"
        )

    def _pause(self) -> None:
        """Blocks while the run is paused."""
        control = self.control
        if control.is_paused and not control.is_stop_requested:
            self._publish_state("paused", f"Paused at step {self.step:,}. Nothing is lost.")
        while control.is_paused and not control.is_stop_requested and not self._place.is_abandoned:
            control.wait(_PAUSE_S)
        if self._place.is_abandoned:
            control.request_stop()

    def _train_piece(self, options: RunOptions) -> TrainedPiece:
        place = self._place
        piece = Piece(
            run=pack_run(self._home, self.name, trust=options.trust),
            root=str(self._home.root),
            least_s=place.least_s,
            most_s=place.least_s + _MOST_AFTER_S,
            changes=options.changes,
            any_cpu=options.any_cpu,
            cpu_capability=os.environ.get(CPU_VARIABLE),
        )
        reason = ""
        for _ in range(_MAX_LOSSES):
            begun_s = time.monotonic()
            overdue_s = _OVERDUE_S + min(piece.most_s, _OVERDUE_PIECES * self._latest_s)
            result = place.executor.call(train_piece, piece, on_wait=self._require_wanted, overdue_s=overdue_s)
            if not isinstance(result, LostPiece):
                self._latest_s = time.monotonic() - begun_s
                return result
            reason = result.reason
        raise ExecutorError(
            f"The process of a piece must end with a result; {_MAX_LOSSES} were killed or out of memory "
            f"({reason}). Give workers more memory, then `tetrarium resume {self.name}`."
        )

    def _require_wanted(self) -> None:
        if self._place.is_abandoned:
            raise _AbandonedError
        if self.control.is_stop_requested and not self._is_stopping:
            self._is_stopping = True
            self._publish_state("stopping", "Stopping after the piece that is being trained; Ctrl-C stops at once.")

    def _add(self, piece: TrainedPiece, before: int) -> None:
        """Adds a piece to the folder and publishes what happened in it."""
        add_piece(self._home, self.name, piece, superseded=self._superseded)
        self._config = TrainingConfig.from_dict(piece.training_config)
        every = self._config.checkpoint_every
        saved = max((step for step in piece.checkpoints if step < piece.step), default=before)
        is_kept = piece.state != "stopped" or is_due(piece.step, saved, every)
        self._superseded = None if is_kept else piece.step
        for event in piece.events:
            if isinstance(event, events.AgentEvaluated):
                if event.step in self._evaluated:  # a pending one is repeated by the next piece
                    continue
                self._evaluated.add(event.step)
            self._publish(event)
        self._publish(events.CheckpointSaved(path=self._checkpoint, step=piece.step, seconds=0.0))
        self.control.take_checkpoint_request()

    @property
    def _checkpoint(self) -> str:
        return str(self.folder / "checkpoints" / str(self.step)) if checkpoint_steps(self.folder) else ""

    def _ended(self, state: str, piece: TrainedPiece | None = None) -> events.RunEnded:
        return events.RunEnded(
            state=state,
            step=self.step,
            seconds=0.0 if piece is None else piece.seconds,
            evaluated_seconds=0.0 if piece is None else piece.evaluated_seconds,
            checkpoint=self._checkpoint,
        )

    def _publish_end(self, ended: events.RunEnded, message: str, *, state: str | None = None) -> events.RunEnded:
        self._publish(ended)
        self._publish_state(state or ended.state, message)
        return ended

    def _publish_state(self, state: str, message: str) -> None:
        self._publish(events.StateChanged(state=state, step=self.step, message=message))


def is_due(step: int, before: int, every: int) -> bool:
    """Returns whether a checkpoint is one that an uninterrupted training saves, too.

    >>> is_due(1_010, before=960, every=500), is_due(1_200, before=1_010, every=500)
    (True, False)

    Args:
        step: Its step.
        before: Step of the checkpoint before.
        every: Steps after which a checkpoint is saved.
    """
    return step // every > before // every
