"""Directories of worker processes in a home: a folder for each process, with its config and its status files.

Besides the generic directory, this module has that of demos, in which trained agents play for viewers, and that of
human games, in each of which one person plays. A folder disappears when its process is stopped. The folder of one that
failed or crashed stays until it is removed, and so does one whose config cannot be read; the next start of a human game
removes those that crashed or are damaged.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from tetrarium.errors import AlreadyRunningError, EntryNotFoundError, HomeError, LimitReachedError, WorkerError
from tetrarium.registry import Home, check_name
from tetrarium.registry.files.atomic import create_directory, remove_directory
from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.registry.files.safe_files import read_object
from tetrarium.registry.home import natural_key
from tetrarium.settings import documented
from tetrarium.workers.human_play.human_game_control import SessionOptions
from tetrarium.workers.protocol import status_files


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessView:
    """A process with its status: the fields that all kinds share."""

    id: str = field(metadata=documented("Name of its folder in the home.", "9f3a01c2"))
    started: str = field(metadata=documented("Start time in ISO 8601.", "2026-11-22T17:40:00+00:00"))
    state: str = field(
        metadata=documented(
            "State of the process; `crashed`: it ended without writing a state; `damaged`: its configuration cannot be "
            "read, and the fields that depend on it have no meaning.",
            choices=status_files.PROCESS_STATES,
        )
    )
    message: str = field(metadata=documented("Latest message for people.", "Playing."))
    error: str = field(metadata=documented("Reason of a failure, or empty.", ""))
    is_alive: bool = field(metadata=documented("Whether its process runs."))


ConfigT = TypeVar("ConfigT")  # a dataclass
ViewT = TypeVar("ViewT", bound=ProcessView)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDirectory(Generic[ConfigT, ViewT]):
    """The processes of one kind in a home: demos, human games or jobs.

    Each process has a folder, named by its id, which it locks while it runs.

    Args:
        noun: The kind in messages, as in "There is no demo 'x'".
        plural: Its plural, as in "At most 16 demos".
        stop_verb: The verb for ending a process, as in "Stop it first".
        root: Returns the folder of a home that holds the processes' folders.
        config_file: Name of the file that holds a process's config.
        parse_config: Makes a config from the file's JSON object; raises ``ValueError``, ``KeyError``, ``TypeError`` or
            ``WorkerError`` if it cannot.
        placeholder: Config in the view of a process whose own cannot be read.
        make_view: Makes a view from an id, its folder and its config.
    """

    noun: str
    plural: str
    stop_verb: str = "Stop"
    root: Callable[[Home], Path]
    config_file: str
    parse_config: Callable[[Mapping[str, Any]], ConfigT]
    placeholder: ConfigT
    make_view: Callable[[str, Path, ConfigT], ViewT]

    def folder(self, home: Home, process_id: str) -> Path:
        """Returns the folder of a process, whether or not it exists.

        Raises:
            InvalidNameError: if the id cannot be the name of a folder.
        """
        return self.root(home) / check_name(process_id)

    def read_config(self, home: Home, process_id: str) -> ConfigT:
        """Returns the config that a process was started with.

        Raises:
            EntryNotFoundError: if there is no such process.
            HomeError: if its config cannot be read.
            InvalidNameError: if the id cannot be the name of a folder.
        """
        path = self._require_folder(home, process_id) / self.config_file
        try:
            return self.parse_config(read_object(path))
        except (OSError, ValueError, KeyError, TypeError, WorkerError) as error:
            raise HomeError(
                f"The {self.noun}'s {str(path)!r} cannot be read ({error}). Delete the {self.noun}."
            ) from error

    def _require_folder(self, home: Home, process_id: str) -> Path:
        folder = self.folder(home, process_id)
        if not folder.is_dir():
            raise EntryNotFoundError(
                f"There is no {self.noun} {process_id!r}. Choose one from the list of all {self.plural}."
            )
        return folder

    def write_config(self, folder: Path, config: ConfigT) -> None:
        """Writes a process's config into its folder."""
        text = json.dumps(asdict(config), indent=2)  # type: ignore[call-overload]  # a dataclass
        (folder / self.config_file).write_text(f"{text}\n", encoding="utf-8")

    def read(self, home: Home, process_id: str) -> ViewT:
        """Returns the view of one process, in the state ``DAMAGED`` if its config cannot be read.

        Raises:
            EntryNotFoundError: if there is no such process.
        """
        folder = self._require_folder(home, process_id)
        try:
            return self.make_view(process_id, folder, self.read_config(home, process_id))
        except EntryNotFoundError:
            raise
        except HomeError as error:
            view, reason = self.make_view(process_id, folder, self.placeholder), str(error)
            started = status_files.modified_time(folder) or ""
            return replace(view, state=status_files.DAMAGED, message=reason, error=reason, started=started)

    def list_views(self, home: Home) -> list[ViewT]:
        """Returns the views of all processes, damaged ones included, latest start first."""
        root, views = self.root(home), []
        for folder in root.iterdir() if root.is_dir() else ():
            with contextlib.suppress(HomeError, OSError):
                views.append(self.read(home, folder.name))
        return sorted(views, key=lambda view: (view.started, natural_key(view.id)), reverse=True)

    def require_capacity(self, home: Home, limit: int) -> None:
        """Refuses one more process if the limit is reached.

        Raises:
            LimitReachedError: if ``limit`` processes are running.
        """
        n_alive = sum(view.is_alive for view in self.list_views(home))
        if n_alive >= limit:
            raise LimitReachedError(
                f"At most {limit} {self.plural} can run at once, and {n_alive} are running. {self.stop_verb} one first."
            )

    def create(self, home: Home, config: ConfigT, fill: Callable[[Path], Any] | None = None) -> tuple[str, int]:
        """Creates the folder of a new process, which is locked from the moment at which it becomes visible.

        Args:
            home: The home.
            config: The process's config.
            fill: Writes further files into the folder.

        Returns:
            The process's id, and the descriptor that holds the lock.

        Raises:
            HomeError, OSError: if the home cannot be written.
        """
        process_id = secrets.token_hex(4)
        locks = []

        def fill_and_lock(hidden: Path) -> None:
            self.write_config(hidden, config)
            if fill is not None:
                fill(hidden)
            locks.append(acquire_lock(hidden))

        try:
            create_directory(self.folder(home, process_id), fill_and_lock)
        except BaseException:
            for lock in locks:
                os.close(lock)
            raise
        return process_id, locks[0]

    def remove(self, home: Home, process_id: str) -> None:
        """Deletes the folder of a process that has ended.

        Raises:
            EntryNotFoundError: if there is no such process.
            AlreadyRunningError: if it is running.
        """
        if self.read(home, process_id).is_alive:
            raise AlreadyRunningError(
                f"Only a {self.noun} that has ended can be removed; {process_id!r} is running. "
                f"{self.stop_verb} it first."
            )
        with contextlib.suppress(OSError):
            remove_directory(self.folder(home, process_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig:
    agent: str  # agent reference, or a replay; of a table, its agents, separated by commas
    env_config: dict[str, Any] | None = None  # None for the game that each agent was trained for
    seed: int = 0
    pieces_per_second: float = 10.0
    started: str = ""  # ISO 8601
    seats: tuple[str, ...] = ()  # agents at a table; empty where one agent plays alone
    same_pieces: bool = True  # False: the seed of seat k is ``seed + k``
    together: bool = False  # whether each game begins at all seats at once
    shared: bool = False  # whether it ends soon after its last viewer, and serves all who want its agent


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoView(ProcessView):
    """A demo with its status."""

    agent: str = field(metadata=documented("Agent reference; those of a table are separated by commas.", "first@best"))
    env_config: dict[str, Any] | None = field(
        metadata=documented("Environment; null for the one that each agent was trained for.", None)
    )
    seed: int = field(metadata=documented("Seed of the games.", 0))
    pieces_per_second: float = field(metadata=documented("Pace at its start.", 10.0))
    seats: tuple[str, ...] = field(
        metadata=documented("Agent references of a table; empty where one agent plays alone.")
    )
    same_pieces: bool = field(metadata=documented("Whether game k has the same pieces at every seat."))
    together: bool = field(metadata=documented("Whether each game begins at all seats at once."))
    shared: bool = field(metadata=documented("Whether it was started as shared.", False))


def _make_demo_view(demo_id: str, folder: Path, config: DemoConfig) -> DemoView:
    return DemoView(id=demo_id, **status_files.status_fields(folder), **asdict(config))


DEMOS: Final[ProcessDirectory[DemoConfig, DemoView]] = ProcessDirectory(
    noun="demo",
    plural="demos",
    root=lambda home: home.demos,
    config_file="demo.json",
    parse_config=lambda values: status_files.from_json(
        DemoConfig, {"agent": values.get("what"), **values}
    ),  # "what" before
    placeholder=DemoConfig(agent=""),
    make_view=_make_demo_view,
)
list_demos, read_demo, remove_demo = DEMOS.list_views, DEMOS.read, DEMOS.remove


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanGameConfig:
    """Config of a human game's process."""

    options: SessionOptions
    started: str = ""  # ISO 8601


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanGameView(ProcessView):
    """A human game with its status."""


def _parse_human_game_config(values: Mapping[str, Any]) -> HumanGameConfig:
    return HumanGameConfig(options=SessionOptions().with_changes(values["options"]), started=str(values["started"]))


def _make_human_game_view(game_id: str, folder: Path, config: HumanGameConfig) -> HumanGameView:
    return HumanGameView(id=game_id, started=config.started, **status_files.status_fields(folder))


HUMAN_GAMES: Final[ProcessDirectory[HumanGameConfig, HumanGameView]] = ProcessDirectory(
    noun="human game",
    plural="human games",
    root=lambda home: home.human_games,
    config_file="human-game.json",
    parse_config=_parse_human_game_config,
    placeholder=HumanGameConfig(options=SessionOptions()),
    make_view=_make_human_game_view,
)
list_human_games, read_human_game, remove_human_game = HUMAN_GAMES.list_views, HUMAN_GAMES.read, HUMAN_GAMES.remove


def remove_crashed_human_games(home: Home) -> None:
    """Deletes the folders of games whose process died or whose config cannot be read."""
    for view in HUMAN_GAMES.list_views(home):
        if not view.is_alive and view.state in {status_files.CRASHED, status_files.DAMAGED}:
            HUMAN_GAMES.remove(home, view.id)
