"""How far a run's files were taken into ``registry.db``, and what was: rows and parts, inside a transaction."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, select

from tetrarium.registry.episode_rows import refresh_buckets
from tetrarium.registry.record_files import EPISODES, Batch, Part, Record
from tetrarium.registry.schema import episodes, evaluations, record_parts, records, runs

__all__ = ["Known", "apply_batch", "count_rows", "select_known", "select_parts"]

_TABLES: Final = {"episodes": episodes, "evaluations": evaluations}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one file."""

    run_id: int | None  # None where not even the run is known
    seen: str = ""  # how the file looked then
    latest: tuple[Part, ...] = ()  # its last part, after the one before it


def select_known(connection: Connection, run: str, record: Record) -> Known:
    """Reads how far a run's file was taken in."""
    run_id = connection.execute(select(runs.c.id).where(runs.c.name == run)).scalar()
    if run_id is None:
        return Known(None)
    is_of_file = (records.c.run_id == run_id) & (records.c.record == record.name)
    seen = connection.execute(select(records.c.seen).where(is_of_file)).scalar() or ""
    return Known(run_id, seen, tuple(select_parts(connection, run_id, record, n_latest=2)))


def select_parts(connection: Connection, run_id: int, record: Record, n_latest: int | None = None) -> list[Part]:
    """Reads the parts that are known of a file, in order."""
    parts = record_parts.c
    query = select(parts.number, parts.n_lines, parts.n_rows, parts.n_bytes, parts.sha256)
    query = query.where(parts.run_id == run_id, parts.record == record.name).order_by(parts.number.desc())
    found = connection.execute(query.limit(n_latest))
    return [Part(**row._mapping) for row in found][::-1]


def count_rows(connection: Connection, run: str, record: Record) -> tuple[int | None, int]:
    """A run's number in the database, and how many rows of a file are known."""
    known = select_known(connection, run, record)
    return known.run_id, known.latest[-1].n_rows if known.latest else 0


def apply_batch(connection: Connection, run_id: int, record: Record, batch: Batch) -> None:
    """Makes rows and parts of a file what a batch says."""
    table, kept = _TABLES[record.name], batch.kept
    first, n_parts = (0, 0) if kept is None else (kept.n_rows, kept.number + 1)
    gone = connection.execute(delete(table).where(table.c.run_id == run_id, table.c.number >= first)).rowcount
    parts = record_parts.c
    is_stale = (parts.run_id == run_id) & (parts.record == record.name) & (parts.number >= n_parts)
    connection.execute(delete(record_parts).where(is_stale))
    _insert(connection, table, [(run_id, first + number, *row) for number, row in enumerate(batch.rows)])
    told = [(run_id, record.name, p.number, p.n_lines, p.n_rows, p.n_bytes, p.sha256) for p in batch.parts]
    _insert(connection, record_parts, told)
    _insert(connection, records, [(run_id, record.name, batch.seen)])
    if record is EPISODES and (gone or batch.rows):
        refresh_buckets(connection, run_id, first)


def _insert(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Inserts rows of all columns, in place of those with the same keys; as the driver does it, which is quick."""
    if rows:
        statement = str(insert(table).prefix_with("OR REPLACE").compile(connection))
        connection.exec_driver_sql(statement, rows)
