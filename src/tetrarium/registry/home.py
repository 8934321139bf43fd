"""The home folder, which contains runs, models and the key that signs checkpoints.

Nothing is created before the first write. Names are checked before they become paths, so none leads out of the home.
The layout::

    runs/NAME/      one training run
    runs/.NAME~MS/  a deleted run in the trash, see ``run_trash``
    models/         saved models
    demos/ID/       one demo
    human-games/ID/ one human game in progress
    games/          saved human games, as replays
    jobs/ID/        one job on models, such as an evaluation
    evaluations/KEY/  results of one long evaluation, which continues from them
    tuning/NAME/    one study of settings, whose trials are runs
    registry.db     facts about runs and models
    tuning.db       trials of all studies
    secret.key      32 random bytes, readable by their owner only

A file system without permissions cannot protect the key: a warning says so once, where it is created.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from tetrarium.errors import HomeError, InvalidNameError, NameTakenError
from tetrarium.registry.files.atomic import create_directory, folder_lock
from tetrarium.registry.files.file_system import UNSUPPORTED, file_system_type, flush, is_private, new_file_status


class HomeWarning(UserWarning):
    """A lack of the home's file system with consequences that the user must know."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """Rule for names that cannot leave their folder; ``check_new_name`` refuses those that only some systems store.

    >>> NAME_RULE.allows("run-1"), NAME_RULE.allows("../run")
    (True, False)
    """

    max_length: int

    @property
    def pattern(self) -> str:
        """Regular expression without anchors; Python, JavaScript and JSON Schema read it alike."""
        return f"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{self.max_length - 1}}}"

    @property
    def text(self) -> str:
        """The rule as the end of a sentence."""
        return (
            f"has 1 to {self.max_length} letters from A to Z, digits, '.', '_' and '-', and begins with a letter, "
            "a digit or '_'"
        )

    def allows(self, name: object) -> bool:
        """Returns whether a name is valid."""
        return isinstance(name, str) and re.fullmatch(self.pattern, name) is not None


NAME_RULE: Final = NameRule(64)  # of runs, models, demos, jobs
TAG_RULE: Final = NameRule(32)


def check_name(name: str) -> str:
    """Returns a name if ``NAME_RULE`` allows it.

    Raises:
        InvalidNameError: if not.
    """
    if not NAME_RULE.allows(name):
        raise InvalidNameError(f"A name {NAME_RULE.text}; got {name!r:.82}. Choose another name.")
    return name


def check_new_name(name: str) -> str:
    """Returns a name if something new may have it, which may be copied to another system later.

    Raises:
        InvalidNameError: if not.
    """
    if _RESERVED.fullmatch(check_name(name)) or name.endswith("."):
        raise InvalidNameError(
            f"A new name can be stored on every system; Windows reserves {name!r}, as it does names that end in '.', "
            "and CON, PRN, AUX, NUL, COM0 to COM9 and LPT0 to LPT9, also before a '.'. Choose another name."
        )
    return name


def natural_key(name: str) -> tuple[str, str]:
    """Returns the sort key of names in all lists: numbers in them by value, letters regardless of case.

    >>> sorted(["r100", "r9", "R10"], key=natural_key)
    ['r9', 'R10', 'r100']
    """
    return _NUMBER.sub(lambda found: found[0].zfill(NAME_RULE.max_length), name.casefold()), name


Fill = Callable[[str, Path], None]  # called with a run's name and an empty folder, writes its initial content

_RESERVED: Final = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\..*)?", re.IGNORECASE)
_NUMBER: Final = re.compile("[0-9]+")
_NUMBERED: Final = re.compile(r"\.?run-([1-9][0-9]{0,8})(~[0-9]+)?")  # also in the trash
_N_BYTES_SECRET: Final = 32
_KEY_REMEDY: Final = "Delete it to get a new key; earlier checkpoints then need trust=True."
_HOME_REMEDY: Final = "Choose another home with --home or TETRARIUM_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """The home folder; ``locate`` finds it.

    Properties are the folders of all runs, models and so on. Methods such as ``run_folder`` return the folder of one,
    whether or not it exists, and raise ``InvalidNameError`` for an invalid name, or ``NameTakenError`` where the file
    system ignores case and the name exists in another one.

    >>> home = Home.locate("somewhere")
    >>> home.run_folder("first").relative_to(home.root).as_posix()
    'runs/first'
    """

    root: Path

    @classmethod
    def locate(cls, path: str | Path | None = None) -> "Home":
        """Returns the home at ``path``, else at ``TETRARIUM_HOME``, else in the platform's data folder.

        Raises:
            HomeError: if the path is not a folder.
        """
        if path is not None and not isinstance(path, str | Path):
            raise HomeError(f"The home is a folder; got {path!r:.80}. Pass its path.")
        named = os.fspath(path) if path is not None else os.environ.get("TETRARIUM_HOME", "")
        given = Path(named) if named else _default_root()
        with _translate_errors(given):
            root = given.expanduser().absolute()
            if root.exists() and not root.is_dir():
                raise HomeError(f"The home is a folder, but {str(root)!r} is a file. {_HOME_REMEDY}.")
        return cls(root)

    @staticmethod
    def require(home: object) -> "Home":
        """Returns a home that a caller passed.

        Raises:
            HomeError: if it is of another type.
        """
        if not isinstance(home, Home):
            raise HomeError(f"A home is a Home; got {home!r:.80}. Pass Home.locate(path).")
        return home

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def model_folder(self, name: str) -> Path:
        return _entry(self.models, name)

    @property
    def demos(self) -> Path:
        return self.root / "demos"

    @property
    def human_games(self) -> Path:
        return self.root / "human-games"

    @property
    def games(self) -> Path:
        return self.root / "games"

    def human_game_folder(self, name: str) -> Path:
        return _entry(self.human_games, name)

    @property
    def studies(self) -> Path:
        return self.root / "tuning"

    def study_folder(self, name: str) -> Path:
        return _entry(self.studies, name)

    def demo_folder(self, name: str) -> Path:
        return _entry(self.demos, name)

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def evaluations(self) -> Path:
        return self.root / "evaluations"

    def job_folder(self, name: str) -> Path:
        return _entry(self.jobs, name)

    def run_folder(self, name: str) -> Path:
        return _entry(self.runs, name)

    def run_names(self) -> list[str]:
        """Returns the names of the folders that may be runs, in natural order; those in the trash are left out."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.runs) as entries:
            return sorted((entry.name for entry in entries if NAME_RULE.allows(entry.name) and entry.is_dir()),
                          key=natural_key)  # fmt: skip
        return []

    def create_run_folder(self, name: str, fill: Fill | None = None) -> Path:
        """Creates the folder of a new run; only one of several processes that ask for a name gets it.

        Args:
            name: Name of the run.
            fill: Writes the initial content, which appears together with the folder: a process that is killed leaves
                either a run or a free name.

        Raises:
            InvalidNameError, NameTakenError: if the name is invalid or taken.
            HomeError: if the home cannot be written.
        """
        folder = self.run_folder(check_new_name(name))
        with _translate_errors(self.root):
            _make_parents(folder)
            try:
                _make_run(folder, fill)
            except FileExistsError:
                raise _taken(name) from None
        return folder

    def require_free(self, name: str) -> None:
        """Checks early whether a name is free; ``create_run_folder`` checks again.

        Raises:
            InvalidNameError, NameTakenError: if the name is invalid or taken.
        """
        if os.path.lexists(self.run_folder(check_new_name(name))):
            raise _taken(name)

    def create_numbered_run_folder(self, fill: Fill | None = None) -> str:
        """Creates the folder ``run-<number>``, with the number after the highest one in use; returns its name.

        Args:
            fill: As for ``create_run_folder``.

        Raises:
            HomeError: if the home cannot be written.
        """
        with _translate_errors(self.root):
            _make_parents(self.runs / "run")
            used = (_NUMBERED.fullmatch(folder.name) for folder in self.runs.iterdir())
            number = max((int(match[1]) for match in used if match), default=0) + 1
            while True:
                with contextlib.suppress(FileExistsError):
                    _make_run(self.runs / f"run-{number}", fill)
                    return f"run-{number}"
                number += 1

    def secret(self) -> bytes:
        """Returns the home's key of 32 bytes, created at the first call; all processes get the same one.

        Raises:
            HomeError: if it cannot be created, is damaged, or could have been read by others.
        """
        path = self.root / "secret.key"
        with _translate_errors(self.root):
            if not os.path.lexists(path):
                _create_secret(path)
            return _read_secret(path)


def _entry(folder: Path, name: str) -> Path:
    """Returns the path of a name in a folder of the home.

    Raises:
        InvalidNameError: if the name is invalid.
        NameTakenError: if it is there in another case, which the file system does not distinguish.
    """
    path = folder / check_name(name)
    if os.path.lexists(path) and os.path.lexists(path.with_name(name.swapcase())):
        names = [entry.name for entry in folder.iterdir()]
        if name not in names:
            other = next((other for other in names if other.casefold() == name.casefold()), name)
            raise NameTakenError(
                f"The file system of {str(folder)!r} does not distinguish {name!r} from {other!r}, which exists. "
                f"Write {other!r}, or choose another name."
            )
    return path


def _default_root() -> Path:
    with contextlib.suppress(RuntimeError):
        root = platformdirs.user_data_path("tetrarium", appauthor=False)
        if root.is_absolute():
            return root
    raise HomeError(
        "The home is a folder of your user, but HOME is not set and your user has no folder. "
        "Give one with --home or TETRARIUM_HOME."
    )


def _create_secret(path: Path) -> None:
    """Writes the key to a temporary file and links it, which fails if another process was faster."""
    _make_parents(path)
    draft = path.with_name(f".secret-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_N_BYTES_SECRET))
            file.flush()
            os.fsync(file.fileno())
            if not is_private(os.fstat(file.fileno())):
                warnings.warn(HomeWarning(permissions_message(path.parent)), stacklevel=1)
        with contextlib.suppress(FileExistsError):
            _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    flush(path.parent)


def _link(draft: Path, path: Path) -> None:
    """Gives a file a second name that is free; where there are no hard links, renames it under the folder's lock."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        with folder_lock(path.parent):
            if not os.path.lexists(path):
                draft.rename(path)


def permissions_message(folder: Path) -> str:
    """Returns what follows from a file system without permissions, and the remedy."""
    return (
        f"The file system of the home {str(folder)!r} ({file_system_type(folder) or 'unknown'}) has no permissions: "
        "other users of this machine may read the home's key, and with it make checkpoints that run code as you. "
        f"{_HOME_REMEDY}, or mount this one for you alone (umask=077; in WSL by the option metadata)."
    )


def _make_parents(path: Path) -> None:
    for folder in reversed([parent for parent in path.parents if not parent.exists()]):
        with contextlib.suppress(FileExistsError):
            _make_folder(folder)


def _make_folder(folder: Path) -> None:
    """Makes a folder that survives a power failure, as needed by everything that is flushed inside it."""
    folder.mkdir()
    flush(folder.parent)


def _make_run(folder: Path, fill: Fill | None) -> None:
    if fill is None:
        _make_folder(folder)
    else:
        create_directory(folder, lambda hidden: fill(folder.name, hidden))


def _read_secret(path: Path) -> bytes:
    shown = repr(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise HomeError(f"The key {shown} is a link, and must be a file. {_KEY_REMEDY}") from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != _N_BYTES_SECRET:
            raise HomeError(
                f"The key {shown} is a file of {_N_BYTES_SECRET} bytes, but is damaged ({status.st_size} bytes). "
                f"{_KEY_REMEDY}"
            )
        if is_private(status) or _is_like_new(status, path.parent):
            return file.read()
    if status.st_uid != os.geteuid():
        raise HomeError(f"The key {shown} must be yours, but its owner is user {status.st_uid}. {_KEY_REMEDY}")
    raise HomeError(
        f"The key {shown} must be yours alone, but has mode {stat.S_IMODE(status.st_mode):04o}. "
        f"Run `chmod 600 {path}` if nobody else can have copied it, or delete it to get a new key."
    )


def _is_like_new(status: os.stat_result, folder: Path) -> bool:
    """Returns whether a new file for this user alone gets the same owner and mode: the file system lacks these."""
    new = new_file_status(folder)
    return new is not None and (new.st_uid, new.st_mode) == (status.st_uid, status.st_mode)


def _taken(name: str) -> NameTakenError:
    return NameTakenError(
        f"The name {name!r} is taken. Resume that run by `tetrarium resume {name}`, or choose another name."
    )


@contextlib.contextmanager
def _translate_errors(root: Path) -> Iterator[None]:
    """Raises ``HomeError`` in place of errors of the file system."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise HomeError(f"The home {str(root)!r} cannot be used: {reason}. {_HOME_REMEDY}.") from error
