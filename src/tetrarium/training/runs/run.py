"""A training run: a folder in the home, an agent that learns, checkpoints on the way, and messages to whoever watches.

``runs/NAME/`` holds ``config.json``, ``checkpoints/<step>/``, ``episodes.csv`` and TensorBoard events. A run that was
stopped, however, goes on from its last checkpoint; what was recorded later is dropped first.
"""

import contextlib
import fcntl
import json
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tetrarium
from tetrarium.engine import are_kernels_cached
from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.vec_env import TetrisVecEnv
from tetrarium.errors import DamagedCheckpointError, HomeError
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.events import BoardShown, CheckpointSaved, Event, KernelsCompiling, Progress, RunEnded, RunStarted
from tetrarium.registry.atomic import remove_directory, write_file
from tetrarium.registry.home import Home
from tetrarium.training.agent import TetrisAgent, require_device
from tetrarium.training.config import TrainingConfig
from tetrarium.training.runs.callbacks import EpisodeLog, RoundCallback, drop_later_episodes
from tetrarium.training.runs.tensorboard import tensorboard_logger

__all__ = ["RunConfig", "TrainingRun", "latest_checkpoint", "read_run_config"]

Publish = Callable[[Event], None]

_CONFIG: Final = "config.json"
_EPISODES: Final = "episodes.csv"
_FORMAT_VERSION: Final = 1
_LOG_EVERY: Final = 2_000  # placements between TensorBoard records
_PROGRESS_EVERY_S: Final = 0.25
_BOARD_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What a run was started with."""

    name: str
    env_config: EnvConfig
    training_config: TrainingConfig
    start_from: str | None = None  # a checkpoint whose weights the agent begins with


class TrainingRun:
    """One run, from its folder to its end.

    Args:
        home: Where it lives.
        config: What it is.
        publish: Is given every message.
        shows_board: Whether boards are published; without, nothing is drawn at all.
    """

    def __init__(self, home: Home, config: RunConfig, publish: Publish, *, shows_board: bool = False) -> None:
        self.config = config
        self.folder = home.run_folder(config.name)
        self._home = home
        self._publish = publish
        self._shows_board = shows_board
        self._stop_asked = False

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
            shows_board: Whether boards are published.

        Raises:
            HomeError: if the name is taken or not allowed, or the home cannot be written.
            CheckpointError: if there is nothing to start from.
        """
        env_config.rules()
        require_device(training_config.device)
        home.secret()
        if name in POLICY_NAMES:
            raise HomeError(f"A run has a name of its own; {name!r} is a known controller. Choose another name.")
        if start_from is not None:
            TetrisAgent(make_env(env_config)(), training_config).start_from(start_from)
        if name is None:
            name = home.next_run_name()
        else:
            home.create_run_folder(name)
        config = RunConfig(
            name=name,
            env_config=env_config,
            training_config=training_config,
            start_from=None if start_from is None else str(start_from.absolute()),
        )
        run = cls(home, config, publish, shows_board=shows_board)
        described = {
            "format_version": _FORMAT_VERSION,
            "name": name,
            "command": shlex.join(sys.argv),
            "start_from": config.start_from,
            "env_config": env_config.to_dict(),
            "training_config": training_config.to_dict(),
            "versions": {"python": platform.python_version(), "tetrarium": tetrarium.__version__},
        }
        try:
            write_file(run.folder / _CONFIG, (json.dumps(described, indent=2) + "\n").encode())
        except OSError:
            remove_directory(run.folder)
            raise
        return run

    @classmethod
    def open(cls, home: Home, name: str, publish: Publish, *, shows_board: bool = False) -> "TrainingRun":
        """Opens a run to go on with it.

        Raises:
            HomeError: if there is no such run, or its config cannot be read.
        """
        return cls(home, read_run_config(home, name), publish, shows_board=shows_board)

    def ask_to_stop(self) -> None:
        """Ends training after the round under way, with a checkpoint; may be called from a signal handler."""
        self._stop_asked = True

    @property
    def stop_asked(self) -> bool:
        """Whether somebody asked for a stop."""
        return self._stop_asked

    def execute(self) -> tuple[TetrisAgent, RunEnded]:
        """Trains until the steps are done, a target is reached or a stop is asked for; saves, and says how it ended.

        Raises:
            HomeError: if another process trains this run.
            CheckpointError: if a checkpoint cannot be read or written.
        """
        with self._only_one():
            if not are_kernels_cached():
                self._publish(KernelsCompiling())
            agent = self._agent()
            step = agent.timesteps_trained
            config = self.config.training_config
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
            drop_later_episodes(self.folder / _EPISODES, step)
            agent.model.set_logger(tensorboard_logger(self.folder, step))
            started_s = time.monotonic()
            episodes = EpisodeLog(self.folder / _EPISODES)
            checkpoints = _Checkpoints(self, agent, episodes)
            if step == 0 and self.config.start_from is not None:
                checkpoints.save()  # what it started from may be gone when it is resumed
            agent.train(
                max(config.total_timesteps - agent.steps_asked, 0),
                [episodes, checkpoints, _Reporter(self, agent), _StopAsked(self)],
            )
            agent.model.logger.close()
            path = checkpoints.save()
            ended = RunEnded(
                state=self._ending(agent),
                step=agent.timesteps_trained,
                seconds=time.monotonic() - started_s,
                checkpoint=str(path),
            )
            self._publish(ended)
            return agent, ended

    def _ending(self, agent: TetrisAgent) -> str:
        target = self.config.training_config.target_lines
        if target is not None and agent.statistics.best_lines_game >= target:
            return "target reached"
        if agent.timesteps_trained >= self.config.training_config.total_timesteps:
            return "finished"
        return "stopped"

    def _agent(self) -> TetrisAgent:
        env = make_env(self.config.env_config)()
        checkpoint = latest_checkpoint(self.folder)
        if checkpoint is None:
            agent = TetrisAgent(env, self.config.training_config)
            return agent if self.config.start_from is None else agent.start_from(self.config.start_from)
        try:
            return TetrisAgent.load_checkpoint(checkpoint, env, home=self._home)
        except DamagedCheckpointError as error:
            older = _checkpoints(self.folder)[:-1]
            there = f"at step {int(older[-1].name):,}" if older else "from the start"
            raise DamagedCheckpointError(
                f"{error} Or remove the folder {str(checkpoint)!r}; the run then goes on {there}."
            ) from error

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Holds the run's lock, which ends with the process however that ends."""
        with (self.folder / "run.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeError(
                    f"One process trains a run at a time, and {self.config.name!r} is being trained by another. "
                    "Stop that one first, or start a run of another name."
                ) from None
            yield


class _Checkpoints(RoundCallback):
    """Saves every so many placements, and keeps the latest few."""

    def __init__(self, run: TrainingRun, agent: TetrisAgent, episodes: EpisodeLog) -> None:
        super().__init__()
        self._run = run
        self._agent = agent
        self._episodes = episodes
        self._every = agent.config.checkpoint_every
        self._next = (agent.timesteps_trained // self._every + 1) * self._every

    def on_round_end(self) -> bool:
        """Saves when it is time to."""
        if self._agent.timesteps_trained >= self._next:
            self.save()
            self._next = (self._agent.timesteps_trained // self._every + 1) * self._every
        return True

    def save(self) -> Path:
        """Saves now, unless this step is saved already, and removes checkpoints beyond those that are kept."""
        step = self._agent.timesteps_trained
        path = self._run.folder / "checkpoints" / str(step)
        if latest_checkpoint(self._run.folder) != path:
            started_s = time.monotonic()
            self._episodes.sync()
            self._agent.save_checkpoint(path, home=self._run._home)
            self._run._publish(CheckpointSaved(path=str(path), step=step, seconds=time.monotonic() - started_s))
            for old in _checkpoints(self._run.folder)[: -self._agent.config.keep_checkpoints]:
                remove_directory(old)
        return path


class _Reporter(RoundCallback):
    """Publishes progress a few times a second, and writes TensorBoard records every so many placements."""

    def __init__(self, run: TrainingRun, agent: TetrisAgent) -> None:
        super().__init__()
        self._run = run
        self._agent = agent
        self._started_s = self._progress_s = self._board_s = time.monotonic()
        self._step_progress = self._step_start = agent.timesteps_trained
        self._next_log = (agent.timesteps_trained // _LOG_EVERY + 1) * _LOG_EVERY

    def on_round_end(self) -> bool:
        """Publishes what is due."""
        now_s = time.monotonic()
        step = self._agent.timesteps_trained
        if step >= self._next_log:
            self._agent.model.logger.dump(step)
            self._next_log = (step // _LOG_EVERY + 1) * _LOG_EVERY
        if now_s - self._progress_s >= _PROGRESS_EVERY_S:
            self._run._publish(self._progress(step, now_s))
            self._progress_s, self._step_progress = now_s, step
        if self._run._shows_board and now_s - self._board_s >= _BOARD_EVERY_S:
            self._board_s = now_s
            self._run._publish(self._board())
        return True

    def _on_training_end(self) -> None:
        self._run._publish(self._progress(self._agent.timesteps_trained, time.monotonic()))

    def _progress(self, step: int, now_s: float) -> Progress:
        agent, statistics = self._agent, self._agent.statistics
        seconds = now_s - self._started_s
        speed = (step - self._step_start) / seconds if seconds > 0 else 0.0
        recent_s = now_s - self._progress_s
        left = max(agent.config.total_timesteps - step, 0)
        return Progress(
            step=step,
            total_steps=agent.config.total_timesteps,
            steps_per_second=(step - self._step_progress) / recent_s if recent_s > 0 else speed,
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


class _StopAsked(RoundCallback):
    """Stops between rounds once somebody asks for it."""

    def __init__(self, run: TrainingRun) -> None:
        super().__init__()
        self._run = run

    def on_round_end(self) -> bool:
        """Goes on until a stop is asked for."""
        return not self._run.stop_asked


def _checkpoints(folder: Path) -> list[Path]:
    """A run's checkpoints, oldest first."""
    inside = folder / "checkpoints"
    numbered = [path for path in inside.iterdir() if path.name.isdigit()] if inside.is_dir() else []
    return sorted(numbered, key=lambda path: int(path.name))


def latest_checkpoint(folder: Path) -> Path | None:
    """Returns the run's latest checkpoint, or None where none was saved yet."""
    found = _checkpoints(folder)
    return found[-1] if found else None


def read_run_config(home: Home, name: str) -> RunConfig:
    """Reads what a run was started with.

    Raises:
        HomeError: if there is no such run, or its config cannot be read.
    """
    path = home.run_folder(name) / _CONFIG
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return RunConfig(
            name=name,
            env_config=EnvConfig.from_dict(values["env_config"]),
            training_config=TrainingConfig.from_dict(values["training_config"]),
            start_from=values.get("start_from"),
        )
    except FileNotFoundError:
        raise HomeError(f"There is no run {name!r} in {str(home.root)!r}. Start one by `tetrarium train`.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:  # a ConfigError is a ValueError
        raise HomeError(f"The run's {str(path)!r} cannot be read ({error}). Restore it from a copy.") from error
