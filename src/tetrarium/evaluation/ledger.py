"""Ledger of an evaluation: its results on disk, from which the same evaluation continues.

A ledger is the folder ``KEY``, which is named after a digest of everything that a game's result depends on: the
weights, the rules, the seed, the piece limit and the sources of the kernels. The number of games is not part of it, so
an evaluation can be extended. The folder has two files:

* ``games.ledger``: one line for each game that has ended, and a first line that describes the evaluation. Each line
  ends with its CRC-32. It is only appended to; a line that was cut off by a power failure is dropped.
* ``unfinished.states``: the states of the games in progress, replaced from time to time.

A game in neither file is played from its start. Both may be older than the truth: a game that is played again ends in
the same way. While a process writes a ledger it holds the folder's lock.
"""

import contextlib
import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from tetrarium.engine.kernel_cache import SOURCES
from tetrarium.engine.state_layout import LINES, N_PLACED, TERMINATED
from tetrarium.errors import AlreadyRunningError, ConfigError, LedgerError, PolicyError, describe_os_error, naming_file
from tetrarium.evaluation.work_queue import GameStates, Task, WorkQueue
from tetrarium.registry.files.atomic import create_directory, remove_directory, write_file
from tetrarium.registry.files.process_lock import is_locked, run_lock
from tetrarium.registry.files.safe_files import canonical_json

_FORMAT_VERSION: Final = 1
_GAMES: Final = "games.ledger"
_UNFINISHED: Final = "unfinished.states"
_N_DIGITS_KEY: Final = 16  # hexadecimal
_N_CHECKSUM: Final = hashlib.sha256().digest_size
_WRITE_EVERY_S: Final = 10.0
_DAY_S: Final = 86_400.0
_FIELDS: Final = (LINES, N_PLACED, TERMINATED)  # after the number of a game, in a line


class Ledger:
    """Ledger of one evaluation. Nothing is created before the first write, 10 seconds after the start.

    Args:
        parent: Folder that contains the ledger's folder.
        task: The evaluation.
        seed: Seed of its games.
        fresh: Whether to delete an earlier ledger instead of continuing.

    Raises:
        PolicyError: if the policy has no ``digest``.
    """

    def __init__(self, parent: Path, task: Task, seed: int, *, fresh: bool = False) -> None:
        self._header = _header(task, seed)
        self.folder = parent / hashlib.sha256(canonical_json(self._header)).hexdigest()[:_N_DIGITS_KEY]
        self._fresh = fresh
        self._queue: WorkQueue | None = None
        self._held = contextlib.ExitStack()
        self._is_held = False
        self._is_recorded = np.zeros(0, dtype=np.bool_)  # (n_games,) whether a game is in ``games.ledger``
        self._seconds = 0.0  # of earlier sessions
        self._started_s = self._written_s = time.monotonic()

    def __enter__(self) -> Self:
        """Locks an existing ledger.

        Raises:
            AlreadyRunningError: if another process plays this evaluation.
            LedgerError: if the path cannot exist.
        """
        try:
            exists = self.folder.is_dir()
        except OSError as error:  # too long a name
            raise LedgerError(describe_os_error(error)) from error
        if exists:
            self._hold()
            if self._fresh:
                for name in (_GAMES, _UNFINISHED):
                    (self.folder / name).unlink(missing_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Writes a last time, if the ledger exists and was not the error: short evaluations do without."""
        with self._held:
            is_failure = kind is not None and issubclass(kind, OSError | LedgerError)
            if self._is_held and self._queue is not None and not is_failure:
                self.write(self._queue)

    @property
    def seconds(self) -> float:
        """Seconds that the evaluation has taken in this session and earlier ones."""
        return self._seconds + time.monotonic() - self._started_s

    def restore(self, states: GameStates) -> None:
        """Sets the states of games that have ended or begun.

        Raises:
            LedgerError: if the ledger is damaged or belongs to another evaluation.
        """
        self._is_recorded = np.zeros(len(states), dtype=np.bool_)
        if self._is_held and (self.folder / _GAMES).exists():
            self._restore_unfinished(states)
            ended = self._read_games()
            ended = ended[ended[:, 0] < len(states)]
            states[ended[:, :1], _FIELDS] = ended[:, 1:]
            self._is_recorded[ended[:, 0]] = True

    def begin(self, queue: WorkQueue) -> None:
        """Starts the clock; the games of this queue are written from now on."""
        self._queue = queue
        self._started_s = self._written_s = time.monotonic()

    def write_when_due(self) -> None:
        """Writes at intervals of some seconds."""
        if self._queue is not None and time.monotonic() - self._written_s >= _WRITE_EVERY_S:
            self.write(self._queue)

    def write(self, queue: WorkQueue) -> None:
        """Appends the games that have ended, and replaces the states of those in progress; both are then on disk.

        Raises:
            AlreadyRunningError: if another process plays this evaluation.
            OSError: if something cannot be written, such as on a full disk; what was written before stays valid.
        """
        if not self._is_held:
            with contextlib.suppress(FileExistsError):
                create_directory(self.folder, lambda _: None)
            self._hold()
        path = self.folder / _GAMES
        if not path.exists():
            write_file(path, _line(json.dumps(self._header, sort_keys=True)))
        ended, in_progress = queue.snapshot(self._is_recorded)
        if len(ended):
            rows = queue.states_of(ended)[:, _FIELDS]
            numbers = np.column_stack((ended, rows)).tolist()
            with naming_file(path), path.open("ab") as file:
                file.write(b"".join(_line(",".join(map(str, values))) for values in numbers))
                file.flush()
                os.fsync(file.fileno())
            self._is_recorded[ended] = True
        states = np.column_stack((in_progress, queue.states_of(in_progress)))
        described = json.dumps({"seconds": self.seconds, "shape": states.shape}).encode() + b"\n"
        content = described + states.tobytes()
        write_file(self.folder / _UNFINISHED, hashlib.sha256(content).digest() + content)
        self._written_s = time.monotonic()

    def _hold(self) -> None:
        try:
            self._held.enter_context(run_lock(self.folder))
        except AlreadyRunningError as error:
            raise AlreadyRunningError(
                f"One process at a time plays an evaluation; another one is playing that in {str(self.folder)!r}. "
                "Wait until it has ended, or stop it and run the command again, which continues."
            ) from error
        self._is_held = True

    def _read_games(self) -> npt.NDArray[np.int64]:
        """Returns ``(n, 4) int64`` numbers, lines, pieces and ends of games; removes a torn last line from the file."""
        path = self.folder / _GAMES
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        contents = [_content(line) for line in lines]
        while len(contents) > 1 and contents[-1] is None:
            contents.pop()
        if not contents or None in contents:
            raise _damaged(path, f"line {contents.index(None) + 1 if contents else 1} is altered")
        if json.loads(contents[0] or b"") != self._header:
            raise LedgerError(
                f"A ledger continues the evaluation that it was made for; {str(path)!r} belongs to another one. "
                "Move it away, or pass --fresh."
            )
        if len(contents) < len(lines):
            os.truncate(path, sum(map(len, lines[: len(contents)])))
        rows = [tuple(map(int, (content or b"").split(b","))) for content in contents[1:]]
        games = np.array(sorted(set(rows)), dtype=np.int64).reshape(-1, 1 + len(_FIELDS))
        if len(np.unique(games[:, 0])) < len(games):
            raise _damaged(path, "it has two results of a game")
        return games

    def _restore_unfinished(self, states: GameStates) -> None:
        path = self.folder / _UNFINISHED
        if not path.exists():
            return
        data = path.read_bytes()
        checksum, content = data[:_N_CHECKSUM], data[_N_CHECKSUM:]
        if hashlib.sha256(content).digest() != checksum:
            raise _damaged(path, "its checksum differs")
        described, _, rows = content.partition(b"\n")
        values = json.loads(described)
        self._seconds = values["seconds"]
        unfinished = np.frombuffer(rows, dtype=np.int64).reshape(values["shape"])
        unfinished = unfinished[unfinished[:, 0] < len(states)]
        states[unfinished[:, 0]] = unfinished[:, 1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldLedger:
    """Ledger of an evaluation that was not continued for some days."""

    key: str  # name of its folder
    n_bytes: int


def find_old_ledgers(parent: Path, days: float) -> list[OldLedger]:
    """Returns the ledgers that were not written for so many days, and that no process writes.

    Raises:
        ConfigError: if ``days`` is negative.
    """
    if not days >= 0:
        raise ConfigError(f"Days are 0 or more; got {days}. Pass the age of the results to delete.", field="days")
    found = []
    for path in sorted(parent.glob(f"*/{_GAMES}")):
        with contextlib.suppress(FileNotFoundError):  # it is being deleted
            files = [file.stat() for file in path.parent.iterdir()]
            is_old = time.time() - max(file.st_mtime for file in files) >= days * _DAY_S
            if is_old and not is_locked(path.parent):
                found.append(OldLedger(key=path.parent.name, n_bytes=sum(file.st_size for file in files)))
    return found


def delete_ledgers(parent: Path, ledgers: Iterable[OldLedger]) -> None:
    """Deletes ledgers; those that a process has begun to write meanwhile stay."""
    for old in ledgers:
        with contextlib.suppress(AlreadyRunningError), run_lock(parent / old.key):
            remove_directory(parent / old.key)


def _header(task: Task, seed: int) -> Mapping[str, Any]:
    policy = task.policy
    digest = getattr(policy, "digest", None)
    if digest is None:
        raise PolicyError(
            f"A ledger needs a policy with a 'digest' of its weights; {policy.name!r} has none. "
            "Set one, or evaluate without a ledger."
        )
    return {
        "format_version": _FORMAT_VERSION,
        "policy": digest,
        "game": asdict(task.config.rules()),
        "illegal_action": task.config.illegal_action,
        "seed": seed,
        "max_pieces": task.max_pieces,
        "kernels": SOURCES,
    }


def _line(content: str) -> bytes:
    data = content.encode()
    return b"%s %08x\n" % (data, zlib.crc32(data))


def _content(line: bytes) -> bytes | None:
    """Returns the content of a line; None if its checksum differs."""
    content, _, checksum = line.rpartition(b" ")
    return content if checksum == b"%08x\n" % zlib.crc32(content) else None


def _damaged(path: Path, reason: str) -> LedgerError:
    return LedgerError(
        f"A ledger must be as it was written; {str(path)!r} is damaged: {reason}. Restore it from a copy, or pass "
        "--fresh to play all games again."
    )
