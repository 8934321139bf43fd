"""What players there are: each has a folder in the home for as long as it plays, or has failed."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import HomeError
from tetrarium.registry.home import Home
from tetrarium.registry.plain_files import read_object
from tetrarium.workers.files import fitted, list_views, read_standing

__all__ = ["PlayerConfig", "PlayerView", "list_players", "read_player", "remove_player"]

_CONFIG: Final = "player.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerConfig:
    """What a player was started with."""

    what: str  # as ``tetrarium watch`` takes it; of a table, its players with commas between them
    env_config: dict[str, Any] | None = None  # None for the game that each agent was trained for
    seed: int = 0
    pieces_per_second: float = 10.0
    started: str = ""  # ISO 8601
    seats: tuple[str, ...] = ()  # who plays at a table; empty where one plays alone
    same_pieces: bool = True  # else each seat has a seed of its own, the next one after the seat's before it
    together: bool = False  # whether each game begins at all seats at once

    def write(self, folder: Path) -> None:
        """Writes it for the process that plays."""
        (folder / _CONFIG).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "PlayerConfig":
        """Reads it back.

        Raises:
            HomeError: if there is none.
        """
        try:
            player: PlayerConfig = fitted(cls, read_object(folder / _CONFIG))
        except (OSError, ValueError):
            raise HomeError(f"There is no player {folder.name!r}. Start one, or see which there are.") from None
        return player


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerView:
    """One player, as it stands."""

    id: str
    what: str
    env_config: dict[str, Any] | None
    seed: int
    pieces_per_second: float  # at its start
    started: str  # ISO 8601
    seats: tuple[str, ...]
    same_pieces: bool
    together: bool
    state: str  # as ``StateChanged``, or "dead": its process ended without a word
    message: str
    error: str
    is_alive: bool


def list_players(home: Home) -> list[PlayerView]:
    """Returns the players of a home, those that were started last first; one that was stopped is gone."""
    return list_views(home.players, lambda name: read_player(home, name))


def read_player(home: Home, name: str) -> PlayerView:
    """Returns one player.

    Raises:
        HomeError: if there is none of that name.
    """
    folder = home.player_folder(name)
    player = PlayerConfig.read(folder)
    told, is_alive = read_standing(folder)
    return PlayerView(
        id=name, state=told.state, message=told.message, error=told.error, is_alive=is_alive, **asdict(player)
    )


def remove_player(home: Home, name: str) -> None:
    """Removes what a player that has ended left behind.

    Raises:
        HomeError: if there is none of that name, or it still plays.
    """
    if read_player(home, name).is_alive:
        raise HomeError(f"A player that still plays is not removed; {name!r} does. Stop it first.")
    shutil.rmtree(home.player_folder(name), ignore_errors=True)
