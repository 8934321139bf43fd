"""A training run from its first step to its last: ``TrainingRun``.

A run that was stopped, however, goes on from its last checkpoint; what was recorded later is dropped first.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stable_baselines3.common.logger import Logger

from tetrarium.engine import are_kernels_cached
from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import ConfigError, DamagedCheckpointError
from tetrarium.events import AgentEvaluated, Event, KernelsCompiling, RunEnded, RunStarted, StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.agent import TetrisAgent, require_device
from tetrarium.training.checkpoints.agents import load_agent, saved_files
from tetrarium.training.config import CHANGEABLE, TrainingConfig
from tetrarium.training.runs.boards import Boards
from tetrarium.training.runs.configs import RunConfig, create_run, read_run_config, write_run_config
from tetrarium.training.runs.control import Control
from tetrarium.training.runs.evaluations import Evaluations
from tetrarium.training.runs.exhibition import Exhibition
from tetrarium.training.runs.folder import BEST, checkpoint_steps, held_in_place, latest_checkpoint, only_trainer
from tetrarium.training.runs.goals import Goals
from tetrarium.training.runs.hold import Hold
from tetrarium.training.runs.progress import ProgressLog
from tetrarium.training.runs.records import EpisodeLog, Records, Table
from tetrarium.training.runs.registering import RegistryFollower
from tetrarium.training.runs.replays import ReplayCollection
from tetrarium.training.runs.reporter import Reporter
from tetrarium.training.runs.saving import Checkpoints

__all__ = ["TrainingRun"]

Publish = Callable[[Event], None]
Host = Callable[["TrainingRun"], AbstractContextManager[Publish]]
_ENDED: Final = {  # state and message for those who watch
    "finished": ("finished", "Finished at step {step:,}."),
    "target reached": ("finished", "Reached the target at step {step:,}."),
    "stopped": ("stopped", "Stopped at step {step:,}. Nothing is lost."),
}
_FAILED: Final = "Failed: {failed.error}"


class TrainingRun:
    """One run, from its folder to its end.

    Args:
        home: Where it lives.
        config: What it is.
        publish: Is given every message.
        shows_board: Whether boards are published though nobody watches by ``control``.
        trust: Go on from a checkpoint that was not made in this home, which can run code.
    """

    def __init__(
        self, home: Home, config: RunConfig, publish: Publish, *, shows_board: bool = False, trust: bool = False
    ) -> None:
        self.config = config
        self.control = Control()
        self.folder = home.run_folder(config.name)
        self._home = home
        self._publish = publish
        self._shows_board = shows_board
        self._trust = trust

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
        shows_board: bool = False,
    ) -> "TrainingRun":
        """Makes a new run.

        Args:
            home: Where it lives.
            name: Its name; without one it gets the next number.
            env_config: What is played.
            training_config: How it is learnt.
            publish: Is given every message.
            start_from: A checkpoint whose weights the agent begins with.
            preset: What the configs were made of, for those who ask later.
            shows_board: Whether boards are published.

        Raises:
            HomeError: if the name is taken or not allowed, or the home cannot be written.
            CheckpointError: if there is nothing to start from.
        """
        env_config.rules()
        require_device(training_config.device)
        if start_from is not None:
            TetrisAgent(make_env(env_config)(), training_config).start_from(start_from)
        config = create_run(home, name, env_config, training_config, start_from=start_from, preset=preset)
        return cls(home, config, publish, shows_board=shows_board)

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
    ) -> "TrainingRun":
        """Opens a run to go on with it.

        Args:
            home: Where it lives.
            name: Its name.
            publish: Is given every message.
            changes: Settings of training that are to be others from now on.
            shows_board: Whether boards are published.
            trust: Go on from a checkpoint that was not made in this home, which can run code.

        Raises:
            HomeError: if there is no such run, or its config cannot be read.
            ConfigError: if a setting may not change, breaks its rule, or asks for fewer steps than were trained.
        """
        config = read_run_config(home, name)
        for setting in changes or {}:
            if setting not in CHANGEABLE:
                raise ConfigError(
                    f"A run goes on with the settings that it began with, and {setting} is one of them; what may "
                    f"change is {', '.join(CHANGEABLE)}. Begin a new run by `tetrarium train --from {name}`."
                )
        before = config.training_config.total_timesteps
        config = replace(config, training_config=config.training_config.with_changes(**(changes or {})))
        asked, trained = config.training_config.total_timesteps, max(checkpoint_steps(home.run_folder(name)), default=0)
        if asked != before and asked < trained:
            raise ConfigError(
                f"A run goes on, never back, and {name!r} is at step {trained:,}; got total_timesteps {asked:,}. "
                "Ask for more, or begin anew from an earlier checkpoint by `tetrarium train --from`."
            )
        return cls(home, config, publish, shows_board=shows_board, trust=trust)

    def ask_to_stop(self) -> None:
        """Ends training after the round under way, with a checkpoint; may be called from a signal handler."""
        self.control.ask_to_stop()

    def execute(self, host: Host | None = None, *, lock: int | None = None) -> tuple[TetrisAgent, RunEnded]:
        """Trains until the steps are done, a goal is reached or a stop is asked for; saves, and says how it ended.

        Args:
            host: Is entered once no other process trains the run, and gives what is told every message too.
            lock: Of the run, if this process was started with it.

        Raises:
            HomeError: if another process trains this run.
            CheckpointError: if a checkpoint cannot be read or written; a `FolderMovedError` if the folder was moved.
            ConfigError: if the run's config was changed in a way that makes it another run.
            TetrariumError: if the loss is no longer finite.
        """
        started_s = time.monotonic()
        with only_trainer(self.folder, lock), contextlib.nullcontext() if host is None else host(self) as told:
            if told is not None:
                self._publish = _both(self._publish, told)
            try:
                return self._train(started_s)
            except Exception as error:
                failed = self._failed(error, time.monotonic() - started_s)
                self._publish(failed)
                self._tell(failed.step, "failed", _FAILED.format(failed=failed))
                raise

    def _tell(self, step: int, state: str, message: str) -> None:
        self._publish(StateChanged(state=state, step=step, message=message))

    def _train(self, started_s: float) -> tuple[TetrisAgent, RunEnded]:
        checkpoint = latest_checkpoint(self.folder)
        begun = 0 if checkpoint is None else int(checkpoint.name)
        self._tell(begun, "starting", f"Starting at step {begun:,}.")
        if not are_kernels_cached(self.config.env_config.rules()):
            self._publish(KernelsCompiling())
        agent = self._agent(checkpoint)
        write_run_config(self.folder, self.config)
        config, step = self.config.training_config, agent.timesteps_trained
        self._publish(
            RunStarted(
                name=self.config.name,
                folder=str(self.folder),
                step=step,
                total_steps=config.total_timesteps,
                seed=config.seed,
                n_envs=config.n_envs,
            )
        )
        records, replays = Records(self.folder), self._replays(agent)
        progress = ProgressLog(agent, records.progress)
        follower = RegistryFollower(self._home, self.config.name, agent, self._publish)
        with (
            held_in_place(self.folder) as require_in_place,
            contextlib.closing(records),
            follower,
            self._scores(agent, records.evaluations, follower, require_in_place) as scores,
        ):
            if checkpoint is not None:
                with self._damage_explained(checkpoint), saved_files(checkpoint) as (names, read_file):
                    for part in (scores, replays, progress, records):
                        part.read(names, read_file)
            agent.model.set_logger(Logger(str(self.folder), [records.open(step)]))
            checkpoints = Checkpoints(
                agent, self.folder, self._home, records, scores, replays, progress, self._publish, require_in_place
            )
            checkpoints.tidy()
            if step == 0 and self.config.start_from is not None:
                checkpoints.save()  # what it started from may be gone when it is resumed
            reporter = Reporter(agent, self._publish, progress.figures)
            boards = self._boards(agent, replays)
            hold = Hold(agent, self.control, checkpoints, self._publish, (boards, progress, reporter))
            goes_on = scores.catch_up() and not scores.is_goal_reached
            further = max(config.total_timesteps - agent.steps_asked, 0) if goes_on else 0
            self._tell(step, "running", "Training.")
            hold.attend()
            agent.train(
                further,
                # What a step records is written before its checkpoint, which counts on that.
                [
                    EpisodeLog(records.episodes),
                    progress,
                    replays,
                    boards,
                    scores,
                    reporter,
                    checkpoints,
                    follower,
                    hold,
                ],
            )
            state = self._ending(agent, scores)
            is_decided = state != "stopped" and scores.finish()
            if not scores.is_complete:
                state = "stopped"
            path = checkpoints.save_again() if is_decided else checkpoints.save()
            checkpoints.tidy(lasting=True)
        ended = RunEnded(
            state=state, step=agent.timesteps_trained, seconds=time.monotonic() - started_s, checkpoint=str(path)
        )
        self._publish(ended)
        state, message = _ENDED[ended.state]
        self._tell(ended.step, state, message.format(step=ended.step))
        return agent, ended

    def _scores(
        self, agent: TetrisAgent, table: Table, follower: RegistryFollower, require_in_place: Callable[[], None]
    ) -> contextlib.closing[Evaluations]:
        def evaluated(event: Event) -> None:
            self._publish(event)
            if isinstance(event, AgentEvaluated) and event.is_best:
                follower.keep_best()

        def is_stop_asked() -> bool:
            return self.control.is_stop_asked

        secret, best = self._home.secret(), self.folder / BEST
        return contextlib.closing(Evaluations(agent, best, table, secret, evaluated, is_stop_asked, require_in_place))

    def _boards(self, agent: TetrisAgent, replays: ReplayCollection) -> Boards | Exhibition:
        if agent.learner.plays_whole_games:
            return Exhibition(agent, self.control, self._publish, shows_board=self._shows_board)
        return Boards(agent, replays.recorder, self.control, self._publish, shows_board=self._shows_board)

    def _replays(self, agent: TetrisAgent) -> ReplayCollection:
        assert isinstance(agent.games, TetrisVecEnv)
        return ReplayCollection(agent.games, agent.config.seed, self.config.name)

    def _ending(self, agent: TetrisAgent, evaluations: Evaluations) -> str:
        if Goals(agent.config, agent.statistics).are_reached or evaluations.is_goal_reached:
            return "target reached"
        return "finished" if agent.timesteps_trained >= agent.config.total_timesteps else "stopped"

    def _failed(self, error: Exception, seconds: float) -> RunEnded:
        steps = checkpoint_steps(self.folder)
        return RunEnded(
            state="failed",
            step=steps[-1] if steps else 0,
            seconds=seconds,
            checkpoint=str(self.folder / "checkpoints" / str(steps[-1])) if steps else "",
            error=str(error) or type(error).__name__,
        )

    def _agent(self, checkpoint: Path | None) -> TetrisAgent:
        """The agent as its last checkpoint has it, or a new one."""
        env = make_env(self.config.env_config)()
        config = self.config.training_config
        if checkpoint is None:
            agent = TetrisAgent(env, config)
            return agent if self.config.start_from is None else agent.start_from(self.config.start_from)
        secret = None if self._trust else self._home.secret()
        with self._damage_explained(checkpoint):
            return load_agent(TetrisAgent, checkpoint, env, secret, config)

    @contextlib.contextmanager
    def _damage_explained(self, checkpoint: Path) -> Iterator[None]:
        """Adds to what is said of a damaged checkpoint what would be left without it."""
        try:
            yield
        except DamagedCheckpointError as error:
            older = checkpoint_steps(self.folder)[:-1]
            there = f"at step {older[-1]:,}" if older else "from the start"
            raise DamagedCheckpointError(
                f"{error} Or remove the folder {str(checkpoint)!r}; the run then goes on {there}."
            ) from error


def _both(one: Publish, other: Publish) -> Publish:
    def publish(event: Event) -> None:
        one(event)
        other(event)

    return publish
