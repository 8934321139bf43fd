"""``registry.db``, the SQLite file about runs and models that any number of processes share: tables and connections.

A database is created from the tables, and one of an earlier version gets those it lacks. Times are seconds since 1970.

It is in WAL mode, where the file system allows that: readers and writers never wait for each other. Writers wait for
other writers. A writing transaction takes the lock when it begins, so it cannot be refused later, and raises
``RegistryBusyError`` after a time limit. A commit is on the disk when it returns. A connection lasts for one
transaction, so a process may fork at any time. The first process that opens a missing or older database creates or
upgrades it.
"""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    INTEGER,
    JSON,
    REAL,
    TEXT,
    Column,
    Connection,
    ForeignKey,
    MetaData,
    Table,
    UniqueConstraint,
    create_engine,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.types import Boolean

from tetrarium.errors import HomeError, NewerRegistryError, RegistryBusyError
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import EPISODES, RunTable
from tetrarium.registry.sqlite_files import (
    BUSY,
    connect_read_only,
    describe,
    has_locks,
    is_writable,
    lacks_shared_memory,
    leave_wal,
    may_have_wal,
    primary_code,
)

APPLICATION_ID: Final = 0x54455452  # "TETR", by which SQLite files of this program are recognized
VERSION: Final = 3  # ``PRAGMA user_version``; databases of version 1 have only the tables of models
METADATA: Final = MetaData()


class _Json(JSON):
    """JSON in a column of type TEXT."""


class _Flag(Boolean):
    """False or true as 0 or 1."""


@compiles(_Json)
def _compile_json(*_: Any, **__: Any) -> str:
    return "TEXT"


@compiles(_Flag)
def _compile_flag(*_: Any, **__: Any) -> str:
    return "INTEGER"


def _column(name: str, kind: Any, *, key: bool = False) -> Column[Any]:
    return Column(name, kind, primary_key=key, nullable=False)


def _model_id() -> Column[Any]:
    return Column("model_id", INTEGER, ForeignKey("models.id"), nullable=False)


def _run_id() -> Column[Any]:
    return Column("run_id", INTEGER, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, nullable=False)


models: Final = Table(
    "models",
    METADATA,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False, unique=True),
    Column("promoted", INTEGER),
    _column("last_number", INTEGER),  # numbers are not reused, even after their version was deleted for good
)
versions: Final = Table(
    "versions",
    METADATA,
    Column("id", INTEGER, primary_key=True),
    _model_id(),
    _column("number", INTEGER),
    _column("saved_s", REAL),
    _column("algorithm", TEXT),
    _column("step", INTEGER),
    Column("seed", INTEGER),
    _column("training_config", _Json),
    _column("env_config", _Json),
    _column("about", _Json),
    _column("note", TEXT),
    _column("n_bytes", INTEGER),
    _column("sha256", TEXT),  # of the weights
    Column("trashed_s", REAL),
    UniqueConstraint("model_id", "number"),
)
tags: Final = Table(
    "tags",
    METADATA,
    Column("version_id", INTEGER, ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    _column("tag", TEXT, key=True),
    sqlite_with_rowid=False,
)
scores: Final = Table(
    "scores",
    METADATA,
    Column("id", INTEGER, primary_key=True),
    _column("player", TEXT),
    _column("sha256", TEXT),  # of the weights, or of a controller
    _column("protocol", TEXT),
    _column("protocol_sha256", TEXT),
    _column("measured_s", REAL),
    _column("report", _Json),
    UniqueConstraint("sha256", "protocol_sha256"),
)
runs: Final = Table(
    "runs",
    METADATA,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False, unique=True),
    _column("mark", TEXT),  # fingerprint of the files that the other columns were read from; empty before that
    Column("state", TEXT),
    Column("step", INTEGER),
    Column("total_steps", INTEGER),
    Column("error", TEXT),
    Column("message", TEXT),
    Column("algorithm", TEXT),
    Column("preset", TEXT),
    Column("seed", INTEGER),
    Column("started", TEXT),
    Column("seconds", REAL),
    Column("evaluated_seconds", REAL),
    Column("training_mean", REAL),
    Column("training_n_ended", INTEGER),
    Column("training_n_running", INTEGER),
    Column("best_lines_game", INTEGER),
    Column("games_ended", INTEGER),
    Column("games_lost", INTEGER),
    Column("last_loss_step", INTEGER),
    Column("losses_per_10000_pieces", REAL),
    Column("evaluation", _Json),
    Column("steps_per_second", REAL),
    Column("command", TEXT),
    Column("checkpoints", _Json),
    Column("has_best", _Flag),
    Column("is_alive", _Flag),
    Column("config", _Json),  # config.json: settings, versions, revision; last, so that lists need not read it
)
records: Final = Table(
    "records",
    METADATA,
    _run_id(),
    _column("record", TEXT, key=True),  # "episodes"
    _column("seen", TEXT),  # fingerprint of the file when it was ingested
    sqlite_with_rowid=False,
)
record_parts: Final = Table(
    "record_parts",
    METADATA,
    _run_id(),
    _column("record", TEXT, key=True),
    _column("number", INTEGER, key=True),
    _column("n_lines", INTEGER),
    _column("n_rows", INTEGER),  # from the beginning of the file
    _column("n_bytes", INTEGER),  # from the beginning of the file
    _column("sha256", TEXT),  # of the part alone
    sqlite_with_rowid=False,
)


def _table_of(table: RunTable) -> Table:
    columns = (_column(column.name, REAL if column.type is float else INTEGER) for column in table.columns)
    return Table(table.name, METADATA, _run_id(), _column("number", INTEGER, key=True), *columns,
                 sqlite_with_rowid=False)  # fmt: skip


episodes: Final = _table_of(EPISODES)
episode_buckets: Final = Table(
    "episode_buckets",
    METADATA,
    _run_id(),
    _column("size", INTEGER, key=True),  # episodes in a full bucket
    _column("number", INTEGER, key=True),
    _column("n_games", INTEGER),
    _column("first_step", INTEGER),
    _column("sum_lines", INTEGER),
    _column("min_lines", INTEGER),
    _column("max_lines", INTEGER),
    _column("sum_reward", REAL),
    _column("min_reward", REAL),
    _column("max_reward", REAL),
    _column("sum_pieces", INTEGER),
    _column("min_pieces", INTEGER),
    _column("max_pieces", INTEGER),
    sqlite_with_rowid=False,
)
# Tables of runs in any version: copies of files, which are dropped and read again when the version changes.
_TABLES_OF_RUNS: Final = ("episode_buckets", "episodes", "evaluations", "record_parts", "records", "runs")

_WAIT_S: Final = 60.0
_RECOVERY: Final = "models are then found again, with the notes and tags that they were saved with; scores are lost."
_STEP_S: Final = 2.0  # limit of SQLite's own waiting, whose intervals grow; after it a new attempt begins
_PAUSE_S: Final = 0.01
_WAL: Final = ("journal_mode = WAL",)  # a property of the file, so it is set only once the file is known to be ours
_PRAGMAS: Final = ("synchronous = FULL", "foreign_keys = ON")
_QUICK_PRAGMAS: Final = ("synchronous = NORMAL", "foreign_keys = ON")


class Database:
    """The database of a home; nothing is created before the first write.

    Args:
        home: The home.
        wait_s: How long a transaction waits for others; by default a minute.
    """

    def __init__(self, home: Home, *, wait_s: float | None = None) -> None:
        self.path = home.root / "registry.db"
        self._wait_s = _WAIT_S if wait_s is None else wait_s
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        self._is_ready = False

    @property
    def exists(self) -> bool:
        """True once anything was written."""
        return self.path.exists()

    @property
    def is_writable(self) -> bool:
        """False in a read-only home."""
        return is_writable(self.path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Opens a transaction on a consistent snapshot of the database.

        Raises:
            HomeError: if the database cannot be read.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[Connection]:
        """Opens an exclusive writing transaction, which is committed at the end of the block unless it raises.

        Args:
            is_durable: Whether the commit survives a power failure. Without it, for data that can be read again from
                elsewhere, nothing waits for the disk, and a power failure loses the latest commits.

        Raises:
            RegistryBusyError: if other processes write for too long.
            HomeError: if the database cannot be written.
        """
        with self._transaction("BEGIN EXCLUSIVE", _PRAGMAS if is_durable else _QUICK_PRAGMAS) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str, pragmas: Sequence[str] = _PRAGMAS) -> Iterator[Connection]:
        with self._translate_errors(), contextlib.ExitStack() as opened:
            self._prepare()
            connection = opened.enter_context(self._begin(begin, pragmas))
            yield connection
            connection.commit()

    def check(self) -> None:
        """Writes and commits, as the first use does.

        Raises:
            HomeError: if the database cannot be written.
        """
        with self.writing() as connection:
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")

    def _connect(self) -> sqlite3.Connection:
        if self.exists and not self.is_writable:
            return connect_read_only(self.path)
        return sqlite3.connect(self.path, timeout=min(_STEP_S, self._wait_s), isolation_level=None)

    @contextlib.contextmanager
    def _begin(self, begin: str, pragmas: Sequence[str] = _PRAGMAS) -> Iterator[Connection]:
        """Begins a transaction; waits for other processes up to the time limit."""
        deadline_s = time.monotonic() + self._wait_s
        while True:
            connection: Connection | None = None
            try:
                connection = self._engine.connect()
                for pragma in pragmas:
                    connection.exec_driver_sql(f"PRAGMA {pragma}")
                connection.exec_driver_sql(begin)
                connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1")  # acquires the read locks
                break
            except (DBAPIError, sqlite3.Error) as error:
                if connection is not None:
                    connection.close()
                if primary_code(error) not in BUSY or time.monotonic() > deadline_s or not has_locks(self.path):
                    raise
                time.sleep(_PAUSE_S)
        with contextlib.closing(connection):
            yield connection

    def _prepare(self) -> None:
        """Creates missing tables."""
        if self._is_ready and self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._create_or_upgrade(_WAL if may_have_wal(self.path, self._wait_s) else ())
        except (DBAPIError, sqlite3.Error) as error:
            if not lacks_shared_memory(error):
                raise
            leave_wal(self.path, self._wait_s)
            self._create_or_upgrade(())
        self._is_ready = True

    def _create_or_upgrade(self, journal: Sequence[str]) -> None:
        with self._begin("BEGIN") as connection:
            if self._checked_version(connection) == VERSION:
                return
        with self._begin("BEGIN EXCLUSIVE", (*journal, *_PRAGMAS)) as connection:
            if self._checked_version(connection) < VERSION:  # again, under the lock
                for table in _TABLES_OF_RUNS:
                    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
            METADATA.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
            connection.commit()

    def _checked_version(self, connection: Connection) -> int:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        has_tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1").first() is not None
        if has_tables and application != APPLICATION_ID:
            raise HomeError(f"The registry {str(self.path)!r} belongs to another program. Move it away.")
        if version > VERSION:
            raise NewerRegistryError(
                f"The registry {str(self.path)!r} was written by a newer tetrarium (format {version}, this one reads "
                f"up to {VERSION}). Update tetrarium, or choose another home with --home or TETRARIUM_HOME."
            )
        return version

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raises ``HomeError`` in place of errors of SQLite and the file system."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            kind = RegistryBusyError if primary_code(error) in BUSY else HomeError
            trouble = describe(error, self.path, recovery=_RECOVERY, waited_s=self._wait_s)
            raise kind(f"The registry {str(self.path)!r} {trouble}") from error
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                raise
            raise HomeError(
                f"The registry {str(self.path)!r} cannot be created: {os.strerror(error.errno)}. "
                "Choose another home with --home or TETRARIUM_HOME."
            ) from error
