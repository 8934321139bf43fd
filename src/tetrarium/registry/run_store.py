"""Training runs in ``registry.db``: their state and every episode.

The files in a run's folder remain authoritative; all that is here can be read from them again. Commits therefore need
not wait for the disk, and a process that cannot write to the database continues without it. New rows of a file and the
position up to which it was read are committed together. Rows that were truncated because a run was resumed from an
earlier checkpoint are deleted at the next ingestion of the file: it is split into parts of ``PART_LINES`` lines with a
hash each, and rows are valid up to the first part whose hash differs. Malformed lines count for the hash only.

Episodes are also summed over buckets of 32 and 1,024 of them, so that curves read few rows: a curve is computed from
the largest buckets that are no larger than its groups. Some ten thousand rows are read, however many episodes there
are.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, Subquery, Table, delete, func, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tetrarium.registry.database import METADATA, Database, episode_buckets, episodes, record_parts, records, runs
from tetrarium.registry.files.safe_files import open_plain, read_object
from tetrarium.registry.home import Home
from tetrarium.registry.run_tables import EPISODES, Row, RunTable, parse_rows

PART_LINES: Final = 1_024
_BATCH_BYTES: Final = 1 << 20  # some 25,000 episodes, written by one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Consecutive lines of a file; all parts but the last have ``PART_LINES``, the first one including the header."""

    number: int
    n_lines: int
    n_rows: int  # from the beginning of the file to the end of this part
    n_bytes: int  # likewise
    sha256: str  # of this part alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes that bring the rows of a file in the database up to date, or a step towards that."""

    kept: Part | None  # the last part that is unchanged; rows after it are to be deleted
    rows: list[Row]  # to be inserted; the first is row ``kept.n_rows`` of the file
    parts: list[Part]  # that contain them; the first replaces ``kept`` if that was incomplete
    fingerprint: str  # ``file_fingerprint`` of the file, or only its beginning if there is more to read
    is_last: bool  # whether the file ends here


def file_fingerprint(path: Path) -> str | None:
    """Returns a text that differs for another file or another state of it; None where there is no file."""
    try:
        return _fingerprint(path.stat())
    except OSError:
        return None


def _fingerprint(status: os.stat_result) -> str:
    return f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"


def read_batch(
    path: Path,
    table: RunTable,
    known_fingerprint: str,
    latest: Sequence[Part],
    read_parts: Callable[[], Sequence[Part]],
) -> Batch:
    """Reads what a file has beyond its known parts.

    Args:
        path: The file.
        table: Kind of its content.
        known_fingerprint: ``fingerprint`` of the previous batch; empty before the first.
        latest: The last two known parts.
        read_parts: Returns all known parts; called if the last one has changed.

    Raises:
        OSError: if the file cannot be read.
    """
    with open_plain(path) as file:
        fingerprint = _fingerprint(os.fstat(file.fileno()))
        is_same_file = known_fingerprint.split()[:1] == fingerprint.split()[:1]
        is_unchanged = is_same_file and _is_last_unchanged(file, latest)
        parts = list(latest) if is_unchanged else list(_unchanged_parts(file, read_parts()))
        kept = parts[-1] if parts else None
        is_open = kept is not None and kept.n_lines < PART_LINES
        base = parts[-2] if is_open and len(parts) > 1 else None if is_open else kept
        start = 0 if base is None else base.n_bytes
        known = 0 if kept is None else kept.n_bytes - start
        file.seek(start)
        data = file.read(known + _BATCH_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    is_last = len(data) < known + _BATCH_BYTES or len(whole) == known
    if not is_last:
        fingerprint = fingerprint.split()[0]
    if base is None and not whole.startswith(table.header):
        return Batch(kept=None, rows=[], parts=[], fingerprint=fingerprint, is_last=True)
    rows, new = _split_into_parts(whole.splitlines(keepends=True), table, base)
    n_known = 0 if kept is None else kept.n_rows - (0 if base is None else base.n_rows)
    return Batch(kept=kept, rows=rows[n_known:], parts=new, fingerprint=fingerprint, is_last=is_last)


def _is_last_unchanged(file: BinaryIO, latest: Sequence[Part]) -> bool:
    if latest:
        file.seek(latest[-2].n_bytes if len(latest) > 1 else 0)
    return not latest or _is_unchanged(file, latest[-1])


def _unchanged_parts(file: BinaryIO, parts: Sequence[Part]) -> Iterator[Part]:
    """Yields the parts before the first that has changed."""
    file.seek(0)
    for part in parts:
        if not _is_unchanged(file, part):
            return
        yield part


def _is_unchanged(file: BinaryIO, part: Part) -> bool:
    return hashlib.sha256(file.read(part.n_bytes - file.tell())).hexdigest() == part.sha256


def _split_into_parts(lines: Sequence[bytes], table: RunTable, base: Part | None) -> tuple[list[Row], list[Part]]:
    number, n_rows, n_bytes = (0, 0, 0) if base is None else (base.number + 1, base.n_rows, base.n_bytes)
    all_rows: list[Row] = []
    parts = []
    for begin in range(0, len(lines), PART_LINES):
        inside = lines[begin : begin + PART_LINES]
        rows = parse_rows(inside[1:] if number == 0 else inside, table.columns)
        content = b"".join(inside)
        all_rows += rows
        n_rows += len(rows)
        n_bytes += len(content)
        sha256 = hashlib.sha256(content).hexdigest()
        parts.append(Part(number=number, n_lines=len(inside), n_rows=n_rows, n_bytes=n_bytes, sha256=sha256))
        number += 1
    return all_rows, parts


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """State of one file in the database."""

    run_id: int | None  # None where the run is unknown
    fingerprint: str = ""  # of the file when it was read
    latest: tuple[Part, ...] = ()  # its last two parts


def select_file(connection: Connection, run: str, table: RunTable) -> IngestedFile:
    """Returns the state of a file of a run in the database."""
    run_id = connection.execute(select(runs.c.id).where(runs.c.name == run)).scalar()
    if run_id is None:
        return IngestedFile(None)
    is_of_file = (records.c.run_id == run_id) & (records.c.record == table.name)
    fingerprint = connection.execute(select(records.c.seen).where(is_of_file)).scalar() or ""
    return IngestedFile(run_id, fingerprint, tuple(select_parts(connection, run_id, table, n_latest=2)))


def select_parts(connection: Connection, run_id: int, table: RunTable, n_latest: int | None = None) -> list[Part]:
    """Returns the parts of a file in order: all, or the latest ones."""
    parts = record_parts.c
    query = select(parts.number, parts.n_lines, parts.n_rows, parts.n_bytes, parts.sha256)
    query = query.where(parts.run_id == run_id, parts.record == table.name).order_by(parts.number.desc())
    found = connection.execute(query.limit(n_latest))
    return [Part(**row._mapping) for row in found][::-1]


def count_rows(connection: Connection, run: str, table: RunTable) -> tuple[int | None, int]:
    """Returns the id of a run and the number of its rows in a table."""
    known = select_file(connection, run, table)
    return known.run_id, known.latest[-1].n_rows if known.latest else 0


def apply_batch(connection: Connection, run_id: int, table: RunTable, batch: Batch) -> None:
    """Replaces rows and parts of a file as a batch demands."""
    rows, kept = METADATA.tables[table.name], batch.kept
    first, n_parts = (0, 0) if kept is None else (kept.n_rows, kept.number + 1)
    n_deleted = connection.execute(delete(rows).where(rows.c.run_id == run_id, rows.c.number >= first)).rowcount
    parts = record_parts.c
    is_stale = (parts.run_id == run_id) & (parts.record == table.name) & (parts.number >= n_parts)
    connection.execute(delete(record_parts).where(is_stale))
    _replace(connection, rows, [(run_id, first + number, *row) for number, row in enumerate(batch.rows)])
    new_parts = [(run_id, table.name, p.number, p.n_lines, p.n_rows, p.n_bytes, p.sha256) for p in batch.parts]
    _replace(connection, record_parts, new_parts)
    _replace(connection, records, [(run_id, table.name, batch.fingerprint)])
    if table is EPISODES and (n_deleted or batch.rows):
        refresh_buckets(connection, run_id, first)


def _replace(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Inserts rows of all columns, replacing those with the same keys, by the fast path of the driver."""
    if rows:
        statement = str(insert(table).prefix_with("OR REPLACE").compile(connection))
        connection.exec_driver_sql(statement, rows)


_SIZES: Final = (1, 32, 1_024)  # episodes in a bucket; each size divides the next one
_VALUES: Final = ("lines", "reward", "pieces")
_STATISTICS: Final = ("mean", "min", "max")
CURVE_COLUMNS: Final = ("step", "n_games", *(f"{how}_{value}_game" for value in _VALUES for how in _STATISTICS))


def _select_buckets(run_id: int, size: int, first: int = 0) -> Subquery:
    """Returns the buckets of a size from the ``first`` episode on; ``place`` is the number of their first episode."""
    if size == 1:
        single = episodes.c
        values: list[Any] = [single[name].label(f"{how}_{name}") for name in _VALUES for how in ("sum", "min", "max")]
        query = select(
            single.number.label("place"), literal(1).label("n_games"), single.step.label("first_step"), *values
        )
        return query.where(single.run_id == run_id, single.number >= first).subquery()
    buckets = episode_buckets.c
    columns = [column for column in buckets if column.name not in ("run_id", "size", "number")]
    query = select((buckets.number * size).label("place"), *columns)
    return query.where(buckets.run_id == run_id, buckets.size == size, buckets.number >= first // size).subquery()


def _aggregate(finer: Subquery) -> list[Any]:
    by_name: dict[str, Callable[..., Any]] = {"sum": func.sum, "min": func.min, "max": func.max}
    return [
        func.sum(finer.c.n_games),
        func.min(finer.c.first_step),
        *(by_name[how](finer.c[f"{how}_{name}"]) for name in _VALUES for how in by_name),
    ]


def refresh_buckets(connection: Connection, run_id: int, first: int) -> None:
    """Recomputes all buckets from the ``first`` episode on."""
    buckets = episode_buckets.c
    for finer_size, size in itertools.pairwise(_SIZES):
        begin = first // size
        is_stale = (buckets.run_id == run_id) & (buckets.size == size) & (buckets.number >= begin)
        connection.execute(delete(episode_buckets).where(is_stale))
        finer = _select_buckets(run_id, finer_size, begin * size)
        number = finer.c.place // size
        summed = select(literal(run_id), literal(size), number, *_aggregate(finer)).group_by(number)
        connection.execute(insert(episode_buckets).from_select(list(buckets.keys()), summed))


def select_curve(connection: Connection, run_id: int, n_games: int, max_points: int) -> list[tuple[Any, ...]]:
    """Returns mean, minimum and maximum over groups of consecutive episodes, as ``CURVE_COLUMNS``."""
    width = -(-n_games // max_points)
    size = max(size for size in _SIZES if size <= max(width, 1))
    buckets = _select_buckets(run_id, size)
    group = buckets.c.place // (-(-width // size) * size)
    n, first_step, *values = _aggregate(buckets)
    values[::3] = [total / (n * 1.0) for total in values[::3]]
    rows = connection.execute(select(first_step, n, *values).group_by(group).order_by(group))
    return [tuple(row) for row in rows]


_CONFIG: Final = "config.json"
_JSON_COLUMNS: Final = frozenset({"changed_settings", "checkpoints", "config", "evaluation", "tags", "times"})
_INT64_END: Final = 2**63
_SUMMARY_COLUMNS: Final = [column for column in runs.c if column.name not in ("id", "config")]


class RunStore:
    """The runs of a home in its database.

    >>> RunStore(Home.locate("somewhere")).summaries()
    {}

    ``wait_s``: how long a transaction waits for other writers; by default as long as ``Database`` does.
    """

    def __init__(self, home: Home, *, wait_s: float | None = None) -> None:
        self.home = home
        self._database = Database(home, wait_s=wait_s)

    def summaries(self) -> dict[str, dict[str, Any]]:
        """Returns the last known state of every run by name: the columns of ``runs`` except its config.

        Raises:
            HomeError: if the database cannot be read.
        """
        if not self._database.exists:
            return {}
        with self._database.reading() as connection:
            return {row.name: dict(row._mapping) for row in connection.execute(select(*_SUMMARY_COLUMNS))}

    def update(self, changed: Mapping[str, Mapping[str, Any]], deleted: Iterable[str] = ()) -> None:
        """Writes the state of runs; a run with a value that the database cannot hold is skipped.

        Args:
            changed: Columns of ``runs`` by name of the run.
            deleted: Runs to delete from the database, unless their folders exist.

        Raises:
            HomeError: if the database cannot be written.
        """
        with self._database.writing(is_durable=False) as connection:
            for name, values in changed.items():
                if _fits(values):
                    _upsert(connection, name, values)
            for name in deleted:
                if not self.home.run_folder(name).is_dir():
                    connection.execute(delete(runs).where(runs.c.name == name))

    def rename(self, name: str, new_name: str) -> None:
        """Renames a run, whose folder was renamed, with its episodes.

        Raises:
            HomeError: if the database cannot be written.
        """
        if self._database.exists:
            with self._database.writing(is_durable=False) as connection:
                connection.execute(delete(runs).where(runs.c.name == new_name))  # of a folder that is gone
                connection.execute(update(runs).where(runs.c.name == name).values(name=new_name))

    def ingest(self, name: str, *, max_batches: int | None = None) -> bool:
        """Copies new rows of a run's tables into the database, in transactions of some 25,000 rows.

        Args:
            name: The run's.
            max_batches: Limit of the number of transactions.

        Returns:
            Whether all rows are in the database.

        Raises:
            HomeError: if the name is invalid, or the database cannot be written.
            OSError: if a file cannot be read.
        """
        folder = self.home.run_folder(name)
        if not folder.is_dir():
            if name in self.summaries():
                self.update({}, [name])
            return True
        n_batches = 0
        while not self._ingest_batch(folder, EPISODES):
            n_batches += 1
            if n_batches == max_batches:
                return False
        return True

    def _ingest_batch(self, folder: Path, table: RunTable) -> bool:
        """Copies some rows of a file; returns whether these were the last."""
        path = folder / table.file_name
        with self._database.reading() as connection:
            known = select_file(connection, folder.name, table)
        if (file_fingerprint(path) or "") == known.fingerprint and known.run_id is not None:
            return True

        def read_parts() -> list[Any]:
            if known.run_id is None:
                return []
            with self._database.reading() as connection:
                return list(select_parts(connection, known.run_id, table))

        try:
            batch = read_batch(path, table, known.fingerprint, known.latest, read_parts)
        except FileNotFoundError:
            batch = Batch(kept=None, rows=[], parts=[], fingerprint="", is_last=True)
        with self._database.writing(is_durable=False) as connection:
            if select_file(connection, folder.name, table) != known:
                return False  # another process was faster
            run_id = known.run_id
            if run_id is None:
                run_id = _upsert(connection, folder.name, {"mark": "", "config": _read_config(folder)})
            apply_batch(connection, run_id, table, batch)
        return batch.is_last

    def episode_curve(self, name: str, max_points: int) -> dict[str, list[int | float]]:
        """Returns ``CURVE_COLUMNS`` over at most ``max_points`` groups of consecutive episodes of a run.

        Raises:
            HomeError: if the database cannot be read.
        """
        rows: list[tuple[Any, ...]] = []
        if self._database.exists:
            with self._database.reading() as connection:
                run_id, n_games = count_rows(connection, name, EPISODES)
                if run_id is not None and n_games:
                    rows = select_curve(connection, run_id, n_games, max_points)
        return {column: [row[place] for row in rows] for place, column in enumerate(CURVE_COLUMNS)}


def _upsert(connection: Connection, name: str, values: Mapping[str, Any]) -> int:
    """Writes a run's row; returns its id."""
    row = upsert(runs).values({**values, "name": name})
    row = row.on_conflict_do_update(index_elements=[runs.c.name], set_=dict(values))
    return int(connection.execute(row.returning(runs.c.id)).scalar_one())


def _fits(values: Mapping[str, Any]) -> bool:
    """Returns whether the columns can hold these values; a hand-written config may contain anything."""
    plain = [value for column, value in values.items() if column not in _JSON_COLUMNS]
    return all(
        -_INT64_END <= value < _INT64_END if isinstance(value, int) else value is None or isinstance(value, str | float)
        for value in plain
    )


def _read_config(folder: Path) -> Any:
    """Returns the content of ``config.json``, or None if it is unreadable."""
    try:
        return read_object(folder / _CONFIG)
    except (OSError, ValueError):
        return None
