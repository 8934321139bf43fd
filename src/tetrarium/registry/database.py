"""``registry.db``: one SQLite file for what is known about runs and models, which any number of processes share.

It is kept in WAL mode, so that readers never wait for a writer nor a writer for readers. Writers wait for each other:
a transaction that writes takes the lock when it begins, so that it is never refused in its middle, and whoever waits
too long is told so in words. A commit is on the disk when it returns. Connections last for one transaction, so that a
process may fork at any time. A file that is missing is made, and an older one is brought up to date, by the first who
opens it.
"""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tetrarium.errors import HomeError, RegistryBusyError
from tetrarium.registry.home import Home
from tetrarium.registry.migrations import APPLICATION_ID, MIGRATIONS

__all__ = ["Database"]

_WAIT_S: Final = 60.0
_STEP_S: Final = 2.0  # SQLite's own waiting, which looks again ever more seldom; then a new attempt begins
_PAUSE_S: Final = 0.01
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_DATABASE: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_WAL: Final = "journal_mode = WAL"  # is a property of the file, and so is set only where it is known to be ours
_PRAGMAS: Final = ("synchronous = FULL", "foreign_keys = ON")
_QUICK_PRAGMAS: Final = ("synchronous = NORMAL", "foreign_keys = ON")
_PRIMARY: Final = 0xFF  # the part of a SQLite code that names the kind of error


class Database:
    """The database of a home; nothing is created before something is written.

    Args:
        home: Where it lies.
        wait_s: How long a transaction waits for others; a minute if left out.
    """

    def __init__(self, home: Home, *, wait_s: float | None = None) -> None:
        self.path = home.root / "registry.db"
        self._wait_s = _WAIT_S if wait_s is None else wait_s
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        self._is_ready = False

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Opens a transaction that sees the database as it is now, whatever is written meanwhile.

        Raises:
            HomeError: if the database cannot be read.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[Connection]:
        """Opens a transaction that alone writes; it is committed at the end of the block, or not at all.

        Args:
            is_durable: Whether the commit is to survive a power failure. Of what can be read again from elsewhere it
                need not: then nothing waits for the disk, and a failure loses the latest commits as wholes.

        Raises:
            RegistryBusyError: if others write for too long.
            HomeError: if the database cannot be written.
        """
        with self._transaction("BEGIN IMMEDIATE", _PRAGMAS if is_durable else _QUICK_PRAGMAS) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str, pragmas: Sequence[str] = _PRAGMAS) -> Iterator[Connection]:
        with self._told(), contextlib.ExitStack() as opened:
            self._prepare()
            connection = opened.enter_context(self._begun(begin, pragmas))
            yield connection
            connection.commit()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=min(_STEP_S, self._wait_s), isolation_level=None)

    @contextlib.contextmanager
    def _begun(self, begin: str, pragmas: Sequence[str] = _PRAGMAS) -> Iterator[Connection]:
        """Begins a transaction, and waits for others as long as it takes."""
        deadline_s = time.monotonic() + self._wait_s
        while True:
            connection: Connection | None = None
            try:
                connection = self._engine.connect()
                for pragma in pragmas:
                    connection.exec_driver_sql(f"PRAGMA {pragma}")
                connection.exec_driver_sql(begin)
                connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1")  # takes the locks of a reader
                break
            except (DBAPIError, sqlite3.Error) as error:
                if connection is not None:
                    connection.close()
                if _code(error) not in _BUSY or time.monotonic() > deadline_s:
                    raise
                time.sleep(_PAUSE_S)
        with contextlib.closing(connection):
            yield connection

    def _prepare(self) -> None:
        """Makes the tables that are missing."""
        if self._is_ready and self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._begun("BEGIN") as connection:
            is_current = self._version(connection) == len(MIGRATIONS)
            is_current &= connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        if not is_current:
            with self._begun("BEGIN IMMEDIATE", (_WAL, *_PRAGMAS)) as connection:
                for number in range(self._version(connection), len(MIGRATIONS)):
                    for statement in MIGRATIONS[number]:
                        connection.exec_driver_sql(statement)
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
                connection.commit()
        self._is_ready = True

    def _version(self, connection: Connection) -> int:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        has_tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1").first() is not None
        if has_tables and application != APPLICATION_ID:
            raise HomeError(f"The registry {str(self.path)!r} is another program's database. Move it away.")
        if version > len(MIGRATIONS):
            raise HomeError(
                f"The registry {str(self.path)!r} was written by a newer tetrarium (format {version}, this one knows "
                f"{len(MIGRATIONS)}). Update tetrarium, or choose another home with --home or TETRARIUM_HOME."
            )
        return version

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what SQLite says into one line."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            kind = RegistryBusyError if _code(error) in _BUSY else HomeError
            raise kind(f"The registry {str(self.path)!r} {self._said(error)}") from error
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                raise
            raise HomeError(
                f"The registry {str(self.path)!r} cannot be made: {os.strerror(error.errno)}. "
                "Choose another home with --home or TETRARIUM_HOME."
            ) from error

    def _said(self, error: Exception) -> str:
        code = _code(error)
        if code in _BUSY:
            return f"has been in use by another program for {self._wait_s:.0f} s. Stop that one, or try again later."
        if code in _NO_DATABASE:
            return "is damaged, or no database. Move it away: models are found again, with their first notes and tags."
        if code == sqlite3.SQLITE_FULL:
            return "cannot grow: the disk is full. Free some space."
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return "cannot be opened for writing. Make it and its folder writable for you."
        reason = str(getattr(error, "orig", error))
        return f"refused: {reason}. Move it away: models are found again, with their first notes and tags."


def _code(error: Exception) -> int:
    """SQLite's code for the kind of an error; 0 for an error of another kind."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return int(getattr(cause, "sqlite_errorcode", 0)) & _PRIMARY
