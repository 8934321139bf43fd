"""Starts workers, as processes in sessions of their own: they live on when whoever started them ends.

What can be refused is refused here, before a process is started: a name that is taken, a game that this version cannot
play. The lock of the run's folder is taken here too and handed to the process, so that there is no instant in which
somebody else could take the run, or take it for dead.
"""

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, WorkerError, suggestion
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.atomic import create_directory
from tetrarium.registry.home import Home
from tetrarium.training import TrainingConfig
from tetrarium.training.finding import find_checkpoint, find_replay
from tetrarium.training.runs.branching import branch_run
from tetrarium.training.runs.configs import create_run, read_run_config
from tetrarium.training.runs.control import MAX_SPEED, MIN_SPEED, MODES, require_within
from tetrarium.training.runs.folder import checkpoint_steps, take_lock
from tetrarium.workers.files import LOG, WorkerState, remove_address
from tetrarium.workers.fork_server import fork_process
from tetrarium.workers.players import PlayerConfig, PlayerView, list_players, read_player, remove_player

__all__ = [
    "MAX_PLAYERS",
    "MAX_SEATS",
    "PlayerView",
    "branch_training",
    "list_players",
    "read_player",
    "remove_player",
    "resume_training",
    "start_in_new_folder",
    "start_player",
    "start_process",
    "start_table",
    "start_training",
]

MAX_SEATS: Final = 9
MAX_PLAYERS: Final = 16  # at once, in one home
_NEEDS: Final = {  # by what a worker does
    "train": "tetrarium.workers.training",
    "play": "tetrarium.workers.player",
    "hand": "tetrarium.workers.hand",
    "job": "tetrarium.workers.job",
}


def start_training(
    home: Home,
    env_config: EnvConfig,
    training_config: TrainingConfig,
    *,
    name: str | None = None,
    start_from: Path | None = None,
    preset: str | None = None,
    mode: str = "live",
) -> str:
    """Makes a new run and starts its worker; returns the run's name.

    Args:
        home: Where it lives.
        env_config: What is played.
        training_config: How it is learnt.
        name: Its name; without one it gets the next number.
        start_from: A checkpoint whose weights the agent begins with.
        preset: What the configs were made of.
        mode: How it shows itself at first: ``"headless"``, ``"live"`` or ``"every-move"``.

    Raises:
        ConfigError: if there is no such mode, or the game is one by keys.
        HomeError: if the name is taken or not allowed, or the home cannot be written.
    """
    if mode not in MODES:
        raise ConfigError(f"A mode is one of {', '.join(MODES)}; got {mode!r}.{suggestion(mode, MODES)}")
    config = create_run(home, name, env_config, training_config, start_from=start_from, preset=preset)
    _start_trainer(home, config.name, 0, training_config.total_timesteps, mode)
    return config.name


def resume_training(home: Home, name: str, *, mode: str = "live") -> None:
    """Starts a worker that goes on with a run from its last checkpoint.

    Raises:
        HomeError: if there is no such run, or a process trains it.
    """
    config = read_run_config(home, name)
    step = max(checkpoint_steps(home.run_folder(name)), default=0)
    _start_trainer(home, name, step, config.training_config.total_timesteps, mode)


def branch_training(home: Home, name: str, step: int, *, new_name: str | None = None, mode: str = "live") -> str:
    """Starts a worker for a new run that begins as a copy of a run's checkpoint; returns the new run's name.

    Args:
        home: Where both live.
        name: The run that has the checkpoint.
        step: Of the checkpoint.
        new_name: The new run's name; ``NAME-at-STEP`` if left out.
        mode: How it shows itself at first.

    Raises:
        ConfigError: if there is no checkpoint of that step.
        CheckpointError: if it is damaged.
        HomeError: if there is no such run, the new name is taken or not allowed, or it cannot be copied.
    """
    config = branch_run(home, name, step, new_name)
    _start_trainer(home, config.name, step, config.training_config.total_timesteps, mode)
    return config.name


def _start_trainer(home: Home, name: str, step: int, total_steps: int, mode: str) -> None:
    folder = home.run_folder(name)
    state = WorkerState(state="starting", step=step, total_steps=total_steps, message=f"Starting at step {step:,}.")
    arguments = ["train", name, "--home", str(home.root), "--mode", mode]
    start_process(folder, take_lock(folder), arguments, needs=_NEEDS["train"], state=state)


def start_process(
    folder: Path,
    lock: int,
    arguments: list[str],
    *,
    needs: str,
    state: WorkerState | None = None,
    module: str = "tetrarium.workers",
) -> None:
    """Starts a process in a session of its own.

    Where one that was killed in this folder listened is forgotten first.

    Args:
        folder: That it works in, where its words go to the log.
        lock: Of the folder, which the process holds from its first instant on; here it is closed, come what may.
        arguments: What else it is told.
        needs: A module whose ``prepare()`` loads what it needs, once for it and those after it.
        state: What is said of it until it speaks for itself.
        module: What it runs.
    """
    try:
        if state is not None:
            state.write(folder)
        remove_address(folder)
        with (folder / LOG).open("ab") as log:
            if fork_process(module, arguments, needs, lock, log.fileno()):
                return
            process = subprocess.Popen(  # noqa: S603 fixed but for a name that was checked
                [sys.executable, "-m", module, *arguments, "--lock", str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
            )
    finally:
        os.close(lock)
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()  # so that no zombie stays


def start_in_new_folder(home: Home, does: str, folder_of: Callable[[str], Path], fill: Callable[[Path], None]) -> str:
    """Starts a process in a folder of its own, which is locked as soon as anybody can see it; returns its id.

    Args:
        home: Where the folder will be.
        does: What the process is told to do there: ``"play"``, ``"hand"`` or ``"job"``.
        folder_of: Gives the folder of an id.
        fill: Writes into the folder what the process begins with.

    Raises:
        HomeError, OSError: if the home cannot be written.
    """
    name = secrets.token_hex(4)
    folder = folder_of(name)
    locks = []

    def fill_and_lock(hidden: Path) -> None:
        fill(hidden)
        locks.append(take_lock(hidden))

    try:
        create_directory(folder, fill_and_lock)
    except BaseException:
        for lock in locks:
            os.close(lock)
        raise
    start_process(folder, locks[0], [does, name, "--home", str(home.root)], needs=_NEEDS[does])
    return name


def start_player(
    home: Home,
    what: str,
    *,
    env_config: EnvConfig | None = None,
    seed: int = 0,
    pieces_per_second: float = 10.0,
) -> str:
    """Starts a process that plays for people to watch; returns its id.

    Args:
        home: Where runs are, and the player's folder will be.
        what: Whatever ``tetrarium watch`` takes: a run, ``NAME@best``, a model, a checkpoint folder, a controller, a
            replay.
        env_config: The game; without it the one that the agent was trained for.
        seed: Which games.
        pieces_per_second: 1 to 1,000.

    Raises:
        ConfigError: if there is no such thing.
        ReplayError: if it is a replay that cannot be read.
        WorkerError: if the speed is out of range, or too many play already.
        HomeError: if the home cannot be written.
    """
    player = PlayerConfig(what=what, env_config=_as_dict(env_config), seed=seed, pieces_per_second=pieces_per_second)
    return _start_player(home, player)


def start_table(
    home: Home,
    seats: Sequence[str],
    *,
    env_config: EnvConfig | None = None,
    seed: int = 0,
    pieces_per_second: float = 10.0,
    same_pieces: bool = True,
    together: bool = False,
) -> str:
    """Starts a process in which several play at one pace; returns its id.

    Args:
        home: Where runs are, and the player's folder will be.
        seats: Up to nine, each as for ``start_player``; one may sit on several seats.
        env_config: The game of all; without it each plays the one that it was trained for.
        seed: Which games.
        pieces_per_second: 1 to 1,000, of each seat.
        same_pieces: Whether game k has the same pieces at every seat; else the seats' seeds count up from ``seed``.
        together: Whether each game begins at all seats at once, so that who has lost waits for the others.

    Raises:
        ConfigError: if there is no such thing, or too many or too few.
        ReplayError: if it is a replay that cannot be read.
        WorkerError: if the speed is out of range, or too many play already.
        HomeError: if the home cannot be written.
    """
    if not 1 <= len(seats) <= MAX_SEATS:
        raise ConfigError(f"A table has 1 to {MAX_SEATS} seats; got {len(seats)}. Name so many players.")
    player = PlayerConfig(
        what=", ".join(seats),
        env_config=_as_dict(env_config),
        seed=seed,
        pieces_per_second=pieces_per_second,
        seats=tuple(seats),
        same_pieces=same_pieces,
        together=together,
    )
    return _start_player(home, player)


def _as_dict(env_config: EnvConfig | None) -> dict[str, Any] | None:
    return None if env_config is None else env_config.to_dict()


def _start_player(home: Home, wanted: PlayerConfig) -> str:
    for what in wanted.seats or (wanted.what,):
        _require_player(home, what)
    if wanted.env_config is not None:
        EnvConfig.from_dict(wanted.env_config).rules()
    player = replace(
        wanted,
        seed=int(require_within("seed", wanted.seed, 0, 2**32 - 1)),
        pieces_per_second=require_within("pieces_per_second", wanted.pieces_per_second, MIN_SPEED, MAX_SPEED),
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
    n_alive = sum(view.is_alive for view in list_players(home))
    if n_alive >= MAX_PLAYERS:
        raise WorkerError(f"At most {MAX_PLAYERS} demos play at once, and {n_alive} do. End one first.")
    return start_in_new_folder(home, "play", home.player_folder, player.write)


def _require_player(home: Home, what: str) -> None:
    replay = find_replay(what)
    if replay is not None:
        replay.env_config.rules()  # keys are not shown one by one
    elif what not in POLICY_NAMES:
        find_checkpoint(what, home, known=POLICY_NAMES)
