"""Starts workers as processes in sessions of their own.

Trainings and jobs keep running when the process that started them ends; demos and human games end with it.

Whatever can be refused is refused before a process starts: a name that is taken, an agent that does not exist. The
lock of the worker's folder is acquired here and inherited by the process, so that at no moment another process could
acquire it or take the worker for crashed.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tetrarium.engine import are_kernels_cached
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, suggestion
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.files.atomic import removed_on_error
from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.agent_reference import resolve_checkpoint, resolve_replay
from tetrarium.training.devices import require_device
from tetrarium.training.runs.control import MAX_SPEED, MIN_SPEED, MODES, require_within
from tetrarium.training.runs.storage.branching import branch_run
from tetrarium.training.runs.storage.folder import checkpoint_steps
from tetrarium.training.runs.storage.run_config import Origin, create_run, read_run_config
from tetrarium.workers.directories import process_directory
from tetrarium.workers.directories.jobs import JOBS, MAX_JOBS, JobConfig, delete_old_jobs
from tetrarium.workers.human_play.human_game_control import SessionOptions
from tetrarium.workers.processes.fork_server import fork_process
from tetrarium.workers.protocol.status_files import LOG, WorkerState, remove_address

MAX_SEATS: Final = 9
MAX_DEMOS: Final = 16  # at once, in one home
MAX_HUMAN_GAMES: Final = 8
MODULES: Final = {  # by role on the command line; each has a function ``prepare``
    "train": "tetrarium.workers.processes.trainer",
    "demo": "tetrarium.workers.processes.demo_process",
    "human-game": "tetrarium.workers.processes.human_game_process",
    "job": "tetrarium.workers.processes.job_process",
}
_job_start: Final = threading.Lock()  # held from counting the running jobs until the new one is among them
_shared_demo_start: Final = threading.Lock()


def start_training(
    home: Home,
    env_config: EnvConfig,
    training_config: TrainingConfig,
    *,
    name: str | None = None,
    start_from: Path | None = None,
    preset: str | None = None,
    mode: str = "live",
    origin: Origin = "command",
    group: str | None = None,
) -> str:
    """Creates a run and starts its worker; returns the run's name.

    Args:
        home: Home of the run.
        env_config: Config of the environment.
        training_config: Config of the training.
        name: Name of the run; the next free ``run-N`` if None.
        start_from: Checkpoint from which the agent's weights are initialized.
        preset: Name of the preset on which the configs are based.
        mode: Initial display mode: ``"no-display"``, ``"live"`` or ``"every-move"``.
        origin: What starts the run.
        group: Name of the run's group.

    Raises:
        ConfigError: if the mode is unknown, or no agent can be trained with these configs on this machine.
        HomeError: if the name is taken or not allowed, or the home cannot be written.
    """
    _require_mode(mode)
    require_device(training_config.device)
    config = create_run(home, name, env_config, training_config, start_from=start_from, preset=preset, origin=origin,
                        group=group)  # fmt: skip
    with removed_on_error(home.run_folder(config.name)):
        _start_trainer(home, config.name, 0, training_config.total_timesteps, mode)
    return config.name


def resume_training(
    home: Home, name: str, *, mode: str = "live", total_timesteps: int | None = None, any_cpu: bool = False
) -> None:
    """Starts a worker that resumes a run from its latest checkpoint.

    Args:
        home: Home of the run.
        name: Name of the run.
        mode: Initial display mode.
        total_timesteps: New number of steps; unchanged if None.
        any_cpu: Resume from a checkpoint of a processor that computes other numbers.

    Raises:
        ConfigError: if there are not more steps than already trained, or torch cannot use the run's device.
        HomeError: if there is no such run, or a process trains it.
    """
    _require_mode(mode)
    options = ["--any-cpu"] if any_cpu else []
    config = read_run_config(home, name).training_config
    require_device(config.device)
    step = max(checkpoint_steps(home.run_folder(name)), default=0)
    if total_timesteps is None:
        _start_trainer(home, name, step, config.total_timesteps, mode, *options)
        return
    config.with_changes(total_timesteps=total_timesteps)
    if total_timesteps <= step:
        raise ConfigError(
            f"A run trains on to more than the {step:,} steps that it has trained; got {total_timesteps:,}. "
            "Increase total_timesteps.",
            field="total_timesteps",
        )
    _start_trainer(home, name, step, total_timesteps, mode, "--steps", str(total_timesteps), *options)


def branch_training(home: Home, name: str, step: int, *, new_name: str | None = None, mode: str = "live") -> str:
    """Copies a run's checkpoint into a new run and starts its worker; returns the new run's name.

    Args:
        home: Home of both runs.
        name: Name of the run that has the checkpoint.
        step: Step of the checkpoint.
        new_name: Name of the new run; ``NAME-at-STEP`` if None.
        mode: Initial display mode.

    Raises:
        ConfigError: if there is no checkpoint of that step, or torch cannot use the run's device.
        CheckpointError: if the checkpoint is damaged.
        HomeError: if there is no such run, the new name is taken or not allowed, or it cannot be copied.
    """
    _require_mode(mode)
    require_device(read_run_config(home, name).training_config.device)
    config = branch_run(home, name, step, new_name, origin="page")
    with removed_on_error(home.run_folder(config.name)):
        _start_trainer(home, config.name, step, config.training_config.total_timesteps, mode)
    return config.name


def _require_mode(mode: str) -> None:
    if mode not in MODES:
        raise ConfigError(f"A mode is one of {', '.join(MODES)}; got {mode!r}.{suggestion(mode, MODES)}", field="mode")


def _start_trainer(home: Home, name: str, step: int, total_steps: int, mode: str, *options: str) -> None:
    folder = home.run_folder(name)
    state = WorkerState(state="starting", step=step, total_steps=total_steps, message=f"Starting at step {step:,}.")
    arguments = ["train", name, "--home", str(home.root), "--mode", mode, *options]
    start_process(folder, acquire_lock(folder), arguments, prepared_by=MODULES["train"], state=state)


def start_process(
    folder: Path,
    lock: int,
    arguments: list[str],
    *,
    prepared_by: str,
    state: WorkerState | None = None,
    module: str = "tetrarium.workers",
    is_compiled: bool = True,
) -> None:
    """Starts a process in a session of its own.

    The address of an earlier worker that was killed in this folder is deleted first.

    Args:
        folder: The worker's folder, in which its standard streams are logged.
        lock: Descriptor of the folder's lock, which the process inherits; it is closed here in any case.
        arguments: Command-line arguments, without ``--lock``.
        prepared_by: Module whose ``prepare()`` loads the process's imports, once in the fork server.
        state: State of the worker until it writes one.
        module: Module that the process runs.
        is_compiled: Whether its kernels are compiled; otherwise they run as Python functions, some thousand times
            slower, but at once.
    """
    environment = os.environ if is_compiled else {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    try:
        if state is not None:
            state.write(folder)
        remove_address(folder)
        with (folder / LOG).open("ab") as log:
            if is_compiled and fork_process(module, arguments, prepared_by, lock, log.fileno()):
                return
            process = subprocess.Popen(  # noqa: S603 fixed but for a name that was checked
                [sys.executable, "-P", "-m", module, *arguments, "--lock", str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
                env=environment,
            )
    finally:
        os.close(lock)
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()  # leaves no zombie


def start_demo(home: Home, agent: str | Sequence[str], *, env_config: EnvConfig | None = None, **options: Any) -> str:
    """Starts a demo of one agent, or of several at a table; returns the demo's id.

    Args:
        home: Home of the runs and of the demo.
        agent: Agent reference, or a replay file: anything that ``tetrarium watch`` accepts. For a table, up to nine of
            them; one agent may have several seats.
        env_config: Config of the environment; the one that each agent was trained for if None.
        **options: Further fields of ``DemoConfig``.

    Raises:
        ConfigError: if there is no such agent, or there are too many or too few.
        ReplayError: if a replay cannot be read.
        WorkerError: if the speed is out of range, or too many demos are running.
        HomeError: if the home cannot be written.
    """
    seats = () if isinstance(agent, str) else tuple(agent)
    if not isinstance(agent, str) and not 1 <= len(seats) <= MAX_SEATS:
        raise ConfigError(
            f"A table has 1 to {MAX_SEATS} seats; got {len(seats)}. Name 1 to {MAX_SEATS} agents.", field="seats"
        )
    for reference in [agent] if isinstance(agent, str) else seats:
        _require_agent(home, reference)
    if env_config is not None:
        env_config.rules()
    config = process_directory.DemoConfig(
        agent=agent if isinstance(agent, str) else ", ".join(seats),
        seats=seats,
        env_config=None if env_config is None else env_config.to_dict(),
        started=_now(),
        **options,
    )
    require_within("seed", config.seed, 0, 2**32 - 1)
    require_within("pieces_per_second", config.pieces_per_second, MIN_SPEED, MAX_SPEED)
    process_directory.DEMOS.require_capacity(home, MAX_DEMOS)
    is_compiled = not config.shared or are_kernels_cached(EnvConfig().rules())
    return _start(home, "demo", process_directory.DEMOS, config, is_compiled=is_compiled)


def start_shared_demo(home: Home, agent: str) -> str:
    """Returns the id of the shared demo of an agent, which is started if none is running.

    It ends ten seconds after its last viewer has left. It does not wait for kernels that were never compiled.

    Raises:
        as ``start_demo``.
    """
    with _shared_demo_start:
        running = (
            demo.id
            for demo in process_directory.DEMOS.list_views(home)
            if demo.shared and demo.agent == agent and demo.is_alive
        )
        return next(running, None) or start_demo(home, agent, shared=True)


def _require_agent(home: Home, agent: str) -> None:
    replay = resolve_replay(agent, home)
    if replay is not None:
        replay.env_config.rules()  # refuses games by keys, which a demo cannot show
    elif agent not in POLICY_NAMES:
        resolve_checkpoint(agent, home, known=POLICY_NAMES)


def start_human_game(home: Home, options: SessionOptions) -> str:
    """Starts a process in which a person plays; returns the game's id.

    Raises:
        LimitReachedError: if too many human games are running.
        HomeError: if the home cannot be written.
    """
    process_directory.remove_crashed_human_games(home)
    process_directory.HUMAN_GAMES.require_capacity(home, MAX_HUMAN_GAMES)
    return _start(
        home,
        "human-game",
        process_directory.HUMAN_GAMES,
        process_directory.HumanGameConfig(options=options, started=_now()),
    )


def start_job(home: Home, kind: str, values: Mapping[str, Any], *, upload: Path | None = None) -> str:
    """Starts a background task on models, which may wait in a queue; returns the job's id.

    Args:
        home: Home of the models.
        kind: A key of ``directories.jobs.IS_LONG``.
        values: Arguments of the kind's function in ``workers.processes.job_process``.
        upload: File that is copied into the job's folder under its own name.

    Raises:
        LimitReachedError: if too many jobs are running and queued.
        HomeError, OSError: if the home cannot be written.
    """
    with _job_start:
        JOBS.require_capacity(home, MAX_JOBS)
        delete_old_jobs(home)
        config = JobConfig(kind=kind, values=dict(values), started=_now())
        fill = None if upload is None else lambda hidden: shutil.copyfile(upload, hidden / upload.name)
        return _start(home, "job", JOBS, config, fill)


def _start(
    home: Home,
    role: str,
    directory: process_directory.ProcessDirectory[process_directory.ConfigT, process_directory.ViewT],
    config: process_directory.ConfigT,
    fill: Callable[[Path], Any] | None = None,
    *,
    is_compiled: bool = True,
) -> str:
    """Creates the folder of a process and starts it; returns its id."""
    process_id, lock = directory.create(home, config, fill)
    arguments = [role, process_id, "--home", str(home.root)]
    if role != "job":
        arguments += ["--starter", str(os.getpid())]
    folder = directory.folder(home, process_id)
    with removed_on_error(folder):
        start_process(folder, lock, arguments, prepared_by=MODULES[role], is_compiled=is_compiled)
    return process_id


def _now() -> str:
    """Returns the current local time in ISO 8601, in whole seconds."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
