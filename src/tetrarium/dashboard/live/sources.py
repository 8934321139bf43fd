"""Sources of live events, read from their folders: the runs, demos and human games of a home.

Everything here reads files and may block; the event loop calls it in threads.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tetrarium.errors import EntryNotFoundError, ModelError, UnknownAgentError, suggestion
from tetrarium.evaluation import POLICY_NAMES
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import NAME_RULE, Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.run_trash import refuse_trashed
from tetrarium.registry.versions import champion_names
from tetrarium.training.agent_reference import resolve_checkpoint
from tetrarium.training.runs.storage.folder import is_run
from tetrarium.workers.directories.process_directory import DEMOS, HUMAN_GAMES
from tetrarium.workers.directories.run_views import find_run, list_runs
from tetrarium.workers.protocol.status_files import ADDRESS, STATE, Address, read_address


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of source."""

    folder: Callable[[Home], Path]
    is_source: Callable[[Path], bool]
    read: Callable[[Home, str], Any]  # returns a view


_KINDS: Final = MappingProxyType(
    {
        "run": _Kind(folder=lambda home: home.runs, is_source=is_run, read=find_run),
        "demo": _Kind(folder=DEMOS.root, is_source=Path.is_dir, read=DEMOS.read),
        "human-game": _Kind(folder=HUMAN_GAMES.root, is_source=Path.is_dir, read=HUMAN_GAMES.read),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """Status of a source: the address of its worker, or its last state."""

    address: Address | None  # None if no worker is running
    state: dict[str, Any] = field(default_factory=dict)  # fields of a ``state-changed`` event; empty if a worker runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A run, demo or human game."""

    home: Home
    kind: str  # "run", "demo" or "human-game"
    id: str
    folder: Path

    @property
    def name(self) -> str:
        """Name in messages, such as ``run/first``."""
        return f"{self.kind}/{self.id}"

    def read_status(self) -> SourceStatus:
        """Reads the current status.

        Raises:
            TetrariumError: if the source was deleted.
        """
        address = read_address(self.folder) if is_locked(self.folder) else None
        if address is not None:
            return SourceStatus(address=address)
        view = _KINDS[self.kind].read(self.home, self.id)
        state = {"state": view.state, "step": getattr(view, "step", 0), "message": view.message}
        return SourceStatus(address=None, state=state)


def find_source(home: Home, kind: str, name: str) -> Source:
    """Finds a run, demo or human game by name.

    Raises:
        EntryNotFoundError: if there is none of that name, or the run is in the trash.
    """
    folder = _KINDS[kind].folder(home) / name
    if not NAME_RULE.allows(name) or not _KINDS[kind].is_source(folder):
        if kind == "run" and NAME_RULE.allows(name):
            refuse_trashed(home, name)
        label = kind.replace("-", " ")
        raise EntryNotFoundError(f"There is no {label} {name[:80]!r}. Choose one from the list of all {label}s.")
    return Source(home=home, kind=kind, id=name, folder=folder)


def require_agent(home: Home, agent: str, field: str) -> None:
    """Checks that an agent reference names a controller or something in the home, never a path.

    Raises:
        UnknownAgentError: if it does not.
    """
    if agent not in POLICY_NAMES:
        find_agent(home, agent, field, POLICY_NAMES)


def find_agent(home: Home, agent: str, field: str, known: tuple[str, ...] = ()) -> Path:
    """Returns the path of a run's checkpoint or of a model.

    Args:
        home: Home folder of the runs and models.
        agent: A run's name, ``NAME@best`` or ``NAME@STEP``, a model's name or ``NAME@VERSION``; not a path.
        field: Name of the request's field, for the exception.
        known: Further valid references, for the message.

    Raises:
        UnknownAgentError: if there is none.
    """
    name = agent.partition("@")[0]
    models = ModelStore(home)
    is_name = NAME_RULE.allows(name)
    try:
        if is_name and home.run_folder(name).is_dir():
            return resolve_checkpoint(agent, home, known)
        if is_name and (name in champion_names() or models.has(name)):
            return models.path(models.find(agent))
    except (UnknownAgentError, ModelError) as error:
        raise UnknownAgentError(str(error), field=field) from error
    names = [*(view.name for view in list_runs(home)), *(slot.name for slot in models.slots()), *champion_names()]
    choices = ", ".join(["a run", "NAME@best", "NAME@STEP", "a model", "NAME@VERSION", *known])
    raise UnknownAgentError(
        f"Unknown agent {name[:80]!r}. Name one of: {choices}.{suggestion(name[:80], [*known, *names])}", field=field
    )


def home_fingerprint(home: Home) -> object:
    """Returns a value that changes when a run, demo, human game or study appears, disappears or changes its state."""
    places = (*(kind.folder(home) for kind in _KINDS.values()), home.studies)
    return [_folder_fingerprint(f"{place}/{name}") for place in places for name in _entries(place)]


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 faster for a thousand runs, as texts are below
    except OSError:
        return []


def _folder_fingerprint(folder: str) -> tuple[str, int, int, bool]:
    """Checks the lock only where a worker file exists, since this is called every second for all runs."""
    state_ns, worker_ns = _modified_ns(f"{folder}/{STATE}"), _modified_ns(f"{folder}/{ADDRESS}")
    return folder, state_ns, worker_ns, worker_ns > 0 and is_locked(folder)


def _modified_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 as above
    except OSError:
        return 0
