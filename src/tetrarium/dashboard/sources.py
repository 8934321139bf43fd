"""What can be watched, as its files tell: a run, a player or a person's game of the home.

Everything here reads files and may block; the event loop calls it in threads.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tetrarium.dashboard.answers import NotThereError
from tetrarium.dashboard.schemas import NAME_PATTERN
from tetrarium.errors import ConfigError, ModelError, suggestion
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.box import champion_names
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.training.finding import find_checkpoint
from tetrarium.training.runs.folder import is_locked
from tetrarium.workers.directory import RunView, list_runs, read_run
from tetrarium.workers.files import Address, read_address
from tetrarium.workers.hands import read_hand
from tetrarium.workers.players import read_player

__all__ = ["Sight", "Source", "find_source", "find_start", "home_signature", "require_player_policy"]

_NAME: Final = re.compile(NAME_PATTERN)
_STATE: Final = "state.json"
_WORKER: Final = "worker.json"
_FOLDERS: Final = {"run": "runs", "player": "players", "hand": "hands"}
_CONFIGS: Final = {"run": "config.json", "player": "player.json", "hand": "hand.json"}  # what makes a folder one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How a source stands."""

    address: Address | None  # of its worker; None where none lives
    state: dict[str, Any] = field(default_factory=dict)  # the fields of a ``state-changed``, where no worker lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A run, a player or a person's game."""

    home: Home
    kind: str  # "run", "player" or "hand"
    id: str
    folder: Path

    @property
    def name(self) -> str:
        """As messages name it, ``run/first``."""
        return f"{self.kind}/{self.id}"

    def look(self) -> Sight:
        """Reads how it stands now.

        Raises:
            TetrariumError: if it is there no longer.
        """
        address = read_address(self.folder) if is_locked(self.folder) else None
        if address is not None:
            return Sight(address=address)
        read: Any = {"run": read_run, "player": read_player, "hand": read_hand}[self.kind]
        view = read(self.home, self.id)
        step = view.step if isinstance(view, RunView) else 0
        return Sight(address=None, state={"state": view.state, "step": step, "message": view.message})


def find_source(home: Home, kind: str, name: str) -> Source:
    """Finds a run, a player or a person's game by name.

    Raises:
        NotThereError: if there is none.
    """
    folder = home.root / _FOLDERS[kind] / name
    if _NAME.fullmatch(name) is None or not (folder / _CONFIGS[kind]).is_file():
        raise NotThereError(f"There is no {kind} {name[:80]!r}. GET /api/{_FOLDERS[kind]} lists what there is.")
    return Source(home=home, kind=kind, id=name, folder=folder)


def require_player_policy(home: Home, what: str) -> None:
    """Refuses to let anything play that is neither in the home nor a known controller: a path, say.

    Raises:
        ConfigError: if it is neither.
    """
    if what not in POLICY_NAMES:
        find_start(home, what, POLICY_NAMES)


def find_start(home: Home, what: str, known: tuple[str, ...] = ()) -> Path:
    """Finds the checkpoint of a run of the home, or a saved model.

    Args:
        home: Where runs and models are.
        what: A run's name, ``NAME@best`` or ``NAME@STEP``, a model's name or ``NAME@VERSION``; no path.
        known: What else could have been named, for the message.

    Raises:
        ConfigError: if there is none.
    """
    name = what.partition("@")[0]
    models = ModelStore(home)
    is_name = _NAME.fullmatch(name) is not None
    if is_name and home.run_folder(name).is_dir():
        return find_checkpoint(what, home, known)
    if is_name and (name in champion_names() or models.has(name)):
        try:
            return models.path(models.find(what))
        except ModelError as error:
            raise ConfigError(str(error)) from error
    names = [*(view.name for view in list_runs(home)), *(slot.name for slot in models.slots()), *champion_names()]
    choices = ", ".join(["a run", "NAME@best", "NAME@STEP", "a model", "NAME@VERSION", *known])
    raise ConfigError(
        f"What can be named is {choices}; there is no {name[:80]!r}."
        f"{suggestion(name[:80], [*known, *names]) or ' GET /api/policies lists what there is.'}"
    )


def home_signature(home: Home) -> object:
    """Something that changes when a run, player or study comes, goes, or is in another state."""
    places = (*(home.root / kind for kind in _FOLDERS.values()), home.studies)
    return [_signature(folder) for place in places for folder in _inside(place)]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _signature(folder: Path) -> tuple[str, int, int, bool]:
    """Cheap, since it is taken again and again of all runs: only where a worker is said to be, it is looked for."""
    state_ns, worker_ns = _changed_ns(folder / _STATE), _changed_ns(folder / _WORKER)
    return folder.name, state_ns, worker_ns, worker_ns > 0 and is_locked(folder)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
