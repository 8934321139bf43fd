"""A training run from its first step to its last: ``TrainingRun``.

A run that was stopped or killed resumes from its last checkpoint; everything recorded after it is removed first.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stable_baselines3.common.logger import Logger

from tetrarium.engine import are_kernels_cached
from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.errors import AlreadyRunningError, ConfigError, DamagedCheckpointError, HomeError, error_to_dict
from tetrarium.events import Event, KernelsCompiling, RunEnded, RunStarted, StateChanged, WarningGiven, publish_to
from tetrarium.registry.files.atomic import remove_directory
from tetrarium.registry.files.process_lock import run_lock
from tetrarium.registry.files.safe_files import read_object
from tetrarium.registry.home import Home
from tetrarium.registry.run_labels import read_labels
from tetrarium.registry.run_tables import EPISODES, PROGRESS, read_last_row
from tetrarium.training.agent import TetrisAgent
from tetrarium.training.callbacks import GoalCallback
from tetrarium.training.checkpoints.agent_checkpoint import saved_files
from tetrarium.training.checkpoints.checkpoint_store import read_metadata
from tetrarium.training.checkpoints.metadata import METADATA_NAME
from tetrarium.training.config import CHANGEABLE_SETTINGS, TrainingConfig
from tetrarium.training.devices import require_device
from tetrarium.training.requirements import require_trainable
from tetrarium.training.runs.checkpoint_schedule import CheckpointSchedule
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.evaluation_callback import EvaluationCallback
from tetrarium.training.runs.live_board import DemoGame, LiveBoard
from tetrarium.training.runs.pause_gate import PauseGate
from tetrarium.training.runs.recording.progress import ProgressLog, ProgressReporter
from tetrarium.training.runs.recording.registry_sync import RegistrySync
from tetrarium.training.runs.recording.replay_collection import ReplayCollection
from tetrarium.training.runs.recording.run_clock import RunClock
from tetrarium.training.runs.recording.table_writers import EpisodeLog, Records, TableWriter
from tetrarium.training.runs.recording.trackers import BACKENDS, Tracker, require_trackers, tracked_run
from tetrarium.training.runs.storage import folder as storage
from tetrarium.training.runs.storage.run_config import RunConfig, create_run, read_run_config, write_run_config

Publish = Callable[[Event], None]
Host = Callable[["TrainingRun"], AbstractContextManager[Publish]]
_ENDED: Final = {  # state and message of the final event, by ``RunEnded.state``
    "finished": ("finished", "Finished at step {step:,}."),
    "target reached": ("finished", "Reached the target at step {step:,}."),
    "stopped": ("stopped", "Stopped at step {step:,}. Nothing is lost."),
}
_FAILED: Final = "Failed: {failed.error}"


def _save_no_model() -> None:
    """Saves nothing: of a study, only the best trial becomes a model, which its tuner decides."""


class TrainingRun:
    """A training run and its folder.

    Args:
        home: The home that contains the run.
        config: The run's configuration.
        publish: Receives every event.
        shows_board: Whether to publish boards even without viewers in ``control``.
        trust: Resume from a checkpoint that was not made in this home, which can execute code.
        any_cpu: Resume from a checkpoint of a processor that computes other numbers.
        trains_longer: Remove targets that are reached at the start, which would end the run at once.
    """

    def __init__(
        self,
        home: Home,
        config: RunConfig,
        publish: Publish,
        *,
        shows_board: bool = False,
        trust: bool = False,
        any_cpu: bool = False,
        trains_longer: bool = False,
    ) -> None:
        self.config = config
        self.control = Control()
        self.clock = RunClock()
        self.folder = home.run_folder(config.name)
        self._home = home
        self._publish = publish
        self._shows_board = shows_board
        self._trust = trust
        self._any_cpu = any_cpu
        self._trains_longer = trains_longer
        self._is_new = False  # made by ``create``, and no agent trains it yet

    @classmethod
    def create(
        cls,
        home: Home,
        name: str | None,
        env_config: EnvConfig,
        training_config: TrainingConfig,
        publish: Publish,
        *,
        start_from: Path | None = None,
        preset: str | None = None,
        group: str | None = None,
        track: tuple[str, ...] = (),
        shows_board: bool = False,
    ) -> "TrainingRun":
        """Creates a new run.

        Args:
            home: The home that will contain the run.
            name: The run's name; None for the next number.
            env_config: The game.
            training_config: Training settings.
            publish: Receives every event.
            start_from: A checkpoint whose weights initialize the agent.
            preset: Name of the preset that the configs are based on.
            group: Name of the run's group.
            track: Names of the trackers that its scalars are written to.
            shows_board: Whether to publish boards even without viewers.

        Raises:
            HomeError: if the name is taken or invalid, or the home cannot be written to.
            CheckpointError: if ``start_from`` cannot be loaded.
            ConfigError: if no agent can be trained with these configs on this machine.
        """
        require_trainable(env_config, training_config)
        require_device(training_config.device)
        require_trackers(track)
        if start_from is not None:
            TetrisAgent(make_env(env_config)(), training_config).start_from(start_from)
        config = create_run(
            home, name, env_config, training_config, start_from=start_from, preset=preset, group=group, track=track
        )
        run = cls(home, config, publish, shows_board=shows_board)
        run._is_new = True
        return run

    @classmethod
    def open(
        cls,
        home: Home,
        name: str,
        publish: Publish,
        *,
        changes: Mapping[str, Any] | None = None,
        shows_board: bool = False,
        trust: bool = False,
        any_cpu: bool = False,
        any_device: bool = False,
    ) -> "TrainingRun":
        """Opens an existing run to resume it.

        Args:
            home: The home that contains the run.
            name: The run's name.
            publish: Receives every event.
            changes: Training settings to change. With more ``total_timesteps``, schedules keep their end, unless
                ``schedule_steps`` changes, too; with other ones, targets that are reached no longer end the run.
            shows_board: Whether to publish boards even without viewers.
            trust: Resume from a checkpoint that was not made in this home, which can execute code.
            any_cpu: Resume from a checkpoint of a processor that computes other numbers.
            any_device: Open it although torch may lack the device here, as it is trained elsewhere.

        Raises:
            HomeError: if there is no such run, or its config cannot be read.
            ConfigError: if a setting cannot change, is invalid, or requests fewer steps than already trained, or
                torch cannot use the device.
        """
        config = read_run_config(home, name)
        changes = changes or {}
        require_changeable(name, changes)
        before = config.training_config.total_timesteps
        config = replace(config, training_config=config.training_config.with_changes(**changes))
        requested = config.training_config.total_timesteps
        if requested > before and config.training_config.schedule_steps is None and "schedule_steps" not in changes:
            kept = config.training_config.with_changes(schedule_steps=before)  # else both would jump back
            config = replace(config, training_config=kept)
        if not any_device:
            require_device(config.training_config.device)
        trained = max(storage.checkpoint_steps(home.run_folder(name)), default=0)
        if requested != before and requested < trained:
            raise ConfigError(
                f"total_timesteps must be at least the {trained:,} steps that {name!r} has already trained; got "
                f"{requested:,}. Increase it, or start a new run from an earlier checkpoint with "
                "`tetrarium train --from`.",
                field="total_timesteps",
            )
        trains_longer = requested != before and requested > trained
        return cls(
            home, config, publish, shows_board=shows_board, trust=trust, any_cpu=any_cpu, trains_longer=trains_longer
        )

    def request_stop(self) -> None:
        """Stops training after the current round, with a checkpoint; may be called from a signal handler."""
        self.control.request_stop()

    def execute(self, host: Host | None = None, *, lock: int | None = None) -> tuple[TetrisAgent, RunEnded]:
        """Trains until all steps are done, a goal is reached or a stop is requested, and saves a checkpoint.

        A new run whose agent cannot be made is deleted again.

        Args:
            host: Entered once the run is locked; the function that it returns receives every event, too.
            lock: File descriptor of the run's lock, if the process was started with it.

        Returns:
            The agent and the final event.

        Raises:
            HomeError: if another process trains this run.
            CheckpointError: if a checkpoint cannot be read or written; a `FolderMovedError` if the folder was moved.
            ConfigError: if the run's config was edited in a setting that cannot change.
            TetrariumError: if the loss is no longer finite.
        """
        with (
            self._deleted_if_refused(),
            run_lock(self.folder, lock) as require_lock,
            contextlib.nullcontext() if host is None else host(self) as publish,
        ):
            if publish is not None:
                self._publish = publish_to(self._publish, publish)
            try:
                checkpoint = self._find_checkpoint()
                agent = self._prepare_agent(checkpoint)
                self._is_new = False
                outcome, path = self._train(agent, checkpoint, require_lock)
                ended = RunEnded(
                    state=outcome,
                    step=agent.timesteps_trained,
                    seconds=self.clock.trained_s,
                    evaluated_seconds=self.clock.evaluated_s,
                    checkpoint=str(path),
                    times=self.clock.times(),
                )
                self._publish(ended)
                state, message = _ENDED[outcome]
                self._publish_state(ended.step, state, message.format(step=ended.step))
            except Exception as error:
                failed = self._failed(error)
                self._publish(failed)
                self._publish_state(failed.step, "failed", _FAILED.format(failed=failed))
                raise
            return agent, ended

    @contextlib.contextmanager
    def _deleted_if_refused(self) -> Iterator[None]:
        """Deletes the folder of a new run that fails before it has an agent, unless another process trains it."""
        try:
            yield
        except AlreadyRunningError:
            raise
        except Exception:
            if self._is_new:
                with contextlib.suppress(OSError):
                    remove_directory(self.folder)
            raise

    def _publish_state(self, step: int, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=step, message=message))

    def _find_checkpoint(self) -> Path | None:
        """Returns the latest checkpoint; publishes a warning for each later folder, or if all checkpoints are gone.

        Raises:
            DamagedCheckpointError: if a later checkpoint has damaged metadata.
        """
        checkpoint = storage.latest_checkpoint(self.folder)
        step = 0 if checkpoint is None else int(checkpoint.name)
        later = [path for path in storage.uncounted_folders(self.folder) if int(path.name) > step]
        for path in later:
            content = "holds no checkpoint"
            if os.path.lexists(path / METADATA_NAME):
                with self._with_damage_remedy(path):
                    content = f"holds the checkpoint of step {read_metadata(path).counters['timesteps_trained']:,}"
            self._publish(WarningGiven(step=step, message=f"The folder {str(path)!r} {content}, and is ignored."))
        last_rows = (read_last_row(self.folder, table) for table in (PROGRESS, EPISODES))  # short runs have no progress
        recorded = max(int(row.get("step") or 0) for row in last_rows)
        if checkpoint is None and recorded:
            lost = f"No checkpoint is left. The run starts at step 0; its records up to step {recorded:,} are replaced."
            self._publish(WarningGiven(step=0, message=lost))
        return checkpoint

    def _prepare_agent(self, checkpoint: Path | None) -> TetrisAgent:
        """Returns the agent of the last checkpoint, or a new one, and publishes the start of the run."""
        step = 0 if checkpoint is None else int(checkpoint.name)
        self._publish_state(step, "starting", f"Starting at step {step:,}.")
        if not are_kernels_cached(self.config.env_config.rules()):
            self._publish(KernelsCompiling())
        agent = self._agent(checkpoint)
        write_run_config(self.folder, self.config)
        config = self.config.training_config
        self._publish(
            RunStarted(
                name=self.config.name,
                folder=str(self.folder),
                step=agent.timesteps_trained,
                total_steps=config.total_timesteps,
                seed=config.seed,
                n_envs=config.n_envs,
            )
        )
        return agent

    def _train(self, agent: TetrisAgent, checkpoint: Path | None, require_lock: Callable[[], None]) -> tuple[str, Path]:
        """Trains the agent; returns the outcome, a key of ``_ENDED``, and the last checkpoint."""
        step = agent.timesteps_trained
        records, replays = Records(self.folder), self._replays(agent)
        progress = ProgressLog(agent, records.progress, self.clock)
        registry = RegistrySync(self._home, self.config.name, agent, self._publish)
        with (
            storage.folder_guard(self.folder, require_lock) as require_in_place,
            contextlib.closing(records),
            contextlib.ExitStack() as opened,
            registry,
            self._evaluations(agent, records.evaluations, registry, require_in_place) as evaluations,
        ):
            if checkpoint is not None:
                with self._with_damage_remedy(checkpoint), saved_files(checkpoint) as (names, read_file):
                    for part in (evaluations, replays, progress, records):
                        part.read(names, read_file)
            if self._trains_longer:
                self._remove_targets(agent, evaluations.reached + GoalCallback(agent.config, agent.statistics).reached)
            agent.model.set_logger(Logger(str(self.folder), [records.open(step), *self._trackers(agent, opened)]))
            checkpoints = CheckpointSchedule(
                agent, self.folder, self._home, records, evaluations, replays, progress, self._publish, require_in_place
            )
            checkpoints.clean_up()
            if step == 0 and self.config.start_from is not None:
                checkpoints.save()  # the checkpoint that it started from may be deleted before the run resumes
            reporter = ProgressReporter(agent, self._publish, progress.metrics, self.clock)
            boards = self._boards(agent, replays)
            pause_gate = PauseGate(
                agent, self.control, checkpoints.save_on_request, self._publish, (boards, progress, reporter)
            )
            is_trainable = evaluations.catch_up() and not evaluations.reached
            n_steps = max(agent.config.total_timesteps - agent.steps_requested, 0) if is_trainable else 0
            self._publish_state(step, "running", "Training.")
            pause_gate.handle_requests()
            # Records of a step come before its checkpoint, which includes them.
            recorders = [EpisodeLog(records.episodes), progress, replays, boards, evaluations, reporter]
            agent.train(n_steps, [*recorders, checkpoints, registry, pause_gate])
            outcome = self._outcome(agent, evaluations)
            if outcome != "stopped" and not evaluations.is_complete:
                self._publish_state(agent.timesteps_trained, "running", "Evaluating the last weights.")
            is_decided = outcome != "stopped" and evaluations.finish()
            if not evaluations.is_complete:
                outcome = "stopped"
            path = checkpoints.save_again() if is_decided else checkpoints.save()
            checkpoints.clean_up(is_final=True)
        return outcome, path

    def _trackers(self, agent: TetrisAgent, opened: contextlib.ExitStack) -> list[Tracker]:
        """Opens the run's trackers, which ``opened`` closes."""

        def warn(message: str) -> None:
            self._publish(WarningGiven(step=agent.timesteps_trained, message=message))

        started = str(read_object(self.folder / storage.RUN_CONFIG).get("started", ""))
        key = hashlib.sha256(f"{self.config.name} {started}".encode()).hexdigest()[:16]
        with contextlib.suppress(HomeError):
            group = read_labels(self.folder).group
            run = tracked_run(self.config, group=group, key=key)
            trackers = [Tracker(name, run, warn) for name in self.config.track if name in BACKENDS]
            return [opened.enter_context(contextlib.closing(tracker)) for tracker in trackers]
        return []

    def _remove_targets(self, agent: TetrisAgent, names: Sequence[str]) -> None:
        if not names:
            return
        changes = dict.fromkeys(names)
        agent.learner.config = agent.config.with_changes(**changes)
        training_config = self.config.training_config.with_changes(**changes)
        self.config = replace(self.config, training_config=training_config)
        write_run_config(self.folder, self.config)
        message = f"Reached already, and no longer a target: {', '.join(names)}."
        self._publish(WarningGiven(step=agent.timesteps_trained, message=message))

    def _evaluations(
        self, agent: TetrisAgent, table: TableWriter, registry: RegistrySync, require_in_place: Callable[[], None]
    ) -> contextlib.closing[EvaluationCallback]:
        def is_stop_requested() -> bool:
            return self.control.is_stop_requested

        secret, best = self._home.secret(), self.folder / storage.BEST
        return contextlib.closing(
            EvaluationCallback(
                agent,
                best,
                table,
                secret,
                self._publish,
                _save_no_model if self.config.origin == "study" else registry.save_best_model,
                self.clock.evaluating,
                is_stop_requested,
                require_in_place,
            )
        )

    def _boards(self, agent: TetrisAgent, replays: ReplayCollection) -> LiveBoard | DemoGame:
        if agent.learner.plays_whole_games:
            return DemoGame(agent, self.control, self._publish, shows_board=self._shows_board)
        return LiveBoard(agent, replays.recorder, self.control, self._publish, shows_board=self._shows_board)

    def _replays(self, agent: TetrisAgent) -> ReplayCollection:
        assert isinstance(agent.vec_env, TetrisVecEnv)
        return ReplayCollection(agent.vec_env, agent.config.seed, self.config.name)

    def _outcome(self, agent: TetrisAgent, evaluations: EvaluationCallback) -> str:
        if GoalCallback(agent.config, agent.statistics).reached or evaluations.reached:
            return "target reached"
        return "finished" if agent.timesteps_trained >= agent.config.total_timesteps else "stopped"

    def _failed(self, error: Exception) -> RunEnded:
        steps = storage.checkpoint_steps(self.folder)
        return RunEnded(
            state="failed",
            step=steps[-1] if steps else 0,
            seconds=self.clock.trained_s,
            evaluated_seconds=self.clock.evaluated_s,
            checkpoint=str(self.folder / "checkpoints" / str(steps[-1])) if steps else "",
            **error_to_dict(error),
        )

    def _agent(self, checkpoint: Path | None) -> TetrisAgent:
        """Returns the agent of a checkpoint, or a new one."""
        env = make_env(self.config.env_config)()
        config = self.config.training_config
        if checkpoint is None:
            agent = TetrisAgent(env, config)
            return agent if self.config.start_from is None else agent.start_from(self.config.start_from)
        with self._with_damage_remedy(checkpoint):
            return TetrisAgent.load_checkpoint(
                checkpoint, env, trust=self._trust, any_cpu=self._any_cpu, home=self._home, config=config
            )

    @contextlib.contextmanager
    def _with_damage_remedy(self, checkpoint: Path) -> Iterator[None]:
        """Adds a remedy to the error of a damaged checkpoint: the step at which the run would resume without it."""
        try:
            yield
        except DamagedCheckpointError as error:
            older = [step for step in storage.checkpoint_steps(self.folder) if step < int(checkpoint.name)]
            start = f"at step {older[-1]:,}" if older else "from the start"
            raise DamagedCheckpointError(
                f"{error} Or delete the folder {str(checkpoint)!r}; the run then resumes {start}."
            ) from error


def require_changeable(name: str, changes: Iterable[str]) -> None:
    """Checks that settings can change when a run resumes.

    Raises:
        ConfigError: if a setting cannot change.
    """
    for setting in changes:
        if setting not in CHANGEABLE_SETTINGS:
            raise ConfigError(
                f"{setting} cannot change when a run resumes; only {', '.join(CHANGEABLE_SETTINGS)} can. "
                f"Start a new run with `tetrarium train --from {name}`.",
                field=setting,
            )
