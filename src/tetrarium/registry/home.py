"""The home folder: where runs, models and the key that signs checkpoints are kept.

Nothing is created until something is written. Names of runs and models are checked before they become paths, so none
leads out of the home. The layout::

    runs/NAME/      one training run
    models/         saved models
    players/ID/     one process that plays
    hands/ID/       one process in which a person plays
    games/          games that people played, as replays
    jobs/ID/        one piece of work on models, such as an evaluation
    tuning/NAME/    one study of settings, whose trials are runs
    registry.db     what is known about runs and models
    tuning.db       trials of all studies
    secret.key      32 random bytes, readable by their owner only
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from tetrarium.errors import BadNameError, HomeError
from tetrarium.registry.atomic import create_directory

__all__ = ["Home", "check_name"]

Fill = Callable[[str, Path], None]  # is given a run's name and an empty folder, and writes the run's first content

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_NUMBERED: Final = re.compile(r"run-([1-9][0-9]{0,8})")
_N_BYTES_SECRET: Final = 32
_NEW_KEY: Final = "Delete it to get a new key; earlier checkpoints then need trust=True."
_ELSEWHERE: Final = "Choose another home with --home or TETRARIUM_HOME"


def check_name(name: str) -> str:
    """Returns the name of a run or model if it may be one.

    Raises:
        BadNameError: if it could not be a folder's name on every system, or would lead elsewhere.
    """
    if _NAME.fullmatch(name) is None:
        raise BadNameError(
            "A name has 1 to 64 letters, digits, '.', '_' and '-', and does not begin with '.' or '-'; "
            f"got {name[:80]!r}. Choose another name."
        )
    return name


@dataclass(frozen=True, slots=True)
class Home:
    """The folder in which tetrarium keeps things; `locate` finds it.

    >>> home = Home.locate("somewhere")
    >>> home.run_folder("first").relative_to(home.root).as_posix()
    'runs/first'
    """

    root: Path

    @classmethod
    def locate(cls, path: str | Path | None = None) -> "Home":
        """Returns the home at ``path``, else at ``TETRARIUM_HOME``, else in the platform's data folder.

        Raises:
            HomeError: if there is something else than a folder.
        """
        given = os.fspath(path) if path is not None else os.environ.get("TETRARIUM_HOME", "")
        with _told(Path(given)):
            root = Path(given).expanduser() if given else platformdirs.user_data_path("tetrarium", appauthor=False)
            root = root.absolute()
            if root.exists() and not root.is_dir():
                raise HomeError(f"The home is a folder, but {str(root)!r} is a file. {_ELSEWHERE}.")
        return cls(root)

    @property
    def runs(self) -> Path:
        """Folder of all runs."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """Folder of all saved models."""
        return self.root / "models"

    @property
    def players(self) -> Path:
        """Folder of all processes that play."""
        return self.root / "players"

    @property
    def hands(self) -> Path:
        """Folder of all processes in which people play."""
        return self.root / "hands"

    @property
    def games(self) -> Path:
        """Folder of the games that people played."""
        return self.root / "games"

    def hand_folder(self, name: str) -> Path:
        """Returns the folder of a game in a person's hands, whether or not there is one.

        Raises:
            HomeError: if the name may not be one.
        """
        return self.hands / check_name(name)

    @property
    def studies(self) -> Path:
        """Folder of all studies."""
        return self.root / "tuning"

    def study_folder(self, name: str) -> Path:
        """Returns the folder of the study of that name, whether or not there is one.

        Raises:
            HomeError: if the name may not be one.
        """
        return self.studies / check_name(name)

    def player_folder(self, name: str) -> Path:
        """Returns the folder of the player of that name, whether or not there is one.

        Raises:
            HomeError: if the name may not be one.
        """
        return self.players / check_name(name)

    @property
    def jobs(self) -> Path:
        """Folder of all work on models."""
        return self.root / "jobs"

    def job_folder(self, name: str) -> Path:
        """Returns the folder of the job of that name, whether or not there is one.

        Raises:
            HomeError: if the name may not be one.
        """
        return self.jobs / check_name(name)

    def run_folder(self, name: str) -> Path:
        """Returns the folder of the run of that name, whether or not there is one.

        Raises:
            HomeError: if the name may not be one.
        """
        return self.runs / check_name(name)

    def create_run_folder(self, name: str, fill: Fill | None = None) -> Path:
        """Makes the folder of a new run; of several processes that ask for one name, one gets it.

        Args:
            name: The run's.
            fill: Writes what is in the folder from its first instant on, so that a process which is killed here leaves
                either a run or a name that is free.

        Raises:
            HomeError: if the name may not be one or is taken, or the home cannot be written.
        """
        folder = self.run_folder(name)
        with _told(self.root):
            _make_parents(folder)
            try:
                _make_run(folder, fill)
            except FileExistsError:
                raise _taken(name) from None
        return folder

    def require_free(self, name: str) -> None:
        """Refuses a name early; ``create_run_folder`` decides.

        Raises:
            HomeError: if the name may not be one or is taken.
        """
        if os.path.lexists(self.run_folder(name)):
            raise _taken(name)

    def next_run_name(self, fill: Fill | None = None) -> str:
        """Takes the number after the highest one in use, by making the folder, and returns ``run-<number>``.

        Args:
            fill: As for ``create_run_folder``.

        Raises:
            HomeError: if the home cannot be written.
        """
        with _told(self.root):
            _make_parents(self.runs / "run")
            used = (_NUMBERED.fullmatch(folder.name) for folder in self.runs.iterdir())
            number = max((int(match[1]) for match in used if match), default=0) + 1
            while True:
                with contextlib.suppress(FileExistsError):
                    _make_run(self.runs / f"run-{number}", fill)
                    return f"run-{number}"
                number += 1

    def secret(self) -> bytes:
        """Returns the home's key of 32 bytes, made at the first call; all processes get the same one.

        Raises:
            HomeError: if it cannot be made, is not what it should be, or could have been read by others.
        """
        path = self.root / "secret.key"
        with _told(self.root):
            if not os.path.lexists(path):
                _create_secret(path)
            return _read_secret(path)


def _create_secret(path: Path) -> None:
    """Writes the key under a name of its own and links it into place, which fails where there is one already."""
    _make_parents(path)
    draft = path.with_name(f".secret-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_N_BYTES_SECRET))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _flush(path.parent)


def _make_parents(path: Path) -> None:
    for folder in reversed([parent for parent in path.parents if not parent.exists()]):
        with contextlib.suppress(FileExistsError):
            _make_folder(folder)


def _make_folder(folder: Path) -> None:
    """Makes a folder that survives a power failure: without it, so would nothing that is flushed inside it."""
    folder.mkdir()
    _flush(folder.parent)


def _make_run(folder: Path, fill: Fill | None) -> None:
    if fill is None:
        _make_folder(folder)
    else:
        create_directory(folder, lambda hidden: fill(folder.name, hidden))


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_secret(path: Path) -> bytes:
    shown = repr(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise HomeError(f"The key {shown} is a link, and must be a file. {_NEW_KEY}") from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode) or status.st_size != _N_BYTES_SECRET:
            raise HomeError(
                f"The key {shown} is a file of {_N_BYTES_SECRET} bytes, but is damaged ({status.st_size} bytes). "
                f"{_NEW_KEY}"
            )
        if status.st_uid != os.geteuid():
            raise HomeError(f"The key {shown} must be yours, but its owner is user {status.st_uid}. {_NEW_KEY}")
        if mode & 0o077:
            raise HomeError(
                f"The key {shown} must be yours alone, but has mode {mode:04o}. "
                f"Run `chmod 600 {path}` if nobody else can have copied it, or delete it to get a new key."
            )
        return file.read()


def _taken(name: str) -> HomeError:
    return HomeError(
        f"A new run needs a new name, and {name!r} is taken. "
        f"Go on with that run by `tetrarium resume {name}`, or choose another name."
    )


@contextlib.contextmanager
def _told(root: Path) -> Iterator[None]:
    """Turns what the system says about a home into one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise HomeError(f"The home {str(root)!r} cannot be used: {reason}. {_ELSEWHERE}.") from error
