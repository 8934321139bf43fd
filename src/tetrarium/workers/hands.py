"""Games in people's hands: each has a folder in the home for as long as it is played, or has failed."""

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tetrarium.errors import HomeError, WorkerError
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import read_object
from tetrarium.workers.files import DEAD, list_views, read_standing
from tetrarium.workers.hand_orders import Wishes
from tetrarium.workers.launching import start_in_new_folder

__all__ = ["MOST_HANDS", "HandConfig", "HandView", "list_hands", "read_hand", "remove_hand", "start_hand"]

MOST_HANDS: Final = 8  # that live at once
_CONFIG: Final = "hand.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandConfig:
    """What a game was started with."""

    wishes: Wishes
    started: str = ""  # ISO 8601

    def write(self, folder: Path) -> None:
        """Writes it for the process that plays."""
        (folder / _CONFIG).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "HandConfig":
        """Reads it back.

        Raises:
            HomeError: if there is none.
        """
        try:
            values = read_object(folder / _CONFIG)
            return cls(wishes=Wishes().changed(values["wishes"]), started=str(values["started"]))
        except (OSError, ValueError, KeyError, TypeError, WorkerError):
            raise HomeError(f"There is no game {folder.name!r} in anybody's hands. Start one.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandView:
    """One game in somebody's hands, as it stands."""

    id: str
    started: str  # ISO 8601
    state: str  # as ``StateChanged``, or "dead": its process ended without a word
    message: str
    error: str
    is_alive: bool


def list_hands(home: Home) -> list[HandView]:
    """Returns the games under way, those that were started last first; one that was stopped is gone."""
    return list_views(home.hands, lambda name: read_hand(home, name))


def read_hand(home: Home, name: str) -> HandView:
    """Returns one game.

    Raises:
        HomeError: if there is none of that name.
    """
    folder = home.hand_folder(name)
    config = HandConfig.read(folder)
    told, is_alive = read_standing(folder)
    return HandView(
        id=name, started=config.started, state=told.state, message=told.message, error=told.error, is_alive=is_alive
    )


def remove_hand(home: Home, name: str) -> None:
    """Removes what a game that has ended left behind.

    Raises:
        HomeError: if there is none of that name, or it is still played.
    """
    if read_hand(home, name).is_alive:
        raise HomeError(f"A game that is still played is not removed; {name!r} is. Stop it first.")
    shutil.rmtree(home.hand_folder(name), ignore_errors=True)


def start_hand(home: Home, wishes: Wishes) -> str:
    """Starts a process in which a person plays; returns its id.

    Raises:
        WorkerError: if as many as may be are played already.
        HomeError: if the home cannot be written.
    """
    hands = list_hands(home)
    for view in hands:
        if not view.is_alive and view.state == DEAD:  # nobody comes back to it
            remove_hand(home, view.id)
    if sum(view.is_alive for view in hands) >= MOST_HANDS:
        raise WorkerError(f"At most {MOST_HANDS} games are played at once, and so many are. End one of them.")
    config = HandConfig(wishes=wishes, started=datetime.now().astimezone().isoformat(timespec="seconds"))
    return start_in_new_folder(home, "hand", home.hand_folder, config.write)
