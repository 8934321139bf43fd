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

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.types import Boolean

from tetrarium.errors import HomeError, NewerRegistryError, RegistryBusyError
from tetrarium.registry import sqlite_files
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import EPISODES, RunTable

APPLICATION_ID: Final = 0x54455452  # "TETR", by which SQLite files of this program are recognized
VERSION: Final = 5  # ``PRAGMA user_version``; databases of version 1 have only the tables of models
METADATA: Final = sa.MetaData()


class _Json(sa.JSON):
    """JSON in a column of type TEXT."""


class _Flag(Boolean):
    """False or true as 0 or 1."""


@compiles(_Json)
def _compile_json(*_: Any, **__: Any) -> str:
    return "TEXT"


@compiles(_Flag)
def _compile_flag(*_: Any, **__: Any) -> str:
    return "INTEGER"


def _column(name: str, kind: Any, *, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=key, nullable=False)


def _model_id() -> sa.Column[Any]:
    return sa.Column("model_id", sa.INTEGER, sa.ForeignKey("models.id"), nullable=False)


def _run_id() -> sa.Column[Any]:
    return sa.Column(
        "run_id", sa.INTEGER, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, nullable=False
    )


models: Final = sa.Table(
    "models",
    METADATA,
    sa.Column("id", sa.INTEGER, primary_key=True),
    sa.Column("name", sa.TEXT, nullable=False, unique=True),
    sa.Column("promoted", sa.INTEGER),
    _column("last_number", sa.INTEGER),  # numbers are not reused, even after their version was deleted for good
)
versions: Final = sa.Table(
    "versions",
    METADATA,
    sa.Column("id", sa.INTEGER, primary_key=True),
    _model_id(),
    _column("number", sa.INTEGER),
    _column("saved_s", sa.REAL),
    _column("algorithm", sa.TEXT),
    _column("step", sa.INTEGER),
    sa.Column("seed", sa.INTEGER),
    _column("training_config", _Json),
    _column("env_config", _Json),
    _column("about", _Json),
    _column("note", sa.TEXT),
    _column("n_bytes", sa.INTEGER),
    _column("sha256", sa.TEXT),  # of the weights
    sa.Column("trashed_s", sa.REAL),
    sa.UniqueConstraint("model_id", "number"),
)
tags: Final = sa.Table(
    "tags",
    METADATA,
    sa.Column(
        "version_id", sa.INTEGER, sa.ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    _column("tag", sa.TEXT, key=True),
    sqlite_with_rowid=False,
)
scores: Final = sa.Table(
    "scores",
    METADATA,
    sa.Column("id", sa.INTEGER, primary_key=True),
    sa.Column("player", sa.TEXT, key="agent", nullable=False),  # this and the time are named as in earlier versions
    _column("sha256", sa.TEXT),  # of the weights, or of a controller
    _column("protocol", sa.TEXT),
    _column("protocol_sha256", sa.TEXT),
    sa.Column("measured_s", sa.REAL, key="evaluated_at_s", nullable=False),
    _column("report", _Json),
    sa.UniqueConstraint("sha256", "protocol_sha256"),
)
runs: Final = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.INTEGER, primary_key=True),
    sa.Column("name", sa.TEXT, nullable=False, unique=True),
    _column("mark", sa.TEXT),  # fingerprint of the files that the other columns were read from; empty before that
    sa.Column("state", sa.TEXT),
    sa.Column("step", sa.INTEGER),
    sa.Column("total_steps", sa.INTEGER),
    sa.Column("error", sa.TEXT),
    sa.Column("message", sa.TEXT),
    sa.Column("algorithm", sa.TEXT),
    sa.Column("preset", sa.TEXT),
    sa.Column("seed", sa.INTEGER),
    sa.Column("started", sa.TEXT),
    sa.Column("seconds", sa.REAL),
    sa.Column("evaluated_seconds", sa.REAL),
    sa.Column("training_mean", sa.REAL),
    sa.Column("training_n_ended", sa.INTEGER),
    sa.Column("training_n_running", sa.INTEGER),
    sa.Column("best_lines_game", sa.INTEGER),
    sa.Column("games_ended", sa.INTEGER),
    sa.Column("games_lost", sa.INTEGER),
    sa.Column("last_loss_step", sa.INTEGER),
    sa.Column("losses_per_10000_pieces", sa.REAL),
    sa.Column("evaluation", _Json),
    sa.Column("steps_per_second", sa.REAL),
    sa.Column("command", sa.TEXT),
    sa.Column("group", sa.TEXT),
    sa.Column("tags", _Json),
    sa.Column("note", sa.TEXT),
    sa.Column("changed_settings", _Json),
    sa.Column("times", _Json),
    sa.Column("checkpoints", _Json),
    sa.Column("has_best", _Flag),
    sa.Column("is_alive", _Flag),
    sa.Column("config", _Json),  # config.json: settings, versions, revision; last, so that lists need not read it
)
records: Final = sa.Table(
    "records",
    METADATA,
    _run_id(),
    _column("record", sa.TEXT, key=True),  # "episodes"
    _column("seen", sa.TEXT),  # fingerprint of the file when it was ingested
    sqlite_with_rowid=False,
)
record_parts: Final = sa.Table(
    "record_parts",
    METADATA,
    _run_id(),
    _column("record", sa.TEXT, key=True),
    _column("number", sa.INTEGER, key=True),
    _column("n_lines", sa.INTEGER),
    _column("n_rows", sa.INTEGER),  # from the beginning of the file
    _column("n_bytes", sa.INTEGER),  # from the beginning of the file
    _column("sha256", sa.TEXT),  # of the part alone
    sqlite_with_rowid=False,
)


def _table_of(table: RunTable) -> sa.Table:
    columns = (_column(column.name, sa.REAL if column.type is float else sa.INTEGER) for column in table.columns)
    return sa.Table(table.name, METADATA, _run_id(), _column("number", sa.INTEGER, key=True), *columns,
                 sqlite_with_rowid=False)  # fmt: skip


episodes: Final = _table_of(EPISODES)
episode_buckets: Final = sa.Table(
    "episode_buckets",
    METADATA,
    _run_id(),
    _column("size", sa.INTEGER, key=True),  # episodes in a full bucket
    _column("number", sa.INTEGER, key=True),
    _column("n_games", sa.INTEGER),
    _column("first_step", sa.INTEGER),
    _column("sum_lines", sa.INTEGER),
    _column("min_lines", sa.INTEGER),
    _column("max_lines", sa.INTEGER),
    _column("sum_reward", sa.REAL),
    _column("min_reward", sa.REAL),
    _column("max_reward", sa.REAL),
    _column("sum_pieces", sa.INTEGER),
    _column("min_pieces", sa.INTEGER),
    _column("max_pieces", sa.INTEGER),
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

    ``wait_s``: how long a transaction waits for others; by default a minute.
    """

    def __init__(self, home: Home, *, wait_s: float | None = None) -> None:
        self.path = home.root / "registry.db"
        self._wait_s = _WAIT_S if wait_s is None else wait_s
        self._engine = sa.create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        self._is_ready = False

    @property
    def exists(self) -> bool:
        """True once anything was written."""
        return self.path.exists()

    @property
    def is_writable(self) -> bool:
        """False in a read-only home."""
        return sqlite_files.is_writable(self.path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Opens a transaction on a consistent snapshot of the database.

        Raises:
            HomeError: if the database cannot be read.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[sa.Connection]:
        """Opens an exclusive writing transaction, which is committed at the end of the block unless it raises.

        ``is_durable``: whether the commit survives a power failure. Without it, for data that can be read again from
        elsewhere, nothing waits for the disk, and a power failure loses the latest commits.

        Raises:
            RegistryBusyError: if other processes write for too long.
            HomeError: if the database cannot be written.
        """
        with self._transaction("BEGIN EXCLUSIVE", _PRAGMAS if is_durable else _QUICK_PRAGMAS) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str, pragmas: Sequence[str] = _PRAGMAS) -> Iterator[sa.Connection]:
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
            return sqlite_files.connect_read_only(self.path)
        return sqlite3.connect(self.path, timeout=min(_STEP_S, self._wait_s), isolation_level=None)

    @contextlib.contextmanager
    def _begin(self, begin: str, pragmas: Sequence[str] = _PRAGMAS) -> Iterator[sa.Connection]:
        """Begins a transaction; waits for other processes up to the time limit."""
        deadline_s = time.monotonic() + self._wait_s
        while True:
            connection: sa.Connection | None = None
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
                if (
                    sqlite_files.primary_code(error) not in sqlite_files.BUSY
                    or time.monotonic() > deadline_s
                    or not sqlite_files.has_locks(self.path)
                ):
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
            self._create_or_upgrade(_WAL if sqlite_files.may_have_wal(self.path, self._wait_s) else ())
        except (DBAPIError, sqlite3.Error) as error:
            if not sqlite_files.lacks_shared_memory(error):
                raise
            sqlite_files.leave_wal(self.path, self._wait_s)
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

    def _checked_version(self, connection: sa.Connection) -> int:
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
            kind = RegistryBusyError if sqlite_files.primary_code(error) in sqlite_files.BUSY else HomeError
            trouble = sqlite_files.describe(error, self.path, recovery=_RECOVERY, waited_s=self._wait_s)
            raise kind(f"The registry {str(self.path)!r} {trouble}") from error
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                raise
            raise HomeError(
                f"The registry {str(self.path)!r} cannot be created: {os.strerror(error.errno)}. "
                "Choose another home with --home or TETRARIUM_HOME."
            ) from error
